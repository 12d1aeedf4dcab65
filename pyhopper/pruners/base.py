"""What a pruner is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any


class Pruner(ABC):
    """Decides whether an evaluation is given up.

    Subclass it and implement :meth:`should_prune`; a rule that learns from earlier candidates also
    implements :meth:`append` and, to survive in a checkpoint, the two methods for its state.

    Attributes
    ----------
    direction : str
        ``"max"`` or ``"min"``, set by the search before anything is asked.
    objective : str or None
        Of a search with several objectives the one whose estimates it judges; the rule has to say
        so, since giving up by one may lose candidates that are good in another.
    learned_from, blank : object
        Set by the search, so that nothing is learned twice, nor from another search.
    """

    direction: str = "max"

    objective: str | None = None

    learned_from: Any = None

    blank: Any = None

    def append(self, partial_results: list[float], was_pruned: bool) -> None:  # noqa: B027 - optional
        """Learn from an evaluation that has ended, with a value or pruned.

        Parameters
        ----------
        partial_results : list of float
            Its estimates in order; never empty.
        was_pruned : bool
            Whether it was given up.
        """

    def observe(self, partial_results: list[float], value: float) -> None:
        """Learn from an evaluation that has ended, and its value. Calls :meth:`append`.

        Parameters
        ----------
        partial_results : list of float
            Its estimates in order; never empty.
        value : float
            Its value; NaN if it was given up.
        """
        self.append(partial_results, math.isnan(value))

    @abstractmethod
    def should_prune(self, partial_results: list[float]) -> bool:
        """Whether to give up a running evaluation.

        Parameters
        ----------
        partial_results : list of float
            Its estimates so far in order; never empty.
        """

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should keep, made of dicts, lists, numbers and strings."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 - optional
        """Take back what :meth:`state_dict` gave."""

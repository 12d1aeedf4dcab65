"""A pruner that finds out by itself what estimates say of the final value."""

from __future__ import annotations

import math
from typing import Any

from pyhopper.history.endings import Endings
from pyhopper.pruners.base import Pruner

_CHANCE = 0.2
"""What has less than this share of a fresh candidate's chance to end best is given up, ..."""

_SPARED = 3.0
"""... unless it is among the best at its step: three of as many as a training has steps."""

_HONEST = 0.4
"""Once a training's steps are at most this share of those that pruned evaluations have taken since
one went on to its end, the next one does too, so that what is given up does not go unquestioned."""

_RECENT = 50
"""So many evaluations that ended last are what a fresh candidate is compared with."""


class AutoPruner(Pruner):
    """Gives up what is unlikely to end as the best, judged by the curves that have ended.

    At each step the final value is regressed on the estimate
    (:class:`pyhopper.history.endings.Endings`). An evaluation is given up if its chance to end
    better than the best value so far is, for the steps that it still needs, less than a fifth of
    that of a fresh candidate, and it is not among the best at its step. Where estimates say little
    of the final value, because curves cross or noise is large, all chances are alike and little is
    given up. The first eight evaluations always go on to their end, and now and then a later one.

    ``run(pruner="auto")`` uses it.

    Parameters
    ----------
    objective : str, optional
        Of several objectives the one whose estimates are judged.

    Examples
    --------
    >>> import pyhopper
    >>> def objective(params):
    ...     for epoch in range(1, 11):
    ...         yield params["lr"] * epoch
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    >>> _ = search.run(objective, "max", steps=20, pruner="auto", quiet=True)
    """

    def __init__(self, *, objective: str | None = None) -> None:
        self.objective = objective
        self._endings = Endings()
        self._recent: list[list[float]] = []
        self._best = math.inf
        self._ended = 0
        self._lost = 0
        self._fresh: float | None = None

    def append(self, partial_results: list[float], was_pruned: bool) -> None:
        """See :class:`Pruner`. The last estimate is taken for the value."""
        self.observe(partial_results, math.nan if was_pruned else partial_results[-1])

    def observe(self, partial_results: list[float], value: float) -> None:
        """See :class:`Pruner`."""
        losses = self._losses(partial_results)
        self._recent = [*self._recent, losses][-_RECENT:]
        self._fresh = None
        self._ended += 1
        if math.isnan(value):
            self._lost += len(losses)
            return
        self._lost = 0
        final = self._losses([value])[0]
        self._best = min(self._best, final)
        self._endings.add(losses, final)

    def should_prune(self, partial_results: list[float]) -> bool:
        """See :class:`Pruner`."""
        losses = self._losses(partial_results)
        length = self._endings.length
        if self._lost * _HONEST >= length:
            return False
        chance = self._chance(losses)
        if chance is None:
            return False
        if self._fresh is None:
            chances = [self._chance(each[:1]) or 0.0 for each in self._recent]
            # Of n things in no order the next one is the best with a probability of 1 / (n + 1).
            self._fresh = max(sum(chances) / len(chances), 1 / (self._ended + 1))
        left = max(length - len(losses), 1) / length
        return chance < _CHANCE * left * self._fresh and not self._is_spared(losses, length)

    def _losses(self, estimates: list[float]) -> list[float]:
        """Estimates with lower being better; what is no number is as bad as can be."""
        sign = -1.0 if self.direction == "max" else 1.0
        return [math.inf if math.isnan(each) else sign * each for each in estimates]

    def _chance(self, losses: list[float]) -> float | None:
        """The probability to end better than the best; None if too little is known."""
        line = self._endings.line(len(losses))
        return None if line is None else line.chance(losses[-1], self._best)

    def _is_spared(self, losses: list[float], length: int) -> bool:
        """Whether few of the recent evaluations were as good at this step."""
        step, last = len(losses), losses[-1]
        better = sum(len(each) >= step and each[step - 1] <= last for each in self._recent)
        return better < _SPARED / length * len(self._recent)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Pruner`."""
        return {
            "curves": [[list(estimates), final] for estimates, final in self._endings.curves],
            "recent": [list(losses) for losses in self._recent],
            "best": self._best,
            "ended": self._ended,
            "lost": self._lost,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Pruner`."""
        self._endings = Endings()
        for estimates, final in state["curves"]:
            self._endings.add(list(map(float, estimates)), float(final))
        self._recent = [list(map(float, losses)) for losses in state["recent"]]
        self._best, self._fresh = float(state["best"]), None
        self._ended, self._lost = int(state["ended"]), int(state["lost"])

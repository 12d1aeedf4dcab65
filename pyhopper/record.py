"""The evaluations of a search as its user reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pyhopper.events import Status
from pyhopper.history import Evaluation, State
from pyhopper.space import Space
from pyhopper.tables import to_pandas


class History:
    """The evaluations that ended with a value, in the order in which they ended.

    ``len(history)`` is their number, ``history[i]`` the i-th candidate as a dict, and
    ``history["lr"]`` the values of one parameter, nested ones by their dotted name.
    """

    def __init__(self, state: State, space: Callable[[], Space]) -> None:
        self._state = state
        self._space = space
        self._sorted: dict[Status, list[Evaluation]] = {status: [] for status in Status}
        self._first: Evaluation | None = None
        self._seen = 0

    @property
    def direction(self) -> str | None:
        """``"max"`` or ``"min"``; None before the first run."""
        maximize = self._state.maximize
        return None if maximize is None else "max" if maximize else "min"

    def _with(self, status: Status) -> list[Evaluation]:
        """The evaluations that ended in one way; only those since the last call are sorted in."""
        evaluations = self._state.evaluations
        first = evaluations[0] if evaluations else None
        if first is not self._first or len(evaluations) < self._seen:
            self._sorted = {status: [] for status in Status}
            self._first, self._seen = first, 0
        for evaluation in evaluations[self._seen :]:
            self._sorted[evaluation.status].append(evaluation)
        self._seen = len(evaluations)
        return self._sorted[status]

    def __len__(self) -> int:
        return len(self._with(Status.DONE))

    @overload
    def __getitem__(self, item: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, item: str) -> list[Any]: ...

    def __getitem__(self, item: int | str) -> Any:
        if isinstance(item, str):
            return self.get_marginal(item)
        return self._space().build(self._with(Status.DONE)[item].point)

    def get_marginal(self, name: str) -> list[Any]:
        """Values of one parameter in all evaluations with a value; None where it was inactive.

        Raises
        ------
        KeyError
            If the template has no such name.
        """
        return self._marginal(name, Status.DONE)

    def get_pruned_marginal(self, name: str) -> list[Any]:
        """Values of one parameter in all pruned evaluations."""
        return self._marginal(name, Status.PRUNED)

    def _marginal(self, name: str, status: Status) -> list[Any]:
        return self._space().values(name, [each.point for each in self._with(status)])

    @property
    def fs(self) -> NDArray[np.float64]:
        """The values, shape (n,)."""
        return np.array([each.value for each in self._with(Status.DONE)])

    @property
    def best_fs(self) -> NDArray[np.float64]:
        """The best value up to each evaluation, shape (n,).

        Of a noisy objective the last of them may be luck; :attr:`best_f` is then the mean over
        the re-evaluations of the best candidate.
        """
        best = np.maximum if self._state.maximize else np.minimum
        return np.asarray(best.accumulate(self.fs)) if len(self) else self.fs

    @property
    def best_f(self) -> float | None:
        """The best value, None if there is none."""
        return None if self._state.best is None else self._state.best.value

    @property
    def steps(self) -> NDArray[np.int64]:
        """Numbers of the evaluations: 0, 1, 2, ... of shape (n,)."""
        return np.arange(len(self))

    @property
    def seconds(self) -> NDArray[np.float64]:
        """When each evaluation ended, in seconds of the search's run time, shape (n,)."""
        return np.array([each.elapsed for each in self._with(Status.DONE)])

    @property
    def minutes(self) -> NDArray[np.float64]:
        """Like :attr:`seconds`, in minutes."""
        return self.seconds / 60

    @property
    def hours(self) -> NDArray[np.float64]:
        """Like :attr:`seconds`, in hours."""
        return self.seconds / 3600

    def to_pandas(self) -> Any:
        """All evaluations, also pruned and failed ones, as a table with one row for each.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, ``type``, ``status``, ``value``, the parameters by their dotted names,
            ``metrics.*``, ``sampled_at`` and ``finished_at`` (UTC), ``seconds``, ``elapsed``,
            ``slot``, ``estimates`` (their number), ``last_estimate``, ``reason``, and why it was
            tried: from how many proposals it was ``screened``, and the value that the model
            ``expected`` with its standard deviation ``expected_sd``. A parameter whose name is one
            of these gets ``params.`` in front.

        Raises
        ------
        ImportError
            Without the package pandas.
        """
        return to_pandas(self._state.evaluations, self._space())

    def clear(self) -> None:
        """Forget the evaluations; the best one, the counts and the known duplicates stay."""
        self._state.forget_evaluations()

"""The callback that collects evaluations in memory."""

from __future__ import annotations

from typing import Any

from pyhopper.callbacks.base import Callback
from pyhopper.errors import ArgumentError
from pyhopper.events import ParamInfo
from pyhopper.parameters.names import look_up


class History(Callback):
    """Collects the evaluations that have a value or are pruned, of the runs to which it is passed.

    ``search.history`` has the same and more. This callback is for a part of a search, for several
    searches together, or for a search with ``keep_history=False``. ``len(history)``, ``history[i]``
    (the i-th candidate) and ``history["lr"]`` (all values of a parameter) work as there. It is kept
    in memory only: after a resume it is empty, while ``search.history`` is complete.

    Examples
    --------
    >>> import pyhopper
    >>> history = pyhopper.callbacks.History()
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> _ = search.run(lambda p: p["layers"], "max", steps=3, callbacks=[history], quiet=True)
    >>> history.best_f
    3.0
    """

    def __init__(self) -> None:
        self._maximize = True
        self.clear()

    def clear(self) -> None:
        """Remove all evaluations."""
        self._candidates: list[dict[str, Any]] = []
        self._pruned: list[dict[str, Any]] = []
        self._fs: list[float] = []
        self._seconds: list[float] = []
        self._best: list[float] = []
        self._start: float | None = None

    def on_search_start(self, search: Any) -> None:
        """See :class:`Callback`."""
        self._maximize = search.history.direction != "min"

    def on_evaluate_start(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        if self._start is None:
            self._start = info.sampled_at

    def on_evaluate_end(self, candidate: dict[str, Any], f: float, info: ParamInfo) -> None:
        """See :class:`Callback`."""
        ended = info.sampled_at if info.finished_at is None else info.finished_at
        start = info.sampled_at if self._start is None else self._start
        best = max if self._maximize else min
        self._candidates.append(candidate)
        self._fs.append(f)
        self._seconds.append(ended - start)
        self._best.append(best(self._best[-1], f) if self._best else f)

    def on_evaluate_pruned(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._pruned.append(candidate)

    def __len__(self) -> int:
        return len(self._candidates)

    def __getitem__(self, item: int | slice | str) -> Any:
        if isinstance(item, str):
            return self.get_marginal(item)
        try:
            return self._candidates[item]
        except TypeError:
            problem = "must be a number, a slice, or the name of a parameter"
            raise ArgumentError("item", item, problem) from None

    def get_marginal(self, name: str) -> list[Any]:
        """The values of one parameter, by its dotted name; None for candidates that lack it."""
        return self._marginal(name, self._candidates)

    def get_pruned_marginal(self, name: str) -> list[Any]:
        """The values of one parameter in the pruned evaluations, by its dotted name."""
        return self._marginal(name, self._pruned)

    def _marginal(self, name: str, candidates: list[dict[str, Any]]) -> list[Any]:
        if not isinstance(name, str):
            raise ArgumentError("name", name, "must be the name of a parameter, as text")
        return [look_up(candidate, name.split(".")) for candidate in candidates]

    @property
    def fs(self) -> list[float]:
        """The values of the objective, in the order in which evaluations ended."""
        return list(self._fs)

    @property
    def best_fs(self) -> list[float]:
        """The best value so far, after each evaluation."""
        return list(self._best)

    @property
    def best_f(self) -> float | None:
        """The best value; None before the first one."""
        return self._best[-1] if self._best else None

    @property
    def steps(self) -> list[int]:
        """The numbers of the evaluations: 0, 1, 2, ..."""
        return list(range(len(self)))

    @property
    def seconds(self) -> list[float]:
        """When each evaluation ended, in seconds since the first one started."""
        return list(self._seconds)

    @property
    def minutes(self) -> list[float]:
        """Like :attr:`seconds`, in minutes."""
        return [each / 60 for each in self.seconds]

    @property
    def hours(self) -> list[float]:
        """Like :attr:`seconds`, in hours."""
        return [each / 3600 for each in self.seconds]

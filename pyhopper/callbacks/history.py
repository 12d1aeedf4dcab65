"""A record of evaluations that a script keeps for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyhopper.callbacks.base import Callback
from pyhopper.events import ParamInfo
from pyhopper.parameters.names import look_up

if TYPE_CHECKING:
    from pyhopper.search import Search


class History(Callback):
    """Records the evaluations with a value, and the pruned ones, of the runs it is given to.

    ``search.history`` has the same and more; this one can be used for some runs only, for several
    searches, or together with ``keep_history=False``. ``len(history)``, ``history[i]`` (the i-th
    candidate) and ``history["lr"]`` (all values of a parameter) work as there. It lives in memory
    only: after a resume it starts anew, while ``search.history`` is complete.
    """

    def __init__(self) -> None:
        self._maximize = True
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._candidates: list[dict[str, Any]] = []
        self._pruned: list[dict[str, Any]] = []
        self._fs: list[float] = []
        self._seconds: list[float] = []
        self._best: list[float] = []
        self._start: float | None = None

    def on_search_start(self, search: Search) -> None:
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
        return self.get_marginal(item) if isinstance(item, str) else self._candidates[item]

    def get_marginal(self, name: str) -> list[Any]:
        """Values of one parameter; of a nested one by its dotted name, None where it has none."""
        return [look_up(candidate, name.split(".")) for candidate in self._candidates]

    def get_pruned_marginal(self, name: str) -> list[Any]:
        """Values of one parameter in all pruned evaluations."""
        return [look_up(candidate, name.split(".")) for candidate in self._pruned]

    @property
    def fs(self) -> list[float]:
        """The values."""
        return list(self._fs)

    @property
    def best_fs(self) -> list[float]:
        """The best value up to each evaluation."""
        return list(self._best)

    @property
    def best_f(self) -> float | None:
        """The best value, None if there is none."""
        return self._best[-1] if self._best else None

    @property
    def steps(self) -> list[int]:
        """Numbers of the evaluations: 0, 1, 2, ..."""
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

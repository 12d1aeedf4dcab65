"""The front of a search as a user reads it, and picks from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from pyhopper.errors import ArgumentError, plural
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.front import Floats, Front, distances, knee
from pyhopper.history.state import State
from pyhopper.history.view import Record
from pyhopper.objectives import Objectives


class FrontEntry(Record):
    """One candidate of a front."""

    __slots__ = ("_objectives",)

    def __init__(self, evaluation: Evaluation, space: Any, objectives: Objectives) -> None:
        super().__init__(evaluation, space)
        self._objectives = objectives

    @property
    def evaluation(self) -> Evaluation:
        """It as the search keeps it."""
        return self._evaluation

    @property
    def values(self) -> dict[str, float]:
        """The number of each objective by its name; of a noisy one the mean, see the docs."""
        found = self._objectives.numbers(self._evaluation.value, self._evaluation.metrics)
        return dict(zip(self._objectives.directions, found, strict=True))

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {number:.6g}" for name, number in self.values.items())
        return f"<candidate {self.id}: {numbers}>"


class FrontView(Sequence[FrontEntry]):
    """The candidates that no other one beats in all objectives, as they are at this moment.

    They are sorted by the first objective, the best first. With a single objective there is one,
    the best; before the first result within the limits there is none.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(width=pyhopper.int(1, 100), seed=1)
    >>> def train(params):
    ...     return {"accuracy": 1 - 1 / params["width"], "latency_ms": params["width"] / 10}
    >>> _ = search.run(train, {"accuracy": "max", "latency_ms": "min"}, steps=100, quiet=True)
    >>> len(search.front)
    100
    >>> search.front.pick(accuracy=0.9).values
    {'accuracy': 0.9, 'latency_ms': 1.0}
    """

    def __init__(self, state: State, space: Any) -> None:
        self._objectives = state.objectives
        self._space = space
        self._losses: Floats
        if isinstance(state.leaders, Front):
            members = [each.judged(state.objectives) for each in state.leaders.entries]
            self._losses = state.leaders.losses
        else:
            members = [] if state.best is None else [state.best]
            rows = [state.objectives.losses(each.value, each.metrics) for each in members]
            self._losses = np.array(rows, dtype=np.float64).reshape(len(rows), 1)
        self._entries = [FrontEntry(each, space, state.objectives) for each in members]

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, item: int) -> FrontEntry: ...

    @overload
    def __getitem__(self, item: slice) -> list[FrontEntry]: ...

    def __getitem__(self, item: int | slice) -> FrontEntry | list[FrontEntry]:
        return self._entries[item]

    def __iter__(self) -> Iterator[FrontEntry]:
        return iter(self._entries)

    @property
    def directions(self) -> dict[str, str]:
        """``"max"`` or ``"min"`` by the name of each objective."""
        return self._objectives.directions

    def pick(
        self,
        targets: Mapping[str, float] | None = None,
        *,
        weights: Mapping[str, float] | None = None,
        **named: float,
    ) -> FrontEntry:
        """Choose one candidate: by what it has to reach, by weights, or by neither.

        Parameters
        ----------
        targets : dict, optional
            How good it must be at least in some objectives, by their names.
        weights : dict, optional
            How much objectives count, at least 0; 1 for those that are not named.
        **named : float
            Further targets: ``pick(accuracy=0.9)``.

        Returns
        -------
        FrontEntry
            Of those that reach all targets the one that is nearest to the best of each objective,
            after all of the front was scaled to [0, 1]. Objectives with a target do not count for
            that, unless all have one. Without targets and weights this is the compromise that
            ``run`` returns.

        Raises
        ------
        ArgumentError
            If there is no such candidate, or no objective of a name.
        """
        for argument, given in (("targets", targets), ("weights", weights)):
            if not isinstance(given, Mapping | None):
                name = next(iter(self.directions))
                problem = f"must be a dict of numbers by objective, such as {{{name!r}: 2}}"
                raise ArgumentError(argument, given, problem)
        wanted = {**(targets or {}), **named}
        counted = self._counted(wanted, weights or {})
        if not self._entries:
            raise ArgumentError("front", 0, "there is no candidate within the limits yet")
        reached = [index for index, each in enumerate(self._entries) if self._reaches(each, wanted)]
        if not reached:
            listed = ", ".join(f"{name} {target:g}" for name, target in wanted.items())
            ends = ", ".join(
                f"{name} {self._best_of(name):.6g}" for name in wanted if name in self.directions
            )
            problem = f"no candidate reaches {listed}; alone, the best is {ends}"
            raise ArgumentError("targets", wanted, problem)
        far = distances(self._losses, counted)[reached]
        return self._entries[reached[int(np.argmin(far))]]

    def _counted(self, wanted: Mapping[str, Any], weights: Mapping[str, Any]) -> Floats:
        """How much each objective counts."""
        for argument, given in (("targets", wanted), ("weights", weights)):
            least = "a number" if argument == "targets" else "a number, at least 0"
            for name, number in given.items():
                if name not in self.directions:
                    listed = ", ".join(self.directions)
                    raise ArgumentError(argument, name, f"is no objective; the search has {listed}")
                sound = isinstance(number, int | float | np.number) and not math.isnan(number)
                if not sound or (argument == "weights" and number < 0):
                    raise ArgumentError(f"{argument}[{name!r}]", number, f"must be {least}")
        free = [name for name in self.directions if name not in wanted] or list(self.directions)
        return np.array([weights.get(n, 1.0) if n in free else 0.0 for n in self.directions])

    def _reaches(self, each: FrontEntry, wanted: Mapping[str, float]) -> bool:
        values = each.values
        return all(
            values[name] >= target if self.directions[name] == "max" else values[name] <= target
            for name, target in wanted.items()
        )

    def _best_of(self, name: str) -> float:
        found = [each.values[name] for each in self._entries]
        return max(found) if self.directions[name] == "max" else min(found)

    @property
    def best(self) -> FrontEntry | None:
        """The compromise: nearest to the best of each objective. None if the front is empty."""
        return self._entries[knee(self._losses)] if self._entries else None

    def __repr__(self) -> str:
        count = len(self)
        words = ", ".join(f"{word} {name}" for name, word in self.directions.items())
        lines = [f"<Front of {plural(count, 'candidate')} ({words})>"]
        lines += [f"  {each!r}" for each in self._entries[:20]]
        return "\n".join([*lines, *([f"  and {count - 20} more"] if count > 20 else [])])

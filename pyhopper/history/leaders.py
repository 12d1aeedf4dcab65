"""The leading few candidates of a noisy objective, evaluated again before one is declared best.

The best of many noisy values is partly luck. Where the noise is known, because the repeats of
``wrap_n_times`` scatter or because the same candidate came out differently, the last fifth of the
budget goes to further evaluations of the leaders, each time of the one with the fewest, and their
means decide. The value that made a candidate a leader is left out of its mean: it was picked for
its luck. A deterministic objective is never noticed as noisy, and nothing changes.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from pyhopper.events import CandidateType
from pyhopper.history.evaluation import Evaluation
from pyhopper.noise import REPEAT_STD, REPEATS

LEADERS = 3
"""So many share the evaluations before the end."""

_KEPT = 16
"""More are kept, since some of the first drop back when they are evaluated again."""

_DOUBT = 3.0
"""Values that differ by more than so many standard deviations are told apart without checking."""

CHECK_FROM = 0.8
"""Share of the budget after which leaders are evaluated again."""


@dataclass
class Leader:
    """A candidate that is among the best, and all its values.

    Attributes
    ----------
    key : hashable
        What tells it from others.
    evaluation : Evaluation
        Its first evaluation.
    values : list of float
        All values it had.
    tries : int
        How many evaluations of it have started, however they ended.
    mean : float
        The mean of its values after the first, if there are any.
    """

    key: Hashable
    evaluation: Evaluation
    values: list[float]
    tries: int = 1
    mean: float = field(init=False)

    def __post_init__(self) -> None:
        self.mean = self.values[0]

    def add(self, value: float) -> None:
        """Take another value in."""
        self.values.append(value)
        self.mean = _mean(self.values[1:])


@dataclass
class Leaders:
    """The best candidates so far, best first, and what is known of the noise."""

    entries: list[Leader] = field(default_factory=list)
    _by_key: dict[Hashable, Leader] = field(default_factory=dict)
    _squares: float = 0.0
    _freedom: int = 0

    @property
    def noise(self) -> float:
        """Standard deviation of the value of one candidate; 0 if no noise is known."""
        return math.sqrt(self._squares / self._freedom) if self._freedom else 0.0

    def find(self, key: Hashable) -> Leader | None:
        """The leader with this key."""
        return self._by_key.get(key)

    def holds(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation has to stay whole, for it may be shown: only the best has to."""
        return False

    def take(
        self,
        key: Hashable,
        evaluation: Evaluation,
        best: Evaluation | None,
        maximize: bool,
        complete: bool = True,
    ) -> tuple[Evaluation | None, bool]:
        """Take an evaluation with a value in.

        Parameters
        ----------
        key : hashable
            What tells the candidate from others.
        evaluation : Evaluation
            With a value.
        best : Evaluation or None
            The best one so far.
        maximize : bool
            The direction.
        complete : bool
            Whether it could be evaluated again.

        Returns
        -------
        Evaluation or None, bool
            The best one now, and whether that is better than the one before.
        """
        if complete:
            self.add(key, evaluation, maximize)
        else:
            self.add_scatter(evaluation.metrics)
        if evaluation.type is CandidateType.REEVALUATION:
            return self._compare_means(best, maximize)
        if best is None or _beats(evaluation.value, best.value, maximize):
            return evaluation, True
        return best, False

    def _compare_means(
        self, best: Evaluation | None, maximize: bool
    ) -> tuple[Evaluation | None, bool]:
        """After a re-evaluation, the leader with the best mean of its values is the best."""
        checked = self.checked()
        if checked is None:
            return best, False
        same = best is not None and best.point is checked.evaluation.point
        found = best
        if best is None or not same or best.value != checked.mean:
            found = checked.evaluation._replace(value=checked.mean)
        return found, best is None or not same or _beats(checked.mean, best.value, maximize)

    def add(self, key: Hashable, evaluation: Evaluation, maximize: bool) -> None:
        """Take a value in.

        Parameters
        ----------
        key : hashable
            What tells the candidate from others.
        evaluation : Evaluation
            With a value.
        maximize : bool
            The direction.
        """
        self.add_scatter(evaluation.metrics)
        sign = -1 if maximize else 1
        leader = self.find(key)
        if leader is None:
            full = len(self.entries) == _KEPT
            if full and sign * evaluation.value >= sign * self.entries[-1].mean:
                return
            leader = self._by_key[key] = Leader(key, evaluation, [evaluation.value])
            insort(self.entries, leader, key=lambda each: sign * each.mean)
            if full:
                del self._by_key[self.entries.pop().key]
        else:
            count = len(leader.values)
            deviation = evaluation.value - _mean(leader.values)
            leader.add(evaluation.value)
            self._squares += deviation * deviation * count / (count + 1)
            self._freedom += 1
            self.entries.sort(key=lambda each: sign * each.mean)

    def add_scatter(self, metrics: dict[str, Any] | None) -> None:
        """Take in how much the repeats of one evaluation differ, if that is known."""
        if not metrics or REPEAT_STD not in metrics or REPEATS not in metrics:
            return
        repeats, std = metrics[REPEATS], metrics[REPEAT_STD]
        known = isinstance(repeats, int) and isinstance(std, float)
        if known and repeats > 1 and std > 0:
            self._squares += std * std / repeats * (repeats - 1)
            self._freedom += repeats - 1

    def next_to_check(self) -> Leader | None:
        """Who should be evaluated again; None if the noise leaves no doubt who is best."""
        noise = self.noise
        if noise == 0.0 or not self.entries:
            return None
        best = self.entries[0].mean
        close = [e for e in self.entries[:LEADERS] if abs(e.mean - best) <= _DOUBT * noise]
        return min(close, key=lambda each: each.tries) if len(close) > 1 else None

    def checked(self) -> Leader | None:
        """The best of those that were evaluated more than once."""
        return next((each for each in self.entries if len(each.values) > 1), None)


def _beats(value: float, than: float, maximize: bool) -> bool:
    return value > than if maximize else value < than


def _mean(values: list[float]) -> float:
    """The mean; without rounding where all values are the same."""
    if all(value == values[0] for value in values):
        return values[0]
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # of the sum alone
        return math.fsum(value / len(values) for value in values)

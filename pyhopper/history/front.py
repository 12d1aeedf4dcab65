"""The front of a search with several objectives: the candidates that no other one beats in all.

Where one objective has leaders (:mod:`pyhopper.history.leaders`), several have a front, which does
the same for the search: it knows who is best, how noisy results are, and who should be evaluated
once more. The best of a front is its knee: the candidate nearest to the ideal point, which has the
best number of each objective, after the front was scaled to [0, 1] in each of them.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyhopper.events import CandidateType
from pyhopper.history.evaluation import Evaluation
from pyhopper.noise import REPEAT_STD, REPEATS
from pyhopper.objectives import Objectives

Floats = NDArray[np.float64]

_KEPT = 256
"""So many candidates that are not on the front are remembered, in case that noise misled."""


@dataclass
class Member:
    """A candidate and all its results.

    Attributes
    ----------
    key : hashable
        What tells it from others.
    evaluation : Evaluation
        Its first evaluation.
    results : list of tuple
        The losses of all its evaluations, lower is better.
    tries : int
        How many evaluations of it have started, however they ended.
    """

    key: Hashable
    evaluation: Evaluation
    results: list[tuple[float, ...]]
    tries: int = 1

    @property
    def losses(self) -> tuple[float, ...]:
        """The means of its results; the first, which was picked for its luck, does not count."""
        counted = self.results[1:] or self.results
        if len(counted) == 1:
            return counted[0]
        return tuple(math.fsum(column) / len(column) for column in zip(*counted, strict=True))

    def judged(self, objectives: Objectives) -> Evaluation:
        """Its evaluation with the numbers by which it is judged."""
        if len(self.results) == 1:
            return self.evaluation
        pairs = zip(objectives.maximize, self.losses, strict=True)
        found = [-loss if maximize else loss for maximize, loss in pairs]
        named = dict(zip(objectives.names, found, strict=True))
        metrics = {**(self.evaluation.metrics or {}), **named}
        return self.evaluation._replace(value=found[0], metrics=metrics)


class Front:
    """The candidates that no other one beats in all objectives, and what is known of the noise.

    Parameters
    ----------
    objectives : Objectives
        At least two.

    Attributes
    ----------
    entries : list of Member
        The front, sorted by the first objective, the best first.
    dropped : list of Evaluation
        Who has left the front since the last call of :meth:`take`.
    """

    def __init__(self, objectives: Objectives) -> None:
        self.objectives = objectives
        self.entries: list[Member] = []
        self.dropped: list[Evaluation] = []
        self._rows: Floats | None = None
        self._others: dict[Hashable, Member] = {}
        self._squares = [0.0] * len(objectives.names)
        self._freedom = 0

    @property
    def noises(self) -> tuple[float, ...]:
        """The standard deviation of each objective of one candidate; zeros if none is known."""
        return tuple(
            math.sqrt(squares / self._freedom) if self._freedom else 0.0
            for squares in self._squares
        )

    @property
    def noise(self) -> float:
        """That of the noisiest objective; 0 if no noise is known."""
        return max(self.noises)

    @property
    def losses(self) -> Floats:
        """What the members lose, lower is better: one row each."""
        if self._rows is None:
            rows = [member.losses for member in self.entries]
            shape = len(rows), len(self.objectives.names)
            self._rows = np.array(rows, dtype=np.float64).reshape(shape)
        return self._rows

    def parents(self, few: int) -> list[Member]:
        """The front; if it has but a few members, with all others that are remembered."""
        if len(self.entries) >= few:
            return self.entries
        return [*self.entries, *self._others.values()]

    def find(self, key: Hashable) -> Member | None:
        """The candidate with this key, if it is remembered."""
        found = next((each for each in self.entries if each.key == key), None)
        return found or self._others.get(key)

    def holds(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation is that of a member."""
        return any(each.evaluation is evaluation for each in self.entries)

    def take(
        self,
        key: Hashable,
        evaluation: Evaluation,
        best: Evaluation | None,
        maximize: bool,
        complete: bool = True,
    ) -> tuple[Evaluation | None, bool]:
        """Take an evaluation in; see :meth:`pyhopper.history.leaders.Leaders.take`.

        Returns
        -------
        Evaluation or None, bool
            The knee of the front, and whether the front has a new member.
        """
        losses = self.objectives.losses(evaluation.value, evaluation.metrics)
        if not all(map(math.isfinite, losses)):
            return best, False
        self._add_scatter(evaluation)
        before = self.entries
        if evaluation.type is CandidateType.REEVALUATION:
            self._take_again(key, losses)
        else:
            self._place(Member(key, evaluation, [losses]))
        if self.entries is before:
            return best, False
        self.dropped = [m.evaluation for m in before if not self.holds(m.evaluation)]
        self.entries.sort(key=lambda member: member.losses)
        self._rows = None
        found = self.entries[knee(self.losses)].judged(self.objectives)
        same = best is not None and found.point is best.point and found.value == best.value
        is_new = evaluation.type is not CandidateType.REEVALUATION
        return (best if same else found), is_new

    def _place(self, member: Member) -> None:
        """Put a candidate on the front, if no other one is as good in all objectives."""
        losses, front = np.array(member.losses), self.losses
        if bool((front <= losses).all(axis=1).any()):
            self._remember([member])
            return
        beaten: list[bool] = np.all(front >= losses, axis=1).tolist()
        pairs = list(zip(self.entries, beaten, strict=True))
        self._remember(each for each, is_beaten in pairs if is_beaten)
        self.entries = [*(each for each, is_beaten in pairs if not is_beaten), member]
        self._rows = None

    def _take_again(self, key: Hashable, losses: tuple[float, ...]) -> None:
        """Take another result of a candidate in: others may be back on the front."""
        member = self.find(key)
        if member is None:
            return
        count = len(member.results)
        for index, column in enumerate(zip(*member.results, strict=True)):
            deviation = losses[index] - math.fsum(column) / count
            self._squares[index] += deviation * deviation * count / (count + 1)
        self._freedom += 1
        member.results.append(losses)
        everyone = [*self.entries, *self._others.values()]
        self.entries, self._others, self._rows = [], {}, None
        for each in everyone:
            self._place(each)

    def _remember(self, members: Iterable[Member]) -> None:
        for member in members:
            self._others[member.key] = member
            if len(self._others) > _KEPT:
                del self._others[next(iter(self._others))]

    def _add_scatter(self, evaluation: Evaluation) -> None:
        """Take in how much the repeats of one evaluation differ, if that is known."""
        metrics = evaluation.metrics or {}
        repeats = metrics.get(REPEATS)
        if not isinstance(repeats, int) or repeats < 2:
            return
        for index, name in enumerate(self.objectives.names):
            std = metrics.get(f"{REPEAT_STD}.{name}" if index else REPEAT_STD)
            if isinstance(std, float) and math.isfinite(std):
                self._squares[index] += std * std / repeats * (repeats - 1)
        self._freedom += repeats - 1

    def next_to_check(self) -> Member | None:
        """Who should be evaluated again: of a noisy front, who was evaluated least.

        Of several such members the one nearest to the ideal point comes first.
        """
        if self.noise == 0.0 or len(self.entries) < 2:
            return None
        order: list[int] = np.argsort(distances(self.losses), kind="stable").tolist()
        nearest = [self.entries[index] for index in order]
        return min(nearest, key=lambda each: each.tries)


def scaled(losses: Floats) -> Floats:
    """Losses of a front, scaled to [0, 1] in each objective; 0 where all are the same."""
    # In halves, so that the difference of two huge numbers stays finite.
    low, high = 0.5 * losses.min(axis=0), 0.5 * losses.max(axis=0)
    return np.asarray((0.5 * losses - low) / np.where(high > low, high - low, 1.0))


def distances(losses: Floats, weights: Floats | None = None) -> Floats:
    """How far each member of a front is from the ideal point, after scaling."""
    weight = np.ones(losses.shape[1]) if weights is None else weights
    return np.asarray(np.sqrt(np.square(scaled(losses) * weight).sum(axis=1)))


def knee(losses: Floats, weights: Floats | None = None) -> int:
    """Which member of a front is nearest to the ideal point after scaling; of equals the first."""
    return int(np.argmin(distances(losses, weights)))


def hypervolume(losses: Floats, reference: Floats) -> float:
    """The volume that a front dominates up to a reference point.

    By slices along the last objective (Knowles 2002), which is quick for up to a hundred members
    of two or three objectives.

    Parameters
    ----------
    losses : float array
        Shape (members, objectives), lower is better.
    reference : float array
        The worst numbers that count.
    """
    inner = losses[(losses < reference).all(axis=1)]
    if not len(inner):
        return 0.0
    if inner.shape[1] == 1:
        return float(reference[0] - inner.min())
    inner = inner[np.argsort(inner[:, -1], kind="stable")]
    ends = [*inner[1:, -1].tolist(), float(reference[-1])]
    total = 0.0
    for index, (start, end) in enumerate(zip(inner[:, -1].tolist(), ends, strict=True)):
        if end > start:
            total += (end - start) * hypervolume(inner[: index + 1, :-1], reference[:-1])
    return total


def nondominated(losses: Floats) -> NDArray[np.bool_]:
    """Which rows no other row beats; of equal rows the first counts.

    Parameters
    ----------
    losses : float array
        Shape (rows, objectives), lower is better.
    """
    # A row can only be beaten by one before it in this order.
    order = np.lexsort(losses.T[::-1])
    front: list[int] = []
    for index in order:
        row = losses[index]
        if not front or not bool((losses[front] <= row).all(axis=1).any()):
            front.append(int(index))
    result = np.zeros(len(losses), dtype=np.bool_)
    result[front] = True
    return result

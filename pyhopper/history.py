"""What a search knows: the evaluations so far and the state that follows from them.

:func:`observe` is the only place where the state changes; a live run and a resumed one are the same
fold of it over events.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError
from pyhopper.events import Candidate, CandidateType, Event, Outcome, Reported, Screening, Status
from pyhopper.parameters import Point
from pyhopper.space import Space


class Evaluation(NamedTuple):
    """A candidate that has ended, however it did.

    Attributes
    ----------
    id : int
        The candidate's number.
    type : CandidateType
        Where it came from.
    point : tuple
        Its values in the order of the space.
    status : Status
        How it ended.
    value : float
        Its value; NaN unless ``status`` is DONE.
    sampled_at, finished_at : float
        Seconds since the epoch.
    seconds : float
        How long it took.
    elapsed : float
        Seconds that the search had run when it ended.
    metrics : dict or None
        What the objective returned beside the value.
    estimates : tuple of float
        Values on the way.
    reason : str
        Why it failed or was cancelled, in one line.
    slot : str
        Where it ran.
    screening : Screening or None
        Why it was tried; None if no model was asked.
    """

    id: int
    type: CandidateType
    point: Point
    status: Status
    value: float
    sampled_at: float
    finished_at: float
    seconds: float
    elapsed: float
    metrics: dict[str, Any] | None = None
    estimates: tuple[float, ...] = ()
    reason: str = ""
    slot: str = ""
    screening: Screening | None = None


class Started(NamedTuple):
    """A candidate is about to run.

    Attributes
    ----------
    candidate : Candidate
        Which one.
    redrawn : int
        How many duplicates were thrown away before it.
    key : object
        The key of its point, if that is known already.
    """

    candidate: Candidate
    redrawn: int = 0
    key: Any = None


class Known(NamedTuple):
    """A result that was known before the search."""

    candidate: Candidate
    outcome: Outcome


class Running(NamedTuple):
    """A candidate that has started, when, and its estimates so far."""

    candidate: Candidate
    since: Stamp
    estimates: list[float]


@dataclass
class Tally:
    """Counts of one candidate type: how many ended in which way, how long, and the best value."""

    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    seconds: float = 0.0
    best: float = math.nan

    @property
    def evaluated(self) -> int:
        """Evaluations that came to an end of their own."""
        return sum(self.counts.values()) - self.counts[Status.CANCELLED]


@dataclass
class State:
    """Everything that decides what a search does next.

    Attributes
    ----------
    maximize : bool or None
        The direction; None before the first run.
    evaluations : list of Evaluation
        All that ended; empty if the history is not kept.
    best : Evaluation or None
        The best one with a value.
    running : dict
        Started and not ended, by candidate id.
    seen : set
        Keys of all candidates, to find duplicates.
    tallies : dict
        Counts by candidate type.
    duplicates : int
        How many duplicates were thrown away.
    started, ended : int
        How many candidates have started (their ids count up to here) and ended.
    elapsed : float
        Seconds that the search has run.
    first_failure : tuple or None
        The first failed candidate and what became of it.
    """

    key: Callable[[Point], Any]
    maximize: bool | None = None
    keep_history: bool = True
    evaluations: list[Evaluation] = field(default_factory=list)
    best: Evaluation | None = None
    running: dict[int, Running] = field(default_factory=dict)
    seen: set[Any] = field(default_factory=set)
    tallies: dict[CandidateType, Tally] = field(
        default_factory=lambda: {kind: Tally() for kind in CandidateType}
    )
    duplicates: int = 0
    started: int = 0
    ended: int = 0
    elapsed: float = 0.0
    first_failure: tuple[Candidate, Outcome] | None = None

    def count(self, status: Status) -> int:
        """Evaluations of all types that ended in this way."""
        return sum(tally.counts[status] for tally in self.tallies.values())

    def better(self, value: float, than: float) -> bool:
        """Whether a value beats another; every number beats NaN."""
        if math.isnan(than):
            return not math.isnan(value)
        return value > than if self.maximize else value < than

    def aim(self, maximize: bool) -> None:
        """Set the direction, in which results that are already there are compared.

        Raises
        ------
        ArgumentError
            If the search has run in the other direction.
        """
        if self.maximize is maximize:
            return
        if self.maximize is not None and self.ended:
            before = "maximize" if self.maximize else "minimize"
            asked = "maximize" if maximize else "minimize"
            problem = f"this search has results for {before}; make a new Search"
            raise ArgumentError("direction", asked, problem)
        self.maximize = maximize
        for evaluation in self.evaluations:
            self._rank(evaluation)

    def _rank(self, evaluation: Evaluation) -> bool:
        """Note an evaluation as the best one if it is."""
        if evaluation.status is not Status.DONE or self.maximize is None:
            return False
        tally = self.tallies[evaluation.type]
        if self.better(evaluation.value, tally.best):
            tally.best = evaluation.value
        if self.best is None or self.better(evaluation.value, self.best.value):
            self.best = evaluation
            return True
        return False

    def add(self, evaluation: Evaluation) -> bool:
        """Take an evaluation in; True if it is the new best."""
        tally = self.tallies[evaluation.type]
        tally.counts[evaluation.status] += 1
        tally.seconds += evaluation.seconds
        if self.keep_history:
            self.evaluations.append(evaluation)
        return self._rank(evaluation)


def observe(state: State, event: Started | Known | Event, now: Stamp) -> Evaluation | None:
    """Take an event into the state.

    Parameters
    ----------
    state : State
        Is changed.
    event : Started, Known, Reported, Finished, Failed or Cancelled
        What happened.
    now : Stamp
        When it happened.

    Returns
    -------
    Evaluation or None
        The evaluation that ended with this event.
    """
    state.elapsed = now.elapsed
    if isinstance(event, Started):
        candidate = event.candidate
        state.started = candidate.id + 1
        state.duplicates += event.redrawn
        state.seen.add(state.key(candidate.point) if event.key is None else event.key)
        state.running[candidate.id] = Running(candidate, now, [])
        return None
    if isinstance(event, Known):
        state.seen.add(state.key(event.candidate.point))
        evaluation = _evaluation(event.candidate, event.outcome, now, now, "")
        state.add(evaluation)
        return evaluation
    if isinstance(event, Reported):
        state.running[event.job_id].estimates.append(event.estimate)
        return None
    running = state.running.pop(event.job_id)
    evaluation = _evaluation(running.candidate, event.outcome, running.since, now, event.slot)
    if evaluation.status is Status.CANCELLED:
        # It was never evaluated, so it may be drawn again.
        state.seen.discard(state.key(evaluation.point))
    else:
        state.ended += 1
    if evaluation.status is Status.FAILED and state.first_failure is None:
        state.first_failure = running.candidate, event.outcome
    state.add(evaluation)
    return evaluation


def _evaluation(
    candidate: Candidate, outcome: Outcome, since: Stamp, now: Stamp, slot: str
) -> Evaluation:
    return Evaluation(
        candidate.id,
        candidate.type,
        candidate.point,
        outcome.status,
        outcome.value,
        since.time,
        now.time,
        now.elapsed - since.elapsed,
        now.elapsed,
        outcome.metrics,
        outcome.estimates,
        outcome.reason,
        slot,
        candidate.screening,
    )


class History:
    """The evaluations that ended with a value, in the order in which they ended.

    ``len(history)`` is their number, ``history[i]`` the i-th candidate as a dict, and
    ``history["lr"]`` the values of one parameter, nested ones by their dotted name.
    """

    def __init__(self, state: State, space: Callable[[], Space]) -> None:
        self._state = state
        self._space = space

    def _with(self, status: Status) -> list[Evaluation]:
        return [each for each in self._state.evaluations if each.status is status]

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
        """The best value up to each evaluation, shape (n,)."""
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

    def clear(self) -> None:
        """Forget the evaluations; the best one, the counts and the known duplicates stay."""
        self._state.evaluations.clear()

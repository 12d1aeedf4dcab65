"""What a search knows: the evaluations so far and the state that follows from them.

:func:`observe` is the only place where the state changes; a live run and a resumed one are the same
fold of it over events.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError
from pyhopper.events import Candidate, CandidateType, Event, Outcome, Reported, Status
from pyhopper.leaders import Leaders
from pyhopper.parameters import Point

_REMEMBERED = 2**15
"""So many candidates are known as duplicates if the history is not kept."""


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

    @property
    def partial(self) -> tuple[int, float] | None:
        """How far a pruned evaluation came and its last estimate there, to learn from."""
        if self.status is not Status.PRUNED or not self.estimates:
            return None
        return len(self.estimates), self.estimates[-1]


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
    """A candidate that has started, when, its estimates so far, and the key of its point."""

    candidate: Candidate
    since: Stamp
    estimates: list[float]
    key: Any


@dataclass
class Tally:
    """Counts of one candidate type: how many ended in which way, how long, and the best value."""

    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    times: dict[Status, float] = field(default_factory=lambda: dict.fromkeys(Status, 0.0))
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
    seen : dict
        Keys of all candidates in order, to find duplicates; of the last 32,768 if the history is
        not kept, so that an endless search does not grow.
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
    leaders : Leaders
        The best few candidates with all their values, and the noise.
    """

    key: Callable[[Point], Any]
    maximize: bool | None = None
    keep_history: bool = True
    evaluations: list[Evaluation] = field(default_factory=list)
    best: Evaluation | None = None
    running: dict[int, Running] = field(default_factory=dict)
    seen: dict[Any, None] = field(default_factory=dict)
    tallies: dict[CandidateType, Tally] = field(
        default_factory=lambda: {kind: Tally() for kind in CandidateType}
    )
    duplicates: int = 0
    started: int = 0
    ended: int = 0
    elapsed: float = 0.0
    first_failure: tuple[Candidate, Outcome] | None = None
    leaders: Leaders = field(default_factory=Leaders)

    def count(self, status: Status) -> int:
        """Evaluations of all types that ended in this way."""
        return sum(tally.counts[status] for tally in self.tallies.values())

    def remember(self, key: Any) -> None:
        """Note that a candidate need not be evaluated again."""
        self.seen[key] = None
        if not self.keep_history and len(self.seen) > _REMEMBERED:
            del self.seen[next(iter(self.seen))]

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
        self.leaders = Leaders()
        for evaluation in self.evaluations:
            self._rank(evaluation, self.key(evaluation.point))

    def _rank(self, evaluation: Evaluation, key: Any) -> bool:
        """Note an evaluation as the best one if it is."""
        if evaluation.status is not Status.DONE or self.maximize is None:
            return False
        tally = self.tallies[evaluation.type]
        if self.better(evaluation.value, tally.best):
            tally.best = evaluation.value
        self.leaders.note(key, evaluation, self.maximize)
        if evaluation.type is CandidateType.REEVALUATION:
            return self._settle()
        if self.best is None or self.better(evaluation.value, self.best.value):
            self.best = evaluation
            return True
        return False

    def _settle(self) -> bool:
        """After a re-evaluation, the best mean of several values decides."""
        checked = self.leaders.checked()
        if checked is None:
            return False
        self.best = checked.evaluation._replace(value=checked.mean)
        return True

    def add(self, evaluation: Evaluation, key: Any) -> bool:
        """Take an evaluation in; True if it is the new best."""
        tally = self.tallies[evaluation.type]
        tally.counts[evaluation.status] += 1
        tally.seconds += evaluation.seconds
        tally.times[evaluation.status] += evaluation.seconds
        if self.keep_history:
            self.evaluations.append(evaluation)
        return self._rank(evaluation, key)


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
        key = state.key(candidate.point) if event.key is None else event.key
        state.remember(key)
        if candidate.type is CandidateType.REEVALUATION and (leader := state.leaders.find(key)):
            leader.tries += 1
        state.running[candidate.id] = Running(candidate, now, [], key)
        return None
    if isinstance(event, Known):
        key = state.key(event.candidate.point)
        state.remember(key)
        evaluation = _evaluation(event.candidate, event.outcome, now, now, "")
        state.add(evaluation, key)
        return evaluation
    if isinstance(event, Reported):
        state.running[event.job_id].estimates.append(event.estimate)
        return None
    running = state.running.pop(event.job_id)
    evaluation = _evaluation(running.candidate, event.outcome, running.since, now, event.slot)
    if evaluation.status is Status.CANCELLED:
        # It was never evaluated, so it may be drawn again.
        if evaluation.type is not CandidateType.REEVALUATION:
            state.seen.pop(running.key, None)
    else:
        state.ended += 1
    if evaluation.status is Status.FAILED and state.first_failure is None:
        state.first_failure = running.candidate, event.outcome
    state.add(evaluation, running.key)
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
    )

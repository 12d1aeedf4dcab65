"""The state of a search: everything that decides what it does next.

:func:`observe` is the only function that changes a state, and it does so for one event at a time. A
live run and a resumed one call it with the same events and so arrive at the same state.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError
from pyhopper.events import (
    Began,
    Candidate,
    CandidateType,
    Dropped,
    Ended,
    Event,
    Forgotten,
    Known,
    Outcome,
    Queued,
    Reported,
    Restarted,
    SpaceChanged,
    Started,
    Status,
    Tally,
    Totals,
    Unimproved,
    Used,
)
from pyhopper.history.evaluation import Evaluation, Misfit, ended
from pyhopper.history.front import Front
from pyhopper.history.leaders import Leaders
from pyhopper.objectives import Objectives
from pyhopper.parameters import INACTIVE, Omitted, Partial, Point

_REMEMBERED = 2**15
"""Number of candidates in which duplicates are looked for if the history is not kept."""


class Running(NamedTuple):
    """A candidate that has started and not ended.

    Attributes
    ----------
    candidate : Candidate
        What is evaluated.
    since : Stamp
        When it started.
    estimates : list of float
        What it has reported so far.
    holder : str
        The process that evaluates it; empty for the process of the search.
    key : object
        Identifies its point.
    """

    candidate: Candidate
    since: Stamp
    estimates: list[float]
    holder: str
    key: Any


@dataclass
class State:
    """Everything that decides what a search does next.

    Attributes
    ----------
    key : callable
        ``key(point)`` is hashable, and equal for equal points.
    trim : callable
        ``trim(point)`` is the point without its large arrays, or the same object if it has none.
    maximize : bool or None
        The direction, of several objectives that of the first; None before the first run.
    objectives : Objectives
        What is looked for, as far as that is known.
    keep_history : bool
        Whether evaluations other than the best are kept.
    evaluations : list of Evaluation
        All that ended; empty if the history is not kept.
    best : Evaluation or None
        The best one with a value; of several objectives the compromise of the front.
    nearest : Evaluation or None
        Of those outside of the limits the one that is least outside.
    running : dict
        Candidates that have started and not ended, by id.
    seen : dict
        Keys of all candidates in order that have a place in the space, to find duplicates. Only the
        last 32,768 if the history is not kept, so that memory does not grow.
    tallies : dict
        Counts by candidate type.
    duplicates : int
        How many duplicates were drawn and thrown away.
    started, ended : int
        How many candidates have started (the next one's id) and ended.
    elapsed : float
        Seconds that the search has run.
    first_failure : tuple or None
        The first failed candidate and its outcome.
    queue : deque of dict
        The user's guesses that have not been evaluated yet.
    before_budget : Used
        What had been used when the present budget began.
    before_success : Used
        What had been used when the search began again because every evaluation so far had failed;
        ``Used()`` if that never happened. Failures before it say nothing about the space.
    unimproved : Unimproved
        How long there has been no better value.
    leaders : Leaders or Front
        The best few candidates with all their values, and an estimate of the noise; of several
        objectives the front.
    time : float
        When the last event happened, in seconds since the epoch.
    objective, inputs : str
        Name of the objective of the last run, and a hash of what it works on.
    warm_slots : set of str
        Slots in which an evaluation has ended since the run began.
    warm_since : float
        Seconds that the search had run when the first evaluation of the run ended.
    """

    key: Callable[[Point], Any]
    trim: Callable[[Point], Point] = field(default=lambda point: point)
    maximize: bool | None = None
    objectives: Objectives = Objectives()  # noqa: RUF009 - it cannot be changed
    keep_history: bool = True
    evaluations: list[Evaluation] = field(default_factory=list)
    best: Evaluation | None = None
    nearest: Evaluation | None = None
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
    queue: deque[Partial] = field(default_factory=deque)
    before_budget: Used = Used()  # noqa: RUF009 - it cannot be changed
    before_success: Used = Used()  # noqa: RUF009
    unimproved: Unimproved = Unimproved()  # noqa: RUF009
    leaders: Leaders | Front = field(default_factory=Leaders)
    time: float = 0.0
    objective: str = ""
    inputs: str = ""
    warm_slots: set[str] = field(default_factory=set)
    warm_since: float = math.inf
    _best_at: int = -1
    """Index of the best in ``evaluations``; -1 if it is not among them."""

    def count(self, status: Status) -> int:
        """Evaluations of all types that ended in this way."""
        return sum(tally.counts[status] for tally in self.tallies.values())

    @property
    def all_failed(self) -> bool:
        """Whether every evaluation has failed, so that the objective is likely at fault.

        A result that is known from elsewhere shows that it can succeed.
        """
        return 0 < self.ended == self.count(Status.FAILED) and not self.count(Status.DONE)

    def is_better(self, value: float, than: float) -> bool:
        """Whether a value beats another; every number beats NaN."""
        if math.isnan(than):
            return not math.isnan(value)
        return value > than if self.maximize else value < than

    def is_complete(self, point: Point) -> bool:
        """Whether a point is kept with all its values, so that it could be evaluated again."""
        return self.trim(point) is point and Omitted not in map(type, point)

    def check_objectives(self, asked: Objectives) -> None:
        """Refuse objectives by which the results so far cannot be compared.

        Raises
        ------
        ArgumentError
            If the search has run in the other direction, or with other objectives.
        """
        if self.maximize is None or not self.ended or self.objectives.looks_for_the_same(asked):
            return
        names = asked.names or self.objectives.names
        verbs = [
            "maximize" if each.maximize[0] else "minimize" for each in (self.objectives, asked)
        ]
        before, now = map(str, (self.objectives, asked)) if names else verbs
        problem = (
            f"the results so far are for {before}; make a new Search, and give it another "
            "checkpoint_path or overwrite_checkpoint=True if it has one"
        )
        raise ArgumentError("direction", now, problem)

    def set_objectives(self, asked: Objectives) -> None:
        """Set what is looked for, and compare the results that are already there."""
        self.check_objectives(asked)
        if self.maximize is not None and self.objectives == asked:
            return
        leaders = [each.evaluation for each in self.leaders.entries]
        kept = self.evaluations or leaders
        self.maximize, self.objectives = asked.maximize[0], asked
        self.leaders = Front(asked) if asked.several else Leaders()
        self.best, self.nearest, self._best_at = None, None, -1
        for index, each in enumerate(kept):
            # What was told before the first run is only understood now.
            if asked.names and each.status is Status.DONE:
                each = each._replace(value=asked.numbers(math.nan, each.metrics)[0])  # noqa: PLW2901
                kept[index] = each
            if self._rank(each, self.key(each.point)):
                self._best_at = index if self.best is each and self.evaluations else -1
        for index in range(len(self.evaluations)):
            if index != self._best_at:
                self._trim(index)

    def begin_budget(self) -> None:
        """Begin a budget of its own; where everything has failed so far, the search too."""
        if self.all_failed:
            self._begin_again()
        self.before_budget = Used(self.started, self.ended, self.elapsed)
        self.unimproved = Unimproved(0, self.elapsed)

    def _begin_again(self) -> None:
        """Forget what failed, and queue the guesses among it again."""
        again = {
            self.key(each.point): each.point
            for each in self.evaluations
            if each.type in (CandidateType.MANUALLY_ADDED, CandidateType.INIT)
            and each.status is Status.FAILED
            and each.fits
            and self.is_complete(each.point)
        }
        guesses = [
            {index: value for index, value in enumerate(point) if value is not INACTIVE}
            for point in again.values()
        ]
        self.queue.extendleft(reversed(guesses))
        self.seen = {}
        for each in self.evaluations:
            if each.status is Status.DONE:
                self.remember(self.key(each.point), each.point)
        for running in self.running.values():
            self.remember(running.key, running.candidate.point)
        self.first_failure = None
        self.before_success = Used(self.started, self.ended, self.elapsed)

    def remember(self, key: Any, point: Point) -> None:
        """Note that a point need not be evaluated again, if it is one of the space."""
        if isinstance(point, Misfit):
            return
        self.seen[key] = None
        if not self.keep_history and len(self.seen) > _REMEMBERED:
            if not isinstance(self.seen, OrderedDict):  # a dict looks long for its oldest entry
                self.seen = OrderedDict(self.seen)
            self.seen.popitem(last=False)

    def drop(self, redrawn: int, dequeued: int) -> None:
        """Count duplicates, and take guesses off the queue."""
        self.duplicates += redrawn
        for _ in range(dequeued):
            self.queue.popleft()

    def add(self, evaluation: Evaluation, key: Any) -> bool:
        """Take an evaluation in; True if there is a new best."""
        tally = self.tallies[evaluation.type]
        tally.counts[evaluation.status] += 1
        tally.seconds += evaluation.seconds
        tally.times[evaluation.status] += evaluation.seconds
        former, is_best = self._best_at, self._rank(evaluation, key)
        if self.keep_history:
            self.evaluations.append(evaluation)
            last = len(self.evaluations) - 1
            if is_best:
                self._best_at = last if self.best is evaluation else -1
                if 0 <= former < last:
                    self._trim(former)
            elif self.maximize is not None:
                self._trim(last)
        return is_best

    def fill(self, candidate: Callable[[Candidate], Candidate], best: Evaluation | None) -> None:
        """Put in what a checkpoint leaves out of its lines.

        Parameters
        ----------
        candidate : callable
            Returns a candidate with its params and all its values; it is called for those that run
            and for the first that failed.
        best : Evaluation or None
            The best evaluation with all its values; it differs from the present one in that only.
            None if they are lost.
        """
        for number, running in self.running.items():
            self.running[number] = running._replace(candidate=candidate(running.candidate))
        if self.first_failure is not None:
            failed, outcome = self.first_failure
            self.first_failure = candidate(failed), outcome
        if best is None and self.best is not None:
            self._give_up_incomplete()
        self.best = best
        if self._best_at >= 0 and best is not None:
            self.evaluations[self._best_at] = best

    def _give_up_incomplete(self) -> None:
        """From now on no evaluation can be the best whose values were not kept."""
        self._best_at = -1
        self.evaluations[:] = [
            each
            if self.is_complete(each.point)
            else each._replace(point=Misfit(each.point), fits=False)
            for each in self.evaluations
        ]

    def forget_evaluations(self) -> None:
        """Keep the best evaluation only."""
        self.evaluations.clear()
        self._best_at = -1

    def _trim(self, index: int) -> None:
        """Let go of the large arrays of an evaluation."""
        evaluation = self.evaluations[index]
        point = self.trim(evaluation.point)
        if self.leaders.holds(evaluation):
            return
        if point is not evaluation.point:
            self.evaluations[index] = evaluation._replace(point=point)

    def _rank(self, evaluation: Evaluation, key: Any) -> bool:
        """Compare an evaluation with the best; True if there is a new best, or a larger front."""
        done = evaluation.status is Status.DONE and evaluation.fits
        if not done or self.maximize is None:
            return False
        if not self.objectives.allow(evaluation.metrics):
            outside = self.objectives.violation
            known = math.inf if self.nearest is None else outside(self.nearest.metrics)
            if outside(evaluation.metrics) < known and self.is_complete(evaluation.point):
                self.nearest = evaluation
            return False
        tally = self.tallies[evaluation.type]
        if self.is_better(evaluation.value, tally.best):
            tally.best = evaluation.value
        complete = self.is_complete(evaluation.point)
        self.best, is_better = self.leaders.take(
            key, evaluation, self.best, self.maximize, complete
        )
        return is_better


def observe(state: State, event: Event, now: Stamp) -> Evaluation | None:
    """Take an event into a state.

    Parameters
    ----------
    state : State
        Is changed.
    event : Event
        What happened.
    now : Stamp
        When it happened.

    Returns
    -------
    Evaluation or None
        The evaluation that ended with this event.
    """
    state.elapsed, state.time = now
    if isinstance(event, Ended):
        return _end(state, event, now)
    if isinstance(event, Started):
        _start(state, event, now)
    elif isinstance(event, Reported):
        state.running[event.job_id].estimates.append(event.estimate)
    elif isinstance(event, Restarted):
        running = state.running[event.job_id]
        state.running[event.job_id] = running._replace(since=now, estimates=[], holder=event.holder)
    elif isinstance(event, Known):
        key = state.key(event.candidate.point)
        state.remember(key, event.candidate.point)
        evaluation = ended(event.candidate, event.outcome, now, now)
        state.add(evaluation, key)
        return evaluation
    elif isinstance(event, Began):
        state.set_objectives(event.objectives)
        state.warm_slots, state.warm_since = set(), math.inf
        state.objective = event.objective or state.objective
        state.inputs = event.inputs or state.inputs
        if event.fresh:
            state.begin_budget()
    elif isinstance(event, Queued):
        state.queue.append(event.guess)
    elif isinstance(event, Dropped):
        state.drop(event.redrawn, event.dequeued)
    elif isinstance(event, SpaceChanged):
        state.queue.clear()
    elif isinstance(event, Totals):
        state.started, state.ended, state.duplicates = event[:3]
        state.before_budget, state.unimproved, state.tallies, state.before_success = event[3:]
    elif isinstance(event, Forgotten):
        if event.point is None:
            state.seen.clear()
        else:
            state.seen.pop(state.key(event.point), None)
    return None


def _start(state: State, event: Started, now: Stamp) -> None:
    candidate = event.candidate
    state.started = candidate.id + 1
    state.drop(event.redrawn, event.dequeued)
    key = state.key(candidate.point) if event.key is None else event.key
    state.remember(key, candidate.point)
    if candidate.type is CandidateType.REEVALUATION and (leader := state.leaders.find(key)):
        leader.tries += 1
    state.running[candidate.id] = Running(candidate, now, [], event.holder, key)


def _end(state: State, event: Ended, now: Stamp) -> Evaluation:
    running = state.running.pop(event.job_id)
    evaluation = ended(running.candidate, event.outcome, running.since, now, event.slot)
    # Slots of an executor that does not name them are cold until one of them has ended something.
    if event.slot not in state.warm_slots or running.since.elapsed < state.warm_since:
        evaluation = evaluation._replace(is_first=True)
    state.warm_slots.add(event.slot)
    state.warm_since = min(state.warm_since, now.elapsed)
    if evaluation.status is Status.CANCELLED:
        # It was never evaluated, so it may be drawn again.
        if evaluation.type is not CandidateType.REEVALUATION:
            state.seen.pop(running.key, None)
    else:
        state.ended += 1
    if evaluation.status is Status.FAILED and state.first_failure is None:
        state.first_failure = running.candidate, event.outcome
    if state.add(evaluation, running.key):
        state.unimproved = Unimproved(0, now.elapsed)
    else:
        count, since = state.unimproved
        state.unimproved = Unimproved(count + 1, since)
    return evaluation

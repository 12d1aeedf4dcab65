"""What a search knows: the evaluations so far and the state that follows from them.

:func:`observe` is the only place where the state changes; a live run and a resumed one are the same
fold of it over events.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError
from pyhopper.events import Candidate, CandidateType, Event, Finished, Outcome, Reported, Status
from pyhopper.leaders import Leaders
from pyhopper.notes import (
    Base,
    Began,
    Dropped,
    Evaluation,
    Forgotten,
    Known,
    Misfit,
    Note,
    Queued,
    Restarted,
    Started,
    Tally,
    Totals,
)
from pyhopper.parameters import INACTIVE, Omitted, Partial, Point

_REMEMBERED = 2**15
"""So many candidates are known as duplicates if the history is not kept."""

__all__ = ["Evaluation", "Running", "State", "observe"]


class Running(NamedTuple):
    """A candidate that has started, when, its estimates, who evaluates it, and its key."""

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
    queue : deque of dict
        The user's guesses that wait.
    base : Base
        Where the present budget began.
    void : Base
        Where the last budget began before which nothing had succeeded; Base() if there is none.
    stale : tuple
        How many evaluations have ended since the best value (or the begin of the budget), and how
        long the search had run then.
    leaders : Leaders
        The best few candidates with all their values, and the noise.
    time : float
        When the last thing happened, in seconds since the epoch.
    """

    key: Callable[[Point], Any]
    light: Callable[[Point], Point] = field(default=lambda point: point)
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
    queue: deque[Partial] = field(default_factory=deque)
    base: Base = Base()  # noqa: RUF009 - it cannot be changed
    void: Base = Base()  # noqa: RUF009
    stale: tuple[int, float] = (0, 0.0)
    leaders: Leaders = field(default_factory=Leaders)
    time: float = 0.0
    _best_at: int = -1

    def replace_best(self, best: Evaluation) -> None:
        """Put an evaluation in the place of the best one, which differs in its point only."""
        self.best = best
        if self._best_at >= 0:
            self.evaluations[self._best_at] = best

    def forget_evaluations(self) -> None:
        """Keep the best evaluation only."""
        self.evaluations.clear()
        self._best_at = -1

    def count(self, status: Status) -> int:
        """Evaluations of all types that ended in this way."""
        return sum(tally.counts[status] for tally in self.tallies.values())

    @property
    def all_failed(self) -> bool:
        """Whether all that was evaluated has failed, so that the objective is likely at fault."""
        return 0 < self.ended == self.count(Status.FAILED)

    def start_over(self) -> None:
        """Forget what failed, and queue the guesses among it again."""
        again = {
            self.key(each.point): each.point
            for each in self.evaluations
            if each.type in (CandidateType.MANUALLY_ADDED, CandidateType.INIT)
            and each.status is Status.FAILED
            and each.fits
            and self._is_whole(each.point)
        }
        guesses = [
            {index: value for index, value in enumerate(point) if value is not INACTIVE}
            for point in again.values()
        ]
        self.queue.extendleft(reversed(guesses))
        self.seen = {
            self.key(each.point): None for each in self.evaluations if each.status is Status.DONE
        }
        self.seen |= {running.key: None for running in self.running.values()}
        self.first_failure = None
        self.void = Base(self.started, self.ended, self.elapsed)

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
            problem = (
                f"the results so far are for {before}; make a new Search, and give it another "
                "checkpoint_path or overwrite_checkpoint=True if it has one"
            )
            raise ArgumentError("direction", asked, problem)
        self.maximize = maximize
        self.leaders = Leaders()
        for index, evaluation in enumerate(self.evaluations):
            if self._rank(evaluation, self.key(evaluation.point)):
                self._best_at = index if self.best is evaluation else -1
        for index in range(len(self.evaluations)):
            if index != self._best_at:
                self._lighten(index)

    def _lighten(self, index: int) -> None:
        """Let go of the large arrays of an evaluation."""
        evaluation = self.evaluations[index]
        point = self.light(evaluation.point)
        if point is not evaluation.point:
            self.evaluations[index] = evaluation._replace(point=point)

    def _rank(self, evaluation: Evaluation, key: Any) -> bool:
        """Note an evaluation as the best one if it is."""
        done = evaluation.status is Status.DONE and evaluation.fits
        if not done or self.maximize is None:
            return False
        tally = self.tallies[evaluation.type]
        if self.better(evaluation.value, tally.best):
            tally.best = evaluation.value
        if self._is_whole(evaluation.point):
            self.leaders.note(key, evaluation, self.maximize)
        else:  # it could not be evaluated again
            self.leaders.note_scatter(evaluation.metrics)
        if evaluation.type is CandidateType.REEVALUATION:
            return self._settle()
        if self.best is None or self.better(evaluation.value, self.best.value):
            self.best = evaluation
            return True
        return False

    def _settle(self) -> bool:
        """After a re-evaluation, the best mean of several values decides."""
        checked, before = self.leaders.checked(), self.best
        if checked is None:
            return False
        same = before is not None and before.point is checked.evaluation.point
        if before is None or not same or before.value != checked.mean:
            self.best = checked.evaluation._replace(value=checked.mean)
        return before is None or not same or self.better(checked.mean, before.value)

    def _is_whole(self, point: Point) -> bool:
        """Whether a point is kept with all its values."""
        return self.light(point) is point and not any(isinstance(v, Omitted) for v in point)

    def add(self, evaluation: Evaluation, key: Any) -> bool:
        """Take an evaluation in; True if it is the new best."""
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
                    self._lighten(former)
            elif self.maximize is not None:
                self._lighten(last)
        return is_best


def observe(state: State, event: Note | Event, now: Stamp) -> Evaluation | None:
    """Take an event into the state.

    Parameters
    ----------
    state : State
        Is changed.
    event : Note or Event
        What happened.
    now : Stamp
        When it happened.

    Returns
    -------
    Evaluation or None
        The evaluation that ended with this event.
    """
    state.elapsed, state.time = now
    if isinstance(event, Started):
        candidate = event.candidate
        state.started = candidate.id + 1
        _drop(state, event.redrawn, event.dequeued)
        key = state.key(candidate.point) if event.key is None else event.key
        state.remember(key)
        if candidate.type is CandidateType.REEVALUATION and (leader := state.leaders.find(key)):
            leader.tries += 1
        state.running[candidate.id] = Running(candidate, now, [], event.holder, key)
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
    if not isinstance(event, Finished):
        _note(state, event, now)
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
    is_best = state.add(evaluation, running.key)
    state.stale = (0, now.elapsed) if is_best else (state.stale[0] + 1, state.stale[1])
    return evaluation


def _note(state: State, event: Note, now: Stamp) -> None:
    """Take in what is neither about a candidate that starts nor about one that ends."""
    if isinstance(event, Began):
        state.aim(event.maximize)
        if event.fresh:
            if state.all_failed:
                state.start_over()
            state.base = Base(state.started, state.ended, now.elapsed)
            state.stale = 0, now.elapsed
    elif isinstance(event, Queued):
        state.queue.append(event.guess)
    elif isinstance(event, Restarted):
        running = state.running[event.job_id]
        state.running[event.job_id] = running._replace(since=now, estimates=[], holder=event.holder)
    elif isinstance(event, Dropped):
        _drop(state, event.redrawn, event.dequeued)
    elif isinstance(event, Totals):
        state.started, state.ended, state.duplicates = event[:3]
        state.base, state.stale, state.tallies, state.void = event[3:]
    elif isinstance(event, Forgotten):
        if event.point is None:
            state.seen.clear()
        else:
            state.seen.pop(state.key(event.point), None)


def _drop(state: State, redrawn: int, dequeued: int) -> None:
    state.duplicates += redrawn
    for _ in range(dequeued):
        state.queue.popleft()


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
        not isinstance(candidate.point, Misfit),
        candidate.screening,
        candidate.expected_seconds,
    )

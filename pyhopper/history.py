"""What a search knows: the evaluations so far and the state that follows from them.

:func:`observe` is the only place where the state changes; a live run and a resumed one are the same
fold of it over events.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError
from pyhopper.events import Candidate, CandidateType, Event, Finished, Outcome, Reported, Status
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
from pyhopper.parameters import Partial, Point
from pyhopper.space import Space

__all__ = ["Evaluation", "History", "Running", "State", "observe"]


class Running(NamedTuple):
    """A candidate that has started, when, its estimates so far, and who evaluates it."""

    candidate: Candidate
    since: Stamp
    estimates: list[float]
    holder: str = ""


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
    queue : deque of dict
        The user's guesses that wait.
    base : Base
        Where the present budget began.
    stale : tuple
        How many evaluations have ended since the best value (or the begin of the budget), and how
        long the search had run then.
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
    seen: set[Any] = field(default_factory=set)
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
    stale: tuple[int, float] = (0, 0.0)
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
        for index, evaluation in enumerate(self.evaluations):
            if self._rank(evaluation):
                self._best_at = index
        for index in range(len(self.evaluations)):
            if index != self._best_at:
                self._lighten(index)

    def _lighten(self, index: int) -> None:
        """Let go of the large arrays of an evaluation."""
        evaluation = self.evaluations[index]
        point = self.light(evaluation.point)
        if point is not evaluation.point:
            self.evaluations[index] = evaluation._replace(point=point)

    def _rank(self, evaluation: Evaluation) -> bool:
        """Note an evaluation as the best one if it is."""
        done = evaluation.status is Status.DONE and evaluation.fits
        if not done or self.maximize is None:
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
        former, is_best = self._best_at, self._rank(evaluation)
        if self.keep_history:
            self.evaluations.append(evaluation)
            last = len(self.evaluations) - 1
            if is_best:
                self._best_at = last
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
        state.seen.add(state.key(candidate.point) if event.key is None else event.key)
        state.running[candidate.id] = Running(candidate, now, [], event.holder)
        return None
    if isinstance(event, Known):
        state.seen.add(state.key(event.candidate.point))
        evaluation = _evaluation(event.candidate, event.outcome, now, now, "")
        state.add(evaluation)
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
        state.seen.discard(state.key(evaluation.point))
    else:
        state.ended += 1
    if evaluation.status is Status.FAILED and state.first_failure is None:
        state.first_failure = running.candidate, event.outcome
    is_best = state.add(evaluation)
    state.stale = (0, now.elapsed) if is_best else (state.stale[0] + 1, state.stale[1])
    return evaluation


def _note(state: State, event: Note, now: Stamp) -> None:
    """Take in what is neither about a candidate that starts nor about one that ends."""
    if isinstance(event, Began):
        state.aim(event.maximize)
        if event.fresh:
            state.base = Base(state.started, state.ended, now.elapsed)
            state.stale = 0, now.elapsed
    elif isinstance(event, Queued):
        state.queue.append(event.guess)
    elif isinstance(event, Restarted):
        candidate = state.running[event.job_id].candidate
        state.running[event.job_id] = Running(candidate, now, [], event.holder)
    elif isinstance(event, Dropped):
        _drop(state, event.redrawn, event.dequeued)
    elif isinstance(event, Totals):
        state.started, state.ended, state.duplicates = event[:3]
        state.base, state.stale, state.tallies = event[3:]
    elif isinstance(event, Forgotten):
        if event.point is None:
            state.seen.clear()
        else:
            state.seen.discard(state.key(event.point))


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
        self._state.forget_evaluations()

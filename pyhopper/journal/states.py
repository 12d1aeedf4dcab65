"""A checkpoint and a state in step: events go into both, or from the one into the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pyhopper.budget import Stamp
from pyhopper.events import Ended, Event, Outcome, Queued, Status
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.retold import events_of
from pyhopper.history.state import State, observe
from pyhopper.journal.checkpoint import Checkpoint
from pyhopper.journal.replay import Replay


class Follower(Protocol):
    """Is told of the events of an earlier run while they are read.

    What kernels have learned does not follow from the state alone, see :mod:`pyhopper.retrace`.
    """

    def before(self, event: Event, state: State, replay: Replay) -> Event:
        """An event was read and is about to be observed; returns what to observe instead."""

    def after(self, event: Event, evaluation: Evaluation | None) -> None:
        """It was observed."""


def take(
    event: Event, state: State, file: Checkpoint | None, now: Stamp, again: bool = False
) -> Evaluation | None:
    """Write an event, then take it into the state."""
    if file is None:
        return observe(state, event, now)
    file.append(event, now, state.running, again)
    evaluation = observe(state, event, now)
    file.observed(state.best)
    return evaluation


def reader(
    state: State,
    replay: Replay,
    follower: Follower | None = None,
    ended: list[Evaluation] | None = None,
) -> Callable[[Event, Stamp], None]:
    """A function that takes events of a file into a state; ``ended`` gets the evaluations."""

    def take(event: Event, now: Stamp) -> None:
        if follower is not None:
            event = follower.before(event, state, replay)
        evaluation = observe(state, event, now)
        replay.large.release(state.best)
        if follower is not None:
            follower.after(event, evaluation)
        if ended is not None and evaluation is not None:
            ended.append(evaluation)

    return take


def fill(state: State, replay: Replay) -> None:
    """Put in what the lines leave out: params of what runs, large values of the best."""
    state.fill(replay.filled, replay.filled_best(state.best))


def write_all(source: State, file: Checkpoint, state: State) -> None:
    """Write everything that a state knows to a new file, and take it into another state."""
    for event, now in events_of(source):
        take(event, state, file, now)


def carried_over(state: State, move: Callable[[Event], Event]) -> list[tuple[Event, Stamp]]:
    """The events that lead to a state, with their points moved to another space."""
    moved = [(move(event), now) for event, now in events_of(state)]
    # A guess of which nothing is left says nothing.
    return [(event, now) for event, now in moved if event != Queued({})]


def misplaced(state: State) -> list[Ended]:
    """The ends of open candidates that have no place in the space any more."""
    outcome = Outcome(Status.CANCELLED, reason="it has no place in the space any more")
    return [
        Ended(number, outcome)
        for number, running in state.running.items()
        if isinstance(running.candidate.point, Misfit)
    ]

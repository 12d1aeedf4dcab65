"""A state told once more: events that lead to it, for a file that is written anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyhopper.budget import Stamp
from pyhopper.events import (
    Began,
    Candidate,
    Ended,
    Event,
    Forgotten,
    Known,
    Outcome,
    Queued,
    Started,
    Status,
    Totals,
)
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State


def events_of(state: State) -> Iterator[tuple[Event, Stamp]]:
    """Events that lead to a state."""
    now = Stamp(state.elapsed, state.time)
    if state.maximize is not None:
        began = Began(
            state.maximize,
            objective=state.objective,
            inputs=state.inputs,
            several=state.objectives,
        )
        yield began, Stamp(0.0, now.time)
    evaluations: Iterable[Evaluation] = state.evaluations
    best = state.best
    # The value of the best may be the mean of several, its evaluation is one of them.
    if best is not None and not any(e.id == best.id and e.point is best.point for e in evaluations):
        evaluations = [*evaluations, best]
    for each in evaluations:
        yield from _events_of_evaluation(each)
        if state.key(each.point) not in state.seen and each.status is not Status.CANCELLED:
            yield Forgotten(each.point), Stamp(each.elapsed, each.finished_at)
    for running in state.running.values():
        yield Started(running.candidate, holder=running.holder), running.since
    for guess in state.queue:
        yield Queued(guess), now
    if not state.started:
        return
    counts = state.started, state.ended, state.duplicates, state.before_budget, state.unimproved
    yield Totals(*counts, state.tallies, state.before_success), now


def _events_of_evaluation(each: Evaluation) -> Iterator[tuple[Event, Stamp]]:
    candidate = Candidate(each.id, each.type, {}, each.point, each.screening, each.expected_seconds)
    outcome = Outcome(
        each.status, each.value, each.metrics, each.estimates, each.reason, each.details
    )
    end = Stamp(each.elapsed, each.finished_at)
    if each.id < 0:
        yield Known(candidate, outcome), end
        return
    yield Started(candidate), Stamp(each.elapsed - each.seconds, each.sampled_at)
    yield Ended(each.id, outcome, each.slot), end

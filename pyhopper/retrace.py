"""Finding again what the kernels of a killed run had learned.

What a search knows follows from the events in its checkpoint. One thing does not: the steps that
learn (:mod:`pyhopper.kernels.steps`) also keep what they meant each of their proposals for. Since a
proposal follows from the seed and from what was known before it, proposing every candidate of the
file once more, in their order, leads to the same steps again.
"""

from __future__ import annotations

from dataclasses import replace

from pyhopper.budget import Budget, Clock, Schedule, Stamp, Stopwatch
from pyhopper.events import Began, Dropped, Ended, Event, Started
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.journal import Replay
from pyhopper.kernels import Proposer
from pyhopper.parameters import Omitted
from pyhopper.parameters.space import Space
from pyhopper.signals import FirstInterrupt, Interrupts
from pyhopper.supply import Supply


class Retrace:
    """A :class:`~pyhopper.log.Follower` that proposes every candidate of a checkpoint once more.

    It gives up where a candidate is not the one that would be proposed now: several slots, another
    space, other arguments of ``run``. The steps then learn from the beginning.

    Parameters
    ----------
    space : Space
        The present space.
    schedule : Schedule
        The run's; of earlier runs in the same file only the number of steps is known.
    clock : Clock
        The search's.
    reject_duplicates : bool
        As in ``run``.
    interrupts : Interrupts
        Handles signals. After one the run does not go on, so that nothing has to be found.

    Attributes
    ----------
    proposer : Proposer or None
        One that has learned what it had; None if that cannot be found.
    """

    def __init__(
        self,
        space: Space,
        schedule: Schedule,
        clock: Clock,
        reject_duplicates: bool,
        interrupts: Interrupts,
    ) -> None:
        self._space = space
        self._schedule = schedule
        self._clock = clock
        self._reject_duplicates = reject_duplicates
        self._interrupts = interrupts
        self._supply: Supply | None = None
        self.proposer: Proposer | None = None

    def before(self, event: Event, state: State, replay: Replay) -> Event:
        """Return the event, a candidate's with the large values that its line lacks."""
        if isinstance(event, Began) and event.fresh:
            self._begin(event, state, replay)
        elif isinstance(event, Started) and self._supply is not None:
            event = self._proposed_again(event, self._supply, state, replay)
            if self._supply is not None:
                self._supply.started(event.candidate, Stamp(state.elapsed, state.time))
        return event

    def _proposed_again(
        self, event: Started, supply: Supply, state: State, replay: Replay
    ) -> Started:
        """Propose a candidate once more, and give up if another one would be proposed now."""
        if not supply.learns:
            # What a model proposes follows from the evaluations alone.
            return event
        again = None if replay.changes else self._next(supply, state.best, event.holder)
        key = state.key(event.candidate.point)
        if isinstance(again, Started) and again.key == key:
            return event._replace(candidate=again.candidate, key=key)
        self._supply = self.proposer = None
        return event

    def _next(
        self, supply: Supply, best: Evaluation | None, holder: str
    ) -> Started | Dropped | None:
        """What would be proposed now; None after a signal, or if that cannot be known."""
        if best is not None and any(isinstance(value, Omitted) for value in best.point):
            # It was not kept whole, so that nothing can be proposed around it.
            return None
        try:
            return self._interrupts.leave(lambda: supply.next(holder))
        except FirstInterrupt:
            return None

    def after(self, event: Event, evaluation: Evaluation | None) -> None:
        """Let the steps learn from an evaluation."""
        if isinstance(event, Ended) and evaluation is not None and self._supply is not None:
            self._supply.ended(evaluation, event.outcome, None)

    def _begin(self, event: Began, state: State, replay: Replay) -> None:
        """Begin a run with its own budget."""
        self._supply = self.proposer = None
        if event.steps is None or replay.seed is None or not replay.repeatable:
            return
        if self._schedule.runtime is not None:
            return  # the time it takes would be missing, and nothing has to be repeatable
        schedule = replace(self._schedule, runtime=None, steps=event.steps)
        supply = Supply(
            self._space,
            state,
            replay.seed,
            Budget(schedule, Stopwatch(self._clock)),
            repeatable=True,
            reject_duplicates=self._reject_duplicates,
        )
        self._supply, self.proposer = supply, supply.proposer

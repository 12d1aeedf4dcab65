"""One run of a search: propose, submit, wait, observe, until the budget is used."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pyhopper.budget import Budget, Stamp
from pyhopper.callbacks.base import Callbacks
from pyhopper.display.outlets import tell
from pyhopper.display.progress import Progress, start_line
from pyhopper.display.summary import summary
from pyhopper.display.text import duration, say, width
from pyhopper.errors import EngineLostError, EvaluationError
from pyhopper.events import (
    Alive,
    Candidate,
    CandidateType,
    Ended,
    JobEvent,
    Lost,
    Outcome,
    Restarted,
    Started,
    Status,
)
from pyhopper.executors import Executor, Job, sends_shared
from pyhopper.forks import end_in_child_of
from pyhopper.history.evaluation import Evaluation
from pyhopper.kernels import Proposer
from pyhopper.log import Log
from pyhopper.parameters import constants
from pyhopper.pruners import Advice
from pyhopper.roster import MOST_ATTEMPTS, Roster
from pyhopper.settings import Settings
from pyhopper.signals import Interrupts
from pyhopper.stopping import nothing_new, raise_if_all_failed, stop_reason
from pyhopper.supply import Supply

_LOOK_SECONDS = 1.0
"""How often to look for workers while there are none."""


class Listener(Protocol):
    """Is told of every evaluation: pruner, folders, callbacks, kernels."""

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """A candidate is about to be evaluated."""

    def ended(self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None) -> None:
        """An evaluation has ended; ``new_best`` is the new best evaluation, if there is one."""


class Ending(NamedTuple):
    """How a run ended.

    Attributes
    ----------
    reason : str
        Why, for the summary.
    late : Evaluation or None
        The last evaluation, if it ended after the budget did.
    """

    reason: str
    late: Evaluation | None

    @property
    def is_whole(self) -> bool:
        """Whether the budget is used, or as much of it as could be."""
        return self.reason.startswith("budget used")


@dataclass
class Run:
    """One run of a search; :meth:`run` does it all.

    Attributes
    ----------
    log : Log
        Takes every event; the run has begun in it.
    settings : Settings
        What the user asked for.
    executor : Executor
        Where candidates are evaluated; closed at the end.
    budget : Budget
        What is left of it.
    supply : Supply
        Has the next candidate.
    advice : Advice or None
        Judges estimates.
    listeners : list of Listener
        Are told what happens, in this order.
    user_states : callable
        What callbacks and pruner want to have saved.
    interrupts : Interrupts
        Handles signals.
    """

    log: Log
    settings: Settings
    executor: Executor
    budget: Budget
    supply: Supply
    advice: Advice | None
    listeners: list[Listener]
    user_states: Callable[[], Mapping[str, Any]]
    interrupts: Interrupts

    def __post_init__(self) -> None:
        self._pid = os.getpid()
        self._state = self.log.state
        self.interrupts.attach(self.executor)
        space, sends = self.log.space, sends_shared(self.executor)
        self._shared = tuple(constants(space.root)) if sends else ()
        if self.settings.work_dir is not None:
            self.settings.work_dir.share(space)
        self._reason = ""
        self._late: Evaluation | None = None
        self._interrupted = False
        self._roster = Roster(self._state, shared=self.log.is_shared)

    def run(self) -> Ending:
        """Search until the budget is used, the space exhausted, or Ctrl-C.

        Raises
        ------
        SearchFailedError, ObjectiveError, EvaluationError, EngineLostError
            See :mod:`pyhopper.errors`; the last one if nothing has ever been evaluated.
        """
        try:
            self._loop()
        except KeyboardInterrupt:
            self._interrupt()
        except EngineLostError as error:
            if not self._state.ended and self._state.best is None:
                raise
            self._reason = f"{error}; evaluations lost with it: {len(self._state.running)}"
            self._warn(f"the search ends: {self._reason}")
        finally:
            self._cancel_all()
            self.executor.close()
        self._check_failures(at_the_end=True)
        return Ending(self._reason, self._late)

    def shown(self) -> str:
        """Search, with the start line before and the progress beside it; the summary at the end.

        Raises what :meth:`run` raises.
        """
        settings, state, space = self.settings, self._state, self.log.space
        if not settings.quiet:
            facts = self.budget, len(space.leaves), self.executor.slots, settings.objective
            tell(start_line(settings.objectives, *facts))
            if settings.where:
                tell(settings.where)
        before = state.ended
        progress = Progress(state, space, self.budget, settings.verbose)
        self.listeners.append(progress)
        with progress:
            ending = self.run()
            progress.finish(whole=ending.is_whole)
        end = self.budget, ending.reason, ending.late, self.advice, width()
        complete = ending.is_whole and state.ended == before
        return "" if settings.quiet else summary(state, space, *end, complete)

    def _loop(self) -> None:
        self._roster.find_orphans()
        if not self._roster.orphans:
            self._reason = stop_reason(self.settings.stop, self._state)
        while not self._is_over():
            with self._turn():
                while len(self._roster.mine) < self.executor.slots and self._may_start():
                    self._start_next()
            if not self._roster.mine and not self._may_start():
                return
            if self.executor.slots > 1 and not self._reason:
                # With one slot everything that will be known is worth the wait.
                self.interrupts.leave(lambda: self.supply.draw_ahead(self._roster.holder))
            events = self._wait()
            with self._turn():
                for event in events:
                    self._observe(event)
                if not events and self.log.is_shared:
                    self.log.take(Alive())

    def _turn(self) -> contextlib.AbstractContextManager[None]:
        """Within, nobody else writes to a shared checkpoint, and what others wrote is known."""
        return self._shared_turn() if self.log.is_shared else contextlib.nullcontext()

    @contextlib.contextmanager
    def _shared_turn(self) -> Iterator[None]:
        with self.log.turn() as ended:
            self._roster.refuse_other(self.log.state, self.log.path)
            for evaluation in ended:
                self.supply.ended(evaluation, Outcome(evaluation.status))
                if self.advice is not None:
                    self.advice.ended(evaluation, Outcome(evaluation.status), None)
            self._roster.find_orphans()
            self._reason = stop_reason(self.settings.stop, self._state) or self._reason
            yield

    def _wait(self) -> list[JobEvent]:
        kill = self.settings.limits.kill_at_end
        longest = min(self.budget.remaining if kill else math.inf, self._roster.look_every)
        if not self._roster.mine:
            # A cluster without workers: some may come.
            longest = min(longest, _LOOK_SECONDS)
        self.interrupts.waiting = True
        try:
            if self.interrupts.signum is not None:
                return []
            return self.executor.wait(None if math.isinf(longest) else max(0.0, longest))
        finally:
            self.interrupts.waiting = False

    def _is_over(self) -> bool:
        """Whether to end at once, without waiting for what runs."""
        if self.interrupts.signum is not None:
            self._interrupt()
            return True
        if self.settings.limits.kill_at_end and self.budget.remaining <= 0:
            self._reason = self._reason or "budget used"
            return True
        return False

    def _interrupt(self) -> None:
        self._interrupted = True
        by_term = self.interrupts.signum == signal.SIGTERM
        self._reason = "ended by SIGTERM" if by_term else "interrupted"

    def _may_start(self) -> bool:
        if self._reason:
            return False
        # An orphan has used up its step already.
        may = self.budget.may_start(-1) if self._roster.orphans else self.supply.may_start()
        if not may:
            self._reason = self._budget_used()
        return not self._reason

    def _budget_used(self) -> str:
        """That the budget is used, and if time is left, why nothing more is started in it."""
        left, expected = self.budget.remaining, self.supply.expected_seconds()
        runtime = self.budget.schedule.runtime
        if runtime is None or left < 0.01 * runtime or expected <= left:
            return "budget used"
        left_over = f"budget used; {duration(left)} were left, and the next evaluation was expected"
        return f"{left_over} to take {duration(expected)}"

    def _start_next(self) -> None:
        """Submit an orphan, or else a candidate that was not seen before."""
        if self._roster.orphans:
            candidate_id = self._roster.orphans.popleft()
            candidate = self._state.running[candidate_id].candidate
            self._submit(candidate, Restarted(candidate_id, self._roster.holder))
            return
        event = self.interrupts.leave(lambda: self.supply.next(self._roster.holder))
        if isinstance(event, Started) and self.budget.remaining > 0:
            self._submit(event.candidate, event)
        elif isinstance(event, Started):
            # Finding it took the rest of the time.
            self.supply.proposer.drop(event.candidate.id)
            self._reason = "budget used"
        elif event is None:
            left = self.budget.remaining
            none = f"; no candidate was expected to end in the {duration(left)} left"
            self._reason = f"budget used{none if left > 0 else ''}"
        else:
            self._reason = nothing_new(self.log.space)
            self.log.take(event)

    def _submit(self, candidate: Candidate, event: Started | Restarted) -> None:
        # The functions of parameters and constraints can fork, too.
        end_in_child_of(self._pid)
        self.log.take(event)
        self._roster.mine.add(candidate.id)
        now = Stamp(self._state.elapsed, self._state.time)
        for listener in self.listeners:
            listener.started(candidate, now)
        folders = self.settings.work_dir
        job = Job(
            candidate.id,
            self.settings.objective,
            candidate.params,
            self.settings.limits.timeout,
            shared=self._shared,
            folder=None if folders is None else str(folders.folder(candidate.id)),
        )
        if self.advice is not None and candidate.type is not CandidateType.REEVALUATION:
            job = job._replace(advise=self.advice)
        self.executor.submit(job)

    def _observe(self, event: JobEvent) -> None:
        """Take an event of the executor in, and tell the listeners."""
        end_in_child_of(self._pid)
        before = self._state.best
        if isinstance(event, Lost):
            if self._roster.lose(event.job_id):
                # It has its step already, also if there are no others left.
                self._reason = stop_reason(self.settings.stop, self._state)
                self._warn(f"candidate {event.job_id} is started again: {event.reason}")
                return
            count = f"it was started {MOST_ATTEMPTS} times and lost each time"
            reason = f"{count}, at last: {event.reason}"
            event = Ended(event.job_id, Outcome(Status.FAILED, reason=reason), event.slot)
        evaluation = self.log.take(event)
        if evaluation is None or not isinstance(event, Ended):
            return
        self._roster.mine.discard(event.job_id)
        if self.budget.remaining < 0 and evaluation.status is not Status.CANCELLED:
            self._late = evaluation
        new_best = None if self._state.best is before else self._state.best
        for listener in self.listeners:
            listener.ended(evaluation, event.outcome, new_best)
        self.log.keep(self.user_states)
        self._reason = stop_reason(self.settings.stop, self._state) or self._reason
        if evaluation.status is Status.FAILED:
            self._check_failures(at_the_end=False)
            if self.settings.raise_on_error:
                params = self.log.space.build(evaluation.point)
                raise EvaluationError(params, evaluation.reason, event.outcome.details)

    def _warn(self, text: str) -> None:
        """Say what the cluster has done; without a terminal that reads it, the log has it."""
        logging.getLogger("pyhopper").warning(text)
        if not self.settings.quiet:
            tell(text[0].upper() + text[1:])

    def _check_failures(self, *, at_the_end: bool) -> None:
        if not self._interrupted:
            slots, strict = self.executor.slots, self.settings.raise_on_error
            raise_if_all_failed(self._state, self.log.space, slots, strict, at_the_end)

    def _cancel_all(self) -> None:
        """End what still runs."""
        reason = f"the search ended: {self._reason}" if self._reason else "the search ended"
        for job_id in list(self._state.running):
            self.executor.cancel(job_id, reason)
            if job_id in self._roster.mine or not self.log.is_shared:
                self.log.cancel(job_id, reason)


def make_run(
    log: Log,
    settings: Settings,
    callbacks: Callbacks,
    interrupts: Interrupts,
    proposer: Proposer | None = None,
) -> Run:
    """Put the parts of a run together.

    Parameters
    ----------
    log : Log
        In which the run has begun.
    settings : Settings
        What the user asked for.
    callbacks : Callbacks
        The user's; they get back what they had saved.
    interrupts : Interrupts
        Handles signals.
    proposer : Proposer, optional
        One that has learned from the search already.
    """
    state, clock = log.state, log.stopwatch.clock
    began = state.before_budget.elapsed
    budget = Budget.resumed(settings.schedule, log.stopwatch, began, state.elapsed - began)
    saved_pruner = None
    if log.file is not None:
        replay = log.file.replay
        callbacks.load_state_dicts(replay.user_states.get("callbacks", []))
        if replay.user_states.get("pruner"):
            saved_pruner = (*replay.user_states["pruner"], replay.user_states_at)
        log.file.start_syncing(log.stopwatch.stamp)
    advice = None
    if settings.pruner is not None:
        advice = Advice(settings.pruner, state, log, settings.quiet, saved_pruner)
    executor = settings.make_executor(say, tell)
    supply = Supply(
        log.space,
        state,
        log.seed,
        budget,
        slots=executor.slots,
        # With a budget in time candidates depend on the clock anyway.
        repeatable=log.repeatable and settings.schedule.runtime is None,
        reject_duplicates=settings.reject_duplicates,
        on_duplicate=lambda each: callbacks.duplicate(each.point, each.type, clock.time()),
        proposer=proposer,
        shared=sends_shared(executor),
    )

    def user_states() -> Mapping[str, Any]:
        pruner = [] if advice is None else advice.saved()
        return {"callbacks": callbacks.state_dicts(), "pruner": pruner}

    listeners = supply, advice, settings.work_dir, callbacks
    return Run(
        log=log,
        settings=settings,
        executor=executor,
        budget=budget,
        supply=supply,
        advice=advice,
        listeners=[each for each in listeners if each is not None],
        user_states=user_states,
        interrupts=interrupts,
    )

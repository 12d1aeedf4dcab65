"""One run of a search: propose, submit, wait, observe, until the budget is used."""

from __future__ import annotations

import math
import signal
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from pyhopper.budget import Budget
from pyhopper.callbacks.base import Callbacks
from pyhopper.errors import EvaluationError, ObjectiveError, SearchFailedError
from pyhopper.events import (
    Candidate,
    CandidateType,
    Ended,
    Event,
    JobEvent,
    Outcome,
    ParamInfo,
    Restarted,
    Started,
    Status,
)
from pyhopper.executors import Executor, Job
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State, observe
from pyhopper.journal import Checkpoint
from pyhopper.kernels import Proposer
from pyhopper.objective import Objective
from pyhopper.parameters import constants
from pyhopper.parameters.space import Space
from pyhopper.pruners import Advice
from pyhopper.settings import Limits, Stop
from pyhopper.signals import Interrupts
from pyhopper.supply import Supply
from pyhopper.workdir import WorkDir

_FAILURES_AT_FIRST = 5
"""So many failures without any success mean that something is wrong with the objective."""

_NEVER = Stop()


@dataclass
class Run:
    """One run of a search: :meth:`run` does it all, then ``reason`` says why it ended.

    The fields are explained where they are defined.
    """

    space: Space
    state: State
    seed: int
    objective: Objective
    executor: Executor
    budget: Budget
    callbacks: Callbacks
    stop: Stop = field(default_factory=Stop)
    reject_duplicates: bool = True
    raise_on_error: bool = False
    limits: Limits = field(default_factory=Limits)
    checkpoint: Checkpoint | None = None
    work_dir: WorkDir | None = None
    advice: Advice | None = None
    repeatable: bool = False
    proposer: Proposer | None = None
    reason: str = ""
    interrupted: bool = False
    late: Evaluation | None = None
    """The last evaluation, if it ended after the budget did."""

    def __post_init__(self) -> None:
        self._infos: dict[int, tuple[Candidate, ParamInfo]] = {}
        self._shared = tuple(constants(self.space.template))
        self.interrupts = Interrupts(self.executor)
        self._supply = Supply(
            self.space,
            self.state,
            self.seed,
            self.budget,
            self.callbacks,
            self.executor.slots,
            self.repeatable,
            self.reject_duplicates,
            self.proposer,
        )
        # What ran when an earlier process ended runs first.
        self._orphans = deque(self.state.running)

    def _observe(self, event: Event) -> Evaluation | None:
        """Write an event to the checkpoint, then take it into the state."""
        now = self.budget.stamp()
        if self.checkpoint is not None:
            self.checkpoint.append(event, now)
        return observe(self.state, event, now)

    def run(self) -> None:
        """Search until the budget is used, the space exhausted, or Ctrl-C.

        Raises
        ------
        SearchFailedError, ObjectiveError, EvaluationError
            See :mod:`pyhopper.errors`.
        """
        with self.interrupts:
            try:
                self._loop()
            except KeyboardInterrupt:
                self._interrupted()
            finally:
                self._abandon()
                self.executor.close()
        self._complain_if_nothing_succeeded(at_the_end=True)

    def _loop(self) -> None:
        if self.stop != _NEVER and not self._orphans:
            self._stop_early()
        while not self._is_over():
            while self._busy < self.executor.slots and self._may_start():
                self._start_next()
            if not self._busy:
                return
            if self.executor.slots > 1 and not self.reason:
                # With one slot everything that will be known is worth the wait.
                self._supply.draw_ahead()
            for event in self._wait():
                self._take(event)

    def _wait(self) -> list[JobEvent]:
        remaining = self.budget.remaining if self.limits.kill_at_end else math.inf
        self.interrupts.waiting = True
        try:
            if self.interrupts.signum is not None:
                return []
            return self.executor.wait(None if math.isinf(remaining) else max(0.0, remaining))
        finally:
            self.interrupts.waiting = False

    def _is_over(self) -> bool:
        """Whether to end at once, without waiting for what runs."""
        if self.interrupts.signum is not None:
            self._interrupted()
            return True
        if self.limits.kill_at_end and self.budget.remaining <= 0:
            self.reason = self.reason or "budget used"
            return True
        return False

    def _interrupted(self) -> None:
        self.interrupted = True
        by_term = self.interrupts.signum == signal.SIGTERM
        self.reason = "ended by SIGTERM" if by_term else "interrupted"

    @property
    def _busy(self) -> int:
        return len(self.state.running) - len(self._orphans)

    def _may_start(self) -> bool:
        if self.reason:
            return False
        # An orphan has used up its step already.
        may = self.budget.may_start(-1) if self._orphans else self._supply.may_start()
        if not may:
            self.reason = "budget used"
        return not self.reason

    def _start_next(self) -> None:
        """Submit an orphan, or else a candidate that was not seen before."""
        if self._orphans:
            candidate_id = self._orphans.popleft()
            self._submit(self.state.running[candidate_id].candidate, Restarted(candidate_id))
            return
        event = self._supply.next()
        if isinstance(event, Started):
            self._submit(event.candidate, event)
        elif event is None:
            self.reason = "budget used"
        else:
            self.reason = "every candidate of the space has been evaluated"
            self._observe(event)

    def _submit(self, candidate: Candidate, event: Started | Restarted) -> None:
        self._observe(event)
        if self.callbacks:
            info = ParamInfo(candidate.type, self.state.time)
            self._infos[candidate.id] = candidate, info
            self.callbacks.call("on_evaluate_start", candidate.params, info)
        folder = None if self.work_dir is None else self.work_dir.prepare(candidate)
        job = Job(
            candidate.id,
            self.objective,
            candidate.params,
            self.limits.timeout,
            shared=self._shared,
            folder=folder,
        )
        if self.advice is not None and candidate.type is not CandidateType.REEVALUATION:
            job = job._replace(advise=self.advice)
        self.executor.submit(job)

    def _take(self, event: JobEvent) -> None:
        """Take an event into the state, and tell everyone."""
        before = self.state.best
        evaluation = self._observe(event)
        if evaluation is None or not isinstance(event, Ended):
            return
        if self.budget.remaining < 0 and evaluation.status is not Status.CANCELLED:
            self.late = evaluation
        self._supply.learn(evaluation)
        if self.advice is not None:
            self.advice.learn(evaluation)
        new_best = self.state.best is not before
        if self.work_dir is not None:
            self.work_dir.finish(evaluation, event.outcome.details, new_best)
        self._notify(evaluation, new_best)
        if self.checkpoint is not None:
            self.checkpoint.keep(self.states)
        if self.stop != _NEVER:
            self._stop_early()
        if event.outcome.status is Status.CANCELLED or evaluation.status is not Status.FAILED:
            return
        self._complain_if_nothing_succeeded(at_the_end=False)
        if self.raise_on_error:
            params = self.space.build(evaluation.point)
            raise EvaluationError(params, evaluation.reason, event.outcome.details)

    def states(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the events."""
        pruner = [] if self.advice is None else self.advice.stored()
        return {"callbacks": self.callbacks.state_dicts(), "pruner": pruner}

    def _notify(self, evaluation: Evaluation, new_best: bool) -> None:
        if not self.callbacks:
            return
        candidate, info = self._infos.pop(evaluation.id)
        info.finished_at = evaluation.finished_at
        info.is_pruned = evaluation.status is Status.PRUNED
        info.is_nan = evaluation.status is Status.NAN
        info.estimates, info.metrics = evaluation.estimates, evaluation.metrics
        info.reason = evaluation.reason
        # Anew, since the objective may have changed its dict.
        params = self.space.build(candidate.point)
        if evaluation.status is Status.DONE:
            self.callbacks.call("on_evaluate_end", params, evaluation.value, info)
            if new_best and (best := self.state.best) is not None:
                # After a re-evaluation the best may be another candidate than this one.
                if best.point is not evaluation.point:
                    params = self.space.build(best.point)
                self.callbacks.call("on_new_best", params, best.value, info)
        elif evaluation.status is not Status.CANCELLED:
            self.callbacks.call(f"on_evaluate_{evaluation.status.value}", params, info)

    def _stop_early(self) -> None:
        stop, best = self.stop, self.state.best
        steps, since = self.state.unimproved
        if stop.value is not None and best is not None:
            reached = best.value >= stop.value if self.state.maximize else best.value <= stop.value
            if reached:
                self.reason = f"the target {stop.value:g} is reached"
        if stop.patience_steps is not None and steps >= stop.patience_steps:
            self.reason = f"no better value in {steps} evaluations"
        waited = self.state.elapsed - since
        if stop.patience_seconds is not None and waited >= stop.patience_seconds:
            self.reason = f"no better value in {waited:.0f} seconds"

    def _complain_if_nothing_succeeded(self, *, at_the_end: bool) -> None:
        """Raise if every evaluation has failed and that looks like a bug."""
        state = self.state
        if state.first_failure is None or not state.all_failed or self.interrupted:
            return
        failed = state.ended - state.before_success.ended
        candidate, outcome = state.first_failure
        if outcome.misuse:
            raise ObjectiveError(outcome.reason)
        if self.raise_on_error:
            raise EvaluationError(candidate.params, outcome.reason, outcome.details)
        if at_the_end or failed >= max(_FAILURES_AT_FIRST, self.executor.slots):
            raise SearchFailedError(failed, candidate.params, outcome.reason, outcome.details)

    def _abandon(self) -> None:
        """End what still runs, and note it as cancelled."""
        reason = f"the search ended: {self.reason}" if self.reason else "the search ended"
        for job_id in list(self.state.running):
            self.executor.cancel(job_id, reason)
            outcome = Outcome(Status.CANCELLED, math.nan, reason=reason)
            # Not in the checkpoint: there it is open, and runs first when the search goes on.
            observe(self.state, Ended(job_id, outcome), self.budget.stamp())
            self._infos.pop(job_id, None)

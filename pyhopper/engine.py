"""One run of a search: propose, submit, wait, observe, until the budget is used."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from pyhopper.budget import Budget, Phase
from pyhopper.callbacks.base import Callbacks
from pyhopper.errors import EvaluationError, ObjectiveError, SearchFailedError
from pyhopper.events import (
    Cancelled,
    Candidate,
    CandidateType,
    Event,
    Outcome,
    ParamInfo,
    Status,
)
from pyhopper.executors import Executor, Job
from pyhopper.history import Evaluation, Started, State, observe
from pyhopper.kernels import Proposal, View, propose
from pyhopper.leaders import CHECK_FROM
from pyhopper.objective import Objective
from pyhopper.options import Stop
from pyhopper.parameters import Partial
from pyhopper.pruners import Advice
from pyhopper.space import Space

_FAILURES_AT_FIRST = 5
"""So many failures without any success mean that something is wrong with the objective."""

_NEVER = Stop()

_REDRAWS = 1000
_LOCAL_REDRAWS = 100
"""After so many duplicates around the best point, proposals come from the whole space."""


@dataclass
class Run:
    """One run of a search: :meth:`run` does it all, then ``reason`` says why it ended.

    ``queue`` holds the user's guesses; the other fields are explained where they are defined.
    """

    space: Space
    state: State
    seed: int
    queue: deque[Partial]
    objective: Objective
    executor: Executor
    budget: Budget
    callbacks: Callbacks
    stop: Stop = field(default_factory=Stop)
    reject_duplicates: bool = True
    raise_on_error: bool = False
    advice: Advice | None = None
    reason: str = ""
    interrupted: bool = False

    def __post_init__(self) -> None:
        self._offset = self.state.started
        self._infos: dict[int, tuple[Candidate, ParamInfo]] = {}
        self._exhausted = False
        self._since_best = (0, 0.0)

    @property
    def started(self) -> int:
        """Candidates started in this run."""
        return self.state.started - self._offset

    def run(self) -> None:
        """Search until the budget is used, the space exhausted, or Ctrl-C.

        Raises
        ------
        SearchFailedError, ObjectiveError, EvaluationError
            See :mod:`pyhopper.errors`.
        """
        self._since_best = (0, self.budget.elapsed)
        try:
            self._loop()
        except KeyboardInterrupt:
            self.interrupted = True
            self.reason = "interrupted"
        finally:
            self._abandon()
            self.executor.close()
        self._complain_if_nothing_succeeded(at_the_end=True)

    def _loop(self) -> None:
        while True:
            while len(self.state.running) < self.executor.slots and self._may_start():
                self._start_next()
            if not self.state.running:
                return
            for event in self.executor.wait(None):
                self._take(event)

    def _may_start(self) -> bool:
        if self.reason:
            return False
        if not self.budget.may_start(self.started):
            self.reason = "budget used"
        return not self.reason

    def _start_next(self) -> None:
        """Propose a candidate that was not seen before, and submit it."""
        candidate_id = self.state.started
        rng = np.random.default_rng([self.seed, candidate_id])
        phase = self.budget.phase(self.started, rng.random())
        if self._check_leader(candidate_id, phase):
            return
        redrawn = 0
        while True:
            proposal = self._proposal(rng, phase, redrawn)
            candidate_type, point = proposal.type, proposal.point
            key = self.state.key(point)
            if not self.reject_duplicates or key not in self.state.seen:
                break
            redrawn += 1
            if self.callbacks:
                info = ParamInfo(candidate_type, self.budget.clock.time())
                self.callbacks.call("on_duplicate_sampled", self.space.build(point), info)
            if self._is_exhausted(redrawn):
                self.reason = "every candidate of the space has been evaluated"
                self.state.duplicates += redrawn
                return
        candidate = Candidate(candidate_id, candidate_type, self.space.build(point), point)
        self._submit(Started(candidate, redrawn, key))

    def _check_leader(self, candidate_id: int, phase: Phase) -> bool:
        """At the end of the budget, start a leader again if the objective is known to be noisy."""
        if phase.spent < CHECK_FROM or self.queue:
            return False
        leader = self.state.leaders.next_to_check()
        if leader is None:
            return False
        point = leader.evaluation.point
        kind = CandidateType.REEVALUATION
        candidate = Candidate(candidate_id, kind, self.space.build(point), point)
        self._submit(Started(candidate, key=leader.key))
        return True

    def _proposal(self, rng: np.random.Generator, phase: Phase, redrawn: int) -> Proposal:
        if self.state.started == 0 and redrawn == 0:
            point = self.space.start(rng)
            if self.space.allows(point):
                return Proposal(point, CandidateType.INIT)
        best = None if self.state.best is None else self.state.best.point
        if self.queue:
            point = self.space.complete(self.queue.popleft(), best, rng)
            return Proposal(point, CandidateType.MANUALLY_ADDED)
        if redrawn >= _LOCAL_REDRAWS and redrawn % 2:
            # Either rule may be at its end: a whole neighbourhood, or few values to draw from.
            phase = phase._replace(seeding=not phase.seeding)
        return propose(rng, View(self.space, best, phase))

    def _is_exhausted(self, redrawn: int) -> bool:
        if self.queue:
            return False
        size = self.space.size
        if size is not None and len(self.state.seen) >= size:
            return True
        # A draw misses the last of n points 20 n times in a row once in e**20 cases.
        return redrawn >= (_REDRAWS if size is None else max(_REDRAWS, 40 * min(size, 10**5)))

    def _submit(self, event: Started) -> None:
        now, candidate = self.budget.stamp(), event.candidate
        observe(self.state, event, now)
        if self.callbacks:
            info = ParamInfo(candidate.type, now.time)
            self._infos[candidate.id] = candidate, info
            self.callbacks.call("on_evaluate_start", candidate.params, info)
        job = Job(candidate.id, self.objective, candidate.params)
        if self.advice is not None and candidate.type is not CandidateType.REEVALUATION:
            job = job._replace(advise=self.advice)
        self.executor.submit(job)

    def _take(self, event: Event) -> None:
        """Take an event into the state, and tell everyone."""
        now = self.budget.stamp()
        before = self.state.best
        evaluation = observe(self.state, event, now)
        if evaluation is None:
            return
        if evaluation.status in (Status.DONE, Status.NAN):
            # A pruned evaluation does not tell how long a full one takes.
            self.budget.forecast.add(evaluation.seconds)
        if self.advice is not None:
            self.advice.learn(evaluation)
        new_best = self.state.best is not before
        self._notify(evaluation, new_best)
        if new_best:
            self._since_best = (0, self.budget.elapsed)
        else:
            steps, since = self._since_best
            self._since_best = (steps + 1, since)
        if self.stop != _NEVER:
            self._stop_early()
        if isinstance(event, Cancelled) or evaluation.status is not Status.FAILED:
            return
        self._complain_if_nothing_succeeded(at_the_end=False)
        if self.raise_on_error:
            params = self.space.build(evaluation.point)
            raise EvaluationError(params, evaluation.reason, event.outcome.details)  # type: ignore[union-attr]

    def _notify(self, evaluation: Evaluation, new_best: bool) -> None:
        if not self.callbacks:
            return
        candidate, info = self._infos.pop(evaluation.id)
        info.finished_at = evaluation.finished_at
        info.is_pruned = evaluation.status is Status.PRUNED
        info.is_nan = evaluation.status is Status.NAN
        info.estimates, info.metrics = evaluation.estimates, evaluation.metrics
        info.reason = evaluation.reason
        params = candidate.params
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
        steps, since = self._since_best
        if stop.value is not None and best is not None:
            reached = best.value >= stop.value if self.state.maximize else best.value <= stop.value
            if reached:
                self.reason = f"the target {stop.value:g} is reached"
        if stop.patience_steps is not None and steps >= stop.patience_steps:
            self.reason = f"no better value in {steps} evaluations"
        waited = self.budget.elapsed - since
        if stop.patience_seconds is not None and waited >= stop.patience_seconds:
            self.reason = f"no better value in {waited:.0f} seconds"

    def _complain_if_nothing_succeeded(self, *, at_the_end: bool) -> None:
        """Raise if every evaluation has failed and that looks like a bug."""
        state = self.state
        failed = state.count(Status.FAILED)
        if state.first_failure is None or failed < state.ended or self.interrupted:
            return
        candidate, outcome = state.first_failure
        if outcome.misuse:
            raise ObjectiveError(outcome.reason)
        if self.raise_on_error:
            raise EvaluationError(candidate.params, outcome.reason, outcome.details)
        if at_the_end or failed >= max(_FAILURES_AT_FIRST, self.executor.slots):
            raise SearchFailedError(failed, candidate.params, outcome.reason, outcome.details)

    def _abandon(self) -> None:
        """Note what still runs as cancelled."""
        for job_id in list(self.state.running):
            self.executor.cancel(job_id, "the search ended")
            outcome = Outcome(Status.CANCELLED, math.nan, reason="the search ended")
            observe(self.state, Cancelled(job_id, outcome), self.budget.stamp())
            self._infos.pop(job_id, None)

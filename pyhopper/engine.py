"""One run of a search: propose, submit, wait, observe, until the budget is used."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pyhopper.budget import Budget, Phase, Thinking
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
from pyhopper.kernels import Proposal, Proposer
from pyhopper.objective import Objective
from pyhopper.options import Stop
from pyhopper.parameters import Partial
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
    repeatable: bool = False
    reason: str = ""
    interrupted: bool = False

    def __post_init__(self) -> None:
        self._offset = self.state.started
        self._infos: dict[int, tuple[Candidate, ParamInfo]] = {}
        self._exhausted = False
        self._since_best = (0, 0.0)
        self._proposer = Proposer(self.space, self.seed)
        self._thinking = Thinking(self.budget, self.executor.slots, self.repeatable)

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
        redrawn = 0
        for proposal in self._proposals(rng, phase):
            candidate_type, point = proposal.type, proposal.point
            key = self.state.key(point)
            if not self.reject_duplicates or key not in self.state.seen:
                break
            redrawn += 1
            self._proposer.drop(candidate_id)
            if self.callbacks:
                info = ParamInfo(candidate_type, self.budget.clock.time())
                self.callbacks.call("on_duplicate_sampled", self.space.build(point), info)
            if self._is_exhausted(redrawn):
                self.reason = "every candidate of the space has been evaluated"
                self.state.duplicates += redrawn
                return
        params = self.space.build(point)
        candidate = Candidate(candidate_id, candidate_type, params, point, proposal.screening)
        self._submit(Started(candidate, redrawn, key))

    def _proposals(self, rng: np.random.Generator, phase: Phase) -> Iterator[Proposal]:
        """Propose points for one candidate without end, the most promising first."""
        if self.state.started == 0:
            point = self.space.start(rng)
            if self.space.allows(point):
                yield Proposal(point, CandidateType.INIT)
        best = None if self.state.best is None else self.state.best.point
        while self.queue:
            point = self.space.complete(self.queue.popleft(), best, rng)
            yield Proposal(point, CandidateType.MANUALLY_ADDED)
        thought, before = self._thinking.next(), self.budget.elapsed
        proposals = self._proposer.propose(rng, self.state, phase, thought)
        self._thinking.proposed(thought, self.budget.elapsed - before)
        yield from proposals
        for redrawn in itertools.count():
            wide = redrawn >= _LOCAL_REDRAWS and redrawn % 2 == 1
            again = phase._replace(seeding=True) if wide else phase
            yield self._proposer.fallback(rng, self.state, again)

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
        self.executor.submit(Job(candidate.id, self.objective, candidate.params))

    def _take(self, event: Event) -> None:
        """Take an event into the state, and tell everyone."""
        now = self.budget.stamp()
        before = self.state.best
        evaluation = observe(self.state, event, now)
        if evaluation is None:
            return
        if evaluation.status in (Status.DONE, Status.PRUNED, Status.NAN):
            self.budget.forecast.add(evaluation.seconds)
        self._thinking.evaluated(evaluation.seconds)
        self._proposer.observe(evaluation, self.state)
        self._notify(evaluation)
        if self.state.best is not before:
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

    def _notify(self, evaluation: Evaluation) -> None:
        if not self.callbacks:
            return
        candidate, info = self._infos.pop(evaluation.id)
        info.finished_at = evaluation.finished_at
        info.is_pruned = evaluation.status is Status.PRUNED
        info.is_nan = evaluation.status is Status.NAN
        params = candidate.params
        if evaluation.status is Status.DONE:
            self.callbacks.call("on_evaluate_end", params, evaluation.value, info)
            if self.state.best is evaluation:
                self.callbacks.call("on_new_best", params, evaluation.value, info)
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

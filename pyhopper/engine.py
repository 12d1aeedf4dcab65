"""One run of a search: propose, submit, wait, observe, until the budget is used."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

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
from pyhopper.history import Evaluation, State, observe
from pyhopper.journal import Checkpoint, from_json
from pyhopper.kernels import Proposal, View, propose
from pyhopper.notes import Dropped, Note, Restarted, Started
from pyhopper.objective import Objective
from pyhopper.options import Stop
from pyhopper.space import Space
from pyhopper.workdir import WorkDir

_FAILURES_AT_FIRST = 5
"""So many failures without any success mean that something is wrong with the objective."""

_NEVER = Stop()

_REDRAWS = 1000
_LOCAL_REDRAWS = 100
"""After so many duplicates around the best point, proposals come from the whole space."""


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
    checkpoint: Checkpoint | None = None
    work_dir: WorkDir | None = None
    reason: str = ""
    interrupted: bool = False

    def __post_init__(self) -> None:
        self._infos: dict[int, tuple[Candidate, ParamInfo]] = {}
        # What ran when an earlier process ended runs first.
        self._orphans = deque(self.state.running)
        for each in self.state.evaluations[-32:]:
            if each.id >= self.state.base.started:
                self._forecast(each)

    @property
    def started(self) -> int:
        """Candidates started in this budget."""
        return self.state.started - self.state.base.started

    def _observe(self, event: Event | Note) -> Evaluation | None:
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
            while self._busy < self.executor.slots and self._may_start():
                self._start_next()
            if not self._busy:
                return
            for event in self.executor.wait(None):
                self._take(event)

    @property
    def _busy(self) -> int:
        return len(self.state.running) - len(self._orphans)

    def _may_start(self) -> bool:
        if self.reason:
            return False
        # An orphan has used up its step already.
        if not self.budget.may_start(-1 if self._orphans else self.started):
            self.reason = "budget used"
        return not self.reason

    def _start_next(self) -> None:
        """Submit an orphan, or else propose a candidate and submit it."""
        if self._orphans:
            candidate_id = self._orphans.popleft()
            self._submit(self.state.running[candidate_id].candidate, Restarted(candidate_id))
            return
        started = self.propose()
        if started is not None:
            self._submit(started.candidate, started)

    def propose(self, holder: str = "") -> Started | None:
        """A candidate that was not seen before; None, and a reason, if there is none left."""
        candidate_id = self.state.started
        rng = np.random.default_rng([self.seed, candidate_id])
        phase = self.budget.phase(self.started, rng.random())
        redrawn = guesses = 0
        while True:
            proposal = self._proposal(rng, phase, redrawn, guesses)
            guesses += proposal.type is CandidateType.MANUALLY_ADDED
            candidate_type, point = proposal.type, proposal.point
            key = self.state.key(point)
            if not self.reject_duplicates or key not in self.state.seen:
                break
            redrawn += 1
            if self.callbacks:
                info = ParamInfo(candidate_type, self.budget.clock.time())
                self.callbacks.call("on_duplicate_sampled", self.space.build(point), info)
            if guesses == len(self.state.queue) and self._is_exhausted(redrawn):
                self.reason = "every candidate of the space has been evaluated"
                self._observe(Dropped(redrawn, guesses))
                return None
        candidate = Candidate(candidate_id, candidate_type, self.space.build(point), point)
        return Started(candidate, redrawn, guesses, holder, key)

    def _proposal(
        self, rng: np.random.Generator, phase: Phase, redrawn: int, guesses: int
    ) -> Proposal:
        if self.state.started == 0 and redrawn == 0:
            point = self.space.start(rng)
            if self.space.allows(point):
                return Proposal(point, CandidateType.INIT)
        best = None if self.state.best is None else self.state.best.point
        if guesses < len(self.state.queue):
            point = self.space.complete(self.state.queue[guesses], best, rng)
            return Proposal(point, CandidateType.MANUALLY_ADDED)
        if redrawn >= _LOCAL_REDRAWS and redrawn % 2:
            phase = phase._replace(seeding=True)
        return propose(rng, View(self.space, best, phase))

    def _is_exhausted(self, redrawn: int) -> bool:
        size = self.space.size
        if size is not None and len(self.state.seen) >= size:
            return True
        # A draw misses the last of n points 20 n times in a row once in e**20 cases.
        return redrawn >= (_REDRAWS if size is None else max(_REDRAWS, 40 * min(size, 10**5)))

    def _submit(self, candidate: Candidate, event: Started | Restarted) -> None:
        self._observe(event)
        if self.callbacks:
            info = ParamInfo(candidate.type, self.state.time)
            self._infos[candidate.id] = candidate, info
            self.callbacks.call("on_evaluate_start", candidate.params, info)
        folder = None if self.work_dir is None else self.work_dir.prepare(candidate)
        job = Job(candidate.id, self.objective, candidate.params, folder=folder)
        self.executor.submit(job)

    def _take(self, event: Event) -> None:
        """Take an event into the state, and tell everyone."""
        evaluation = self._observe(event)
        if evaluation is None:
            return
        self._forecast(evaluation)
        if self.work_dir is not None:
            self.work_dir.finish(evaluation, event.outcome.details, self.state.best is evaluation)  # type: ignore[union-attr]
        self._notify(evaluation)
        if self.checkpoint is not None:
            self.checkpoint.keep(self.states())
        if self.stop != _NEVER:
            self._stop_early()
        if isinstance(event, Cancelled) or evaluation.status is not Status.FAILED:
            return
        self._complain_if_nothing_succeeded(at_the_end=False)
        if self.raise_on_error:
            params = self.space.build(evaluation.point)
            raise EvaluationError(params, evaluation.reason, event.outcome.details)  # type: ignore[union-attr]

    def _forecast(self, evaluation: Evaluation) -> None:
        if evaluation.status in (Status.DONE, Status.PRUNED, Status.NAN):
            self.budget.forecast.add(evaluation.seconds)

    def states(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the events."""
        return {"callbacks": self.callbacks.state_dicts()}

    def load_states(self, states: dict[str, Any]) -> None:
        """Take back what :meth:`states` gave to a checkpoint."""
        self.callbacks.load_state_dicts(from_json(states.get("callbacks", [])))

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
        steps, since = self.state.stale
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
            # Not in the checkpoint: there it is open, and runs first when the search goes on.
            observe(self.state, Cancelled(job_id, outcome), self.budget.stamp())
            self._infos.pop(job_id, None)

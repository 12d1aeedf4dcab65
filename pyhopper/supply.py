"""What runs next: the user's guesses, the kernels' proposals, leaders again; no duplicates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pyhopper.budget import Budget, Phase
from pyhopper.callbacks.base import Callbacks
from pyhopper.events import Candidate, CandidateType, Dropped, ParamInfo, Started, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.leaders import CHECK_FROM
from pyhopper.history.state import State
from pyhopper.kernels import Proposal, Proposer
from pyhopper.kernels.effort import Thinking
from pyhopper.parameters import MISSING
from pyhopper.parameters.space import Space

_REDRAWS = 1000
_LOCAL_REDRAWS = 100
"""After so many duplicates around the best point, proposals come from the whole space."""

_STALE = 0.01
"""A proposal is out of date after this share of the budget."""


class _Ahead(NamedTuple):
    """A candidate drawn in advance, and what it was made from."""

    event: Started
    best: Evaluation | None
    phase: Phase


class Supply:
    """Draws candidates for a search.

    Parameters
    ----------
    space : Space
        Where to draw from.
    state : State
        What the search knows; not changed here.
    seed : int
        Each candidate has a generator made from this and its number.
    budget : Budget
        In which phase the search is.
    callbacks : Callbacks
        Are told of duplicates.
    slots : int
        How many evaluations run at the same time.
    repeatable : bool
        Whether nothing may depend on the clock, as far as the budget does not.
    reject_duplicates : bool
        Whether to draw again what was drawn before.
    proposer : Proposer, optional
        One that knows the search already.
    """

    def __init__(
        self,
        space: Space,
        state: State,
        seed: int,
        budget: Budget,
        callbacks: Callbacks,
        slots: int = 1,
        repeatable: bool = False,
        reject_duplicates: bool = True,
        proposer: Proposer | None = None,
    ) -> None:
        self._space = space
        self._state = state
        self._seed = seed
        self._budget = budget
        self._callbacks = callbacks
        self._reject_duplicates = reject_duplicates
        self._proposer = proposer or Proposer(space, seed, repeatable)
        self._thinking = Thinking(budget, slots, repeatable)
        for tally in state.tallies.values():
            self._thinking.evaluated(tally.seconds, tally.evaluated)
        for each in state.evaluations[-32:]:
            if each.id >= state.before_budget.started:
                self._forecast(each)
        self._ahead: _Ahead | None = None
        self._has_init = any(leaf.param.init is not MISSING for leaf in space.leaves)

    @property
    def started(self) -> int:
        """Candidates started in this budget."""
        return self._state.started - self._state.before_budget.started

    @property
    def learns(self) -> bool:
        """Whether proposals depend on more than the seed and the events before them."""
        return self._proposer.learns(self._thinking.next(), self._state)

    def learn(self, evaluation: Evaluation) -> None:
        """Take in an evaluation that has ended."""
        self._forecast(evaluation)
        self._thinking.evaluated(evaluation.seconds)
        self._proposer.observe(evaluation, self._state)

    def _forecast(self, evaluation: Evaluation) -> None:
        if evaluation.status in (Status.DONE, Status.NAN):
            # A pruned evaluation does not tell how long a full one takes.
            self._budget.forecast.add(evaluation.seconds)

    def may_start(self) -> bool:
        """Whether the budget has room for another candidate."""
        return self._budget.may_start(self.started, self._proposer.knows_durations)

    def next(self, holder: str = "") -> Started | Dropped | None:
        """The next candidate to start.

        Parameters
        ----------
        holder : str
            Who evaluates it, if not the process of the search.

        Returns
        -------
        Started, Dropped or None
            Dropped is what was thrown away if there is none that is new; None if there is none that
            is expected to end in time.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None and self._is_fresh(ahead):
            return ahead.event
        return self._draw(holder)

    def draw_ahead(self) -> None:
        """Draw while others run, so that the next slot that is free need not wait for it."""
        if self._state.queue or (self._ahead is not None and self._is_fresh(self._ahead)):
            return
        if not self.may_start():
            return
        phase = self._budget.phase(self.started, 0.0)
        event = self._draw("")
        if isinstance(event, Started):
            self._ahead = _Ahead(event, self._state.best, phase)

    def _is_fresh(self, ahead: _Ahead) -> bool:
        """Whether a candidate drawn earlier is as good as a new one."""
        event, best, before = ahead
        same_id = event.candidate.id == self._state.started
        if self._state.queue or best is not self._state.best or not same_id:
            return False
        if (event.candidate.expected_seconds or 0.0) > self._budget.remaining:
            return False
        phase = self._budget.phase(self.started, 0.0)
        if phase.seeding is not before.seeding or phase.spent - before.spent > _STALE:
            return False
        return not self._reject_duplicates or event.key not in self._state.seen

    def _draw(self, holder: str) -> Started | Dropped | None:
        state = self._state
        candidate_id = state.started
        rng = np.random.default_rng([self._seed, candidate_id])
        phase = self._budget.phase(self.started, rng.random())
        leader = self._leader(candidate_id, phase)
        if leader is not None:
            return leader._replace(holder=holder)
        redrawn = guesses = misfits = 0
        for proposal in self._proposals(rng, phase):
            guesses += proposal.type is CandidateType.MANUALLY_ADDED
            key = state.key(proposal.point)
            if proposal.type is CandidateType.MANUALLY_ADDED:
                seconds = None  # the user wants it, however long it takes
                if not self._space.allows(proposal.point):
                    continue
            else:
                seconds = self._proposer.seconds(proposal.point)
            if seconds is not None and seconds > self._budget.remaining:
                misfits += 1
                if misfits > _LOCAL_REDRAWS:
                    return None
                continue
            if not self._reject_duplicates or key not in state.seen:
                break
            redrawn += 1
            self._proposer.drop(candidate_id)
            if self._callbacks:
                info = ParamInfo(proposal.type, self._budget.clock.time())
                params = self._space.build(proposal.point)
                self._callbacks.call("on_duplicate_sampled", params, info)
            if guesses == len(state.queue) and self._is_exhausted(redrawn):
                return Dropped(redrawn, guesses)
        candidate = Candidate(
            candidate_id,
            proposal.type,
            self._space.build(proposal.point),
            proposal.point,
            proposal.screening,
            self._expected(seconds),
        )
        return Started(candidate, redrawn, guesses, holder, key)

    def _expected(self, seconds: float | None) -> float | None:
        """How long a candidate takes at most, if that decides whether it starts."""
        if math.isinf(self._budget.remaining):
            return None
        return seconds or self._budget.forecast.seconds() or None

    def _leader(self, candidate_id: int, phase: Phase) -> Started | None:
        """At the end of the budget, a leader again if the objective is known to be noisy."""
        if phase.spent < CHECK_FROM or self._state.queue:
            return None
        leader = self._state.leaders.next_to_check()
        if leader is None:
            return None
        point, kind = leader.evaluation.point, CandidateType.REEVALUATION
        candidate = Candidate(candidate_id, kind, self._space.build(point), point)
        return Started(candidate, key=leader.key)

    def _proposals(self, rng: np.random.Generator, phase: Phase) -> Iterator[Proposal]:
        """Points for one candidate without end, the most promising first."""
        state = self._state
        best = None if state.best is None else state.best.point
        for guess in list(state.queue):
            point = self._space.complete(guess, best, rng)
            yield Proposal(point, CandidateType.MANUALLY_ADDED)
        if self._is_start_due():
            point = self._space.start(rng)
            known = (
                state.started > state.before_success.started
                and self._space.key(point) in state.seen
            )
            if self._space.allows(point) and not known:
                yield Proposal(point, CandidateType.INIT)
        thought, before = self._thinking.next(), self._budget.elapsed
        proposals = self._proposer.propose(rng, state, phase, thought, self._budget.remaining)
        self._thinking.proposed(thought, self._budget.elapsed - before)
        yield from proposals
        for redrawn in itertools.count():
            # Either rule may be at its end: a whole neighbourhood, or few values to draw from.
            other = redrawn >= _LOCAL_REDRAWS and redrawn % 2 == 1
            again = phase._replace(seeding=not phase.seeding) if other else phase
            yield self._proposer.fallback(rng, state, again)

    def _is_start_due(self) -> bool:
        """Whether to begin with ``init``, or with the middle of the space if there is no guess."""
        state, kind = self._state, CandidateType.INIT
        if state.started == state.before_success.started:
            return True
        if not self._has_init or state.tallies[kind].evaluated:
            return False
        return all(each.candidate.type is not kind for each in state.running.values())

    def _is_exhausted(self, redrawn: int) -> bool:
        size = self._space.size
        if size is not None and len(self._state.seen) >= size:
            # What does not fit the space any more is no part of it.
            misfits = sum(not each.fits for each in self._state.evaluations)
            return len(self._state.seen) - misfits >= size
        # A draw misses the last of n points 20 n times in a row once in e**20 cases.
        return redrawn >= (_REDRAWS if size is None else max(_REDRAWS, 40 * min(size, 10**5)))

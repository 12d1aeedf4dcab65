"""The next candidate: a guess of the user's, a proposal of the kernels, or a leader once more."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pyhopper.budget import Budget, Phase, Stamp
from pyhopper.errors import ConstraintError, ConstraintFailedError
from pyhopper.events import Candidate, CandidateType, Dropped, Outcome, Started, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.leaders import CHECK_FROM
from pyhopper.history.state import State
from pyhopper.kernels import Proposal, Proposer
from pyhopper.kernels.effort import Effort, Thinking
from pyhopper.parameters import MISSING
from pyhopper.parameters.space import Space

_REDRAWS = 1000
"""Duplicates in a row after which a space is taken to be exhausted."""

_LOCAL_REDRAWS = 100
"""Duplicates in a row around the best point after which proposals come from the whole space."""

_BARREN = 20
"""Draws of which 10,000 each broke a constraint, after which there is taken to be nothing else."""

_OUTDATED_AFTER = 0.01
"""Share of the budget after which a candidate that was drawn in advance is drawn again."""


_Drawn = TypeVar("_Drawn")


class _Ahead(NamedTuple):
    """A candidate drawn in advance, and what it was made from."""

    event: Started
    best: Evaluation | None
    phase: Phase


def _ignore(proposal: Proposal) -> None:
    pass


class Streams:
    """The random numbers of each candidate: a stream of its own, by its number.

    All streams are parts of one counter-based generator (Philox, Salmon et al. 2011), which jumps
    to any of them in a tenth of the time that a new generator takes.

    Parameters
    ----------
    seed : int
        The search's.
    """

    def __init__(self, seed: int) -> None:
        key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        self._bits = np.random.Philox(key=key)
        self._start: Any = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def at(self, candidate_id: int) -> np.random.Generator:
        """The generator at the start of a candidate's stream. It is the same object each time."""
        self._start["state"]["counter"][2] = candidate_id
        self._bits.state = self._start
        return self._generator


class Supply:
    """Draws candidates for a search. It is a listener: what ends is told to the kernels.

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
    slots : int
        How many evaluations run at the same time.
    repeatable : bool
        Whether the candidates may not depend on the clock, beyond what the budget does.
    reject_duplicates : bool
        Whether to draw again what was drawn before.
    on_duplicate : callable
        Is called with each proposal that was drawn before.
    proposer : Proposer, optional
        One that has learned from the search already.
    shared : bool
        Whether candidates hold the constants of the template themselves, see :meth:`Space.build`.
    """

    def __init__(
        self,
        space: Space,
        state: State,
        seed: int,
        budget: Budget,
        *,
        slots: int = 1,
        repeatable: bool = False,
        reject_duplicates: bool = True,
        on_duplicate: Callable[[Proposal], None] = _ignore,
        proposer: Proposer | None = None,
        shared: bool = False,
    ) -> None:
        self.proposer = proposer or Proposer(space, seed, repeatable)
        self._space = space
        self._state = state
        self._streams = Streams(seed)
        self._budget = budget
        self._reject_duplicates = reject_duplicates
        self._on_duplicate = on_duplicate
        self._shared = shared
        self._thinking = Thinking(budget, slots, repeatable)
        for tally in state.tallies.values():
            self._thinking.evaluated(tally.seconds, tally.evaluated)
        present = [e for e in state.evaluations if e.id >= state.before_budget.started]
        if present:
            budget.first_end = present[0].elapsed - state.before_budget.elapsed
        for each in present[-32:]:
            self._forecast(each)
        running = [each.candidate.type for each in state.running.values()]
        kinds = {*(each.type for each in present), *running}
        self._has_seeded = CandidateType.RANDOM_SEEDING in kinds or not state.keep_history
        self._ahead: _Ahead | None = None
        self._has_init = any(leaf.param.init is not MISSING for leaf in space.leaves)

    @property
    def _started(self) -> int:
        """Candidates started in this budget."""
        return self._state.started - self._state.before_budget.started

    @property
    def learns(self) -> bool:
        """Whether proposals depend on more than the seed and the events before them."""
        return self.proposer.learns(self._thinking.next(), self._state)

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """Note that a candidate runs."""
        self._has_seeded |= candidate.type is CandidateType.RANDOM_SEEDING

    def ended(
        self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None = None
    ) -> None:
        """Learn from an evaluation that has ended."""
        if self._budget.first_end is None:
            self._budget.first_end = evaluation.elapsed - self._state.before_budget.elapsed
        self._forecast(evaluation)
        self._thinking.evaluated(evaluation.seconds)
        self.proposer.observe(evaluation, self._state)

    def _forecast(self, evaluation: Evaluation) -> None:
        # A pruned evaluation does not tell how long a full one takes.
        if evaluation.status in (Status.DONE, Status.NAN):
            forecast = self._budget.forecast
            add = forecast.add_first if evaluation.is_first else forecast.add
            add(evaluation.seconds)

    def may_start(self) -> bool:
        """Whether the budget has room for another candidate."""
        return self._budget.may_start(self._started, self.proposer.knows_durations)

    def expected_seconds(self) -> float:
        """How long the next evaluation is expected to take, to decide whether it starts."""
        return self._budget.expected(self.proposer.knows_durations)

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
        if ahead is not None and self._is_up_to_date(ahead):
            return ahead.event
        return self._draw(holder)

    def draw_ahead(self, holder: str = "") -> None:
        """Draw while others run, so that the next slot that is free need not wait for it."""
        if self._state.queue or (self._ahead is not None and self._is_up_to_date(self._ahead)):
            return
        if not self.may_start():
            return
        phase = self._phase(0.0)
        event = self._draw(holder)
        if isinstance(event, Started):
            self._ahead = _Ahead(event, self._state.best, phase)

    def _is_up_to_date(self, ahead: _Ahead) -> bool:
        """Whether a candidate drawn earlier is as good as a new one."""
        event, best, before = ahead
        same_id = event.candidate.id == self._state.started
        if self._state.queue or best is not self._state.best or not same_id:
            return False
        if (event.candidate.expected_seconds or 0.0) > self._budget.remaining:
            return False
        phase = self._phase(0.0)
        if phase.seeding is not before.seeding or phase.spent - before.spent > _OUTDATED_AFTER:
            return False
        return not self._reject_duplicates or event.key not in self._state.seen

    def _phase(self, u: float) -> Phase:
        """Where in its schedule the search is; a short budget too has a draw from everywhere."""
        phase = self._budget.phase(self._started, u)
        if phase.seeding or self._has_seeded or not self._budget.schedule.seeds:
            return phase
        steps = self._budget.schedule.steps
        last = steps is not None and self._started + 1 >= steps and self._started > 1
        return phase if last else phase._replace(seeding=True)

    def _draw(self, holder: str) -> Started | Dropped | None:
        state = self._state
        candidate_id = state.started
        rng = self._streams.at(candidate_id)
        phase = self._phase(rng.random())
        leader = self._leader(candidate_id, phase)
        if leader is not None:
            return leader._replace(holder=holder)
        redrawn = guesses = too_long = 0
        for proposal in self._proposals(rng, phase):
            guesses += proposal.type is CandidateType.MANUALLY_ADDED
            key = state.key(proposal.point)
            if proposal.type is CandidateType.MANUALLY_ADDED:
                seconds = None  # the user wants it, however long it takes
                if not self._space.allows(proposal.point):
                    continue
            else:
                seconds = self.proposer.seconds(proposal.point)
            if seconds is not None and seconds > self._budget.remaining:
                too_long += 1
                if too_long > _LOCAL_REDRAWS:
                    return None
                continue
            if not self._reject_duplicates or key not in state.seen:
                break
            redrawn += 1
            self.proposer.drop(candidate_id)
            self._on_duplicate(proposal)
            if guesses == len(state.queue) and self._is_exhausted(redrawn):
                return Dropped(redrawn, guesses)
            if self._budget.remaining <= 0.0:
                return None
        else:
            return None if self._budget.remaining <= 0.0 else Dropped(redrawn, guesses)
        candidate = Candidate(
            candidate_id,
            proposal.type,
            self._space.build(proposal.point, self._shared),
            proposal.point,
            proposal.screening,
            self._expected(seconds),
        )
        return Started(candidate, redrawn, guesses, holder, key)

    def _expected(self, seconds: float | None) -> float | None:
        """How long a candidate takes at most, if that decides whether it starts."""
        if self._budget.schedule.runtime is None:
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
        params = self._space.build(point, self._shared)
        candidate = Candidate(candidate_id, kind, params, point)
        return Started(candidate, key=leader.key)

    def _proposals(self, rng: np.random.Generator, phase: Phase) -> Iterator[Proposal]:
        """Points for one candidate, the most promising first.

        There is no end to them, unless hardly anything passes the constraints.
        """
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
        effort, before = self._thinking.next(), self._budget.elapsed
        draw = partial(self.proposer.propose, rng, state, phase, effort, self._budget.remaining)
        proposals = self._if_any(draw)
        if effort is Effort.MODEL:
            self._thinking.modelled(self._budget.elapsed - before)
        yield from proposals or ()
        barren = 0
        for redrawn in itertools.count():
            # Either rule may be at its end: a whole neighbourhood, or few values to draw from.
            other = redrawn >= _LOCAL_REDRAWS and redrawn % 2 == 1
            again = phase._replace(seeding=not phase.seeding) if other else phase
            found = self._if_any(partial(self.proposer.fallback, rng, state, again))
            if found is not None:
                yield found
                continue
            barren += 1
            if barren == _BARREN or self._budget.remaining <= 0.0:
                return

    def _if_any(self, draw: Callable[[], _Drawn]) -> _Drawn | None:
        """What is drawn; None if nothing passes the constraints, though something has before."""
        try:
            return draw()
        except ConstraintFailedError:
            raise
        except ConstraintError:
            if self._state.best is None:
                raise
            return None

    def _is_start_due(self) -> bool:
        """Whether to begin with ``init``, or with the middle of the space if there is no guess."""
        state, kind = self._state, CandidateType.INIT
        if state.started == state.before_success.started:
            return True
        if not self._has_init or state.tallies[kind].evaluated:
            return False
        return all(each.candidate.type is not kind for each in state.running.values())

    def _is_exhausted(self, redrawn: int) -> bool:
        size, seen = self._space.size, len(self._state.seen)
        if size is None:
            return redrawn >= _REDRAWS
        # A draw misses the last of n points 20 n times in a row once in e**20 cases, and every
        # other draw is a move. With constraints it is not known how many points there are, so the
        # question is whether there is one more than those that were seen; each draw may take long.
        if self._space.constraints:
            return redrawn >= 2 * _LOCAL_REDRAWS + 40 * min(seen + 1, 10**5)
        return seen >= size or redrawn >= max(_REDRAWS, 40 * min(size, 10**5))

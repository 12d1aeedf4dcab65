"""Which kernel proposes the next point, and what the kernels carry from one candidate to the next.

The chain is the paper's: phase 1 over the whole space, phase 2 around the best. How its proposals
are picked depends on what thinking may cost, never on a choice of the user:

* screening, where an evaluation is worth a model of those before it,
* a step that learns where evaluations are cheap or dimensions many: in few dimensions an adapting
  covariance matrix, in many a chain of lines,
* the plain chain, where even that would cost more than it gives, or nothing can be modelled.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np

from pyhopper.budget import Phase
from pyhopper.errors import ConstraintError
from pyhopper.events import CandidateType, Screening, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.kernels import chain
from pyhopper.kernels.blas import one_thread
from pyhopper.kernels.chain import Proposal
from pyhopper.kernels.coordinates import Floats, snap, switch_off
from pyhopper.kernels.effort import Effort
from pyhopper.kernels.encoding import Encoding
from pyhopper.kernels.model.covariance import Hyper
from pyhopper.kernels.model.design import design_point, design_size
from pyhopper.kernels.model.duration import Durations, durations_of
from pyhopper.kernels.model.gaussian import due
from pyhopper.kernels.model.screening import Seen, Workload, rank
from pyhopper.kernels.steps.evolution import Evolution
from pyhopper.kernels.steps.lines import Stepper
from pyhopper.kernels.steps.slope import downhill
from pyhopper.parameters import INACTIVE, Omitted, Point
from pyhopper.parameters.space import Space

_TOP = 8
"""So many of the best evaluations tell how far apart good points are."""

MOST_MODELLED = 60
"""Above so many columns the model knows too little; the step that learns does better."""


class Proposer:
    """Proposes points. What it keeps follows from the evaluations in their order alone.

    Parameters
    ----------
    space : Space
        Where to propose.
    seed : int
        The search's.
    repeatable : bool
        Whether the model must follow from the evaluations alone, and not from when it was asked.
    """

    def __init__(self, space: Space, seed: int, repeatable: bool = False) -> None:
        self.space = space
        self._seed = seed
        self._repeatable = repeatable
        self._encoding = Encoding(space)
        self._coordinates = self._encoding.coordinates
        self._rows: list[Floats] = []
        self._values: list[float] = []
        self._seconds: list[float] = []
        self._durations: Durations | None = None
        self._taken = 0
        self._hyper: Hyper | None = None
        self._stepper: Stepper | Evolution | None = None
        self._moves: dict[int, tuple[Any, Point]] = {}
        self._start: list[Floats] | None = None
        self._stuck: Point | None = None

    @property
    def modelled(self) -> bool:
        """Whether a model of the space makes sense."""
        return 0 < self._coordinates.dimension <= MOST_MODELLED

    def _screens(self, effort: Effort, state: State) -> bool:
        return effort is Effort.MODEL and self.modelled and state.keep_history

    def learns(self, effort: Effort, state: State) -> bool:
        """Whether it learns from its own proposals, and not from the evaluations alone."""
        steps = effort is not Effort.NONE and self._coordinates.dimension > 0
        return steps and not self._screens(effort, state)

    def propose(
        self,
        rng: np.random.Generator,
        state: State,
        phase: Phase,
        effort: Effort,
        left: float = math.inf,
    ) -> list[Proposal]:
        """Propose points for the next candidate, the most promising first.

        Parameters
        ----------
        rng : numpy.random.Generator
            The candidate's own.
        state : State
            What the search knows.
        phase : Phase
            Where in its schedule it is.
        effort : Effort
            How much this proposal is worth.
        left : float
            Seconds until the end of the budget, if that is in time.

        Returns
        -------
        list of Proposal
            Never empty. They may be duplicates of earlier candidates.
        """
        local = not phase.seeding and state.best is not None
        proposals: list[Proposal] = []
        if self._screens(effort, state):
            with one_thread():
                proposals = self._screened(rng, state, phase, local, left)
        elif local and self.learns(effort, state):
            proposals = [self._stepped(rng, state, phase)]
        allowed = [each for each in proposals if self.space.allows(each.point)]
        if not allowed:
            self.drop(state.started)
        return allowed or [self.fallback(rng, state, phase)]

    def fallback(self, rng: np.random.Generator, state: State, phase: Phase) -> Proposal:
        """Propose by the plain chain, which finds its way through any space."""
        best = None if state.best is None else state.best.point
        if best is self._stuck:
            best = None
        try:
            return chain.propose(rng, self.space, best, phase)
        except ConstraintError:
            if best is None or phase.seeding:
                raise
            # No move from here is allowed.
            self._stuck = best
            return chain.propose(rng, self.space, None, phase)

    def seconds(self, point: Point) -> float | None:
        """How long a point takes at most, None if that does not follow from its parameters."""
        if self._durations is None:
            return None
        return float(self._durations.seconds(self._encoding.encode(point)[None, :])[0])

    def observe(self, evaluation: Evaluation, state: State) -> None:
        """Take in an evaluation that has ended; what the model needs it takes from the state."""
        move, point = self._moves.pop(evaluation.id, (None, None))
        if move is None or self._stepper is None:
            return
        if evaluation.point is point:
            self._stepper.observe(move, _signed(evaluation, state))
        else:  # another proposal took its place, say a guess
            self._stepper.drop(move)

    def drop(self, candidate_id: int) -> None:
        """Forget what was proposed for a candidate, since it was a duplicate."""
        move, _ = self._moves.pop(candidate_id, (None, None))
        if move is not None and self._stepper is not None:
            self._stepper.drop(move)

    # Screening -----------------------------------------------------------------------------------

    def _screened(
        self, rng: np.random.Generator, state: State, phase: Phase, local: bool, left: float
    ) -> list[Proposal]:
        """The best of many proposals by the model's judgement."""
        self._catch_up(state, forecast=math.isfinite(left))
        kind = CandidateType.LOCAL_SAMPLING if local else CandidateType.RANDOM_SEEDING
        best = state.best.point if local and state.best is not None else None
        size = design_size(self._coordinates) - 1
        values = np.array(self._values)
        if not len(values) or (not local and state.started <= size):
            row = design_point(self._seed, self._coordinates, max(0, state.started - 1), size)
            return [Proposal(self._point(rng, row, best, phase), kind)]
        flying = [self._encoding.encode(each.candidate.point) for each in state.running.values()]
        pending = np.array(flying).reshape(-1, self._coordinates.dimension)
        workload = Workload(keep=64 if self.space.constraints else 16, replay=self._repeatable)
        seen = Seen(np.array(self._rows), values, pending, self._durations, left)
        ranking = rank(
            rng, self._coordinates, seen, phase.temperature, not local, self._hyper, workload
        )
        self._hyper = ranking.hyper
        sign = -1.0 if state.maximize else 1.0
        return [
            Proposal(
                self._point(rng, row, best, phase),
                kind,
                Screening(ranking.screened, sign * float(mean), float(sd)),
            )
            for row, mean, sd in zip(ranking.rows, ranking.mean, ranking.sd, strict=True)
        ]

    def _catch_up(self, state: State, forecast: bool) -> None:
        """Encode the evaluations that ended since the last call, and learn how long they took."""
        if len(state.evaluations) < self._taken:  # the history was cleared
            self._rows, self._values, self._seconds = [], [], []
            self._taken, self._hyper, self._durations = 0, None, None
        before = len(self._rows)
        for evaluation in state.evaluations[self._taken :]:
            # What failed while nothing had ever succeeded tells of the objective, not the space.
            void = (
                evaluation.status is Status.FAILED and evaluation.id < state.before_success.started
            )
            if evaluation.status is not Status.CANCELLED and evaluation.fits and not void:
                self._rows.append(self._encoding.encode(evaluation.point))
                self._values.append(self._value(evaluation, state))
                whole = evaluation.status in (Status.DONE, Status.NAN) and evaluation.id >= 0
                self._seconds.append(evaluation.seconds if whole else math.nan)
        self._taken = len(state.evaluations)
        if forecast and any(map(due, range(before + 1, len(self._rows) + 1))):
            rows, seconds = np.array(self._rows), np.array(self._seconds)
            self._durations = durations_of(self._coordinates, rows, seconds)

    @property
    def knows_durations(self) -> bool:
        """Whether durations follow from the parameters, so that a candidate can be chosen by it."""
        return self._durations is not None

    def _value(self, evaluation: Evaluation, state: State) -> float:
        """What the model makes of an evaluation: lower is better, NaN for a failure."""
        if evaluation.partial is None:
            return _signed(evaluation, state)
        # A pruned one is known to be poor, and at least as poor as its last estimate says.
        last = -evaluation.partial[1] if state.maximize else evaluation.partial[1]
        done = [value for value in self._values if math.isfinite(value)]
        return max(last, float(np.median(done))) if done else last

    # Stepping ------------------------------------------------------------------------------------

    def _stepped(self, rng: np.random.Generator, state: State, phase: Phase) -> Proposal:
        """A move of the chain whose step learns."""
        best = state.best
        assert best is not None
        few = self._coordinates.dimension <= MOST_MODELLED
        if self._start is None:
            self._start = [] if few else self._slope(state)
        if self._start:
            row = self._fitted(self._start.pop(0), self._encoding.encode(best.point))
            point = self._point(rng, row, best.point, phase)
            return Proposal(point, CandidateType.LOCAL_SAMPLING)
        if self._stepper is None:
            self._stepper = self._begin_steps(state, best, few)
        elif _signed(best, state) < self._stepper.value:
            # A guess found it, or another process that shares the checkpoint.
            self._stepper.adopt(self._encoding.encode(best.point), _signed(best, state))
        # One that was proposed for this candidate and put aside is not lost.
        move, _ = self._moves.get(state.started, (None, None))
        move = move or self._stepper.propose(rng, phase.temperature)
        point = self._point(rng, move.row, best.point, phase)
        self._moves[state.started] = move, point
        return Proposal(point, CandidateType.LOCAL_SAMPLING)

    def _begin_steps(self, state: State, best: Evaluation, few: bool) -> Stepper | Evolution:
        row, value = self._encoding.encode(best.point), _signed(best, state)
        if not few:
            return Stepper(self._coordinates, row, value, self._seed)
        done = [e for e in state.evaluations if e.status is Status.DONE and e.fits]
        top = heapq.nsmallest(_TOP, done, key=lambda each: _signed(each, state))
        rows = np.array([self._encoding.encode(each.point) for each in top])
        return Evolution(self._coordinates, row, value, self._seed, rows)

    def _slope(self, state: State) -> list[Floats]:
        """Points down the slope of what the first phase has seen, as far as it is remembered."""
        seen = [
            each
            for each in state.evaluations
            if each.type is CandidateType.RANDOM_SEEDING
            and each.fits
            and not any(isinstance(value, Omitted) for value in each.point)
        ]
        if self._stepper is not None or not seen:
            return []
        rows = np.array([self._encoding.encode(each.point) for each in seen])
        return downhill(rows, np.array([_signed(each, state) for each in seen]))

    def _fitted(self, row: Floats, best: Floats) -> Floats:
        """A row made legal; options, which have no slope, are those of the best."""
        categorical = self._coordinates.categorical
        filled = np.where(categorical, best, row)
        filled = np.where(np.isnan(filled), row, filled)
        legal: Floats = switch_off(self._coordinates, snap(self._coordinates, filled[None, :]))[0]
        return legal

    def _point(
        self, rng: np.random.Generator, row: Floats, best: Point | None, phase: Phase
    ) -> Point:
        """The point of a row; leaves that have no columns move by their own rules."""
        point = list(self._encoding.decode(row, best, rng))
        others = [index for index in self._encoding.others if point[index] is not INACTIVE]
        if best is not None and others:
            share = max(phase.temperature / 2, 1 / len(self.space.leaves))
            for index in others:
                if best[index] is not INACTIVE and rng.random() < share:
                    param = self.space.leaves[index].param
                    point[index] = param.mutate(best[index], phase.temperature, rng)
        return tuple(point)


def _signed(evaluation: Evaluation, state: State) -> float:
    """The value with lower being better; NaN for an evaluation without one."""
    return -evaluation.value if state.maximize else evaluation.value

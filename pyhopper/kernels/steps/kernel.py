"""The kernel of steps that learn: where evaluations are cheap or dimensions many."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from pyhopper.budget import Phase
from pyhopper.events import CandidateType, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.kernels.aims import Aim, Aimed
from pyhopper.kernels.base import Kernel, Proposal, loss
from pyhopper.kernels.coordinates import Floats, snap, switch_off
from pyhopper.kernels.effort import Effort
from pyhopper.kernels.encoding import Encoding
from pyhopper.kernels.steps.base import Chain, Step
from pyhopper.kernels.steps.evolution import Evolution
from pyhopper.kernels.steps.lines import Lines
from pyhopper.kernels.steps.slope import downhill
from pyhopper.parameters import Omitted, Point

MOST_EVOLVED = 60
"""With more columns a covariance matrix is learned too slowly; a chain of lines does better."""

_TOP = 8
"""So many of the best evaluations tell how far apart good points are."""


class StepsKernel(Kernel):
    """Proposes the moves of a chain that learns from each of them.

    In few dimensions it is an adapting covariance matrix
    (:class:`~pyhopper.kernels.steps.evolution.Evolution`), in many a chain of lines
    (:class:`~pyhopper.kernels.steps.lines.Lines`), which begins with a few points down the slope
    that the first phase has seen.

    Parameters
    ----------
    encoding : Encoding
        The columns of the space.
    seed : int
        The search's.
    """

    learns = True

    def __init__(self, encoding: Encoding, seed: int) -> None:
        self._encoding = encoding
        self._coordinates = encoding.coordinates
        self._seed = seed
        self._few = self._coordinates.dimension <= MOST_EVOLVED
        self._chain: Chain[Any] | None = None
        self._aim: Aim | None = None
        """How a value counts beside limits, as the chain sees it; None without limits."""
        self._open: dict[int, tuple[Step, Point]] = {}
        """What was proposed for candidates that have not ended, by their number."""
        self._downhill: list[Floats] | None = None
        """Points down the slope that are still to be proposed; None before the slope is known."""

    def applies(self, effort: Effort, state: State) -> bool:
        """See :class:`Kernel`."""
        return self._coordinates.dimension > 0

    def propose(
        self, rng: np.random.Generator, state: State, phase: Phase, left: float
    ) -> list[Proposal]:
        """See :class:`Kernel`. One move in the second phase, nothing in the first."""
        if phase.seeding or state.best is None:
            return []
        if isinstance(state, Aimed):
            self._aim = self._aim or state.aim
            state = Aimed.at(state, self._aim)
        best = state.best
        assert best is not None
        if self._downhill is None:
            self._downhill = [] if self._few else self._slope(state)
        if self._downhill:
            row = self._fitted(self._downhill.pop(0), self._encoding.encode(best.point))
            point = self._encoding.point(rng, row, best.point, phase.temperature)
            return [Proposal(point, CandidateType.LOCAL_SAMPLING)]
        if self._chain is None:
            self._chain = self._begin(state, best)
        elif loss(best, state) < self._chain.value:
            # A guess found it, or another process that shares the checkpoint.
            self._chain.adopt(self._encoding.encode(best.point), loss(best, state))
        # A move that was drawn for this candidate before and not evaluated comes first.
        step, _ = self._open.get(state.started, (None, None))
        step = step or self._chain.propose(rng, phase.temperature)
        point = self._encoding.point(rng, step.row, best.point, phase.temperature)
        self._open[state.started] = step, point
        return [Proposal(point, CandidateType.LOCAL_SAMPLING)]

    def observe(self, evaluation: Evaluation, state: State) -> None:
        """See :class:`Kernel`."""
        step, point = self._open.pop(evaluation.id, (None, None))
        if step is None or self._chain is None:
            return
        if evaluation.point is point:
            value = loss(evaluation, state) if self._aim is None else self._aim.loss(evaluation)
            self._chain.observe(step, value)
        else:  # another proposal was evaluated instead, say a guess
            self._chain.drop(step)

    def drop(self, candidate_id: int) -> None:
        """See :class:`Kernel`."""
        step, _ = self._open.pop(candidate_id, (None, None))
        if step is not None and self._chain is not None:
            self._chain.drop(step)

    def _begin(self, state: State, best: Evaluation) -> Chain[Any]:
        row, value = self._encoding.encode(best.point), loss(best, state)
        if not self._few:
            return Lines(self._coordinates, row, value, self._seed)
        done = [e for e in state.evaluations if e.status is Status.DONE and e.fits]
        top = heapq.nsmallest(_TOP, done, key=lambda each: loss(each, state))
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
        if not seen:
            return []
        rows = np.array([self._encoding.encode(each.point) for each in seen])
        return downhill(rows, np.array([loss(each, state) for each in seen]))

    def _fitted(self, row: Floats, best: Floats) -> Floats:
        """A row made legal; options, which have no slope, are those of the best."""
        categorical = self._coordinates.categorical
        filled = np.where(categorical, best, row)
        filled = np.where(np.isnan(filled), row, filled)
        legal: Floats = switch_off(self._coordinates, snap(self._coordinates, filled[None, :]))[0]
        return legal

"""The kernel of steps that learn: where evaluations are cheap or dimensions many."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhopper.budget import Phase
from pyhopper.events import CandidateType, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.kernels.aims import Aim, Aimed, directions
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


@dataclass(eq=False)
class _Way:
    """A chain and what it is for.

    Attributes
    ----------
    aim : Aim or None
        How it weighs the objectives; None if there is only the value.
    chain : Chain or None
        None before its first move.
    downhill : list of array or None
        Points down the slope that are still to be proposed; None before the slope is known.
    """

    aim: Aim | None = None
    chain: Chain[Any] | None = None
    downhill: list[Floats] | None = None


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
        self._ways: dict[int, _Way] = {}
        """By the number of their direction; with one objective there is one."""
        self._open: dict[int, tuple[_Way, Step, Point]] = {}
        """What was proposed for candidates that have not ended, by their number."""

    def applies(self, effort: Effort, state: State) -> bool:
        """See :class:`Kernel`."""
        return self._coordinates.dimension > 0

    def propose(
        self, rng: np.random.Generator, state: State, phase: Phase, left: float
    ) -> list[Proposal]:
        """See :class:`Kernel`. One move in the second phase, nothing in the first."""
        if phase.seeding or state.best is None:
            return []
        way, state = self._way(state)
        best = state.best
        assert best is not None
        if way.downhill is None:
            way.downhill = [] if self._few else self._slope(state)
        if way.downhill:
            row = self._fitted(way.downhill.pop(0), self._encoding.encode(best.point))
            point = self._encoding.point(rng, row, best.point, phase.temperature)
            return [Proposal(point, CandidateType.LOCAL_SAMPLING)]
        if way.chain is None:
            way.chain = self._begin(state, best)
        elif loss(best, state) < way.chain.value:
            # A guess found it, or another process that shares the checkpoint.
            way.chain.adopt(self._encoding.encode(best.point), loss(best, state))
        # A move that was drawn for this candidate before and not evaluated comes first.
        _, step, _ = self._open.get(state.started, (None, None, None))
        step = step or way.chain.propose(rng, phase.temperature)
        point = self._encoding.point(rng, step.row, best.point, phase.temperature)
        self._open[state.started] = way, step, point
        return [Proposal(point, CandidateType.LOCAL_SAMPLING)]

    def _way(self, state: State) -> tuple[_Way, State]:
        """Whose turn it is, and the state as it sees it.

        Several objectives have a chain for each of a few directions, which help each other (Zhang &
        Li 2007). One starts again once the front has become another one than it has normalised by.
        """
        if state.objectives.is_plain:
            return self._ways.setdefault(0, _Way()), state
        fan = directions(len(state.objectives.maximize))
        number = state.started % len(fan)
        way = self._ways.get(number)
        if way is None or way.aim is None or not way.aim.fits(state):
            before = None if way is None else way.downhill
            way = self._ways[number] = _Way(Aim.of(state, fan[number]), downhill=before)
        assert way.aim is not None
        return way, Aimed.at(state, way.aim)

    def observe(self, evaluation: Evaluation, state: State) -> None:
        """See :class:`Kernel`."""
        way, step, point = self._open.pop(evaluation.id, (None, None, None))
        if way is None or step is None or way.chain is None:
            return
        if evaluation.point is point:
            value = loss(evaluation, state) if way.aim is None else way.aim.loss(evaluation)
            way.chain.observe(step, value)
        else:  # another proposal was evaluated instead, say a guess
            way.chain.drop(step)

    def drop(self, candidate_id: int) -> None:
        """See :class:`Kernel`."""
        way, step, _ = self._open.pop(candidate_id, (None, None, None))
        if way is not None and way.chain is not None:
            way.chain.drop(step)

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

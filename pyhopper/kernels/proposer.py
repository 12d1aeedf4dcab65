"""Which kernel proposes the next point.

The chain is the paper's: phase 1 over the whole space, phase 2 around the best. How its proposals
are picked depends on how much computation they are worth, never on a choice of the user. The first
kernel is asked that applies:

1. screening (:mod:`pyhopper.kernels.model`), where an evaluation is worth a model of those before
   it;
2. steps that learn (:mod:`pyhopper.kernels.steps`), where evaluations are cheap or dimensions many;
3. the plain chain (:mod:`pyhopper.kernels.chain`), where no parameter has columns, and in the first
   phase of the steps.

With several objectives, or limits, each of them sees the search under an aim
(:mod:`pyhopper.kernels.aims`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyhopper.budget import Phase
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.kernels.aims import aim_for
from pyhopper.kernels.base import Kernel, Proposal
from pyhopper.kernels.chain import ChainKernel
from pyhopper.kernels.effort import Effort
from pyhopper.kernels.encoding import Encoding
from pyhopper.kernels.model import ScreeningKernel
from pyhopper.kernels.steps import FrontKernel, StepsKernel
from pyhopper.parameters import Point
from pyhopper.parameters.space import Space


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
    kernels : sequence of Kernel
        Kernels of one's own, in the order in which they are asked, before the built-in ones.
    """

    def __init__(
        self, space: Space, seed: int, repeatable: bool = False, kernels: Sequence[Kernel] = ()
    ) -> None:
        self.space = space
        encoding = Encoding(space)
        self._screening = ScreeningKernel(encoding, seed, repeatable)
        steps = FrontKernel(encoding), StepsKernel(encoding, seed)
        self._kernels = (*kernels, self._screening, *steps)
        self._chain = ChainKernel(space)

    def _kernel(self, effort: Effort, state: State) -> Kernel:
        for kernel in self._kernels:
            if kernel.applies(effort, state):
                return kernel
        return self._chain

    def learns(self, effort: Effort, state: State) -> bool:
        """Whether it learns from its own proposals, and not from the evaluations alone."""
        return self._kernel(effort, state).learns

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
            How much computation this proposal is worth.
        left : float
            Seconds until the end of the budget, if that is in time.

        Returns
        -------
        list of Proposal
            Never empty, and all meet the constraints. They may be duplicates of earlier candidates.
        """
        kernel = self._kernel(effort, state)
        if kernel is not self._chain:
            seen = state if state.objectives.is_plain else aim_for(state, rng)
            proposals = kernel.propose(rng, seen, phase, left)
            allowed = [each for each in proposals if self.space.allows(each.point)]
            if allowed:
                return allowed
        self.drop(state.started)
        return [self.fallback(rng, state, phase)]

    def fallback(self, rng: np.random.Generator, state: State, phase: Phase) -> Proposal:
        """Propose by the plain chain, which finds its way through any space."""
        seen = state if state.objectives.is_plain else aim_for(state, rng)
        return self._chain.propose(rng, seen, phase)[0]

    @property
    def knows_durations(self) -> bool:
        """Whether durations follow from the parameters, so that a candidate can be chosen by it."""
        return self._screening.knows_durations

    def seconds(self, point: Point) -> float | None:
        """How long a point takes at most, None if that does not follow from its parameters."""
        return self._screening.seconds(point)

    def observe(self, evaluation: Evaluation, state: State) -> None:
        """Tell all kernels of an evaluation that has ended."""
        for kernel in self._kernels:
            kernel.observe(evaluation, state)

    def drop(self, candidate_id: int) -> None:
        """Tell all kernels that what was proposed for a candidate is not evaluated."""
        for kernel in self._kernels:
            kernel.drop(candidate_id)

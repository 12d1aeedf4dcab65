"""The two-phase annealed Markov chain of the PyHopper paper (arXiv:2210.04728).

Phase 1 draws from the whole space; phase 2 moves around the best point so far, by less and less.
Better points are kept and worse ones dropped, which is what the best point in the state says.

The moves here are made parameter by parameter, by each one's own rules, so that they exist for any
space. Those in :mod:`pyhopper.kernels.moves` and :mod:`pyhopper.kernels.steps` are made in the
columns that a model sees.
"""

from __future__ import annotations

import math

import numpy as np

from pyhopper.budget import Phase
from pyhopper.errors import ConstraintError, ConstraintFailedError
from pyhopper.events import CandidateType
from pyhopper.history.state import State
from pyhopper.kernels.base import Kernel, Proposal
from pyhopper.parameters import Point
from pyhopper.parameters.space import Space


class ChainKernel(Kernel):
    """The plain chain: it needs no model, and meets the constraints by itself.

    Parameters
    ----------
    space : Space
        Where to propose.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stuck: Point | None = None
        """A best point from which no move meets the constraints."""

    def propose(
        self, rng: np.random.Generator, state: State, phase: Phase, left: float = math.inf
    ) -> list[Proposal]:
        """See :class:`~pyhopper.kernels.base.Kernel`. One proposal, another one at each call.

        Raises
        ------
        ConstraintError
            If almost no point of the space meets the constraints.
        """
        best = None if state.best is None else state.best.point
        best = None if best is self._stuck else best
        # Where the constraints leave one rule nothing to propose, the other one may find something.
        if best is not None and not phase.seeding:
            try:
                return [self._move(rng, best, phase)]
            except ConstraintFailedError:
                raise
            except ConstraintError:
                self._stuck, best = best, None
        try:
            return [Proposal(self._space.sample(rng), CandidateType.RANDOM_SEEDING)]
        except ConstraintFailedError:
            raise
        except ConstraintError:
            if best is None:
                raise
        return [self._move(rng, best, phase)]

    def _move(self, rng: np.random.Generator, best: Point, phase: Phase) -> Proposal:
        point = move(rng, self._space, best, phase.temperature)
        return Proposal(point, CandidateType.LOCAL_SAMPLING)


def move(rng: np.random.Generator, space: Space, best: Point, temperature: float) -> Point:
    """Move some parameters of the best point.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    space : Space
        Where the point lies.
    best : tuple
        The point to move from.
    temperature : float
        In (0, 1]: how far each parameter moves, and how many of them at most.

    Returns
    -------
    tuple
        A point in which between 1 and ``temperature`` times all active parameters have moved.
    """
    most = max(1, round(temperature * len(space.active(best))))
    count = 1 + int(rng.random() * most)
    return space.move(best, count, temperature, rng)

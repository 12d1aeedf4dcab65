"""The two-phase annealed Markov chain of the PyHopper paper (arXiv:2210.04728).

Phase 1 draws from the whole space; phase 2 moves around the best point so far, by less and less.
Better points are kept and worse ones dropped, which is what the best point in the state says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pyhopper.budget import Phase
from pyhopper.events import CandidateType, Screening
from pyhopper.kernels import local, seeding
from pyhopper.parameters import Point
from pyhopper.parameters.space import Space


class Proposal(NamedTuple):
    """A point to evaluate, the rule that made it, and what a model expected of it."""

    point: Point
    type: CandidateType
    screening: Screening | None = None


def propose(rng: np.random.Generator, space: Space, best: Point | None, phase: Phase) -> Proposal:
    """Propose the next point; calling it again proposes another one.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    space : Space
        Where to draw from.
    best : tuple or None
        The best point so far.
    phase : Phase
        Where in its schedule the search is.
    """
    if phase.seeding or best is None:
        return Proposal(seeding.propose(rng, space), CandidateType.RANDOM_SEEDING)
    point = local.propose(rng, space, best, phase.temperature)
    return Proposal(point, CandidateType.LOCAL_SAMPLING)

"""Phase 2: annealed moves around the best point."""

from __future__ import annotations

import numpy as np

from pyhopper.parameters import Point
from pyhopper.parameters.space import Space


def propose(rng: np.random.Generator, space: Space, best: Point, temperature: float) -> Point:
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

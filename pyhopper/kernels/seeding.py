"""Phase 1: draws from the whole space."""

from __future__ import annotations

import numpy as np

from pyhopper.parameters import Point
from pyhopper.parameters.space import Space


def propose(rng: np.random.Generator, space: Space) -> Point:
    """Draw every parameter from its whole range."""
    return space.sample(rng)

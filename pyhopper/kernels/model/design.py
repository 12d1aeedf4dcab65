"""Points over the whole space, in the columns that a model sees.

The first few candidates of a search with a model are a Latin hypercube. How much the model then
looks at draws from the whole space, and how much near the best, depends on the number of continuous
columns (:func:`share_of_whole_space`). The plain chain's draws (:mod:`pyhopper.kernels.chain`) are
made by the parameters' own rules instead, so that they exist for any space.
"""

from __future__ import annotations

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats, from_unit, switch_off, uniform

_EVEN = 3.0
"""With so many continuous columns, half of the search looks everywhere."""


def design_size(coordinates: Coordinates) -> int:
    """Return how many candidates, the centre included, come before a model is asked.

    One for each column with levels: what an option is worth has to be seen. A continuum has a
    slope, which a model learns best from moves around the best point.
    """
    with_levels = coordinates.free & (coordinates.levels > 0)
    return int(np.clip(int(with_levels.sum()) + 2, 4, 12))


def share_of_whole_space(coordinates: Coordinates) -> float:
    """Return how much of the search looks everywhere rather than near the best, in (0, 1].

    In many dimensions nearly all of the volume is far from everything that is known, so that a
    model can say nothing of draws from it, and a step from the best point is worth more. In few,
    and among options without a slope, the better basin may be anywhere.
    """
    continuous = int((coordinates.levels == 0).sum())
    return _EVEN / (_EVEN + continuous)


def design_point(seed: int, coordinates: Coordinates, index: int, size: int) -> Floats:
    """Return point `index` of a Latin hypercube of `size` points, without drawing the others.

    Every column is cut into `size` strips and each strip is used once (McKay, Beckman & Conover
    1979). The order of the strips depends on the seed alone, so any point can be had at any time.

    Parameters
    ----------
    seed
        The seed of the search; the same for all points of one design.
    coordinates
        The columns.
    index
        Which point, 0 … size - 1. An index beyond starts another hypercube.
    size
        Number of points of one hypercube.
    """
    turn, position = divmod(index, size)
    strips = np.random.default_rng([seed, 7919, turn])
    order = strips.permuted(np.tile(np.arange(size), (coordinates.dimension, 1)), axis=1)
    offset = strips.random((size, coordinates.dimension))
    unit = (order[:, position] + offset[position]) / size
    return np.asarray(switch_off(coordinates, from_unit(coordinates, unit[None, :]))[0])


def whole_space(rng: np.random.Generator, coordinates: Coordinates, count: int) -> Floats:
    """Draw `count` points, inactive entries NaN."""
    return switch_off(coordinates, uniform(rng, coordinates, count))

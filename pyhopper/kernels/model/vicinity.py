"""The vicinity of the best point, for a model of its own.

A model of all evaluations explains the large differences between far points first. Near the best,
where values differ by little, a model of the nearest evaluations alone knows more: in a box that
they fill, its quadratic trend describes the minimum itself. It holds for that box, so nothing is
accepted beyond. (Trust regions: Powell 2009; with Gaussian processes: Eriksson et al. 2019.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats, Ints
from pyhopper.kernels.model.covariance import (
    Hyper,
    centred_of,
    distances_from,
    features_of,
    squared_distance,
)
from pyhopper.kernels.model.curve import curve_of

_SHARE = 0.5
"""Of the candidates of phase 2. The others are free to find a better region."""

_FEWEST = 30
"""Of fewer evaluations a half is too few for a model."""

_PER_COLUMN = 4
"""A model of the vicinity knows at most so many evaluations for each column, ..."""

_ONE_IN = 10
"""... or one in so many of all evaluations, if that is more."""

_NARROWEST = 0.1
"""Least width of the box in a column, as a share of its widest: the nearest evaluations may be all
alike in a column that few moves have touched."""

_EXPLODED = 10.0
"""A value so many times further from the best than the median is not modelled but kept away from:
where a cliff is close to the best, all else would be flat beside it."""

_MANY_LEVELS = 50
"""Where no column is continuous, one with so many levels is nearly so."""

_SMALLEST = 1e-9
"""A smaller box, as a share of the range, holds no other values worth an evaluation."""


@dataclass(frozen=True)
class Vicinity:
    """The evaluations next to the best.

    Attributes
    ----------
    used
        Their indices.
    exploded
        Indices of the evaluations, near or far, beside which nothing is looked for.
    coordinates
        The columns, with the box that these evaluations fill.
    longest
        Half the width of the box where it is widest, as a share of the range.
    """

    used: Ints
    exploded: Ints
    coordinates: Coordinates
    longest: float


def vicinity(
    rng: np.random.Generator, hyper: Hyper, coordinates: Coordinates, rows: Floats, values: Floats
) -> Vicinity | None:
    """Return the vicinity of the best point; None where this candidate looks at the whole space.

    That is decided by a coin. Where no column is continuous, or nearly, there is no scale to look
    closer at.

    Parameters
    ----------
    rng
        The generator of this candidate.
    hyper
        Of the model of all evaluations: its length scales say what is near.
    coordinates, rows, values
        The columns, and all successful evaluations.
    """
    continuous = coordinates.levels == 0
    nearly = ~coordinates.categorical & (coordinates.levels >= _MANY_LEVELS)
    scaled = continuous if continuous.any() else nearly
    if len(rows) < _FEWEST or not scaled.any() or rng.random() >= _SHARE:
        return None
    best = int(np.argmin(values))
    distance = distances_from(hyper, coordinates, rows, best)
    exploded = curve_of(values, 0).ratio(values) > _EXPLODED
    distance[exploded] = np.inf
    most = max(_PER_COLUMN * coordinates.dimension, len(rows) // _ONE_IN)
    count = min((len(rows) - int(exploded.sum())) // 2, most)
    used = np.sort(np.argsort(distance, kind="stable")[:count])
    # How far they are from the best in each column; an inactive entry no further than the middle.
    middle = np.where(np.isnan(rows[best]) | coordinates.categorical, 0.5, rows[best])
    off = np.nan_to_num(np.abs(rows[used] - middle))
    half = np.minimum(off.max(axis=0), 0.5)
    widest = float(half[scaled].max())
    if widest < _SMALLEST:
        return None
    half[continuous] = np.maximum(half[continuous], _NARROWEST * widest)
    # A level or option that all of them share stays as it is.
    shared = ~continuous & (rows[used] == rows[best]).all(axis=0)
    width = 2.0 * np.where(half > 0.0, half, 0.5)
    box = replace(coordinates, middle=middle, width=width, fixed=shared)
    return Vicinity(
        used, np.flatnonzero(exploded), box, float(half[~coordinates.categorical].max())
    )


def cliffs(coordinates: Coordinates, exploded: Floats, used: Floats, rows: Floats) -> Floats:
    """Return the merit that rows lose beside values that exploded: most where these are nearest.

    Parameters
    ----------
    coordinates
        The columns, with the box.
    exploded, used
        Points whose values exploded, and those that the model knows.
    rows
        The points to judge.
    """
    reach = 0.1 * np.sqrt(max(coordinates.dimension, 1))
    near = features_of(coordinates, rows).near

    def weight(others: Floats) -> Floats:
        distance = squared_distance(near, features_of(coordinates, others).near)
        return np.asarray(np.exp(-distance / (2.0 * reach**2)).sum(axis=1))

    bad = weight(exploded)
    share = bad / (bad + weight(used) + 0.01)
    return np.asarray(-1e6 * np.maximum(share - 0.2, 0.0) - 2.0 * share)


def beyond(coordinates: Coordinates, rows: Floats) -> Floats:
    """Return how far each row lies outside the box, in widths of the box; 0 inside."""
    off = np.abs(centred_of(coordinates, rows)).max(axis=1)
    return np.asarray(np.maximum(off - 0.5, 0.0))

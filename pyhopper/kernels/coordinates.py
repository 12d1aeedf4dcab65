"""What the columns of a point matrix mean, and how rows are kept legal.

A point is a row of a float64 matrix: numeric parameters in [0, 1], discrete ones at the centre of
their cell, unordered choices as the index of the option, inactive parameters as NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Coordinates:
    """Description of the columns of a point matrix.

    Parameters
    ----------
    levels
        Number of values of each column; 0 for a continuous one.
    categorical
        True where the column holds the index of an unordered option.
    parent
        Column of the choice that switches this one on, or -1. A parent stands before its children.
    parent_option
        The option of the parent that switches this column on. Where the parent is ordered (the
        length of a list), every level from this one on does.
    weights
        Columns of choices with weights, each with the sums of the weights before every option; the
        last sum is one.
    middle, width
        Of the box in which a model's features go from -1/2 to 1/2: the whole space, or a part with
        one entry a column.
    fixed
        True where moves leave a column as it is.
    """

    levels: Ints
    categorical: Bools
    parent: Ints
    parent_option: Ints
    weights: tuple[tuple[int, Floats], ...] = ()
    middle: Floats | float = 0.5
    width: Floats | float = 1.0
    fixed: Bools | bool = False

    @staticmethod
    def continuous(dimension: int) -> Coordinates:
        """Return the description of `dimension` continuous columns without conditions."""
        return Coordinates(
            levels=np.zeros(dimension, dtype=np.int64),
            categorical=np.zeros(dimension, dtype=np.bool_),
            parent=np.full(dimension, -1, dtype=np.int64),
            parent_option=np.zeros(dimension, dtype=np.int64),
        )

    @property
    def dimension(self) -> int:
        """Number of columns."""
        return len(self.levels)

    @cached_property
    def conditional(self) -> bool:
        """Whether any column can be inactive."""
        return bool((self.parent >= 0).any())

    @cached_property
    def ordered(self) -> Ints:
        """Columns with levels that have an order."""
        return np.flatnonzero((self.levels > 0) & ~self.categorical)

    @cached_property
    def options(self) -> Ints:
        """Columns that hold the index of an unordered option."""
        return np.flatnonzero(self.categorical)

    @cached_property
    def free(self) -> Bools:
        """Columns that have more than one value, and are not fixed."""
        return np.asarray((self.levels != 1) & np.logical_not(self.fixed))


def active(coordinates: Coordinates, rows: Floats) -> Bools:
    """Tell which entries of completely filled rows are switched on by their parents."""
    result = np.ones(rows.shape, dtype=np.bool_)
    for column in np.flatnonzero(coordinates.parent >= 0):
        parent = int(coordinates.parent[column])
        option = coordinates.parent_option[column]
        if coordinates.categorical[parent]:
            chosen = rows[:, parent] == option
        else:
            chosen = np.floor(rows[:, parent] * coordinates.levels[parent]) >= option
        result[:, column] = result[:, parent] & chosen
    return result


def switch_off(coordinates: Coordinates, rows: Floats) -> Floats:
    """Return filled rows with NaN at every inactive entry."""
    if not coordinates.conditional:
        return rows
    return np.asarray(np.where(active(coordinates, rows), rows, np.nan))


def fill(rng: np.random.Generator, coordinates: Coordinates, rows: Floats) -> Floats:
    """Return rows whose inactive entries hold random values, ready for moves across branches."""
    missing = np.isnan(rows)
    if not missing.any():
        return rows
    return np.asarray(np.where(missing, uniform(rng, coordinates, len(rows)), rows))


def complete(coordinates: Coordinates, row: Floats, seed: int) -> Floats:
    """Return where a chain starts: a row whose inactive entries hold values that depend on seed."""
    rng = np.random.default_rng([seed, 31])
    return np.array(fill(rng, coordinates, row[None, :])[0])


def snap(coordinates: Coordinates, rows: Floats) -> Floats:
    """Move ordered entries to the centres of their cells; options stay as they are."""
    ordered = coordinates.ordered
    if not len(ordered):
        return rows
    result: Floats = rows.copy()
    levels = coordinates.levels[ordered]
    result[:, ordered] = (
        np.clip(np.floor(rows[:, ordered] * levels), 0, levels - 1) + 0.5
    ) / levels
    return result


def from_unit(coordinates: Coordinates, unit: Floats) -> Floats:
    """Map numbers in [0, 1) of every column to legal values: cell centres, option indices."""
    result: Floats = snap(coordinates, unit)
    options = coordinates.options
    if len(options):
        result = result.copy()
        result[:, options] = np.floor(unit[:, options] * coordinates.levels[options])
    for column, sums in coordinates.weights:
        # The inverse of the distribution function: the option into whose share the number falls.
        option = np.searchsorted(sums[1:-1], unit[:, column], side="right").astype(np.float64)
        ordered = not coordinates.categorical[column]
        result[:, column] = (option + 0.5) / coordinates.levels[column] if ordered else option
    return result


def uniform(rng: np.random.Generator, coordinates: Coordinates, count: int) -> Floats:
    """Draw filled rows, every value of a column equally likely."""
    return from_unit(coordinates, rng.random((count, coordinates.dimension)))


def keys(rows: Floats) -> list[bytes]:
    """Return one hashable key a row, the same for rows that stand for the same candidate."""
    # Adding zero turns -0.0 into 0.0; NaN gets one bit pattern; rounding swallows what a transform
    # and its inverse lose.
    clean = np.where(np.isnan(rows), -1.0, np.round(rows, 12)) + 0.0
    return [row.tobytes() for row in clean]

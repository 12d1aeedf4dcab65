"""How a model sees the values of a parameter: as columns of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhopper.errors import ArgumentError


@dataclass(frozen=True)
class Columns:
    """The columns of a parameter's values, returned by :meth:`Parameter.columns`.

    A column is either a continuum, in which a value stands at a number in [0, 1], or it has a
    number of levels, in which a value is one of 0, 1, ... ``levels`` - 1.

    Parameters
    ----------
    count : int
        How many columns a value has, at least 1.
    encode : callable
        ``encode(value)`` returns the value's ``count`` numbers (or the one number). What is close
        to each other in a column should have a similar effect: encode the logarithm of a learning
        rate, not the rate itself.
    decode : callable
        ``decode(numbers)`` returns the legal value at these numbers and inverts ``encode``. They
        come as an array of shape (``count``,) of type float64, or int64 if there are levels.
    levels : int
        How many evenly spaced values each column has; 0, the default, for a continuum.
    categorical : bool
        Whether the levels have no order, so that all are equally far from each other.
    weights : sequence of float, optional
        Positive weights, one a level: random draws follow them. For a single column.

    Raises
    ------
    ArgumentError
        If the definition makes no sense.
    """

    count: int
    encode: Callable[[Any], Any]
    decode: Callable[[NDArray[Any]], Any]
    levels: int = 0
    categorical: bool = False
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ArgumentError("count", self.count, "must be at least 1")
        if self.levels < 0:
            raise ArgumentError("levels", self.levels, "must be at least 1, or 0 for a continuum")
        if self.categorical and not self.levels:
            raise ArgumentError("categorical", True, "needs levels; a continuum has an order")
        weights = self.weights
        if weights is None:
            return
        if self.count != 1 or len(weights) != self.levels:
            raise ArgumentError(
                "weights", weights, "needs one column and one weight for each level"
            )
        if not all(math.isfinite(weight) and weight > 0 for weight in weights):
            raise ArgumentError("weights", weights, "must be positive and finite")


@dataclass(frozen=True)
class ListColumns:
    """The columns of a list of variable length: one for the length, and those of each item.

    The length switches items on and off: the model knows that an item that is not there has no
    effect.

    Parameters
    ----------
    item : Columns
        The columns of one item.
    shortest, longest : int
        Bounds of the length, both inclusive.

    Raises
    ------
    ArgumentError
        If the bounds make no sense.
    """

    item: Columns
    shortest: int
    longest: int

    def __post_init__(self) -> None:
        if not 0 <= self.shortest <= self.longest or not self.longest:
            bounds = (self.shortest, self.longest)
            raise ArgumentError("shortest, longest", bounds, "must be in order, and longest >= 1")

    @property
    def length(self) -> Columns:
        """The column of the length."""

        def encode(value: Any) -> int:
            return len(value) - self.shortest

        def decode(numbers: NDArray[np.int64]) -> int:
            return int(numbers[0]) + self.shortest

        return Columns(1, encode, decode, levels=self.longest - self.shortest + 1)

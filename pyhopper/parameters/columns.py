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
    decode: Callable[[Any], Any]
    levels: int = 0
    categorical: bool = False
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if not _is_whole(self.count) or self.count < 1:
            raise ArgumentError("count", self.count, "must be an integer, at least 1")
        if not _is_whole(self.levels) or self.levels < 0:
            problem = "must be an integer, at least 1, or 0 for a continuum"
            raise ArgumentError("levels", self.levels, problem)
        for argument in ("encode", "decode"):
            function = getattr(self, argument)
            if not callable(function):
                raise ArgumentError(argument, function, "must be a function")
        if not isinstance(self.categorical, bool | np.bool_):
            raise ArgumentError("categorical", self.categorical, "must be True or False")
        if self.categorical and not self.levels:
            raise ArgumentError("categorical", True, "needs levels; a continuum has an order")
        weights = self.weights
        if weights is None:
            return
        problem = "needs one column and one weight for each level"
        try:
            fits = self.count == 1 and len(weights) == self.levels
            positive = fits and all(0 < weight < math.inf for weight in weights)
        except (TypeError, ValueError):
            raise ArgumentError("weights", weights, problem) from None
        if not fits:
            raise ArgumentError("weights", weights, problem)
        if not positive:
            raise ArgumentError("weights", weights, "must be positive and finite")


@dataclass(frozen=True)
class NumberColumn(Columns):
    """A single column whose ``decode`` takes the number itself instead of an array of it.

    The built-in kinds use it, since it is quicker.
    """


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


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
        if not isinstance(self.item, Columns):
            raise ArgumentError("item", self.item, "must be the columns of one item")
        whole = _is_whole(self.shortest) and _is_whole(self.longest)
        if not whole or not 0 <= self.shortest <= self.longest or not self.longest:
            bounds = (self.shortest, self.longest)
            raise ArgumentError(
                "shortest, longest", bounds, "must be integers in order, and longest >= 1"
            )

    @property
    def length(self) -> Columns:
        """The column of the length."""

        def encode(value: Any) -> int:
            return len(value) - self.shortest

        def decode(numbers: NDArray[np.int64]) -> int:
            return int(numbers[0]) + self.shortest

        return Columns(1, encode, decode, levels=self.longest - self.shortest + 1)

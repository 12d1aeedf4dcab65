"""Grids: the legal values of a quantized parameter, computed without rounding errors.

The points of a grid are numbered by consecutive integers. ``value(index)`` is the floating point
number nearest to the exact point, so that 0.8 plus 0.1 is 0.9 and not 0.9000000000000001;
``index(x)`` is the number of the point nearest to ``x``. Both work on one number or an array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

EXACT = 2**53
"""Integers up to this one, positive and negative, are exact as floats of 64 bits."""


class Grid(Protocol):
    """The points of a quantized parameter, numbered by integers."""

    def value(self, index: Any) -> Any:
        """The point with this number, or an array of points."""

    def index(self, x: Any) -> Any:
        """The number of the point nearest to ``x``."""


def exact(x: float) -> Fraction:
    """The number as the user wrote it in decimals: 0.1 is one tenth, not its binary neighbour."""
    return Fraction(repr(x)) if isinstance(x, float) else Fraction(x)


@dataclass(frozen=True)
class Multiples:
    """All multiples of ``step``; point number ``k`` is ``k * step``."""

    step: Fraction
    integer: bool = False

    def value(self, index: Any) -> Any:
        """See :class:`Grid`."""
        over, under = self.step.numerator, self.step.denominator
        if isinstance(index, np.ndarray):
            if over != 1:
                index = index * over
            return index if self.integer else index / float(under)
        return index * over if self.integer else index * over / under

    def index(self, x: Any) -> Any:
        """See :class:`Grid`."""
        over, under = self.step.numerator, self.step.denominator
        if not isinstance(x, np.ndarray):
            return round(x * under / over)
        if x.dtype.kind == "i" and over == under == 1:
            return x.copy()
        scaled = x * (under / over) if under % over == 0 else x * under / over
        return np.rint(scaled, out=scaled).astype(np.int64)


@dataclass(frozen=True)
class Digits:
    """All positive numbers with ``digits`` significant decimal digits, in ascending order."""

    digits: int

    def value(self, index: Any) -> Any:
        """See :class:`Grid`."""
        smallest = 10 ** (self.digits - 1)
        decade, rest = divmod(index, 9 * smallest)
        mantissa, exponent = rest + smallest, decade - (self.digits - 1)
        if not isinstance(index, np.ndarray):
            return float(f"{mantissa}e{exponent}")
        # Powers of ten up to 10**22 are exact floats, so the one operation is the only rounding.
        if np.all(np.abs(exponent) <= 22):
            up, down = 10.0 ** np.maximum(exponent, 0), 10.0 ** np.maximum(-exponent, 0)
            return mantissa * up / down
        pairs = zip(mantissa.ravel(), exponent.ravel(), strict=True)
        return np.array([float(f"{m}e{e}") for m, e in pairs]).reshape(index.shape)

    def index(self, x: Any) -> Any:
        """See :class:`Grid`."""
        smallest = 10 ** (self.digits - 1)
        # Adding 1e-13, less than one last digit, keeps exact powers of ten in their own decade.
        if isinstance(x, np.ndarray):
            decades = np.floor(np.log10(x) + 1e-13).astype(np.int64)
            mantissas = np.rint(x / 10.0**decades * smallest).astype(np.int64)
            return decades * 9 * smallest + mantissas - smallest
        decade = math.floor(math.log10(x) + 1e-13)
        # A mantissa that is rounded up to 10 gives the first point of the next decade.
        return decade * 9 * smallest + round(x / 10.0**decade * smallest) - smallest


@dataclass(frozen=True)
class Powers:
    """Some powers of a base in ascending order; point number ``k`` is ``values[k]``."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        table = np.array(self.values)
        object.__setattr__(self, "_table", table)
        # Geometric means, since the nearest power is the nearest one on the log scale.
        middles = np.sqrt(table[:-1]) * np.sqrt(table[1:])
        object.__setattr__(self, "_middles", middles)

    def value(self, index: Any) -> Any:
        """See :class:`Grid`."""
        if isinstance(index, np.ndarray):
            return self._table[index]  # type: ignore[attr-defined]
        return self.values[index]

    def index(self, x: Any) -> Any:
        """See :class:`Grid`."""
        found = np.searchsorted(self._middles, x)  # type: ignore[attr-defined]
        return found if isinstance(x, np.ndarray) else int(found)


def powers(
    base: int, low: float, high: float, multiple_of: Fraction | None, integer: bool
) -> Powers | None:
    """The powers of ``base`` in [low, high] that are multiples of ``multiple_of``.

    With ``integer`` only those with exponents from 0 up. None if there is no such power.
    """
    kept: list[float] = []
    exponent = math.floor(math.log(low) / math.log(base)) - 1
    if integer:
        exponent = max(exponent, 0)
    least, most = exact(low), exact(high)
    while (power := Fraction(base) ** exponent) <= most:
        if least <= power and (multiple_of is None or power % multiple_of == 0):
            kept.append(int(power) if integer else float(power))
        exponent += 1
    return Powers(tuple(kept)) if kept else None


def first_index(grid: Grid, low: float) -> int:
    """The number of the smallest point that is at least ``low``."""
    index = int(grid.index(low))
    while grid.value(index) >= low:
        index -= 1
    while grid.value(index) < low:
        index += 1
    return index


def last_index(grid: Grid, high: float) -> int:
    """The number of the largest point that is at most ``high``."""
    index = int(grid.index(high))
    while grid.value(index) <= high:
        index += 1
    while grid.value(index) > high:
        index -= 1
    return index

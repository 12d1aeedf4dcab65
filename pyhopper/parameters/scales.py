"""Scales: how the legal numbers of a parameter lie on a line on which draws and moves are uniform.

A scale maps a *latent* coordinate, the position on that line, to a value. For a plain interval the
latent coordinate is the value itself, with ``log`` it is the logarithm, and for a grid of n equally
likely points it is a position in [0, n). All latent coordinates that are mapped to the same value
are the *cell* of this value; in a continuum a cell is one point. The same formulas serve one number
and arrays, with functions from ``math`` or from ``numpy``.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from pyhopper.parameters.grids import Digits, Grid

_MOST_LEVELS = 1000
"""A grid with more points is a continuum to a model."""


class Ops(NamedTuple):
    """The functions that the formulas need, either for one number or for arrays."""

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    floor: Callable[[Any], Any]
    least: Callable[[Any, Any], Any]
    most: Callable[[Any, Any], Any]
    clip: Callable[[Any, Any, Any], Any]

    def __reduce__(self) -> str:
        """The name of the only one of its kind, so that a copy from a pickle is that one, too."""
        return "ARRAY" if self.exp is np.exp else "SCALAR"


def _clip_number(x: Any, low: Any, high: Any) -> Any:
    return low if x < low else min(x, high)


def _clip_array(x: Any, low: Any, high: Any) -> Any:
    np.maximum(x, low, out=x)  # in place, and faster than np.clip
    return np.minimum(x, high, out=x)


def _floor_array(x: Any) -> Any:
    return np.floor(np.asarray(x)).astype(np.int64)


SCALAR = Ops(math.exp, math.log, math.floor, min, max, _clip_number)
ARRAY = Ops(np.exp, np.log, _floor_array, np.minimum, np.maximum, _clip_array)


class Noise(NamedTuple):
    """Draws random numbers: one if ``shape`` is None, else an array of ``dtype``.

    ``out`` is an array to which uniform numbers are written, None for a new one.
    """

    shape: tuple[int, ...] | None
    dtype: Any = np.float64
    out: Any = None

    def uniform(self, rng: np.random.Generator) -> Any:
        """Draw from the uniform distribution on [0, 1)."""
        if self.shape is None:
            return rng.random()
        return rng.random(self.shape, self.dtype, self.out)

    def normal(self, rng: np.random.Generator) -> Any:
        """Draw from the standard normal distribution."""
        if self.shape is None:
            return rng.standard_normal()
        return rng.standard_normal(self.shape, self.dtype)


Cell = tuple[Any, Any, Any, Any]
"""Four latent coordinates: where the cell of the next smaller value starts, where the value's own
cell starts and ends, and where the cell of the next larger value ends."""


@dataclass(frozen=True)
class Scale(ABC):
    """The legal numbers of a parameter. Methods may overwrite arrays that are passed to them.

    Attributes
    ----------
    low, high : float or array
        The ends of the line, in latent coordinates.
    ops : Ops
        Functions for one number or for arrays.
    count : int, array or None
        Number of legal values, an array if the bounds are arrays; None for a continuum.
    """

    low: Any
    high: Any
    ops: Ops
    count: Any

    @abstractmethod
    def value(self, latent: Any) -> Any:
        """The legal value to whose cell the latent coordinate belongs."""

    @abstractmethod
    def cell(self, value: Any) -> Cell:
        """Where the cells of a legal value and of its two neighbours are."""

    @abstractmethod
    def nearest(self, x: Any) -> Any:
        """The legal value nearest to ``x``, which may be any number."""

    def sample(self, rng: np.random.Generator, noise: Noise) -> Any:
        """Draw a value (or an array of them) from the whole line."""
        return self.draw(noise.uniform(rng))

    def shift(self, value: Any, width: float, rng: np.random.Generator, noise: Noise) -> Any:
        """Draw a value near this one, see :meth:`move`; ``width`` is in (0, 1]."""
        return self.move(value, width, noise.uniform(rng))

    def draw(self, u: Any) -> Any:
        """The value at the share ``u`` of the line, in [0, 1); a random one if ``u`` is uniform."""
        u *= self.high - self.low
        u += self.low
        return self.value(u)

    def unit(self, value: Any) -> Any:
        """The share of the line below the middle of the value's cell; inverts :meth:`draw`."""
        _, start, end, _ = self.cell(value)
        length = self.high - self.low
        return ((start + end) / 2 - self.low) / (length + (length == 0))

    def move(self, value: Any, width: float, u: Any) -> Any:
        """The value at the share ``u``, in [0, 1), of a window around ``value``.

        The window is ``width`` times as long as the line. Near an end of the line it is shifted
        inwards, so that at width 1 it is the whole line. It always includes both neighbours, but
        not the value's own cell: a quantized value moves to a neighbour or further.
        """
        before, start, end, behind = self.cell(value)
        length = width * (self.high - self.low)
        left = self.ops.clip((start + end) / 2 - length / 2, self.low, self.high - length)
        right = self.ops.least(self.high, self.ops.most(left + length, behind))
        left = self.ops.most(self.low, self.ops.least(left, before))
        u *= (start - left) + (right - end)
        u += left
        u += (u >= start) * (end - start)  # skip the value's own cell
        return self.value(u)

    def neighbour(self, value: Any) -> Any:
        """A legal value next to this one, used if rounding made a move end where it started."""
        before, start, end, behind = self.cell(value)
        latent = (
            (behind + end) / 2 if behind <= self.high and behind > end else (before + start) / 2
        )
        return self.value(latent)

    def at(self, index: Any) -> Scale:
        """The scale of the entries that ``index`` selects from a flattened array."""
        arrays = {
            field.name: entries.ravel()[index]
            for field in fields(self)
            if isinstance(entries := getattr(self, field.name), np.ndarray)
        }
        return replace(self, **arrays) if arrays else self


@dataclass(frozen=True)
class Interval(Scale):
    """All numbers between two bounds, uniformly distributed."""

    def value(self, latent: Any) -> Any:
        """See :class:`Scale`."""
        return self.ops.clip(latent, self.low, self.high)

    def point(self, value: Any, offset: float = 0.0) -> Any:
        """The latent coordinate of a value plus ``offset``; a new array for an array."""
        return value + offset

    def cell(self, value: Any) -> Cell:
        """See :class:`Scale`."""
        point = self.point(value)
        return point, point, point, point

    def nearest(self, x: Any) -> Any:
        """See :class:`Scale`."""
        return self.value(x)

    def move(self, value: Any, width: float, u: Any) -> Any:
        """See :class:`Scale`; the general formula is simpler here, because cells are points."""
        length = width * (self.high - self.low)
        left = self.point(value, -length / 2)
        left = self.ops.clip(left, self.low, self.high - length)
        u *= length
        u += left
        return self.value(u)

    def neighbour(self, value: Any) -> Any:
        """See :class:`Scale`."""
        return beside(value, self.high)


@dataclass(frozen=True)
class LogInterval(Interval):
    """All numbers between ``smallest`` and ``largest``, loguniformly distributed."""

    smallest: Any
    largest: Any

    def value(self, latent: Any) -> Any:
        """See :class:`Scale`."""
        return self.ops.clip(self.ops.exp(latent), self.smallest, self.largest)

    def point(self, value: Any, offset: float = 0.0) -> Any:
        """See :class:`Interval`."""
        latent = self.ops.log(value)
        latent += offset
        return latent

    def nearest(self, x: Any) -> Any:
        """See :class:`Scale`."""
        return self.ops.clip(x, self.smallest, self.largest)

    def neighbour(self, value: Any) -> Any:
        """See :class:`Scale`."""
        return beside(value, self.largest)


@dataclass(frozen=True)
class Gridded(Scale):
    """``count`` points of a grid, starting with number ``first``."""

    grid: Grid
    first: Any

    @property
    def levels(self) -> int:
        """How many points there are, if they are few and evenly spaced on the line; else 0."""
        few = not isinstance(self.count, np.ndarray) and self.count <= _MOST_LEVELS
        return int(self.count) if few else 0

    def level(self, value: Any) -> Any:
        """Which point a value is, counted from 0."""
        return self.grid.index(value) - self.first

    def at_level(self, level: Any) -> Any:
        """The value of a point; inverts :meth:`level`."""
        return self.grid.value(level + self.first)


@dataclass(frozen=True)
class UniformGrid(Gridded):
    """Points of a grid that are all equally likely."""

    def value(self, latent: Any) -> Any:
        """See :class:`Scale`."""
        index = self.ops.most(self.ops.least(self.ops.floor(latent), self.count - 1), 0)
        index += self.first
        return self.grid.value(index)

    def move(self, value: Any, width: float, u: Any) -> Any:
        """See :class:`Scale`; counts whole points, which takes fewer operations on arrays."""
        position = self.grid.index(value)
        position -= self.first
        last = self.count - 1
        reach = self.ops.floor(width * self.count / 2)
        left = self.ops.clip(position - reach, 0, self.ops.most(last - 2 * reach, 0))
        right = self.ops.least(self.ops.most(left + 2 * reach, position + 1), last)
        left = self.ops.most(self.ops.least(left, position - 1), 0)
        right -= left
        u *= right
        moved = self.ops.floor(u)
        moved += left
        moved += moved >= position  # skip the value itself
        moved += self.first
        return self.grid.value(self.ops.least(moved, self.first + last))

    def cell(self, value: Any) -> Cell:
        """See :class:`Scale`."""
        position = self.grid.index(value) - self.first
        return position - 1, position, position + 1, position + 2

    def nearest(self, x: Any) -> Any:
        """See :class:`Scale`."""
        last = self.first + self.count - 1
        return self.grid.value(self.ops.clip(self.grid.index(x), self.first, last))


@dataclass(frozen=True)
class LogGrid(Gridded):
    """Points of a grid that are as likely as a loguniform number is to be rounded to them.

    ``smallest`` and ``largest`` are the bounds of these numbers.
    """

    smallest: Any
    largest: Any

    @property
    def levels(self) -> int:
        """See :class:`Gridded`. Significant digits are nearly even in the logarithm."""
        return super().levels if isinstance(self.grid, Digits) else 0

    def value(self, latent: Any) -> Any:
        """See :class:`Scale`."""
        # The cells of the end points extend beyond the bounds, to which they are clipped.
        return self.nearest(self.ops.exp(latent))

    def cell(self, value: Any) -> Cell:
        """See :class:`Scale`."""
        index = self.grid.index(value)
        return log_edges(self.grid, index, self.ops)

    def nearest(self, x: Any) -> Any:
        """See :class:`Scale`."""
        inside = self.ops.clip(x, self.smallest, self.largest)
        last = self.first + self.count - 1
        return self.grid.value(self.ops.clip(self.grid.index(inside), self.first, last))


def beside(value: Any, highest: Any) -> Any:
    """The next larger floating point number; the next smaller one from ``highest`` on."""
    up = np.less(value, highest)
    if not isinstance(value, np.ndarray):
        return math.nextafter(value, math.inf if up else -math.inf)
    return np.nextafter(value, np.where(up, np.inf, -np.inf).astype(value.dtype))


def log_edges(grid: Grid, index: Any, ops: Ops) -> Cell:
    """The cells of a :class:`LogGrid`, whose edges are the logarithms of the middles of points."""
    points = [grid.value(index + offset) for offset in (-2, -1, 0, 1, 2)]
    edges = [(a + b) / 2 for a, b in itertools.pairwise(points)]
    # Below the smallest multiple an edge may be 0 or less; it is not used, but needs a logarithm.
    edges[0] = ops.most(edges[0], edges[1] / 2)
    before, start, end, behind = (ops.log(edge) for edge in edges)
    return before, start, end, behind


@dataclass(frozen=True)
class Unbounded(Scale):
    """All numbers, drawn from a normal distribution of standard deviation 1.

    The latent coordinate is the cumulative probability of Student's t distribution with two degrees
    of freedom: about as even as the draws next to the centre, and with room for numbers of any size
    far from it, where a normal distribution has none. Its quantiles have a closed form.

    Attributes
    ----------
    grid : Grid or None
        The numbers to which values are rounded; with None they are not rounded.
    centre : float or array
        The mean of the draws.
    """

    grid: Grid | None
    centre: Any = 0.0

    def value(self, latent: Any) -> Any:
        """See :class:`Scale`."""
        share = self.ops.clip(latent, 2.0**-53, 1 - 2.0**-53)
        return self.nearest(
            self.centre + (2.0 * share - 1.0) * (2.0 * share * (1.0 - share)) ** -0.5
        )

    def cell(self, value: Any) -> Cell:
        """See :class:`Scale`."""
        off = value - self.centre
        point = 0.5 + 0.5 * off * (2.0 + off * off) ** -0.5
        return point, point, point, point

    def nearest(self, x: Any) -> Any:
        """See :class:`Scale`."""
        return x if self.grid is None else self.grid.value(self.grid.index(x))

    def sample(self, rng: np.random.Generator, noise: Noise) -> Any:
        """See :class:`Scale`."""
        return self.nearest(self.centre + noise.normal(rng))

    def shift(self, value: Any, width: float, rng: np.random.Generator, noise: Noise) -> Any:
        """See :class:`Scale`; ``width`` is the standard deviation of the step."""
        return self.nearest(value + width * noise.normal(rng))

    def neighbour(self, value: Any) -> Any:
        """See :class:`Scale`."""
        if self.grid is None:
            return beside(value, np.inf)
        return self.grid.value(self.grid.index(value) + 1)

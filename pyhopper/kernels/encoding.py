"""From points to rows of numbers and back: what the model sees of a space.

A scalar number is one column in [0, 1] on its (log) scale, an array one column an entry, a choice
the index of its option. Lists, custom values, and parameters with functions or classes of the
user's own have no columns: the model does not see them, and they move by their own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats
from pyhopper.parameters import INACTIVE, Leaf, Numeric, Point, Selector
from pyhopper.parameters.grids import Digits
from pyhopper.parameters.scales import LogGrid, UniformGrid
from pyhopper.space import Space

_MOST_LEVELS = 1000
"""A grid with more points is a continuum to the model; reading a row back rounds it anyway."""


@dataclass(frozen=True)
class Block:
    """The columns of one leaf."""

    leaf: int
    start: int
    stop: int
    levels: int
    categorical: bool


def _levels(param: Numeric) -> int:
    """Number of evenly spaced cells of a number, 0 for a continuum."""
    scale = param.scale
    even = isinstance(scale, UniformGrid)
    if isinstance(scale, LogGrid):
        even = isinstance(scale.grid, Digits)  # significant digits are nearly even in the log
    if not even or isinstance(scale.count, np.ndarray) or scale.count > _MOST_LEVELS:
        return 0
    return int(scale.count)


class Encoding:
    """The columns of a space.

    Attributes
    ----------
    coordinates : Coordinates
        What the columns mean.
    blocks : list of Block
        Which leaf they belong to.
    others : list of int
        Leaves without columns.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.blocks: list[Block] = []
        self.others: list[int] = []
        column = 0
        for index, leaf in enumerate(space.leaves):
            block = self._block(index, leaf, column)
            if block is None:
                if leaf.param.size != 1:
                    self.others.append(index)
                continue
            self.blocks.append(block)
            column = block.stop
        self.coordinates = self._coordinates(column)

    @staticmethod
    def _block(index: int, leaf: Leaf, column: int) -> Block | None:
        param = leaf.param
        if isinstance(param, Selector):
            # Options with parameters inside switch by their index, so they have no order here.
            return Block(index, column, column + 1, param.size, not param.ordinal)
        if isinstance(param, Numeric) and not param.hooked and param.size != 1:
            return Block(index, column, column + param.entries, _levels(param), False)
        return None

    def _coordinates(self, count: int) -> Coordinates:
        levels, categorical = np.zeros(count, np.int64), np.zeros(count, np.bool_)
        parent, option = np.full(count, -1, np.int64), np.zeros(count, np.int64)
        column_of = {block.leaf: block.start for block in self.blocks}
        for block in self.blocks:
            part, leaf = slice(block.start, block.stop), self.space.leaves[block.leaf]
            levels[part], categorical[part] = block.levels, block.categorical
            if leaf.parent >= 0:
                parent[part], option[part] = column_of[leaf.parent], leaf.option
                categorical[column_of[leaf.parent]] = True
        return Coordinates(levels, categorical, parent, option, tuple(self._weights()))

    def _weights(self) -> Iterator[tuple[int, Floats]]:
        for block in self.blocks:
            param = self.space.leaves[block.leaf].param
            if isinstance(param, Selector) and param.weights is not None:
                sums = np.concatenate([[0.0], np.cumsum(param.weights)])
                yield block.start, sums / sums[-1]

    def encode(self, point: Point) -> Floats:
        """The row of a point; NaN where a branch is inactive."""
        row = np.full(self.coordinates.dimension, np.nan)
        for block in self.blocks:
            value = point[block.leaf]
            if value is INACTIVE:
                continue
            param = self.space.leaves[block.leaf].param
            if isinstance(param, Selector):
                row[block.start] = value if self._categorical(block) else self._centre(block, value)
                continue
            assert isinstance(param, Numeric)
            if block.levels:
                index = param.scale.grid.index(value) - param.scale.first  # type: ignore[attr-defined]
                units = self._centre(block, index)
            else:
                units = param.to_unit(value)
            row[block.start : block.stop] = np.ravel(units)
        return row

    def decode(self, row: Floats, base: Point | None, rng: np.random.Generator) -> Point:
        """The point of a row. Leaves without columns come from ``base``, or are drawn."""
        places = {block.leaf: block for block in self.blocks}
        values: list[Any] = []
        for index, leaf in enumerate(self.space.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values.append(INACTIVE)
            elif index in places:
                values.append(self._read(leaf, places[index], row))
            elif base is not None and base[index] is not INACTIVE:
                values.append(base[index])
            else:
                values.append(leaf.param.sample(rng))
        return tuple(values)

    def _read(self, leaf: Leaf, block: Block, row: Floats) -> Any:
        part, param = row[block.start : block.stop], leaf.param
        if isinstance(param, Selector):
            place = part[0] if self._categorical(block) else np.floor(part[0] * block.levels)
            return int(min(max(place, 0), block.levels - 1))
        assert isinstance(param, Numeric)
        unit = part.reshape(param.shape) if param.shape is not None else float(part[0])
        if not block.levels:
            return param.from_unit(unit)
        index = np.clip(np.floor(unit * block.levels), 0, block.levels - 1).astype(np.int64)
        first = param.scale.first  # type: ignore[attr-defined]
        return param.from_grid(index + first if param.shape is not None else int(index) + first)

    def _categorical(self, block: Block) -> bool:
        return bool(self.coordinates.categorical[block.start])

    @staticmethod
    def _centre(block: Block, index: Any) -> Any:
        return (index + 0.5) / block.levels

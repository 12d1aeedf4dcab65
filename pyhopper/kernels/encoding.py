"""From points to rows of numbers and back: what the model sees of a space.

A scalar number is one column in [0, 1] on its (log) scale, an array one column an entry, a choice
the index of its option, a list its length and the columns of each item, which the length switches
on. Custom values, and parameters with functions or classes of the user's own have no columns: the
model does not see them, and they move by their own rules.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats
from pyhopper.parameters import INACTIVE, Choice, List, Numeric, Parameter, Point, Selector
from pyhopper.parameters.grids import Digits
from pyhopper.parameters.scales import LogGrid, UniformGrid
from pyhopper.parameters.space import Space

_MOST_LEVELS = 1000
"""A grid with more points is a continuum to the model; reading a row back rounds it anyway."""

_MOST_ITEMS = 100
"""A list that may be longer has no columns."""


@dataclass(frozen=True)
class Block:
    """The columns of one value.

    Attributes
    ----------
    param : Parameter
        What the value is; for the length of a list the list.
    start, stop : int
        Its columns.
    levels : int
        Number of evenly spaced values, 0 for a continuum.
    categorical : bool
        Whether they have no order.
    parent, option : int
        The column that switches these on and from which level on (for options: at which), or -1.
    """

    param: Parameter
    start: int
    stop: int
    levels: int
    categorical: bool = False
    parent: int = -1
    option: int = 0

    def encode(self, value: Any) -> Any:
        """The units of a value."""
        param = self.param
        if isinstance(param, List):
            return self._centre(len(value) - param.min_length)
        if isinstance(param, Choice):
            value = param.template.read(value)[0]
        if isinstance(param, Numeric):
            if not self.levels:
                return np.ravel(param.to_unit(value))
            value = param.scale.grid.index(value) - param.scale.first  # type: ignore[attr-defined]
        return value if self.categorical else np.ravel(self._centre(value))

    def _centre(self, index: Any) -> Any:
        return (index + 0.5) / self.levels

    def decode(self, row: Floats) -> Any:
        """The value in a row."""
        part, param = row[self.start : self.stop], self.param
        if not isinstance(param, Numeric):
            place = part[0] if self.categorical else np.floor(part[0] * self.levels)
            index = int(min(max(place, 0), self.levels - 1))
            return param.template.build((index,)) if isinstance(param, Choice) else index
        unit = part.reshape(param.shape) if param.shape is not None else float(part[0])
        if not self.levels:
            return param.from_unit(unit)
        places = np.clip(np.floor(unit * self.levels), 0, self.levels - 1).astype(np.int64)
        first = param.scale.first  # type: ignore[attr-defined]
        return param.from_grid(places + first if param.shape is not None else int(places) + first)


def _levels(param: Numeric) -> int:
    """Number of evenly spaced cells of a number, 0 for a continuum."""
    scale = param.scale
    even = isinstance(scale, UniformGrid)
    if isinstance(scale, LogGrid):
        even = isinstance(scale.grid, Digits)  # significant digits are nearly even in the log
    if not even or isinstance(scale.count, np.ndarray) or scale.count > _MOST_LEVELS:
        return 0
    return int(scale.count)


def _has_columns(param: Parameter) -> bool:
    if type(param) is List:
        flat = not param.hooked and param.max_length <= _MOST_ITEMS
        return flat and not isinstance(param.item, List) and _has_columns(param.item)
    if isinstance(param, Choice):  # as the item of a list; elsewhere it is a selector
        return param.branches and not param.nested
    return isinstance(param, Selector) or (isinstance(param, Numeric) and not param.hooked)


class Encoding:
    """The columns of a space.

    Attributes
    ----------
    coordinates : Coordinates
        What the columns mean.
    blocks : dict
        Which leaf they belong to: one block, for a list that of its length and those of its items.
    others : list of int
        Leaves without columns.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.blocks: dict[int, list[Block]] = {}
        self.others: list[int] = []
        self._count = 0
        switches = {leaf.parent for leaf in space.leaves}
        for index, leaf in enumerate(space.leaves):
            if leaf.param.size == 1 and not isinstance(leaf.param, Selector):
                continue
            if not _has_columns(leaf.param):
                self.others.append(index)
                continue
            parent = -1 if leaf.parent < 0 else self.blocks[leaf.parent][0].start
            # Options with parameters inside switch by their index, so they have no order here.
            ordered = index not in switches
            self.blocks[index] = self._blocks(leaf.param, parent, leaf.option, ordered)
        self.coordinates = self._coordinates()

    def _blocks(self, param: Parameter, parent: int, option: int, ordered: bool) -> list[Block]:
        if not isinstance(param, List):
            return [self._block(param, parent, option, ordered)]
        low, high = param.min_length, param.max_length
        length = self._add(1, param, high - low + 1, False, parent, option)
        blocks = [length]
        for place in range(high):
            # The first ones are there whenever the list is.
            home = (parent, option) if place < low else (length.start, place + 1 - low)
            blocks.append(self._block(param.item, *home, ordered))
        return blocks

    def _block(self, param: Parameter, parent: int, option: int, ordered: bool) -> Block:
        if isinstance(param, Numeric):
            return self._add(param.entries, param, _levels(param), False, parent, option)
        selector = param.selector if isinstance(param, Choice) else param
        assert isinstance(selector, Selector)
        unordered = not (selector.ordinal and ordered)
        return self._add(1, param, selector.size, unordered, parent, option)

    def _add(self, width: int, *more: Any) -> Block:
        param, *rest = more
        block = Block(param, self._count, self._count + width, *rest)
        self._count += width
        return block

    def _coordinates(self) -> Coordinates:
        levels, categorical = np.zeros(self._count, np.int64), np.zeros(self._count, np.bool_)
        parent, option = np.full(self._count, -1, np.int64), np.zeros(self._count, np.int64)
        weights = []
        for block in itertools.chain.from_iterable(self.blocks.values()):
            part = slice(block.start, block.stop)
            levels[part], categorical[part] = block.levels, block.categorical
            parent[part], option[part] = block.parent, block.option
            param = block.param.selector if isinstance(block.param, Choice) else block.param
            if isinstance(param, Selector) and param.weights is not None:
                sums = np.concatenate([[0.0], np.cumsum(param.weights)])
                weights.append((block.start, sums / sums[-1]))
        return Coordinates(levels, categorical, parent, option, tuple(weights))

    def encode(self, point: Point) -> Floats:
        """The row of a point; NaN where a branch is inactive."""
        row = np.full(self.coordinates.dimension, np.nan)
        for index, (block, *items) in self.blocks.items():
            value = point[index]
            if value is INACTIVE:
                continue
            row[block.start : block.stop] = block.encode(value)
            # A list has more columns than it may have items.
            for item, inner in zip(items, value if items else (), strict=False):
                row[item.start : item.stop] = item.encode(inner)
        return row

    def decode(self, row: Floats, base: Point | None, rng: np.random.Generator) -> Point:
        """The point of a row. Leaves without columns come from ``base``, or are drawn."""
        values: list[Any] = []
        for index, leaf in enumerate(self.space.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values.append(INACTIVE)
            elif index in self.blocks:
                block, *items = self.blocks[index]
                value = block.decode(row)
                if isinstance(block.param, List):
                    count = value + block.param.min_length
                    value = [item.decode(row) for item in items[:count]]
                values.append(value)
            elif base is not None and base[index] is not INACTIVE:
                values.append(base[index])
            else:
                values.append(leaf.param.sample(rng))
        return tuple(values)

    def point(
        self, rng: np.random.Generator, row: Floats, best: Point | None, temperature: float
    ) -> Point:
        """The point of a row. Some of the leaves without columns move from those of the best."""
        point = list(self.decode(row, best, rng))
        others = [index for index in self.others if point[index] is not INACTIVE]
        if best is not None and others:
            share = max(temperature / 2, 1 / len(self.space.leaves))
            for index in others:
                if best[index] is not INACTIVE and rng.random() < share:
                    param = self.space.leaves[index].param
                    point[index] = param.mutate(best[index], temperature, rng)
        return tuple(point)

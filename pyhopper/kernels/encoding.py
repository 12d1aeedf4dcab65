"""From points to rows of numbers and back: what the model sees of a space.

Each parameter says itself in which columns its values stand
(:meth:`pyhopper.parameters.Parameter.columns`). Those of an option, or of a list's items, are
switched on by the column of the choice, or of the length. Parameters without columns are not seen
by the model, and move by their own rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError
from pyhopper.kernels.coordinates import Coordinates, Floats
from pyhopper.parameters import INACTIVE, Columns, ListColumns, Point
from pyhopper.parameters.columns import NumberColumn
from pyhopper.parameters.space import Space


@dataclass(frozen=True)
class ValueColumns:
    """The columns of one value, and where in a row they are.

    Attributes
    ----------
    columns : Columns
        What they are; for a list that of its length.
    start, stop : int
        The first, and the one behind the last.
    parent, option : int
        The column that switches these on and from which level on (for options: at which), or -1.
    """

    columns: Columns
    start: int
    stop: int
    parent: int = -1
    option: int = 0

    def encode(self, value: Any, row: Floats) -> None:
        """Write the numbers of a value into a row: units, or numbers of levels."""
        numbers = self.columns.encode(value)
        try:
            row[self.start : self.stop] = numbers
        except (TypeError, ValueError):
            problem = f"a parameter's columns must encode a value as {self.columns.count} numbers"
            raise ArgumentError("encode", numbers, problem) from None

    def decode(self, row: Floats, numbers: list[float]) -> Any:
        """The value in such a row, which is also passed as a list."""
        if isinstance(self.columns, NumberColumn):
            number = numbers[self.start]
            return self.columns.decode(int(number) if self.columns.levels else number)
        kind = np.int64 if self.columns.levels else np.float64
        return self.columns.decode(row[self.start : self.stop].astype(kind))


class Encoding:
    """The columns of a space.

    Attributes
    ----------
    coordinates : Coordinates
        What the columns mean.
    values : dict
        Which columns belong to a leaf: one entry, for a list that of its length and those of its
        items.
    others : list of int
        Leaves without columns.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.values: dict[int, list[ValueColumns]] = {}
        self.others: list[int] = []
        self._count = 0
        switches = {leaf.parent for leaf in space.leaves}
        for index, leaf in enumerate(space.leaves):
            # A single value needs no column, but for an option that switches on what is inside.
            if leaf.param.size == 1 and not leaf.options:
                continue
            columns = leaf.param.columns()
            if columns is None:
                self.others.append(index)
                continue
            if index in switches and isinstance(columns, Columns):
                # Options with parameters inside switch by their index, so they have no order here.
                columns = replace(columns, categorical=True)
            parent = -1 if leaf.parent < 0 else self.values[leaf.parent][0].start
            self.values[index] = self._append(columns, parent, leaf.option)
        self.coordinates = self._coordinates()
        self._readers = self._plain_readers()

    def _append(
        self, columns: Columns | ListColumns, parent: int, option: int
    ) -> list[ValueColumns]:
        """Put columns behind those that are there."""
        if isinstance(columns, Columns):
            start, self._count = self._count, self._count + columns.count
            return [ValueColumns(columns, start, self._count, parent, option)]
        (length,) = self._append(columns.length, parent, option)
        items = []
        for number in range(columns.longest):
            # The first ones are there whenever the list is.
            always = number < columns.shortest
            home = (parent, option) if always else (length.start, number + 1 - columns.shortest)
            items += self._append(columns.item, *home)
        return [length, *items]

    def _coordinates(self) -> Coordinates:
        levels, categorical = np.zeros(self._count, np.int64), np.zeros(self._count, np.bool_)
        parent, option = np.full(self._count, -1, np.int64), np.zeros(self._count, np.int64)
        weights = []
        for each in itertools.chain.from_iterable(self.values.values()):
            part, columns = slice(each.start, each.stop), each.columns
            levels[part], categorical[part] = columns.levels, columns.categorical
            parent[part], option[part] = each.parent, each.option
            if columns.weights is not None:
                sums = np.concatenate([[0.0], np.cumsum(columns.weights)])
                weights.append((each.start, sums / sums[-1]))
        return Coordinates(levels, categorical, parent, option, tuple(weights))

    def _plain_readers(self) -> list[Callable[[float], Any]]:
        """Functions from the number of each leaf to its value, if all have just that; else none."""
        count, leaves = self._count, self.space.leaves
        columns = [first.columns for first, *_ in self.values.values()]
        plain = len(columns) == len(leaves) == count and all(leaf.parent < 0 for leaf in leaves)
        if not plain or not all(isinstance(each, NumberColumn) for each in columns):
            return []
        return [_reader(each) for each in columns]

    def encode(self, point: Point) -> Floats:
        """The row of a point; NaN where a branch is inactive."""
        row = np.full(self.coordinates.dimension, np.nan)
        for index, (columns, *items) in self.values.items():
            value = point[index]
            if value is INACTIVE:
                continue
            columns.encode(value, row)
            # A list has more columns than it may have items.
            for item, inner in zip(items, value if items else (), strict=False):
                item.encode(inner, row)
        ordered = self.coordinates.ordered
        if len(ordered):  # from levels to the centres of their cells
            row[ordered] = (row[ordered] + 0.5) / self.coordinates.levels[ordered]
        return row

    def decode(self, row: Floats, base: Point | None, rng: np.random.Generator) -> Point:
        """The point of a row. Leaves without columns come from ``base``, or are drawn."""
        if self._readers:
            pairs = zip(self._readers, row.tolist(), strict=True)
            return tuple([read(number) for read, number in pairs])
        row = self._levels(row)
        numbers = row.tolist()
        values: list[Any] = []
        for index, leaf in enumerate(self.space.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values.append(INACTIVE)
            elif index in self.values:
                columns, *items = self.values[index]
                value = columns.decode(row, numbers)
                if items:
                    value = [item.decode(row, numbers) for item in items[:value]]
                values.append(value)
            elif base is not None and base[index] is not INACTIVE:
                values.append(base[index])
            else:
                values.append(leaf.param.sample(rng))
        return tuple(values)

    def _levels(self, row: Floats) -> Floats:
        """A row with the numbers of levels instead of the centres of their cells."""
        ordered, levels = self.coordinates.ordered, self.coordinates.levels
        if not len(ordered):
            return row
        row = row.copy()
        number = np.floor(row[ordered] * levels[ordered])
        row[ordered] = np.maximum(np.minimum(number, levels[ordered] - 1), 0)
        return row

    def point(
        self, rng: np.random.Generator, row: Floats, best: Point | None, temperature: float
    ) -> Point:
        """The point of a row. Some of the leaves without columns move from those of the best."""
        decoded = self.decode(row, best, rng)
        if not self.others:
            return decoded
        point = list(decoded)
        others = [index for index in self.others if point[index] is not INACTIVE]
        if best is not None and others:
            share = max(temperature / 2, 1 / len(self.space.leaves))
            for index in others:
                if best[index] is not INACTIVE and rng.random() < share:
                    param = self.space.leaves[index].param
                    point[index] = param.mutate(best[index], temperature, rng)
        return tuple(point)


def _reader(columns: Columns) -> Callable[[float], Any]:
    """A function from the number in a row to the value; a level stands there as its centre."""
    decode, levels = columns.decode, columns.levels
    if not levels:
        return decode
    if columns.categorical:
        return lambda number: decode(int(number))
    return lambda number: decode(max(min(int(number * levels), levels - 1), 0))

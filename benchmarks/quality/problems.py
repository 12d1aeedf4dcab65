"""The types of a task: its parameters, and what is minimised.

They have a module of their own, so that modules of tasks need not import each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Param:
    """One parameter: float (low, high, log), int (low, high), ordinal or categorical (values).

    A parameter with a `parent` matters only if that categorical parameter has its value number
    `option`. Else objectives ignore it, so that solvers without conditions can set it to anything.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    values: tuple[Any, ...] = ()
    parent: str = ""
    option: int = 0

    @property
    def levels(self) -> int:
        """Number of values, 0 for a continuous parameter."""
        if self.kind == "float":
            return 0
        return len(self.values) if self.values else int(self.high - self.low) + 1

    def decode(self, unit: float) -> Any:
        """Return the value at a unit coordinate (at an index, for a categorical parameter)."""
        if math.isnan(unit):
            return None
        if self.kind == "categorical":
            return self.values[int(unit)]
        if self.kind == "ordinal":
            return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]
        if self.kind == "int":
            return int(self.low) + min(int(unit * self.levels), self.levels - 1)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + unit * (high - low)), self.low), self.high)
        return self.low + unit * (self.high - self.low)


@dataclass(frozen=True)
class Problem:
    """A task for one run: what the solver is told of a point, and the true value of the point."""

    params: tuple[Param, ...]
    observe: Callable[[list[Any]], float]
    truth: Callable[[list[Any]], float]

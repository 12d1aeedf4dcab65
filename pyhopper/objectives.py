"""What a search looks for: the best value, or several objectives at once, within limits.

Several objectives are numbers that an objective function returns in one dict. They are kept among
the metrics of an evaluation; its value is the first of them.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any, NamedTuple

from pyhopper.errors import ArgumentError, short

_DIRECTIONS = {
    "max": True,
    "maximize": True,
    "maximise": True,
    "min": False,
    "minimize": False,
    "minimise": False,
}

_LIMITS = (
    'must be a dict of what is measured and how far it may go: {"memory_mb": 2000} for at most '
    '2000, {"memory_mb": (10, None)} for at least 10, (10, 2000) for both'
)


class Limit(NamedTuple):
    """How far something that is measured may go.

    Attributes
    ----------
    name : str
        The key under which the objective function returns it.
    low, high : float
        The least and the largest number that are allowed; infinite if there is no such end.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf

    def excess(self, number: float) -> float:
        """By how much a number is outside; 0 if it is not, NaN if it is NaN."""
        if math.isnan(number):
            return number
        return max(self.low - number, number - self.high, 0.0)

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{self.name} <= {self.high:g}"
        if math.isinf(self.high):
            return f"{self.name} >= {self.low:g}"
        return f"{self.low:g} <= {self.name} <= {self.high:g}"


class Objectives(NamedTuple):
    """What is looked for.

    Attributes
    ----------
    maximize : tuple of bool
        The direction of each objective.
    names : tuple of str
        The keys under which the objective function returns them. Empty if there is one, which is
        the value itself.
    limits : tuple of Limit
        What else is measured, and how far it may go.
    """

    maximize: tuple[bool, ...] = (True,)
    names: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()

    @property
    def several(self) -> bool:
        """Whether there is more than one objective, so that a front takes the place of a best."""
        return len(self.names) > 1

    @property
    def is_plain(self) -> bool:
        """Whether an evaluation is judged by its value alone."""
        return len(self.names) < 2 and not self.limits

    @property
    def directions(self) -> dict[str, str]:
        """``"max"`` or ``"min"`` by the name of each objective."""
        names = self.names or ("value",)
        words = ("max" if maximize else "min" for maximize in self.maximize)
        return dict(zip(names, words, strict=True))

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that a result must have."""
        return tuple(dict.fromkeys([*self.names, *(limit.name for limit in self.limits)]))

    def looks_for_the_same(self, other: Objectives) -> bool:
        """Whether results for the one can be compared as results for the other.

        Limits may differ, since what is measured is kept.
        """
        return self.maximize == other.maximize and self.names == other.names

    def numbers(self, value: float, metrics: Mapping[str, Any] | None) -> tuple[float, ...]:
        """The number of each objective in a result; NaN for one that it lacks."""
        if not self.names:
            return (value,)
        return tuple(_number(metrics, name) for name in self.names)

    def losses(self, value: float, metrics: Mapping[str, Any] | None) -> tuple[float, ...]:
        """The same with lower being better."""
        pairs = zip(self.maximize, self.numbers(value, metrics), strict=True)
        return tuple(-number if maximize else number for maximize, number in pairs)

    def excesses(self, metrics: Mapping[str, Any] | None) -> tuple[float, ...]:
        """By how much a result breaks each limit: 0 if it does not, NaN if that is not known."""
        return tuple(limit.excess(_number(metrics, limit.name)) for limit in self.limits)

    def beyond(self, metrics: Mapping[str, Any] | None) -> tuple[float, ...]:
        """How far a result is beyond each end of each limit; below zero inside, NaN if unknown."""
        found: list[float] = []
        for limit in self.limits:
            number = _number(metrics, limit.name)
            found += [limit.low - number] if math.isfinite(limit.low) else []
            found += [number - limit.high] if math.isfinite(limit.high) else []
        return tuple(found)

    def violation(self, metrics: Mapping[str, Any] | None) -> float:
        """How far a result is outside of all limits together, each measured by its own size."""
        total = 0.0
        for limit, excess in zip(self.limits, self.excesses(metrics), strict=True):
            if excess > 0.0 or math.isnan(excess):
                ends = [abs(end) for end in limit[1:] if math.isfinite(end)]
                total += excess / (max(ends) or 1.0)
        return math.inf if math.isnan(total) else total

    def allow(self, metrics: Mapping[str, Any] | None) -> bool:
        """Whether a result is within all limits."""
        return not self.limits or all(excess == 0.0 for excess in self.excesses(metrics))

    def __str__(self) -> str:
        texts = [f"{word} {name}" for name, word in self.directions.items()]
        return ", ".join([*texts, *map(str, self.limits)])


def _number(metrics: Mapping[str, Any] | None, name: str) -> float:
    """A metric as a number; NaN if it is none."""
    found = None if metrics is None else metrics.get(name)
    return float(found) if isinstance(found, int | float) else math.nan


def parse_objectives(direction: Any, limits: Any = None) -> Objectives:
    """Read the arguments ``direction`` and ``limits``.

    Raises
    ------
    ArgumentError
        If they make no sense.
    """
    if not isinstance(direction, Mapping):
        return Objectives((parse_direction(direction),), (), _parse_limits(limits))
    if not direction:
        problem = 'names no objective; give for example {"accuracy": "max", "latency_ms": "min"}'
        raise ArgumentError("direction", direction, problem)
    for name in direction:
        _check_name("direction", direction, name)
    maximize = tuple(
        parse_direction(word, f"direction[{name!r}]") for name, word in direction.items()
    )
    return Objectives(maximize, tuple(map(str, direction)), _parse_limits(limits))


def parse_direction(direction: Any, argument: str = "direction") -> bool:
    """Whether to maximize."""
    if not isinstance(direction, str) or direction.lower() not in _DIRECTIONS:
        problem = 'must be "max" or "min"'
        if argument == "direction" and isinstance(direction, set | frozenset | list | tuple):
            problem += '; for several objectives a dict, such as {"loss": "min", "size_mb": "min"}'
        if isinstance(direction, numbers.Real) and not isinstance(direction, bool):
            problem += (
                f"; the budget has a name: steps={direction}, or runtime={direction} (seconds)"
            )
        raise ArgumentError(argument, direction, problem)
    return _DIRECTIONS[direction.lower()]


def _check_name(argument: str, value: Any, name: Any) -> None:
    if not isinstance(name, str) or not name:
        problem = f"{short(name)} is no name; the names are keys of what the objective returns"
        raise ArgumentError(argument, value, problem)


def _parse_limits(limits: Any) -> tuple[Limit, ...]:
    if limits is None:
        return ()
    if not isinstance(limits, Mapping):
        raise ArgumentError("limits", limits, _LIMITS)
    for name in limits:
        _check_name("limits", limits, name)
    return tuple(_parse_limit(name, ends) for name, ends in limits.items())


def _parse_limit(name: str, ends: Any) -> Limit:
    argument = f"limits[{name!r}]"
    pair = ends if isinstance(ends, tuple | list) else (None, ends)
    if len(pair) != 2:
        raise ArgumentError(argument, ends, "must be a number (at most) or a pair (from, to)")
    low, high = (_end(argument, ends, end) for end in pair)
    limit = Limit(name, -math.inf if low is None else low, math.inf if high is None else high)
    if limit.low > limit.high:
        raise ArgumentError(argument, ends, "allows nothing: it ends before it begins")
    if math.isinf(limit.low) and math.isinf(limit.high):
        raise ArgumentError(argument, ends, "allows everything; leave it out")
    return limit


def _end(argument: str, ends: Any, end: Any) -> float | None:
    if end is None:
        return None
    if isinstance(end, bool) or not isinstance(end, numbers.Real) or math.isnan(float(end)):
        raise ArgumentError(argument, ends, "must be a number (at most) or a pair (from, to)")
    return float(end)

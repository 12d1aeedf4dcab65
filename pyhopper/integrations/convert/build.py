"""Parameters as other packages describe them: bounds, a step, a logarithm, a list of options."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NoReturn

import pyhopper.parameters as kinds
from pyhopper.errors import ArgumentError
from pyhopper.parameters import Parameter

_MOST_STEPS = 10_000
"""A grid that does not go through zero is a list of its values, which has at most so many."""


def refuse(name: str, value: object, problem: str) -> NoReturn:
    """Raise the error for something that has no counterpart.

    Parameters
    ----------
    name : str
        Dotted name of the entry; empty for the whole space.
    value : object
        What it is.
    problem : str
        Why it cannot be read, and the way out.
    """
    raise ArgumentError(name or "space", value, problem)


def _made(name: str, kind: type[Parameter], *values: Any, **options: Any) -> Parameter:
    """A parameter; what is wrong with it is said with its name."""
    try:
        return kind(*values, **options)
    except ArgumentError as error:
        raise ArgumentError(name or "space", error.value, "", f"{name}: {error}") from None


def real(
    name: str, low: float, high: float, *, log: bool = False, step: float | None = None
) -> Any:
    """A number between two bounds, both included; a constant if they are equal."""
    low, high = float(low), float(high)
    if low == high:
        return low
    if not step:
        return _made(name, kinds.Float, low, high, log=log)
    low, high = _rounded(low), _rounded(high)
    if log or math.isclose(low / step, round(low / step), abs_tol=1e-9):
        return _made(name, kinds.Float, low, high, log=log, multiple_of=step)
    count = math.floor((high - low) / step + 1e-9) + 1
    return _steps(name, [_rounded(low + i * step) for i in _range(name, count)])


def _rounded(product: float) -> float:
    """Without the rounding errors of a product, 0.1 + 2 * 0.1 being 0.30000000000000004."""
    return float(f"{product:.12g}")


def whole(
    name: str, low: float, high: float, *, log: bool = False, step: float | None = None
) -> Any:
    """An integer between two bounds, both included; a constant if they are equal."""
    first, last = math.ceil(low), math.floor(high)
    if first == last:
        return first
    jump = int(step or 1)
    if jump == 1:
        return _made(name, kinds.Int, first, last, log=log)
    if log or first % jump == 0:
        return _made(name, kinds.Int, first, last, log=log, multiple_of=jump)
    count = (last - first) // jump + 1
    return _steps(name, [first + i * jump for i in _range(name, count)])


def _range(name: str, count: int) -> range:
    if count > _MOST_STEPS:
        problem = f"a grid of {count} values that does not go through 0; shift its lower bound"
        refuse(name, count, problem)
    return range(count)


def _steps(name: str, values: list[Any]) -> Any:
    return options(name, values, ordinal=True)


def options(name: str, values: Sequence[Any], *, weights: Any = None, ordinal: bool = False) -> Any:
    """One of several options; a constant if there is only one."""
    values = list(values)
    if not values:
        refuse(name, values, "there are no options")
    if weights is not None:
        kept = [(v, float(w)) for v, w in zip(values, weights, strict=True) if w > 0]
        values, weights = [v for v, _ in kept], [w for _, w in kept]
        weights = None if len(set(weights)) == 1 else weights
    if len(values) == 1:
        return values[0]
    return _made(name, kinds.Choice, values, is_ordinal=ordinal, weights=weights)


def ascending(values: Sequence[Any]) -> bool:
    """Whether options are three or more ascending numbers, so that neighbours are alike."""
    if len(values) < 3 or any(
        isinstance(v, bool) or not isinstance(v, int | float) for v in values
    ):
        return False
    return all(low < high for low, high in itertools.pairwise(values))


def normal(mean: float, sd: float) -> Parameter:
    """A normally distributed number."""
    from scipy.stats import norm

    return kinds.Distribution(norm(float(mean), float(sd)))


def lognormal(mean: float, sd: float) -> Parameter:
    """A number whose natural logarithm is normally distributed."""
    from scipy.stats import lognorm

    return kinds.Distribution(lognorm(float(sd), scale=math.exp(mean)))

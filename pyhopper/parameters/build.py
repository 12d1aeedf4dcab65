"""Check the arguments of ``int`` and ``float``, and make the scale that they describe."""

from __future__ import annotations

import math
import numbers
import warnings
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError
from pyhopper.parameters.grids import (
    EXACT,
    Digits,
    Grid,
    Multiples,
    exact,
    first_index,
    last_index,
    powers,
)
from pyhopper.parameters.scales import (
    ARRAY,
    SCALAR,
    Interval,
    LogGrid,
    LogInterval,
    Ops,
    Scale,
    Unbounded,
    UniformGrid,
    log_edges,
)

MOST_DIGITS = 12
"""The largest ``precision``; with more digits the tolerance of :class:`Digits` is too large."""

_MOST_AXES = 32
_MOST_ENTRIES = 10**9

_WIDEST = np.finfo(np.float64).max


Shape = int | tuple[int, ...] | None


def shape_tuple(shape: Shape, *bounds: Any) -> tuple[int, ...] | None:
    """The argument ``shape`` as a tuple; without it the common shape of the bounds.

    None stands for a single number.
    """
    if shape is None:
        try:
            arrays = [b for b in bounds if isinstance(b, np.ndarray | list | tuple)]
            common = np.broadcast_shapes(*(np.shape(each) for each in arrays))
        except (ValueError, MemoryError):
            problem = "its shape does not broadcast with that of lb"
            raise ArgumentError("ub", bounds[1], problem) from None
        if not common:
            return None
        shape = common
    entries = (shape,) if isinstance(shape, int | np.integer) else shape
    if not isinstance(entries, tuple | list) or not all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in entries
    ):
        raise ArgumentError("shape", shape, "must be an integer or a tuple of integers")
    if not entries:
        return None
    if math.prod(entries) == 0:
        raise ArgumentError("shape", shape, "must have at least one entry")
    if len(entries) > _MOST_AXES or math.prod(entries) > _MOST_ENTRIES:
        raise ArgumentError("shape", shape, "is too large for an array")
    return tuple(int(n) for n in entries)


@dataclass(frozen=True)
class Bounds:
    """The lower and the upper bound, both inclusive.

    Each is a number or an array of the parameter's shape; both are None if there are no bounds.
    """

    low: Any
    high: Any
    shape: tuple[int, ...] | None

    @property
    def ops(self) -> Ops:
        """The functions for a single number or for arrays, as the parameter has them."""
        return SCALAR if self.shape is None else ARRAY

    @classmethod
    def ordered(
        cls,
        lb: Any,
        ub: Any,
        shape: tuple[int, ...] | None,
        integer: bool = False,
        dtype: Any = np.float64,
    ) -> Bounds:
        """Check the two bounds and put them in order.

        Raises
        ------
        ArgumentError
            If one is not a finite number (or array), or the range is too wide or too narrow.
        """
        if lb is None and ub is None:
            return cls(None, None, shape)
        if ub is None:
            lb, ub = 0 if integer else 0.0, lb
            remark = "" if integer or _is_one(ub) else f"means float(0, {ub!r})"
        elif lb is None:
            lb, remark = 0 if integer else 0.0, ""
        else:
            remark = "puts its bounds in order" if _is_less(ub, lb) else ""
        first, second = _bound("lb", lb, shape, integer), _bound("ub", ub, shape, integer)
        if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
            low, high = np.minimum(first, second), np.maximum(first, second)
            low, high = (np.broadcast_to(b, shape or ()).copy() for b in (low, high))
        else:
            low, high = min(first, second), max(first, second)
        if integer:
            low, high = _whole(low, high, ub)
        elif np.any(high / 2 - low / 2 > _WIDEST / 2):
            problem = "the range is wider than the largest float; use closer bounds, or log=True"
            raise ArgumentError("ub", ub, problem)
        _warn_of_bounds("int" if integer else "float", lb, ub, remark)
        return cls(*_inward(low, high, dtype), shape)

    def describe(self) -> list[str]:
        """The bounds and the shape as the user would write them."""
        parts = [_bound_text(b) for b in (self.low, self.high) if b is not None]
        return parts + ([] if self.shape is None else [f"shape={self.shape}"])

    def positive(self, argument: str, value: Any = True) -> None:
        """Raise an :class:`ArgumentError` about ``argument`` unless both bounds are positive."""
        if self.low is None or np.any(np.asarray(self.low) <= 0):
            low = None if self.low is None else np.min(self.low).item()
            raise ArgumentError(
                argument, value, f"needs positive bounds, but the lower bound is {low}"
            )


def _is_one(bound: Any) -> bool:
    """Whether a single bound is the usual one."""
    return not isinstance(bound, numbers.Real) or bound == 1


def _is_less(first: Any, second: Any) -> bool:
    """Whether a number is less than another; False for anything else."""
    both = isinstance(first, numbers.Real) and isinstance(second, numbers.Real)
    return both and first < second


def _warn_of_bounds(name: str, lb: Any, ub: Any, remark: str) -> None:
    """Warn of bounds that are legal, but hardly meant."""
    single = not isinstance(lb, np.ndarray | list | tuple)
    if single and not isinstance(ub, np.ndarray | list | tuple) and lb == ub:
        remark = f"leaves nothing to search; for a constant write {ub!r} in the template"
    elif remark.startswith("means"):
        remark += f"; write both bounds, or for a constant {ub!r} in the template"
    elif remark:
        remark += f"; write {name}({ub!r}, {lb!r})"
    if remark:
        bounds = repr(ub) if remark.startswith("means") else f"{lb!r}, {ub!r}"
        warnings.warn(f"{name}({bounds}) {remark}", stacklevel=5)


def _bound(argument: str, bound: Any, shape: tuple[int, ...] | None, integer: bool) -> Any:
    kind = "an integer" if integer else "a number"
    if isinstance(bound, np.ndarray | list | tuple) and np.ndim(bound) > 0:
        array = np.asarray(bound)
        if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
            raise ArgumentError(argument, bound, "must hold finite numbers only")
        if integer and np.any(np.abs(array) > EXACT):
            raise ArgumentError(argument, bound, "must hold integers within ±2**53 only")
        try:
            np.broadcast_to(array, shape or ())
        except ValueError:
            problem = f"its shape {array.shape} does not broadcast to shape={shape}"
            raise ArgumentError(argument, bound, problem) from None
        return array.astype(np.float64)
    if not isinstance(bound, numbers.Real) or isinstance(bound, bool | np.bool_):
        raise ArgumentError(argument, bound, f"must be {kind}")
    if not isinstance(bound, int) and not math.isfinite(bound):
        raise ArgumentError(argument, bound, "must be finite; for other ranges use distribution()")
    try:
        number = float(bound)
    except OverflowError:
        raise ArgumentError(argument, bound, "is too large for a float") from None
    if integer and abs(number) > EXACT:
        raise ArgumentError(argument, bound, "must be an integer within ±2**53")
    return number


def _whole(low: Any, high: Any, upper: Any) -> tuple[Any, Any]:
    """The bounds as integers, fractions rounded towards the inside.

    ``upper`` is the upper bound as the user wrote it, for messages.
    """
    inner = np.ceil(low).astype(np.int64), np.floor(high).astype(np.int64)
    moved = (inner[0] != low) | (inner[1] != high)
    if np.any(moved & (inner[0] >= inner[1])):
        problem = "fewer than two integers lie between the bounds; use float() for fractions"
        raise ArgumentError("ub", upper, problem)
    return inner if isinstance(low, np.ndarray) else (int(inner[0]), int(inner[1]))


def _inward(low: Any, high: Any, dtype: Any) -> tuple[Any, Any]:
    """The bounds as numbers of ``dtype``, rounded towards the inside."""
    if dtype != np.float32:
        return low, high
    nearest = np.asarray(low, np.float32), np.asarray(high, np.float32)
    above = np.where(nearest[0] < low, np.nextafter(nearest[0], np.float32(np.inf)), nearest[0])
    below = np.where(nearest[1] > high, np.nextafter(nearest[1], np.float32(-np.inf)), nearest[1])
    # If no such number lies between the bounds, the one nearest to the lower bound is used.
    empty = above > below
    rounded = np.where(empty, nearest[0], above), np.where(empty, nearest[0], below)
    return rounded if isinstance(low, np.ndarray) else (float(rounded[0]), float(rounded[1]))


def _bound_text(bound: Any) -> str:
    if not isinstance(bound, np.ndarray):
        return repr(bound)
    if bound.size <= 8:
        return repr(bound.tolist())
    return f"<array {bound.shape} crc {zlib.crc32(bound.tobytes()):08x}>"


def build_int(bounds: Bounds, multiple_of: Any, power_of: Any, log: bool) -> Scale:
    """The scale of an integer parameter."""
    if multiple_of is not None:
        _at_least("multiple_of", multiple_of, 1)
    step = Fraction(1 if multiple_of is None else int(multiple_of))
    if power_of is not None:
        _at_least("power_of", power_of, 2)
        # Powers are at least 1, while the lower bound is 0 if the user wrote the upper one only.
        floor = np.maximum(bounds.low, 1) if bounds.shape and np.ndim(bounds.low) else bounds.low
        low = floor if isinstance(floor, np.ndarray) else max(floor, 1)
        bounds = Bounds(low, bounds.high, bounds.shape)
        return _power_scale(bounds, int(power_of), None if multiple_of is None else step, True)
    if log:
        bounds.positive("log")
    argument = "ub" if multiple_of is None else "multiple_of"
    value = bounds.high if multiple_of is None else multiple_of
    return _grid_scale(bounds, Multiples(step, integer=True), log, argument, value)


def build_float(
    bounds: Bounds,
    log: bool,
    precision: Any,
    significant: bool,
    multiple_of: Any,
    power_of: Any,
    dtype: Any,
) -> Scale:
    """The scale of a float parameter.

    ``significant`` says whether ``precision`` counts significant digits instead of decimals.
    """
    if precision is not None:
        _at_least("precision", precision, 1 if significant else 0, MOST_DIGITS)
    for argument, value in (("multiple_of", multiple_of), ("power_of", power_of)):
        if value is not None and precision is not None:
            problem = "cannot be combined with precision= or fmt=; leave one out"
            raise ArgumentError(argument, value, problem)
    if log:
        bounds.positive("log")
    if power_of is not None:
        _at_least("power_of", power_of, 2)
        bounds.positive("power_of", power_of)
        return _power_scale(bounds, int(power_of), _step(multiple_of), False)
    if multiple_of is not None:
        step = _step(multiple_of)
        assert step is not None
        return _grid_scale(bounds, Multiples(step), log, "multiple_of", multiple_of)
    if precision is not None:
        grid: Grid = (
            Digits(int(precision)) if significant else Multiples(Fraction(1, 10**precision))
        )
        return _grid_scale(bounds, grid, log, "precision", precision)
    if bounds.low is None:
        return Unbounded(0.0, 1.0, bounds.ops, None, None)
    single = 1 if np.all(np.asarray(bounds.low) == bounds.high) else None
    if log:
        low, high = bounds.ops.log(bounds.low), bounds.ops.log(bounds.high)
        if dtype == np.float32 and isinstance(low, np.ndarray):
            low, high = low.astype(np.float32), high.astype(np.float32)
        return LogInterval(_plain(low), _plain(high), bounds.ops, single, bounds.low, bounds.high)
    return Interval(bounds.low, bounds.high, bounds.ops, single)


def _plain(x: Any) -> Any:
    """A Python number for a NumPy scalar, which would turn float32 arrays into float64."""
    return x.item() if isinstance(x, np.generic) else x


def _step(multiple_of: Any) -> Fraction | None:
    if multiple_of is None:
        return None
    number = isinstance(multiple_of, numbers.Real) and not isinstance(multiple_of, bool)
    if not number or not 0 < multiple_of <= float(_WIDEST):
        raise ArgumentError("multiple_of", multiple_of, "must be a positive number")
    return exact(float(multiple_of))


def truth(argument: str, value: Any) -> bool:
    """Whether a switch is on; None means that it is not."""
    if value is None or isinstance(value, bool | int | np.bool_):
        return bool(value)
    raise ArgumentError(argument, value, "must be True or False")


def _at_least(argument: str, value: Any, least: int, most: int | None = None) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        span = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ArgumentError(argument, value, f"must be an integer, {span}")


def _grid_scale(bounds: Bounds, grid: Grid, log: bool, argument: str, value: Any) -> Scale:
    """The points of a grid within the bounds; messages are about ``argument``."""
    if bounds.low is None:
        if not isinstance(grid, Multiples):
            raise ArgumentError("log", True, "needs positive bounds")
        if grid.step.denominator > EXACT:
            raise ArgumentError(argument, value, "its steps are too small; use larger ones")
        return Unbounded(0.0, 1.0, bounds.ops, None, grid)
    if isinstance(grid, Multiples):
        widest = max(abs(np.min(bounds.low).item()), abs(np.max(bounds.high).item()))
        if grid.step.denominator > EXACT or widest * grid.step.denominator > EXACT:
            problem = "its steps are too small for numbers of this size; use larger ones"
            raise ArgumentError(argument, value, problem)
    first, last = (_each(find, grid, b) for find, b in _ends(bounds))
    count = last - first + 1
    if np.any(np.asarray(count) < 1):
        raise ArgumentError(argument, value, f"no such value lies in {_range(bounds)}")
    if not log:
        low, high = (0, count) if bounds.shape is None else (0.0, count)
        return UniformGrid(low, high, bounds.ops, count, grid, first)
    ops = ARRAY if isinstance(first, np.ndarray) else SCALAR
    low, high = log_edges(grid, first, ops)[1], log_edges(grid, last, ops)[2]
    return LogGrid(low, high, bounds.ops, count, grid, first, bounds.low, bounds.high)


def _power_scale(bounds: Bounds, base: int, step: Fraction | None, integer: bool) -> Scale:
    least, most = np.min(bounds.low).item(), np.max(bounds.high).item()
    grid = powers(base, least, most, step, integer) if most >= least > 0 else None
    if grid is None:
        raise ArgumentError("power_of", base, f"no such value lies in {_range(bounds)}")
    if np.ndim(bounds.low) == 0 and np.ndim(bounds.high) == 0:
        count = len(grid.values)
        return UniformGrid(0, count, bounds.ops, count, grid, 0)
    table = np.array(grid.values)
    first = np.searchsorted(table, bounds.low, "left")
    count = np.searchsorted(table, bounds.high, "right") - first
    if np.any(count < 1):
        problem = f"no such value lies in some of the ranges {_range(bounds)}"
        raise ArgumentError("power_of", base, problem)
    return UniformGrid(0.0, count, bounds.ops, count, grid, first)


def _ends(bounds: Bounds) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    return (first_index, bounds.low), (last_index, bounds.high)


def _each(find: Any, grid: Grid, bound: Any) -> Any:
    """Apply ``find`` to every bound, once for equal ones: arrays have few different bounds."""
    if not isinstance(bound, np.ndarray):
        return find(grid, bound)
    different, inverse = np.unique(bound, return_inverse=True)
    return np.array([find(grid, b) for b in different.tolist()])[inverse].reshape(bound.shape)


def _range(bounds: Bounds) -> str:
    return f"[{_bound_text(bounds.low)}, {_bound_text(bounds.high)}]"


def float_dtype(dtype: Any, shape: Shape) -> np.dtype[Any]:
    """The type of a floating point parameter's values; an array may also be of float32."""
    try:
        kind: np.dtype[Any] = np.dtype(dtype)
    except Exception:  # NumPy reads text, and raises what it likes
        raise ArgumentError("dtype", dtype, "must be np.float64 or np.float32") from None
    if kind not in (np.float64, np.float32):
        raise ArgumentError("dtype", dtype, "must be np.float64 or np.float32")
    if shape is None and kind != np.float64:
        raise ArgumentError("dtype", dtype, "needs shape=; a single value is a Python float")
    return kind

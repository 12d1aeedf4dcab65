"""Numbers and arrays of numbers: :class:`pyhopper.int`, :class:`Float` and what they share."""

from __future__ import annotations

import math
import numbers
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError, short
from pyhopper.habits import guided
from pyhopper.parameters.base import MISSING, Parameter, mutation_hook, seeding_hook
from pyhopper.parameters.build import (
    Bounds,
    Shape,
    build_float,
    build_int,
    float_dtype,
    shape_tuple,
    truth,
)
from pyhopper.parameters.columns import Columns, NumberColumn
from pyhopper.parameters.grids import EXACT
from pyhopper.parameters.scales import Gridded, Interval, Noise, Scale, Unbounded

_CHUNK = 2**15  # entries, which fit into the processor's cache


class Numeric(Parameter):
    """A number, or an array of numbers, on a :class:`~pyhopper.parameters.scales.Scale`."""

    bounds: Bounds | None = None

    def __init__(
        self,
        scale: Scale,
        shape: tuple[int, ...] | None,
        dtype: Any,
        init: Any,
        seeding_fn: Callable[..., Any] | None,
        mutation_fn: Callable[..., Any] | None,
    ) -> None:
        self.scale = scale
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._seeding = seeding_hook(seeding_fn)
        self._mutation = mutation_hook(mutation_fn)
        continuum = isinstance(scale, Interval | Unbounded)
        # On grids float32 random numbers have too few bits to reach every point.
        noise = self.dtype if continuum and self.dtype.kind == "f" else np.float64
        self._noise = Noise(shape, noise)
        own = type(self).sample is not Numeric.sample or type(self).mutate is not Numeric.mutate
        self.hooked = own or seeding_fn is not None or mutation_fn is not None
        self.size = _count(scale, shape)
        self.mutable = shape is not None
        self.entries = 1 if shape is None else math.prod(shape)
        if init is not MISSING and init is not None:
            try:
                self.init = self._check_init(init)
            except CandidateError as error:
                raise ArgumentError("init", init, error.problem) from None
            if isinstance(scale, Unbounded):
                self.scale = replace(scale, centre=self.init)

    def _check_init(self, init: Any) -> Any:
        """The legal ``init``; the nearest one for any other number, with a warning."""
        try:
            return self.check(init)
        except CandidateError:
            self._number(init)
            legal = self.legalize(init, "init")
            text = f"init={short(init)} is not in {self!r}; {short(legal)} is used instead"
            warnings.warn(text, stacklevel=5)
            return legal

    def sample(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self._seeding is not None:
            return self.legalize(self._seeding(rng), "seeding_fn")
        if self.shape is not None:
            return self._by_chunks(lambda scale, _, noise: scale.sample(rng, noise))
        return self.scale.sample(rng, self._noise)

    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`. In an array, all entries move or a random share of them."""
        if self._mutation is not None:
            return self.legalize(self._mutation(rng, value, temperature), "mutation_fn")
        if self.shape is not None:
            return self._mutate_array(value, temperature, rng)
        if self.size == 1:
            return value
        moved = self.scale.shift(value, temperature, rng, self._noise)
        return self.scale.neighbour(value) if moved == value else moved

    def _mutate_array(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        if self.size == 1:
            return value.copy()
        # Half of the moves change all entries, the others a loguniform number of them.
        if rng.random() < 0.5:
            flat = value.reshape(-1)
            moved = self._by_chunks(
                lambda scale, part, noise: scale.shift(flat[part], temperature, rng, noise)
            )
        else:
            touched = math.ceil(self.entries ** rng.random())
            index = rng.integers(self.entries, size=touched)
            moved = value.copy()
            flat = moved.reshape(-1)
            noise = Noise((touched,), self._noise.dtype)
            flat[index] = self.scale.at(index).shift(flat[index], temperature, rng, noise)
        if (moved.reshape(-1)[:8] != value.reshape(-1)[:8]).any() or (moved != value).any():
            return moved
        return self._move_one(moved)

    def _by_chunks(self, make: Callable[[Scale, slice, Noise], Any]) -> Any:
        """An array that is made chunk by chunk, which is three times as fast as all at once."""
        made, dtype = np.empty(self.entries, self.dtype), self._noise.dtype
        for start in range(0, self.entries, _CHUNK):
            part = slice(start, min(start + _CHUNK, self.entries))
            out = made[part] if self._noise.dtype == self.dtype else None
            chunk = make(self.scale.at(part), part, Noise((part.stop - start,), dtype, out))
            if chunk is not out:
                made[part] = chunk
        return made.reshape(self.shape)

    def _move_one(self, value: Any) -> Any:
        """Move the first entry that has more than one legal value to a neighbouring value."""
        flat = value.reshape(-1)
        for position in range(flat.size):
            index = np.array([position])
            flat[index] = self.scale.at(index).neighbour(flat[index])
            if flat[position] != value.reshape(-1)[position]:
                break
        return value

    def check(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        number = self._number(value)
        legal = self._finish(self.scale.nearest(_copied(number)))
        close = np.isclose(legal, number, rtol=1e-9, atol=0)
        if np.all(close):
            return legal
        if self.shape is not None:
            wrong = np.asarray(number)[~close]
            raise CandidateError("", value, f"{short(wrong[0].item())} is not in {self!r}")
        raise CandidateError("", value, f"not in {self!r}; the nearest legal value is {legal!r}")

    def start(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self.init is not MISSING:
            return self.copy(self.init)
        if self.shape is not None:
            return self.from_unit(np.full(self.shape, 0.5))
        middle = self.from_unit(0.5)
        # 0.001 for the logarithmic range from 1e-5 to 0.1, and not 0.0010000000000000002.
        return self.legalize(float(f"{middle:.12g}"), "") if type(middle) is float else middle

    def copy(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        return value if self.shape is None else value.copy()

    def to_unit(self, value: Any) -> Any:
        """The position of a value on its (log) scale, in [0, 1]; an array for an array.

        A quantized value stands for an interval of the scale and has the position of its middle.
        """
        return self.scale.unit(_copied(value))

    def from_unit(self, unit: Any) -> Any:
        """The value at a position in [0, 1], or an array of values; inverts :meth:`to_unit`."""
        return self._finish(self.scale.draw(_copied(unit)))

    def columns(self) -> Columns | None:
        """See :class:`Parameter`. One column an entry; none where the user's functions draw."""
        if self.hooked:
            return None
        scale, shape = self.scale, self.shape
        if shape is None:
            return self._column()
        grid = scale if isinstance(scale, Gridded) and scale.levels else None

        def encode(value: Any) -> Any:
            numbers = self.to_unit(value) if grid is None else grid.level(value)
            return numbers.ravel()

        def decode(row: Any) -> Any:
            numbers = row.reshape(shape)
            return self.from_unit(numbers) if grid is None else self._finish(grid.at_level(numbers))

        return Columns(self.entries, encode, decode, 0 if grid is None else grid.levels)

    def _column(self) -> Columns:
        """The column of a single number."""
        scale = self.scale
        if isinstance(scale, Gridded) and scale.levels:
            return NumberColumn(1, scale.level, scale.at_level, scale.levels)
        return NumberColumn(1, scale.unit, scale.draw)

    def _finish(self, value: Any) -> Any:
        if self.shape is None:
            return value
        return value.astype(self.dtype, copy=False)

    def _number(self, value: Any) -> Any:
        """A number as a float or int, or an array of the right shape; raises for anything else."""
        kind = "integer" if self.dtype.kind == "i" else "number"
        if self.shape is None:
            if isinstance(value, np.ndarray) and value.ndim == 0:
                value = value.item()
            if not isinstance(value, numbers.Real) or isinstance(value, bool | np.bool_):
                raise CandidateError("", value, f"must be a {kind}".replace("a i", "an i"))
            number = _float(value)
            if not math.isfinite(number):
                raise CandidateError("", value, "must be finite")
            if self.dtype.kind == "i":
                if not number.is_integer():
                    raise CandidateError("", value, "must be an integer")
                return int(number)
            return number
        try:
            array = np.broadcast_to(np.asarray(value), self.shape)
        except (ValueError, MemoryError):  # ragged lists, and ranges of great length
            raise CandidateError("", value, f"must be an array of shape {self.shape}") from None
        if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
            raise CandidateError("", value, "must hold finite numbers only")
        if self.dtype.kind == "i" and np.any(array != np.rint(array)):
            raise CandidateError("", value, "must hold integers only")
        return array.astype(self.dtype)

    def legalize(self, value: Any, source: str) -> Any:
        """See :class:`Parameter`."""
        try:
            if self.dtype.kind == "i" and not isinstance(value, bool):
                whole = np.clip(np.rint(value), -EXACT, EXACT)
                value = whole if self.shape is not None else int(whole)
            return self._finish(self.scale.nearest(_copied(self._number(value))))
        except (CandidateError, TypeError, ValueError, OverflowError, MemoryError) as error:
            problem = getattr(error, "problem", error)
            raise CandidateError(source, value, f"not a value of {self!r}: {problem}") from None


def _float(value: Any) -> float:
    """A number as a float; infinity if it is too large for a float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _copied(value: Any) -> Any:
    """A copy of an array, since scales may overwrite their arguments."""
    return value.copy() if isinstance(value, np.ndarray) else value


def _count(scale: Scale, shape: tuple[int, ...] | None) -> int | None:
    if scale.count is None:
        return None
    if shape is None:
        return int(scale.count)
    if isinstance(scale.count, np.ndarray):
        return int(math.prod(scale.count.ravel().tolist()))
    return int(scale.count) ** math.prod(shape) if math.prod(shape) < 10**4 else None


class Int(Numeric):
    """An integer, or with ``shape`` an int64 array.

    Parameters
    ----------
    lb, ub : int or array_like, optional
        Bounds, both inclusive, within ±2**53. With one bound the other is 0, with none the range is
        that of 32-bit integers. Swapped bounds are put in order, fractions rounded to the inside.
        Arrays must broadcast to ``shape``; without ``shape`` they determine it.
    init : int or array_like, optional
        The first value to try; by default the middle of the range. Outside of the bounds or off the
        grid the nearest legal value, with a warning.
    multiple_of : int, optional
        Draw only multiples of this number.
    power_of : int, optional
        Draw only powers of this base, which is at least 2. All are equally likely.
    shape : int or tuple of int, optional
        Shape of an array of independent values; by default that of an array as ``init``, else a
        single number.
    mutation_fn : callable, optional
        ``mutation_fn(value)`` or ``mutation_fn(value, temperature)`` replaces the local move.
    seeding_fn : callable, optional
        ``seeding_fn()`` replaces the random draw. What either function returns is rounded and
        clipped. Either may have an argument ``rng``, which gets the candidate's random generator.
    log : bool
        Whether to draw loguniformly, for which bounds must be positive. False by default.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; the message names it.

    Examples
    --------
    >>> import pyhopper
    >>> layers = pyhopper.int(1, 8)  # both bounds included
    >>> width = pyhopper.int(100, 500, multiple_of=100)  # 100, 200, ... 500
    >>> batch = pyhopper.int(2, 64, power_of=2)  # 2, 4, ... 64
    >>> trees = pyhopper.int(1, 10000, log=True)  # loguniform
    >>> search = pyhopper.Search(layers=layers, width=width, batch=batch, trees=trees)
    >>> search.ask("max").params["width"]
    300
    """

    @guided
    def __init__(
        self,
        lb: Any = None,
        ub: Any = None,
        init: Any = MISSING,
        multiple_of: int | None = None,
        power_of: int | None = None,
        shape: Shape = None,
        seeding_fn: Callable[..., Any] | None = None,
        mutation_fn: Callable[..., Any] | None = None,
        *,
        log: bool = False,
    ) -> None:
        if lb is None and ub is None:
            lb, ub = -(2**31), 2**31 - 1
        entries = shape_tuple(shape, lb, ub) or shape_of(init)
        self.bounds = bounds = Bounds.ordered(lb, ub, entries, integer=True)
        log = truth("log", log)
        scale = build_int(bounds, multiple_of, power_of, log)
        extras = {"multiple_of": multiple_of, "power_of": power_of, "log": log or None}
        self._text = _definition("int", bounds, extras)
        super().__init__(scale, bounds.shape, np.int64, init, seeding_fn, mutation_fn)

    def describe(self) -> str:
        """See :class:`Parameter`."""
        return self._text


class Float(Numeric):
    """A floating point number, or with ``shape`` an array of them.

    Parameters
    ----------
    lb, ub : float or array_like, optional
        Bounds, both inclusive. With one bound the other is 0; with none, values are drawn from a
        normal distribution around ``init``, or 0, of standard deviation 1. Swapped bounds and
        arrays: see :class:`pyhopper.int`.
    fmt : str, optional
        ``"0.1f"`` (or ``":0.1f"``) is short for ``precision=1``; ``"0.1g"`` is short for
        ``log=True, precision=1``.
    log : bool, optional
        Whether to draw loguniformly, for which bounds must be positive. False by default.
    precision : int, optional
        Number of decimals, 0 to 12; with ``log`` the number of significant digits, 1 to 12.
    multiple_of : float, optional
        Draw only multiples of this number.
    power_of : int, optional
        Draw only integer powers of this base, which is at least 2. All are equally likely.
    dtype : numpy dtype
        Of arrays: ``np.float64``, the default, or ``np.float32``.
    init, shape, mutation_fn, seeding_fn
        See :class:`pyhopper.int`.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; the message names it.

    Examples
    --------
    >>> import pyhopper
    >>> rate = pyhopper.float(1e-5, 1e-1, "0.1g")  # loguniform: 1e-05, 2e-05, ... 0.1
    >>> dropout = pyhopper.float(0, 0.5, precision=1)  # 0.0, 0.1, ... 0.5
    >>> weights = pyhopper.float(-1, 1, shape=(4, 6))  # an array
    >>> search = pyhopper.Search(rate=rate, dropout=dropout, weights=weights, seed=1)
    >>> search.ask("max").params["weights"].shape
    (4, 6)
    """

    @guided
    def __init__(
        self,
        lb: Any = None,
        ub: Any = None,
        fmt: str | None = None,
        init: Any = MISSING,
        log: bool | None = None,
        precision: int | None = None,
        shape: Shape = None,
        mutation_fn: Callable[..., Any] | None = None,
        seeding_fn: Callable[..., Any] | None = None,
        *,
        multiple_of: float | None = None,
        power_of: int | None = None,
        dtype: Any = np.float64,
    ) -> None:
        log = None if log is None else truth("log", log)
        if fmt is not None:
            log, precision = _parse_format(fmt, log, precision)
            significant = fmt.endswith("g")
        else:
            significant = bool(log)
        entries = shape_tuple(shape, lb, ub) or shape_of(init)
        kind = float_dtype(dtype, entries)
        self.bounds = bounds = Bounds.ordered(lb, ub, entries, dtype=kind)
        scale = build_float(bounds, bool(log), precision, significant, multiple_of, power_of, kind)
        extras = {
            "log": log or None,
            "precision": precision,
            "multiple_of": multiple_of,
            "power_of": power_of,
            "dtype": None if kind == np.float64 else kind.name,
        }
        self._text = _definition("float", bounds, extras)
        super().__init__(scale, bounds.shape, kind, init, seeding_fn, mutation_fn)

    def describe(self) -> str:
        """See :class:`Parameter`."""
        return self._text


def shape_of(init: Any) -> tuple[int, ...] | None:
    """The shape that an array as ``init`` stands for, if there is no other."""
    return (init.shape or None) if isinstance(init, np.ndarray) else None


def _parse_format(fmt: str, log: bool | None, precision: int | None) -> tuple[bool | None, int]:
    found = (
        re.fullmatch(r":?(?:[0-9]*\.)?([0-9]{1,4})([fg])", fmt) if isinstance(fmt, str) else None
    )
    if found is None:
        hint = "; did you mean log=True?" if isinstance(fmt, str) and "log" in fmt else ""
        if isinstance(fmt, numbers.Real) and not isinstance(fmt, bool):
            hint = f"; for steps write multiple_of={fmt}, for the first value init={fmt}"
        problem = f'must look like "0.1f" (decimals) or "0.1g" (log, digits){hint}'
        raise ArgumentError("fmt", fmt, problem)
    if precision is not None:
        raise ArgumentError("precision", precision, f"fmt={fmt!r} already sets it; leave one out")
    if found[2] == "g":
        if log is False:
            raise ArgumentError("log", log, f"fmt={fmt!r} means log=True; use precision= alone")
        # As everywhere in Python, no digit means one.
        return True, max(int(found[1]), 1)
    return log, int(found[1])


def _definition(name: str, bounds: Bounds, extras: dict[str, Any]) -> str:
    parts = bounds.describe()
    parts += [f"{key}={value!r}" for key, value in extras.items() if value is not None]
    return f"{name}({', '.join(parts)})"

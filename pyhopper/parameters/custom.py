"""Lists of variable length, values of any type, and distributions of SciPy."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError
from pyhopper.parameters.base import (
    MISSING,
    Parameter,
    mutation_hook,
    seeding_hook,
)
from pyhopper.parameters.build import Shape, shape_tuple, truth
from pyhopper.parameters.columns import Columns, ListColumns
from pyhopper.parameters.numeric import Numeric, shape_of
from pyhopper.parameters.scales import ARRAY, SCALAR, Cell, Scale, beside

_MOVES_FROM_INIT = 10
"""How many moves from ``init`` make a random draw where there is no ``seeding_fn``."""

_MOST_ITEMS = 100
"""A list that may be longer has no columns."""


_LONGEST = 10**6
"""No list has more items."""


class List(Parameter):
    """A Python list of independent values, of variable length.

    Parameters
    ----------
    item : Parameter
        The definition of each entry, for example ``pyhopper.int(16, 512)``.
    min_length, max_length : int
        Bounds of the number of entries, both inclusive; every length is equally likely.
        ``max_length`` defaults to ``min_length``.
    init : list, optional
        The first value to try; by default of medium length, with the first value of each entry.
    seeding_fn, mutation_fn : callable, optional
        Replace the random draw and the local move, see :class:`pyhopper.int`.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; the message names it.

    Examples
    --------
    >>> import pyhopper
    >>> widths = pyhopper.list(pyhopper.int(16, 512, power_of=2), 1, 4)
    >>> search = pyhopper.Search(widths=widths, seed=1)
    >>> _ = search.run(lambda params: -len(params["widths"]), "max", steps=20, quiet=True)
    >>> len(search.best["widths"])
    1
    """

    def __init__(
        self,
        item: Parameter,
        min_length: int,
        max_length: int | None = None,
        *,
        init: Any = MISSING,
        seeding_fn: Callable[..., Any] | None = None,
        mutation_fn: Callable[..., Any] | None = None,
    ) -> None:
        if not isinstance(item, Parameter):
            raise ArgumentError("item", item, "must be a parameter, for example pyhopper.int(1, 9)")
        max_length = min_length if max_length is None else max_length
        for argument, length in (("min_length", min_length), ("max_length", max_length)):
            if not isinstance(length, int) or isinstance(length, bool) or length < 0:
                raise ArgumentError(argument, length, "must be an integer, at least 0")
            if length > _LONGEST:
                raise ArgumentError(argument, length, f"must be at most {_LONGEST}")
        self.item = item
        self.min_length, self.max_length = sorted((min_length, max_length))
        if self.max_length == 0:
            raise ArgumentError("max_length", max_length, "must be at least 1")
        self.hooked = seeding_fn is not None or mutation_fn is not None
        self._seeding = seeding_hook(seeding_fn)
        self._mutation = mutation_hook(mutation_fn)
        if item.size is not None and self.max_length <= 10**4:
            self.size = sum(item.size**n for n in range(self.min_length, self.max_length + 1))
        if init is not MISSING and init is not None:
            try:
                self.init = self.check(init)
            except CandidateError as error:
                raise ArgumentError("init", init, error.problem) from None

    def sample(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self._seeding is not None:
            return self.legalize(self._seeding(rng), "seeding_fn")
        length = self.min_length + int(rng.random() * (self.max_length - self.min_length + 1))
        return [self.item.sample(rng) for _ in range(length)]

    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`. Moves some entries, adds one or removes one."""
        if self._mutation is not None:
            moved = self._mutation(rng, self.copy(value), temperature)
            return self.legalize(moved, "mutation_fn")
        items = [self.item.copy(item) for item in value]
        kinds = ["change"] * 2 if items and self.item.size != 1 else []
        kinds += ["add"] if len(items) < self.max_length else []
        kinds += ["remove"] if len(items) > self.min_length else []
        if not kinds:
            return items
        kind = kinds[int(rng.random() * len(kinds))]
        if kind == "add":
            items.insert(int(rng.random() * (len(items) + 1)), self.item.sample(rng))
        elif kind == "remove":
            del items[int(rng.random() * len(items))]
        else:
            most = max(1, round(temperature * len(items)))
            touched = rng.choice(len(items), size=1 + int(rng.random() * most), replace=False)
            for index in touched.tolist():
                items[index] = self.item.mutate(items[index], temperature, rng)
        return items

    def check(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        if not _is_list(value):
            raise CandidateError("", value, "must be a list")
        if not self.min_length <= len(value) <= self.max_length:
            span = f"{self.min_length} to {self.max_length}"
            raise CandidateError("", value, f"must have {span} entries")
        return [self.item.check(item) for item in value]

    def legalize(self, value: Any, source: str) -> Any:
        """See :class:`Parameter`. A list that is too long is cut off."""
        if _is_list(value):
            value = [self.item.legalize(item, source) for item in value[: self.max_length]]
        return super().legalize(value, source)

    def start(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self.init is not MISSING:
            return self.copy(self.init)
        length = math.ceil((self.min_length + self.max_length) / 2)
        return [self.item.start(rng) for _ in range(length)]

    def columns(self) -> ListColumns | None:
        """See :class:`Parameter`. None where the user's functions draw, or for lists of lists."""
        item = self.item.columns()
        own = type(self) is not List or self.hooked
        if own or self.max_length > _MOST_ITEMS or not isinstance(item, Columns):
            return None
        return ListColumns(item, self.min_length, self.max_length)

    def copy(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        return [self.item.copy(item) for item in value]

    def describe(self) -> str:
        """See :class:`Parameter`."""
        return f"list({self.item.describe()}, {self.min_length}, {self.max_length})"


def _is_list(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, builtins.list | tuple)


class Custom(Parameter):
    """A value of any type, drawn and moved by functions of the user.

    Parameters
    ----------
    seeding_fn : callable, optional
        ``seeding_fn()`` draws a value. Without it, a draw is the result of ten moves from ``init``.
    mutation_fn : callable, optional
        ``mutation_fn(value)`` or ``mutation_fn(value, temperature)`` returns a value near
        ``value``, which is a copy that the function may change. ``temperature``, in (0, 1], says
        how wide the move should be. Without a ``mutation_fn``, a move is a new draw. Both functions
        may have an argument ``rng``, a ``numpy.random.Generator``; if all their random numbers come
        from it, a search with a seed is repeatable.
    init : object, optional
        The first value to try; by default a draw.
    encode, decode : callable, optional
        ``encode(value)`` returns the value as something that a checkpoint can hold (numbers, text,
        lists, dicts, tuples, bytes, NumPy arrays), and ``decode`` turns that back into the value.
        Values that consist of such types need neither.
    allow_pickle : bool
        Whether checkpoints store values as pickles, in place of ``encode`` and ``decode``. False by
        default, because whoever can write to the checkpoint could then run code on your machine.

    Raises
    ------
    ArgumentError
        If there is neither a ``seeding_fn`` nor both a ``mutation_fn`` and an ``init``, or another
        argument makes no sense.

    Examples
    --------
    >>> import pyhopper
    >>> def draw(rng):
    ...     return rng.permutation(5).tolist()
    >>> def swap(order, temperature, rng):
    ...     i, j = rng.choice(5, 2, replace=False)
    ...     order[i], order[j] = order[j], order[i]
    ...     return order
    >>> search = pyhopper.Search(order=pyhopper.custom(draw, swap), seed=1)
    >>> search.run(lambda params: params["order"][0], "max", steps=30, quiet=True)["order"][0]
    4
    """

    def __init__(
        self,
        seeding_fn: Callable[..., Any] | None = None,
        mutation_fn: Callable[..., Any] | None = None,
        init: Any = None,
        *,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Any] | None = None,
        allow_pickle: bool = False,
    ) -> None:
        self._seeding = seeding_hook(seeding_fn)
        self._mutation = mutation_hook(mutation_fn)
        if init is not None:
            try:
                self.init = self.copy(init)
            except CandidateError as error:
                raise ArgumentError("init", init, error.problem) from None
        for argument, function in (("encode", encode), ("decode", decode)):
            if function is not None and not callable(function):
                raise ArgumentError(argument, function, "must be a function")
        if (encode is None) != (decode is None):
            raise ArgumentError("encode, decode", (encode, decode), "give both or neither")
        if encode is not None and allow_pickle:
            raise ArgumentError("allow_pickle", allow_pickle, "is of no use with encode and decode")
        self._encode, self._decode = encode, decode
        self.allow_pickle = truth("allow_pickle", allow_pickle)
        if self._seeding is None and (self._mutation is None or init is None):
            problem = "give seeding_fn, or both mutation_fn and init"
            raise ArgumentError("seeding_fn", seeding_fn, problem)

    def sample(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self._seeding is not None:
            return _returned(self._seeding(rng), "seeding_fn")
        value = self.copy(self.init)
        for _ in range(_MOVES_FROM_INIT):
            value = self.mutate(value, 1.0, rng)
        return value

    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self._mutation is None:
            return self.sample(rng)
        return _returned(self._mutation(rng, self.copy(value), temperature), "mutation_fn")

    def start(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        return self.sample(rng) if self.init is MISSING else self.copy(self.init)

    def copy(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        try:
            return super().copy(value)
        except Exception as error:
            raise CandidateError("", value, f"cannot be copied: {error}") from error

    def encode(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        return value if self._encode is None else self._encode(value)

    def decode(self, data: Any) -> Any:
        """See :class:`Parameter`."""
        return data if self._decode is None else self._decode(data)

    def describe(self) -> str:
        """See :class:`Parameter`."""
        hooks = {"seeding_fn": self._seeding, "mutation_fn": self._mutation}
        named = ", ".join(f"{k}={h.describe()}" for k, h in hooks.items() if h is not None)
        return f"custom({named})"


def _returned(value: Any, source: str) -> Any:
    if value is None:
        raise CandidateError(source, value, "the function returned nothing; is a return missing?")
    return value


@dataclass(frozen=True)
class Quantiles(Scale):
    """The values of a SciPy distribution; the latent coordinate is the cumulative probability."""

    frozen: Any
    discrete: bool

    def value(self, latent: Any) -> Any:
        """See :class:`Scale`."""
        # At 0 and 1 the value may be infinite; exact arithmetic would never draw them.
        inside = self.ops.clip(latent, 2.0**-53, 1 - 2.0**-53)
        return self._plain(self.frozen.ppf(inside))

    def cell(self, value: Any) -> Cell:
        """See :class:`Scale`."""
        end = self._below(value)
        if not self.discrete:
            return end, end, end, end
        return self._below(value - 2), self._below(value - 1), end, self._below(value + 1)

    def nearest(self, x: Any) -> Any:
        """See :class:`Scale`."""
        low, high = self.frozen.support()
        if self.discrete:
            x = np.rint(x)
        return self._plain(np.clip(x, low, high))

    def neighbour(self, value: Any) -> Any:
        """See :class:`Scale`."""
        if self.discrete:
            return super().neighbour(value)
        return beside(value, self.frozen.support()[1])

    def _below(self, value: Any) -> Any:
        probability = self.frozen.cdf(value)
        return probability if self.ops is ARRAY else float(probability)

    def _plain(self, value: Any) -> Any:
        if self.ops is ARRAY:
            return value
        return int(value) if self.discrete else float(value)


class Distribution(Numeric):
    """A number drawn from a frozen SciPy distribution.

    Parameters
    ----------
    frozen : scipy.stats distribution
        A distribution of one variable with its parameters set, for example
        ``scipy.stats.beta(2, 5)``; continuous or discrete. Values come from its method ``ppf``.
    shape : int or tuple of int, optional
        Shape of an array of independent values; by default a single number.
    init : number or array_like, optional
        The first value to try; by default the median.
    seeding_fn, mutation_fn : callable, optional
        Replace the random draw and the local move, see :class:`pyhopper.int`.

    Raises
    ------
    ArgumentError
        If ``frozen`` is not such a distribution, or another argument makes no sense.

    Examples
    --------
    >>> import pyhopper, scipy.stats
    >>> momentum = pyhopper.distribution(scipy.stats.beta(8, 2))
    >>> search = pyhopper.Search(momentum=momentum, seed=1)
    >>> 0 < search.ask("max").params["momentum"] < 1
    True
    """

    def __init__(
        self,
        frozen: Any,
        *,
        shape: Shape = None,
        init: Any = MISSING,
        seeding_fn: Callable[..., Any] | None = None,
        mutation_fn: Callable[..., Any] | None = None,
    ) -> None:
        family = getattr(frozen, "dist", None)
        if family is None or not hasattr(family, "ppf"):
            problem = "must be a frozen distribution, for example scipy.stats.beta(2, 5)"
            raise ArgumentError("frozen", frozen, problem)
        median = frozen.ppf(0.5)
        if np.ndim(median) != 0 or not math.isfinite(median):
            problem = "its parameters must be single numbers that are legal for it"
            raise ArgumentError("frozen", frozen, problem)
        self.frozen = frozen
        discrete = hasattr(family, "pmf")
        entries = shape_tuple(shape) or shape_of(init)
        ops = SCALAR if entries is None else ARRAY
        low, high = frozen.support()
        count = int(high - low) + 1 if discrete and math.isfinite(high - low) else None
        scale = Quantiles(0.0, 1.0, ops, count, frozen, discrete)
        kind = np.int64 if discrete else np.float64
        super().__init__(scale, entries, kind, init, seeding_fn, mutation_fn)

    def describe(self) -> str:
        """See :class:`Parameter`."""
        name = getattr(self.frozen.dist, "name", type(self.frozen.dist).__name__)
        arguments = [repr(value) for value in self.frozen.args]
        arguments += [f"{key}={value!r}" for key, value in sorted(self.frozen.kwds.items())]
        shape = "" if self.shape is None else f", shape={self.shape}"
        return f"distribution({name}({', '.join(arguments)}){shape})"

"""One of several options: :class:`pyhopper.choice` and :class:`Bool`."""

from __future__ import annotations

import math
import numbers
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError, short
from pyhopper.habits import guided
from pyhopper.ownership import own
from pyhopper.parameters.base import (
    MISSING,
    Branching,
    Parameter,
    mutation_hook,
    seeding_hook,
)
from pyhopper.parameters.build import truth
from pyhopper.parameters.columns import Columns, NumberColumn
from pyhopper.parameters.mistakes import check_nesting, warn_of_options
from pyhopper.parameters.template import Template, has_parameters

_MOST_OPTIONS = 10**6

_LARGEST_WEIGHT = 1e300


class Selector(Parameter):
    """The index of an option, which decides what a :class:`pyhopper.choice` is.

    Parameters
    ----------
    size : int
        Number of options.
    ordinal : bool
        Whether the options have an order. If so, a local move goes to a neighbour, and at high
        temperatures to options further away.
    weights : list of float or None
        Positive weights in proportion to which options are drawn; None for equal ones.
    init : int or MISSING
        The index of the option to try first.
    """

    size: int

    def __init__(self, size: int, ordinal: bool, weights: list[float] | None, init: Any) -> None:
        self.size = size
        self.ordinal = ordinal
        self.weights = weights
        self._sums = None if weights is None else [0.0, *accumulate(weights)]
        self.init = init

    def _draw(self, low: int, high: int, rng: np.random.Generator) -> int:
        """Draw an index in [low, high) in proportion to the weights."""
        u = rng.random()
        if self._sums is None:
            return low + int(u * (high - low))
        sums = self._sums
        found = bisect_right(sums, sums[low] + u * (sums[high] - sums[low]))
        return min(max(found - 1, low), high - 1)

    def sample(self, rng: np.random.Generator) -> int:
        """See :class:`Parameter`."""
        return self._draw(0, self.size, rng)

    def mutate(self, value: int, temperature: float, rng: np.random.Generator) -> int:
        """See :class:`Parameter`."""
        if self.size == 1:
            return value
        reach = max(1, math.floor(temperature * (self.size - 1))) if self.ordinal else self.size
        low, high = max(0, value - reach), min(self.size, value + reach + 1)
        below = self._mass(low, value)
        total = below + self._mass(value + 1, high)
        if rng.random() * total < below:
            return self._draw(low, value, rng)
        return self._draw(value + 1, high, rng)

    def _mass(self, low: int, high: int) -> float:
        return float(high - low) if self._sums is None else self._sums[high] - self._sums[low]

    def check(self, value: Any) -> int:
        """See :class:`Parameter`."""
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < self.size:
            raise CandidateError("", value, f"must be an index below {self.size}")
        return value

    def start(self, rng: np.random.Generator) -> int:
        """See :class:`Parameter`. By default the middle of ordered options, else the first."""
        if self.init is not MISSING:
            return int(self.init)
        return (self.size - 1) // 2 if self.ordinal else 0

    def columns(self) -> Columns:
        """See :class:`Parameter`. One column, without an order if local moves know none."""
        return NumberColumn(
            1,
            encode=lambda index: index,
            decode=int,
            levels=self.size,
            categorical=not self.ordinal,
            weights=self.weights,
        )

    def copy(self, value: int) -> int:
        """See :class:`Parameter`."""
        return value

    def describe(self) -> str:
        """See :class:`Parameter`."""
        return f"index({self.size}, ordinal={self.ordinal}, weights={self.weights})"


class Choice(Branching):
    """One of several options, which may be any objects.

    Options may hold parameters at any depth, which makes the space conditional: the parameters of
    an option have a value only in candidates that chose this option.

    Parameters
    ----------
    *options : object
        The options, or a single list, tuple, range or array of them.
    is_ordinal : bool
        Whether the options have an order, so that local moves go to neighbours. False by default:
        a local move goes to any other option.
    weights : sequence of float, optional
        One positive weight for each option. Options are drawn in proportion, in local moves too;
        by default all are equally likely.
    init : object, optional
        The option to try first. By default it is the middle one of ordered options, else the first.
    init_index : int, optional
        The index of the option to try first, in place of ``init``; negative ones count from the
        end.
    seeding_fn : callable, optional
        ``seeding_fn()`` returns an option and replaces the random draw.
    mutation_fn : callable, optional
        ``mutation_fn(option)`` or ``mutation_fn(option, temperature)`` returns an option and
        replaces the local move. With either function, an option and the parameters inside it are
        one value.

    Raises
    ------
    ArgumentError
        If there are no options, or an argument makes no sense; the message names it.

    Examples
    --------
    >>> import pyhopper
    >>> optimizer = pyhopper.choice("adam", {"name": "sgd", "momentum": pyhopper.float(0, 1)})
    >>> batch = pyhopper.choice([16, 64, 256], is_ordinal=True)
    >>> rare = pyhopper.choice("relu", "tanh", weights=[9, 1])
    """

    selector: Selector

    @guided
    def __init__(
        self,
        *options: Any,
        is_ordinal: bool = False,
        weights: Sequence[float] | None = None,
        init: Any = MISSING,
        init_index: int | None = None,
        seeding_fn: Callable[..., Any] | None = None,
        mutation_fn: Callable[..., Any] | None = None,
    ) -> None:
        first = options[0] if len(options) == 1 else None
        if isinstance(first, list | tuple | range) or (
            isinstance(first, np.ndarray) and first.ndim
        ):
            if len(first) > _MOST_OPTIONS:
                problem = f"are more than {_MOST_OPTIONS}; for numbers use int() or float()"
                raise ArgumentError("options", first, problem)
            options = tuple(first.tolist() if isinstance(first, np.ndarray) else first)
        elif isinstance(first, Iterable) and not _is_option(first):
            problem = "must be several arguments, or one list; write list(...) around it"
            raise ArgumentError("options", first, problem)
        if not options:
            raise ArgumentError("options", [], "a choice needs at least one option")
        self.options = tuple(options)
        try:
            check_nesting(self.options)
        except CandidateError as error:
            raise ArgumentError("options", error.value, error.problem) from None
        warn_of_options(self.options)
        self.nested = any(has_parameters(option) for option in self.options)
        self._seeding = seeding_hook(seeding_fn)
        self._mutation = mutation_hook(mutation_fn)
        # The user's functions return whole options, so with them a choice is one value.
        self.branches = self._seeding is None and self._mutation is None
        checked = _weights(weights, len(self.options))
        ordinal = truth("is_ordinal", is_ordinal)
        self.selector = Selector(len(self.options), ordinal, checked, MISSING)
        self.template = Template(_Branches(self.options, self.selector))
        self.selector.init = self._init_index(init, init_index)
        self.size = self._count()
        if self.selector.init is not MISSING and not self.branches:
            self.init = self.template.build(self.template.fill(_start_without_draws))

    def _init_index(self, init: Any, init_index: int | None) -> Any:
        if init_index is not None:
            whole = isinstance(init_index, int | np.integer) and not isinstance(init_index, bool)
            count = len(self.options)
            if not whole or not -count <= init_index < count:
                problem = f"must be an index of the {count} options"
                raise ArgumentError("init_index", init_index, problem)
            if init is not MISSING:
                problem = "init_index already says which option to try first; leave one out"
                raise ArgumentError("init", init, problem)
            return int(init_index) % count
        if init is MISSING or (init is None and not any(each is None for each in self.options)):
            return MISSING
        try:
            index, *inner = self.template.read(init).items()
        except CandidateError as error:
            raise ArgumentError("init", init, error.problem) from None
        for leaf, value in inner:
            if repr(_start_without_draws(self.template.leaves[leaf])) != repr(value):
                problem = "sets a parameter inside the option; give that one an init of its own"
                raise ArgumentError("init", init, problem)
        return index[1]

    def _count(self) -> int | None:
        total = 0
        inner = [1] * len(self.options)
        for number, option in enumerate(self.options):
            for leaf in Template(option).leaves:
                if leaf.param.size is None:
                    return None
                inner[number] *= leaf.param.size
            total += inner[number]
        return total

    def sample(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        if self._seeding is not None:
            return self.legalize(self._seeding(rng), "seeding_fn")
        return self.template.build(self.template.sample(rng))

    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`. Changes the option, or moves one parameter inside it."""
        if self._mutation is not None:
            moved = self._mutation(rng, self.copy(value), temperature)
            return self.legalize(moved, "mutation_fn")
        template = self.template
        point = template.fill(lambda leaf: leaf.param.sample(rng), template.read(value))
        movable = [
            index
            for index, leaf in enumerate(template.leaves)
            if leaf.param.size != 1 and (leaf.parent < 0 or point[leaf.parent] == leaf.option)
        ]
        if not movable:
            return value
        chosen = movable[int(rng.random() * len(movable))]
        return template.build(template.move(point, {chosen}, temperature, rng))

    def check(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        known = self.template.read(value)
        missing = CandidateError("", value, "some parameters of this option have no value")

        def complain(_: object) -> Any:
            raise missing

        return self.template.build(self.template.fill(complain, known))

    def start(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        return self.template.build(self.template.fill(lambda leaf: leaf.param.start(rng)))

    def columns(self) -> Columns | None:
        """See :class:`Parameter`. Of a choice that is one value, say the item of a list."""
        own = type(self)
        overridden = own.sample is not Choice.sample or own.mutate is not Choice.mutate
        if self.nested or not self.branches or overridden:
            return None
        return replace(
            self.selector.columns(),
            encode=lambda option: self.template.read(option)[0],
            decode=lambda index: self.template.build((index,)),
        )

    def copy(self, value: Any) -> Any:
        """See :class:`Parameter`. Options without parameters are copied as constants are."""
        return super().copy(value) if self.nested else own(value)

    def describe(self) -> str:
        """See :class:`Parameter`."""
        options = ", ".join(option_text(option) for option in self.options)
        ordinal = ", is_ordinal=True" if self.selector.ordinal else ""
        weights = self.selector.weights
        return f"choice({options}{ordinal}{'' if weights is None else f', weights={weights}'})"


class _Branches(Branching):
    """A choice without the user's functions, as which its options are compiled to a template."""

    branches = True

    def __init__(self, options: tuple[Any, ...], selector: Selector) -> None:
        self.options = options
        self.selector = selector

    def describe(self) -> str:
        return f"choice({', '.join(option_text(option) for option in self.options)})"

    def sample(self, rng: np.random.Generator) -> Any:
        raise TypeError("options are drawn leaf by leaf, by the template that holds them")

    mutate = sample  # type: ignore[assignment]


def _is_option(thing: Iterable[Any]) -> bool:
    """Whether an iterable is one option, instead of a collection of options."""
    return isinstance(thing, Parameter | dict | str | bytes | np.ndarray)


def _start_without_draws(leaf: Any) -> Any:
    return leaf.param.start(np.random.default_rng(0))


def option_text(option: Any) -> str:
    """An option as text that is the same in every process, so without memory addresses."""
    if isinstance(option, Parameter):
        return option.describe()
    if isinstance(option, dict):
        inner = ", ".join(f"{key!r}: {option_text(value)}" for key, value in option.items())
        return f"{{{inner}}}"
    if isinstance(option, list | tuple):
        return f"[{', '.join(option_text(value) for value in option)}]"
    if option is None or isinstance(option, str | numbers.Number):
        return short(option)
    return str(getattr(option, "__qualname__", type(option).__qualname__))


def _weights(weights: Sequence[float] | None, count: int) -> list[float] | None:
    if weights is None:
        return None
    problem = f"must be {count} numbers, one for each option"
    try:
        listed = list(weights) if len(weights) == count else []
    except TypeError:
        raise ArgumentError("weights", weights, problem) from None
    if not listed or not all(isinstance(w, numbers.Real) for w in listed):
        raise ArgumentError("weights", weights, problem)
    if not all(0 < w < _LARGEST_WEIGHT for w in listed):
        raise ArgumentError("weights", weights, "must be positive; drop options you never want")
    return [float(w) for w in listed]


class Bool(Choice):
    """True or False.

    Parameters
    ----------
    init : bool, optional
        The value to try first; False by default.
    seeding_fn, mutation_fn : callable, optional
        Replace the random draw and the local move, see :class:`pyhopper.choice`.

    Raises
    ------
    ArgumentError
        If ``init`` is not True or False.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(shuffle=pyhopper.bool(init=True))
    >>> search.ask("max").params
    {'shuffle': True}
    """

    @guided
    def __init__(
        self,
        init: bool | None = None,
        mutation_fn: Callable[..., Any] | None = None,
        seeding_fn: Callable[..., Any] | None = None,
    ) -> None:
        if init is not None and not isinstance(init, bool | np.bool_):
            raise ArgumentError("init", init, "must be True or False")
        index = None if init is None else int(init)
        super().__init__(
            False, True, init_index=index, seeding_fn=seeding_fn, mutation_fn=mutation_fn
        )

    def describe(self) -> str:
        """See :class:`Parameter`."""
        return "bool()"

"""What a parameter is: the base class of every kind, built-in or a user's own."""

from __future__ import annotations

import copy
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError
from pyhopper.parameters.columns import Columns, ListColumns

MISSING: Final = inspect.Parameter.empty
"""Marks an ``init`` that was not given, since ``None`` may be a legal value."""


class Parameter(ABC):
    """One free value of the template.

    A parameter holds a definition only: no name, no state and no random numbers of its own.
    Subclass it and implement :meth:`sample` and :meth:`mutate` for a kind of your own; such a
    class is treated like the built-in ones everywhere. Both methods may leave out ``rng`` (a seed
    then does not make a search repeatable). The constructor need not be called.

    Parameters
    ----------
    init : object, optional
        Value of the first candidate.
    """

    def __init__(self, init: Any = None) -> None:
        if init is not None:
            self.init = init

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name, values in (("sample", 1), ("mutate", 3)):
            method = getattr(cls, name)
            if (taking := _taking_rng(method, values)) is not method:
                setattr(cls, name, taking)

    init: Any = MISSING
    """Value of the first candidate; ``MISSING`` if none was given."""

    size: int | None = None
    """Number of different values; None if unknown or a continuum."""

    mutable: bool = True
    """Whether values could be changed in place, so that the objective gets a copy."""

    allow_pickle: bool = False
    """Whether a checkpoint may store values as pickles, which run code when they are read."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Any:
        """Draw a value from the whole range."""

    @abstractmethod
    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """Move away from ``value``.

        Parameters
        ----------
        value : object
            A legal value; it must not be changed in place.
        temperature : float
            In (0, 1]. At 1 the move reaches the whole range; near 0 it goes to the nearest legal
            neighbour.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        object
            A legal value, never the same one unless there is only one.
        """

    def check(self, value: Any) -> Any:
        """Return ``value`` in its legal form.

        Raises
        ------
        CandidateError
            If the value is not legal; the message says what is wrong with it.
        """
        return value

    def legalize(self, value: Any, source: str) -> Any:
        """Return what a user's function returned in its legal form, rounded and clipped.

        Raises
        ------
        CandidateError
            If it cannot be; the message names the function, ``source``.
        """
        try:
            return self.check(value)
        except CandidateError as error:
            raise CandidateError(source, value, error.problem) from None

    def start(self, rng: np.random.Generator) -> Any:
        """Value of the first candidate: ``init``, or else the middle of the range."""
        return self.sample(rng) if self.init is MISSING else self.init

    def copy(self, value: Any) -> Any:
        """A copy of ``value`` that the objective may change in place."""
        return copy.deepcopy(value)

    def columns(self) -> Columns | ListColumns | None:
        """How a model of the evaluations sees the values; None, the default, if it does not.

        A parameter with columns is proposed together with all others that have some, by what the
        model has learned of their effect. One without is left to :meth:`sample` and :meth:`mutate`.
        So columns should describe the same values that these two return. They are asked for once,
        before a search begins.

        Returns
        -------
        Columns, ListColumns or None
            How many columns there are, of which kind, and how values become numbers in them.

        Examples
        --------
        An odd number below 10, in one column with five levels:

        >>> class Odd(Parameter):
        ...     def sample(self, rng):
        ...         return 2 * int(rng.integers(5)) + 1
        ...
        ...     def mutate(self, value, temperature, rng):
        ...         return value - 2 if value > 1 else value + 2
        ...
        ...     def columns(self):
        ...         return Columns(
        ...             count=1,
        ...             encode=lambda value: value // 2,
        ...             decode=lambda level: 2 * int(level[0]) + 1,
        ...             levels=5,
        ...         )
        """
        return None

    def encode(self, value: Any) -> Any:
        """What a checkpoint stores: JSON types, tuples, bytes and NumPy arrays, nested at will."""
        return value

    def decode(self, data: Any) -> Any:
        """The value that :meth:`encode` turned into ``data``."""
        return data

    def describe(self) -> str:
        """The definition as text that is the same in every process."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def __repr__(self) -> str:
        return self.describe()


def _taking_rng(method: Callable[..., Any], values: int) -> Callable[..., Any]:
    """A method that takes ``rng`` last, behind so many values; one that does stays as it is."""
    if not inspect.isfunction(method) or hasattr(method, "takes_rng"):
        return method
    parameters = inspect.signature(method).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return method
    in_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    asked = [p for p in in_place if p.default is p.empty or p.name in ("rng", "temperature")]
    if len(asked) > values:
        return method
    hook = Hook(method, method.__name__, values)

    @functools.wraps(method)
    def taking_rng(*arguments: Any, **named: Any) -> Any:
        # Else it is called by the class itself, which knows what it takes.
        if not isinstance(arguments[-1], np.random.Generator):
            return method(*arguments, **named)
        *given, rng = arguments
        return hook(rng, *given)

    taking_rng.takes_rng = True  # type: ignore[attr-defined]
    return taking_rng


class Branching(Parameter):
    """A parameter that picks one of several options, which may hold parameters themselves."""

    options: tuple[Any, ...]
    selector: Parameter
    """The parameter of the option's index."""

    branches: bool
    """Whether the options are part of the space; else the parameter is drawn as one value."""


class Hook:
    """A user's ``seeding_fn`` or ``mutation_fn``, called with what its signature asks for.

    A seeding function is called with no argument, a mutation function with the value and, if it
    takes a second one, the temperature. Either may have a parameter named ``rng`` to receive the
    candidate's random generator, which makes a seeded search repeatable.
    """

    def __init__(self, function: Callable[..., Any], argument: str, values: int) -> None:
        if not callable(function):
            raise ArgumentError(argument, function, "must be a function")
        self.function = function
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in callables have no signature
            parameters = list(inspect.signature(lambda value: value).parameters.values())
        self._wants_rng = any(p.name == "rng" for p in parameters)
        # A default argument is not filled, or `lambda v, scale=s: ...` would lose its binding.
        self._arity = sum(
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            and p.name != "rng"
            and (p.default is p.empty or p.name == "temperature")
            for p in parameters
        )
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            self._arity = values
        if self._arity > values:
            takes = "no argument" if values == 0 else "(value) or (value, temperature)"
            raise ArgumentError(argument, function, f"must take {takes}; `rng` may be added")

    def __call__(self, rng: np.random.Generator, *values: Any) -> Any:
        """Call the function with as many of the values as it takes."""
        extra = {"rng": rng} if self._wants_rng else {}
        return self.function(*values[: self._arity], **extra)

    def describe(self) -> str:
        """Qualified name of the function."""
        function = self.function
        return str(getattr(function, "__qualname__", type(function).__qualname__))


def seeding_hook(function: Callable[..., Any] | None) -> Hook | None:
    """Wrap a ``seeding_fn``, or pass None on."""
    return None if function is None else Hook(function, "seeding_fn", 0)


def mutation_hook(function: Callable[..., Any] | None) -> Hook | None:
    """Wrap a ``mutation_fn``, or pass None on."""
    return None if function is None else Hook(function, "mutation_fn", 2)

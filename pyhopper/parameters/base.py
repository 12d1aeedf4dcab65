"""The base class of all parameters, and how functions of the user are called."""

from __future__ import annotations

import copy
import enum
import functools
import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError, raised
from pyhopper.forks import end_in_child_of
from pyhopper.parameters.columns import Columns, ListColumns


class Missing(enum.Enum):
    """The type of ``MISSING``."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
"""Stands for "no ``init``", since ``None`` may be a legal value."""


class Parameter(ABC):
    """One free value of the template.

    A parameter is a definition: it knows neither its name nor its current value, and draws its
    random numbers from the generator that is passed to it. To define a kind of your own, subclass
    it and implement :meth:`sample` and :meth:`mutate`; the search treats such a class like the
    built-in ones. Both methods may leave out the argument ``rng``, but then a seed does not make
    the search repeatable. A subclass need not call this constructor.

    Parameters
    ----------
    init : object, optional
        The value of the first candidate. Without it the first candidate is drawn by
        :meth:`sample`, unless the class overrides :meth:`start`.

    Examples
    --------
    >>> import pyhopper
    >>> class Even(pyhopper.Parameter):
    ...     def sample(self, rng):
    ...         return 2 * int(rng.integers(0, 50))
    ...     def mutate(self, value, temperature, rng):
    ...         return min(98, max(0, value + int(rng.choice([-2, 2]))))
    ...     def check(self, value):
    ...         return value
    >>> search = pyhopper.Search(x=Even(), seed=1)
    >>> search.run(lambda params: -abs(params["x"] - 40), "max", steps=100, quiet=True)
    {'x': 40}
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
    """The value of the first candidate; ``MISSING`` if there is no ``init``."""

    size: int | None = None
    """Number of different values; None if it is unknown or infinite."""

    mutable: bool = True
    """Whether a value can be changed in place. If so, the objective gets a copy of it."""

    allow_pickle: bool = False
    """Whether a checkpoint may store values as pickles, which can run any code when read."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Any:
        """Draw a value from the whole range, with ``rng`` as the only source of randomness."""

    @abstractmethod
    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """Draw another value near ``value``: the local move of the search.

        Parameters
        ----------
        value : object
            A legal value, which must not be changed in place.
        temperature : float
            Width of the move, in (0, 1]. At 1 it can reach the whole range; near 0 it reaches only
            the nearest legal values.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        object
            A legal value that differs from ``value``, unless there is no other.
        """

    def check(self, value: Any) -> Any:
        """Return ``value`` in the form that candidates hold, say an array for a list of numbers.

        Raises
        ------
        CandidateError
            If the value is not legal. The message says what is wrong with it.
        """
        return value

    def legalize(self, value: Any, source: str) -> Any:
        """Return the legal value nearest to ``value``: numbers are rounded and clipped.

        Kinds of parameters that know no nearest value accept legal values only.

        Parameters
        ----------
        value : object
            What a function of the user, or a guess, proposes.
        source : str
            Where it comes from, for the message: ``"seeding_fn"``, or a parameter's dotted name.

        Raises
        ------
        CandidateError
            If there is no such value, because ``value`` is of another kind.
        """
        try:
            return self.check(value)
        except CandidateError as error:
            raise CandidateError(source, value, error.problem) from None

    def start(self, rng: np.random.Generator) -> Any:
        """The value of the first candidate: ``init``, or else a typical value (here a draw)."""
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
        """The value as a checkpoint stores it: nested JSON types, tuples, bytes and arrays."""
        return value

    def decode(self, data: Any) -> Any:
        """The value that :meth:`encode` turned into ``data``."""
        return data

    def describe(self) -> str:
        """The definition as text. Equal definitions have the same text, in every process."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def __repr__(self) -> str:
        return self.describe()


def _taking_rng(method: Callable[..., Any], values: int) -> Callable[..., Any]:
    """Wrap a ``sample`` or ``mutate`` without an argument ``rng``, so that it accepts one.

    ``values`` counts the arguments before ``rng``, ``self`` included. A method that has the
    argument is returned unchanged.
    """
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
        # A class that calls its own method, say by super(), leaves out rng.
        if not isinstance(arguments[-1], np.random.Generator):
            return method(*arguments, **named)
        *others, rng = arguments
        return hook(rng, *others)

    taking_rng.takes_rng = True  # type: ignore[attr-defined]
    return taking_rng


class Branching(Parameter):
    """A parameter that picks one of several options, which may hold parameters in turn."""

    options: tuple[Any, ...]
    selector: Parameter
    """The parameter whose value is the index of the option."""

    branches: bool
    """Whether parameters inside the options are parameters of the space.

    If not, an option and what is inside it are drawn and moved as one value.
    """


class Hook:
    """A ``seeding_fn`` or ``mutation_fn`` of the user, called with as much as it accepts.

    A seeding function has no argument; a mutation function has the value and optionally the
    temperature. Both may have a further argument named ``rng``, which receives the candidate's
    random generator and so makes a search with a seed repeatable.

    Parameters
    ----------
    function : callable
        The user's function.
    argument : str
        The argument by which the user passed it, for messages.
    values : int
        How many arguments it may have beside ``rng``.

    Raises
    ------
    ArgumentError
        If it cannot be called, or has more arguments.
    """

    def __init__(self, function: Callable[..., Any], argument: str, values: int) -> None:
        if not callable(function):
            raise ArgumentError(argument, function, "must be a function")
        self.function = function
        self.argument = argument
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # some built-in callables have no signature
            parameters = list(inspect.signature(lambda value: value).parameters.values())
        self._wants_rng = any(p.name == "rng" for p in parameters)
        # Arguments with a default keep it, so that `lambda v, scale=s: ...` works as written.
        self._arity = sum(
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            and p.name != "rng"
            and (p.default is p.empty or p.name == "temperature")
            for p in parameters
        )
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            self._arity = values
        if self._arity > values:
            known = "no argument" if values == 0 else "arguments (value) or (value, temperature)"
            problem = f"must have {known}; a further argument `rng` gets a random generator"
            raise ArgumentError(argument, function, problem)

    def __call__(self, rng: np.random.Generator, *values: Any) -> Any:
        """Call the function with the first of the values, as many as it has arguments for."""
        extra, pid = {"rng": rng} if self._wants_rng else {}, os.getpid()
        try:
            result = self.function(*values[: self._arity], **extra)
        except Exception as error:
            end_in_child_of(pid, error)
            problem = f"raised {raised(error, self.function)}"
            raise ArgumentError(self.argument, self.function, problem) from error
        end_in_child_of(pid)
        return result

    def describe(self) -> str:
        """Qualified name of the function."""
        function = self.function
        return str(getattr(function, "__qualname__", type(function).__qualname__))


def seeding_hook(function: Callable[..., Any] | None) -> Hook | None:
    """The ``seeding_fn`` as a :class:`Hook`, None for None."""
    return None if function is None else Hook(function, "seeding_fn", 0)


def mutation_hook(function: Callable[..., Any] | None) -> Hook | None:
    """The ``mutation_fn`` as a :class:`Hook`, None for None."""
    return None if function is None else Hook(function, "mutation_fn", 2)

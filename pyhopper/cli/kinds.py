"""The kinds of parameters that can be written in the grammar, and other tools' names for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from pyhopper.errors import ArgumentError
from pyhopper.habits import MODULE
from pyhopper.parameters import Bool, Choice, Distribution, Float, Int, List


class Kind(NamedTuple):
    """What can be called.

    Attributes
    ----------
    make : callable
        Gets the arguments.
    names : tuple of str
        The names of the arguments that may be given by position.
    required : int
        How many of these have to be given.
    keywords : tuple of str
        Further arguments, by name only.
    open : bool
        Whether there may be any number of arguments by position.
    example : str
        How it looks.
    """

    make: Callable[..., Any]
    names: tuple[str, ...]
    required: int
    keywords: tuple[str, ...]
    example: str
    open: bool = False


class Switch(Bool):
    """A flag that is there or not, such as ``--amp``."""


def _scipy(name: str, arguments: Callable[..., dict[str, float]]) -> Callable[..., Any]:
    def make(*values: Any, **more: Any) -> Any:
        try:
            from scipy import stats
        except ImportError:
            problem = "distributions need pip install scipy"
            raise ArgumentError("kind", name, "", problem) from None
        for value in values:
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ArgumentError("kind", name, "", "its arguments must be numbers")
        frozen = getattr(stats, name)(**arguments(*values))
        try:
            return Distribution(frozen, **more)
        except ArgumentError as error:
            if error.argument != "frozen":
                raise
            problem = f"these numbers make no distribution: {', '.join(map(str, values))}"
            raise ArgumentError("kind", name, "", problem) from None

    return make


def _lognormal(mean: float, deviation: float) -> dict[str, float]:
    return {"s": deviation, "scale": math.exp(mean)}


_GRID = ("multiple_of", "power_of", "shape", "init", "log")
_DRAWN = ("shape", "init")

KINDS: dict[str, Kind] = {
    "int": Kind(Int, ("lb", "ub"), 2, _GRID, "int(1, 4)"),
    "float": Kind(
        Float, ("lb", "ub", "fmt"), 2, (*_GRID, "precision"), 'float(1e-5, 1e-1, "0.1g")'
    ),
    "bool": Kind(Bool, ("init",), 0, (), "bool()"),
    "switch": Kind(Switch, ("init",), 0, (), "switch()"),
    "choice": Kind(
        Choice, (), 1, ("is_ordinal", "weights", "init", "init_index"), 'choice("a", "b")', True
    ),
    "list": Kind(
        List, ("item", "min_length", "max_length"), 2, ("init",), "list(int(8, 64), 1, 4)"
    ),
    "normal": Kind(
        _scipy("norm", lambda mean, deviation: {"loc": mean, "scale": deviation}),
        ("mean", "deviation"),
        2,
        _DRAWN,
        "normal(0, 1)",
    ),
    "lognormal": Kind(
        _scipy("lognorm", _lognormal), ("mean", "deviation"), 2, _DRAWN, "lognormal(-7, 1)"
    ),
    "beta": Kind(
        _scipy("beta", lambda a, b: {"a": a, "b": b}), ("a", "b"), 2, _DRAWN, "beta(2, 5)"
    ),
    "gamma": Kind(
        _scipy("gamma", lambda shape, scale: {"a": shape, "scale": scale}),
        ("a", "scale"),
        2,
        _DRAWN,
        "gamma(2, 1)",
    ),
}
"""The kinds of parameters, as :mod:`pyhopper` has them. ``switch`` is a flag without a value."""


def bare(name: str) -> str:
    """A name without that of the package."""
    return name.removeprefix("pyhopper.").removeprefix("ph.")


def close_kinds(name: str) -> list[str]:
    """The kind of which a name is a misspelling, if it is one."""
    from difflib import get_close_matches

    return get_close_matches(name.lower(), [*KINDS, "custom", "distribution"], 1, 0.8)


def known_elsewhere(name: str) -> str:
    """What another tool's name for a kind is here."""
    if name in ("custom", "distribution"):
        return "which needs Python; here there are normal(0, 1), lognormal, beta and gamma"
    text = MODULE.get(name, "")
    return text.replace("pyhopper.", "") if text.startswith("pyhopper.") else ""


def unknown(name: str) -> str:
    """A sentence on a name that is no kind."""
    if close := [each for each in close_kinds(name) if each in KINDS]:
        return f'there is no kind "{name}"; did you mean {KINDS[close[0]].example}?'
    if other := known_elsewhere(name):
        lead = "" if other.startswith("which") else "write "
        return f'there is no kind "{name}", {lead}{other}'
    return f'there is no kind "{name}"; there are {", ".join(KINDS)}'

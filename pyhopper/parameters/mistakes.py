"""Templates that are most likely a mistake: nothing to draw, or parameters out of reach."""

from __future__ import annotations

import builtins
import functools
import types
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError, short
from pyhopper.parameters.base import Branching, Parameter
from pyhopper.parameters.template import dotted

_DEEPEST = 100
"""Templates and guesses may be nested so deeply."""

_LISTED = 5
"""Constants named in a message."""

Path = tuple[Any, ...]


def check_nesting(value: Any, path: Path = ()) -> None:
    """Refuse dicts, lists and tuples that contain themselves, or are nested too deeply to read.

    Raises
    ------
    CandidateError
        If there is one; its ``path`` leads to it.
    """
    _check_nesting(value, path, set(), set())


def _check_nesting(value: Any, path: Path, above: set[int], done: set[int]) -> None:
    if not isinstance(value, Mapping | list | tuple) or id(value) in done:
        return
    if id(value) in above or len(above) >= _DEEPEST:
        problem = "contains itself" if id(value) in above else "is nested too deeply"
        raise CandidateError(dotted(path[:3]), value, problem)
    above.add(id(value))
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        _check_nesting(inner, (*path, key), above, done)
    above.discard(id(value))
    done.add(id(value))


def check_key(key: Any) -> Any:
    """A key of the template.

    Raises
    ------
    ArgumentError
        If no dict can have it.
    """
    try:
        hash(key)
    except Exception:
        raise ArgumentError("key", key, "must be the key of an entry of the template") from None
    return key


def check_constants(template: Any) -> None:
    """Refuse parameters that nobody would draw, and warn of constants that are likely a mistake.

    Raises
    ------
    ArgumentError
        If a constant of the template holds a parameter, say as an attribute.
    """
    for path, value, is_option in _constants(template, ()):
        name = dotted(path) or "template"
        if (where := _hidden(value)) is not None:
            problem = (
                f"has a parameter {where}, which would not be drawn: parameters may stand in "
                "dicts, lists and tuples only; build the object in the objective instead"
            )
            raise ArgumentError(name, value, problem)
        if not is_option and _is_suspicious(value) and (meant := _meant(value)):
            text = f"{name}: {short(value)} is a constant, which is not searched; did you mean "
            warnings.warn(f"{text}{meant}?", stacklevel=4)


def warn_of_options(options: tuple[Any, ...]) -> None:
    """Warn of options of a choice that are legal, but hardly meant."""
    plain: set[tuple[type, Any]] = set()
    for option in options:
        if option is not None and not isinstance(option, str | int | float):
            continue
        if (type(option), option) in plain:
            text = f"the option {short(option)} is there twice; weights= draws one more often"
            warnings.warn(text, stacklevel=4)
            break
        plain.add((type(option), option))
    only = options[0]
    if len(options) == 1 and isinstance(only, dict) and len(only) > 1 and not _holds(only):
        text = f"this choice has one option, the dict {short(only)}; its keys as options are "
        warnings.warn(f"{text}choice(list(d)), its values choice(list(d.values()))", stacklevel=4)


def check_searchable(template: Mapping[str, Any]) -> None:
    """Refuse a template without any parameter.

    Raises
    ------
    ArgumentError
        It says what is there instead, and what was probably meant.
    """
    if not template:
        problem = (
            "has no entries; write Search(lr=pyhopper.float(1e-5, 1e-1, log=True)) or the like"
        )
        raise ArgumentError("template", template, f"{problem}, else there is nothing to search for")
    found = [(dotted(path), value) for path, value, _ in _constants(template, (), whole=True)]
    hints = [f"for {name} did you mean {meant}?" for name, v in found if (meant := _meant(v))]
    told = " ".join(hints[:_LISTED]) or "write pyhopper.float(1e-5, 1e-1) or the like for a value"
    problem = f"has only constants, so there is nothing to search for; {told}"
    raise ArgumentError("template", dict(template), problem)


def _constants(
    template: Any, path: Path, is_option: bool = False, whole: bool = False
) -> Iterator[tuple[Path, Any, bool]]:
    """All constants by their path, and whether they stand in an option of a choice.

    With ``whole``, lists and tuples of constants are one.
    """
    if isinstance(template, Branching):
        for option in template.options:
            yield from _constants(option, path, is_option=True)
    elif isinstance(template, Parameter):
        return
    elif isinstance(template, dict):
        for key, inner in template.items():
            yield from _constants(inner, (*path, key), is_option, whole)
    elif isinstance(template, list | tuple) and not whole:
        for index, inner in enumerate(template):
            yield from _constants(inner, (*path, index), is_option)
    else:
        yield path, template, is_option


def _hidden(value: Any) -> str | None:
    """Where an object that is no dict, list or tuple holds a parameter."""
    try:
        return next((where for where, inner in _parts(value).items() if _holds(inner)), None)
    except Exception:  # of a foreign class
        return None


def _parts(value: Any) -> dict[str, Any]:
    """What an object holds, and words for where."""
    if isinstance(value, type | types.ModuleType | types.FunctionType):
        return {}
    if isinstance(value, functools.partial):
        return {"among its arguments": [*value.args, *value.keywords.values()]}
    if isinstance(value, Mapping):
        return {f"under the key {key!r}": inner for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return {"in it": value.ravel().tolist() if value.dtype == object else None}
    if isinstance(value, set | frozenset | deque):
        return {"in it": list(value)}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    named = {name: getattr(value, name, None) for name in slots}
    named.update(getattr(value, "__dict__", {}))
    return {f"as its attribute {name}": inner for name, inner in named.items()}


def _holds(value: Any) -> bool:
    """Whether a value is a parameter, or a dict, list or tuple that has one in it."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return any(isinstance(inner, Parameter) for inner in value)
    return isinstance(value, Parameter)


def _is_suspicious(value: Any) -> bool:
    is_kind = any(value is kind for kind in (builtins.int, builtins.float, builtins.bool))
    return is_kind or isinstance(value, range | Iterator) or _is_distribution(value)


def _is_distribution(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.stats") and hasattr(value, "ppf")


def _meant(value: Any) -> str:
    """What was probably meant by a constant, as the user would write it; empty if nothing was."""
    for kind in (builtins.int, builtins.float, builtins.bool):
        if value is kind:
            bounds = "" if kind is builtins.bool else "low, high"
            return f"pyhopper.{kind.__name__}({bounds})"
    if isinstance(value, range):
        step = "" if value.step == 1 else f", multiple_of={value.step}"
        if len(value) and value.start % value.step == 0 and value.step > 0:
            return f"pyhopper.int({value[0]}, {value[-1]}{step})"
        return f"pyhopper.choice({value})"
    if _is_distribution(value):
        return "pyhopper.distribution(...) around it"
    if isinstance(value, Iterator):
        return "pyhopper.choice(list(...)) around it"
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple) or len(value) < 2:
        return ""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if isinstance(value, tuple) and len(value) == 2 and numbers:
        kind_name = "int" if all(isinstance(v, int) for v in value) else "float"
        return f"pyhopper.{kind_name}({value[0]!r}, {value[1]!r})"
    return f"pyhopper.choice({short(value)})"

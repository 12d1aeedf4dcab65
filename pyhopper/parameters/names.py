"""Dotted names such as ``opt.lr`` for the values of nested candidates."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from pyhopper.errors import short

_LONG = 16
"""Lists of more numbers than this are summarised like arrays."""


def flatten(value: Any, name: str = "", keep: Collection[str] = ()) -> dict[str, Any]:
    """Nested dicts, lists and tuples as one dict with dotted names.

    Parameters
    ----------
    value : object
        What to flatten.
    name : str
        The dotted name of ``value`` itself; empty by default, for a whole candidate.
    keep : collection of str
        Dotted names of dicts, lists and tuples that are not taken apart.

    Returns
    -------
    dict
        The innermost values by name. Empty dicts and lists count as values.
    """
    items: list[tuple[str, Any]] = []
    if name in keep:
        pass
    elif isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(index), inner) for index, inner in enumerate(value)]
    if not items:
        return {name: value} if name else {}
    flat: dict[str, Any] = {}
    for key, inner in items:
        flat.update(flatten(inner, f"{name}.{key}" if name else key, keep))
    return flat


def numbers_and_texts(params: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    """A candidate split into numbers and texts, both by dotted name, as trackers log them.

    An array, or a list of more than 16 numbers, becomes its mean, standard deviation, minimum and
    maximum. What is neither a number nor text becomes its ``repr``, shortened.
    """
    found: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in _summarised(params, ""):
        if isinstance(value, numbers.Real):
            found[name] = float(value)
        else:
            texts[name] = value if isinstance(value, str) else short(value)
    return found, texts


def _summarised(value: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, list | tuple) and len(value) > _LONG:
        kinds = {isinstance(each, numbers.Real) for each in value}
        value = np.asarray(value) if kinds == {True} else value
    if isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biuf":
        parts = {"mean": value.mean(), "std": value.std(), "min": value.min(), "max": value.max()}
        return [(f"{name}.{part}", float(summary)) for part, summary in parts.items()]
    if isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple) and value:
        items = [(str(index), inner) for index, inner in enumerate(value)]
    else:
        return [(name, value)]
    return [p for key, inner in items for p in _summarised(inner, f"{name}.{key}" if name else key)]


def look_up(params: Any, path: list[str]) -> Any:
    """Follow a dotted name, split at its dots, through nested dicts and lists."""
    if not path:
        return params
    found = (look_up(inner, rest) for inner, rest in steps(params, path))
    return next((value for value in found if value is not None), None)


def steps(value: Any, path: list[str]) -> Iterator[tuple[Any, list[str]]]:
    """Where the first parts of a dotted name lead in a dict, list or tuple.

    Parameters
    ----------
    value : object
        Where to look.
    path : list of str
        The name, split at its dots; not empty.

    Yields
    ------
    tuple of (object, list of str)
        What was found, and the parts of the name that are left. There may be several, since a key
        may have dots in it, too.
    """
    if isinstance(value, Mapping):
        texts = {str(key): inner for key, inner in value.items()}
        for end in range(len(path), 0, -1):
            key = ".".join(path[:end])
            if key in texts:
                yield texts[key], path[end:]
    elif isinstance(value, list | tuple) and path[0].isdigit() and int(path[0]) < len(value):
        yield value[int(path[0])], path[1:]

"""Dotted names such as ``opt.lr`` for the values of nested candidates."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Mapping
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
    if name in keep or not value:
        return {name: value} if name else {}
    if isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(index), inner) for index, inner in enumerate(value)]
    else:
        return {name: value}
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
    """The value under a dotted name, which is passed split at its dots; None if there is none."""
    for depth, key in enumerate(path):
        if isinstance(params, dict):
            whole = ".".join(path[depth:])
            if whole in params:
                return params[whole]
            params = params.get(key)
        elif isinstance(params, list | tuple) and key.isdigit() and int(key) < len(params):
            params = params[int(key)]
        else:
            return None
    return params

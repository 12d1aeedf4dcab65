"""Whose a value is: the objective may change its candidate in place, and nobody else sees that.

The constants of a template are copied for each candidate. Large arrays are not, since they would
take time and memory: they are handed out as read-only views, which nobody can change.
"""

from __future__ import annotations

import copy
from array import array
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

LARGE_ARRAY = 2**20
"""Arrays of the template with at least so many bytes are read-only in candidates."""

_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})


def freeze(value: Any) -> Any:
    """The value with read-only views in place of large arrays, also inside dicts, lists, tuples.

    What holds no large array is returned as it is.
    """
    if isinstance(value, np.ndarray):
        if value.nbytes < LARGE_ARRAY or not value.flags.writeable:
            return value
        view = value.view()
        view.flags.writeable = False
        return view
    changed = [(key, new) for key, old in _items(value) if (new := freeze(old)) is not old]
    return _replaced(value, changed) if changed else value


def own(value: Any) -> Any:
    """A copy that can be changed in place without a change of ``value``.

    Dicts, lists, tuples, sets and arrays are copied at any depth, but read-only arrays are not.
    Objects of other classes are returned as they are.
    """
    if type(value) in _ATOMS:
        return value
    if isinstance(value, np.ndarray):
        return value.copy("K") if value.flags.writeable else value
    if isinstance(value, set | bytearray | array):
        return copy.copy(value)
    changed = [(key, new) for key, old in _items(value) if (new := own(old)) is not old]
    if changed or isinstance(value, dict | list | deque):
        return _replaced(value, changed)
    return value


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    """Keys and values of a container, if any value is more than a number or text."""
    if isinstance(value, dict):
        return () if _ATOMS.issuperset(map(type, value.values())) else value.items()
    if isinstance(value, list | tuple | deque):
        return () if _ATOMS.issuperset(map(type, value)) else enumerate(value)
    return ()


def _replaced(value: Any, changed: list[tuple[Any, Any]]) -> Any:
    """A copy of a container with other values under some keys."""
    if isinstance(value, tuple):
        filled: Any = list(value)
    else:
        filled = copy.copy(value)
    for key, new in changed:
        filled[key] = new
    if isinstance(value, tuple):
        return getattr(value, "_make", type(value))(filled)
    return filled

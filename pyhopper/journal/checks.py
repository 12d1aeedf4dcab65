"""Entries of lines as what they have to be; a checkpoint may come from anybody.

Each function returns the entry, or raises a :class:`~pyhopper.journal.codec.CodecError`.
"""

from __future__ import annotations

import math
from typing import Any

from pyhopper.errors import short
from pyhopper.journal.codec import CodecError, from_json

_LARGEST = 2**53

_TIMES = (-6e10, 2.5e11)
"""Seconds since the epoch that a calendar can show."""


def whole(value: Any, least: int = 0) -> int:
    """A count or a number of something."""
    if type(value) is not int or not least <= value <= _LARGEST:
        raise CodecError(f"{short(value)} is no integer from {least} to 2**53")
    return value


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        raise CodecError(f"{short(value)} is no finite number")
    try:
        return float(value)
    except OverflowError:
        raise CodecError(f"{short(value)} is too large") from None


def any_number(data: Any) -> float:
    """A number as it was written, which may be infinite or NaN."""
    value = from_json(data)
    return value if type(value) is float else number(value)


def seconds(value: Any) -> float:
    """A time span that may be counted with."""
    if not abs(span := number(value)) <= 1e12:
        raise CodecError(f"{short(value)} seconds are more than there can be")
    return span


def moment(value: Any) -> float:
    """Seconds since the epoch."""
    if not _TIMES[0] <= (time := number(value)) <= _TIMES[1]:
        raise CodecError(f"{short(value)} is no time that a calendar has")
    return time


def text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise CodecError(f"{short(value)} is no text")
    return value


def truth(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise CodecError(f"{short(value)} is neither true nor false")
    return value


def entries(value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise CodecError(f"{short(value)} is no object")
    return value


def metrics(data: Any) -> dict[str, Any] | None:
    """What an objective returned beside the value; other objects become text."""
    if data is None:
        return None
    found = {}
    for key, value in entries(from_json(data)).items():
        small = not isinstance(value, int) or abs(value) < 2**1023
        plain = value is None or isinstance(value, bool | int | float | str | dict | list)
        found[text(key)] = value if plain and small else short(value)
    return found


def leaves(line: dict[str, Any]) -> list[dict[str, Any]]:
    """The description of a space in a ``header`` or ``space`` line."""
    described = line.get("leaves")
    if not isinstance(described, list):
        raise CodecError(f"leaves: {short(described)} is no list")
    for leaf in described:
        for name in ("key", "kind", "text"):
            text(entries(leaf).get(name))
        for name in ("options", "names"):
            options = leaf.get(name, [])
            if not isinstance(options, list):
                raise CodecError(f"{name}: {short(options)} is no list")
            for option in options:
                text(option)
    return described


def states(line: dict[str, Any]) -> dict[str, Any]:
    """The states of callbacks and pruner in a ``state`` line."""
    found: dict[str, Any] = {
        name: from_json(line[name]) for name in ("callbacks", "pruner") if name in line
    }
    callbacks, pruner = found.get("callbacks", []), found.get("pruner")
    if not isinstance(callbacks, list):
        raise CodecError(f"{short(callbacks)} is no list")
    for pair in [*callbacks, pruner] if pruner else callbacks:
        if not isinstance(pair, list) or len(pair) != 2:
            raise CodecError(f"{short(pair)} is no pair of a class and a state")
        text(pair[0])
    return found

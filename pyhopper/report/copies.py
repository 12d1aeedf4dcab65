"""The best candidate as text to copy: Python, JSON, YAML and flags of a command line."""

from __future__ import annotations

import json
import math
import pprint
import re
import shlex
from typing import Any

import numpy as np

from pyhopper.callbacks.disk import plain
from pyhopper.errors import short
from pyhopper.parameters.names import flatten

_LARGE = 1000
"""An array of more numbers is not written out."""

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


def copies(params: dict[str, Any]) -> dict[str, str]:
    """A candidate in each notation, by its name."""
    known = plain(_without_large(params))
    return {
        "Python": pprint.pformat(known, sort_dicts=False, width=79),
        "JSON": json.dumps(known, indent=2),
        "YAML": "\n".join(yaml_lines(known)),
        "Flags": flags(known),
    }


def _without_large(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size > _LARGE:
        return f"array of shape {value.shape}"
    if isinstance(value, dict):
        return {key: _without_large(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if len(value) > _LARGE:
            return f"{type(value).__name__} of {len(value)} values"
        return [_without_large(inner) for inner in value]
    return value


def flags(params: dict[str, Any]) -> str:
    """Arguments of a command line, quoted for a shell: ``--model.depth=3 --opt=adam``."""
    words = []
    for name, value in flatten(params).items():
        text = value if isinstance(value, str) else json.dumps(value)
        words.append(shlex.quote(f"--{name}={text}"))
    return " ".join(words)


def yaml_lines(value: Any, indent: str = "") -> list[str]:
    """A dict or a list of plain values as lines of YAML, which need no package to be written."""
    lines = []
    entries = (
        [(f"{_yaml_text(key)}:", inner) for key, inner in value.items()]
        if isinstance(value, dict)
        else [("-", inner) for inner in value]
    )
    for head, inner in entries:
        if isinstance(inner, dict | list) and inner:
            numbers = isinstance(inner, list) and not any(isinstance(e, dict | list) for e in inner)
            if numbers:
                lines.append(f"{indent}{head} [{', '.join(map(_yaml_scalar, inner))}]")
                continue
            lines += [f"{indent}{head}", *yaml_lines(inner, f"{indent}  ")]
        else:
            lines.append(f"{indent}{head} {_yaml_scalar(inner)}")
    return lines


def _yaml_scalar(value: Any) -> str:
    if isinstance(value, str):
        return _yaml_text(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        text = repr(value)
        # Without a point, YAML 1.1 takes 1e-05 for text.
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return json.dumps(value)


def _yaml_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return '"' + "".join(map(_yaml_character, text)) + '"'


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 2**16 else f"\\U{ord(character):08x}"


def text_of(value: Any, most: int = 200) -> str:
    """A value that is no number, in one line of a table."""
    value = plain(_without_large(value))
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except (TypeError, ValueError):
        text = short(value)
    return text if len(text) <= most else f"{text[:most]}..."

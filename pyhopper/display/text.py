"""Numbers, durations and parameters as people read them."""

from __future__ import annotations

import ast
import contextlib
import math
import shutil
import sys
import textwrap
import unicodedata
from typing import Any

import numpy as np

from pyhopper.history.table import ParameterNames
from pyhopper.parameters import Point
from pyhopper.parameters.space import Space
from pyhopper.parameters.template import has_parameters

_BRIEF = 300
"""Most characters of a candidate in one line."""

_SHORTEST = 20
"""Fewest characters of a text that is cut at its beginning."""

_DIGITS = 5
"""Significant digits of a parameter's value."""

_LONGEST_CODE = 2000
"""Most characters of a candidate as Python code."""

_WIDEST = 120
"""Columns that are used, however wide the terminal is."""


def say(*lines: str) -> None:
    """Print lines. A standard output that is closed or broken does not raise an error."""
    with contextlib.suppress(OSError, ValueError):
        text = printable("\n".join(lines), sys.stdout)
        print(text, flush=True)  # noqa: T201 - this is what a user reads


def printable(text: str, stream: Any = None) -> str:
    r"""Text without what a terminal takes for a command.

    Control characters but line feeds and tabs, characters that turn the direction of writing, and
    those that the stream cannot encode become escapes such as ``\x1b``. They may come from a
    checkpoint that somebody else has made.
    """
    if not text.replace("\n", "").isprintable():
        text = "".join(each if _is_plain(each) else _escape(each) for each in text)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _is_plain(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in (
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal; False if it is closed or None."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def width() -> int:
    """Columns of the terminal on standard output, at most 120; 80 if there is none."""
    if not is_terminal(sys.stdout):
        return 80
    return min(_WIDEST, shutil.get_terminal_size().columns)


def duration(seconds: float) -> str:
    """A time span such as ``85 ms``, ``12 s``, ``3 min 12 s`` or ``2 h 5 min``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def clock(seconds: float) -> str:
    """A time span such as ``0:07``, ``12:30`` or ``1:02:30``."""
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def number(value: float) -> str:
    """A value with six significant digits, or a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:.6g}"


def brief(point: Point, space: Space) -> str:
    """The parameters of a candidate in one line, such as ``lr 0.002, opt adam``."""
    row, parts = ParameterNames.of(space).row(space.build(point)), [""]
    for name, value in row.items():
        if value is None or len(parts[0]) > _BRIEF:
            continue
        text = f"array {value.shape}" if isinstance(value, np.ndarray) else _plain(value)
        parts[0] += f"{', ' if parts[0] else ''}{name} {' '.join(text[:_BRIEF].split())}"
    return printable(parts[0])


def parted(template: Any, params: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entries of a candidate that were searched for, and those that are constants.

    A dict that has both is in both, each time with its part.
    """
    found, constant = {}, {}
    for key, value in params.items():
        inner = template.get(key)
        if isinstance(inner, dict) and isinstance(value, dict) and has_parameters(inner):
            found[key], rest = parted(inner, value)
            if rest:
                constant[key] = rest
        else:
            (found if has_parameters(inner) else constant)[key] = value
    return found, constant


def literal(value: Any) -> str:
    """A value as Python code; empty if it has none that is short."""
    with contextlib.suppress(Exception):  # of a foreign class, or code that is none
        code = repr(value)
        if len(code) <= _LONGEST_CODE and ast.literal_eval(code) == value:
            return code
    return ""


def outline(params: dict[str, Any], width: int = 80) -> str:
    """A candidate as indented text, one entry a line; long entries are wrapped or cut off.

    ``width`` is the longest line in characters, 80 by default.
    """
    return "\n".join(line for key in params for line in _lines(str(key), params[key], "", width))


def _lines(key: str, value: Any, indent: str, width: int) -> list[str]:
    deeper = f"{indent}  "
    if isinstance(value, dict) and value:
        inner = [line for k in value for line in _lines(str(k), value[k], deeper, width)]
        return [f"{indent}{key}:", *inner]
    if isinstance(value, np.ndarray):
        head = f"{indent}{key}: array of shape {value.shape}, {value.dtype}"
        space = max(20, width - len(deeper))
        body = np.array2string(value, max_line_width=space, precision=4, threshold=50, edgeitems=2)
        return [head, *textwrap.indent(body, deeper).splitlines()]
    text = " ".join(_plain(value).split())
    line = f"{indent}{key}: {text}"
    if len(line) <= width:
        return [line]
    if isinstance(value, list | tuple):
        items = [line for i, v in enumerate(value) for line in _lines(str(i), v, deeper, width)]
        return [f"{indent}{key}:", *_cut(items, deeper)]
    room = width - len(f"{indent}{key}: ...")
    if isinstance(value, str) and " " not in text and room >= _SHORTEST:
        # Of a path the end tells most.
        return [f"{indent}{key}: ...{text[-room:]}"]
    wrapped = textwrap.wrap(line, width, subsequent_indent=deeper, break_on_hyphens=False)
    return _cut(wrapped, deeper)


def _plain(value: Any) -> str:
    """A value as one would write it: strings as they are, numbers with five digits."""
    if isinstance(value, float):
        exact, rounded = repr(value), f"{value:.{_DIGITS}g}"
        return exact if len(exact) <= len(rounded) + 1 else rounded
    if type(value) is list:
        return f"[{', '.join(_plain(each) for each in value)}]"
    return value if isinstance(value, str) else repr(value)


def _cut(lines: list[str], indent: str, most: int = 12) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"{indent}... ({len(lines) - most + 1} more lines)"]

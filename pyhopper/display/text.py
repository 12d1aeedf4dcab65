"""Numbers, durations and parameters as people read them."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import textwrap
import unicodedata
from typing import Any

import numpy as np


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
    """Columns of the terminal on standard output, at most 80; 80 if there is none."""
    return min(80, shutil.get_terminal_size().columns) if is_terminal(sys.stdout) else 80


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
    line = f"{indent}{key}: {' '.join(_plain(value).split())}"
    if len(line) <= width:
        return [line]
    if isinstance(value, list | tuple):
        items = [line for i, v in enumerate(value) for line in _lines(str(i), v, deeper, width)]
        return [f"{indent}{key}:", *_cut(items, deeper)]
    wrapped = textwrap.wrap(line, width, subsequent_indent=deeper, break_on_hyphens=False)
    return _cut(wrapped, deeper)


def _plain(value: Any) -> str:
    """Strings as they are, anything else as its ``repr``, which has all digits of a float."""
    return value if isinstance(value, str) else repr(value)


def _cut(lines: list[str], indent: str, most: int = 12) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"{indent}... ({len(lines) - most + 1} more lines)"]

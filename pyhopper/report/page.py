"""The page: what is known of the searches, the plots and the program in one file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from importlib import resources
from typing import Any

from pyhopper.budget import parse_runtime
from pyhopper.errors import ArgumentError
from pyhopper.files import read_path, write_whole
from pyhopper.report.build import build
from pyhopper.report.sources import source_of

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def write(
    sources: Any, path: str | os.PathLike[str], *, refresh: float | str | None = None
) -> None:
    """Write a report, replacing one that is there in one step.

    Parameters
    ----------
    sources : Search, History, str, path-like or list of these
        A search, its history or a checkpoint, to which a search may be writing. Several are
        compared.
    path : str or path-like
        The HTML file.
    refresh : float or str, optional
        After how long an open page loads itself again, see :func:`pyhopper.parse_runtime`; by
        default it does not.

    Raises
    ------
    ArgumentError
        If an argument makes no sense, or searches have different directions.
    CheckpointError
        If a checkpoint cannot be read.
    OSError
        If the file cannot be written.
    """
    target = read_path("path", path, "file")
    if target.is_dir():
        raise ArgumentError("path", path, "is a folder; give a file such as report.html")
    given = list(sources) if isinstance(sources, list | tuple) else [sources]
    if not given:
        raise ArgumentError("sources", sources, "must hold at least one search")
    seconds = None if refresh is None else parse_runtime(refresh)
    data = build([source_of(each) for each in given], seconds)
    write_whole(target, page(data).encode(), durable=seconds is None)


def page(data: dict[str, Any]) -> str:
    """The text of the page."""
    style, program = _file("page.css"), _file("page.js")
    library = _file("echarts/echarts.min.js")
    licence = "\n\n".join(_file(f"echarts/{name}") for name in ("NOTICE", "LICENSE", "LICENSE-d3"))
    policy = [
        "default-src 'none'",
        f"script-src {_hash(library)} {_hash(program)}",
        f"style-src {_hash(style)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    parts = {
        "policy": "; ".join(policy),
        "style": style,
        "library": library,
        "program": program,
        "licence": _as_json(licence),
        "data": _as_json(data),
    }
    # At once, so that nothing in one part is taken for the place of another.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file("page.html"))


def _file(name: str) -> str:
    folder = resources.files("pyhopper.report").joinpath("data")
    return folder.joinpath(*name.split("/")).read_bytes().decode("utf-8").replace("\r\n", "\n")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _as_json(value: Any) -> str:
    """JSON that ends no element and holds no character but ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)

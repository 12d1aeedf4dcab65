"""Where evaluations come from: a search, its history or a checkpoint."""

from __future__ import annotations

import os
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.files import read_path
from pyhopper.history.sheet import Sheet
from pyhopper.history.view import History
from pyhopper.journal.table import Table


def sheet_of(source: Any) -> Sheet:
    """The evaluations of a source beside their parameters.

    Parameters
    ----------
    source : Search, History, Sheet, str or path-like
        A search, its history, or the path of a checkpoint. The template is not needed for that, and
        a search may be writing to the file.

    Raises
    ------
    ArgumentError
        If it is anything else.
    CheckpointError
        If the file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        return Table(read_path("source", source)).sheet()
    source = getattr(source, "history", source)
    if isinstance(source, History):
        return source.sheet()
    if isinstance(source, Sheet):
        return source
    raise ArgumentError("source", source, "must be a search, its history or a checkpoint's path")

"""What a report is made from: a search in memory or a checkpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pyhopper._version import __version__
from pyhopper.errors import plural
from pyhopper.files import read_path
from pyhopper.history.sheet import Sheet
from pyhopper.journal.sources import sheet_of
from pyhopper.journal.table import Table


@dataclass(frozen=True)
class Source:
    """One search of a report.

    Attributes
    ----------
    sheet : Sheet
        Its evaluations.
    best : dict or None
        The best candidate as the objective got it.
    seed : str
        Its seed; empty if it is not known.
    version : str
        The version of pyhopper that wrote it.
    notes : tuple of str
        What is missing.
    """

    sheet: Sheet
    best: dict[str, Any] | None
    seed: str = ""
    version: str = __version__
    notes: tuple[str, ...] = ()


def source_of(given: Any) -> Source:
    """What a report needs to know of a search.

    Parameters
    ----------
    given : Search, History, Table, str or path-like
        A search, its history, or a checkpoint, to which a search may be writing.

    Raises
    ------
    ArgumentError
        If it is anything else.
    CheckpointError
        If the file cannot be read.
    """
    if isinstance(given, str | os.PathLike):
        given = Table(read_path("source", given))
    if not isinstance(given, Table):
        seed = getattr(given, "seed", "")
        return Source(sheet_of(given), getattr(given, "best", None), str(seed))
    best, notes = given.state.best, []
    if given.lost:
        notes.append(f"Left out of the file: {plural(given.lost, 'damaged or missing line')}.")
    if given.skipped:
        notes.append(
            f"Left out of the file: {plural(given.skipped, 'line')} that cannot be understood."
        )
    if best is not None and given.is_of_another_space(best):
        notes.append("The best was evaluated before the space was changed.")
    params = None if best is None else given.params(best)
    return Source(given.sheet(), params, given.seed, given.version, tuple(notes))

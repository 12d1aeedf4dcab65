"""The callback that writes a report again and again while a search runs."""

from __future__ import annotations

import os
import time
from typing import Any

from pyhopper.budget import parse_runtime
from pyhopper.callbacks.base import Callback
from pyhopper.errors import ArgumentError
from pyhopper.events import ParamInfo
from pyhopper.files import read_path

_MOST = 0.05
"""Share of the time that writing may take."""


class Report(Callback):
    """Keeps a report of the search up to date: one HTML file that opens without a server.

    A page that is open loads itself again until the search has ended. See
    :meth:`pyhopper.Search.report`.

    Parameters
    ----------
    path : str or path-like
        The HTML file.
    every : float or str
        How often it is written at most, see :func:`pyhopper.parse_runtime`. With many evaluations
        it is written less often, so that this takes no more than 5% of the time.

    Raises
    ------
    ArgumentError
        If an argument makes no sense.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> callback = pyhopper.callbacks.Report("live.html", every="30s")
    >>> _ = search.run(lambda p: p["layers"], "max", steps=3, callbacks=[callback], quiet=True)
    """

    def __init__(self, path: str | os.PathLike[str], every: float | str = "30s") -> None:
        self._path = read_path("path", path, "file")
        if self._path.is_dir():
            raise ArgumentError("path", path, "is a folder; give a file such as report.html")
        try:
            self._every = parse_runtime(every)
        except ArgumentError:
            raise ArgumentError("every", every, 'must be a duration such as "30s"') from None
        self._search: Any = None
        self._due = 0.0

    def on_search_start(self, search: Any) -> None:
        """See :class:`Callback`."""
        self._search = search
        self._write()

    def on_evaluate_end(self, candidate: dict[str, Any], f: float, info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._write_if_due()

    def on_evaluate_pruned(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._write_if_due()

    def on_evaluate_nan(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._write_if_due()

    def on_evaluate_failed(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._write_if_due()

    def on_search_end(self) -> None:
        """See :class:`Callback`."""
        self._search.report(self._path)

    def _write_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._write()

    def _write(self) -> None:
        start = time.monotonic()
        self._search.report(self._path, refresh=self._every)
        end = time.monotonic()
        self._due = max(start + self._every, end + (end - start) / _MOST)

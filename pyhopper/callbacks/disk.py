"""The callback that writes the best candidate to a file that other programs can read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from pyhopper.callbacks.base import Callback
from pyhopper.errors import ArgumentError
from pyhopper.events import ParamInfo
from pyhopper.extras import require
from pyhopper.files import check_regular, is_stream, read_path, write_whole

_YAML = (".yaml", ".yml")


class SaveBestOnDisk(Callback):
    """Writes the best candidate to disk whenever there is a new one.

    A file holds ``value`` and ``params``: as YAML if its name ends in ``.yaml`` or ``.yml``, else
    as JSON. Files are replaced atomically, so that a reader sees the old or the new one in full; a
    device or a pipe is written to.

    Parameters
    ----------
    filename : str or path, optional
        One file, which is replaced at each new best candidate.
    dir : str or path, optional
        In place of ``filename``: a folder to which each new best candidate adds a file,
        ``best_00001.json``, ``best_00002.json`` and so on.

    Raises
    ------
    ArgumentError
        If there are both arguments, or neither, or ``filename`` is a folder or a socket.
    ImportError
        If the file is to be YAML and the package PyYAML is not installed.

    Examples
    --------
    >>> import json, pathlib, pyhopper
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> callback = pyhopper.callbacks.SaveBestOnDisk("best.json")
    >>> _ = search.run(lambda p: p["layers"], "max", steps=3, callbacks=[callback], quiet=True)
    >>> json.loads(pathlib.Path("best.json").read_text())["params"]
    {'layers': 3}
    """

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if (filename is None) == (dir is None):
            problem = 'give either filename="best.json" or dir="best"'
            raise ArgumentError("filename", filename, problem)
        self._file = None if filename is None else read_path("filename", filename, "file")
        self._dir = None if dir is None else read_path("dir", dir, "folder")
        if self._file is not None and not is_stream(self._file):
            try:
                check_regular(self._file.stat().st_mode)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise ArgumentError("filename", filename, f"{error.strerror}") from None
        if self._file is not None and self._file.suffix.lower() in _YAML:
            require("yaml", "yaml", "this callback")

    def on_new_best(self, candidate: dict[str, Any], f: float, info: ParamInfo) -> None:
        """See :class:`Callback`."""
        path = self._file
        if path is None:
            path = self._next()
        content = {"value": float(f), "params": plain(candidate)}
        if path.suffix.lower() in _YAML:
            text = require("yaml", "yaml", "this callback").safe_dump(content, sort_keys=False)
        else:
            text = json.dumps(content, indent=2) + "\n"
        write_whole(path, text.encode("utf-8", "backslashreplace"))

    def _next(self) -> Path:
        assert self._dir is not None
        names = [path.name for path in self._dir.glob("best_*.json")]
        found = [re.fullmatch(r"best_([0-9]+)\.json", name) for name in names]
        taken = [int(match[1]) for match in found if match]
        return self._dir / f"best_{max(taken, default=0) + 1:05d}.json"


def plain(value: Any) -> Any:
    """A value as JSON types: arrays become lists, and objects of other types their ``repr``."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufU":
        return value.tolist()
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return repr(value)

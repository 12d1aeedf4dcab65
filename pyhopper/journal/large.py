"""Large points: files beside the checkpoint, which unlike its lines can be deleted again.

A point of more than 64 KiB is stored in the folder ``NAME.large``, in one file for each candidate
that is open and one for the best. Its line in the checkpoint has a mark in the place of every large
value.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from pyhopper.errors import CheckpointError
from pyhopper.events import Ended, Event, Known, Started
from pyhopper.history.evaluation import Evaluation
from pyhopper.journal.codec import from_json
from pyhopper.journal.file import dumps, pack, sync_folder, unpack
from pyhopper.parameters import Omitted
from pyhopper.parameters.space import LARGE_POINT, LARGE_VALUE


class LargePoints:
    """The files of large points of one checkpoint.

    For every event, live or read from the checkpoint, :meth:`follow` is called before the state
    takes it in and :meth:`release` after, so that it is known which files are still needed.

    Parameters
    ----------
    checkpoint : Path
        The file beside which the folder lies.

    Attributes
    ----------
    obsolete : list of str
        Files that nobody needs any more and that have not been deleted yet.
    best : str or None
        The file of the best point, if that is a large one.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.folder = checkpoint.with_name(f"{checkpoint.name}.large")
        self.obsolete: list[str] = []
        self.best: str | None = None
        self._best: Evaluation | None = None
        self._open: dict[int, str] = {}
        self._ended: str | None = None

    def split(self, encoded: dict[str, Any], keys: list[str]) -> dict[str, Any] | None:
        """The point with marks in the place of large values; None if it is small enough.

        Parameters
        ----------
        encoded : dict
            The point as JSON.
        keys : list of str
            Parameters whose values may be large.
        """
        sizes = {key: _size(encoded[key]) for key in keys if key in encoded}
        if sum(sizes.values()) <= LARGE_POINT:
            return None
        marks = {key: _mark(encoded[key]) for key, size in sizes.items() if size > LARGE_VALUE}
        return {**encoded, **marks}

    def write(self, name: str, encoded: dict[str, Any]) -> None:
        """Store a point; it is safely on the disk before the line that refers to it is written.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        self.folder.mkdir(exist_ok=True)
        try:
            with (self.folder / name).open("wb") as file:
                file.write(pack(0, {"point": encoded}))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise CheckpointError(self.folder / name, f"cannot be written: {error}") from None
        sync_folder(self.folder)

    def read(self, name: str) -> dict[str, Any]:
        """The point in a file.

        Raises
        ------
        CheckpointError
            If it is not there, or damaged.
        """
        path = self.folder / name
        try:
            line = unpack(path.read_bytes().rstrip(b"\n"))
        except OSError as error:
            raise CheckpointError(path, f"a large point is missing: {error.strerror}") from None
        if line is None:
            raise CheckpointError(path, "a large point is damaged")
        point: dict[str, Any] = line["point"]
        return point

    def follow(self, event: Event, name: str | None) -> None:
        """Learn which file, if any, holds the point of an event that is about to be observed."""
        if isinstance(event, Ended):
            self._ended = self._open.pop(event.job_id, None)
        elif name is not None and isinstance(event, Started):
            self._open[event.candidate.id] = name
        elif name is not None and isinstance(event, Known):
            self._ended = name

    def release(self, best: Evaluation | None) -> None:
        """After an event was observed: find out which file is not needed any more."""
        unneeded, self._ended = self._ended, None
        if best is not self._best:
            self._best = best
            unneeded, self.best = self.best, unneeded
        if unneeded is not None:
            self.obsolete.append(unneeded)

    def replace_best(self, best: Evaluation) -> None:
        """The best evaluation is from now on this object."""
        self._best = best

    def name_of(self, candidate_id: int) -> str | None:
        """The file of an open candidate."""
        return self._open.get(candidate_id)

    def delete_others(self) -> None:
        """Delete the files of points that are neither open nor the best."""
        needed = {*self._open.values(), self.best}
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name not in needed:
                    with contextlib.suppress(OSError):
                        path.unlink()

    def delete_all(self) -> None:
        """Delete all files and their folder."""
        self._open.clear()
        self.best = self._best = None
        self.delete_others()
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def _size(data: Any) -> int:
    """Bytes of a JSON value, without writing it out where it is an array."""
    if type(data) is dict and "$array" in data:
        return len(data["$array"]["base64"])
    return len(dumps(data))


def _mark(data: Any) -> dict[str, Any]:
    """What the line has in the place of a large value, see :class:`pyhopper.parameters.Omitted`."""
    if type(data) is dict and "$array" in data:
        return {"$omitted": list(Omitted.array(from_json(data)))}
    text = dumps(data).encode()
    import hashlib

    digest = hashlib.blake2b(text, digest_size=12).hexdigest()
    return {"$omitted": [f"value of {len(text)} bytes", digest]}

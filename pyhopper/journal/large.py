"""Large points: files beside the checkpoint, which unlike its lines can be deleted again.

A point of more than 64 KiB is stored in the folder ``NAME.large``, in one file for each candidate
that is open and one for the best. Its line in the checkpoint has a mark in the place of every large
value.

A checkpoint may come from a stranger, and the folder may be somebody else's. So a name in a line
must be nine digits and ``.json``, the folder must be no link, and only files that begin as
:meth:`LargePoints.write` begins them are deleted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

from pyhopper.errors import CheckpointError, short
from pyhopper.events import Ended, Event, Known, Started
from pyhopper.files import kind, open_regular, read_small, sync, sync_folder, write_all
from pyhopper.history.evaluation import Evaluation
from pyhopper.journal.codec import CodecError, from_json
from pyhopper.journal.file import Line, dumps, pack, unpack
from pyhopper.parameters import Omitted, Point
from pyhopper.parameters.space import LARGE_POINT, LARGE_VALUE

_LARGEST = 1 << 32
"""Most bytes of a file; a larger one is neither written nor read."""

_START = b'{"n":0,"point":'

_NAME = re.compile(r"[0-9]{9,18}\.json")


def name_in(line: Line) -> str | None:
    """The name of the file that holds the point of a line; None if the line itself does.

    Raises
    ------
    CodecError
        If it is not the name of such a file.
    """
    name = line.get("large")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise CodecError(f"{short(name)} is not the name of a file with a large point")
    return name


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
        self._ended: tuple[str, int | Point] | None = None
        self._undecided: list[tuple[str, int | Point]] = []
        """Of evaluations of which any may be the best: before the direction was known, and with
        several objectives."""

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
        path, data = self.folder / name, pack(0, {"point": encoded})
        if len(data) > _LARGEST:
            raise CheckpointError(path, f"a point of {len(data)} bytes is too large to be written")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_folder()
            if self.has(name):  # a process died before it wrote the line
                path.unlink()
            handle = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, follow=False)
            try:
                write_all(handle, data)
                sync(handle)
            finally:
                os.close(handle)
            sync_folder(self.folder)
        except OSError as error:
            raise CheckpointError(path, f"cannot be written: {error.strerror}") from None

    def _check_folder(self) -> None:
        """Refuse a folder that is a link, which may lead to anybody's files."""
        mode = self.folder.lstat().st_mode
        if not stat.S_ISDIR(mode):
            raise OSError(errno.ENOTDIR, f"{self.folder} is {kind(mode)}, not a folder")

    def has(self, name: str) -> bool:
        """Whether there is a file of this name that was written here."""
        path = self.folder / name
        if not _NAME.fullmatch(name):
            return False
        try:
            self._check_folder()
            handle = open_regular(path, os.O_RDONLY, follow=False)
        except OSError:
            return False
        try:
            start = os.read(handle, len(_START))
        finally:
            os.close(handle)
        return start == _START[: len(start)]

    def read(self, name: str) -> dict[str, Any]:
        """The point in a file.

        Raises
        ------
        CheckpointError
            If it is not there, or damaged.
        """
        path = self.folder / name
        try:
            self._check_folder()
            line = unpack(read_small(path, _LARGEST).rstrip(b"\n"))
        except OSError as error:
            raise CheckpointError(path, f"a large point is missing: {error.strerror}") from None
        point = None if line is None else line.get("point")
        if not isinstance(point, dict):
            raise CheckpointError(path, "a large point is damaged")
        return point

    def follow(self, event: Event, name: str | None) -> None:
        """Learn which file, if any, holds the point of an event that is about to be observed."""
        if isinstance(event, Ended):
            file = self._open.pop(event.job_id, None)
            self._ended = None if file is None else (file, event.job_id)
        elif name is not None and isinstance(event, Started):
            self._open[event.candidate.id] = name
        elif name is not None and isinstance(event, Known):
            self._ended = name, event.candidate.point

    def release(self, best: Evaluation | None) -> None:
        """After an event was observed: find out which file is not needed any more."""
        if self._ended is not None:
            self._undecided.append(self._ended)
            self._ended = None
        if best is None or (best is self._best and not self._undecided):
            return
        if best is not self._best:
            self._best, former = best, self.best
            # Results that were known before the search have no number, but a point of their own.
            self.best = next(
                (
                    name
                    for name, owner in self._undecided
                    if owner is best.point or (best.id >= 0 and owner == best.id)
                ),
                None,
            )
            if former is not None:
                self.obsolete.append(former)
        self.obsolete += [name for name, _ in self._undecided if name != self.best]
        self._undecided.clear()

    def replace_best(self, best: Evaluation) -> None:
        """The best evaluation is from now on this object."""
        self._best = best

    def name_of(self, candidate_id: int) -> str | None:
        """The file of an open candidate."""
        return self._open.get(candidate_id)

    def name_of_ended(self, evaluation: Evaluation) -> str | None:
        """The file of an evaluation that was kept although it need not be the best."""
        for name, owner in self._undecided:
            if owner is evaluation.point or (evaluation.id >= 0 and owner == evaluation.id):
                return name
        return None

    def delete_others(self) -> None:
        """Delete the files of points that are neither open nor the best."""
        needed = {*self._open.values(), *(name for name, _ in self._undecided), self.best}
        with contextlib.suppress(OSError):
            self._check_folder()
            for path in self.folder.iterdir():
                if path.name not in needed:
                    self.delete(path.name)

    def delete(self, name: str) -> None:
        """Delete a file, if it is one that was written here."""
        if self.has(name):
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def delete_all(self) -> None:
        """Delete all files, and their folder if nothing else is in it."""
        self._open.clear()
        self._undecided.clear()
        self.best = self._best = None
        self.delete_others()
        with contextlib.suppress(OSError):
            self._check_folder()
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

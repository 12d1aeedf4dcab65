"""Large points beside the journal, which only grows: files that can be deleted again.

A point of more than 64 KiB is stored in ``NAME.large/``, in a file for each candidate that is open
and one for the best; its line in the journal has a mark in the place of every large value.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from pyhopper.errors import CheckpointError
from pyhopper.history.evaluation import Evaluation
from pyhopper.journal.codec import from_json
from pyhopper.journal.file import dumps, pack, sync_folder, unpack
from pyhopper.parameters import Omitted
from pyhopper.parameters.space import LARGE, SMALL


class LargePoints:
    """The files of large points of one checkpoint."""

    def __init__(self, checkpoint: Path) -> None:
        self.folder = checkpoint.with_name(f"{checkpoint.name}.large")
        self._open: dict[int, str] = {}
        self._last: str | None = None
        self._best: str | None = None
        self._best_evaluation: Evaluation | None = None

    def split(self, encoded: dict[str, Any], bulky: list[str]) -> dict[str, Any] | None:
        """The point with marks in the place of large values, None if it is small enough."""
        sizes = {key: _size(encoded[key]) for key in bulky if key in encoded}
        if sum(sizes.values()) <= LARGE:
            return None
        marks = {key: _mark(encoded[key]) for key, size in sizes.items() if size > SMALL}
        return {**encoded, **marks}

    def write(self, name: str, encoded: dict[str, Any]) -> None:
        """Store a point, safely before the line that speaks of it."""
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
        """The point of a file.

        Raises
        ------
        CheckpointError
            If it is not there, or damaged.
        """
        path = self.folder / name
        try:
            record = unpack(path.read_bytes().rstrip(b"\n"))
        except OSError as error:
            raise CheckpointError(path, f"a large point is missing: {error.strerror}") from None
        if record is None:
            raise CheckpointError(path, "a large point is damaged")
        point: dict[str, Any] = record["point"]
        return point

    def started(self, candidate_id: int, name: str) -> None:
        """A candidate whose point is in a file has started."""
        self._open[candidate_id] = name

    def ended(self, candidate_id: int) -> None:
        """A candidate has ended."""
        self._last = self._open.pop(candidate_id, None)

    def known(self, name: str) -> None:
        """A result is known, whose point is in a file."""
        self._last = name

    def settle(self, best: Evaluation | None) -> str | None:
        """After an end was observed: the file that is not needed any more."""
        doomed, self._last = self._last, None
        if best is not self._best_evaluation:
            self._best_evaluation = best
            doomed, self._best = self._best, doomed
        return doomed

    def adopt(self, best: Evaluation) -> None:
        """The best evaluation is now this object."""
        self._best_evaluation = best

    def name_of(self, candidate_id: int) -> str | None:
        """The file of an open candidate."""
        return self._open.get(candidate_id)

    @property
    def best(self) -> str | None:
        """The file of the best."""
        return self._best

    def tidy(self) -> None:
        """Delete the files that nobody needs."""
        needed = {*self._open.values(), self._best}
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name not in needed:
                    with contextlib.suppress(OSError):
                        path.unlink()

    def remove(self) -> None:
        """Delete all files."""
        self._open.clear()
        self._best = self._best_evaluation = None
        self.tidy()
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def _size(data: Any) -> int:
    """Bytes of what JSON holds, without writing it out where it is an array."""
    if type(data) is dict and "$array" in data:
        return len(data["$array"]["base64"])
    return len(dumps(data))


def _mark(data: Any) -> dict[str, Any]:
    """What stands in the journal for a large value, see :class:`pyhopper.parameters.Omitted`."""
    if type(data) is dict and "$array" in data:
        return {"$omitted": list(Omitted.array(from_json(data)))}
    text = dumps(data).encode()
    import hashlib

    digest = hashlib.blake2b(text, digest_size=12).hexdigest()
    return {"$omitted": [f"value of {len(text)} bytes", digest]}

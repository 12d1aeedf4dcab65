"""The checkpoint file: JSON lines with checksums, only ever appended to.

Each line is an object that begins with its number ``n`` and ends with ``crc``, the CRC-32 of all
bytes before ``,"crc"``. So a line that is damaged, missing or twice is found, and the end of a file
that was being written when the power went is known for what it is. What the lines mean is in
:mod:`pyhopper.journal.formats`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.errors import CheckpointError, CheckpointMissingError

FORMAT = 1
"""Version of the format; files of a later one are refused."""

Line = dict[str, Any]

_SYNC_EVERY = 1.0
_ALIVE_EVERY = 10
"""After so many idle turns of the thread that syncs, a line tells that the search is alive."""

_SUFFIX = 18
_START = b'{"n":0,"event":"header"'

dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode

_read_json = json.JSONDecoder().raw_decode


def pack(number: int, record: Line) -> bytes:
    """A record as a line."""
    body = f'{{"n":{number},{dumps(record)[1:-1]}'.encode()
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def unpack(raw: bytes) -> Line | None:
    """The record of a line, None if it is damaged."""
    body = raw[:-_SUFFIX]
    if raw[-_SUFFIX:] != b',"crc":"%08x"}' % zlib.crc32(body):
        return None
    try:
        text = body.decode() + "}"
        record, end = _read_json(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) and end == len(text) else None


class Scan(NamedTuple):
    """What stands in a file.

    Attributes
    ----------
    lines : list of dict
        The records up to the first damage; when recovering, all that are whole.
    good : int
        Bytes up to the end of the last of them.
    damage : int or None
        The first damaged line before that, counted from 1.
    lost : int
        How many lines are damaged or missing before the last whole one.
    """

    lines: list[Line]
    good: int
    damage: int | None
    lost: int


def scan(data: bytes, first: int = 0, recover: bool = False) -> Scan:
    """Read lines, the first of which has the number ``first``.

    Behind the last whole line there may be one that is not: it was being written when the power
    went. More than that, or anything before a whole line, is damage.
    """
    raw_lines = data.split(b"\n")[:-1]
    lines: list[Line] = []
    position = good = 0
    expected = first
    damage: int | None = None
    bad = 0
    for index, raw in enumerate(raw_lines):
        position += len(raw) + 1
        record = unpack(raw)
        number = None if record is None else record.pop("n", None)
        if record is None or type(number) is not int or number < expected:
            bad += 1
            damage = damage or first + index + 1
            continue
        if number > expected:
            damage = damage or first + index + 1
        if damage is not None and not recover:
            return Scan(lines, good, damage, 1)
        lines.append(record)
        expected = number + 1
        good = position
    if damage is not None and not lines[-1:] and first == 0:
        return Scan(lines, good, damage, bad)
    trailing = len(data[good:].split(b"\n")) - 1
    if trailing > 1 and not recover:
        return Scan(lines, good, first + len(lines) + 1, trailing)
    lost = expected - first - len(lines) + (trailing if trailing > 1 else 0)
    return Scan(lines, good, damage if recover and lost else None, lost)


def looks_like_one(data: bytes) -> bool:
    """Whether a file is a checkpoint or the begin of one, so that it may be written to."""
    return data[: len(_START)] == _START[: len(data)]


def check_header(path: Path, lines: list[Line], data: bytes) -> None:
    """Refuse what is no checkpoint, or one of a later version.

    Raises
    ------
    CheckpointError
        With the reason.
    """
    if not looks_like_one(data):
        if any(line.get("event") == "header" for line in lines):
            return
        if b'"crc":"' in data[:100_000]:
            raise CheckpointError(path, "the header is damaged", 1)
        raise CheckpointError(path, f"is not a checkpoint of pyhopper{_hint(data)}")
    if lines and lines[0].get("format", 0) > FORMAT:
        made = lines[0].get("version")
        raise CheckpointError(path, f"was written by pyhopper {made}; this version cannot read it")


def _hint(data: bytes) -> str:
    """What else a file may be."""
    pickled = data[:1] == b"\x80"
    return ", but a pickle, as versions 1.x wrote them; use another path" if pickled else ""


class Journal:
    """An open checkpoint file.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist.

    Attributes
    ----------
    cut : int
        Bytes of an unfinished line that were cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = 0
        self._number = 0
        self._offset = 0
        self._dirty = False
        self._last = b""
        self._guard = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._after_sync: list[Path] = []
        fresh = not path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o644)
        except OSError as error:
            raise CheckpointError(path, f"cannot be opened: {error.strerror}") from None
        if fresh:
            sync_folder(path.parent)

    @property
    def size(self) -> int:
        """Bytes read or written so far."""
        return self._offset

    @property
    def number(self) -> int:
        """The number of the next line."""
        return self._number

    def clear(self) -> None:
        """Delete everything.

        Raises
        ------
        CheckpointError
            If the file is no checkpoint.
        """
        if not looks_like_one(read_from(self._file, 0, len(_START))):
            problem = "is not a checkpoint of this version, so it is not overwritten; delete it"
            raise CheckpointError(self.path, problem)
        os.ftruncate(self._file, 0)
        self._offset = self._number = 0

    def catch_up(self) -> list[Line]:
        """Read what is new in the file, and cut off an unfinished line at its end.

        The caller has the lock.

        Raises
        ------
        CheckpointError
            If something is damaged.
        """
        end = os.fstat(self._file).st_size
        if end == self._offset:
            return []
        if end < self._offset:
            raise CheckpointError(self.path, "has become shorter; somebody else writes to it")
        data = read_from(self._file, self._offset, end)
        found = scan(data, self._number)
        if self._offset == 0:
            check_header(self.path, found.lines, data)
        if found.damage is not None:
            raise damaged(self.path, found.damage)
        with self._guard:
            self._offset += found.good
            self._number += len(found.lines)
            if self._offset < end:
                self.cut += end - self._offset
                os.ftruncate(self._file, self._offset)
        return found.lines

    def append(self, record: Line) -> None:
        """Write a line; when this returns, the operating system has it.

        Raises
        ------
        CheckpointError
            If it cannot be written, for example because the disk is full.
        """
        with self._guard:
            self._settle()
            self._last = line = pack(self._number, record)
            try:
                written = os.write(self._file, line)
                while written < len(line):
                    written += os.write(self._file, line[written:])
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._offset)
                raise CheckpointError(self.path, f"cannot be written: {error.strerror}") from None
            self._offset += len(line)
            self._number += 1
            self._dirty = True

    def _settle(self) -> None:
        """Count a line of ours that was written before an exception kept us from counting it."""
        end = os.fstat(self._file).st_size
        if end == self._offset:
            return
        if not self._last.startswith(read_from(self._file, self._offset, end)):
            problem = "another process has written to it; this one stops, to leave it whole"
            raise CheckpointError(self.path, problem)
        self.catch_up()

    def discard_after_sync(self, path: Path) -> None:
        """Delete a file once all that was written so far is safe on the disk."""
        with self._guard:
            self._after_sync.append(path)

    def sync(self) -> None:
        """Return once all lines are safe on the disk."""
        with self._guard:
            self._dirty = False
            doomed, self._after_sync = self._after_sync, []
        os.fsync(self._file)
        for path in doomed:
            with contextlib.suppress(OSError):
                path.unlink()

    def tend(self, alive: Callable[[], None]) -> None:
        """Sync every second from now on, in a thread, and call ``alive`` every few seconds."""

        def turn() -> None:
            turns = 0
            while not self._stop.wait(_SYNC_EVERY / 2):
                turns += 1
                with contextlib.suppress(OSError, CheckpointError):
                    if self._dirty:
                        self.sync()
                    if turns % _ALIVE_EVERY == 0:
                        alive()

        thread = threading.Thread(target=turn, name="pyhopper journal", daemon=True)
        with contextlib.suppress(RuntimeError):  # no threads in some browsers' Python
            thread.start()
            self._thread = thread

    def close(self) -> None:
        """Sync and close."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._file >= 0:
            self.sync()
            os.close(self._file)
            self._file = -1


def read_from(file: int, start: int, end: int) -> bytes:
    """Bytes of an open file."""
    os.lseek(file, start, os.SEEK_SET)
    parts = []
    while start < end:
        part = os.read(file, min(end - start, 1 << 24))
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def damaged(path: Path, line: int) -> CheckpointError:
    """The error for a file that is damaged in the middle."""
    problem = (
        "this line is damaged; search.load(path, recover=True) reads all others, and "
        "search.run(..., checkpoint_path=...) with another path goes on from them"
    )
    return CheckpointError(path, problem, line)


def read(path: Path, recover: bool = False) -> tuple[list[Line], int]:
    """All records of a file, without a lock and without changing it.

    Parameters
    ----------
    path : Path
        The file; a search may be writing to it.
    recover : bool
        Leave damaged lines out instead of raising.

    Returns
    -------
    lines : list of dict
        The records, the header first (unless that is damaged).
    lost : int
        How many lines are damaged or missing.

    Raises
    ------
    CheckpointError
        If it cannot be read or is damaged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointMissingError(path, "there is no such file") from None
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror}") from None
    found = scan(data, recover=recover)
    check_header(path, found.lines, data)
    if not found.lines:
        if data.count(b"\n"):
            raise CheckpointError(path, "the header is damaged", 1)
        raise CheckpointError(path, "has no header yet: nothing has been written to it")
    if found.damage is not None and not recover:
        raise damaged(path, found.damage)
    if found.lines[0].get("event") != "header":
        raise CheckpointError(path, "the header is damaged, so the space is not known", 1)
    return found.lines, found.lost


def sync_folder(folder: Path) -> None:
    """Make a new or removed file of a folder survive a power cut, where that can be done."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""The checkpoint file: JSON lines with checksums, only ever appended to.

Each line is an object that begins with its number ``n`` and ends with ``crc``, the CRC-32 of all
bytes before ``,"crc"``. So a line that is damaged, missing or there twice is found, and so is one
that was cut off by a power failure. What the lines mean is in :mod:`pyhopper.journal.formats`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.errors import CheckpointError, CheckpointMissingError, short
from pyhopper.files import open_regular, sync, sync_folder, write_all

FORMAT = 1
"""Version of the format; files of a later one are refused."""

Line = dict[str, Any]
"""An entry of the file, without its number and checksum."""

_SYNC_EVERY = 1.0
"""What was written is safe on the disk after so many seconds: the thread looks twice in them."""

_ALIVE_EVERY = 10
"""The thread that syncs calls ``alive`` each time that it has looked so often."""

_SUFFIX = 18
"""Bytes of the checksum at the end of a line."""

_START = b'{"n":0,"event":"header"'

_BEGINNING = 1 << 20
"""Bytes that are looked at to find out what a file is."""

dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number in JSON")


_read_json = json.JSONDecoder(parse_constant=_no_number).raw_decode


def pack(number: int, line: Line) -> bytes:
    """The bytes of a line with its number and checksum."""
    body = f'{{"n":{number},{dumps(line)[1:-1]}'.encode()
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def unpack(raw: bytes) -> Line | None:
    """The line, with its number under ``n``, of bytes without the newline; None if damaged."""
    body = raw[:-_SUFFIX]
    if raw[-_SUFFIX:] != b',"crc":"%08x"}' % zlib.crc32(body):
        return None
    try:
        text = body.decode() + "}"
        line, end = _read_json(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and end == len(text) else None


class Scan(NamedTuple):
    """What was found in a file.

    Attributes
    ----------
    lines : list of dict
        The lines before the first damage; when recovering, all that are whole.
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

    One unfinished line at the end is no damage: it was being written when the power failed. More
    than one, or anything before a whole line, is damage.
    """
    raw_lines = data.split(b"\n")[:-1]
    lines: list[Line] = []
    position = good = 0
    expected = first
    damage: int | None = None
    bad = 0
    for index, raw in enumerate(raw_lines):
        position += len(raw) + 1
        line = unpack(raw)
        number = None if line is None else line.pop("n", None)
        if line is None or type(number) is not int or number < expected:
            bad += 1
            damage = damage or first + index + 1
            continue
        if number > expected:
            damage = damage or first + index + 1
        if damage is not None and not recover:
            return Scan(lines, good, damage, 1)
        lines.append(line)
        expected = number + 1
        good = position
    if damage is not None and not lines[-1:] and first == 0:
        return Scan(lines, good, damage, bad)
    trailing = len(data[good:].split(b"\n")) - 1
    if trailing > 1 and not recover:
        return Scan(lines, good, first + len(lines) + 1, trailing)
    lost = expected - first - len(lines) + (trailing if trailing > 1 else 0)
    return Scan(lines, good, damage if recover and lost else None, lost)


def may_be_checkpoint(data: bytes) -> bool:
    """Whether a file begins like a checkpoint, or is empty, so that it may be written to."""
    return data[: len(_START)] == _START[: len(data)]


def check_header(path: Path, lines: list[Line], data: bytes) -> None:
    """Refuse what is no checkpoint, or one of a later version.

    Raises
    ------
    CheckpointError
        With the reason.
    """
    # Some file systems leave zeros where data had not arrived when the power failed.
    if not may_be_checkpoint(data.rstrip(b"\0")):
        if any(line.get("event") == "header" for line in lines):
            return
        if b'"crc":"' in data[:100_000]:
            raise CheckpointError(path, "the header is damaged", 1)
        raise CheckpointError(path, f"is not a checkpoint of pyhopper{_hint(data)}")
    form = lines[0].get("format", 0) if lines else 0
    if type(form) is not int:
        raise CheckpointError(path, f"has the format {short(form)}, which is no number", 1)
    if form > FORMAT:
        made = str(lines[0].get("version"))[:80]
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
    displaced : bool
        Whether somebody has deleted, replaced or cut the file since it was opened. The thread that
        syncs finds out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = 0
        self.displaced = False
        self._failure = ""
        self._number = 0
        self._offset = 0
        self._dirty = False
        self._last = b""
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._after_sync: list[Path] = []
        fresh = not path.exists()
        try:
            self._file = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        except OSError as error:
            raise CheckpointError(path, f"cannot be opened: {error.strerror}") from None
        if fresh:
            with self._failing():
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
        if not may_be_checkpoint(read_from(self._file, 0, len(_START))):
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
        with self._lock:
            self._offset += found.good
            self._number += len(found.lines)
            if self._offset < end:
                self.cut += end - self._offset
                os.ftruncate(self._file, self._offset)
        return found.lines

    def append(self, line: Line) -> None:
        """Write a line. When this returns, the operating system has it, so a crash cannot lose it.

        Raises
        ------
        CheckpointError
            If it cannot be written, for example because the disk is full, or if earlier lines could
            not be synced.
        """
        with self._lock:
            self._raise_failure()
            self._check_end()
            self._last = data = pack(self._number, line)
            try:
                write_all(self._file, data)
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._offset)
                raise CheckpointError(self.path, f"cannot be written: {error.strerror}") from None
            self._offset += len(data)
            self._number += 1
            self._dirty = True

    def _check_end(self) -> None:
        """Check that nobody else has written to the file.

        What is there beyond the known end may be our own last line, if an exception came between
        writing and counting it; then it is counted.
        """
        end = os.fstat(self._file).st_size
        if end == self._offset:
            return
        if end < self._offset:
            self.displaced = True
            raise CheckpointError(self.path, "has become shorter; somebody else writes to it")
        if not self._last.startswith(read_from(self._file, self._offset, end)):
            problem = "another process has written to it; this one stops, to leave it whole"
            raise CheckpointError(self.path, problem)
        self.catch_up()

    def discard_after_sync(self, path: Path) -> None:
        """Delete another file, once all lines so far are safe on the disk."""
        with self._lock:
            self._after_sync.append(path)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Within, a disk that fails is an error, and remains one.

        After a failure the system may take what was not written for written, so that syncing once
        more tells nothing.
        """
        try:
            yield
        except OSError as error:
            self._failure = (
                f"cannot be written to the disk ({error.strerror}), so the last lines may be "
                "missing in it; what the search knows is still in memory: search.save(path) writes "
                "it to another disk"
            )
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure:
            raise CheckpointError(self.path, self._failure) from None

    def sync(self) -> None:
        """Return once all lines are safe on the disk.

        Raises
        ------
        CheckpointError
            If the disk fails now, or has failed before.
        """
        self._raise_failure()
        with self._lock:
            self._dirty = False
            obsolete, self._after_sync = self._after_sync, []
        with self._failing():
            sync(self._file)
        for path in obsolete:
            with contextlib.suppress(OSError):
                path.unlink()

    def start_syncing(self, alive: Callable[[], None]) -> None:
        """Start a thread that syncs the file within a second of each line.

        Parameters
        ----------
        alive : callable
            The thread calls it every five seconds.
        """

        def sync_repeatedly() -> None:
            turns = 0
            while not self._stop.wait(_SYNC_EVERY / 2):
                turns += 1
                # A failure is raised by the next line that is written, and at the end.
                with contextlib.suppress(OSError, CheckpointError):
                    self.displaced = self.displaced or self.is_displaced()
                    if self._dirty:
                        self.sync()
                    if turns % _ALIVE_EVERY == 0:
                        alive()

        thread = threading.Thread(target=sync_repeatedly, name="pyhopper journal", daemon=True)
        with contextlib.suppress(RuntimeError):  # no threads in some browsers' Python
            thread.start()
            self._thread = thread

    def is_displaced(self) -> bool:
        """Whether the path does not lead to this file any more, or lines are missing in it."""
        least = self._offset  # first, since the file may grow meanwhile
        try:
            here, there = os.fstat(self._file), self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            return error.errno == getattr(errno, "ESTALE", None)
        return not os.path.samestat(here, there) or here.st_size < least

    def begins_with(self, data: bytes) -> bool:
        """Whether the open file, wherever it is by now, begins with these bytes."""
        with contextlib.suppress(OSError):
            return read_from(self._file, 0, len(data)) == data
        return False

    def close(self) -> None:
        """Sync and close.

        Raises
        ------
        CheckpointError
            If the disk fails now, or has failed before.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._file < 0:
            return
        try:
            self.sync()
        finally:
            file, self._file = self._file, -1
            with self._failing():
                os.close(file)


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
    """All lines of a file, without a lock and without changing it.

    Parameters
    ----------
    path : Path
        The file; a search may be writing to it.
    recover : bool
        Leave damaged lines out instead of raising.

    Returns
    -------
    lines : list of dict
        The header first.
    lost : int
        How many lines are damaged or missing.

    Raises
    ------
    CheckpointError
        If it cannot be read or is damaged.
    """
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY, pipes=True), "rb") as file:
            # No more of a file that is something else than it takes to say so.
            data = file.read(_BEGINNING)
            data += file.read() if may_be_checkpoint(data) else b""
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

"""Messages between the search and a job that runs elsewhere: estimates, advice, cancellations.

Every cluster has its own way to carry them; :class:`Folder` needs nothing but a folder that both
sides see, and is what pools of this machine, MPI and Slurm use.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

BEGIN = "begin"
"""From a job: it is about to start its process, and waits for GO or NO."""
ESTIMATE = "estimate "
"""From a job: an estimate follows; it waits for GO or NO."""
RESULT = "result "
"""From a job: its result follows, where the engine does not bring it."""
GO = "go"
NO = "no"
CANCEL = "cancel"

SILENCE_SECONDS = 120.0
"""After how long without a sign of life a job takes its search to have ended, and ends too."""

_SHORTEST, _LONGEST = 0.01, 0.25
"""Seconds between two looks into a folder; the longer nothing comes, the longer."""

_BEAT_SECONDS = 5.0
"""How often the search writes that it lives."""


class SearchGoneError(Exception):
    """The search has not been heard of for long."""


class Box(Protocol):
    """One job's end. It can be pickled, and is used by the job alone."""

    def send(self, text: str) -> None:
        """Send a message to the search."""

    def receive(self, seconds: float) -> str | None:
        """Wait for the next message of the search; None if none comes.

        Raises
        ------
        SearchGoneError
            If the search has ended without a message.
        """

    def close(self) -> None:
        """Let :meth:`receive`, which waits in another thread, return soon."""


class Mail(Protocol):
    """The search's end, for all jobs."""

    def open(self, deliver: Callable[[str, str], None]) -> None:
        """From now on hand messages to ``deliver(key, text)``, called in a thread of its own."""

    def box(self, key: str) -> Box:
        """The end of a new job."""

    def send(self, key: str, text: str) -> None:
        """Send a message to a job."""

    def forget(self, key: str) -> None:
        """A job has ended."""

    def close(self) -> None:
        """No more messages are wanted."""


class FolderBox:
    """A job's end in a folder, see :class:`Folder`."""

    def __init__(self, folder: str, key: str) -> None:
        self._folder = folder
        self._key = key
        self._sent = 0
        self._received = 0
        self._beat: tuple[str, float] = ("", 0.0)
        self._closed = False

    def send(self, text: str) -> None:
        """See :class:`Box`."""
        _put(Path(self._folder, "in", f"{self._key}.{self._sent}"), text)
        self._sent += 1

    def receive(self, seconds: float) -> str | None:
        """See :class:`Box`."""
        path = Path(self._folder, "out", f"{self._key}.{self._received}")
        end, pause = time.monotonic() + seconds, _SHORTEST
        while True:
            with contextlib.suppress(OSError):
                text = path.read_text(encoding="utf-8")
                self._received += 1
                path.unlink()
                return text
            self._check()
            left = end - time.monotonic()
            if left <= 0 or self._closed:
                return None
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, _LONGEST)

    def close(self) -> None:
        """See :class:`Box`."""
        self._closed = True

    def _check(self) -> None:
        """Notice that the search has not written for long, by the clock of this machine alone."""
        try:
            beat = Path(self._folder, "alive").read_text(encoding="utf-8")
        except OSError:
            beat = ""
        now = time.monotonic()
        if beat != self._beat[0] or not self._beat[1]:
            self._beat = beat, now
        if not Path(self._folder).exists() or now - self._beat[1] > SILENCE_SECONDS:
            raise SearchGoneError


class Folder:
    """Messages as files in a folder that the search and all jobs see.

    Each message is written whole under another name first, so that nobody reads half of one.

    Parameters
    ----------
    parent : str or path-like
        Where to make the folder, which is deleted at the end.
    """

    def __init__(self, parent: str | os.PathLike[str]) -> None:
        self.path = Path(parent, f"pyhopper-{secrets.token_hex(4)}").absolute()
        for name in ("in", "out"):
            (self.path / name).mkdir(parents=True)
        self._sent: dict[str, int] = {}
        self._closed = threading.Event()
        self._reader: threading.Thread | None = None

    def open(self, deliver: Callable[[str, str], None]) -> None:
        """See :class:`Mail`."""
        self._beat(0)
        read = threading.Thread(target=self._read, args=(deliver,), name="pyhopper mail")
        read.daemon = True
        read.start()
        self._reader = read

    def box(self, key: str) -> FolderBox:
        """See :class:`Mail`."""
        return FolderBox(str(self.path), key)

    def send(self, key: str, text: str) -> None:
        """See :class:`Mail`."""
        number = self._sent.get(key, 0)
        self._sent[key] = number + 1
        with contextlib.suppress(OSError):
            _put(self.path / "out" / f"{key}.{number}", text)

    def forget(self, key: str) -> None:
        """See :class:`Mail`."""
        for number in range(self._sent.pop(key, 0)):
            with contextlib.suppress(OSError):
                (self.path / "out" / f"{key}.{number}").unlink()

    def close(self) -> None:
        """See :class:`Mail`."""
        self._closed.set()
        if self._reader is not None:
            self._reader.join(5)
        shutil.rmtree(self.path, ignore_errors=True)

    def _read(self, deliver: Callable[[str, str], None]) -> None:
        pause, beat, beat_at = _SHORTEST, 0, time.monotonic()
        while not self._closed.wait(pause):
            pause = min(1.5 * pause, _LONGEST)
            if time.monotonic() - beat_at > _BEAT_SECONDS:
                beat, beat_at = beat + 1, time.monotonic()
                self._beat(beat)
            with contextlib.suppress(OSError):
                found = [each for each in (self.path / "in").iterdir() if each.name[0] != "."]
                for path in sorted(found, key=_order):
                    text = path.read_text(encoding="utf-8")
                    path.unlink()
                    pause = _SHORTEST
                    deliver(path.name.rpartition(".")[0], text)

    def _beat(self, number: int) -> None:
        with contextlib.suppress(OSError):
            _put(self.path / "alive", str(number))


def _order(path: Path) -> tuple[str, int]:
    key, _, number = path.name.rpartition(".")
    return key, int(number)


def _put(path: Path, text: str) -> None:
    """Write a file that nobody sees half written."""
    part = path.with_name(f".{path.name}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)

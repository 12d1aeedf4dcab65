"""A lock that works on every file system: a file that only one process can create.

It names host and process of its holder. The lock of a process that is dead is taken over: at once
on this host, where the process can be looked up, and elsewhere when it has not been renewed for a
minute. Byte-range locks would be simpler, but network file systems lose them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.errors import CheckpointError

ABANDONED_AFTER = 60.0
"""Seconds without a renewal after which the lock of another host counts as abandoned."""

_POLL = 0.002
"""Seconds between two attempts to take a lock that is held for a moment."""


class Holder(NamedTuple):
    """A process on some host.

    Attributes
    ----------
    host : str
        The name of the host.
    pid : int
        Its process id there.
    birth : str
        Tells it from a later process with the same id; empty where the system does not say.
    """

    host: str
    pid: int
    birth: str

    @classmethod
    def me(cls) -> Holder:
        """The process that calls this."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _birth(pid))

    def text(self) -> str:
        """As text for a checkpoint, see :meth:`parse`."""
        return f"{self.host}:{self.pid}:{self.birth}"

    @classmethod
    def parse(cls, text: str) -> Holder:
        """The opposite of :meth:`text`; of other text, a process on an unknown host."""
        host, pid, birth = [*text.rsplit(":", 2), "", ""][:3]
        return cls(host, int(pid) if pid.isdigit() else 0, birth)

    @property
    def local(self) -> bool:
        """Whether it is on this host; of others :attr:`dead` is not known."""
        return self.host == socket.gethostname()

    @property
    def dead(self) -> bool:
        """Whether it was on this host and has ended."""
        if not self.local:
            return False
        if not _exists(self.pid):
            return True
        birth = _birth(self.pid)
        return bool(self.birth and birth and self.birth != birth)


def _birth(pid: int) -> str:
    """Boot and start time of a process where the system tells them (Linux), else empty."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        start = stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
    return f"{boot[:8]}-{start}"


def _exists(pid: int) -> bool:
    """Whether there is a process with this id on this host."""
    if sys.platform == "win32":
        import ctypes

        # On Windows os.kill(pid, 0) would end the process.
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(0x1000, False, pid)
        if not handle:
            return bool(kernel.GetLastError() == 5)
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == 259
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return pid > 0
    return pid > 0


_held: set[Path] = set()
"""Locks of this process. Another lock with our process id was left by an earlier process."""


class Lock:
    """The lock on a checkpoint, which lies beside it in ``NAME.lock``.

    Parameters
    ----------
    target : Path
        The checkpoint.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.lock")
        self._me = Holder.me()
        self._text = ""
        self._key = self.path.resolve()

    def acquire(self, purpose: str, seconds: float = 60.0) -> None:
        """Take the lock.

        A lock that another process holds for a moment is waited for. One that is held for a run is
        not.

        Parameters
        ----------
        purpose : str
            ``"run"`` for a whole run, ``"ask"`` for a moment.
        seconds : float
            How long to wait.

        Raises
        ------
        CheckpointError
            If another process has it.
        """
        me = self._me
        self._text = json.dumps({"host": me.host, "pid": me.pid, "birth": me.birth, "for": purpose})
        pause = threading.Event()
        for _ in range(max(1, int(seconds / _POLL))):
            if self._create():
                return
            found = self._read()
            if found is None:
                pause.wait(_POLL)  # it was released just now, or is being written
                continue
            text, holder, used_for = found
            if self._is_abandoned(holder):
                self._remove(text)
            elif used_for == "run" or holder.host != self._me.host:
                raise self._refusal(holder)
            else:
                pause.wait(_POLL)
        found = self._read()
        if found is None:
            raise CheckpointError(self.path, "cannot be read or created; delete it")
        raise self._refusal(found[1])

    def _create(self) -> bool:
        if self._key in _held:
            return False
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        except OSError as error:
            raise CheckpointError(self.path, f"cannot be created: {error.strerror}") from None
        _held.add(self._key)
        try:
            os.write(handle, self._text.encode())
        finally:
            os.close(handle)
        return True

    def _read(self) -> tuple[str, Holder, str] | None:
        try:
            text = self.path.read_text(encoding="utf-8")
            data: dict[str, Any] = json.loads(text)
            holder = Holder(str(data["host"]), int(data["pid"]), str(data["birth"]))
            return text, holder, str(data["for"])
        except (OSError, ValueError, KeyError, TypeError):
            # The holder of an old lock without content died while creating it.
            if (self._age() or 0) > ABANDONED_AFTER:
                return "", Holder(self._me.host, 0, ""), "ask"
            return None

    def _is_abandoned(self, holder: Holder) -> bool:
        if holder.host == self._me.host:
            mine = holder.pid == self._me.pid and self._key not in _held
            return mine or holder.dead
        age = self._age()
        return age is not None and age > ABANDONED_AFTER

    def _age(self) -> float | None:
        """Seconds since the lock was renewed, by the clock of the file system."""
        probe = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
        try:
            probe.touch()
            return probe.stat().st_mtime - self.path.stat().st_mtime
        except OSError:
            return None
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()

    def _remove(self, text: str) -> None:
        """Remove an abandoned lock. Of several processes that try, one succeeds."""
        aside = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
        try:
            self.path.rename(aside)
        except OSError:
            return
        if aside.read_text(encoding="utf-8") != text:
            # Meanwhile another process removed the old lock and took a new one: put it back.
            with contextlib.suppress(OSError):
                os.link(aside, self.path)
        aside.unlink()

    def _refusal(self, holder: Holder) -> CheckpointError:
        return CheckpointError(
            self.target,
            f"another run uses it: process {holder.pid} on {holder.host}. Wait for it or end it, "
            f"or use another checkpoint_path; if that process is gone, delete {self.path}",
        )

    def renew(self) -> None:
        """Show other hosts that this process lives."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def release(self) -> None:
        """Give the lock back."""
        if self._key not in _held:
            return
        try:
            if self.path.read_text(encoding="utf-8") == self._text:
                self.path.unlink()
        except OSError:
            pass
        _held.discard(self._key)

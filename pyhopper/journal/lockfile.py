"""A lock that works on every file system: a file that only one process can create.

It names host and process of its holder. The lock of a process that is dead is taken over: at once
on this host, where the process can be looked up, and elsewhere when it has not been renewed for a
minute. Byte-range locks would be simpler, but network file systems lose them.

Two containers on one machine may have the same host name, but see different processes. So a holder
also says in which system it is, which is the boot of the machine and the namespace of the process
ids, where that is known.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.errors import CheckpointError
from pyhopper.files import read_small, write_all

ABANDONED_AFTER = 60.0
"""Seconds without a renewal after which the lock of another host counts as abandoned."""

_UNWRITTEN_AFTER = 5.0
"""Seconds after which a lock without content counts as left by a process that died."""

_POLL = 0.002
"""Seconds between two attempts to take a lock that is held for a moment."""

_MOST = 4096
"""Most bytes of a lock."""

_WHOLE_MACHINE = "4026531836"
"""The namespace of process ids outside of containers has this number on every Linux."""


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
    system : str
        Tells containers with the same host name apart; empty where the system does not say.
    """

    host: str
    pid: int
    birth: str
    system: str = ""

    @classmethod
    def me(cls) -> Holder:
        """The process that calls this."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _birth(pid), _system())

    def text(self) -> str:
        """As text for a checkpoint, see :meth:`parse`."""
        return f"{self.host}|{self.system}:{self.pid}:{self.birth}"

    @classmethod
    def parse(cls, text: str) -> Holder:
        """The opposite of :meth:`text`; of other text, a process on an unknown host."""
        where, pid, birth = [*text.rsplit(":", 2), "", ""][:3]
        host, _, system = where.partition("|")
        return cls(host, int(pid) if re.fullmatch("[0-9]{1,10}", pid) else 0, birth, system)

    @property
    def local(self) -> bool:
        """Whether it is on this host; of others :attr:`dead` is not known."""
        if self.host != socket.gethostname():
            return False
        here = _system()
        if not self.system or not here or self.system == here:
            return True
        # Outside of containers, only the boot differs: this machine has been started anew.
        spaces = self.system.rpartition(".")[2], here.rpartition(".")[2]
        return spaces == (_WHOLE_MACHINE, _WHOLE_MACHINE)

    @property
    def dead(self) -> bool:
        """Whether it was on this host and has ended."""
        if not self.local:
            return False
        if not _exists(self.pid):
            return True
        birth = _birth(self.pid)
        return bool(self.birth and birth and self.birth != birth)


def is_abandoned(holder: str) -> bool:
    """Whether the process that a text of :meth:`Holder.text` names has ended, or there is none."""
    return not holder or Holder.parse(holder).dead


def _birth(pid: int) -> str:
    """Boot and start time of a process where the system tells them (Linux), else empty."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        start = stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
    return f"{boot[:8]}-{start}"


def _system() -> str:
    """The boot and the namespace of process ids where the system tells them (Linux), else empty."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot[:8]}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


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
    except OverflowError:
        return False
    except OSError:
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

    Attributes
    ----------
    for_run : bool
        Whether it was taken for a whole run.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.lock")
        self._me = Holder.me()
        self._text = ""
        self.for_run = False
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
        self._text = json.dumps({**self._me._asdict(), "for": purpose})
        self.for_run = purpose == "run"
        pause = threading.Event()
        end = time.monotonic() + seconds
        while True:
            if self._create():
                return
            if time.monotonic() > end:
                break
            found = self._read()
            if found is None:
                pause.wait(_POLL)  # it was released just now, or is being written
                continue
            text, holder, used_for = found
            if self._is_abandoned(holder):
                self._remove(text)
            elif used_for == "run":
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
            # Somebody may have deleted the folder too, while processes share the checkpoint.
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        except OSError as error:
            raise CheckpointError(self.path, f"cannot be created: {error.strerror}") from None
        try:
            try:
                write_all(handle, self._text.encode())
            finally:
                os.close(handle)
        except BaseException as error:
            # Without its content it would be in everybody's way.
            with contextlib.suppress(OSError):
                self.path.unlink()
            if isinstance(error, OSError):
                problem = f"cannot be written: {error.strerror}"
                raise CheckpointError(self.path, problem) from None
            raise
        _held.add(self._key)
        return True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within, this process has the lock, for a moment."""
        self.acquire("ask")
        try:
            yield
        finally:
            self.release()

    def restore(self) -> None:
        """Create the file of a held lock again if somebody has deleted it.

        Raises
        ------
        CheckpointError
            If it cannot be created, or another process has the lock by now.
        """
        found = self._read()
        if found is not None and found[0] == self._text:
            return
        _held.discard(self._key)
        if not self._create():
            raise CheckpointError(self.target, "another process has taken the lock on it")

    def _read(self) -> tuple[str, Holder, str] | None:
        try:
            text = read_small(self.path, _MOST).decode()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", "") or "it is no text"
            raise CheckpointError(self.path, f"is no lock: {problem}; move it away") from None
        try:
            data: dict[str, Any] = json.loads(text)
            where = str(data["host"]), int(data["pid"]), str(data["birth"])
            return text, Holder(*where, str(data.get("system", ""))), str(data["for"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            # The holder of an old lock without content died while creating it.
            if (self._age() or 0) > _UNWRITTEN_AFTER:
                return text, Holder(self._me.host, 0, ""), "ask"
            return None

    def _is_abandoned(self, holder: Holder) -> bool:
        if holder.local:
            mine = holder.pid == self._me.pid and self._key not in _held
            return mine or holder.dead
        age = self._age()
        return age is not None and age > ABANDONED_AFTER

    def _age(self) -> float | None:
        """Seconds since the lock was renewed, by the clock of the file system."""
        probe = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
        now = time.time()
        try:
            with contextlib.suppress(OSError):  # on a full disk
                probe.touch(exist_ok=False)
                now = probe.stat().st_mtime
            return now - self.path.lstat().st_mtime
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
        if read_small(aside, _MOST).decode() != text:
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
            os.utime(self.path, follow_symlinks=os.utime not in os.supports_follow_symlinks)

    def release(self) -> None:
        """Give the lock back."""
        if self._key not in _held:
            return
        with contextlib.suppress(OSError, ValueError):
            if read_small(self.path, _MOST).decode() == self._text:
                self.path.unlink()
        _held.discard(self._key)

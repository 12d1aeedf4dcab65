"""The search's handle of one worker process."""

from __future__ import annotations

import contextlib
import enum
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pyhopper.executors import channel as wire
from pyhopper.executors import cleanup
from pyhopper.executors.base import OUTPUT

_LOG_BYTES = 1 << 24
"""Most of one candidate's output that is kept in its folder."""

_TAIL_BYTES = 16_384
_TAIL_LINES = 20
_DRAIN_AT_MOST = 1 << 20


class Slot(NamedTuple):
    """A place where a worker runs.

    Attributes
    ----------
    name : str
        As people read it.
    env : dict
        Environment variables that differ from the search's own; None unsets one.
    has_gpu : bool
        Whether it owns a GPU.
    """

    name: str
    env: dict[str, str | None] = {}  # noqa: RUF012 - never changed
    has_gpu: bool = False


class State(enum.Enum):
    """What a worker is doing."""

    LOADING = "loading"
    IDLE = "idle"
    BUSY = "busy"
    LEAVING = "leaving"
    """It was asked to go, or has hung up."""
    KILLED = "killed"


class WorkerProcess:
    """A subprocess of its own session, which evaluates candidates.

    Parameters
    ----------
    slot : Slot
        Where it runs.
    mark : str
        Unique; everything that the worker starts carries it in its environment.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(self, slot: Slot, mark: str) -> None:
        self.state = State.LOADING
        self.mark = mark
        self.loaded = -1
        """Number of the objective that it has loaded."""
        self.tail = bytearray()
        self._log: BinaryIO | None = None
        self._log_room = 0
        self.relatives: list[int] | None = None
        """What it had started and left, once it has exited and they have been killed."""
        ours, theirs = socket.socketpair()
        try:
            self._popen = _start(slot, mark, theirs)
            self.channel = wire.Channel(ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        assert self._popen.stdout is not None
        self.output, self._read = _selectable(self._popen.stdout)
        setup = wire.Setup(list(sys.argv), slot.has_gpu)
        self.channel.send(wire.SETUP, pickle.dumps(setup))

    @property
    def returncode(self) -> int | None:
        """The exit code, None while it runs; also reaps the process."""
        return self._popen.poll()

    def read_output(self) -> bool:
        """Take in what the worker has printed, of which only the end is kept; False at its end."""
        left = _DRAIN_AT_MOST
        while left > 0:
            try:
                data = self._read(1 << 16)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            left -= len(data)
            if self._log is not None and self._log_room > 0:
                with contextlib.suppress(OSError):  # a full disk must not end the search
                    self._log.write(data[: self._log_room])
                self._log_room -= len(data)
            self.tail += data
            del self.tail[:-_TAIL_BYTES]
        return True

    def record(self, folder: str | None) -> None:
        """From now on copy what the worker prints to ``output.log`` in a folder, or nowhere."""
        self.tail.clear()
        if self._log is not None:
            self._log.close()
        self._log, self._log_room = None, _LOG_BYTES
        if folder is not None:
            with contextlib.suppress(OSError):
                self._log = (Path(folder) / OUTPUT).open("ab", buffering=0)

    def last_lines(self) -> str:
        """The last lines that the worker has printed since :attr:`tail` was cleared."""
        lines = bytes(self.tail).decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(line[-500:] for line in lines if line.strip())

    def leave(self) -> None:
        """Ask it to exit."""
        self.state = State.LEAVING
        self.channel.send(wire.LEAVE)

    def kill(self) -> None:
        """Kill it with its process group."""
        self.state = State.KILLED
        if self._popen.poll() is None:
            cleanup.kill_group(self._popen.pid)

    def has_gone(self) -> bool:
        """Whether it has exited, and what it had started too; that is killed here."""
        if self._popen.poll() is None:
            return False
        if self.relatives is None:
            cleanup.kill_group(self._popen.pid)
        elif not self.relatives:
            return True
        self.relatives = cleanup.relatives(self.mark, {self._popen.pid})
        cleanup.kill_all(self.relatives)
        return not self.relatives

    def close(self) -> None:
        """Give all file descriptors back."""
        self.channel.close()
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.close()
        self.record(None)
        self.output.close()
        self._popen.stdout.close()


def _start(slot: Slot, mark: str, sock: socket.socket) -> subprocess.Popen[bytes]:
    env = {**os.environ, **slot.env, cleanup.MARK: mark}
    posix = sys.platform != "win32"
    fd = sock.fileno() if posix else -1
    # The path first, so that nothing is imported from where this search would not.
    path = [entry for entry in sys.path if isinstance(entry, str)]
    program = (
        f"import sys; sys.path[:] = {path!r}; "
        f"from pyhopper.executors.worker import main; main({fd}, {os.getpid()})"
    )
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    popen = subprocess.Popen(
        [sys.executable, *flags, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        env={key: value for key, value in env.items() if value is not None},
        pass_fds=[fd] if posix else [],
        start_new_session=posix,
    )
    if sys.platform == "win32":
        assert popen.stdin is not None
        handed = sock.share(popen.pid)
        popen.stdin.write(len(handed).to_bytes(4, "big") + handed)
    return popen


def _selectable(pipe: Any) -> tuple[Any, Callable[[int], bytes]]:
    """A pipe's end that a selector can wait for, and the function that reads without waiting."""
    if sys.platform != "win32":
        os.set_blocking(pipe.fileno(), False)
        return pipe, lambda count: os.read(pipe.fileno(), count)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def pump() -> None:
        with theirs, contextlib.suppress(OSError, ValueError):
            while data := pipe.read(1 << 16):
                theirs.sendall(data)

    threading.Thread(target=pump, name="pyhopper output", daemon=True).start()
    return ours, ours.recv


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_HINTS = {
    "SIGKILL": " (perhaps by the system for lack of memory)",
    "SIGSEGV": " (a crash in native code)",
    "SIGABRT": " (native code gave up)",
    "SIGBUS": " (perhaps /dev/shm is full)",
    "SIGILL": " (native code for another processor)",
}


def death(returncode: int | None, when: str) -> str:
    """How a process died, in one line."""
    if returncode is None:
        return f"the process cannot be ended; it hangs {when}"
    if returncode < 0:
        name = signal_name(-returncode)
        return f"the process was ended by {name}{_HINTS.get(name, '')} {when}"
    code = f"{returncode:#x}" if returncode > 0xFFFF else str(returncode)
    return f"the process exited with code {code} {when}"

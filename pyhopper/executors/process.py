"""A worker process as the search sees it: start it, read its output, end it."""

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
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from pyhopper.executors import channel as wire
from pyhopper.executors import cleanup
from pyhopper.executors.base import OUTPUT, Slot


def _find_supervisor() -> str | None:
    path = Path(__file__).with_name("supervisor.py")
    works = sys.platform.startswith("linux") and find_spec("_ctypes") is not None
    return str(path) if works and path.exists() else None


SUPERVISOR = _find_supervisor()
"""The program that starts a worker and ends all that it has started; None where it cannot run."""

_LOG_BYTES = 1 << 24
"""Most bytes of one candidate's output that are written to its folder, lest it fills the disk."""

_TAIL_BYTES = 16_384
"""How many bytes at the end of the output are kept in memory for the message of a failure."""

_TAIL_LINES = 20
"""How many lines of these the message shows."""

_READ_BYTES = 1 << 20
"""Most bytes of output that are read at a time, so that one worker cannot keep the search busy."""


class WorkerStatus(enum.Enum):
    """What a worker is doing."""

    LOADING = "loading"
    """It starts, or loads the objective."""
    IDLE = "idle"
    """It waits for a candidate."""
    BUSY = "busy"
    """It has been sent a candidate."""
    LEAVING = "leaving"
    """It was asked to exit, or has closed its connection."""
    KILLED = "killed"
    """It was killed, or has exited by itself."""


class WorkerProcess:
    """A subprocess in a session of its own, which evaluates one candidate after another.

    Parameters
    ----------
    slot : Slot
        Where it runs.
    mark : str
        Unique text that everything the worker starts has in its environment, by which it is found.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(self, slot: Slot, mark: str) -> None:
        self.status = WorkerStatus.LOADING
        self.mark = mark
        self._supervised = SUPERVISOR is not None
        self.loaded = -1
        """Number of the objective that it was told to load; -1 before the first one."""
        self.on_output: Callable[[bytes], None] | None = None
        """Is called with what it has printed, when that is read."""
        self._tail = bytearray()
        self._log: BinaryIO | None = None
        self._log_room = 0
        self._left_behind: list[int] | None = None
        """Process ids of what it had started and left running; None until it has exited."""
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
        setup = wire.Setup(list(sys.argv if slot.argv is None else slot.argv), slot.has_gpu)
        self.channel.send(wire.SETUP, pickle.dumps(setup))

    @property
    def returncode(self) -> int | None:
        """The exit code, None while it runs; also reaps the process."""
        return self._popen.poll()

    def read_output(self) -> bool:
        """Read what the worker has printed; False once nothing more can come."""
        left = _READ_BYTES
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
            if self.on_output is not None:
                self.on_output(data)
            self._tail += data
            del self._tail[:-_TAIL_BYTES]
        return True

    def log_output_to(self, folder: str | None) -> None:
        """From now on append what the worker prints to ``output.log`` in a folder; None: nowhere.

        :meth:`last_lines` then starts afresh.
        """
        self._tail.clear()
        if self._log is not None:
            self._log.close()
        self._log, self._log_room = None, _LOG_BYTES
        if folder is not None:
            with contextlib.suppress(OSError):
                self._log = (Path(folder) / OUTPUT).open("ab", buffering=0)

    def last_lines(self) -> str:
        """The last lines that the worker has printed since :meth:`log_output_to`."""
        lines = bytes(self._tail).decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(line[-500:] for line in lines if line.strip())

    def leave(self) -> None:
        """Ask it to exit."""
        self.status = WorkerStatus.LEAVING
        self.channel.send(wire.LEAVE)

    def kill(self) -> None:
        """Kill it with all it has started. It is gone only when :meth:`has_gone` says so."""
        self.status = WorkerStatus.KILLED
        if self._popen.poll() is not None:
            return
        if self._supervised:
            self._popen.terminate()
            self._popen.send_signal(signal.SIGCONT)  # somebody may have stopped it
        else:
            cleanup.kill_group(self._popen.pid)

    def has_gone(self) -> bool:
        """Whether it has exited and nothing that it had started is left.

        Once it has exited, each call kills what is still found.
        """
        if self._popen.poll() is None:
            return False
        if self._left_behind is None:
            cleanup.kill_group(self._popen.pid)
        elif not self._left_behind:
            return True
        self._left_behind = cleanup.find_processes(self.mark, {self._popen.pid})
        cleanup.kill_all(self._left_behind)
        return not self._left_behind

    def close(self) -> None:
        """Close all its files and sockets."""
        self.channel.close()
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.close()
        self.log_output_to(None)
        self.output.close()
        self._popen.stdout.close()


def _start(slot: Slot, mark: str, sock: socket.socket) -> subprocess.Popen[bytes]:
    env = {**os.environ, **slot.env, cleanup.MARK: mark}
    posix = sys.platform != "win32"
    fd = sock.fileno() if posix else -1
    parent = os.getpid() if SUPERVISOR is None else 0
    # The path comes first, so that the worker imports everything from where this process does.
    program = (
        f"import sys; sys.path[:] = {[*import_path(), *slot.path]!r}; "
        f"from pyhopper.executors.worker import main; main({fd}, {parent})"
    )
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    command = [sys.executable, *flags, "-c", program]
    if SUPERVISOR is not None:
        before = [sys.executable, "-I", "-S", SUPERVISOR, str(os.getpid()), str(fd)]
        command = [*before, *command]
    popen = subprocess.Popen(
        command,
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


def import_path() -> list[str]:
    """The folders from which this process imports, whatever its working directory was or will be.

    A relative one stands for where it was found first: the finder that Python has kept for it knows
    that.
    """
    path = [entry for entry in sys.path if isinstance(entry, str)]
    finders = [sys.path_importer_cache.get(entry) for entry in path]
    found = [getattr(finder, "path", None) for finder in finders]
    return [
        str(Path(where if isinstance(where, str) else entry).absolute())
        for entry, where in zip(path, found, strict=True)
    ]


def _selectable(pipe: Any) -> tuple[Any, Callable[[int], bytes]]:
    """What a selector can wait for instead of a pipe, and a function that reads without waiting."""
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
    """The name of a signal: ``SIGKILL`` for 9."""
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


def how_it_ended(returncode: int | None, when: str) -> str:
    """How a worker process ended, in one line.

    Parameters
    ----------
    returncode : int or None
        Its exit code, negative for a signal; None if it could not be ended.
    when : str
        Words for what it was doing, such as ``during the evaluation``.
    """
    if returncode is None:
        return f"the process cannot be ended; it hangs {when}"
    if returncode < 0:
        name = signal_name(-returncode)
        return f"the process was ended by {name}{_HINTS.get(name, '')} {when}"
    code = f"{returncode:#x}" if returncode > 0xFFFF else str(returncode)
    return f"the process exited with code {code} {when}"

"""Ends processes with everything that they started.

Run as a program it is a search's guard: it outlives the search by a moment and ends whatever the
workers have left, also after a ``kill -9`` of the search. So this module imports nothing but the
standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

MARK = "PYHOPPER_WORKER"
"""Environment variable of a worker; all that it starts inherit it."""


def kill_group(pid: int) -> None:
    """Kill a process with its process group."""
    if sys.platform == "win32":
        command = ["taskkill", "/F", "/T", "/PID", str(pid)]
        subprocess.run(command, capture_output=True, check=False)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def relatives(mark: str, sessions: Collection[int] = ()) -> list[int]:
    """Living processes whose mark begins so, or that belong to one of the sessions.

    So those are found too that have left the process group or have lost their parent. Without
    ``/proc`` there are none to be found.
    """
    wanted = f"\0{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[1-9]*"):
        # Those that have ended meanwhile, or belong to somebody else.
        with contextlib.suppress(OSError):
            state, session = _state(entry)
            if state in "ZX" or entry.name == str(os.getpid()):
                continue
            if session in sessions or wanted in _environ(entry):
                found.append(int(entry.name))
    return found


def _state(entry: Path) -> tuple[str, int]:
    fields = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()
    return fields[0].decode(), int(fields[3])


def _environ(entry: Path) -> bytes:
    return b"\0" + (entry / "environ").read_bytes()


def kill_all(pids: Collection[int]) -> None:
    """Kill processes."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def guard(mark: str) -> None:
    """Wait until the search is gone, however it went, then end what is left of its workers."""
    while sys.stdin.buffer.read(1):
        pass
    while left := relatives(mark):
        kill_all(left)


def start_guard(mark: str) -> subprocess.Popen[bytes] | None:
    """Start a guard, where it can do anything: None without ``/proc``."""
    if not Path("/proc/self/environ").exists():
        return None
    command = [sys.executable, "-I", "-S", __file__, mark]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None


if __name__ == "__main__":
    guard(sys.argv[1])

"""Finds and ends what a worker has left behind.

On Linux each worker has a supervisor (:mod:`pyhopper.executors.supervisor`), and this finds only
what is left if somebody has killed that.
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
"""Environment variable with a worker's mark, which every process that it starts inherits. A mark is
a random prefix for the search, followed by a number for the worker."""


def kill_group(pid: int) -> None:
    """Kill a process and its process group; on Windows, the process and its descendants."""
    if sys.platform == "win32":
        command = ["taskkill", "/F", "/T", "/PID", str(pid)]
        subprocess.run(command, capture_output=True, check=False)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def find_processes(mark: str, sessions: Collection[int] = ()) -> list[int]:
    """Living processes whose mark begins with ``mark``, or that belong to one of the sessions.

    This also finds those that have left the process group of their worker or have lost their
    parent. Where there is no ``/proc`` (macOS, Windows), nothing is found.
    """
    wanted = f"\0{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[1-9]*"):
        # Processes that have ended meanwhile, or of another user, cannot be read.
        with contextlib.suppress(OSError):
            code, session = _code_and_session(entry)
            if code in "ZX" or entry.name == str(os.getpid()):
                continue
            if session in sessions or wanted in _environ(entry):
                found.append(int(entry.name))
    return found


def _code_and_session(entry: Path) -> tuple[str, int]:
    """The letter by which the kernel says what a process does (Z and X: dead), and its session."""
    fields = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()
    return fields[0].decode(), int(fields[3])


def _environ(entry: Path) -> bytes:
    return b"\0" + (entry / "environ").read_bytes()


def kill_all(pids: Collection[int]) -> None:
    """Kill single processes; those that have ended already are fine."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)

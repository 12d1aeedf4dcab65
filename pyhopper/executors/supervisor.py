"""The program between the search and a worker (Linux): it ends all that the worker has started.

It is the parent of the worker and its "child subreaper": a process below it that loses its parent
becomes its own child, whatever session, group or environment it has. So nothing that a candidate
starts gets away. When the worker has ended, or the search asks for it by SIGTERM, or the search has
ended in any way, it kills whatever is below it and then ends in the same way as the worker.

It is run as a file without pyhopper in its path. It starts the worker before anything else, even
the imports, so that the worker need not wait.
"""

from __future__ import annotations

import os
import sys

_PAUSE = 0.002
"""Seconds between two looks at processes that were killed and have not gone yet."""

# The numbers of prctl.
_SET_PARENT_DEATH_SIGNAL = 1
_SET_DUMPABLE = 4
_SET_CHILD_SUBREAPER = 36


def main(search: int, sock: int, command: list[str]) -> None:
    """Run a worker and end with it.

    Parameters
    ----------
    search : int
        Process id of the search.
    sock : int
        The worker's socket, which only the worker may hold.
    command : list of str
        The worker's command line.
    """
    worker = os.fork()
    if worker == 0:
        try:
            os.setsid()
            os.execv(command[0], command)  # noqa: S606 - no shell is wanted
        finally:
            os._exit(127)
    for fd in (0, 1, 2, sock):
        os.close(fd)
    import ctypes
    import signal
    import time

    signals = signal.SIGCHLD, signal.SIGTERM
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    status = _reap(worker)
    while os.getppid() == search and status is None:
        if signal.sigwait(signals) == signal.SIGTERM:
            break
        status = _reap(worker)
    while _kill(children(os.getpid())):
        time.sleep(_PAUSE)
        status = _reap(worker, status)
    prctl(_SET_DUMPABLE, 0, 0, 0, 0)  # the worker has left a core dump, if one is wanted
    _end_like(status or 0)


def _reap(worker: int, status: int | None = None) -> int | None:
    """Take note of the children that have ended; the status of the worker once it has."""
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == worker:
                status = found[1]
    except ChildProcessError:
        return status or 0
    return status


def children(pid: int) -> list[int]:
    """The children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
            return [int(child) for child in file.read().split()]
    except OSError:
        pass
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes long to import
        try:
            with open(f"/proc/{int(name)}/stat", "rb") as file:  # noqa: PTH123
                parent = int(file.read().rsplit(b")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found.append(int(name))
    return found


def _kill(pids: list[int]) -> bool:
    """Kill children; False if there are none, or only those of another user, say by sudo."""
    from signal import SIGKILL

    killed = False
    for pid in pids:
        try:
            os.kill(pid, SIGKILL)
            killed = True
        except OSError:  # noqa: PERF203 - few
            continue
    return killed


def _end_like(status: int) -> None:
    """End with the exit code of the worker, or by the signal that has ended it."""
    import signal

    if os.WIFEXITED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

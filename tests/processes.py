"""What the tests of subprocesses share."""

import os
import time
from pathlib import Path

PROC = Path("/proc")


def eventually(condition, seconds=20.0):
    """Poll until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.01)


def is_alive(pid):
    """Whether a process exists and is no zombie."""
    try:
        state = (PROC / str(pid) / "stat").read_bytes().rsplit(b")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


def descendants(pid):
    """All living processes below a process."""
    parents = {}
    for entry in PROC.glob("[1-9]*"):
        try:
            fields = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()
        except OSError:
            continue
        if fields[0] not in (b"Z", b"X"):
            parents[int(entry.name)] = int(fields[1])
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def open_files():
    """How many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def memory():
    """Resident bytes of this process."""
    pages = int((PROC / "self" / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

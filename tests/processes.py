"""What the tests of subprocesses share."""

import os
import subprocess
import sys
import time
from pathlib import Path

PROC = Path("/proc")

ROOT = Path(__file__).parent.parent


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


def start_escapees(pids):
    """Start processes that no mark, session or group leads to; wait until they run."""
    note = f"import os, time; open({str(pids)!r}, 'a').write(str(os.getpid()) + ' '); "
    sleeper = [sys.executable, "-I", "-S", "-c", f"{note}time.sleep(600)"]
    clean = {"PATH": os.environ["PATH"]}
    before = len(started(pids)) if pids.exists() else 0
    child = subprocess.Popen(sleeper, start_new_session=True, env=clean)
    # A daemon: a double fork, in a session and with an environment of its own.
    fork = "import os; os.fork() and os._exit(0); os.setsid(); "
    program = f"{fork}os.fork() and os._exit(0); {note}time.sleep(600)"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], env=clean, check=True)
    # One that has a child, and one that does not end by SIGTERM.
    nested = f"import subprocess; subprocess.Popen({sleeper!r}, start_new_session=True); {note}"
    nested = f"{nested}import signal; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    subprocess.run([sys.executable, "-I", "-S", "-c", f"{fork}{nested}"], env=clean, check=True)
    eventually(lambda: pids.exists() and len(started(pids)) >= before + 4, 60)
    return child


def started(pids):
    """The processes that :func:`start_escapees` has noted in a file."""
    return [int(pid) for pid in pids.read_text().split()]


def environment(**more):
    """That of this process, but for what tells of a terminal."""
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "TERM")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}


def in_terminal(arguments, columns=100, typed=(), **more):
    """Run Python with these arguments in a pseudo-terminal; what it wrote.

    ``typed`` are pairs: once the first has been written, the second is typed.
    """
    import pytest  # here, since a worker of a test imports this module

    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    import fcntl
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command, written, seen = [sys.executable, *map(str, arguments)], b"", 0
    waiting = list(typed)
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env=environment(**more)
    ) as process:
        os.close(child)
        while True:
            try:
                part = os.read(parent, 65536)
            except OSError:  # Linux says so when the other side has closed
                break
            if not part:
                break
            written += part
            if waiting and waiting[0][0].encode() in written[seen:]:
                seen = len(written)
                os.write(parent, waiting.pop(0)[1].encode())
    os.close(parent)
    assert process.returncode == 0, written.decode()
    return written.decode()


def run_python(arguments, cwd=None, **more):
    """Run Python with these arguments, without a terminal; the finished process."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

"""Ctrl-C, SIGTERM and kill -9 of a search in a process of its own, and what is left of it."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from processes import descendants, eventually, is_alive

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.executors import InlineExecutor, Job
from pyhopper.objective import Objective
from pyhopper.signals import Interrupts

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses signals, /proc")

SEARCH = """
import os, subprocess, sys, time
import pyhopper

def objective(p, folder):
    if p["x"] == 5:
        return 5.0
    if options["n_jobs"] == 2:
        # Also what has left the session must go.
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(600)

search = pyhopper.Search(x=pyhopper.int(0, 10**6, init=5))
best = search.run(objective, "max", endless_mode=True, kwargs={"folder": sys.argv[1]}, **options)
print("returned", best, flush=True)
"""


@contextlib.contextmanager
def running(tmp_path, options="{'n_jobs': 2}", hanging=2, before="", **popen):
    """A search in which so many candidates hang."""
    script = tmp_path / "script.py"
    script.write_text(f"{before}\noptions = {options}\n{SEARCH}")
    folder = tmp_path / "pids"
    folder.mkdir()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], text=True, start_new_session=True, **pipes
    )
    below = set()
    try:
        eventually(lambda: len(list(folder.iterdir())) >= hanging)
        below = descendants(process.pid)
        yield process
    finally:
        for pid in {process.pid, *below, *descendants(process.pid)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(20)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.mark.parametrize("options", ["{'n_jobs': 2}", "{'n_jobs': 1}"])
def test_ctrl_c_returns_the_best(tmp_path, options):
    with running(tmp_path, options, 2 if "2" in options else 1) as process:
        below = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert "returned {'x': 5}" in out
        assert "interrupted" in out
        assert "Traceback" not in err
        if "2" in options:
            assert len(below) >= 5
            assert [pid for pid in below if is_alive(pid)] == []


@pytest.mark.parametrize("options", ["{'n_jobs': 2}", "{'n_jobs': 1}"])
def test_sigterm_ends_in_order_and_then_by_the_signal(tmp_path, options):
    with running(tmp_path, options, 2 if "2" in options else 1) as process:
        below = descendants(process.pid)
        process.terminate()
        out, err = process.communicate(timeout=20)
        assert process.returncode == -signal.SIGTERM, err
        assert "ended by SIGTERM" in out
        assert "x: 5" in out
        assert "returned" not in out
        if "2" in options:
            assert [pid for pid in below if is_alive(pid)] == []


def test_kill_9_of_the_search_takes_the_workers_along(tmp_path):
    with running(tmp_path) as process:
        below = descendants(process.pid)
        assert len(below) >= 5
        process.kill()
        process.wait()
        eventually(lambda: not any(is_alive(pid) for pid in below), 5)


def test_without_help_from_the_kernel_workers_notice_too(tmp_path):
    """Where there is neither a parent's death signal nor /proc, the pipe tells."""
    before = textwrap.dedent("""
        import os, subprocess
        from pyhopper.executors import process
        process.SUPERVISOR = None
        start = subprocess.Popen
        class Patched(start):
            def __init__(self, command, *args, **kwargs):
                if "worker" in str(command):
                    patch = "import pyhopper.executors.worker as w; "
                    patch += "w.die_with_parent = lambda parent: False; "
                    command[-1] = command[-1].replace("from pyhopper", patch + "from pyhopper")
                super().__init__(command, *args, **kwargs)
        process.subprocess.Popen = Patched
    """)
    with running(tmp_path, before=before) as process:
        workers = [int(entry.name) for entry in (tmp_path / "pids").iterdir()]
        process.kill()
        process.wait()
        eventually(lambda: not any(is_alive(pid) for pid in workers), 5)


def test_ctrl_c_in_a_terminal(tmp_path):
    """The terminal's Ctrl-C reaches the search alone, and the bar gives way to the summary."""
    ours, theirs = pty.openpty()
    before = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    seen = bytearray()

    def read():
        with contextlib.suppress(OSError):
            while data := os.read(ours, 4096):
                seen.extend(data)

    reader = threading.Thread(target=read)
    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    try:
        with running(tmp_path, before=before, **terminal) as process:
            os.close(theirs)
            reader.start()
            below = descendants(process.pid)
            os.write(ours, b"\x03")
            assert process.wait(20) == 0
            reader.join(20)
            assert [pid for pid in below if is_alive(pid)] == []
    finally:
        os.close(ours)
    text = seen.decode()
    assert "interrupted" in text
    assert "returned {'x': 5}" in text
    assert "Traceback" not in text
    assert "KeyboardInterrupt" not in text


def test_quiet_prints_nothing_with_workers_too():
    script = """
import sys, warnings, subprocess, pyhopper

def objective(p):
    print("noise")
    print("noise", file=sys.stderr)
    warnings.warn("noise")
    subprocess.run(["echo", "noise"])
    if p["x"] > 50:
        raise ValueError("noise")
    return p["x"]

search = pyhopper.Search(x=pyhopper.int(0, 100, init=0))
assert search.run(objective, steps=12, n_jobs=2, timeout=60, quiet=True)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == b""


class Uninterruptible:
    """An executor whose interrupt does nothing."""

    slots = 1

    def submit(self, job):
        pass

    def wait(self, timeout):
        os.kill(os.getpid(), signal.SIGINT)
        return []

    def cancel(self, job_id, reason):
        pass

    def interrupt(self):
        pass

    def close(self):
        pass


def test_second_ctrl_c_is_at_once():
    with Interrupts(Uninterruptible()) as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.signum == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


class Own:
    """An executor from before there was ``interrupt``, in whose wait a signal comes."""

    slots = 1

    def __init__(self):
        self.closed = False

    def submit(self, job):
        pass

    def wait(self, timeout):
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("was not interrupted")

    def cancel(self, job_id, reason):
        pass

    def close(self):
        self.closed = True


def test_executor_without_interrupt():
    """A signal leaves its wait by KeyboardInterrupt, which ends the run in an orderly way."""
    executor = Own()
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    assert search.run(lambda p: p["x"], steps=5, executor=executor, quiet=True) is None
    assert executor.closed


def test_signal_outside_of_an_evaluation_waits_for_the_loop():
    """A KeyboardInterrupt could leave an event half processed, so there is none between waits."""
    for executor in (InlineExecutor(), Own()):
        with Interrupts(executor) as interrupts:
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupts.signum == signal.SIGTERM


def test_signal_during_an_evaluation_in_this_process():
    executor = InlineExecutor()
    with Interrupts(executor) as interrupts:
        executor.submit(Job(1, Objective(lambda p: os.kill(os.getpid(), signal.SIGTERM)), {}))
        with pytest.raises(KeyboardInterrupt):
            executor.wait(None)
        assert interrupts.signum == signal.SIGTERM


def test_signal_from_a_callback_ends_the_run():
    class Signals(Callback):
        def on_evaluate_end(self, candidate, f, info):
            os.kill(os.getpid(), signal.SIGINT)

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    best = search.run(lambda p: p["x"], steps=50, callbacks=Signals(), quiet=True)
    assert len(search.history) == 1
    assert best == search.history[0]


def test_handlers_are_put_back():
    def mine(signum, frame):
        raise AssertionError

    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, mine)
    try:
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.run(lambda p: p["x"], steps=3, quiet=True)
        assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts(InlineExecutor()) as interrupts:
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupts.signum is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_search_in_another_thread():
    results = []

    def work():
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        results.append(search.run(lambda p: p["x"], steps=4, n_jobs=2, quiet=True))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert results[0]["x"] > 0

"""Every way in which a worker can die, at every stage: one failure, and the slot lives."""

import contextlib
import ctypes
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from processes import eventually, is_alive, open_files

from pyhopper.events import Ended, Reported, Status
from pyhopper.executors import Job
from pyhopper.executors.local import LocalExecutor
from pyhopper.objective import Objective
from pyhopper.testing import collect

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses signals, /proc")


def act(deed):
    """Do what a name stands for, mostly something brutal."""
    deeds = {
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "term": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "segv": lambda: ctypes.string_at(0),
        "abort": os.abort,
        "exit 0": lambda: os._exit(0),
        "exit 3": lambda: os._exit(3),
        "sys.exit": lambda: sys.exit("had enough"),
        "raise": lambda: int("no number"),
        "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT) or time.sleep(60),
        "hang": lambda: time.sleep(600),
        "hang in C": lambda: ctypes.PyDLL(None).sleep(600),
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "memory": lambda: bytearray(1 << 50),
        "recursion": lambda: act("recursion"),
        "hang up": lambda: os.closerange(3, 100) or time.sleep(600),
        "garbage": lambda: [_scribble(fd) for fd in range(3, 100)] and time.sleep(600),
        "flood": lambda: [print("x" * 100_000) for _ in range(500)] and int("no number"),
        "late": lambda: threading.Timer(0.01, os._exit, [7]).start() or time.sleep(600),
    }
    return deeds[deed]()


def _scribble(fd):
    with contextlib.suppress(OSError):
        os.write(fd, b"garbage, garbage, garbage, garbage, garbage")


class Trap:
    """Does something when it is unpickled."""

    def __init__(self, deed):
        self.deed = deed

    def __reduce__(self):
        return act, (self.deed,)


class UnpicklableError(Exception):
    """Does not survive pickling, and cannot be shown."""

    def __init__(self, one, two):
        super().__init__(one)
        self.lock = threading.Lock()


class UnspeakableError(Exception):
    def __str__(self):
        return act("exit 3")


class Treacherous(float):
    """A value that dies on its way home."""

    def __float__(self):
        return act("kill")


def run(deed):
    return lambda p: act(deed) if p["x"] == 1 else p["x"]


def load(deed):
    trap = Trap(deed)
    return lambda p: 1.0 if trap else 0.0


def give(value):
    return lambda p: value if p["x"] == 1 else p["x"]


def throw(error, *arguments):
    def objective(p):
        raise error(*arguments)

    return objective


def estimate_then(deed):
    def objective(p):
        yield 0.5
        act(deed)

    return objective


TABLE = {
    # name: objective, reason that the failure must have, stage that it shows
    "loading: killed": (load("kill"), "SIGKILL.* while it loaded the objective"),
    "loading: segfault": (load("segv"), "SIGSEGV.* while it loaded"),
    "loading: exits with 0": (load("exit 0"), "code 0 while it loaded"),
    "loading: sys.exit": (load("sys.exit"), "could not load the objective: SystemExit: had enough"),
    "loading: raises": (load("raise"), "could not load the objective: ValueError: invalid"),
    "loading: hangs": (load("hang"), "did not load the objective within 3 s"),
    "loading: closes everything": (load("hang up"), "closed its connection"),
    "loading: writes garbage": (load("garbage"), "something else than pyhopper wrote"),
    "running: raises": (run("raise"), "ValueError: invalid literal"),
    "running: killed": (run("kill"), "SIGKILL .*memory.* during the evaluation"),
    "running: terminated": (run("term"), "SIGTERM during the evaluation"),
    "running: segfault": (run("segv"), "SIGSEGV .*native code.* during"),
    "running: abort": (run("abort"), "SIGABRT"),
    "running: exits with 0": (run("exit 0"), "exited with code 0 during"),
    "running: exits with 3": (run("exit 3"), "exited with code 3 during"),
    "running: sys.exit": (run("sys.exit"), "SystemExit: had enough"),
    "running: KeyboardInterrupt": (run("interrupt"), "KeyboardInterrupt"),
    "running: out of memory": (run("memory"), "MemoryError"),
    "running: endless recursion": (run("recursion"), "RecursionError"),
    "running: hangs": (run("hang"), "longer than its timeout of 1 s"),
    "running: hangs in C with the GIL": (run("hang in C"), "longer than its timeout"),
    "running: stopped": (run("stop"), "longer than its timeout"),
    "running: another thread exits": (run("late"), "exited with code 7"),
    "running: closes everything": (run("hang up"), "closed its connection"),
    "running: writes garbage": (run("garbage"), "something else than pyhopper wrote"),
    "running: prints 50 MB and raises": (run("flood"), "ValueError: invalid literal"),
    "estimating: killed": (estimate_then("kill"), "SIGKILL"),
    "estimating: raises": (estimate_then("raise"), "ValueError"),
    "returning: no number": (give(threading.Lock), "instead of a number"),
    "returning: nothing": (give(None), "None; is a `return`"),
    "returning: dies": (give(Treacherous(1)), "SIGKILL"),
    "returning: unpicklable exception": (throw(UnpicklableError, 1, 2), "Unpicklable"),
    "returning: exception that exits": (throw(UnspeakableError), "exited with code 3"),
}


@pytest.mark.parametrize("name", TABLE)
def test_crash_table(name, executor):
    objective, reason = TABLE[name]
    executor._runners[0]._load_timeout = 3 if name == "loading: hangs" else 60
    timeout = 1 if "timeout" in reason else 60
    executor.submit(Job(1, Objective(objective), {"x": 1}, timeout=timeout))
    events = collect(executor, 1)
    executor._runners[0]._load_timeout = 60
    estimates = [event.estimate for event in events if isinstance(event, Reported)]
    assert estimates == ([0.5] if name.startswith("estimating") else [])
    (event,) = [event for event in events if isinstance(event, Ended)]
    assert event.outcome.status is Status.FAILED
    assert event.job_id == 1
    assert event.outcome.estimates == tuple(estimates)
    assert re.search(reason, event.outcome.reason), event.outcome.reason
    assert len(event.outcome.details) < 50_000
    executor.submit(Job(2, Objective(lambda p: p["x"]), {"x": 2}))
    (event,) = collect(executor, 1)
    assert event.outcome.value == 2


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("raise", "ValueError"),
        ("kill", "SIGKILL"),
        ("exit 0", "code 0"),
        ("segv", "SIGSEGV"),
        ("sys.exit", "SystemExit"),
        ("hang", "timeout"),
    ],
)
def test_crash_while_unpickling_the_candidate(deed, reason, executor):
    timeout = 1 if deed == "hang" else 60
    executor.submit(Job(1, Objective(lambda p: 1.0), {"x": Trap(deed)}, timeout=timeout))
    (event,) = collect(executor, 1)
    assert event.outcome.status is Status.FAILED
    assert reason in event.outcome.reason


def test_candidate_that_cannot_be_pickled(executor):
    executor.submit(Job(1, Objective(lambda p: 1.0), {"x": threading.Lock()}))
    (event,) = collect(executor, 1)
    assert event.outcome.status is Status.FAILED
    assert "cannot be sent" in event.outcome.reason


@pytest.mark.parametrize(
    ("program", "reason"),
    [("/nowhere/python", "no subprocess could be started"), ("/bin/false", "code 1 while")],
)
def test_no_python(program, reason, executor, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", program)
        executor.submit(Job(1, Objective(lambda p: 1.0), {"x": 1}))
        (event,) = collect(executor, 1)
        assert reason in event.outcome.reason
    executor.submit(Job(2, Objective(lambda p: 1.0), {"x": 1}))
    (event,) = collect(executor, 1)
    assert event.outcome.value == 1


def test_no_pyhopper_in_the_path(executor, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    executor.submit(Job(1, Objective(lambda p: 1.0), {"x": 1}))
    (event,) = collect(executor, 1)
    assert "code 1 while" in event.outcome.reason
    assert "Error" in event.outcome.details


def test_a_death_between_two_candidates_fails_neither(executor):
    """A process that dies of what a candidate left in it does not fail the next candidate."""

    def objective(p):
        if p["x"] == 1:
            threading.Timer(0.05, os._exit, [1]).start()
        return p["x"]

    evaluate = Objective(objective)
    executor._runners[0]._isolation = "slot"
    executor.submit(Job(1, evaluate, {"x": 1}))
    (event,) = collect(executor, 1)
    assert event.outcome.value == 1
    pid = executor._runners[0].worker._popen.pid
    eventually(lambda: not is_alive(pid))
    executor.submit(Job(2, evaluate, {"x": 2}))
    (event,) = collect(executor, 1)
    assert event.outcome.value == 2


def test_failure_shows_the_last_lines_of_output(executor):
    def objective(p):
        print("to stdout", flush=True)
        subprocess.run(["/bin/sh", "-c", "echo from a child"], check=True)
        print("to stderr", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL)

    executor.submit(Job(1, Objective(objective), {"x": 1}))
    (event,) = collect(executor, 1)
    for line in ("to stdout", "from a child", "to stderr"):
        assert line in event.outcome.details


def test_nothing_that_a_candidate_started_outlives_it(executor, tmp_path):
    """In its group, in a session of its own or orphaned, and however the candidate ends."""
    pids = tmp_path / "pids"

    def objective(p):
        # Children that leave the group, the session, and their parent.
        script = "echo $$ >> {}; setsid sh -c 'echo $$ >> {}; sleep 600' & sleep 600"
        command = ["/bin/sh", "-c", script.format(pids, pids)]
        subprocess.Popen(command, start_new_session=p["x"] % 2 == 0)
        subprocess.Popen(["/bin/sh", "-c", f"{script.format(pids, pids)} & exit"]).wait()
        end = time.monotonic() + 20
        while len(pids.read_text().split() if pids.exists() else []) < 4 * p["n"]:
            assert time.monotonic() < end
            time.sleep(0.01)
        if p["x"] >= 2:
            act({2: "kill", 3: "raise", 4: "hang"}[p["x"]])
        return 1.0

    evaluate = Objective(objective)
    for number, x in enumerate([0, 1, 2, 3, 4], 1):
        executor.submit(Job(number, evaluate, {"x": x, "n": number}, timeout=6 if x == 4 else 60))
        collect(executor, 1)
        # The next candidate starts only when all of it has gone, so that nothing is shared.
        executor.submit(Job(100, Objective(lambda p: 1.0), {}))
        collect(executor, 1)
        started = [int(pid) for pid in pids.read_text().split()]
        assert len(started) == 4 * number
        assert [pid for pid in started if is_alive(pid)] == []


@pytest.mark.slow
def test_chaos(nothing_left):
    """Of 200 evaluations that end in all ways each ends once, and nothing is left behind."""
    deeds = ["raise", "kill", "exit 0", "segv", "sys.exit", "hang", "late", "memory", "hang up"]

    def objective(p):
        rng = random.Random(p["i"])
        if rng.random() < 0.15:
            act(rng.choice(deeds))
        return float(p["i"])

    before = open_files()
    executor = LocalExecutor(2)
    evaluate = Objective(objective)
    ends = {}
    waiting = list(range(200))
    running = 0
    try:
        while waiting or running:
            while waiting and running < 2:
                number = waiting.pop()
                executor.submit(Job(number, evaluate, {"i": number}, timeout=3))
                running += 1
            for event in executor.wait(60):
                assert event.job_id not in ends
                ends[event.job_id] = event.outcome
                running -= 1
    finally:
        executor.close()
    assert sorted(ends) == list(range(200))
    for number, outcome in ends.items():
        sick = random.Random(number).random() < 0.15
        assert outcome.status is (Status.FAILED if sick else Status.DONE), outcome
    assert open_files() == before

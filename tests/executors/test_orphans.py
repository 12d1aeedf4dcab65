"""Nothing that a candidate starts outlives it, whatever session, group or environment it has."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import descendants, eventually, is_alive, start_escapees, started

from pyhopper.executors import Job, process
from pyhopper.executors.local import LocalExecutor
from pyhopper.objective import Objective
from pyhopper.testing import collect

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses /proc, prctl")


@pytest.fixture
def pids(tmp_path):
    path = tmp_path / "pids"
    yield path
    for pid in started(path) if path.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


ENDINGS = {
    "returns": lambda: None,
    "raises": lambda: int("no number"),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exits": lambda: os._exit(3),
    "kills its group": lambda: os.killpg(0, signal.SIGKILL),
    "takes too long": lambda: time.sleep(600),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_when_the_candidate_ends(ending, pids, nothing_left):
    """The next candidate starts only when all of it has gone."""
    act = ENDINGS[ending]

    def objective(p):
        start_escapees(pids)
        act()
        return 1.0

    executor = LocalExecutor(1)
    try:
        timeout = 3 if ending == "takes too long" else 60
        executor.submit(Job(1, Objective(objective), {}, timeout=timeout))
        collect(executor, 1)
        executor.submit(Job(2, Objective(lambda p: 1.0), {}))
        collect(executor, 1)
        assert len(started(pids)) == 4
        assert [pid for pid in started(pids) if is_alive(pid)] == []
    finally:
        executor.close()


def test_orphans_alone_have_the_worker_replaced(pids):
    """Also where the worker has no child of its own any more."""

    def objective(p):
        if p["first"]:
            child = start_escapees(pids)
            child.kill()
            child.wait()
        return float(os.getpid())

    executor = LocalExecutor(1)
    try:
        values = []
        for first in (False, True, False):
            executor.submit(Job(len(values), Objective(objective), {"first": first}))
            (event,) = collect(executor, 1)
            values.append(event.outcome.value)
        assert values[0] == values[1] != values[2]
        assert [pid for pid in started(pids) if is_alive(pid)] == []
    finally:
        executor.close()


@pytest.mark.parametrize("isolation", ["auto", "slot", "candidate"])
def test_when_the_run_ends(isolation, pids, nothing_left):
    def objective(p):
        start_escapees(pids)
        return 1.0

    executor = LocalExecutor(1, isolation)
    executor.submit(Job(1, Objective(objective), {}))
    collect(executor, 1)
    executor.close()
    assert len(started(pids)) == 4
    assert [pid for pid in started(pids) if is_alive(pid)] == []


SEARCH = """
import os, pathlib, sys, time
sys.path.insert(0, {tests!r})
import pyhopper

def objective(p, pids):
    import processes
    processes.start_escapees(pathlib.Path(f"{{pids}}-{{os.getpid()}}"))
    with open(pids, "a") as file, open(f"{{pids}}-{{os.getpid()}}") as mine:
        file.write(mine.read())
    time.sleep(600)

search = pyhopper.Search(x=pyhopper.float(0, 1))
search.run(objective, endless_mode=True, n_jobs=2, quiet=True, kwargs={{"pids": sys.argv[1]}})
"""


@pytest.mark.parametrize(
    ("number", "returncode"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 0)]
)
def test_when_the_search_is_killed(number, returncode, pids, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SEARCH.format(tests=str(Path(__file__).parent.parent)))
    search = subprocess.Popen([sys.executable, str(script), str(pids)], start_new_session=True)
    try:
        eventually(lambda: pids.exists() and len(started(pids)) == 8, 60)
        below = descendants(search.pid)
        search.send_signal(number)
        assert search.wait(30) == returncode
        eventually(lambda: not any(is_alive(pid) for pid in (*below, *started(pids))))
    finally:
        search.kill()
        search.wait()


def test_a_worker_ends_as_its_supervisor_says():
    """What becomes of the worker is told, although another process is between."""

    def objective(p):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)

    executor = LocalExecutor(1)
    try:
        executor.submit(Job(1, Objective(objective), {}))
        (event,) = collect(executor, 1)
        assert "SIGKILL" in event.outcome.reason
        executor.submit(Job(2, Objective(lambda p: 1.0), {}))
        (event,) = collect(executor, 1)
        assert event.outcome.value == 1
    finally:
        executor.close()


def test_without_a_supervisor_marked_processes_are_found(monkeypatch, tmp_path):
    """Where it cannot run, what has kept the environment of the worker is still ended."""
    monkeypatch.setattr(process, "SUPERVISOR", None)
    path = tmp_path / "pid"

    def objective(p):
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        path.write_text(str(child.pid))
        return float(os.getppid())

    executor = LocalExecutor(1)
    try:
        executor.submit(Job(1, Objective(objective), {}))
        (event,) = collect(executor, 1)
        assert event.outcome.value == os.getpid()
    finally:
        executor.close()
    assert not is_alive(int(path.read_text()))

"""Real kills at random moments, and simulated power cuts."""

import contextlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import pytest
from processes import descendants, eventually, is_alive

import pyhopper
from pyhopper.journal import read

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")

STEPS = 40

# Every evaluation leaves a line with its process before it returns, so that a second one is seen.
SCRIPT = """
import os, sys, time
import pyhopper

path, log, n_jobs, steps, pause = sys.argv[1:]

def objective(params):
    time.sleep(float(pause))
    value = params["model"]["C"] - params["x"] ** 2
    yield value / 2
    with open(log, "a") as file:
        file.write(f"{os.environ['PYHOPPER_CANDIDATE_DIR'][-5:]} {value!r}\\n")
    yield value

if __name__ == "__main__":
    search = pyhopper.Search(
        x=pyhopper.float(-1, 1, precision=1),
        model=pyhopper.choice({"C": pyhopper.float(1, 9)}, {"kind": "b", "C": pyhopper.int(0, 5)}),
        seed=5,
    )
    search += {"x": 0.5}
    search.run(
        objective, "max", steps=steps, quiet=True, n_jobs=n_jobs, checkpoint_path=path,
        work_dir=path + ".runs",
    )
    print("done", flush=True)
"""


def command(script, path, log, n_jobs, pause):
    return [sys.executable, str(script), str(path), str(log), str(n_jobs), str(STEPS), str(pause)]


def history(path):
    """Points and values by candidate, and the best."""
    search = pyhopper.Search(
        x=pyhopper.float(-1, 1, precision=1),
        model=pyhopper.choice({"C": pyhopper.float(1, 9)}, {"kind": "b", "C": pyhopper.int(0, 5)}),
    )
    search.load(path)
    state = search._log.state
    told = [(e.id, e.type, e.point, e.status, e.value, e.estimates) for e in state.evaluations]
    return told, state.best.id, state.duplicates, state.started


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("torture") / "train.py"
    path.write_text(SCRIPT)
    return path


def start(script, path, log, n_jobs, pause):
    """The script in a process of its own: its number. Forked, since starting Python takes long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            sys.argv = [str(script), *command(script, path, log, n_jobs, pause)[2:]]
            exec(compile(script.read_text(), script, "exec"), {"__name__": "__main__"})
            code = 0
        finally:
            os._exit(code)
    return pid


def kill_until_done(script, path, log, n_jobs, rng, pause):
    """Start the script until it ends, killed each time at a random moment; the number of kills.

    With several slots some of the kills hit a process of a slot instead.
    """
    kills = 0
    while True:
        pid = start(script, path, log, n_jobs, pause)
        killed, done = False, False
        while not killed and not done:
            # Not before it has written something new, or it would never come to an end.
            goal = (path.stat().st_size if path.exists() else 0) + rng.choice([1, 300, 600])
            limit = time.monotonic() + 60
            while not done and not (path.exists() and path.stat().st_size >= goal):
                assert time.monotonic() < limit
                done = os.waitpid(pid, os.WNOHANG)[0] != 0
            if not done:
                threading.Event().wait(rng.random() * pause * 3)
                killed = kill_one(pid, path, n_jobs, rng)
                kills += 1
        if killed:
            _, status = os.waitpid(pid, 0)
            done = os.WIFEXITED(status)
            assert not done or os.WEXITSTATUS(status) == 0
        if done:
            return kills


def kill_one(pid, path, n_jobs, rng):
    """Kill a process of the search; whether it was the one that leads.

    A slot is spared until there is a value: a search in which everything has failed begins anew
    when it is started again, with its whole budget.
    """
    below = sorted(descendants(pid)) if n_jobs > 1 else []
    has_value = b'"status":"done"' in path.read_bytes()
    if below and has_value and rng.random() < SLOTS_KILLED:
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(below), signal.SIGKILL)
        return False
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, below)))
    return True


SLOTS_KILLED = 0.3
"""How many of them hit a slot, where there are several."""


@pytest.mark.parametrize(
    ("n_jobs", "most"),
    [
        (1, 12),
        (2, 5),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in [(1, 300), (2, 100)]),
    ],
)
def test_killed_at_random_moments(script, tmp_path, n_jobs, most):
    """Nothing is lost, nothing that was written is evaluated twice, and the history is the same."""
    rng = random.Random(n_jobs)
    whole = tmp_path / "whole.ckpt"
    subprocess.run(command(script, whole, tmp_path / "whole.log", n_jobs, 0), check=True)
    kills = runs = 0
    while kills < most:
        runs += 1
        path, log = tmp_path / f"{runs}.ckpt", tmp_path / f"{runs}.log"
        kills += kill_until_done(script, path, log, n_jobs, rng, 0.002)
        assert not Path(f"{path}.lock").exists()
        records, lost = read(path)
        assert lost == 0
        ended = [record["id"] for record in records if record["event"] == "ended"]
        assert sorted(ended) == list(range(STEPS))
        if n_jobs == 1:
            assert history(path) == history(whole)
        reported = [line.split() for line in log.read_text().splitlines()]
        values = {int(name): float(value) for name, value in reported}
        for record in records:
            if record["event"] == "ended" and record["status"] == "done":
                assert record["value"] == values[record["id"]]
            elif record["event"] == "ended":
                assert n_jobs > 1
                assert "SIGKILL" in record["reason"]
        evaluated = Counter(name for name, _ in reported)
        restarted = Counter(f"{r['id']:05d}" for r in records if r["event"] == "restarted")
        for name, count in evaluated.items():
            assert count <= 1 + restarted[name], "only what had no result was evaluated again"


def run(path):
    search = pyhopper.Search(
        x=pyhopper.float(-1, 1, precision=1), n=pyhopper.int(0, 5), w=pyhopper.float(0, 1), seed=5
    )
    search.run(lambda p: p["w"] - p["x"], "max", steps=STEPS, quiet=True, checkpoint_path=path)
    return [(each.id, each.params, each.value) for each in search.history.evaluations]


class PowerCut(BaseException):
    """The machine is off."""


class Disk:
    """Writes to a file as a disk sees them: what was not synced may be gone after a power cut."""

    def __init__(self, rng, patch):
        self.rng = rng
        self.safe = 0
        self.left = rng.randrange(1, 25)
        self.off = False
        self.write, self.fsync, self.truncate = os.write, os.fsync, os.ftruncate
        patch.setattr(os, "write", self.on_write)
        patch.setattr(os, "fsync", self.on_fsync)
        patch.setattr(os, "ftruncate", self.on_truncate)

    def on_write(self, file, data):
        if b'"crc"' not in data:
            return self.write(file, data)
        if self.off:
            return len(data)
        self.left -= 1
        if self.left == 0:
            self.off = True
            self.write(file, data[: self.rng.randrange(len(data) + 1)])
            raise PowerCut
        done = self.write(file, data)
        if self.rng.random() < 0.1:
            self.on_fsync(file)
        return done

    def on_fsync(self, file):
        info = os.fstat(file)
        if not self.off and stat.S_ISREG(info.st_mode):
            self.safe = info.st_size

    def on_truncate(self, file, size):
        if not self.off:
            self.truncate(file, size)
            self.safe = min(self.safe, size)


@pytest.mark.parametrize("most", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_power_cuts(tmp_path, monkeypatch, most):
    """What was written after the last fsync is lost, in part or as a whole; the search goes on."""
    rng = random.Random(3)
    whole = run(tmp_path / "whole.ckpt")
    path = tmp_path / "run.ckpt"
    cuts = 0
    while cuts < most:
        path.unlink(missing_ok=True)
        safe, told = 0, None
        while told is None:
            with monkeypatch.context() as patch:
                disk = Disk(rng, patch)
                disk.safe = safe
                try:
                    told = run(path)
                except PowerCut:
                    cuts += 1
            if told is None:
                data = path.read_bytes()
                assert len(data) >= disk.safe
                cut = rng.randrange(disk.safe, len(data) + 1)
                # Some file systems leave zeros where data had not arrived.
                path.write_bytes(data[:cut] + bytes(rng.choice([0, 0, 5, 4096])))
                safe = disk.safe
        assert told == whole


@pytest.mark.parametrize("arrived", [0, 1, 20, 100])
def test_the_power_fails_before_the_header_is_safe(tmp_path, arrived):
    path = tmp_path / "run.ckpt"
    whole = run(path)
    data = path.read_bytes()
    path.write_bytes(data[:arrived] + bytes(4096))
    assert run(path) == whole
    assert path.read_bytes().startswith(data[:100])


def test_zeros_that_are_somebody_elses(tmp_path):
    """A file that only begins with zeros, such as the image of a disk, is no checkpoint."""
    path = tmp_path / "run.ckpt"
    path.write_bytes(bytes(4096) + b"data")
    with pytest.raises(pyhopper.CheckpointError, match="is not a checkpoint"):
        run(path)
    assert path.read_bytes() == bytes(4096) + b"data"


def test_lines_are_synced_within_seconds(tmp_path, monkeypatch):
    """What was written before a long evaluation is safe while it runs."""
    synced = threading.Event()
    fsync = os.fsync
    path = tmp_path / "run.ckpt"

    def watched(file):
        fsync(file)
        if path.exists() and os.fstat(file).st_ino == path.stat().st_ino:
            synced.set()

    monkeypatch.setattr(os, "fsync", watched)

    def objective(params):
        synced.clear()
        assert synced.wait(30)
        return 1

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(objective, steps=2, quiet=True, checkpoint_path=path)
    assert len(search.history) == 2
    assert json.loads(path.read_text().splitlines()[-1])["event"] == "ended"

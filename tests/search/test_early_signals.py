"""Ctrl-C and SIGTERM at any moment of a run: while it begins, reads its checkpoint, or draws."""

import os
import signal
import subprocess
import sys

import pytest

import pyhopper

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends itself signals")

SCRIPT = """
import os, signal, sys
import pyhopper

moment, number, times, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
resumed = os.path.exists("c.ckpt")

def strike(now):
    global times
    while resumed and now == moment and times > 0:
        times -= 1
        os.kill(os.getpid(), number)

class Finder:
    def find_spec(self, name, path=None, target=None):
        strike(f"import {name}")

class Odd(pyhopper.Parameter):
    def sample(self):
        strike("draw")
        return 1
    def mutate(self, value, temperature):
        strike("draw")
        return value + 2
    def decode(self, data):
        strike("read")
        return data

class Callback(pyhopper.callbacks.Callback):
    def on_search_start(self, search):
        strike("begin")

search = pyhopper.Search(x=pyhopper.int(0, 10**6), odd=Odd(), y=pyhopper.float(0, 1))
sys.meta_path.insert(0, Finder())
best = search.run(
    lambda p: p["x"], steps=200 if resumed else 5, checkpoint_path="c.ckpt", quiet=True,
    callbacks=[Callback()], n_jobs=jobs,
)
history = search.history
print("returned", best == search.best, len(history) < 10, max(history.fs) == best["x"])
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A checkpoint with five evaluations."""
    folder = tmp_path_factory.mktemp("started")
    assert strike(folder, "never").returncode == 0
    return (folder / "c.ckpt").read_bytes()


def strike(folder, moment, number=signal.SIGINT, times=1, jobs=1):
    command = [sys.executable, "-c", SCRIPT, moment, str(int(number)), str(times), str(jobs)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


MOMENTS = ["import pyhopper.executors.slots", "import pyhopper.executors.local", "read", "begin"]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("moment", [*MOMENTS, "draw"])
def test_the_first_returns_the_best(tmp_path, started, moment, jobs):
    (tmp_path / "c.ckpt").write_bytes(started)
    done = strike(tmp_path, moment, jobs=jobs)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "returned True True True\n"
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigterm_ends_the_process(tmp_path, started, moment):
    (tmp_path / "c.ckpt").write_bytes(started)
    done = strike(tmp_path, moment, signal.SIGTERM)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert done.stdout + done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]


@pytest.mark.parametrize("moment", ["read", "begin"])
def test_the_second_raises(tmp_path, started, moment):
    (tmp_path / "c.ckpt").write_bytes(started)
    done = strike(tmp_path, moment, times=2)
    assert "KeyboardInterrupt" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["c.ckpt"]


class Striking:
    """A constraint that sends a signal at one of its calls, and counts those after it."""

    def __init__(self, at, allows):
        self.at, self.allows, self.calls = at, allows, 0

    def __call__(self, params):
        self.calls += 1
        if self.calls == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        return self.allows


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}])
def test_drawing_is_left_at_once(options):
    """A constraint that hardly any candidate meets may be drawn for thousands of times."""
    constraint = Striking(30, allows=False)
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.constrain(constraint)
    assert search.run(lambda p: p["x"], steps=5, quiet=True, **options) is None
    assert constraint.calls == 30


def test_looking_for_duplicates_is_left_at_once():
    class Same(pyhopper.Parameter):
        draws = 0

        def sample(self):
            self.draws += 1
            if self.draws == 50:
                os.kill(os.getpid(), signal.SIGINT)
            return 1

        def mutate(self, value, temperature):
            return self.sample()

    search = pyhopper.Search(x=Same())
    assert search.run(lambda p: 1.0, steps=9, quiet=True) == {"x": 1}
    assert search._log.state.duplicates == 0
    assert search["x"].draws == 50


def test_proposing_again_is_left_at_once(tmp_path):
    """What is read after the signal is not proposed once more, which may take long."""
    path = tmp_path / "c.ckpt"

    def run(constraint, steps):
        search = pyhopper.Search(w=pyhopper.float(-1, 1, shape=80), k=pyhopper.int(0, 5), seed=3)
        search.constrain(constraint)
        search.run(lambda p: p["w"].sum(), steps=steps, checkpoint_path=path, quiet=True)
        return search

    first = run(Striking(0, allows=True), 60)
    control = Striking(0, allows=True)
    run(control, 60)
    assert control.calls >= 110
    struck = Striking(20, allows=True)
    second = run(struck, 90)
    # Each point that is read is checked once; those before the signal were proposed, too.
    assert struck.calls <= 80
    assert len(second.history) == 60
    assert second.best_f == first.best_f


def test_handlers_are_there_only_during_the_run():
    before = signal.getsignal(signal.SIGINT)
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(pyhopper.errors.ArgumentError):
        search.run(lambda p: p["x"], steps=0)
    assert signal.getsignal(signal.SIGINT) is before

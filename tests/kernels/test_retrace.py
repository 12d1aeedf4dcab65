"""What the step that learns knew before a run was killed is known again after it."""

import os
import subprocess
import sys

import pytest

import pyhopper
from pyhopper.journal import read

# Steps and template; the last one has points that the checkpoint does not keep.
SEARCHES = {
    "wide": (300, "dict(w=pyhopper.float(-1, 1, shape=80), k=pyhopper.int(0, 5))"),
    "cheap": (2300, "dict(x=pyhopper.float(-1, 1), k=pyhopper.int(0, 3))"),
    "large": (120, "dict(w=pyhopper.float(-1, 1, shape=9000), k=pyhopper.int(0, 5))"),
}
PROGRAM = """
import os, signal, sys
import numpy as np
import pyhopper
from pyhopper.retrace import Retrace

path, steps, last, forget = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if forget:
    Retrace.before = lambda self, event, *rest: event
calls = 0

def objective(params):
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)
    distance = np.sum((np.asarray(params.get("w", params.get("x"))) - 0.3) ** 2)
    return float(distance) + abs(params["k"] - 2)

search = pyhopper.Search(TEMPLATE, seed=3)
search += {"k": 1}
search.run(objective, "min", steps=steps, quiet=True, checkpoint_path=path)
"""


def execute(name, path, last=-1, forget=""):
    """One execution, which kills itself at an evaluation."""
    steps, template = SEARCHES[name]
    program = PROGRAM.replace("TEMPLATE", template)
    command = [sys.executable, "-c", program, str(path), str(steps), str(last), forget]
    return subprocess.run(command, check=last < 0).returncode


def history(path):
    records, _ = read(path)
    started = [(r["id"], r["type"], r["point"]) for r in records if r["event"] == "started"]
    return started, [r["value"] for r in records if r["event"] == "ended"]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n == "cheap")) for n in sorted(SEARCHES)],
)
def test_killed_and_resumed(tmp_path, name):
    """Bit for bit the history of a run that was not killed."""
    steps, _ = SEARCHES[name]
    execute(name, tmp_path / "whole.ckpt")
    path = tmp_path / "killed.ckpt"
    # In the middle of random search, of the steps, and once more.
    for last in (steps // 8, steps // 2, steps // 7):
        assert execute(name, path, last) == -9
    execute(name, path)
    assert history(path) == history(tmp_path / "whole.ckpt")


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_and_resumed_control(tmp_path):
    """The control: a step that learns anew goes another way."""
    execute("wide", tmp_path / "whole.ckpt")
    path = tmp_path / "killed.ckpt"
    execute("wide", path, 200)
    execute("wide", path, forget="yes")
    assert history(path) != history(tmp_path / "whole.ckpt")


@pytest.mark.parametrize("budget", [{"runtime": 80}, {"steps": 50}], ids=["time", "steps"])
def test_learning_again_takes_no_time_of_a_budget_in_time(tmp_path, clock, budget):
    """Each draw takes a second here. The control is a budget in steps."""

    def draw(rng):
        clock.advance(1)
        return int(rng.integers(10**6))

    for more in ({"steps": 45}, budget):
        search = pyhopper.Search(
            {"w": pyhopper.float(-1, 1, shape=80), "slow": pyhopper.custom(draw)},
            seed=3,
            clock=clock,
        )
        began = clock.monotonic()
        search.run(
            lambda p: float(p["w"] @ p["w"]),
            "min",
            seeding_ratio=1,
            quiet=True,
            checkpoint_path=tmp_path / "run.ckpt",
            **more,
        )
    took = clock.monotonic() - began
    if "runtime" in budget:
        assert len(search.history) > 70
        assert took <= 80 - 44
    else:
        assert took >= 45


def test_other_arguments_learn_anew(tmp_path):
    """Where the file has other candidates than would be drawn now, the search goes on."""

    def run(steps, ratio):
        search = pyhopper.Search(w=pyhopper.float(-1, 1, shape=80), seed=3)
        search.run(
            lambda p: float(p["w"] @ p["w"]),
            "min",
            steps=steps,
            seeding_ratio=ratio,
            quiet=True,
            checkpoint_path=tmp_path / "run.ckpt",
        )
        return search

    first = run(100, 0.25)
    second = run(200, 0.5)
    assert second.history.fs[:100] == first.history.fs
    assert len(second.history) == 200

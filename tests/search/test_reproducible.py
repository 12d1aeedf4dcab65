"""The same seed gives the same candidates: again, in another process, under another hash seed."""

import os
import subprocess
import sys

import pytest

import pyhopper

PROGRAM = """
import numpy as np, pyhopper
search = pyhopper.Search(
    {
        "lr": pyhopper.float(1e-5, 1e-1, "0.1g"),
        "w": pyhopper.float(-1, 1, shape=(3, 2)),
        "opt": pyhopper.choice("a", {"b": pyhopper.int(9), "c": pyhopper.bool()}, weights=[1, 2]),
        "layers": pyhopper.list(pyhopper.int(16, 512, power_of=2), 1, 4),
        "order": pyhopper.custom(lambda rng: rng.permutation(5).tolist()),
    },
    seed=SEED,
)
search += {"lr": 0.01}
search.run(lambda p: p["lr"] * len(p["layers"]) + p["w"].sum(), "max", steps=36, quiet=True)
print([str(search.history[i]) for i in range(36)])
"""


def candidates(seed, hash_seed="0"):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    program = PROGRAM.replace("SEED", str(seed))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_other_process_other_hash_seed():
    """Nothing depends on the process; the control is another seed."""
    assert candidates(7, "1") == candidates(7, "2")
    assert candidates(7) != candidates(8)


def test_numpys_global_state_is_left_alone():
    """The search neither reads nor moves it."""
    import numpy as np

    np.random.seed(1)  # noqa: NPY002 - the old global state is what this is about
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    pyhopper.Search(x=pyhopper.float(0, 1), w=pyhopper.float(shape=3)).run(
        lambda p: p["x"], "max", steps=20, quiet=True
    )
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("slots", [1, 3])
def test_slots_do_not_change_what_a_candidate_draws(slots, clock):
    """The first phase does not depend on how many run at the same time."""
    from pyhopper.testing import ScriptedExecutor

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=5, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (10 + job.id % 3, job.params["x"]), slots)
    search.run(lambda p: 0, "max", steps=20, seeding_ratio=1, executor=executor, quiet=True)
    drawn = [job.params["x"] for _, job in executor.started]
    again = pyhopper.Search(x=pyhopper.float(0, 1), seed=5)
    again.run(lambda p: p["x"], "max", steps=20, seeding_ratio=1, quiet=True)
    assert drawn == again.history["x"]

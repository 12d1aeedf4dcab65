"""Locks: one process at a time writes a checkpoint."""

import json
import os
from pathlib import Path

import pytest

import pyhopper


def make(**more):
    return pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 99), **more)


def value_of(params):
    return params["n"] - params["x"] ** 2


def test_a_second_run_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    refusals = []

    def objective(params):
        with pytest.raises(pyhopper.CheckpointError) as caught:
            make().run(value_of, steps=3, quiet=True, checkpoint_path=path)
        refusals.append(str(caught.value))
        with pytest.raises(pyhopper.CheckpointError):
            make().ask(checkpoint_path=path)
        return 1

    make().run(objective, steps=1, quiet=True, checkpoint_path=path)
    assert f"process {os.getpid()} on {os.uname().nodename}" in refusals[0]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.ckpt"]


@pytest.mark.parametrize(
    ("host", "pid", "age", "taken"),
    [
        (None, 2**22 + 1, 0, True),
        (None, None, 0, True),
        (None, 1, 0, False),
        ("elsewhere", 1, 0, False),
        ("elsewhere", 1, 100, True),
    ],
    ids=["dead here", "our number", "alive here", "fresh elsewhere", "old elsewhere"],
)
def test_locks_that_were_left(tmp_path, host, pid, age, taken):
    path = tmp_path / "run.ckpt"
    lock = Path(f"{path}.lock")
    content = {
        "host": host or os.uname().nodename,
        "pid": pid or os.getpid(),
        "birth": "",
        "for": "run",
    }
    lock.write_text(json.dumps(content))
    then = lock.stat().st_mtime - age
    os.utime(lock, (then, then))
    if taken:
        make().run(value_of, steps=1, quiet=True, checkpoint_path=path)
        assert not lock.exists()
    else:
        with pytest.raises(pyhopper.CheckpointError, match=f"process 1 on {content['host']}"):
            make().run(value_of, steps=1, quiet=True, checkpoint_path=path)
        assert json.loads(lock.read_text()) == content

"""What must hold of a callback that prunes, whatever the framework."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pyhopper

GOOD, BAD = (0.5, 0.45, 0.4), (1e-4, 2e-4)
"""Learning rates; the poor ones come last, when the good ones have ended."""


def search(objective, path, steps, n_jobs=2):
    """A search in processes whose poor candidates are to be pruned."""
    made = pyhopper.Search(lr=pyhopper.float(1e-4, 1, log=True), seed=1)
    if not path.exists():
        for rate in (*GOOD, *BAD):
            made += {"lr": rate}
    made.run(
        objective, "min", steps=steps, n_jobs=n_jobs, checkpoint_path=path, quiet=True,
        isolation="slot" if n_jobs == 1 else "auto",
        pruner=pyhopper.pruners.QuantilePruner(0.5, warmup=2),
    )  # fmt: skip
    return made


def check_pruning(objective, folder, length):
    """Poor candidates are pruned, in two processes, and a second run goes on from the file.

    Parameters
    ----------
    objective : callable
        Trains with ``lr`` and reports a loss ``length`` times or more.
    folder : Path
        For the checkpoint.
    """
    path = folder / "run.ckpt"
    # One after the other: beside two better ones, the first would be a poor one.
    search(objective, path, len(GOOD), n_jobs=1)
    first = search(objective, path, len(GOOD) + len(BAD))
    records = sorted(first.history.evaluations, key=lambda record: record.id)
    reasons = [(record.status.value, record.reason) for record in records]
    assert [status for status, _ in reasons[:2]] == ["done"] * 2, reasons
    assert [status for status, _ in reasons[3:]] == ["pruned"] * 2, reasons
    for record in records:
        assert record.slot
        full = len(record.estimates) >= length
        assert full == (record.status.value == "done")
    again = search(objective, path, len(records) + 1)
    more = sorted(again.history.evaluations, key=lambda record: record.id)
    assert len(more) == len(records) + 1
    assert [each.estimates for each in more[: len(records)]] == [e.estimates for e in records]


def fails(objective, **params):
    """The reason why an evaluation in this process fails, with details."""
    made = pyhopper.Search({"x": pyhopper.float(0, 1), **params})
    try:
        made.run(objective, "min", steps=1, quiet=True)
    except pyhopper.SearchFailedError as error:
        return str(error)
    return ""


def pruned(objective, **params):
    """Whether an evaluation in this process is pruned, by a pruner that always says so."""

    class Always(pyhopper.pruners.Pruner):
        def should_prune(self, partial_results):
            return True

    made = pyhopper.Search({"x": pyhopper.float(0, 1), **params})
    made.run(objective, "min", steps=1, quiet=True, pruner=Always())
    (record,) = made.history.evaluations
    return record.status.value == "pruned" and len(record.estimates) == 1


TOGETHER = """
import os, sys
from pathlib import Path
import pytest, torch
import pyhopper, trainings
import {module} as mine

def train(params):
    mine.train_together(Path(sys.argv[1]))

if os.environ["RANK"] == "0":
    assert trainings.pruned(train)
else:
    with pytest.raises(pyhopper.PruneEvaluation):
        train({{}})
"""


def check_processes(module, folder):
    """Two processes to one training, of which the first one searches: both give it up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tests = Path(__file__).parent
    common = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
        "PYTHONPATH": os.pathsep.join(map(str, (tests.parents[1], tests.parent, tests))),
    }  # fmt: skip
    command = [sys.executable, "-c", TOGETHER.format(module=module), str(folder)]
    ranks = [
        subprocess.Popen(
            command, env={**os.environ, **common, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder,
        )
        for rank in "01"
    ]  # fmt: skip
    try:
        for each in ranks:
            _, errors = each.communicate(timeout=300)
            assert each.returncode == 0, errors
    finally:
        for each in ranks:
            each.kill()

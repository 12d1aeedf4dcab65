"""A pruner of a user's own: one class, used by name nowhere else."""

import pyhopper
from pyhopper.pruners import Pruner


class BelowFirst(Pruner):
    """Gives up an evaluation whose estimate is below the mean of the first estimates so far."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def append(self, partial_results, was_pruned):
        self.total += partial_results[0]
        self.count += 1

    def should_prune(self, partial_results):
        return self.count >= 3 and partial_results[-1] < self.total / self.count

    def state_dict(self):
        return {"total": self.total, "count": self.count}

    def load_state_dict(self, state):
        self.total, self.count = state["total"], state["count"]


def curve(params):
    for epoch in range(4):
        yield params["x"] + epoch / 10


def test_a_pruner_of_ones_own(tmp_path):
    """It prunes, and what it has learned survives a resume."""
    path = tmp_path / "run.ckpt"
    first = BelowFirst()
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(curve, "max", steps=20, pruner=first, quiet=True, checkpoint_path=path)
    ends = [each.status for each in search.history.evaluations]
    assert "pruned" in ends
    assert "done" in ends
    assert all(each.estimates for each in search.history.evaluations)
    again = BelowFirst()
    resumed = pyhopper.Search(x=pyhopper.float(0, 1))
    resumed.run(curve, "max", steps=20, pruner=again, quiet=True, checkpoint_path=path)
    assert (again.total, again.count) == (first.total, first.count) == (first.total, 20)

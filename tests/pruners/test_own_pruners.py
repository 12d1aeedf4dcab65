"""Pruners of a user's own: classes that are used by name nowhere else."""

import pytest
from helpers import count, search_of_x

import pyhopper
from pyhopper.events import Status
from pyhopper.executors import InlineExecutor
from pyhopper.pruners import Pruner


def generator(params):
    for epoch in range(1, 5):
        yield params["x"] * epoch


def test_a_pruner_needs_one_method_only():
    """The base class has the other methods: nothing to learn, and no state."""

    class Never(Pruner):
        def should_prune(self, partial_results):
            return False

    pruner = Never()
    assert pruner.append([1.0], False) is None
    assert pruner.load_state_dict(pruner.state_dict()) is None
    search = search_of_x()
    search.run(generator, "min", steps=3, pruner=pruner, quiet=True)
    assert len(search.history) == 3
    assert pruner.direction == "min"


def epochs(params):
    for epoch in range(1, 11):
        yield params["x"] * epoch


class Threshold(Pruner):
    """A rule of one's own: three methods, no knowledge of the search."""

    def __init__(self, most):
        self.most = most
        self.appended = []

    def append(self, partial_results, was_pruned):
        self.appended.append((len(partial_results), was_pruned))

    def should_prune(self, partial_results):
        return self.direction == "max" and partial_results[-1] < self.most * len(partial_results)


def test_a_pruner_of_ones_own():
    pruner = Threshold(0.5)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=30, pruner=pruner, quiet=True)
    assert pruner.direction == "max"
    assert max(search.history.get_pruned_marginal("x")) < 0.5 <= min(search.history["x"])
    assert set(pruner.appended) == {(1, True), (10, False)}
    assert len(pruner.appended) == 30


def test_a_pruner_that_is_new_to_a_search_learns_what_is_known():
    """A second run, or one after a resume, then goes on where the first has stopped."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=20, quiet=True)
    fresh = Threshold(-1)
    search.run(epochs, "max", steps=5, pruner=fresh, quiet=True)
    assert len(fresh.appended) == 25
    search.run(epochs, "max", steps=5, pruner=fresh, quiet=True)
    assert len(fresh.appended) == 30, "nothing is learned twice"


class Slots(InlineExecutor):
    """Runs in this process what it has taken two at a time, the newest first."""

    slots = 2

    def wait(self, timeout):
        self._queue.reverse()
        return super().wait(timeout)


def test_jobs_at_the_same_time_are_kept_apart():
    pruner = Threshold(-1)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(epochs, "max", steps=9, pruner=pruner, executor=Slots(), quiet=True)
    assert pruner.appended == [(10, False)] * 9


def test_a_failed_or_nan_evaluation_teaches_nothing():
    def objective(params):
        yield 1.0
        if params["x"] < 0.5:
            raise ValueError("no")
        yield float("nan") if params["x"] < 0.75 else 1.0

    pruner = Threshold(-1)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(objective, "max", steps=30, pruner=pruner, ignore_nans=True, quiet=True)
    assert count(search, Status.FAILED) > 0
    assert count(search, Status.NAN) > 0
    assert len(pruner.appended) == count(search, Status.DONE)


class Broken(Pruner):
    def should_prune(self, partial_results):
        raise ZeroDivisionError("oh dear")


def test_a_pruner_that_raises_is_reported_once_and_left_out():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    with pytest.warns(RuntimeWarning, match="Broken raised in should_prune") as caught:
        search.run(epochs, "max", steps=6, pruner=Broken(), quiet=False)
    assert len(caught) == 1
    assert "oh dear" in str(caught[0].message)
    assert count(search, Status.DONE) == 6


class BelowFirst(Pruner):
    """Prunes an evaluation whose estimate is below the mean of the first estimates so far."""

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


def test_what_an_own_pruner_has_learned_survives_a_resume(tmp_path):
    """It prunes, and what it has learned survives a resume."""
    path = tmp_path / "run.ckpt"
    first = BelowFirst()
    # No model sees this parameter, so that poor candidates are tried as well.
    search = pyhopper.Search(x=pyhopper.float(0, 1, seeding_fn=lambda rng: rng.random()), seed=1)
    search.run(
        curve, "max", steps=20, pruner=first, quiet=True, checkpoint_path=path, seeding_ratio=1
    )
    ends = [each.status for each in search.history.evaluations]
    assert "pruned" in ends
    assert "done" in ends
    assert all(each.estimates for each in search.history.evaluations)
    again = BelowFirst()
    resumed = pyhopper.Search(x=pyhopper.float(0, 1))
    resumed.run(curve, "max", steps=20, pruner=again, quiet=True, checkpoint_path=path)
    assert (again.total, again.count) == (first.total, first.count) == (first.total, 20)


class Patience(pyhopper.pruners.Pruner):
    """Counts how often it was asked, which cannot be learned from evaluations."""

    def __init__(self):
        self.asked = self.learned = 0

    def append(self, partial_results, was_pruned):
        self.learned += 1

    def should_prune(self, partial_results):
        self.asked += 1
        return False

    def state_dict(self):
        return {"asked": self.asked, "learned": self.learned}

    def load_state_dict(self, state):
        self.asked, self.learned = state["asked"], state["learned"]


@pytest.mark.parametrize("keep_history", [True, False])
def test_state_of_pruners(tmp_path, keep_history):
    """A pruner has its whole state again, even if no evaluations are kept to learn from."""

    def objective(params):
        yield params["x"]
        yield params["x"]

    for steps in (20, 50):
        pruner = Patience()
        pyhopper.Search(x=pyhopper.float(0, 1), seed=1).run(
            objective,
            steps=steps,
            quiet=True,
            checkpoint_path=tmp_path / "run.ckpt",
            pruner=pruner,
            keep_history=keep_history,
        )
        assert pruner.learned == steps
        assert pruner.asked >= steps

"""The callback History, which records what a search records."""

import random

import numpy as np

import pyhopper
from pyhopper.callbacks import History


def test_history_records_what_the_search_records():
    history = History()
    noise = random.Random(0)

    def objective(params):
        if params["x"] < 0.2:
            raise pyhopper.PruneEvaluation
        return params["x"] + noise.random()

    search = pyhopper.Search({"x": pyhopper.float(0, 1), "a": {"b": pyhopper.int(0, 9)}}, seed=2)
    for _ in range(2):
        search.run(objective, "max", steps=25, callbacks=[history], quiet=True)
    known = search.history
    assert len(history) == len(known)
    assert history[3] == known[3]
    assert history["a.b"] == known["a.b"] == history.get_marginal("a.b")
    assert history.get_pruned_marginal("x") == known.get_pruned_marginal("x")
    for name in ("fs", "best_fs", "steps"):
        assert np.array_equal(getattr(history, name), getattr(known, name))
    assert history.best_f == known.best_f == max(history.fs)
    assert np.all(np.diff(history.seconds) >= 0)
    assert np.allclose(history.seconds, np.multiply(history.minutes, 60))
    assert np.allclose(history.seconds, np.multiply(history.hours, 3600))
    history.clear()
    assert len(history) == 0
    assert history.best_f is None


def test_history_of_a_minimizing_search_without_its_own():
    history = History()
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=2)
    search.run(
        lambda p: p["x"], "min", steps=25, callbacks=[history], keep_history=False, quiet=True
    )
    assert len(search.history) == 0
    assert len(history) == 25
    assert history.best_fs[-1] == min(history.fs) == search.best_f

"""The history of a search: over several runs, and with and without being kept."""

import gc
import math
import tracemalloc

import numpy as np
import pytest

import pyhopper
from pyhopper.events import Outcome, Status
from pyhopper.testing import FakeClock, ScriptedExecutor

TEMPLATE = {
    "lr": pyhopper.float(0, 1),
    "opt": {"name": pyhopper.choice("adam", "sgd"), "decay": [pyhopper.float(0, 1), 5]},
    "model": pyhopper.choice(
        {"kind": "tree", "depth": pyhopper.int(1, 9)},
        {"kind": "net", "layers": pyhopper.list(pyhopper.int(8, 64), 1, 3)},
        "linear",
    ),
    "w": pyhopper.float(-1, 1, shape=(2,)),
    "value": pyhopper.int(0, 5),
    "epochs": 20,
}


def scripted(steps=40, runs=1, template=TEMPLATE, **arguments):
    """A search in fake time whose evaluations end in all ways."""
    clock = FakeClock(now=1000.0)
    search = pyhopper.Search(template, seed=3, clock=clock)

    def script(job):
        kinds = {3: Status.FAILED, 5: Status.PRUNED, 7: Status.NAN}
        status = kinds.get(job.id % 10, Status.DONE)
        value = job.params["lr"] if status is Status.DONE else math.nan
        metrics = {"acc": 0.5, "detail": {"fold": 1}} if status is Status.DONE else None
        estimates = (0.25, 0.5) if status is Status.PRUNED else ()
        reason = "boom" if status is Status.FAILED else ""
        return 60.0, Outcome(status, value, metrics, estimates, reason)

    for _ in range(runs):
        executor = ScriptedExecutor(clock, script)
        search.run(
            lambda p: 0.0, "max", steps=steps, executor=executor, ignore_nans=True, quiet=True,
            **arguments,
        )  # fmt: skip
    return search


def test_the_whole_interface_over_two_runs():
    search = scripted(runs=2)
    history = search.history
    assert len(history) == 56
    assert history[0]["lr"] == history["lr"][0] == history.get_marginal("lr")[0]
    assert history[-1]["lr"] == history["lr"][-1]
    for name in ("lr", "model"):
        assert history[name] == [history[at][name] for at in range(56)]
    assert len(history.get_pruned_marginal("lr")) == 8
    assert list(history.fs) == history["lr"]
    assert list(history.best_fs) == list(np.maximum.accumulate(history.fs))
    assert history.best_f == max(history.fs) == search.best_f
    assert list(history.steps) == list(range(56))
    assert history.direction == "max"
    assert list(history.seconds[:3]) == [60.0, 120.0, 180.0]
    assert history.seconds[-1] == 80 * 60, "the second run goes on after the first"
    assert history.minutes[-1] == 80
    assert history.hours[-1] == pytest.approx(80 / 60)


def test_names_of_nested_parameters():
    history = scripted().history
    assert set(history["opt.name"]) == {"adam", "sgd"}
    assert set(history["opt.decay.1"]) == {5}
    kinds = history["model.kind"]
    assert set(kinds) == {"tree", "net", None}
    assert [d is None for d in history["model.depth"]] == [k != "tree" for k in kinds]
    with pytest.raises(KeyError):
        history["width"]


def test_history_of_nested_parameters_and_of_pruned_ones():
    """Dotted names lead to values and constants, of evaluations that were pruned as well."""
    search = pyhopper.Search(
        {
            "opt": {"lr": pyhopper.float(0, 1), "name": "adam", "steps": [pyhopper.int(9), 5]},
            "epochs": 20,
        },
        seed=0,
    )

    def objective(params):
        if params["opt"]["lr"] < 0.3:
            raise pyhopper.PruneEvaluation
        return params["opt"]["lr"]

    search.run(objective, steps=30, seeding_ratio=1.0, quiet=True)
    history = search.history
    assert history["opt.lr"] == history.fs
    pruned = history.get_pruned_marginal("opt.lr")
    assert len(pruned) == 30 - len(history) > 0
    assert max(pruned) < 0.3 <= min(history["opt.lr"])
    assert set(history["opt.name"]) == {"adam"}
    assert set(history["opt.steps.1"]) == {5}
    assert set(history.get_pruned_marginal("epochs")) == {20}
    assert history["opt.steps.0"] == [history[at]["opt"]["steps"][0] for at in range(len(history))]


@pytest.mark.parametrize("name", ["typo", "opt.typo", "opt.lr.typo.more", "epochs.typo", ""])
def test_unknown_names_are_key_errors(name):
    """Before the first evaluation and after it."""
    search = pyhopper.Search({"opt": {"x": pyhopper.float(0, 1)}, "epochs": 20})
    for _ in range(2):
        for read in (search.history.get_marginal, search.history.get_pruned_marginal):
            with pytest.raises(KeyError):
                read(name)
        with pytest.raises(KeyError):
            search.history[name]
        search.run(lambda p: 1.0, steps=2, quiet=True)


def test_names_below_a_parameter():
    """A dotted name that no candidate can have is an error, one that some have is not."""
    search = pyhopper.Search(
        model=pyhopper.choice("lin", {"depth": pyhopper.int(9), "kind": "tree"}),
        lr=pyhopper.float(1),
        layers=pyhopper.list(pyhopper.int(9), 1, 2),
        nothing=None,
        seed=0,
    )
    search.run(lambda params: params["lr"], steps=8, quiet=True)
    for name in ("model.typo", "lr.typo", "layers.typo", "nothing.typo"):
        with pytest.raises(KeyError, match="typo"):
            search.history[name]
        with pytest.raises(KeyError, match="typo"):
            search.history.get_pruned_marginal(name)
    assert set(search.history["model.kind"]) == {None, "tree"}
    assert list(search.history["nothing"]) == [None] * 8
    assert search.history["layers.0"][0] == search.history[0]["layers"][0]


def test_a_view_stays_right_while_the_search_goes_on():
    search = scripted()
    assert len(search.history) == 28
    search.add({**search.best}, 0.5)
    assert len(search.history) == 29
    search.history.clear()
    assert len(search.history) == 0
    assert list(search.history.fs) == list(search.history.best_fs) == []
    assert search.best_f is not None
    assert search.best is not None
    search.add({**search.best}, 0.75)
    assert list(search.history.fs) == [0.75]


def test_before_the_first_value():
    """There is no best, and no guess of one."""
    search = pyhopper.Search(TEMPLATE)
    assert search.best is None
    assert search.best_f is None
    history = search.history
    assert len(history) == 0
    assert history["lr"] == []
    assert history.best_f is None
    assert history.direction is None
    assert len(history.best_fs) == len(history.seconds) == len(history.steps) == 0


def test_a_history_that_is_not_kept_does_not_grow(monkeypatch):
    monkeypatch.setattr("pyhopper.history.state._REMEMBERED", 200)
    clock = FakeClock()
    template = {f"p{i}": pyhopper.float(0, 1) for i in range(20)}
    search = pyhopper.Search(template, seed=0, clock=clock)

    def run(steps):
        executor = ScriptedExecutor(clock, lambda job: (1.0, 1.0))
        search.run(lambda p: 0.0, steps=steps, executor=executor, keep_history=False, quiet=True)

    run(300)
    tracemalloc.start()
    try:
        run(300)  # what the tracing does not know is replaced
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        run(1000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000, "1000 evaluations of 20 numbers are more than a megabyte"
    assert len(search.history) == 0
    assert len(search._log.state.seen) == 200
    assert search.best is not None
    assert search._log.state.ended == 1600


def test_duplicates_are_known_without_a_history():
    calls = []
    search = pyhopper.Search(x=pyhopper.int(0, 9), seed=0)
    search.run(lambda p: calls.append(p["x"]) or 0.0, steps=50, keep_history=False, quiet=True)
    assert sorted(calls) == list(range(10))

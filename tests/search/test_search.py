"""The search as its users see it."""

import contextlib
import math
import os
import sys
import time

import numpy as np
import pytest
from helpers import LOCAL, Calls, count

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.events import CandidateType, Outcome, Status
from pyhopper.testing import ScriptedExecutor


def bowl(params):
    return -((params["x"] - 0.3) ** 2)


def make(seed=0, **more):
    return pyhopper.Search(x=pyhopper.float(0, 1), seed=seed, **more)


def test_finds_the_optimum():
    """The main job: close to the best value, in the right direction."""
    search = make()
    best = search.run(bowl, "max", steps=200, quiet=True)
    assert best == search.best
    assert best["x"] == pytest.approx(0.3, abs=0.01)
    assert search.best_f == bowl(best)
    other = make()
    other.run(lambda p: -bowl(p), "min", steps=200, quiet=True)
    assert other.best_f == pytest.approx(0, abs=1e-4)


def test_before_the_first_value():
    """There is no best, and no guess of one."""
    search = make()
    assert search.best is None
    assert search.best_f is None
    assert len(search.history) == 0
    assert search.history.best_f is None
    assert search.history.best_fs == []


def test_looking_into_the_template():
    search = pyhopper.Search({"a": pyhopper.int(3)}, b=4)
    assert "a" in search
    assert "c" not in search
    assert search["b"] == 4


def test_first_candidate_is_init():
    """Candidate 0 has every init value, or the middle."""
    seen = []
    search = pyhopper.Search(
        {"a": pyhopper.int(0, 100, init=7), "b": pyhopper.float(0, 1), "c": pyhopper.bool(True)}
    )
    search.run(lambda p: seen.append(p) or 1.0, "max", steps=2, quiet=True)
    assert seen[0] == {"a": 7, "b": 0.5, "c": True}


def test_steps_count_evaluations_of_any_end():
    """Failed, pruned and NaN evaluations are steps; duplicates are not, and are never run."""
    calls = []

    def objective(params):
        calls.append(params["x"])
        n = len(calls)
        if n % 4 == 1:
            raise ValueError("unlucky")
        if n % 4 == 2:
            raise pyhopper.PruneEvaluation
        return math.nan if n % 4 == 3 else 1.0

    hooks = Calls()
    search = pyhopper.Search(x=pyhopper.int(0, 60), seed=1)
    search.run(objective, "max", steps=40, quiet=True, ignore_nans=True, callbacks=hooks)
    assert len(calls) == len(set(calls)) == 40
    assert [count(search, status) for status in Status] == [10, 10, 10, 10, 0]
    assert hooks.of("on_duplicate_sampled")


def test_exhausted_space():
    """A finite space is tried completely, each candidate once, and the search says so."""
    calls = []
    search = pyhopper.Search(x=pyhopper.int(1, 4), y=pyhopper.choice("a", pyhopper.bool()), seed=0)
    search.run(lambda p: calls.append(str(p)) or 1.0, "max", steps=1000, quiet=True)
    assert len(calls) == len(set(calls)) == 12


def test_exhausted_space_with_rare_candidates(capsys):
    """Also the last, unlikely candidates are found before the search gives up."""
    rare = pyhopper.choice(list("abcd"), weights=[1, 1, 1, 0.01])
    search = pyhopper.Search(x=rare, seed=0)
    search.run(lambda p: 1.0, "max", steps=1000)
    assert len(search.history) == 4
    assert "every candidate of the space has been evaluated" in capsys.readouterr().out


def test_duplicates_can_be_allowed():
    """Without the rejection cache a candidate may be evaluated again."""
    search = pyhopper.Search(x=pyhopper.bool())
    search.run(lambda p: 1.0, "max", steps=20, enable_rejection_cache=False, quiet=True)
    assert len(search.history) == 20


def test_duplicates_do_not_raise_the_temperature():
    """Rejected duplicates leave phase and temperature as they are."""
    hooks = Calls()
    search = pyhopper.Search(x=pyhopper.int(0, 600), seed=3)
    search.run(lambda p: -p["x"], "max", steps=100, quiet=True, callbacks=hooks)
    assert hooks.types()[25:] == [LOCAL] * 75
    assert len(hooks.of("on_duplicate_sampled")) > 5


def test_forget_cached():
    """Forgotten candidates may be evaluated again."""
    search = pyhopper.Search(x=pyhopper.bool())
    search.run(lambda p: 1.0, "max", steps=5, quiet=True)
    search.run(lambda p: 1.0, "max", steps=5, quiet=True)
    assert len(search.history) == 2
    search.forget_cached({"x": True})
    search.run(lambda p: 1.0, "max", steps=5, quiet=True)
    assert search.history["x"].count(True) == 2
    search.clear_cache()
    search.run(lambda p: 1.0, "max", steps=5, quiet=True)
    assert len(search.history) == 5


def test_guesses_run_first():
    """Queued guesses are completed from the best so far; then comes an init that was given."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1, init=0.25), seed=0)
    search += {"x": 0.125}
    search.enqueue({"y": 0.75, "x": 0.0})
    assert search.manual_queue_count == 2
    search.run(lambda p: p["x"] + p["y"], "max", steps=3, quiet=True)
    assert search.history["x"] == [0.125, 0.0, 0.5]
    assert search.history["y"] == [0.25, 0.75, 0.25]
    assert search.manual_queue_count == 0
    search += {"x": 1.0}
    search.run(lambda p: p["x"] + p["y"], "max", steps=1, quiet=True)
    assert search.best == {"x": 1.0, "y": 0.75}


def test_guesses_off_the_grid():
    """The nearest legal values are tried, constants stay, and a warning names each change."""
    search = pyhopper.Search(
        lr=pyhopper.float(1e-3, 1, "0.1g"),
        n=pyhopper.int(1, 8, power_of=2),
        w=pyhopper.float(0, 1, shape=2),
        opt=pyhopper.choice(
            {"name": "adam", "eps": pyhopper.float(0, 1)},
            {"name": "sgd", "rate": pyhopper.float(0, 1)},
        ),
        epochs=20,
    )
    guess = {"lr": 0.0333, "n": 100, "w": [0.5, 7], "opt": {"name": "sgd", "rate": -1}}
    with pytest.warns(UserWarning, match="instead") as warned:
        search += {**guess, "epochs": 50}
    texts = [str(each.message) for each in warned]
    assert [text.split(":")[0] for text in texts] == ["lr", "n", "w", "opt.rate", "epochs"]
    assert texts[0] == "lr: 0.03 is tried instead of 0.0333, which is not in " + repr(search["lr"])
    assert texts[4] == "epochs: stays 20, a constant, instead of 50"
    assert all(each.filename == __file__ for each in warned)
    search.run(lambda p: 1.0, steps=1, quiet=True)
    found = search.history[0]
    assert found.pop("w").tolist() == [0.5, 1.0]
    opt = {"name": "sgd", "rate": 0.0}
    assert found == {"lr": 0.03, "n": 8, "opt": opt, "epochs": 20}


def test_sweep_and_grid():
    """Values and products of values are queued, nested ones by dotted name."""
    search = pyhopper.Search(a=pyhopper.int(9), b={"c": pyhopper.choice("x", "y"), "d": 1})
    search.sweep("a", [1, 2])
    search.grid({"b.c": ["x", "y"]}, a=[3, 4])
    search.run(lambda p: 1.0, "max", steps=6, quiet=True)
    rows = list(zip(search.history["a"], search.history["b.c"], strict=True))
    assert rows == [(1, "x"), (2, "x"), (3, "x"), (4, "x"), (3, "y"), (4, "y")]


def test_add():
    """Known results count as history, are not run and use no budget."""
    calls = []
    search = make()
    search.add({"x": 0.30001}, -1e-10, metrics={"loss": 3})
    search.add({"x": 0.5}, math.nan)
    assert search.best is None
    search.run(lambda p: calls.append(p["x"]) or bowl(p), "max", steps=5, quiet=True)
    assert len(calls) == 5
    assert 0.5 not in calls
    assert search.best == {"x": 0.30001}
    assert len(search.history) == 6


def test_constrain():
    """Candidates that break a constraint are never evaluated."""
    seen = []
    search = pyhopper.Search(a=pyhopper.int(9), b=pyhopper.int(9), seed=0)
    search.constrain(lambda p: p["a"] < p["b"])
    search.run(lambda p: seen.append(p) or p["a"], "max", steps=30, quiet=True)
    assert len(seen) == 30
    assert all(p["a"] < p["b"] for p in seen)


def test_replacing_a_key():
    """``search["x"] = ...`` changes the template before a run."""
    search = make()
    search["x"] = pyhopper.int(5, 6)
    search["y"] = 3
    assert search.run(lambda p: p["x"] * p["y"], "max", steps=5, quiet=True) == {"x": 6, "y": 3}


def test_failures_are_survived():
    """An exception costs one candidate, not the night."""

    def objective(params):
        if params["x"] > 0.6:
            raise MemoryError("too large")
        return params["x"]

    search = make()
    search.run(objective, "max", steps=60, quiet=True)
    assert count(search, Status.FAILED) > 3
    failed = [e for e in search.history.evaluations if e.status is Status.FAILED]
    assert failed[0].reason == "MemoryError: too large"
    assert search.best_f == pytest.approx(0.6, abs=0.05)


def test_nothing_ever_succeeds():
    """A bug stops the search soon, with the first traceback."""
    calls = []

    def objective(params):
        calls.append(params)
        return params["typo"]

    with pytest.raises(pyhopper.SearchFailedError) as caught:
        make().run(objective, "max", steps=1000, quiet=True)
    assert len(calls) == 5
    assert "KeyError: 'typo'" in str(caught.value)
    assert 'return params["typo"]' in str(caught.value)
    assert caught.value.params == {"x": 0.5}


def test_all_fail_in_few_steps():
    """With fewer steps than that, the error comes at the end."""
    with pytest.raises(pyhopper.SearchFailedError, match="2 evaluations failed"):
        make().run(lambda p: 1 / 0, "max", steps=2, quiet=True)


def test_on_error_raise():
    """The first failure ends the search, and what was computed stays."""

    def objective(params):
        if params["x"] != 0.5:
            raise ValueError("no")
        return 1.0

    search = make()
    with pytest.raises(pyhopper.EvaluationError, match="ValueError: no"):
        search.run(objective, "max", steps=10, on_error="raise", quiet=True)
    assert search.best == {"x": 0.5}


def test_late_misuse_is_a_failure():
    """Returning nothing after hours of success loses one candidate only."""
    search = make()
    search.run(lambda p: None if p["x"] > 0.7 else p["x"], "max", steps=40, quiet=True)
    assert count(search, Status.FAILED) > 0
    assert search.best_f <= 0.7


@pytest.mark.parametrize("ignore", [True, False])
def test_nan(ignore):
    """NaN is never best; unless expected, it is a failure that says what to do."""
    search = make()
    search.run(
        lambda p: math.nan if p["x"] > 0.5 else p["x"],
        "max",
        steps=40,
        ignore_nans=ignore,
        quiet=True,
    )
    assert search.best_f <= 0.5
    assert (count(search, Status.NAN) > 0) is ignore
    assert (count(search, Status.FAILED) > 0) is not ignore


def test_infinite_values_are_never_best():
    """An exploded training does not win."""
    search = make()
    search.run(lambda p: math.inf if p["x"] > 0.7 else p["x"], "max", steps=40, quiet=True)
    assert search.best_f <= 0.7


def test_infinity_says_as_bad_as_can_be():
    """However many come first; it is neither a fault of the objective nor a value."""
    search = make()
    values = iter([-math.inf] * 8 + [3.0] * 2)
    search.run(lambda p: next(values), "max", steps=10, on_error="raise", quiet=True)
    assert search.history.fs == [3.0, 3.0]
    assert count(search, Status.NAN) == 8
    assert search.history.evaluations[0].reason == "the objective returned -inf"


def test_all_nan_gives_none(capsys):
    """No value is no error when NaN was expected."""
    assert make().run(lambda p: math.nan, "max", steps=3, ignore_nans=True) is None
    assert "No evaluation has returned a value" in capsys.readouterr().out


@pytest.mark.parametrize(
    "value",
    [3, np.float32(3), np.int64(3), np.array(3.0), True, {"value": 3, "loss": np.float32(1)}],
)
def test_kinds_of_values(value):
    """Any kind of number is a value."""
    search = make()
    search.run(lambda p: value, "max", steps=1, quiet=True)
    assert type(search.best_f) is float


def test_metrics_are_kept():
    """Whatever comes beside the value is kept in a plain form."""
    search = make()
    result = {"value": 1, "loss": np.float32(0.5), "note": "fine", "odd": [1, 2], "none": None}
    search.run(lambda p: result, "max", steps=1, quiet=True)
    metrics = search.history.evaluations[0].metrics
    assert metrics == {"loss": 0.5, "note": "fine", "odd": "[1, 2]", "none": None}


def test_generator_objective():
    """The last estimate is the value; the others are kept."""

    def objective(params):
        yield from (0.1, 0.2, {"value": 0.3, "epoch": 3})

    search = make()
    search.run(objective, "max", steps=1, quiet=True)
    assert search.best_f == 0.3
    assert search.history.evaluations[0].estimates == (0.1, 0.2, 0.3)
    assert search.history.evaluations[0].metrics == {"epoch": 3}


def test_empty_generator():
    """A generator that yields nothing is named as such."""
    with pytest.raises(pyhopper.ObjectiveError, match="yielded nothing"):
        make().run(lambda p: iter(()), "max", steps=1, quiet=True)


def test_should_prune_outside_a_search():
    """A training script runs alone as well."""
    assert pyhopper.should_prune(0.5) is False


def test_kwargs():
    """Keyword arguments reach the objective as they are."""
    data = object()
    got = []
    make().run(
        lambda p, data: got.append(data) or 1.0, "max", steps=1, kwargs={"data": data}, quiet=True
    )
    assert got == [data]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (0.9, "target 0.9"),
        ({"value": 0.9}, "target 0.9"),
        ({"patience": 10}, "no better value in 10 evaluations"),
        ({"patience": "1h", "value": 2}, "no better value in 3600 seconds"),
    ],
)
def test_stop(stop, reason, clock, capsys):
    """A search ends early once any condition is met, and says which."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (60, min(job.params["x"], 0.95)))
    search.run(bowl, "max", steps=10_000, stop=stop, executor=executor)
    assert len(search.history) < 2000
    assert reason in capsys.readouterr().out


def test_argparse_strings():
    """What comes from the command line goes straight in."""
    search = make()
    search.run(bowl, "max", steps="7", n_jobs="1", quiet=True)
    assert len(search.history) == 7
    search.run(bowl, "max", runtime="0.05", quiet=True)
    assert len(search.history) > 7


def test_runtime_is_kept():
    """A run with a short budget comes back, having done something."""
    search = make()
    start = time.monotonic()
    search.run(bowl, "max", runtime=0.2, quiet=True)
    assert len(search.history) > 10
    assert time.monotonic() - start < 20


def test_consecutive_runs():
    """Runs add to each other: history, numbers, best and time."""
    search = make()
    search.run(bowl, "max", steps=10, quiet=True)
    first = search.best_f
    search.run(bowl, "max", steps=15, quiet=True)
    assert len(search.history) == 25
    assert search.best_f >= first
    assert [e.id for e in search.history.evaluations] == list(range(25))
    assert np.all(np.diff(search.history.seconds) >= 0)


def test_history():
    """What was tried, in order, by name or as a whole."""
    search = pyhopper.Search(
        lr=pyhopper.float(1e-3, 1, log=True),
        opt=pyhopper.choice("sgd", {"name": "adam", "beta": pyhopper.float(0, 1)}),
        seed=0,
    )
    search.run(lambda p: p["lr"], "max", steps=20, quiet=True)
    history = search.history
    assert len(history) == 20
    assert history["lr"] == history.get_marginal("lr") == [history[i]["lr"] for i in range(20)]
    assert history.fs == history["lr"]
    assert history.best_fs == np.maximum.accumulate(history.fs).tolist()
    assert history.best_f == max(history["lr"])
    assert history.steps == list(range(20))
    assert history["opt"] == [history[i]["opt"] for i in range(20)]
    for beta, opt in zip(history["opt.beta"], history["opt"], strict=True):
        assert beta == (None if opt == "sgd" else opt["beta"])
    assert np.allclose(np.multiply(history.hours, 60), history.minutes)
    with pytest.raises(KeyError):
        history["momentum"]
    history.clear()
    assert len(history) == 0
    assert search.best is not None


def test_callbacks_order():
    """Hooks come in the documented order with the documented arguments."""
    log = []

    class Watch(Callback):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda *arguments: log.append((name, *arguments))
            return super().__getattribute__(name)

    outcomes = iter([1.0, 0.5, Outcome(Status.NAN), Outcome(Status.PRUNED), 2.0])
    results = []

    def objective(params):
        result = next(outcomes)
        results.append(result)
        if isinstance(result, Outcome):
            if result.status is Status.PRUNED:
                raise pyhopper.PruneEvaluation
            return math.nan
        return result

    search = make()
    search.run(objective, "max", steps=5, callbacks=[Watch()], ignore_nans=True, quiet=True)
    names = [entry[0] for entry in log]
    start = "on_evaluate_start"
    assert names == [
        "on_search_start",
        *[start, "on_evaluate_end", "on_new_best"],
        *[start, "on_evaluate_end"],
        *[start, "on_evaluate_nan"],
        *[start, "on_evaluate_pruned"],
        *[start, "on_evaluate_end", "on_new_best"],
        "on_search_end",
    ]
    assert log[0][1] is search
    _, candidate, f, info = log[2]
    assert (candidate, f) == ({"x": 0.5}, 1.0)
    assert info.type is CandidateType.INIT
    assert info.finished_at >= info.sampled_at > 1e9
    assert log[9][-1].is_pruned


def test_a_broken_callback_is_left_out():
    """It is reported once, by name, and the search goes on."""

    class Broken(Callback):
        def on_evaluate_end(self, candidate, f, info):
            raise RuntimeError("disk full")

    search = make()
    with pytest.warns(RuntimeWarning, match="Broken raised in on_evaluate_end") as caught:
        search.run(bowl, "max", steps=5, callbacks=Broken())
    assert len(caught) == 1
    assert len(search.history) == 5


def test_keyboard_interrupt(capsys):
    """Ctrl-C stops at once, prints and returns the best so far; the search can go on later."""
    calls = []

    def objective(params):
        calls.append(params)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return params["x"]

    search = make()
    best = search.run(objective, "max", steps=10)
    assert best == search.best
    assert len(search.history) == 3
    assert "interrupted" in capsys.readouterr().out
    search.run(objective, "max", steps=2, quiet=True)
    assert len(search.history) == 5


def test_keep_history_off():
    """Only the best is kept."""
    search = make()
    search.run(bowl, "max", steps=50, keep_history=False, quiet=True)
    assert len(search.history) == 0
    assert search.best["x"] == pytest.approx(0.3, abs=0.2)


def test_objective_may_change_its_params():
    """Candidates are the objective's own; changing them has no effect on the search."""

    def objective(params):
        value = params["w"].sum()
        params["w"][:] = 100
        params.clear()
        return value

    search = pyhopper.Search(w=pyhopper.float(0, 1, shape=4), seed=0)
    search.run(objective, "max", steps=50, quiet=True)
    assert search.best["w"].sum() == pytest.approx(search.best_f)
    assert search.best_f <= 4


def test_guesses_that_break_a_constraint():
    """A full one is refused at once, a partial one passed over, a grid goes round it."""
    search = pyhopper.Search(a=pyhopper.float(0, 1), b=pyhopper.float(0, 1), seed=0)
    search.constrain(lambda p: p["a"] + p["b"] < 1)
    with pytest.raises(pyhopper.CandidateError, match="breaks a constraint"):
        search += {"a": 0.9, "b": 0.9}
    search += {"a": 1.0}
    search.grid(a=[0.1, 0.9], b=[0.2, 0.3])
    search.add({"a": 0.9, "b": 0.9}, 100)
    search.run(lambda p: p["a"] + p["b"], "max", steps=8, quiet=True)
    types = [each.type.value for each in search.history.evaluations[1:]]
    assert types[:3] == ["manual", "manual", "local sampling"]
    assert [search.history[i] for i in (1, 2)] == [{"a": 0.1, "b": 0.2}, {"a": 0.1, "b": 0.3}]
    assert all(search.history[i]["a"] + search.history[i]["b"] < 1 for i in range(1, 9))
    assert search.best_f < 1


def test_a_guess_that_is_the_init_is_no_duplicate_for_ever():
    search = pyhopper.Search(x=pyhopper.float(0, 1, init=0.25), seed=1)
    search += {"x": 0.25}
    hooks = Calls()
    search.run(lambda p: p["x"], steps=20, quiet=True, callbacks=hooks)
    assert not hooks.of("on_duplicate_sampled")


def test_where_no_move_is_allowed_the_space_is_drawn_from():
    """Half of all candidates pass, but none that differs in one parameter."""
    search = pyhopper.Search(a=pyhopper.choice(1, 2), b=pyhopper.choice(1, 2), seed=1)
    search.constrain(lambda p: p["a"] == p["b"])
    search.run(lambda p: p["a"], steps=20, quiet=True)
    assert sorted(search.history["a"]) == [1, 2]


def test_a_constraint_that_returns_nothing():
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.constrain(lambda p: None)
    with pytest.raises(pyhopper.ArgumentError, match="a `return` missing"):
        search.run(lambda p: 1.0, steps=2, quiet=True)


def test_the_objective_must_take_what_it_gets():
    """Known before anything is evaluated."""
    for function, kwargs in ((lambda: 1.0, None), (lambda p: 1.0, {"data": 3})):
        with pytest.raises(pyhopper.ArgumentError, match="cannot be called as objective"):
            pyhopper.Search(x=pyhopper.float(0, 1)).run(function, steps=2, kwargs=kwargs)


def test_a_summary_that_nobody_reads_costs_no_result(monkeypatch):
    """As when the terminal is gone, or the reader of a pipe."""
    end, other = os.pipe()
    os.close(end)
    gone = os.fdopen(other, "w")
    monkeypatch.setattr(sys, "stdout", gone)
    assert pyhopper.Search(x=pyhopper.float(0, 1)).run(lambda p: 1.0, steps=2)
    monkeypatch.undo()
    with contextlib.suppress(BrokenPipeError):
        gone.close()


def test_a_run_of_nothing_blames_nobody(capsys):
    """A second run of an exhausted space, in which one candidate had failed."""
    search = pyhopper.Search(x=pyhopper.choice(1, 2), seed=1)
    for _ in range(2):
        search.run(lambda p: 1 / (p["x"] - 1), steps=5)
    out = " ".join(capsys.readouterr().out.split())
    assert "1 evaluation failed or had no value: 1 x ZeroDivisionError" in out
    assert "Every evaluation" not in out


@pytest.mark.filterwarnings("ignore:.*masked element")
def test_a_masked_value_is_none():
    search = pyhopper.Search(x=pyhopper.float(0, 1, init=0.25), seed=0)
    masked = np.ma.array([1.0], mask=[True]).mean()
    search.run(lambda p: masked if p["x"] < 0.5 else np.array([p["x"]]), "min", steps=9, quiet=True)
    assert search.best_f >= 0.5

"""What an objective may return, and what becomes of it."""

import math

import numpy as np
import pytest
from helpers import Calls, count, search_of_x

import pyhopper
from pyhopper import ObjectiveError
from pyhopper.events import Status


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


@pytest.mark.parametrize(
    "value",
    [3, np.float32(3), np.int64(3), np.array(3.0), True, {"value": 3, "loss": np.float32(1)}],
)
def test_kinds_of_values(value):
    """Any kind of number is a value."""
    search = search_of_x(seed=0)
    search.run(lambda p: value, "max", steps=1, quiet=True)
    assert type(search.best_f) is float


def test_metrics_are_kept():
    """Whatever comes beside the value is kept in a plain form."""
    search = search_of_x(seed=0)
    result = {"value": 1, "loss": np.float32(0.5), "note": "fine", "odd": [1, 2], "none": None}
    search.run(lambda p: result, "max", steps=1, quiet=True)
    metrics = search.history.evaluations[0].metrics
    assert metrics == {"loss": 0.5, "note": "fine", "odd": "[1, 2]", "none": None}


def test_generator_objective():
    """The last estimate is the value; the others are kept."""

    def objective(params):
        yield from (0.1, 0.2, {"value": 0.3, "epoch": 3})

    search = search_of_x(seed=0)
    search.run(objective, "max", steps=1, quiet=True)
    assert search.best_f == 0.3
    assert search.history.evaluations[0].estimates == (0.1, 0.2, 0.3)
    assert search.history.evaluations[0].metrics == {"epoch": 3}


def test_empty_generator():
    """A generator that yields nothing is named as such."""
    with pytest.raises(pyhopper.ObjectiveError, match="yielded nothing"):
        search_of_x(seed=0).run(lambda p: iter(()), "max", steps=1, quiet=True)


@pytest.mark.parametrize("ignore", [True, False])
def test_nan(ignore):
    """NaN is never best; unless expected, it is a failure that says what to do."""
    search = search_of_x(seed=0)
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
    search = search_of_x(seed=0)
    search.run(lambda p: math.inf if p["x"] > 0.7 else p["x"], "max", steps=40, quiet=True)
    assert search.best_f <= 0.7


def test_infinity_says_as_bad_as_can_be():
    """It is neither a fault of the objective nor a value, however many come first."""
    search = search_of_x(seed=0)
    values = iter([-math.inf] * 8 + [3.0] * 2)
    search.run(lambda p: next(values), "max", steps=10, on_error="raise", quiet=True)
    assert search.history.fs == [3.0, 3.0]
    assert count(search, Status.NAN) == 8
    assert search.history.evaluations[0].reason == "the objective returned -inf"


def test_all_nan_gives_none(capsys):
    """No value is no error when NaN was expected."""
    assert search_of_x(seed=0).run(lambda p: math.nan, "max", steps=3, ignore_nans=True) is None
    assert "No evaluation has returned a value" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*masked element")
def test_a_masked_value_is_none():
    search = pyhopper.Search(x=pyhopper.float(0, 1, init=0.25), seed=0)
    masked = np.ma.array([1.0], mask=[True]).mean()
    search.run(lambda p: masked if p["x"] < 0.5 else np.array([p["x"]]), "min", steps=9, quiet=True)
    assert search.best_f >= 0.5


def objective(params):
    return params["x"]


def fresh():
    return pyhopper.Search(
        x=pyhopper.float(0, 1), opt={"lr": pyhopper.float(1e-3, 1, log=True), "c": 5}, seed=0
    )


def run(**arguments):
    settings = {"objective": objective, "direction": "max", "steps": 3, "quiet": True, **arguments}
    return fresh().run(settings.pop("objective"), **settings)


RESULTS = [None, "0.5", [0.5], np.array([0.5, 0.6]), {"loss": 3}, {"value": None}, 1j, object(), {}]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_results(result):
    """An objective that returns no number ends the search at once, and the message says why."""
    calls = []

    def bad(params):
        calls.append(params)
        return result

    with pytest.raises(ObjectiveError) as caught:
        run(objective=bad)
    expected = "return" if result is None else "value" if isinstance(result, dict) else "number"
    assert expected in str(caught.value)
    assert len(calls) == 1

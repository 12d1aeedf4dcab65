"""Objectives that are evaluated several times."""

import itertools
import math
import pickle

import cloudpickle
import numpy as np
import pytest

import pyhopper
from pyhopper.events import Outcome, Status
from pyhopper.noise import Repeated
from pyhopper.objective import Objective, outcome_of


def results(*values):
    """An objective that returns one of the values after the other, for ever."""
    endless = itertools.cycle(values)
    return lambda params: next(endless)


def run(objective, params=None, **kwargs):
    return Objective(objective, kwargs)(params or {}, lambda estimate: False)


def test_running_mean():
    outcome = run(pyhopper.wrap_n_times(results(1.0, 3.0, 5.0), 3))
    assert outcome.estimates == (1.0, 2.0, 3.0)
    assert outcome.value == 3.0


@pytest.mark.parametrize(("yield_after", "expected"), [(0, 4), (1, 3), (3, 1), (4, 1), (100, 1)])
def test_yield_after_skips_the_first_estimates_but_never_the_value(yield_after, expected):
    outcome = run(pyhopper.wrap_n_times(results(1.0, 2.0, 3.0, 6.0), 4, yield_after))
    assert len(outcome.estimates) == expected
    assert outcome.value == 3.0


def test_without_yield_after_it_is_a_plain_function():
    wrapped = pyhopper.wrap_n_times(results(1.0, 2.0), 2, yield_after=None)
    assert wrapped({}) == 1.5
    assert isinstance(wrapped({}), float)
    assert run(wrapped).estimates == ()


@pytest.mark.parametrize(
    ("reduction", "expected"), [("mean", 4.0), ("median", 2.0), (max, 9.0), (np.min, 1.0)]
)
def test_reductions(reduction, expected):
    outcome = run(pyhopper.wrap_n_times(results(2.0, 9.0, 1.0), 3, reduction=reduction))
    assert outcome.value == expected


def test_index_and_keyword_arguments_are_passed_on():
    def fold(params, index, scale):
        return params["x"] + index * scale

    outcome = run(pyhopper.wrap_n_times(fold, 3, pass_index_arg=True), {"x": 1.0}, scale=2.0)
    assert outcome.estimates == (1.0, 2.0, 3.0)


def test_the_scatter_is_kept_as_metrics():
    outcome = run(pyhopper.wrap_n_times(results(1.0, 3.0), 2))
    assert outcome.metrics == {"repeats": 2, "repeat_std": pytest.approx(math.sqrt(2))}


def test_folds_are_no_noise():
    """The third fold differs from the first, and comes out the same next time."""
    outcome = run(pyhopper.wrap_n_times(lambda p, i: float(i), 3, pass_index_arg=True))
    assert outcome.metrics is None


def test_metrics_are_averaged_and_text_is_kept():
    values = iter([{"value": 1.0, "acc": 0.2, "why": "a"}, {"value": 2.0, "acc": 0.4, "why": "b"}])
    outcome = run(pyhopper.wrap_n_times(lambda params: next(values), 2))
    assert outcome.value == 1.5
    assert outcome.metrics["acc"] == pytest.approx(0.3)
    assert outcome.metrics["why"] == "b"
    assert outcome.metrics["repeats"] == 2


def test_a_generator_inside_counts_with_its_last_value():
    def epochs(params):
        yield 0.1
        yield 0.7

    assert run(pyhopper.wrap_n_times(epochs, 2)).value == 0.7


def test_what_a_generator_returns_is_its_value():
    def epochs(params):
        yield 0.1
        yield 0.7
        return {"value": params["x"], "epochs": 2}

    outcome = run(epochs, {"x": 0.5})
    assert (outcome.value, outcome.metrics, outcome.estimates) == (0.5, {"epochs": 2}, (0.1, 0.7))
    outcome = run(pyhopper.wrap_n_times(epochs, 2), {"x": 0.5})
    assert (outcome.value, outcome.estimates) == (0.5, (0.5, 0.5))
    assert outcome.metrics["epochs"] == 2


def test_a_generator_may_return_without_an_estimate():
    def early(params):
        if params["x"]:
            return 3.0
        yield 1.0
        return None

    assert run(early, {"x": 1}).value == 3.0
    assert run(early, {"x": 1}).estimates == ()
    assert run(early, {"x": 0}).value == 1.0
    assert run(pyhopper.wrap_n_times(early, 2), {"x": 1}).value == 3.0


def test_what_a_generator_gives_must_be_a_number():
    def wrong(params):
        yield 1.0
        return "done"

    def nothing(params):
        yield from ()

    for objective, name in ((wrong, "objective"), (pyhopper.wrap_n_times(wrong, 2), "inside")):
        outcome = run(objective)
        assert outcome.misuse
        assert name in outcome.reason
        assert "returned 'done' (a str) instead of a number" in outcome.reason
    for objective in (nothing, pyhopper.wrap_n_times(nothing, 2)):
        assert "a generator that yielded nothing" in run(objective).reason


def test_each_call_is_read_as_the_result_of_an_objective_is():
    """A single number in an array, and metrics of any type; a dict needs its value."""
    calls = results({"value": np.ones(1), "n": np.float32(1), "array": np.arange(2)})
    outcome = run(pyhopper.wrap_n_times(calls, 2))
    assert outcome.value == 1.0
    assert outcome.metrics["n"] == 1.0
    assert outcome.metrics["array"] == "array([0, 1])"
    outcome = run(pyhopper.wrap_n_times(results({"loss": 1.0}), 2))
    assert outcome.misuse
    assert "without the key" in outcome.reason


def test_repeats_of_repeats_scatter_as_the_outer_ones_do():
    inner = pyhopper.wrap_n_times(results(1.0, 3.0, 5.0, 7.0), 2, yield_after=None)
    outcome = run(pyhopper.wrap_n_times(inner, 2))
    assert outcome.value == 4.0
    assert outcome.metrics == {"repeats": 2, "repeat_std": pytest.approx(math.sqrt(8))}


def test_a_result_without_a_call():
    """What is told or added is read as what an objective returns."""
    assert outcome_of({"value": 2, "acc": 0.5}) == Outcome(Status.DONE, 2.0, {"acc": 0.5})
    assert outcome_of(math.nan, ignore_nans=True) == Outcome(Status.NAN)
    assert outcome_of(math.nan, source="you told").reason == "you told nan"
    assert outcome_of(-math.inf, source="you told").status is Status.NAN
    assert outcome_of("best", source="you told").reason.startswith("you told 'best' (a str)")
    assert outcome_of(None).misuse


def test_nan_is_a_result_of_its_own():
    outcome = run(pyhopper.wrap_n_times(results(1.0, math.nan), 2))
    assert outcome.status is Status.FAILED
    assert "ignore_nans" in outcome.reason


def test_a_missing_return_is_explained():
    outcome = run(pyhopper.wrap_n_times(lambda params: None, 3))
    assert outcome.misuse
    assert "return" in outcome.reason


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"f": 3}, "f"),
        ({"n": 0}, "n"),
        ({"n": 2.5}, "n"),
        ({"n": True}, "n"),
        ({"yield_after": -1}, "yield_after"),
        ({"yield_after": "1"}, "yield_after"),
        ({"reduction": "mode"}, "reduction"),
        ({"pass_index_arg": 1}, "pass_index_arg"),
    ],
)
def test_bad_arguments_are_named(arguments, argument):
    with pytest.raises(pyhopper.ArgumentError, match=f"^{argument}="):
        pyhopper.wrap_n_times(**{"f": len, "n": 3, **arguments})


def test_it_travels_to_other_processes():
    wrapped = cloudpickle.loads(cloudpickle.dumps(pyhopper.wrap_n_times(lambda p: p["x"], 2)))
    assert run(wrapped, {"x": 4.0}).value == 4.0
    value = pickle.loads(pickle.dumps(Repeated.of(2.0, [1.0, 3.0])))
    assert (value, value.repeats, value.std) == (2.0, 2, pytest.approx(math.sqrt(2)))

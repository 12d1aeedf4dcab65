"""The arguments of ``run``: what they mean, and the error for what makes no sense."""

import math

import numpy as np
import pytest

import pyhopper
from pyhopper import ArgumentError, CandidateError, ObjectiveError


def objective(params):
    return params["x"]


def fresh():
    return pyhopper.Search(
        x=pyhopper.float(0, 1), opt={"lr": pyhopper.float(1e-3, 1, log=True), "c": 5}, seed=0
    )


def run(**arguments):
    settings = {"objective": objective, "direction": "max", "steps": 3, "quiet": True, **arguments}
    return fresh().run(settings.pop("objective"), **settings)


RUNTIMES = ["1x", "", "-5", "1h 5", "1:90", "0", 0, -3, math.inf, math.nan, [1], "until 25:00", "h"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtimes(runtime):
    """A duration that cannot be read is refused with an example of one that can."""
    with pytest.raises(ArgumentError) as caught:
        pyhopper.parse_runtime(runtime)
    assert f"runtime={runtime!r}" in str(caught.value)
    assert "1h 30min" in str(caught.value)


CALLS = [
    ({"direction": "up"}, "direction='up'"),
    ({"direction": None}, "direction=None"),
    ({"steps": None}, "runtime, steps, endless_mode"),
    ({"runtime": "1s"}, "runtime, steps, endless_mode"),
    ({"endless_mode": True}, "runtime, steps, endless_mode"),
    ({"endless_mode": "yes"}, "endless_mode='yes'"),
    ({"steps": 0}, "steps=0"),
    ({"steps": "many"}, "steps='many'"),
    ({"steps": 1.5}, "steps=1.5"),
    ({"steps": True}, "steps=True"),
    ({"seeding_ratio": 1.5}, "seeding_ratio=1.5"),
    ({"seeding_ratio": None}, "seeding_ratio=None"),
    ({"seeding_steps": -1}, "seeding_steps=-1"),
    ({"seeding_runtime": "x"}, "seeding_runtime='x'"),
    ({"seeding_steps": 1, "seeding_runtime": 1}, "seeding_steps=1"),
    ({"start_temperature": -1}, "start_temperature=-1"),
    ({"end_temperature": "hot"}, "end_temperature='hot'"),
    ({"kwargs": [1]}, "kwargs=[1]"),
    ({"objective": 3}, "objective=3"),
    ({"callbacks": 3}, "callbacks=3"),
    ({"callbacks": [pyhopper.callbacks.Callback]}, "put () behind the class"),
    ({"on_error": "ignore"}, "on_error='ignore'"),
    ({"deadline": "soon"}, "deadline='soon'"),
    ({"stop": "x"}, "stop='x'"),
    ({"stop": {"valu": 3}}, "stop={'valu': 3}"),
    ({"stop": {}}, "stop={}"),
    ({"stop": {"patience": 0}}, "patience"),
    ({"stop": {"patience": "soon"}}, "patience"),
    ({"quiet": "yes"}, "quiet='yes'"),
    ({"ignore_nans": 1}, "ignore_nans=1"),
    ({"keep_history": None}, "keep_history=None"),
    ({"enable_rejection_cache": 0}, "enable_rejection_cache=0"),
    ({"mp_backend": "carrier pigeon"}, "mp_backend='carrier pigeon'"),
]


@pytest.mark.parametrize(("arguments", "message"), CALLS)
def test_calls(arguments, message):
    """A bad argument of run is refused before anything is evaluated."""
    calls = []
    arguments = {"objective": calls.append, **arguments}
    with pytest.raises(ArgumentError) as caught:
        run(**arguments)
    assert message in str(caught.value)
    assert not calls


def test_changing_a_template_with_results():
    """A template is fixed once there are results of it."""
    search = fresh()
    search.run(objective, "max", steps=2, quiet=True)
    with pytest.raises(ArgumentError, match="make a new Search"):
        search["x"] = pyhopper.float(0, 2)
    with pytest.raises(ArgumentError, match="direction"):
        search.run(objective, "min", steps=2, quiet=True)


GUESSES = [
    ({"y": 1}, "y: got 1: the template has no such key"),
    ({"opt": {"z": 1}}, "opt.z: got 1"),
    ({"opt": 3}, "opt: got 3: the template has a dict here"),
    ({"x": {"lr": 3}}, "x: got {'lr': 3}: must be a number"),
    ({"x": "0.5"}, "x: got '0.5': must be a number"),
    ({"x": math.nan}, "x: got nan: must be finite"),
    ([("x", 1)], "a guess must be a dict; queue several one by one"),
    ({"x": 10**400}, "x: got"),
    ({"x": True}, "x: got True: must be a number"),
]


@pytest.mark.parametrize(("guess", "message"), GUESSES)
def test_guesses(guess, message):
    """A guess that does not fit is refused when it is queued, and the queue stays as it was."""
    search = fresh()
    with pytest.raises(CandidateError) as caught:
        search.enqueue(guess)
    assert message in str(caught.value)
    assert search.manual_queue_count == 0


def test_missing_values_of_a_known_result():
    """A known result must be complete."""
    with pytest.raises(CandidateError, match=r"opt\.lr"):
        fresh().add({"x": 0.5}, 1.0)


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


def test_impossible_constraint():
    """A constraint that nothing meets is reported instead of searched for ever."""
    search = fresh()
    search.constrain(lambda params: False)
    with pytest.raises(pyhopper.ConstraintError, match="broke a constraint"):
        search.run(objective, "max", steps=2, quiet=True)

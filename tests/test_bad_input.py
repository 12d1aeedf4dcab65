"""Every nonsense definition or call gets one clear error that names the argument and the value."""

import math

import numpy as np
import pytest
from scipy import stats

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


p = pyhopper
# what is written, the error, and what its message must contain
DEFINITIONS = [
    (p.choice, "options"),
    (lambda: p.choice([]), "options"),
    (lambda: p.choice({"adam"}), "options={'adam'}"),
    (lambda: p.choice("a", "b", init="c"), "init='c'"),
    (lambda: p.choice("a", "b", init_index=2), "init_index=2"),
    (lambda: p.choice("a", "b", init_index=0.5), "init_index=0.5"),
    (lambda: p.choice("a", "b", init="a", init_index=0), "init='a'"),
    (lambda: p.choice("a", "b", weights=[1]), "weights=[1]"),
    (lambda: p.choice("a", "b", weights=[1, 0]), "weights=[1, 0]"),
    (lambda: p.choice("a", "b", weights=[1, -1]), "weights=[1, -1]"),
    (lambda: p.choice("a", "b", weights=[1, math.nan]), "weights=[1, nan]"),
    (lambda: p.choice("a", "b", seeding_fn=3), "seeding_fn=3"),
    (lambda: p.bool(3), "init=3"),
    (lambda: p.int("a"), "ub='a'"),
    (lambda: p.int(0.5, 1.5), "ub=1.5: fewer than two integers"),
    (lambda: p.int(0, math.inf), "ub=inf"),
    (lambda: p.int(0, 2**60), "ub=1152921504606846976"),
    (lambda: p.int(0, True), "ub=True"),
    (lambda: p.int(0, 10, log=True), "log=True: needs positive bounds, but the lower bound is 0"),
    (lambda: p.int(-5, 10, log=True), "-5"),
    (lambda: p.int(11, 19, multiple_of=10), "multiple_of=10"),
    (lambda: p.int(0, 10, multiple_of=0), "multiple_of=0"),
    (lambda: p.int(0, 10, multiple_of=2.5), "multiple_of=2.5"),
    (lambda: p.int(1, 10, power_of=1), "power_of=1"),
    (lambda: p.int(5, 7, power_of=2), "power_of=2"),
    (lambda: p.int(-8, -2, power_of=2), "power_of=2"),
    (lambda: p.int(1, 100, power_of=2, multiple_of=3), "power_of=2"),
    (lambda: p.int(0, 10, init=2.5), "init=2.5"),
    (lambda: p.int(0, 10, init="2"), "init='2'"),
    (lambda: p.int([0, 1], [9, 9, 9]), "its shape does not broadcast with that of lb"),
    (lambda: p.int([0, 1, 2], 10, shape=2), "does not broadcast"),
    (lambda: p.int(0, 10, shape=-1), "shape=-1"),
    (lambda: p.int(0, 10, shape=(2, 0)), "shape=(2, 0)"),
    (lambda: p.int(0, 10, shape="3"), "shape='3'"),
    (lambda: p.int(0, []), "must have at least one entry"),
    (lambda: p.float(0, [[1], [1, 2]]), "ub="),
    (lambda: p.int(0, 10**400), "ub=1000"),
    (lambda: p.float(np.array([-1.7e308]), np.array([1.7e308])), "wider than the largest float"),
    (lambda: p.float(precision=1, init="x"), "init='x'"),
    (lambda: pyhopper.Search(x={"y": p.float}), "x.y=<class 'pyhopper.parameters.numeric.Float'>"),
    (lambda: p.int(0, 10, shape=2, init=[1, 2, 3]), "init=[1, 2, 3]"),
    (lambda: p.float(0, 1, "0.2x"), "fmt='0.2x'"),
    (lambda: p.float(0, 1, "f"), "fmt='f'"),
    (lambda: p.float(0, 1, 2), "fmt=2"),
    (lambda: p.float(0, 1, "0.1g"), "log=True"),
    (lambda: p.float(0.1, 1, "0.1g", log=False), "log=False"),
    (lambda: p.float(0, 1, "0.1f", precision=2), "precision=2"),
    (lambda: p.float(0.1, 1, log=True, precision=0), "precision=0"),
    (lambda: p.float(0, 1, precision=-1), "precision=-1"),
    (lambda: p.float(0, 1, precision=20), "precision=20"),
    (lambda: p.float(0, 1, precision=1.5), "precision=1.5"),
    (lambda: p.float(1e9, 1e12, precision=12), "precision=12"),
    (lambda: p.float(0.11, 0.19, precision=1), "precision=1"),
    (lambda: p.float(0, 1, precision=1, multiple_of=0.5), "multiple_of=0.5"),
    (lambda: p.float(0, 1, multiple_of=-0.5), "multiple_of=-0.5"),
    (lambda: p.float(0, 1, power_of=10), "power_of=10"),
    (lambda: p.float(-1, 1, log=True), "-1"),
    (lambda: p.float(log=True), "log=True"),
    (lambda: p.float(0, math.nan), "ub=nan"),
    (lambda: p.float(-1e308, 1e308), "wider than the largest float"),
    (lambda: p.float(0, 1, init=math.nan), "init=nan"),
    (lambda: p.float(0, 1, dtype=np.float32), "dtype"),
    (lambda: p.float(0, 1, shape=2, dtype=int), "dtype"),
    (lambda: p.float(0, 1, mutation_fn="x"), "mutation_fn='x'"),
    (lambda: p.float(0, 1, seeding_fn=lambda a: a), "seeding_fn"),
    (lambda: p.float(0, 1, mutation_fn=lambda a, b, c: a), "mutation_fn"),
    (p.custom, "seeding_fn"),
    (lambda: p.custom(init=3), "seeding_fn"),
    (lambda: p.custom(mutation_fn=lambda v: v), "seeding_fn"),
    (lambda: p.list(3, 1, 4), "item=3"),
    (lambda: p.list(p.int(3), -1, 4), "min_length=-1"),
    (lambda: p.list(p.int(3), 1, 2.5), "max_length=2.5"),
    (lambda: p.list(p.int(3), 0, 0), "max_length=0"),
    (lambda: p.list(p.int(3), 1, 2, init=[1, 2, 3]), "init=[1, 2, 3]"),
    (lambda: p.distribution(3), "frozen=3"),
    (lambda: p.distribution(stats.norm), "frozen"),
    (lambda: p.distribution(stats.norm(0, -1)), "frozen"),
    (lambda: p.Search([1]), "template=[1]"),
    (lambda: p.Search({"a": 1}, a=2), "a=2"),
    (lambda: p.Search({"a": {"b": 1}}, {"a": {"b": 2}}), "a.b=2"),
    (lambda: p.Search(seed=-1), "seed=-1"),
    (lambda: p.Search(seed=p.int(3)), "seed="),
    (lambda: p.Search(a={p.int(3)}), "a="),
    (lambda: p.merge_dicts({"a": 1}, 3), "dicts=3"),
    (lambda: fresh().constrain(3), "fn=3"),
    (lambda: fresh().add({"x": 0.5, "opt": {"lr": 0.1}}, None), "value=None"),
]

RUNTIMES = ["1x", "", "-5", "1h 5", "1:90", "0", 0, -3, math.inf, math.nan, [1], "until 25:00", "h"]

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

RESULTS = [None, "0.5", [0.5], np.array([0.5, 0.6]), {"loss": 3}, {"value": None}, 1j, object(), {}]


@pytest.mark.parametrize(("define", "message"), DEFINITIONS)
def test_definitions(define, message):
    """A definition fails where it is written."""
    with pytest.raises(ArgumentError) as caught:
        define()
    assert message in str(caught.value)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtimes(runtime):
    """A duration that cannot be read is refused with an example of one that can."""
    with pytest.raises(ArgumentError) as caught:
        pyhopper.parse_runtime(runtime)
    assert f"runtime={runtime!r}" in str(caught.value)
    assert "1h 30min" in str(caught.value)


@pytest.mark.parametrize(("arguments", "message"), CALLS)
def test_calls(arguments, message):
    """A bad argument of run is refused before anything is evaluated."""
    calls = []
    arguments = {"objective": calls.append, **arguments}
    with pytest.raises(ArgumentError) as caught:
        run(**arguments)
    assert message in str(caught.value)
    assert not calls


@pytest.mark.parametrize(("guess", "message"), GUESSES)
def test_guesses(guess, message):
    """A guess that does not fit is refused when it is queued, and the queue stays as it was."""
    search = fresh()
    with pytest.raises(CandidateError) as caught:
        search.enqueue(guess)
    assert message in str(caught.value)
    assert search.manual_queue_count == 0


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


def test_missing_values_of_a_known_result():
    """A known result must be complete."""
    with pytest.raises(CandidateError, match=r"opt\.lr"):
        fresh().add({"x": 0.5}, 1.0)


def test_changing_a_template_with_results():
    """A template is fixed once there are results of it."""
    search = fresh()
    search.run(objective, "max", steps=2, quiet=True)
    with pytest.raises(ArgumentError, match="make a new Search"):
        search["x"] = pyhopper.float(0, 2)
    with pytest.raises(ArgumentError, match="direction"):
        search.run(objective, "min", steps=2, quiet=True)


def test_impossible_constraint():
    """A constraint that nothing meets is reported instead of searched for ever."""
    search = fresh()
    search.constrain(lambda params: False)
    with pytest.raises(pyhopper.ConstraintError, match="broke a constraint"):
        search.run(objective, "max", steps=2, quiet=True)

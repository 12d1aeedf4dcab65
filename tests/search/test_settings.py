"""The arguments of run: what they mean, and the error for what makes no sense."""

import inspect
import math

import pytest
from helpers import (
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper import ArgumentError


def test_signature_of_run():
    """Names, order and defaults are what scripts rely on; what is new goes by name only."""
    parameters = list(inspect.signature(pyhopper.Search.run).parameters.values())[1:]
    plain = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert list(plain.items()) == [
        ("objective", inspect.Parameter.empty), ("direction", "maximize"), ("runtime", None),
        ("steps", None), ("endless_mode", False), ("seeding_steps", None),
        ("seeding_runtime", None), ("seeding_ratio", 0.25), ("pruner", None), ("n_jobs", 1),
        ("quiet", False), ("ignore_nans", False), ("mp_backend", "auto"),
        ("enable_rejection_cache", True), ("callbacks", None), ("start_temperature", 1),
        ("end_temperature", 0.2), ("kwargs", None), ("checkpoint_path", None),
        ("overwrite_checkpoint", False), ("keep_history", True),
    ]  # fmt: skip
    more = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert more >= {"work_dir", "timeout", "on_error", "executor", "deadline", "stop"}


@pytest.mark.parametrize(
    "direction", ["max", "maximize", "maximise", "min", "minimize", "minimise"]
)
def test_directions(direction):
    search = search_of_x(seed=0)
    search.run(x_of, direction, steps=20, quiet=True)
    wanted = max if direction.startswith("max") else min
    assert search.best_f == wanted(search.history.fs)
    assert search.history.direction == direction[:3]


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
    ({"steps": None}, "the search needs a budget"),
    ({"runtime": "1s"}, "runtime='1s' and steps=3 are given"),
    ({"endless_mode": True}, "steps=3 and endless_mode=True are given"),
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


def bowl(params):
    return -((params["x"] - 0.3) ** 2)


def test_argparse_strings():
    """What comes from the command line goes straight in."""
    search = search_of_x(seed=0)
    search.run(bowl, "max", steps="7", n_jobs="1", quiet=True)
    assert len(search.history) == 7
    search.run(bowl, "max", runtime="0.05", quiet=True)
    assert len(search.history) > 7


def test_the_objective_must_take_what_it_gets():
    """Known before anything is evaluated."""
    for function, kwargs in ((lambda: 1.0, None), (lambda p: 1.0, {"data": 3})):
        with pytest.raises(pyhopper.ArgumentError, match="cannot be called as objective"):
            pyhopper.Search(x=pyhopper.float(0, 1)).run(function, steps=2, kwargs=kwargs)

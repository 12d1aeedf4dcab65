"""A search as its users see it: its template, its best, one run after the other."""

import numpy as np
import pytest
from helpers import (
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper import ArgumentError


def bowl(params):
    return -((params["x"] - 0.3) ** 2)


def test_finds_the_optimum():
    """It comes close to the best value, in the right direction."""
    search = search_of_x(seed=0)
    best = search.run(bowl, "max", steps=200, quiet=True)
    assert best == search.best
    assert best["x"] == pytest.approx(0.3, abs=0.01)
    assert search.best_f == bowl(best)
    other = search_of_x(seed=0)
    other.run(lambda p: -bowl(p), "min", steps=200, quiet=True)
    assert other.best_f == pytest.approx(0, abs=1e-4)


def test_looking_into_the_template():
    search = pyhopper.Search({"a": pyhopper.int(3)}, b=4)
    assert "a" in search
    assert "c" not in search
    assert search["b"] == 4


def test_replacing_a_key():
    """``search["x"] = ...`` changes the template before a run."""
    search = search_of_x(seed=0)
    search["x"] = pyhopper.int(5, 6)
    search["y"] = 3
    assert search.run(lambda p: p["x"] * p["y"], "max", steps=5, quiet=True) == {"x": 6, "y": 3}


def test_consecutive_runs():
    """Runs add to each other: history, numbers, best and time."""
    search = search_of_x(seed=0)
    search.run(bowl, "max", steps=10, quiet=True)
    first = search.best_f
    search.run(bowl, "max", steps=15, quiet=True)
    assert len(search.history) == 25
    assert search.best_f >= first
    assert [e.id for e in search.history.evaluations] == list(range(25))
    assert np.all(np.diff(search.history.seconds) >= 0)


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


def test_kwargs():
    """Keyword arguments reach the objective as they are."""
    data = object()
    got = []
    search_of_x(seed=0).run(
        lambda p, data: got.append(data) or 1.0, "max", steps=1, kwargs={"data": data}, quiet=True
    )
    assert got == [data]


def test_dicts_and_keyword_arguments_are_merged():
    search = pyhopper.Search(
        {"a": 1, "b": {"c": pyhopper.int(1, 1)}}, {"b": {"d": 2}}, e=pyhopper.float(2, 2)
    )
    search.run(lambda p: 1.0, steps=1, quiet=True)
    assert search.best == {"a": 1, "b": {"c": 1, "d": 2}, "e": 2.0}
    assert type(search.best) is dict


def test_constants_reach_the_objective_unchanged():
    data, inner = object(), {"deep": object()}
    template = {"data": data, "parts": (inner["deep"], [pyhopper.float(0, 1), inner]), "none": None}

    def objective(params):
        assert params["data"] is data
        assert params["parts"][0] is inner["deep"]
        assert params["parts"][1][1] == inner
        assert params["none"] is None
        return params["parts"][1][0]

    pyhopper.Search(template).run(objective, steps=5, on_error="raise", quiet=True)


def test_a_parameter_called_seed():
    """In the dict it is a parameter; the argument makes the search repeatable."""
    found = []
    for _ in range(2):
        search = pyhopper.Search({"seed": pyhopper.int(0, 10**6)}, seed=3)
        search.run(lambda p: p["seed"], steps=10, quiet=True)
        found.append(search.history["seed"])
    assert found[0] == found[1]
    assert search.free_param_count == 1


def test_a_parameter_called_clock():
    search = pyhopper.Search(clock=pyhopper.int(1, 5))
    assert set(search.run(lambda params: params["clock"], steps=3, quiet=True)) == {"clock"}


def test_checkpoint_path_is_that_of_the_last_run(tmp_path):
    search = search_of_x()
    assert search.checkpoint_path is None
    search.run(x_of, steps=1, checkpoint_path=tmp_path / "run.ckpt", quiet=True)
    assert search.checkpoint_path == str(tmp_path / "run.ckpt")


def objective(params):
    return params["x"]


def fresh():
    return pyhopper.Search(
        x=pyhopper.float(0, 1), opt={"lr": pyhopper.float(1e-3, 1, log=True), "c": 5}, seed=0
    )


def test_changing_what_results_stand_for():
    """Neither a parameter's kind nor the direction changes once there are results."""
    search = fresh()
    search.run(objective, "max", steps=2, quiet=True)
    with pytest.raises(ArgumentError, match="make a new Search"):
        search["x"] = pyhopper.choice("a", "b")
    with pytest.raises(ArgumentError, match="direction"):
        search.run(objective, "min", steps=2, quiet=True)

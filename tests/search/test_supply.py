"""Which candidates are evaluated: duplicates, constraints, and spaces that come to an end."""

import pytest

import pyhopper
from pyhopper.testing import FakeClock


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


def test_constrain():
    """Candidates that break a constraint are never evaluated."""
    seen = []
    search = pyhopper.Search(a=pyhopper.int(9), b=pyhopper.int(9), seed=0)
    search.constrain(lambda p: p["a"] < p["b"])
    search.run(lambda p: seen.append(p) or p["a"], "max", steps=30, quiet=True)
    assert len(seen) == 30
    assert all(p["a"] < p["b"] for p in seen)


def test_a_finite_space_with_a_constraint_ends(capsys):
    """All that pass are found, and then it ends: how many these are is not known before."""
    search = pyhopper.Search(x=pyhopper.int(0, 40), y=pyhopper.int(0, 40), seed=1)
    search.constrain(lambda p: p["x"] + p["y"] == 20)
    search.run(lambda p: p["x"] * p["y"], "min", steps=100)
    assert sorted(search.history["x"]) == list(range(21))
    assert "no other candidate that passes the constraints" in capsys.readouterr().out


def test_looking_for_a_candidate_ends_with_the_runtime(capsys):
    """Where hardly anything passes, the clock ends the search and not the number of draws."""
    clock = FakeClock()
    search = pyhopper.Search(x=pyhopper.int(0, 999), y=pyhopper.int(0, 999), seed=1, clock=clock)

    def passes(params):
        clock.advance(0.01)
        return params["x"] % 100 == params["y"] % 100 == 0

    search.constrain(passes)
    search.run(lambda p: p["x"], "max", runtime=3000)
    assert 0 < len(search.history) < 100
    assert clock.monotonic() < 3300
    assert "budget used" in capsys.readouterr().out


def test_where_nothing_passes_by_chance_moves_around_the_best_go_on():
    """Six numbers that add up to one, within a fiftieth: hardly a draw passes, but moves do."""
    search = pyhopper.Search({f"x{i}": pyhopper.float(0, 1) for i in range(6)}, seed=1)
    search.constrain(lambda p: abs(sum(p.values()) - 1) < 0.02)
    search += dict.fromkeys([f"x{i}" for i in range(6)], 1 / 6)
    search.run(lambda p: p["x0"], "max", steps=12, quiet=True)
    assert len(search.history) == 12


def test_where_nothing_else_passes_the_best_is_returned():
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=1)
    search.constrain(lambda p: p["x"] == p["y"])
    search += {"x": 0.25, "y": 0.25}
    search += {"x": 0.5, "y": 0.5}
    assert search.run(lambda p: p["x"], "max", steps=12, quiet=True) == {"x": 0.5, "y": 0.5}


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


def objective(params):
    return params["x"]


def fresh():
    return pyhopper.Search(
        x=pyhopper.float(0, 1), opt={"lr": pyhopper.float(1e-3, 1, log=True), "c": 5}, seed=0
    )


def test_impossible_constraint():
    """A constraint that nothing meets is reported instead of searched for ever."""
    search = fresh()
    search.constrain(lambda params: False)
    with pytest.raises(pyhopper.ConstraintError, match="broke a constraint"):
        search.run(objective, "max", steps=2, quiet=True)

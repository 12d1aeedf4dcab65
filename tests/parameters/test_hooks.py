"""A user's own functions for the draws and moves of any kind."""

import numpy as np
import pytest
from helpers import LOCAL, RANDOM
from scipy import stats

import pyhopper


def test_hooks_get_what_they_ask_for(rng):
    """Value, temperature and generator are passed by signature."""
    param = pyhopper.float(
        0, 1, seeding_fn=lambda rng: rng.random(), mutation_fn=lambda v, temperature: temperature
    )
    assert 0 <= param.sample(rng) < 1
    assert param.mutate(0.5, 0.3, rng) == 0.3
    bound = pyhopper.float(0, 1, mutation_fn=lambda v, scale=0.5: v * scale)
    assert bound.mutate(0.5, 0.9, rng) == 0.25
    by_order = pyhopper.int(0, 100, multiple_of=10, mutation_fn=lambda v, t: v + 1000 * t)
    assert by_order.mutate(50, 0.04, rng) == 90
    assert by_order.mutate(50, 0.5, rng) == 100


def hooks(draw, move):
    return {"seeding_fn": lambda: draw, "mutation_fn": lambda value: move}


HOOKED = {
    "int": (pyhopper.int(0, 9, **hooks(7.4, 99)), 7, 9),
    "int multiple": (pyhopper.int(0, 90, multiple_of=10, **hooks(44, -5)), 40, 0),
    "int array": (pyhopper.int(0, 9, shape=2, **hooks([7.4, 99], 3)), [7, 9], [3, 3]),
    "float": (pyhopper.float(0, 1, **hooks(0.25, 7)), 0.25, 1.0),
    "float decimals": (pyhopper.float(0, 1, "0.1f", **hooks(0.26, -7)), 0.3, 0.0),
    "float array": (
        pyhopper.float(0, 1, "0.1f", shape=2, **hooks([0.123, 7], -3)),
        [0.1, 1.0],
        [0.0, 0.0],
    ),
    "float digits": (pyhopper.float(1e-3, 1, "0.1g", **hooks(0.026, 7)), 0.03, 1.0),
    "choice": (pyhopper.choice("a", "b", "c", **hooks("c", "b")), "c", "b"),
    "conditional choice": (
        pyhopper.choice("a", {"n": pyhopper.int(9)}, **hooks({"n": 3}, "a")),
        {"n": 3},
        "a",
    ),
    "bool": (pyhopper.bool(**hooks(True, True)), True, True),
    "custom": (pyhopper.custom(lambda: "x", lambda value: value + "y"), "x", "xy"),
    "list": (pyhopper.list(pyhopper.int(9), 1, 3, **hooks([7], [8, 9])), [7], [8, 9]),
    "distribution": (pyhopper.distribution(stats.beta(2, 5), **hooks(0.25, 7)), 0.25, 1.0),
}


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_of_every_kind(name, rng):
    """A user's functions replace the draw and the move; numbers are rounded and clipped."""
    param, drawn, moved = HOOKED[name]
    value = param.sample(rng)
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == drawn
    value = param.mutate(value, 0.5, rng)
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == moved


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_of_every_kind_in_a_search(name):
    """Random search has the user's draws, local search the user's moves."""
    param, drawn, moved = HOOKED[name]
    search = pyhopper.Search(p=param, n=pyhopper.int(10**6), seed=0)
    search.run(lambda p: p["n"], steps=24, seeding_ratio=0.5, quiet=True)
    kinds = {RANDOM: set(), LOCAL: set()}
    for each in search.history.evaluations[1:]:
        value = each.params["p"]
        kinds[each.type].add(repr(value.tolist() if isinstance(value, np.ndarray) else value))
    start = search.history[0]["p"]
    start = repr(start.tolist() if isinstance(start, np.ndarray) else start)
    assert kinds[RANDOM] == {repr(drawn)}
    if name != "custom":
        assert repr(moved) in kinds[LOCAL]
        assert kinds[LOCAL] <= {start, repr(drawn), repr(moved)}


def test_a_hook_for_the_draws_or_the_moves_alone():
    """The other of the two stays as it is."""
    search = pyhopper.Search(
        n=pyhopper.int(0, 100, multiple_of=10, seeding_fn=lambda: 47),
        x=pyhopper.float(0, 1, precision=1, mutation_fn=lambda value: value + 0.34),
        seed=0,
    )
    search.run(lambda p: p["x"], "max", steps=40, quiet=True)
    evaluations = search.history.evaluations
    assert {e.params["n"] for e in evaluations if e.type is RANDOM} == {50}
    assert len({e.params["n"] for e in evaluations}) > 5, "moves are those of every number"
    assert len({e.params["x"] for e in evaluations if e.type is RANDOM}) > 3, "draws as well"


def test_hooks_of_lists_and_choices(rng):
    """What they return is made legal; what cannot be is an error that names the function."""
    param = pyhopper.list(
        pyhopper.int(9), 1, 3, seeding_fn=lambda: [3.4, 99], mutation_fn=lambda v: [12, 1, 2, 3]
    )
    assert param.sample(rng) == [3, 9]
    assert param.mutate([1], 0.5, rng) == [9, 1, 2]
    with pytest.raises(pyhopper.CandidateError, match=r"seeding_fn.*must have 1 to 3"):
        pyhopper.list(pyhopper.int(9), 1, 3, seeding_fn=list).sample(rng)
    with pytest.raises(pyhopper.CandidateError, match=r"seeding_fn.*no option of choice"):
        pyhopper.choice("a", "b", seeding_fn=lambda: "z").sample(rng)


def test_mutation_gets_a_falling_temperature():
    seen = []

    def move(value, temperature):
        seen.append(temperature)
        return value + temperature

    search = pyhopper.Search(x=pyhopper.custom(lambda: 0.0, move), seed=0)
    search.run(lambda p: p["x"], "max", steps=100, quiet=True)
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 0.95
    assert seen[-1] == pytest.approx(0.2, abs=0.02)

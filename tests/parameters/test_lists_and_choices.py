"""Lists and choices: their items, options and what is inside of these."""

import math
from collections import Counter

import numpy as np
import pytest
from chance import FALSE_ALARM
from scipy import stats

import pyhopper
from pyhopper.parameters.template import same


def test_any_object_is_an_option():
    """The objective gets an equal object, whatever it is; containers are its own."""
    options = [math.tanh, None, dict, {"a": 1}, [1, 2], (3, 4), object(), b"x", np.arange(3)]
    seen = []
    search = pyhopper.Search(option=pyhopper.choice(options), seed=0)
    search.run(lambda p: seen.append(p["option"]) or 1.0, steps=50, quiet=True)
    assert len(seen) == len(options)
    assert all(any(same(option, each) for each in seen) for option in options)


def test_arrays_as_options():
    param = pyhopper.choice(np.zeros(3), np.ones(3), init=None)
    search = pyhopper.Search(w=param)
    search.run(lambda params: params["w"].sum(), steps=2, quiet=True)
    assert search.best_f == 3


def test_init_of_a_choice_sets_the_option_only():
    """What it says about parameters inside would be lost, so it is refused."""
    with pytest.raises(pyhopper.ArgumentError, match="an init of its own"):
        pyhopper.choice("a", {"n": pyhopper.int(9)}, init={"n": 3})
    param = pyhopper.choice("a", {"n": pyhopper.int(9, init=3)}, init={"n": 3})
    search = pyhopper.Search(opt=param)
    search.run(lambda params: 1, steps=1, quiet=True)
    assert search.best == {"opt": {"n": 3}}


def test_conditional_choice(rng):
    """Options may hold parameters at any depth."""
    param = pyhopper.choice(
        "const", pyhopper.int(0, 9), {"name": "sgd", "inner": [pyhopper.float(0, 1), {"x": 3}]}
    )
    seen = Counter()
    value = param.sample(rng)
    for _ in range(300):
        value = param.mutate(value, 0.5, rng)
        seen[type(value)] += 1
        if isinstance(value, dict):
            assert value["name"] == "sgd"
            assert 0 <= value["inner"][0] <= 1
            assert value["inner"][1] == {"x": 3}
    assert set(seen) == {str, int, dict}


def test_list_draws(rng):
    """Every length is equally likely, and so is every item."""
    param = pyhopper.list(pyhopper.int(1, 3), 1, 4)
    values = [param.sample(rng) for _ in range(20_000)]
    lengths = Counter(len(value) for value in values)
    items = Counter(item for value in values for item in value)
    assert sorted(lengths) == [1, 2, 3, 4]
    assert sorted(items) == [1, 2, 3]
    for counts in (lengths, items):
        assert stats.chisquare(list(counts.values())).pvalue > FALSE_ALARM / 2


def test_list_moves(rng):
    """A move changes items where they are, adds one or removes one, and reaches every length."""
    param = pyhopper.list(pyhopper.int(16, 512, power_of=2), 1, 4)
    value, changes, lengths = param.sample(rng), set(), set()
    for _ in range(200):
        moved = param.mutate(value, 0.5, rng)
        assert moved != value
        changes.add(len(moved) - len(value))
        lengths.add(len(moved))
        if len(moved) != len(value):
            short, long = sorted((value, moved), key=len)
            without_one = [[*long[:at], *long[at + 1 :]] for at in range(len(long))]
            assert short in without_one, "the other items stay"
        value = moved
    assert changes == {-1, 0, 1}
    assert lengths == {1, 2, 3, 4}


def test_lists_of_lists():
    search = pyhopper.Search(c=pyhopper.list(pyhopper.list(pyhopper.bool(), 1, 2), 1, 3), seed=0)
    search.run(lambda params: sum(map(sum, params["c"])), steps=60, quiet=True)
    assert search.best_f >= 5

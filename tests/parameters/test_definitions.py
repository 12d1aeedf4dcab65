"""What users may write, what it means, and the error for what makes no sense."""

import math

import numpy as np
import pytest
from helpers import x_of
from scipy import stats

import pyhopper
from pyhopper import ArgumentError

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
    (lambda: p.Search(x=p.float(0, 1)).constrain(3), "fn=3"),
    (lambda: p.Search(x=p.float(0, 1)).add({"x": 0.5}, None), "value=None"),
]


@pytest.mark.parametrize(("define", "message"), DEFINITIONS)
def test_definitions(define, message):
    """A definition fails where it is written."""
    with pytest.raises(ArgumentError) as caught:
        define()
    assert message in str(caught.value)


SAME = {
    "int of one bound": (pyhopper.int(10), pyhopper.int(0, 10)),
    "int without bounds": (pyhopper.int(), pyhopper.int(-(2**31), 2**31 - 1)),
    "int of an entry": (pyhopper.int(0, 10, shape=3), pyhopper.int(0, 10, shape=(3,))),
    "float of one bound": (pyhopper.float(1), pyhopper.float(0, 1)),
    "float of swapped bounds": (pyhopper.float(3, -2), pyhopper.float(-2, 3)),
    "arrays of swapped bounds": (
        pyhopper.float([1, 5], [0, 9], shape=2),
        pyhopper.float([0, 5], [1, 9], shape=2),
    ),
    "decimals": (pyhopper.float(0, 1, precision=1), pyhopper.float(0, 1, "0.1f")),
    "decimals with a colon": (pyhopper.float(0, 1, precision=1), pyhopper.float(0, 1, ":0.1f")),
    "digits": (
        pyhopper.float(1e-5, 1e-1, log=True, precision=1),
        pyhopper.float(1e-5, 1e-1, "0.1g"),
    ),
    "choice": (pyhopper.choice("adam", "sgd"), pyhopper.choice(["adam", "sgd"])),
    "list of one length": (pyhopper.list(pyhopper.int(9), 2), pyhopper.list(pyhopper.int(9), 2, 2)),
}


@pytest.mark.parametrize("name", SAME)
def test_short_forms(name):
    """A short form means the long one: the same start, draws and moves."""
    first, second = (np.random.default_rng(3) for _ in range(2))
    short, long = SAME[name]
    assert repr(short.start(first)) == repr(long.start(second))
    for _ in range(50):
        value = short.sample(first)
        assert repr(value) == repr(long.sample(second))
        assert repr(short.mutate(value, 0.5, first)) == repr(long.mutate(value, 0.5, second))


@pytest.mark.parametrize(
    ("param", "value"),
    [
        (pyhopper.int(100, 500), 300),
        (pyhopper.float(0, 1), 0.5),
        (pyhopper.float(1e-5, 1e-1, "0.1g"), 1e-3),
        (pyhopper.float(), 0.0),
        (pyhopper.choice("a", "b", "c"), "a"),
        (pyhopper.choice([1, 10, 100], is_ordinal=True), 10),
        (pyhopper.bool(), False),
        (pyhopper.list(pyhopper.int(0, 8), 1, 3), [4, 4]),
        (pyhopper.distribution(stats.norm(3, 1)), 3.0),
    ],
)
def test_start(param, value, rng):
    """Without init the first candidate has the middle of the range, or the first option."""
    assert param.start(rng) == pytest.approx(value)


def test_init_off_the_grid(rng):
    """Between the bounds it is rounded, with a warning that names the line."""
    with pytest.warns(UserWarning, match=r"init=0\.33 is not in .*; 0\.3 is used") as warned:
        param = pyhopper.float(0, 1, "0.1f", init=0.33)
    assert param.start(rng) == 0.3
    assert warned[0].filename == __file__


INITS = {
    "int": (pyhopper.int(0, 9, init=7), 7),
    "int array": (pyhopper.int(0, 9, shape=2, init=[7, 8]), np.array([7, 8])),
    "int array of one value": (pyhopper.int(0, 9, shape=2, init=7), np.array([7, 7])),
    "float": (pyhopper.float(0, 1, init=0.125), 0.125),
    "float digits": (pyhopper.float(1e-5, 1, "0.1g", init=2e-5), 2e-5),
    "float array": (pyhopper.float(0, 1, shape=2, init=[0.25, 0.75]), np.array([0.25, 0.75])),
    "choice": (pyhopper.choice("a", "b", init="b"), "b"),
    "choice by index": (pyhopper.choice("a", "b", init_index=1), "b"),
    "choice by index from the end": (pyhopper.choice("a", "b", "c", init_index=-1), "c"),
    "bool": (pyhopper.bool(init=True), True),
    "bool by position": (pyhopper.bool(False), False),
    "custom": (pyhopper.custom(lambda: "x", init="y"), "y"),
    "list": (pyhopper.list(pyhopper.int(9), 1, 3, init=[4, 5, 6]), [4, 5, 6]),
    "distribution": (pyhopper.distribution(stats.beta(2, 5), init=0.125), 0.125),
}


@pytest.mark.parametrize("name", INITS)
def test_init(name):
    """The first candidate has the value of init."""
    param, value = INITS[name]
    search = pyhopper.Search(p=param, x=pyhopper.float(1))
    search.run(x_of, steps=1, quiet=True)
    assert repr(search.history[0]["p"]) == repr(value)

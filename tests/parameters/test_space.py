"""Templates and points: nesting, conditions, guesses, keys."""

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

import pyhopper
from pyhopper.parameters import INACTIVE, Omitted
from pyhopper.parameters.space import Space, merge_dicts

BOOL = pyhopper.bool()


class Pair(NamedTuple):
    """A tuple with names."""

    first: Any
    second: Any


def template():
    return {
        "lr": pyhopper.float(1e-5, 1e-1, "0.1g"),
        "epochs": 20,
        "layers": [pyhopper.int(1, 9), {"width": pyhopper.int(16, 64, power_of=2)}, "fixed"],
        "pair": Pair(pyhopper.bool(), (1, pyhopper.int(3))),
        "opt": pyhopper.choice(
            "plain",
            {"name": "sgd", "momentum": pyhopper.float(0, 1), "how": pyhopper.choice("a", "b")},
            [pyhopper.int(0, 9), 5],
        ),
    }


def test_structure_is_kept(rng):
    """Nested dicts, lists, tuples and named tuples come back as they were."""
    space = Space(template())
    for _ in range(30):
        params = space.build(space.sample(rng))
        assert list(params) == ["lr", "epochs", "layers", "pair", "opt"]
        assert params["epochs"] == 20
        assert params["layers"][2] == "fixed"
        assert isinstance(params["pair"], Pair)
        assert params["pair"].second[0] == 1


def test_leaves_in_order():
    """Every parameter counts, also those inside of options, in the order of the template."""
    space = Space(template())
    assert [leaf.name for leaf in space.leaves] == [
        "lr",
        "layers.0",
        "layers.1.width",
        "pair.0",
        "pair.1.1",
        "opt",
        "opt.momentum",
        "opt.how",
        "opt.0",
    ]
    assert pyhopper.Search(template()).free_param_count == 9


def test_inactive_branches_have_no_value(rng):
    """Only the chosen option's parameters have values, and all of them get moved."""
    space = Space(template())
    point, moved = space.sample(rng), set()
    for _ in range(300):
        option = point[5]
        assert (point[6] is INACTIVE) == (option != 1)
        assert (point[8] is INACTIVE) == (option != 2)
        after = space.move(point, 2, 0.5, rng)
        moved |= {i for i in range(9) if after[i] != point[i]}
        point = after
    assert moved == set(range(9))


def test_constants_are_handed_on():
    """Small arrays are copied; an object of another class is the very same one."""
    data, options = np.arange(3), MappingProxyType({"a": 1})
    space = Space({"data": data, "nested": {"options": options, "x": pyhopper.int(3)}})
    params = space.build((1,))
    assert np.array_equal(params["data"], data)
    assert not np.shares_memory(params["data"], data)
    assert space.build((1,), shared=True)["data"] is data
    assert params["nested"]["options"] is options
    params["nested"]["x"] = 99
    assert space.build((1,))["nested"]["x"] == 1


def test_arrays_are_copies(rng):
    """An objective that works in place does not damage what the search knows."""
    space = Space({"w": pyhopper.float(0, 1, shape=3)})
    point = space.sample(rng)
    before = point[0].copy()
    space.build(point)["w"][:] = 7
    assert np.array_equal(point[0], before)


@pytest.mark.parametrize(
    ("template", "size"),
    [
        ({"a": pyhopper.int(1, 4), "b": pyhopper.bool()}, 8),
        ({"a": pyhopper.float(0, 1)}, None),
        ({"a": pyhopper.choice("x", pyhopper.int(1, 3), {"b": pyhopper.bool(), "c": 1})}, 6),
        ({"a": pyhopper.choice("x", {"b": pyhopper.choice("y", pyhopper.bool())}), "d": BOOL}, 8),
        ({"a": pyhopper.int(0, 1, shape=(2, 2))}, 16),
        ({"a": pyhopper.list(pyhopper.bool(), 1, 2)}, 6),
        ({"a": 1}, 1),
    ],
)
def test_size(template, size, rng):
    """The number of candidates is exact: drawing long enough finds just as many."""
    space = Space(template)
    assert space.size == size
    if size is not None:
        assert len({space.key(space.sample(rng)) for _ in range(60 * size)}) == size


@pytest.mark.parametrize(
    "guess",
    [
        {},
        {"lr": 0.001},
        {"layers": [3, {"width": 32}, "fixed"]},
        {"layers": (3, {}, "fixed")},
        {"opt": "plain"},
        {"opt": {"name": "sgd"}},
        {"opt": {"momentum": 0.5, "how": "b"}},
        {"opt": [4, 5]},
        {"pair": (True, (1, 2))},
    ],
    ids=str,
)
def test_partial_guesses_are_completed(guess, rng):
    """What a guess leaves out comes from the base, and what that lacks from init."""
    space = Space(template())
    base = space.complete(space.read({"lr": 0.03, "opt": {"momentum": 0.25}}), None, rng)
    params = space.build(space.complete(space.read(guess), base, rng))
    assert space.build(space.read_all(params)) == params
    assert params["lr"] == guess.get("lr", 0.03)
    if guess.get("opt") == {"name": "sgd"}:
        assert params["opt"]["momentum"] == 0.25


def test_merge_dicts():
    """Nested dicts are merged without touching the originals."""
    a, b = {"x": {"y": 1}}, {"x": {"z": 2}, "w": 3}
    assert merge_dicts(a, b) == {"x": {"y": 1, "z": 2}, "w": 3}
    assert a == {"x": {"y": 1}}


def test_fingerprint():
    """Equal definitions have the same fingerprint, others a different one."""
    first = Space(template()).fingerprint()
    assert Space(template()).fingerprint() == first
    assert Space({**template(), "epochs": 21}).fingerprint() == first
    assert Space({**template(), "lr": pyhopper.float(1e-5, 1e-2, "0.1g")}).fingerprint() != first


def test_keys_tell_arrays_apart(rng):
    """Arrays, large ones too, are told apart by any one entry."""
    for entries in (10, 10_000):
        space = Space({"w": pyhopper.float(0, 1, shape=entries), "x": pyhopper.int(3)})
        point = space.sample(rng)
        other = point[0].copy()
        other[entries // 2] = np.nextafter(other[entries // 2], 2)
        swapped = point[0].copy()
        swapped[[0, 1]] = swapped[[1, 0]]
        keys = {space.key((w, point[1])) for w in (point[0], point[0].copy(), other, swapped)}
        assert len(keys) == 3


def test_constraints(rng):
    """Draws and moves meet the constraints."""
    space = Space({"x": pyhopper.int(10), "y": pyhopper.int(10)}, (lambda p: p["x"] < p["y"],))
    point = space.sample(rng)
    for _ in range(100):
        assert point[0] < point[1]
        point = space.move(point, 1, 0.5, rng)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_large_arrays_that_differ_are_told_apart(dtype, rng):
    """Also where they have the same entries in another order."""
    array = (1000 * rng.standard_normal(20_000)).astype(dtype)
    others = [array.copy() for _ in range(5)]
    others[0][-1] += 1
    others[1][[5, 9000]] = array[[9000, 5]]
    others[2][[5, 5 + 2048]] = array[[5 + 2048, 5]]
    others[3][[3 * 2048 + 7, 7 * 2048 + 3]] = array[[7 * 2048 + 3, 3 * 2048 + 7]]
    others[4] = array[::-1].copy()
    marks = [Omitted.array(each) for each in [array, *others]]
    assert len(set(marks)) == 6
    assert Omitted.array(array.copy()) == marks[0]

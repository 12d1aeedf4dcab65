"""Objectives and spaces that are hard on a model: it neither fails, nor warns, nor stands still."""

import math

import pytest

import pyhopper


def plane(**more):
    return {"x": pyhopper.float(0, 1), "y": pyhopper.float(0, 1), **more}


def bowl(p):
    return (p["x"] - 0.3) ** 2 + (p["y"] - 0.8) ** 2


def failing_half(p):
    if p["x"] < 0.25:
        raise RuntimeError("out of memory")
    return bowl(p)


def deep(depth):
    """A choice in a choice in a choice."""
    inside = pyhopper.float(0, 1)
    for level in range(depth):
        inside = pyhopper.choice("stop", {f"level{level}": inside})
    return inside


def depth_of(value):
    return 1 + depth_of(next(iter(value.values()))) if isinstance(value, dict) else 0


# Template, objective, and what the best value has to be below after 60 evaluations.
CASES = {
    "constant": (plane(), lambda p: 1.0, 1.1),
    "two values": (plane(), lambda p: float(p["x"] + p["y"] > 0.3), 0.5),
    "one parameter": ({"x": pyhopper.float(0, 1)}, lambda p: (p["x"] - 0.3) ** 2, 1e-6),
    "one integer": ({"n": pyhopper.int(0, 10**6)}, lambda p: abs(p["n"] - 271_828), 1000),
    "a needle on a plateau": (plane(), lambda p: -1.0 if bowl(p) < 0.003 else 0.0, 0.1),
    "huge": (plane(), lambda p: 1e300 * bowl(p), 1e295),
    "huge at a bound": (plane(), lambda p: bowl(p) + (1e308 if p["x"] > 0.9 else 0), 1e-3),
    "tiny differences": (plane(), lambda p: 1.0 + 1e-12 * bowl(p), 1.0 + 1e-14),
    "subnormal": (plane(), lambda p: 1e-320 * bowl(p), 1e-322),
    "fails in a part": (plane(), failing_half, 1e-5),
    "NaN but in a corner": (
        plane(), lambda p: math.nan if p["x"] > 0.5 or p["y"] < 0.5 else bowl(p), 1e-2,
    ),
    "sixty choices of twenty": (
        {f"c{k}": pyhopper.choice(list(range(20))) for k in range(60)},
        lambda p: sum(value > 4 for value in p.values()), 44,
    ),
    "five levels of conditions": (deep(5), lambda p: -depth_of(p["tree"]), -4.5),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_cases(name):
    """With a seed, so that chance decides nothing. Any warning of NumPy's is an error."""
    template, objective, bound = CASES[name]
    template = template if isinstance(template, dict) else {"tree": template}
    search = pyhopper.Search(template, seed=1)
    search.run(objective, "min", steps=60, quiet=True, ignore_nans=True)
    assert search.best_f < bound
    points = [str(each.params) for each in search.history.evaluations]
    assert len(points) == len(set(points)) == 60 or name == "five levels of conditions"


@pytest.mark.parametrize("name", ["one parameter", "huge", "fails in a part"])
def test_bad_cases_control(name):
    """The control: random search does not reach these bounds."""
    template, objective, bound = CASES[name]
    search = pyhopper.Search(template, seed=1)
    draws = {"steps": 60, "seeding_steps": 60, "keep_history": False}
    search.run(objective, "min", quiet=True, **draws)
    assert search.best_f > bound

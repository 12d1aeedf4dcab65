"""Moves: how far they go at which temperature, and to which values."""

import math

import numpy as np
import pytest
from chance import DRAWS, FALSE_ALARM, chi_square, uniform

import pyhopper


def test_wide_moves_reach_everything(rng):
    """At temperature 1 a move is uniform over all other values."""
    param = pyhopper.int(0, 9)
    moved = [param.mutate(3, 1.0, rng) for _ in range(DRAWS)]
    assert chi_square(moved, uniform([0, 1, 2, 4, 5, 6, 7, 8, 9])) > FALSE_ALARM


@pytest.mark.parametrize(
    ("param", "value", "neighbours"),
    [
        (pyhopper.int(0, 1000), 500, {499, 501}),
        (pyhopper.int(0, 1000), 0, {1}),
        (pyhopper.int(0, 1000), 1000, {999}),
        (pyhopper.int(2, 64, power_of=2), 8, {4, 16}),
        (pyhopper.int(1, 10**6, log=True), 7, {6, 8}),
        (pyhopper.float(0, 100, "0.1f"), 0.3, {0.2, 0.4}),
        (pyhopper.float(1e-5, 1e-1, "0.2g"), 1e-3, {0.00099, 0.0011}),
        (pyhopper.choice(list(range(100)), is_ordinal=True), 50, {49, 51}),
    ],
)
def test_cold_moves_go_to_neighbours(param, value, neighbours, rng):
    """At a temperature near 0 a quantized value moves to its nearest neighbours, both of them."""
    assert {param.mutate(value, 1e-9, rng) for _ in range(100)} == neighbours


def test_cold_moves_are_short(rng):
    """The window of a continuous value is as long as the temperature says."""
    param = pyhopper.float(0, 1)
    moved = np.array([param.mutate(0.5, 0.2, rng) for _ in range(1000)])
    assert 0.4 <= moved.min() < 0.42
    assert 0.58 < moved.max() <= 0.6


def test_weighted_moves(rng):
    """Moves of a weighted choice are in proportion to the weights of the other options."""
    param = pyhopper.choice("a", "b", "c", weights=[1, 3, 1])
    moved = [param.mutate("a", 0.1, rng) for _ in range(DRAWS)]
    assert chi_square(moved, {"b": 0.75, "c": 0.25}) > FALSE_ALARM


def test_unbounded_moves_do_not_shrink_far_out(rng):
    """A normal number far from zero still moves."""
    param = pyhopper.float()
    moved = [param.mutate(50.0, 0.5, rng) for _ in range(100)]
    assert len(set(moved)) == 100
    assert 0.1 < np.std(moved) < 1.5
    assert math.isfinite(param.from_unit(0.0))


@pytest.mark.parametrize("init", [0.0, 100.0, -1e6])
def test_unbounded_numbers_have_a_place_on_the_line_however_large(init):
    """What a model sees of them tells them apart, and leads back to them."""
    param = pyhopper.float(init=init)
    for off in (0.0, 0.5, -3.0, 20.0, -1e3, 1e5):
        value = init + off
        assert param.from_unit(param.to_unit(value)) == pytest.approx(value, abs=1e-4 * abs(off))
        assert param.to_unit(value) < param.to_unit(value + 1.0)


@pytest.mark.parametrize(
    ("param", "best"),
    [
        (pyhopper.float(init=100), 101.0),
        (pyhopper.float(), 9.0),
        (pyhopper.float(shape=2, init=[20, -20]), np.array([22.0, -21.0])),
    ],
    ids=["near init", "far from 0", "an array"],
)
def test_an_optimum_far_out_is_found(param, best):
    """Median of five seeds."""
    found = []
    for seed in range(5):
        search = pyhopper.Search(x=param, seed=seed)
        search.run(lambda p: float(np.sum((p["x"] - best) ** 2)), "min", steps=60, quiet=True)
        found.append(search.best_f)
    assert sorted(found)[2] < 0.01

"""The outlook: what it says, and how often it is right."""

import math

import numpy as np
import pytest

import pyhopper
from pyhopper.history.outlook import forecast
from pyhopper.testing import FakeClock


def random_search(rng, count, dimension=2):
    """Losses of the best of a random search on a bowl, whose records are well understood."""
    return np.minimum.accumulate(np.sum(rng.random((count, dimension)) ** 2, axis=1))


def share_inside(more, shrink=1.0):
    """How often the truth lies in the range, for 400 random searches of 60 evaluations."""
    rng = np.random.default_rng(11)
    inside = []
    for _ in range(400):
        losses = random_search(rng, 60 + more)
        found = forecast(np.arange(1.0, 61.0), losses[:60], more)
        if found is not None:  # once in 60 times the first of all is the best
            gain = losses[59] - losses[-1]
            inside.append(found.low * shrink <= gain <= found.high * shrink)
    return np.mean(inside)


@pytest.mark.parametrize("more", [30, 60, 240])
def test_the_truth_lies_in_the_range(more):
    """At least 80% of the time; more often is possible since many gains are exactly zero.

    By chance 400 fair draws fall below 75% less often than once in 100.
    """
    assert share_inside(more) > 0.75


def test_a_range_that_is_too_small_is_found_out():
    """The control: a tenth of the range misses far more often."""
    assert share_inside(60, shrink=0.1) < 0.75


def test_a_long_time_without_improvement_lowers_the_chance():
    counts = np.arange(1.0, 101.0)
    early = np.where(counts < 10, 1.0, 0.5)
    late = np.where(counts < 95, 1.0, 0.5)
    assert forecast(counts, early, 50).chance < forecast(counts, late, 50).chance
    ever = [forecast(counts, late, more).chance for more in (1, 10, 100, 10_000)]
    assert ever == sorted(ever)
    assert 0 < ever[0] < 0.1
    assert ever[-1] > 0.9


def test_it_does_not_depend_on_the_unit():
    """Values in another unit give the same forecast in that unit."""
    losses = random_search(np.random.default_rng(4), 80)
    counts = np.arange(1.0, 81.0)
    found, scaled = (forecast(counts, losses * unit + unit, 40) for unit in (1.0, 1e6))
    assert scaled.chance == found.chance
    assert scaled.high == pytest.approx(1e6 * found.high)


@pytest.mark.parametrize("direction", ["max", "min"])
def test_a_search_says_what_more_evaluations_bring(direction):
    sign = 1 if direction == "max" else -1
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=2)
    search.run(lambda p: -sign * (p["x"] ** 2 + p["y"]), direction, steps=40, quiet=True)
    found = search.history.outlook(40)
    assert found.evaluations == 40
    assert found.best == search.best_f
    assert 0 <= found.forecast.low <= found.forecast.gain <= found.forecast.high
    assert "40 more evaluations improve the best value with a chance of" in str(found)


def test_a_duration_counts_as_evaluations_of_late():
    """The second half of the search tells how long an evaluation takes."""
    clock = FakeClock()
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=2, clock=clock)
    count = 0

    def objective(params):
        nonlocal count
        count += 1
        clock.advance(10 if count <= 10 else 60)
        return params["x"]

    search.run(objective, steps=20, quiet=True)
    found = search.history.outlook("4h")
    assert (found.evaluations, found.seconds) == (240, 4 * 3600)


def test_it_says_nothing_where_nothing_is_known():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=2)
    assert search.history.outlook(10).forecast is None
    search.run(lambda p: 1.0, steps=20, quiet=True)
    found = search.history.outlook(10)
    assert found.forecast is None
    assert "too few improvements" in str(found)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=2)
    search.run(lambda p: p["x"], steps=20, seeding_steps=20, quiet=True)
    assert "random phase is not over" in str(search.history.outlook(10))


@pytest.mark.parametrize("more", [0, -3, 2.5, math.nan, True, None, "soon", "0s"])
def test_mistakes_are_named(more):
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(pyhopper.ArgumentError, match="more="):
        search.history.outlook(more)

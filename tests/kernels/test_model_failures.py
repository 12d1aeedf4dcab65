"""Whether failures follow from the parameters or come by chance, and what is made of it."""

import random

import numpy as np
import pytest

import pyhopper
from pyhopper.kernels.coordinates import Coordinates
from pyhopper.kernels.model.failures import Failures

LAST = -1000
"""What has a smaller merit comes after everything else."""


def merits(fails, dimension=3, count=60, seed=0):
    """What failures add to the merit of new points, and which of these would fail."""
    space, rng = Coordinates.continuous(dimension), np.random.default_rng(seed)
    known, new = rng.random((count, dimension)), rng.random((400, dimension))
    failed = fails(known, rng)
    found = Failures(space, known[failed], known[~failed]).merit(new)
    return found, fails(new, rng)


@pytest.mark.parametrize("dimension", [2, 8])
@pytest.mark.parametrize(
    "fails",
    [
        lambda rows, _: rows[:, 0] > 0.6,
        lambda rows, _: rows[:, 0] + rows[:, 1] > 1.2,
        lambda rows, _: np.abs(rows[:, 1] - 0.5) < 0.15,
    ],
    ids=["large", "along a slope", "a band"],
)
def test_a_region_that_fails_is_passed_over(fails, dimension):
    """Nearly all that would fail comes last, and most of what would not does not."""
    passed = [merits(fails, dimension, seed=seed) for seed in range(5)]
    assert np.mean([(merit[failing] < LAST).mean() for merit, failing in passed]) > 0.85
    assert np.mean([(merit[~failing] > LAST).mean() for merit, failing in passed]) > 0.7


def test_failures_by_chance_ban_hardly_anything():
    """Three in ten fail anywhere: nothing is banned in most cases, and little on average."""
    cases = [merits(lambda rows, rng: rng.random(len(rows)) < 0.3, seed=s)[0] for s in range(40)]
    banned = [(merit < LAST).mean() for merit in cases]
    assert np.median(banned) == 0
    assert np.mean(banned) < 0.1


def best_of(fails, steps, seed):
    luck = random.Random(seed)
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=seed)

    def objective(params):
        if fails(params, luck):
            raise RuntimeError
        return (params["x"] - 0.3) ** 2 + (params["y"] - 0.4) ** 2

    search.run(objective, "min", steps=steps, quiet=True)
    return search.best_f


def test_a_search_goes_on_where_trainings_fail_by_chance():
    """A node goes down in three of ten: the optimum is found all the same (median of 7 seeds).

    With each failure's surroundings banned, half of the searches end above 1e-3.
    """
    found = [best_of(lambda p, luck: luck.random() < 0.3, 40, seed) for seed in range(7)]
    assert sorted(found)[3] < 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_a_promise_that_fails_again_and_again_is_given_up(seed):
    """By the two values that there are at first, the best should be where everything fails."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=seed)

    def objective(params):
        if params["x"] < 0.5:
            raise ValueError
        return (params["x"] - 0.6) ** 2

    search.run(objective, "min", steps=40, quiet=True)
    late = search.history.evaluations[20:]
    assert sum(each.status.value == "failed" for each in late) <= 6
    assert search.best_f < 1e-6


def test_an_optimum_next_to_what_fails_is_reached():
    """The best that works lies on the edge, at x = 0.5 (median of 7 seeds)."""
    found = [best_of(lambda p, _: p["x"] < 0.5, 50, seed) for seed in range(7)]
    assert sorted(found)[3] < 0.042

"""The model of the best point's vicinity."""

import itertools
import math

import numpy as np
import pytest

import pyhopper
from pyhopper.kernels.coordinates import Coordinates, keys
from pyhopper.kernels.model import vicinity as module
from pyhopper.kernels.model.design import whole_space
from pyhopper.kernels.model.gaussian import first_hyper
from pyhopper.kernels.model.screening import Seen, rank
from pyhopper.kernels.model.vicinity import beyond, vicinity


def space(levels=(0, 0, 4, 3)):
    """Columns with these levels, 0 for a continuous one; the last holds options without order."""
    levels = np.array(levels)
    options = np.arange(len(levels)) == len(levels) - 1
    return Coordinates(levels, options, np.full(len(levels), -1), np.zeros(len(levels)))


def around_the_best(columns, rows, values):
    return vicinity(np.random.default_rng(0), first_hyper(columns), columns, rows, values)


def two_heaps(columns, count=60):
    """Evaluations close to a corner, which are the best, and as many in the opposite one."""
    rows = whole_space(np.random.default_rng(0), columns, count)
    near = np.arange(count) % 2 == 0
    rows[:, :2] = np.where(near[:, None], 0.1 * rows[:, :2], 1.0 - 0.1 * rows[:, :2])
    rows[near, 2:] = 0.125, 1.0
    return rows, np.abs(rows[:, :2] - 0.05).sum(axis=1), near


@pytest.fixture
def always(monkeypatch):
    """Every candidate of the second phase comes from the vicinity."""
    monkeypatch.setattr(module, "_SHARE", 1.0)


@pytest.mark.usefixtures("always")
class TestAlways:
    def test_the_box_is_what_the_nearest_fill(self):
        columns = space()
        rows, values, near = two_heaps(columns)
        found = around_the_best(columns, rows, values)
        assert near[found.used].all()
        assert len(found.used) == 16
        assert found.longest < 0.1
        assert (beyond(found.coordinates, rows[found.used]) < 1e-12).all()
        assert (beyond(found.coordinates, rows[~near]) > 1).all()

    def test_candidates_are_inside_and_keep_what_all_share(self):
        columns = space()
        rows, values, _ = two_heaps(columns)
        for seed in range(10):
            result = rank(
                np.random.default_rng(seed), columns, Seen(rows, values, rows[:0]), 1, False
            )
            assert (result.rows[0, :2] < 0.11).all()
            assert (result.rows[:, 2:] == (0.125, 1.0)).all()
            assert not set(keys(result.rows)) & set(keys(rows))

    @pytest.mark.parametrize("levels", [(4, 5, 3), (1, 1, 2), (4, 5, 300)])
    def test_with_few_levels_there_is_none(self, levels):
        columns = space(levels)
        rows = whole_space(np.random.default_rng(0), columns, 60)
        values = rows.sum(axis=1)
        assert around_the_best(columns, rows, values) is None

    def test_many_levels_are_as_good_as_a_continuum(self):
        columns = space((401, 4, 3))
        rows = whole_space(np.random.default_rng(0), columns, 60)
        rows[:, 1:] = 0.125, 1.0
        values = np.abs(rows[:, 0] - rows[0, 0])
        found = around_the_best(columns, rows, values)
        assert len(found.used) == 12
        assert values[found.used].max() < np.delete(values, found.used).min()
        assert found.longest < 0.5

    def test_all_alike_in_what_is_continuous(self):
        columns = space()
        rows, values, _ = two_heaps(columns)
        rows[:, :2] = 0.5
        assert around_the_best(columns, rows, values) is None

    def test_what_exploded_is_kept_away_from(self):
        columns = Coordinates.continuous(2)
        rows = whole_space(np.random.default_rng(0), columns, 60)
        values = 1 - rows[:, 0]
        over = rows[:, 0] > 0.8
        values[over] = 1e9
        found = around_the_best(columns, rows, values)
        assert not over[found.used].any()
        assert over[found.exploded].all()

    def test_inactive_columns(self):
        """Half of the evaluations have no second column."""
        columns = Coordinates(
            np.array([2, 0, 0]),
            np.array([True, False, False]),
            np.array([-1, 0, -1]),
            np.array([0, 1, 0]),
        )
        rows = whole_space(np.random.default_rng(0), columns, 60)
        values = np.nansum((rows - 0.3) ** 2, axis=1)
        for best in (0, 1):
            losses = values + (rows[:, 0] != best)
            result = rank(np.random.default_rng(0), columns, Seen(rows, losses, rows[:0]), 1, False)
            assert (np.isnan(result.rows[:, 1]) == (result.rows[:, 0] == 0)).all()
            assert np.isfinite(result.mean).all()


@pytest.mark.slow
def test_a_valley_is_followed_further(monkeypatch):
    """Over eight searches the mean of log10 of the best value falls by .4, give or take .11.

    The control leaves the vicinity out.
    """

    def valley(params):
        x = [params[name] for name in "abc"]
        return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x))

    def found():
        reached = []
        for seed in range(8):
            search = pyhopper.Search({name: pyhopper.float(-2, 2) for name in "abc"}, seed=seed)
            search.run(valley, "min", steps=100, quiet=True)
            reached.append(math.log10(search.best_f))
        return np.mean(reached)

    near = found()
    monkeypatch.setattr(module, "_SHARE", 0.0)
    assert near < found() - 0.1


@pytest.mark.slow
def test_few_candidates_explode_beside_a_cliff(monkeypatch):
    """The best is at the edge of what diverges; the control takes such values for values."""

    def exploded():
        search = pyhopper.Search({name: pyhopper.float(0, 1) for name in "abc"}, seed=3)
        search.run(
            lambda p: 1e9 if p["a"] > 0.97 else (p["b"] - 0.5) ** 2 + (p["c"] - 0.5) ** 2 - p["a"],
            "min", steps=150, quiet=True,
        )  # fmt: skip
        return sum(value > 1e6 for value in search.history.fs)

    few = exploded()
    monkeypatch.setattr(module, "_EXPLODED", math.inf)
    assert few < 20 < exploded()

"""Values near the limits of a float are values like others: no warning, which is an error here."""

import itertools
import math
import sys

import pytest

import pyhopper
from pyhopper.noise import mean, median

HUGE = sys.float_info.max


def one_of(*values):
    """An objective without a slope."""
    return lambda x: values[int(1000 * x) % len(values)]


OBJECTIVES = {
    "subnormal": lambda x: 1e-320 * x,
    "the smallest": lambda x: 5e-324 * (x > 0.5),
    "1e200": lambda x: 1e200 * x,
    "up to the largest": lambda x: HUGE * x,
    "of both signs": lambda x: (2 * x - 1) * HUGE,
    "close to the largest": lambda x: HUGE * (1 - 1e-15 * x),
    "of all sizes": lambda x: 10 ** (616 * x - 308),
    "the largest": lambda x: HUGE,
    "two": lambda x: HUGE if x > 0.5 else -HUGE,
    "with small ones": lambda x: 1e-320 if x > 0.5 else 1e308 * x,
    "with ordinary ones": one_of(1.0, 1e308, 0.5, -1e308, 2.0),
    "with infinite ones": one_of(1.0, math.inf, 1e308, -math.inf, -1e308, 1e-320, math.nan),
}


def searched(value, direction, steps, size, tries):
    """Search with values that depend on x; interrupt after a number of evaluations."""
    calls = itertools.count(1)

    def objective(p):
        if next(calls) > tries:
            raise KeyboardInterrupt
        return value(p["x"])

    search = pyhopper.Search(x=pyhopper.float(0, 1), v=pyhopper.float(0, 1, shape=size), seed=3)
    search.run(objective, direction, steps=steps, ignore_nans=True)
    return search


@pytest.mark.parametrize(
    ("name", "direction"), list(zip(OBJECTIVES, 6 * ["max", "min"], strict=True))
)
def test_extreme_values(name, direction, capsys):
    """With the model, and with the two chains that learn."""
    value = OBJECTIVES[name]
    for steps, size, tries in ((60, 1, 60), (2500, 1, 300), (60, 70, 60), (2500, 70, 300)):
        search = searched(value, direction, steps, size, tries)
        finite = [value for value in search.history.fs if math.isfinite(value)]
        assert search.best_f == (max if direction == "max" else min)(finite)
    assert "Best (" in capsys.readouterr().out


@pytest.mark.parametrize("direction", ["max", "min"])
@pytest.mark.parametrize("reduction", ["mean", "median"])
def test_extreme_values_of_repeats(direction, reduction):
    """Their noise is found out, and the leaders are evaluated again."""
    values = itertools.cycle([HUGE, -HUGE, 0.9 * HUGE, 1e-320, 1.0, math.inf, HUGE, -math.inf])
    objective = pyhopper.wrap_n_times(lambda p: next(values), 3, reduction=reduction)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=3)
    search.run(objective, direction, steps=60, ignore_nans=True)
    assert math.isfinite(search.best_f)


def test_extreme_estimates_of_pruned_ones():
    values = itertools.cycle([HUGE, -HUGE, 0.9 * HUGE, 1e-320, 0.8 * HUGE])

    def objective(p):
        yield next(values)
        yield next(values)

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=3)
    search.run(objective, "min", steps=60, pruner=pyhopper.pruners.QuantilePruner(0.5))
    assert search.best_f == -HUGE


@pytest.mark.parametrize(
    ("numbers", "average", "middle"),
    [
        ([HUGE, HUGE, HUGE], HUGE, HUGE),
        ([HUGE, 0.5 * HUGE], 0.75 * HUGE, 0.75 * HUGE),
        ([HUGE, -HUGE, 3.0], 1.0, 3.0),
        ([math.inf, 1.0], math.inf, math.inf),
        ([math.inf, -math.inf, 1.0], math.nan, 1.0),
        ([math.nan, math.inf], math.nan, math.nan),
        ([1e-320, 3e-320], 2e-320, 2e-320),
    ],
)
def test_mean_and_median(numbers, average, middle):
    assert mean(numbers) == pytest.approx(average, nan_ok=True)
    assert median(numbers) == pytest.approx(middle, nan_ok=True)

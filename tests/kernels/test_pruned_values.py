"""What the model learns from evaluations that were given up."""

import math

import numpy as np
import pytest

import pyhopper
from pyhopper.history.endings import Line, Scale
from pyhopper.kernels.coordinates import Coordinates
from pyhopper.kernels.model.gaussian import Model, first_hyper
from pyhopper.pruners import QuantilePruner


def test_a_place_on_a_scale_belongs_to_one_value():
    scale = Scale.of([1.0, 2.0, 5.0, 1e6])
    for value in (-3.0, 1.0, 1.5, 4.0, 100.0):
        assert scale.back(scale.at(value)) == pytest.approx(value)
    assert math.isfinite(scale.back(1e9))


def test_expected_end_of_a_curve():
    """The final values are twice as far apart as the estimates."""
    line = Line.fit([10.0, 11.0, 12.0, 13.0, 14.0], [1.0, 3.0, 5.0, 7.0, 9.0])
    assert line.expected(12.5) == pytest.approx(6.0)
    assert line.unexplained == pytest.approx(0.0, abs=1e-9)


def test_nothing_is_expected_of_estimates_that_say_nothing():
    line = Line.fit([1.0, 2.0, 2.0, 1.0], [1.0, 1.0, 2.0, 2.0])
    assert line.expected(1.0) == pytest.approx(line.expected(2.0))
    assert line.unexplained == pytest.approx(1.0)


def test_an_unsure_value_counts_less():
    """Of two values at nearly the same place the sure one is believed."""
    space = Coordinates.continuous(1)
    rows = np.array([[0.0], [0.5], [0.51], [1.0]])
    values = np.array([1.0, 0.0, 2.0, 1.0])
    for sure, unsure in ((1, 2), (2, 1)):
        error = np.zeros(4)
        error[unsure] = 1.0
        model = Model(first_hyper(space), space, rows, values, unsure=error)
        mean, _ = model.in_objective_units(*model.predict(rows[1:3]))
        assert abs(mean - values[sure]).max() < abs(mean - values[unsure]).min()


def candidates(offset: float) -> np.ndarray:
    """What a search evaluates whose estimates are off by this much."""

    def train(params):
        loss = sum((params[name] - 0.7) ** 2 for name in "xyz")
        yield loss + offset
        yield loss

    search = pyhopper.Search({name: pyhopper.float(0, 1) for name in "xyz"}, seed=1)
    search.run(train, "min", steps=25, pruner=QuantilePruner(0.9, warmup=10), quiet=True)
    assert search.history.evaluations[-1].status == "pruned"
    return np.array([list(each.params.values()) for each in search.history.evaluations])


def test_a_pruned_estimate_is_not_taken_for_a_value():
    """What follows from it is the same, whatever it differs by from the value at the end."""
    assert candidates(1.0) == pytest.approx(candidates(-1.0), abs=1e-3)

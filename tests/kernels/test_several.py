"""The arithmetic of screening several objectives, against sums over many random draws."""

import numpy as np
import pytest

from pyhopper.kernels.model.several import boxes, log_hypervolume_improvement


def volume(front, reference, rng, draws=200_000):
    """The share of a box up to the reference that a front dominates."""
    points = rng.random((draws, len(reference))) * reference
    hit = np.zeros(draws, dtype=bool)
    for row in front:
        hit |= (points >= row).all(axis=1)
    return hit.mean() * np.prod(reference)


@pytest.mark.parametrize("count", [2, 3])
def test_boxes_are_what_is_not_dominated(count):
    """Their volume, with the lower ends at zero, is that of what is left.

    False alarms: five standard deviations of the share, less than one in a million.
    """
    rng = np.random.default_rng(count)
    front = rng.random((12, count)) ** 0.5
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    reference = np.full(count, 1.2)
    ends, lower, upper = boxes(front, reference)
    ends = [np.maximum(each, 0.0) for each in ends]
    sides = [ends[j][upper[:, j]] - ends[j][lower[:, j]] for j in range(count)]
    total = float(np.prod(sides, axis=0).sum())
    whole = float(np.prod(reference))
    left = whole - volume(front, reference, rng)
    assert total == pytest.approx(left, abs=5 * whole * 0.5 / 200_000**0.5)


@pytest.mark.parametrize("count", [2, 3])
def test_expected_improvement_of_the_hypervolume(count):
    """The closed form is the mean over draws of what a point adds.

    False alarms: five standard deviations of the mean, less than one in a million.
    """
    rng = np.random.default_rng(10 + count)
    front = rng.random((6, count))
    keep = [not any((o < r).all() for o in front) for r in front]
    front, reference = front[keep], np.full(count, 1.5)
    mean, sd = np.full((1, count), 0.4), np.full((1, count), 0.3)
    found = float(np.exp(log_hypervolume_improvement(mean, sd, *boxes(front, reference)))[0])
    ends, lower, upper = boxes(front, reference)
    draws = mean + sd * rng.standard_normal((20_000, count))
    added = np.zeros(len(draws))
    for low, high in zip(lower, upper, strict=True):
        side = np.ones(len(draws))
        for j in range(count):
            start = np.maximum(ends[j][low[j]], draws[:, j])
            side *= np.maximum(ends[j][high[j]] - start, 0.0)
        added += side
    error = 5 * added.std() / len(draws) ** 0.5
    assert found == pytest.approx(added.mean(), abs=error)
    assert error < 0.1 * found

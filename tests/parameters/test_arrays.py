"""Arrays: their shapes and types, and bounds for each entry."""

import numpy as np
import pytest
from scipy import stats

import pyhopper


def test_bounds_set_the_shape(rng):
    assert pyhopper.float(np.zeros((2, 1)), [1, 2, 3]).sample(rng).shape == (2, 3)
    assert pyhopper.int([5, 9]).shape == (2,)


def test_array_bounds(rng):
    """Bounds may be arrays, and each entry keeps its own."""
    low, high = np.array([0, 100]), np.array([[1], [200], [5]])
    param = pyhopper.float(low, high, shape=(3, 2))
    for _ in range(50):
        value = param.mutate(param.sample(rng), 0.3, rng)
        assert np.all(value >= np.minimum(low, high))
        assert np.all(value <= np.maximum(low, high))
    whole = pyhopper.int([1, 16], 64, power_of=2, shape=(4, 2)).sample(rng)
    assert set(whole[:, 1]) <= {16, 32, 64}


def test_float32_bounds(rng):
    """A bound that float32 cannot hold is not exceeded by rounding."""
    value = pyhopper.float(0.1, 0.7, shape=20_000, dtype=np.float32).sample(rng).astype(np.float64)
    assert value.min() >= 0.1
    assert value.max() <= 0.7


GRIDS = {
    "int": (lambda **more: pyhopper.int(0, 3, **more), [0, 1, 2, 3]),
    "float multiple": (
        lambda **more: pyhopper.float(0, 1, multiple_of=0.3, **more),
        [0.0, 0.3, 0.6, 0.9],
    ),
    "float power": (
        lambda **more: pyhopper.float(1e-3, 1, power_of=10, **more),
        [0.001, 0.01, 0.1, 1.0],
    ),
    "float decimals": (
        lambda **more: pyhopper.float(-0.2, 0.1, "0.1f", **more),
        [-0.2, -0.1, 0.0, 0.1],
    ),
    "distribution": (lambda **more: pyhopper.distribution(stats.binom(2, 0.4), **more), [0, 1, 2]),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("shape", [3, (4, 5)])
def test_arrays_of_quantized_values(name, shape, rng):
    """Entries of arrays have the values of a single number, and the documented type."""
    make, values = GRIDS[name]
    param = make(shape=shape)
    seen = set()
    for _ in range(100):
        array = param.mutate(param.sample(rng), 0.5, rng)
        assert type(array) is np.ndarray
        assert array.shape == np.zeros(shape).shape
        assert array.dtype == (np.float64 if isinstance(values[0], float) else np.int64)
        seen |= set(array.ravel().tolist())
    assert sorted(seen) == values


@pytest.mark.parametrize(
    ("param", "columns"),
    [
        (
            pyhopper.float([0.1, 0.5], 0.6, "0.1f", shape=(3, 2)),
            [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.5, 0.6]],
        ),
        (pyhopper.float([0.01, 0.1], 1, power_of=10, shape=(3, 2)), [[0.01, 0.1, 1.0], [0.1, 1.0]]),
        (pyhopper.float([8e-3, 0.08], 0.1, "0.1g", shape=(3, 2)), [None, [0.08, 0.09, 0.1]]),
        (pyhopper.int([0, 10], 20, multiple_of=10, shape=(3, 2)), [[0, 10, 20], [10, 20]]),
        (pyhopper.int([1, 3], 3, log=True, shape=(3, 2)), [[1, 2, 3], [3]]),
    ],
    ids=repr,
)
def test_arrays_of_bounds_of_quantized_values(param, columns, rng):
    """Each entry has all values between its own bounds, and no others."""
    drawn = np.concatenate([param.mutate(param.sample(rng), 0.9, rng) for _ in range(200)])
    for values, column in zip(columns, drawn.T.tolist(), strict=True):
        assert values is None or sorted(set(column)) == values


@pytest.mark.parametrize(
    "param",
    [
        pyhopper.float(0, 1, precision=1, shape=50, dtype=np.float32),
        pyhopper.float(1e-3, 1, "0.2g", shape=50, dtype=np.float32),
        pyhopper.float(0, 1, multiple_of=0.25, shape=50, dtype=np.float32),
        pyhopper.float(1e-3, 1, power_of=10, shape=50, dtype=np.float32),
    ],
    ids=repr,
)
def test_single_precision(param, rng):
    """Quantized float32 entries are the nearest to the numbers a person would write."""
    array = param.mutate(param.sample(rng), 0.5, rng)
    assert array.dtype == np.float32
    assert array.tolist() == [float(np.float32(float(f"{x:.4g}"))) for x in array]


@pytest.mark.parametrize(
    "param",
    [
        pyhopper.int([0, -3], [0, 7]),
        pyhopper.float([1, 0], [1, 2], precision=1),
        pyhopper.int([2, 2], [2, 64], power_of=2),
        pyhopper.int([4, 0], [5, 9], multiple_of=2),
    ],
    ids=repr,
)
def test_an_entry_without_a_choice_stays(param):
    """Where only some entries of an array can move, the others have no neighbour."""
    value = param.start(np.random.default_rng(0))
    for seed in range(300):
        value = param.mutate(value, 0.01, np.random.default_rng(seed))
        assert param.check(value) is not None

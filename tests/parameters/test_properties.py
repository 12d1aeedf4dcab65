"""Properties that hold for any parameter of any kind."""

import builtins
import os

import numpy as np
import strategies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyhopper
from pyhopper.parameters import Numeric

# New examples are for the desk; in CI the same change must give the same result.
SETTINGS = settings(
    max_examples=int(os.environ.get("PYHOPPER_TEST_EXAMPLES", "150")),
    derandomize="CI" in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 2**32)
TEMPERATURES = st.floats(1e-12, 1)


def equal(a, b):
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, builtins.list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and all(equal(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


@SETTINGS
@given(strategies.nested(), SEEDS, TEMPERATURES)
def test_moves_are_legal_and_never_stay(param, seed, temperature):
    """Draws and moves pass the check unchanged, and a move changes something."""
    rng = np.random.default_rng(seed)
    value = param.sample(rng)
    assert equal(param.check(value), value)
    for _ in range(3):
        moved = param.mutate(value, temperature, rng)
        assert equal(param.check(moved), moved)
        assert param.size == 1 or not equal(moved, value)
        value = moved


@SETTINGS
@given(strategies.ints() | strategies.floats(), SEEDS)
def test_values_lie_within_the_bounds(param, seed):
    """No value is outside, ever."""
    rng = np.random.default_rng(seed)
    low, high = param.bounds.low, param.bounds.high
    if low is None:
        return
    for value in (param.sample(rng), param.start(rng), param.mutate(param.sample(rng), 1, rng)):
        assert np.all(value >= low)
        assert np.all(value <= high)


@SETTINGS
@given(strategies.ints() | strategies.floats(), SEEDS)
def test_unit_coordinates_round_trip(param, seed):
    """Position and value belong together; quantized values come back exactly."""
    rng = np.random.default_rng(seed)
    value = param.sample(rng)
    unit = param.to_unit(value)
    assert np.all(unit >= 0)
    assert np.all(unit <= 1)
    back = param.from_unit(unit)
    if param.scale.count is None:
        assert np.allclose(back, value, rtol=1e-4 if param.dtype == np.float32 else 1e-9)
    else:
        assert equal(back, value)


@SETTINGS
@given(strategies.nested(), SEEDS)
def test_candidates_round_trip(param, seed):
    """A built candidate can be read back, and it alone decides its key."""
    search = pyhopper.Search({"p": param, "n": {"q": [param, 7]}})
    space = search._log.space
    point = space.sample(np.random.default_rng(seed))
    params = space.build(point)
    again = space.read_all(params)
    assert equal(space.build(again), params)
    if all(isinstance(leaf.param, Numeric) for leaf in space.leaves):
        assert space.key(again) == space.key(point)


@SETTINGS
@given(strategies.nested(), SEEDS)
def test_sampling_repeats_itself(param, seed):
    """The generator is the only source of randomness."""
    first, second = (np.random.default_rng(seed) for _ in range(2))
    assert equal(param.sample(first), param.sample(second))
    value = param.sample(np.random.default_rng(1))
    assert equal(param.mutate(value, 0.5, first), param.mutate(value, 0.5, second))

"""Draws: how often each value comes, and that it is the number a person would write."""

import numpy as np
import pytest
from chance import DRAWS, FALSE_ALARM, chi_square, uniform
from scipy import stats

import pyhopper


def log_weights(values, below, above):
    """Probabilities of loguniform numbers to be rounded to each value."""
    edges = [(a + b) / 2 for a, b in zip([below, *values], [*values, above], strict=True)]
    mass = np.diff(np.log(edges))
    return dict(zip(values, mass / mass.sum(), strict=True))


DIGITS = [float(f"{m}e{e}") for e in (-3, -2) for m in range(1, 10)] + [0.1]


KINDS = {
    "int": (pyhopper.int(5), uniform(range(6))),
    "int one bound": (pyhopper.int(-3), uniform(range(-3, 1))),
    "int swapped bounds": (pyhopper.int(9, 2), uniform(range(2, 10))),
    "int multiple": (pyhopper.int(100, 500, multiple_of=100), uniform(range(100, 501, 100))),
    "int multiple inside": (pyhopper.int(5, 12, multiple_of=5), uniform([5, 10])),
    "int negative multiple": (pyhopper.int(-7, 7, multiple_of=3), uniform([-6, -3, 0, 3, 6])),
    "int power": (pyhopper.int(2, 64, power_of=2), uniform([2, 4, 8, 16, 32, 64])),
    "int power of 3": (pyhopper.int(1, 100, power_of=3), uniform([1, 3, 9, 27, 81])),
    "int power from 0": (pyhopper.int(9, power_of=3), uniform([1, 3, 9])),
    "int power and multiple": (
        pyhopper.int(1, 100, power_of=2, multiple_of=16),
        uniform([16, 32, 64]),
    ),
    "int log": (pyhopper.int(1, 30, log=True), log_weights(list(range(1, 31)), 0, 31)),
    "int log multiple": (
        pyhopper.int(10, 90, log=True, multiple_of=10),
        log_weights(list(range(10, 91, 10)), 0, 100),
    ),
    "float decimals": (pyhopper.float(0, 1, precision=1), uniform([i / 10 for i in range(11)])),
    "float format": (pyhopper.float(0, 1, "0.1f"), uniform([i / 10 for i in range(11)])),
    "float colon format": (pyhopper.float(0, 1, ":0.1f"), uniform([i / 10 for i in range(11)])),
    "float 0.8 to 1.0": (pyhopper.float(0.8, 1.0, precision=1), uniform([0.8, 0.9, 1.0])),
    "float whole": (pyhopper.float(-1, 1, precision=0), uniform([-1.0, 0.0, 1.0])),
    "float multiple": (pyhopper.float(0, 1, multiple_of=0.3), uniform([0.0, 0.3, 0.6, 0.9])),
    "float power": (pyhopper.float(1e-3, 1, power_of=10), uniform([0.001, 0.01, 0.1, 1.0])),
    "float digits": (
        pyhopper.float(1e-3, 1e-1, log=True, precision=1),
        log_weights(DIGITS, 0.00095, 0.2),
    ),
    "float g": (pyhopper.float(1e-3, 1e-1, "0.1g"), log_weights(DIGITS, 0.00095, 0.2)),
    "float log decimals": (
        pyhopper.float(0.1, 0.5, "0.1f", log=True),
        log_weights([0.1, 0.2, 0.3, 0.4, 0.5], 0, 0.6),
    ),
    "choice": (pyhopper.choice("a", "b", "c"), uniform("abc")),
    "choice of a list": (pyhopper.choice(["a", "b", "c"]), uniform("abc")),
    "choice weights": (pyhopper.choice("a", "b", weights=[3, 1]), {"a": 0.75, "b": 0.25}),
    "choice ordinal": (pyhopper.choice([1, 10, 100], is_ordinal=True), uniform([1, 10, 100])),
    "bool": (pyhopper.bool(), uniform([False, True])),
    "distribution": (
        pyhopper.distribution(stats.binom(4, 0.3)),
        {k: stats.binom(4, 0.3).pmf(k) for k in range(5)},
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_draws(name, rng):
    """Every legal value is drawn, as often as it should, and nothing else."""
    param, expected = KINDS[name]
    assert chi_square([param.sample(rng) for _ in range(DRAWS)], expected) > FALSE_ALARM


def test_control_rounded_ends(rng):
    """The control: rounding a uniform draw, which halves both ends, must be found out."""
    values = [round(rng.random(), 1) for _ in range(DRAWS)]
    assert chi_square(values, uniform([i / 10 for i in range(11)])) < FALSE_ALARM


CONTINUA = {
    "float": (pyhopper.float(-2, 3), stats.uniform(-2, 5)),
    "float log": (pyhopper.float(1e-4, 1, log=True), stats.loguniform(1e-4, 1)),
    "float free": (pyhopper.float(), stats.norm()),
    "beta": (pyhopper.distribution(stats.beta(2, 5)), stats.beta(2, 5)),
    "gamma": (pyhopper.distribution(stats.gamma(3, scale=2)), stats.gamma(3, scale=2)),
    "truncated normal": (pyhopper.distribution(stats.truncnorm(-1, 2)), stats.truncnorm(-1, 2)),
}


@pytest.mark.parametrize("name", CONTINUA)
def test_continuous_draws(name, rng):
    """The Kolmogorov-Smirnov test, at the same level."""
    param, frozen = CONTINUA[name]
    values = [param.sample(rng) for _ in range(DRAWS)]
    assert stats.kstest(values, frozen.cdf).pvalue > FALSE_ALARM


def test_continuous_control(rng):
    """The control: uniform draws are no normal ones."""
    values = [pyhopper.float(-2, 2).sample(rng) for _ in range(DRAWS)]
    assert stats.kstest(values, stats.norm().cdf).pvalue < FALSE_ALARM


ARRAY_KINDS = {
    "int multiple": lambda shape: pyhopper.int(100, 500, multiple_of=100, shape=shape),
    "int power": lambda shape: pyhopper.int(2, 64, power_of=2, shape=shape),
    "int log": lambda shape: pyhopper.int(1, 30, log=True, shape=shape),
    "int log multiple": lambda shape: pyhopper.int(10, 90, log=True, multiple_of=10, shape=shape),
    "float decimals": lambda shape: pyhopper.float(0, 1, "0.1f", shape=shape),
    "float g": lambda shape: pyhopper.float(1e-3, 1e-1, "0.1g", shape=shape),
}


@pytest.mark.parametrize("name", ARRAY_KINDS)
def test_array_draws(name, rng):
    """Entries of arrays are drawn like single values."""
    values = ARRAY_KINDS[name]((100, DRAWS // 100)).sample(rng)
    assert values.shape == (100, DRAWS // 100)
    assert chi_square(values.ravel().tolist(), KINDS[name][1]) > FALSE_ALARM


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_continuous_array_draws(dtype, rng):
    """More entries than one block holds."""
    values = pyhopper.float(-2, 3, shape=(3, 40_000), dtype=dtype).sample(rng)
    assert values.dtype == dtype
    assert stats.kstest(values.ravel(), stats.uniform(-2, 5).cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("param", "kind"),
    [
        (pyhopper.int(3), int),
        (pyhopper.int(1, 64, power_of=2), int),
        (pyhopper.int(1, 64, log=True), int),
        (pyhopper.float(1), float),
        (pyhopper.float(0, 1, "0.1f"), float),
        (pyhopper.float(1e-3, 1, "0.1g"), float),
        (pyhopper.float(), float),
        (pyhopper.float(1e-3, 1, power_of=10), float),
        (pyhopper.bool(), bool),
        (pyhopper.distribution(stats.norm()), float),
        (pyhopper.distribution(stats.poisson(4)), int),
        (pyhopper.choice(np.array([1, 2])), int),
        (pyhopper.list(pyhopper.int(3), 1, 3), list),
    ],
)
def test_plain_types(param, kind, rng):
    """Scalars are plain Python values, which JSON and frameworks accept."""
    value = param.sample(rng)
    assert type(value) is kind
    assert type(param.mutate(value, 0.5, rng)) is kind
    assert type(param.start(rng)) is kind


def test_no_rounding_noise(rng):
    """Quantized values are the numbers a person would write."""
    for param in (pyhopper.float(0, 1, "0.1f"), pyhopper.float(0.8, 1.0, precision=1)):
        assert all(len(repr(param.sample(rng))) == 3 for _ in range(200))
    digits = pyhopper.float(1e-30, 1e30, "0.2g")
    for _ in range(500):
        value = digits.sample(rng)
        assert float(f"{value:.1e}") == value
    array = pyhopper.float(1e-30, 1e30, "0.2g", shape=500).sample(rng)
    assert all(float(f"{value:.1e}") == value for value in array.tolist())

"""Values: their distribution, their grid, and their exactness.

Each statistical test is a chi-square test at a level of 1e-6: with another seed it would raise a
false alarm once in a million runs. There are about 40, so once in 25,000 for all of them together.
"""

import math
import random
from collections import Counter

import numpy as np
import pytest
from scipy import stats

import pyhopper

FALSE_ALARM = 1e-6
DRAWS = 20_000


def chi_square(values, expected):
    """p-value of drawn values against their expected probabilities."""
    counts = Counter(values)
    assert set(counts) <= set(expected), set(counts) - set(expected)
    observed = [counts[value] for value in expected]
    wanted = np.array(list(expected.values())) * len(values)
    return stats.chisquare(observed, wanted / wanted.sum() * sum(observed)).pvalue


def uniform(values):
    return dict.fromkeys(values, 1 / len(values))


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
    """A Kolmogorov-Smirnov test at the same level."""
    param, frozen = CONTINUA[name]
    values = [param.sample(rng) for _ in range(DRAWS)]
    assert stats.kstest(values, frozen.cdf).pvalue > FALSE_ALARM


def test_continuous_control(rng):
    """The control: uniform draws are no normal ones."""
    values = [pyhopper.float(-2, 2).sample(rng) for _ in range(DRAWS)]
    assert stats.kstest(values, stats.norm().cdf).pvalue < FALSE_ALARM


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_continuous_array_draws(dtype, rng):
    """More entries than one block holds."""
    values = pyhopper.float(-2, 3, shape=(3, 40_000), dtype=dtype).sample(rng)
    assert values.dtype == dtype
    assert stats.kstest(values.ravel(), stats.uniform(-2, 5).cdf).pvalue > FALSE_ALARM


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
    """Scalars are plain Python values, so that JSON and frameworks take them."""
    value = param.sample(rng)
    assert type(value) is kind
    assert type(param.mutate(value, 0.5, rng)) is kind
    assert type(param.start(rng)) is kind


@pytest.mark.parametrize(
    ("param", "value"),
    [
        (pyhopper.int(100, 500), 300),
        (pyhopper.int(10, init=2), 2),
        (pyhopper.float(0, 1), 0.5),
        (pyhopper.float(1e-5, 1e-1, "0.1g"), 1e-3),
        (pyhopper.float(), 0.0),
        (pyhopper.float(0, 1, init=0.25), 0.25),
        (pyhopper.choice("a", "b", "c"), "a"),
        (pyhopper.choice([1, 10, 100], is_ordinal=True), 10),
        (pyhopper.choice("a", "b", "c", init_index=-1), "c"),
        (pyhopper.choice("a", "b", "c", init="b"), "b"),
        (pyhopper.bool(), False),
        (pyhopper.bool(True), True),
        (pyhopper.list(pyhopper.int(0, 8), 1, 3), [4, 4]),
        (pyhopper.list(pyhopper.int(0, 8), 2, init=[1, 2]), [1, 2]),
        (pyhopper.distribution(stats.norm(3, 1)), 3.0),
        (pyhopper.custom(lambda: "x", init="y"), "y"),
    ],
)
def test_start(param, value, rng):
    """The first candidate has the given value, or the middle of the range."""
    assert param.start(rng) == pytest.approx(value)


def test_init_off_the_grid(rng):
    """Between the bounds it is rounded, with a warning that names the line."""
    with pytest.warns(UserWarning, match=r"init=0\.33 is not in .*; 0\.3 is used") as warned:
        param = pyhopper.float(0, 1, "0.1f", init=0.33)
    assert param.start(rng) == 0.3
    assert warned[0].filename == __file__


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


def test_hooks_are_rounded_and_clipped(rng):
    """What a user's functions return becomes a legal value."""
    param = pyhopper.int(
        0, 100, multiple_of=10, seeding_fn=lambda: 47.2, mutation_fn=lambda v, t: v + 1000 * t
    )
    assert param.sample(rng) == 50
    assert param.mutate(50, 0.5, rng) == 100
    array = pyhopper.float(0, 1, "0.1f", shape=2, seeding_fn=lambda: [0.123, 7])
    assert array.sample(rng).tolist() == [0.1, 1.0]


def test_hooks_get_what_they_ask_for(rng):
    """Value, temperature and generator are passed by signature."""
    param = pyhopper.float(
        0, 1, seeding_fn=lambda rng: rng.random(), mutation_fn=lambda v, temperature: temperature
    )
    assert 0 <= param.sample(rng) < 1
    assert param.mutate(0.5, 0.3, rng) == 0.3
    bound = pyhopper.float(0, 1, mutation_fn=lambda v, scale=0.5: v * scale)
    assert bound.mutate(0.5, 0.9, rng) == 0.25


def test_custom(rng):
    """Draws and moves are the user's; a move may change the value in place."""

    def swap(order, rng):
        i, j = rng.integers(len(order), size=2)
        order[i], order[j] = order[j], order[i]
        return order

    param = pyhopper.custom(mutation_fn=swap, init=[0, 1, 2, 3])
    assert sorted(param.sample(rng)) == [0, 1, 2, 3]
    value = [0, 1, 2, 3]
    for _ in range(20):
        param.mutate(value, 0.5, rng)
    assert value == [0, 1, 2, 3]
    assert param.start(rng) == [0, 1, 2, 3]


def test_custom_that_returns_nothing(rng):
    """A mutation in place without a return is a common slip, and named."""
    param = pyhopper.custom(seeding_fn=lambda: [1], mutation_fn=lambda v: v.append(1))
    with pytest.raises(pyhopper.CandidateError, match=r"mutation_fn.*return"):
        param.mutate([1], 0.5, rng)


def test_conditional_choice(rng):
    """Options may hold parameters at any depth."""
    param = pyhopper.choice(
        "const", pyhopper.int(0, 9), {"name": "sgd", "inner": [pyhopper.float(0, 1), {"x": 3}]}
    )
    seen = Counter()
    value = param.sample(rng)
    for _ in range(300):
        value = param.mutate(value, 0.5, rng)
        seen[type(value)] += 1
        if isinstance(value, dict):
            assert value["name"] == "sgd"
            assert 0 <= value["inner"][0] <= 1
            assert value["inner"][1] == {"x": 3}
    assert set(seen) == {str, int, dict}


def test_list_moves_change_the_length(rng):
    """Items are changed, added and removed within the bounds."""
    param = pyhopper.list(pyhopper.int(16, 512, power_of=2), 1, 4)
    value, lengths = param.sample(rng), set()
    for _ in range(200):
        moved = param.mutate(value, 0.5, rng)
        assert moved != value
        lengths.add(len(moved))
        value = moved
    assert lengths == {1, 2, 3, 4}


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


def test_own_subclass_is_a_full_citizen():
    """A user's class needs sample and mutate only, not even a constructor call."""

    class Even(pyhopper.Parameter):
        def __init__(self, most):
            self.most = most

        def sample(self, rng):
            return 2 * int(rng.integers(self.most))

        def mutate(self, value, temperature, rng):
            return value + 2 if value < 2 * self.most - 2 else value - 2

    search = pyhopper.Search({"even": Even(50), "x": pyhopper.float(0, 1)}, seed=0)
    best = search.run(lambda p: p["even"] + p["x"], "max", steps=60, quiet=True)
    assert best["even"] % 2 == 0
    assert search.best_f > 80


def test_unbounded_moves_do_not_shrink_far_out(rng):
    """A normal number far from zero still moves."""
    param = pyhopper.float()
    moved = [param.mutate(50.0, 0.5, rng) for _ in range(100)]
    assert len(set(moved)) == 100
    assert 0.1 < np.std(moved) < 1.5
    assert math.isfinite(param.from_unit(0.0))


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


def test_subclasses_that_take_no_rng(rng):
    """Their methods may call each other and those of their base."""

    class Coin(pyhopper.Parameter):
        def sample(self):
            return random.random() < 0.5

        def mutate(self, value, temperature):
            return not value if temperature else self.sample()

    class Dice(Coin):
        def sample(self, sides=6):
            return super().sample() + sides

        def mutate(self, value):
            return self.sample(12)

    class Mixed(Drawing, pyhopper.Parameter):
        def mutate(self, value, temperature, rng):
            return value + 1

    assert Coin().sample(rng) in (True, False)
    assert Coin().mutate(True, 0.5, rng) is False
    assert Dice().sample(rng) in (6, 7)
    assert Dice().mutate(3, 0.5, rng) in (12, 13)
    assert Mixed().sample(rng) == 7
    assert Mixed(init=3).start(rng) == 3
    assert Mixed().mutate(1, 0.5, rng) == 2


class Drawing:
    def sample(self):
        return 7


def test_a_subclass_of_a_built_in_kind_draws_its_own_values():
    class Seven(pyhopper.int):
        def sample(self, rng):
            return 7

        def mutate(self, value, temperature, rng):
            return 8

    search = pyhopper.Search(n=Seven(0, 100), x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], steps=20, quiet=True)
    assert set(search.history["n"]) == {50, 7, 8}

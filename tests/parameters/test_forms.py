"""What users may write: parameters.

The one statistical test is a chi-square test at a level of 1e-6: with another seed it would raise a
false alarm once in a million runs. Everything else is exact.
"""

import math
from collections import Counter

import numpy as np
import pytest
from helpers import FALSE_ALARM, LOCAL, RANDOM, told, x_of
from scipy import stats

import pyhopper

# Parameters --------------------------------------------------------------------------------------

SAME = {
    "int of one bound": (pyhopper.int(10), pyhopper.int(0, 10)),
    "int without bounds": (pyhopper.int(), pyhopper.int(-(2**31), 2**31 - 1)),
    "int of an entry": (pyhopper.int(0, 10, shape=3), pyhopper.int(0, 10, shape=(3,))),
    "float of one bound": (pyhopper.float(1), pyhopper.float(0, 1)),
    "float of swapped bounds": (pyhopper.float(3, -2), pyhopper.float(-2, 3)),
    "arrays of swapped bounds": (
        pyhopper.float([1, 5], [0, 9], shape=2),
        pyhopper.float([0, 5], [1, 9], shape=2),
    ),
    "decimals": (pyhopper.float(0, 1, precision=1), pyhopper.float(0, 1, "0.1f")),
    "decimals with a colon": (pyhopper.float(0, 1, precision=1), pyhopper.float(0, 1, ":0.1f")),
    "digits": (
        pyhopper.float(1e-5, 1e-1, log=True, precision=1),
        pyhopper.float(1e-5, 1e-1, "0.1g"),
    ),
    "choice": (pyhopper.choice("adam", "sgd"), pyhopper.choice(["adam", "sgd"])),
    "list of one length": (pyhopper.list(pyhopper.int(9), 2), pyhopper.list(pyhopper.int(9), 2, 2)),
}


@pytest.mark.parametrize("name", SAME)
def test_short_forms(name):
    """A short form means the long one: the same start, draws and moves."""
    first, second = (np.random.default_rng(3) for _ in range(2))
    short, long = SAME[name]
    assert repr(short.start(first)) == repr(long.start(second))
    for _ in range(50):
        value = short.sample(first)
        assert repr(value) == repr(long.sample(second))
        assert repr(short.mutate(value, 0.5, first)) == repr(long.mutate(value, 0.5, second))


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


def test_any_object_is_an_option():
    """The objective gets the very object, whatever it is."""
    options = [math.tanh, None, dict, {"a": 1}, [1, 2], (3, 4), object(), b"x", np.arange(3)]
    seen = []
    search = pyhopper.Search(option=pyhopper.choice(options), seed=0)
    search.run(lambda p: seen.append(p["option"]) or 1.0, steps=50, quiet=True)
    assert len(seen) == len(options)
    assert all(any(option is each for each in seen) for option in options)


INITS = {
    "int": (pyhopper.int(0, 9, init=7), 7),
    "int array": (pyhopper.int(0, 9, shape=2, init=[7, 8]), np.array([7, 8])),
    "int array of one value": (pyhopper.int(0, 9, shape=2, init=7), np.array([7, 7])),
    "float": (pyhopper.float(0, 1, init=0.125), 0.125),
    "float digits": (pyhopper.float(1e-5, 1, "0.1g", init=2e-5), 2e-5),
    "float array": (pyhopper.float(0, 1, shape=2, init=[0.25, 0.75]), np.array([0.25, 0.75])),
    "choice": (pyhopper.choice("a", "b", init="b"), "b"),
    "choice by index": (pyhopper.choice("a", "b", init_index=1), "b"),
    "bool": (pyhopper.bool(init=True), True),
    "custom": (pyhopper.custom(lambda: "x", init="y"), "y"),
    "list": (pyhopper.list(pyhopper.int(9), 1, 3, init=[4, 5, 6]), [4, 5, 6]),
    "distribution": (pyhopper.distribution(stats.beta(2, 5), init=0.125), 0.125),
}


@pytest.mark.parametrize("name", INITS)
def test_init(name):
    """The first candidate has the value that was given."""
    param, value = INITS[name]
    search = pyhopper.Search(p=param, x=pyhopper.float(1))
    search.run(x_of, steps=1, quiet=True)
    assert repr(search.history[0]["p"]) == repr(value)


def hooks(draw, move):
    return {"seeding_fn": lambda: draw, "mutation_fn": lambda value: move}


HOOKED = {
    "int": (pyhopper.int(0, 9, **hooks(7.4, 99)), 7, 9),
    "int multiple": (pyhopper.int(0, 90, multiple_of=10, **hooks(44, -5)), 40, 0),
    "int array": (pyhopper.int(0, 9, shape=2, **hooks([7.4, 99], 3)), [7, 9], [3, 3]),
    "float": (pyhopper.float(0, 1, **hooks(0.25, 7)), 0.25, 1.0),
    "float decimals": (pyhopper.float(0, 1, "0.1f", **hooks(0.26, -7)), 0.3, 0.0),
    "float digits": (pyhopper.float(1e-3, 1, "0.1g", **hooks(0.026, 7)), 0.03, 1.0),
    "choice": (pyhopper.choice("a", "b", "c", **hooks("c", "b")), "c", "b"),
    "conditional choice": (
        pyhopper.choice("a", {"n": pyhopper.int(9)}, **hooks({"n": 3}, "a")),
        {"n": 3},
        "a",
    ),
    "bool": (pyhopper.bool(**hooks(True, True)), True, True),
    "custom": (pyhopper.custom(lambda: "x", lambda value: value + "y"), "x", "xy"),
    "list": (pyhopper.list(pyhopper.int(9), 1, 3, **hooks([7], [8, 9])), [7], [8, 9]),
    "distribution": (pyhopper.distribution(stats.beta(2, 5), **hooks(0.25, 7)), 0.25, 1.0),
}


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_of_every_kind(name, rng):
    """A user's functions replace the draw and the move; numbers are rounded and clipped."""
    param, drawn, moved = HOOKED[name]
    value = param.sample(rng)
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == drawn
    value = param.mutate(value, 0.5, rng)
    assert (value.tolist() if isinstance(value, np.ndarray) else value) == moved


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_of_every_kind_in_a_search(name):
    """Random search has the user's draws, local search the user's moves."""
    param, drawn, moved = HOOKED[name]
    search = pyhopper.Search(p=param, n=pyhopper.int(10**6), seed=0)
    search.run(lambda p: p["n"], steps=24, seeding_ratio=0.5, quiet=True)
    kinds = {RANDOM: set(), LOCAL: set()}
    for each in search._log.state.evaluations[1:]:
        value = search._log.space.build(each.point)["p"]
        kinds[each.type].add(repr(value.tolist() if isinstance(value, np.ndarray) else value))
    start = search.history[0]["p"]
    start = repr(start.tolist() if isinstance(start, np.ndarray) else start)
    assert kinds[RANDOM] == {repr(drawn)}
    if name != "custom":
        assert repr(moved) in kinds[LOCAL]
        assert kinds[LOCAL] <= {start, repr(drawn), repr(moved)}


def test_list_draws(rng):
    """Every length is equally likely, and so is every item."""
    param = pyhopper.list(pyhopper.int(1, 3), 1, 4)
    values = [param.sample(rng) for _ in range(20_000)]
    lengths = Counter(len(value) for value in values)
    items = Counter(item for value in values for item in value)
    assert sorted(lengths) == [1, 2, 3, 4]
    assert sorted(items) == [1, 2, 3]
    for counts in (lengths, items):
        assert stats.chisquare(list(counts.values())).pvalue > FALSE_ALARM / 2


def test_list_moves(rng):
    """A move changes items in their places, adds one or removes one."""
    param = pyhopper.list(pyhopper.int(0, 1000), 1, 4)
    seen = Counter()
    for _ in range(200):
        value = param.sample(rng)
        moved = param.mutate(value, 0.5, rng)
        seen[len(moved) - len(value)] += 1
        if len(moved) == len(value):
            assert moved != value
            continue
        short, long = sorted((value, moved), key=len)
        places = [[*long[:at], *long[at + 1 :]] for at in range(len(long))]
        assert short in places, "the other items stay"
    assert sorted(seen) == [-1, 0, 1]


class Even(pyhopper.Parameter):
    """A user's own kind: an even number."""

    def sample(self, rng):
        return 2 * int(rng.integers(500))

    def mutate(self, value, temperature, rng):
        return (value + 2 * int(rng.integers(1, 50))) % 1000


class Tour:
    """A value of a class that files know nothing of."""

    def __init__(self, stops):
        self.stops = list(stops)

    def __repr__(self):
        return f"Tour({self.stops})"

    @staticmethod
    def draw(rng):
        return Tour(rng.permutation(6).tolist())

    def swap(self, temperature, rng):
        a, b = rng.choice(6, size=2, replace=False)
        self.stops[a], self.stops[b] = self.stops[b], self.stops[a]
        return self


def every_kind(**more):
    return pyhopper.Search(
        {
            "n": pyhopper.int(0, 100, multiple_of=5),
            "power": pyhopper.int(2, 64, power_of=2),
            "lr": pyhopper.float(1e-5, 1e-1, "0.1g"),
            "free": pyhopper.float(),
            "w": pyhopper.float(-1, 1, shape=(2, 2), dtype=np.float32),
            "opt": pyhopper.choice(
                "sgd",
                {"name": "adam", "betas": [pyhopper.float(0, 1), pyhopper.bool()]},
                weights=[1, 2],
            ),
            "layers": pyhopper.list(pyhopper.choice(16, {"width": pyhopper.int(1, 9)}), 1, 3),
            "rate": pyhopper.distribution(stats.gamma(3)),
            "even": Even(),
            "tour": pyhopper.custom(
                Tour.draw,
                lambda value, temperature, rng: value.swap(temperature, rng),
                encode=lambda tour: tour.stops,
                decode=Tour,
            ),
            "hooked": pyhopper.int(
                9, seeding_fn=lambda rng: rng.integers(9), mutation_fn=lambda n: n + 1
            ),
            "data": ("constant", {"epochs": 20}),
        },
        seed=5,
        **more,
    )


def show(params):
    return {"value": params["lr"] * len(params["layers"]) + params["rate"], "seen": repr(params)}


def test_every_kind_in_workers_and_after_a_resume(tmp_path):
    """Subprocesses get what the history shows, and a later process goes on from it."""
    path = tmp_path / "run.ckpt"
    first = every_kind()
    first.run(show, steps=6, n_jobs=2, checkpoint_path=path, on_error="raise", quiet=True)
    search = every_kind()
    search.run(show, steps=16, n_jobs=2, checkpoint_path=path, on_error="raise", quiet=True)
    assert told(search)[:6] == told(first)
    seen = [each.metrics["seen"] for each in search._log.state.evaluations]
    assert seen == [repr(search.history[at]) for at in range(16)]
    assert len(set(seen)) == 16


def test_every_kind_is_resumed_as_if_nothing_had_happened(tmp_path):
    """An interrupted search ends with the same candidates as one that was not."""
    calls = []

    def interrupted(params):
        calls.append(params)
        if len(calls) in (5, 14):
            raise KeyboardInterrupt
        return show(params)

    whole = every_kind()
    whole.run(show, steps=20, quiet=True)
    for _ in range(3):
        search = every_kind()
        search.run(interrupted, steps=20, checkpoint_path=tmp_path / "run.ckpt", quiet=True)
    assert len(calls) == 22
    assert told(search) == told(whole)


def test_init_of_a_choice_sets_the_option_only():
    """What it says about parameters inside would be lost, so it is refused."""
    with pytest.raises(pyhopper.ArgumentError, match="an init of its own"):
        pyhopper.choice("a", {"n": pyhopper.int(9)}, init={"n": 3})
    param = pyhopper.choice("a", {"n": pyhopper.int(9, init=3)}, init={"n": 3})
    search = pyhopper.Search(opt=param)
    search.run(lambda params: 1, steps=1, quiet=True)
    assert search.best == {"opt": {"n": 3}}


def test_arrays_as_options():
    param = pyhopper.choice(np.zeros(3), np.ones(3), init=None)
    search = pyhopper.Search(w=param)
    search.run(lambda params: params["w"].sum(), steps=2, quiet=True)
    assert search.best_f == 3


def test_hooks_of_lists_and_choices(rng):
    """What they return is rounded, clipped and cut; what cannot be is an error that says whose."""
    param = pyhopper.list(
        pyhopper.int(9), 1, 3, seeding_fn=lambda: [3.4, 99], mutation_fn=lambda v: [12, 1, 2, 3]
    )
    assert param.sample(rng) == [3, 9]
    assert param.mutate([1], 0.5, rng) == [9, 1, 2]
    with pytest.raises(pyhopper.CandidateError, match=r"seeding_fn.*must have 1 to 3"):
        pyhopper.list(pyhopper.int(9), 1, 3, seeding_fn=list).sample(rng)
    with pytest.raises(pyhopper.CandidateError, match=r"seeding_fn.*no option of choice"):
        pyhopper.choice("a", "b", seeding_fn=lambda: "z").sample(rng)


def test_lists_of_lists():
    search = pyhopper.Search(c=pyhopper.list(pyhopper.list(pyhopper.bool(), 1, 2), 1, 3), seed=0)
    search.run(lambda params: sum(map(sum, params["c"])), steps=60, quiet=True)
    assert search.best_f >= 5

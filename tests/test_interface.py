"""What users may write: the calls, arguments and members that no other test has as its subject.

The one statistical test is a chi-square test at a level of 1e-6: with another seed it would raise a
false alarm once in a million runs. Everything else is exact.
"""

import functools
import inspect
import json
import math
import os
import signal
import struct
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import pyhopper
from pyhopper.callbacks import Callback, SaveBestOnDisk
from pyhopper.callbacks.tracker import Tracker
from pyhopper.events import CandidateType, Outcome, Status
from pyhopper.pruners import Pruner, QuantilePruner, TopKPruner
from pyhopper.testing import FakeClock, ScriptedExecutor

FALSE_ALARM = 1e-6
INIT, MANUAL = CandidateType.INIT, CandidateType.MANUALLY_ADDED
RANDOM, LOCAL = CandidateType.RANDOM_SEEDING, CandidateType.LOCAL_SAMPLING


class Notes(Callback):
    """Notes the hooks with their arguments, and keeps their number in the checkpoint."""

    def __init__(self):
        self.calls = []
        self.count = 0

    def note(self, *call):
        self.calls.append(call)
        self.count += 1

    def on_search_start(self, search):
        self.note("on_search_start", search)

    def on_evaluate_start(self, candidate, info):
        self.note("on_evaluate_start", candidate, info)

    def on_evaluate_end(self, candidate, f, info):
        self.note("on_evaluate_end", candidate, f, info)

    def on_evaluate_pruned(self, candidate, info):
        self.note("on_evaluate_pruned", candidate, info)

    def on_evaluate_nan(self, candidate, info):
        self.note("on_evaluate_nan", candidate, info)

    def on_evaluate_failed(self, candidate, info):
        self.note("on_evaluate_failed", candidate, info)

    def on_duplicate_sampled(self, candidate, info):
        self.note("on_duplicate_sampled", candidate, info)

    def on_new_best(self, candidate, f, info):
        self.note("on_new_best", candidate, f, info)

    def on_search_end(self):
        self.note("on_search_end")

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]

    def of(self, hook):
        return [call[1:] for call in self.calls if call[0] == hook]

    def types(self):
        return [call[-1].type for call in self.calls if call[0] == "on_evaluate_start"]


class Records(Tracker):
    """A tracker that keeps what it gets."""

    def __init__(self):
        super().__init__()
        self.records = []

    def open(self):
        pass

    def close(self):
        pass

    def record(self, step, numbers, params, texts):
        self.records.append(SimpleNamespace(step=step, numbers=numbers, params=params, texts=texts))


def line(**more):
    return pyhopper.Search(x=pyhopper.float(0, 1), **more)


def x_of(params):
    return params["x"]


def told(search):
    """Everything of a history that an interruption must not change."""
    return [
        (e.id, e.type, repr(e.point), e.status, repr(e.value), e.estimates, e.metrics)
        for e in search._state.evaluations
    ]


def statuses(search):
    return {e.id: e.status for e in search._state.evaluations}


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
    for each in search._state.evaluations[1:]:
        value = search._space.build(each.point)["p"]
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
    seen = [each.metrics["seen"] for each in search._state.evaluations]
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


# Search ------------------------------------------------------------------------------------------


def test_dicts_and_keyword_arguments_are_merged():
    search = pyhopper.Search(
        {"a": 1, "b": {"c": pyhopper.int(1, 1)}}, {"b": {"d": 2}}, e=pyhopper.float(2, 2)
    )
    search.run(lambda p: 1.0, steps=1, quiet=True)
    assert search.best == {"a": 1, "b": {"c": 1, "d": 2}, "e": 2.0}
    assert type(search.best) is dict


def test_constants_reach_the_objective_unchanged():
    data, inner = object(), {"deep": object()}
    template = {"data": data, "parts": (inner["deep"], [pyhopper.float(0, 1), inner]), "none": None}

    def objective(params):
        assert params["data"] is data
        assert params["parts"][0] is inner["deep"]
        assert params["parts"][1][1] is inner
        assert params["none"] is None
        return params["parts"][1][0]

    pyhopper.Search(template).run(objective, steps=5, on_error="raise", quiet=True)


def test_a_parameter_called_seed():
    """In the dict it is a parameter; the argument makes the search repeatable."""
    found = []
    for _ in range(2):
        search = pyhopper.Search({"seed": pyhopper.int(0, 10**6)}, seed=3)
        search.run(lambda p: p["seed"], steps=10, quiet=True)
        found.append(search.history["seed"])
    assert found[0] == found[1]
    assert search.free_param_count == 1


def test_nested_guesses_are_completed_from_the_best():
    """Also inside of dicts, lists and the active option."""
    search = pyhopper.Search(
        a={
            "x": pyhopper.int(0, 9, init=1),
            "y": [pyhopper.int(0, 9, init=2), pyhopper.int(0, 9, init=3)],
        },
        opt=pyhopper.choice(
            "none", {"n": pyhopper.int(0, 9, init=4), "m": pyhopper.int(0, 9, init=5)}
        ),
    )
    search += {"a": {"x": 9}}
    search += {"opt": {"n": 8}}
    search.enqueue({"a": {"y": [7, 3]}})
    values = iter([0.0, 2.0, 3.0, 1.0])
    search.run(lambda p: next(values), steps=4, quiet=True)
    assert [search.history[at] for at in range(1, 4)] == [
        {"a": {"x": 9, "y": [2, 3]}, "opt": "none"},
        {"a": {"x": 9, "y": [2, 3]}, "opt": {"n": 8, "m": 5}},
        {"a": {"x": 9, "y": [7, 3]}, "opt": {"n": 8, "m": 5}},
    ]


def test_metrics_of_a_known_result(tmp_path):
    """They are kept in the table and in a checkpoint, and the result has used no budget."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    path = tmp_path / "run.ckpt"
    search = line(seed=0)
    search.add({"x": 0.25}, 3.0, metrics={"acc": 0.75, "from": "paper"})
    search.run(x_of, steps=2, checkpoint_path=path, quiet=True)
    again = line()
    again.load(path)
    for each in (search, again):
        table = each.history.to_pandas()
        assert table["value"].tolist() == each.history.fs.tolist()
        assert table.loc[0, ["x", "value", "metrics.acc", "metrics.from"]].tolist() == [
            0.25, 3.0, 0.75, "paper",
        ]  # fmt: skip
        assert (len(table), each.best) == (3, {"x": 0.25})


def test_checkpoint_path_is_that_of_the_last_run(tmp_path):
    search = line()
    assert search.checkpoint_path is None
    search.run(x_of, steps=1, checkpoint_path=tmp_path / "run.ckpt", quiet=True)
    assert search.checkpoint_path == str(tmp_path / "run.ckpt")


PUBLIC = (
    "Search int float choice bool custom list distribution Parameter merge_dicts parse_runtime "
    "ParamInfo CandidateType PruneEvaluation should_prune wrap_n_times PRUNED FAILED __version__ "
    "pruners.Pruner pruners.QuantilePruner pruners.TopKPruner callbacks.Callback "
    "callbacks.History callbacks.SaveBestOnDisk callbacks.tensorboard.TensorboardCallback "
    "callbacks.mlflow.MLflowCallback callbacks.wandb.WandbCallback callbacks.aim.AimCallback"
)


@pytest.mark.parametrize("name", PUBLIC.split())
def test_public_names(name):
    """Each can be reached from the package."""
    found = functools.reduce(getattr, name.split("."), pyhopper)
    assert isinstance(found, str) if name == "__version__" else found is not None


def test_a_typical_script():
    """Template, guess, repeats, pruner, callback, positional arguments and what is read after."""
    template = {
        "epochs": 20,
        "num_layers": pyhopper.int(1, 8, init=4),
        "batch_size": pyhopper.int(32, 512, multiple_of=32),
        "dropout": pyhopper.float(0, 0.4, "0.1f"),
        "lr": pyhopper.float(1e-5, 1e-2, log=True, precision=1),
        "matrix": pyhopper.float(-1, 1, shape=(20, 20)),
        "opt": pyhopper.choice(["adam", "rmsprop", "sgd"]),
        "weight_decay": pyhopper.choice([0, 1e-5, 1e-4, 1e-3], is_ordinal=True),
    }

    def objective(params, bonus):
        assert params.keys() == template.keys()
        assert params["epochs"] == 20
        assert params["batch_size"] % 32 == 0
        assert params["matrix"].shape == (20, 20)
        return params["dropout"] + params["num_layers"] * bonus

    search = pyhopper.Search(template)
    search += {"num_layers": 8, "opt": "sgd"}
    record = pyhopper.callbacks.History()
    wrapped = pyhopper.wrap_n_times(objective, 3, yield_after=0)
    best = search.run(
        wrapped,
        "maximize",
        None,
        "20",
        pruner=pyhopper.pruners.QuantilePruner(0.8),
        callbacks=[record],
        kwargs={"bonus": 1},
        quiet=True,
    )
    assert best["num_layers"] == 8
    assert search.history["num_layers"][:2] == [4, 8]
    assert search.best_f == search.history.best_fs[-1] == max(record.fs)
    assert len(search.history.steps) == len(search.history) == len(record)


# Arguments of run --------------------------------------------------------------------------------


def test_signature_of_run():
    """Names, order and defaults are what scripts rely on; what is new goes by name only."""
    parameters = list(inspect.signature(pyhopper.Search.run).parameters.values())[1:]
    plain = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert list(plain.items()) == [
        ("objective", inspect.Parameter.empty), ("direction", "maximize"), ("runtime", None),
        ("steps", None), ("endless_mode", False), ("seeding_steps", None),
        ("seeding_runtime", None), ("seeding_ratio", 0.25), ("pruner", None), ("n_jobs", 1),
        ("quiet", False), ("ignore_nans", False), ("mp_backend", "auto"),
        ("enable_rejection_cache", True), ("callbacks", None), ("start_temperature", 1),
        ("end_temperature", 0.2), ("kwargs", None), ("checkpoint_path", None),
        ("overwrite_checkpoint", False), ("keep_history", True),
    ]  # fmt: skip
    more = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert more >= {"work_dir", "timeout", "on_error", "executor", "deadline", "stop"}


@pytest.mark.parametrize(
    "direction", ["max", "maximize", "maximise", "min", "minimize", "minimise"]
)
def test_directions(direction):
    search = line(seed=0)
    search.run(x_of, direction, steps=20, quiet=True)
    wanted = max if direction.startswith("max") else min
    assert search.best_f == wanted(search.history.fs)
    assert search.history.direction == direction[:3]


def test_endless_mode_ends_by_its_stop(capsys):
    search = line(seed=0)
    search.run(x_of, endless_mode=True, stop={"patience": 40})
    assert len(search.history) > 40
    best = int(np.argmax(search.history.fs))
    assert len(search.history) == best + 41
    assert "no better value in 40 evaluations" in capsys.readouterr().out


def test_stop_when_minimizing():
    """The target is reached from above."""
    search = line(seed=0)
    search.run(x_of, "min", steps=10_000, stop=0.25, quiet=True)
    assert search.best_f <= 0.25 < min(search.history.fs[:-1])


@pytest.mark.parametrize(
    ("arguments", "random"),
    [
        ({"seeding_steps": 5}, 5),
        ({"seeding_steps": 0}, 1),
        ({"seeding_ratio": 0.5}, 6),
        ({"seeding_runtime": "10s"}, 5),
        ({"seeding_runtime": 7}, 4),
        ({}, 3),
    ],
)
def test_length_of_the_first_phase(arguments, random, clock):
    """In candidates, as a share, or in time: each takes two seconds here; the first is no draw."""
    notes = Notes()
    search = line(seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (2.0, job.params["x"]))
    search.run(x_of, steps=12, executor=executor, callbacks=notes, quiet=True, **arguments)
    assert notes.types() == [INIT, *[RANDOM] * (random - 1), *[LOCAL] * (12 - random)]


def temperatures_of(template, move_at, steps, **arguments):
    """The temperatures with which values were moved in a search."""
    seen = []

    def move(value, temperature, rng):
        seen.append(temperature)
        return (value + 1) % move_at

    search = pyhopper.Search(template(move), seed=0)
    search.run(lambda p: 0.0, steps=steps, quiet=True, **arguments)
    return seen


def count(move):
    return pyhopper.custom(lambda rng: int(rng.integers(1000)), move)


def test_start_and_end_temperature():
    """It falls in a line from the one to the other over the second phase."""
    seen = temperatures_of(
        lambda move: {"n": count(move)},
        1000,
        50,
        seeding_ratio=0,
        start_temperature=0.5,
        end_temperature=0.1,
    )
    by_step = sorted(set(seen), reverse=True)
    assert seen == sorted(seen, reverse=True)
    assert by_step == pytest.approx([0.5 - 0.4 * step / 50 for step in range(1, 50)])


def test_options_are_annealed_like_everything_else():
    """A parameter inside of an option is moved with the same falling temperature."""
    seen = temperatures_of(
        lambda move: {"opt": pyhopper.choice({"deep": [count(move)]}, {"other": count(move)})},
        1000,
        50,
    )
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 0.7
    assert seen[-1] < 0.3


def test_duplicates_leave_the_temperature_as_it_is():
    """Where most moves are duplicates the temperature still only falls."""
    notes = Notes()
    seen = temperatures_of(lambda move: {"n": count(move)}, 3, 40, callbacks=notes)
    assert len(notes.of("on_duplicate_sampled")) > 20
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.25


def test_mp_backend_of_earlier_versions():
    search = line()
    search.run(x_of, steps=2, n_jobs=2, mp_backend="multiprocessing", quiet=True)
    assert len(search.history) == 2


@pytest.mark.parametrize(
    ("arguments", "here", "processes"),
    [
        ({}, True, 1),
        ({"n_jobs": 1, "isolation": "slot"}, False, 1),
        ({"n_jobs": 1, "isolation": "candidate"}, False, 5),
        ({"n_jobs": "2", "isolation": "slot"}, False, 2),
    ],
)
def test_where_candidates_run(arguments, here, processes):
    """One job runs in this process, several in as many others; or each has a fresh one."""
    search = line()
    search.run(lambda p: {"value": 1, "pid": os.getpid()}, steps=5, quiet=True, **arguments)
    pids = [each.metrics["pid"] for each in search._state.evaluations]
    assert set(pids) == {os.getpid()} if here else os.getpid() not in pids
    assert len(set(pids)) <= processes if processes == 2 else len(set(pids)) == processes


@pytest.mark.parametrize("isolation", ["slot", "candidate"])
def test_workers_are_not_forked(isolation, monkeypatch):
    """What the parent has set up, such as CUDA, is not in them half alive."""
    monkeypatch.setattr(pyhopper.testing, "set_up_by_the_parent", True, raising=False)

    def objective(params):
        import pyhopper.testing

        return float(hasattr(pyhopper.testing, "set_up_by_the_parent"))

    search = line()
    search.run(objective, steps=2, quiet=True)
    assert search.history.fs.tolist() == [1, 1], "the control: in this process it can be seen"
    search = line()
    search.run(objective, steps=2, n_jobs=2, isolation=isolation, quiet=True)
    assert search.history.fs.tolist() == [0, 0]


def at_hour(hour):
    return datetime(2026, 3, 3, hour, 0).timestamp()  # noqa: DTZ001 - local time is the point


def test_run_until_a_time_of_day(tmp_path):
    """A run from ten in the evening ends at eight, also if it is interrupted in between."""
    path = tmp_path / "run.ckpt"

    def run(hour, last):
        clock = FakeClock(at_hour(hour))
        search = line(clock=clock)
        calls = []

        def script(job):
            calls.append(job.id)
            if job.id == last:
                raise KeyboardInterrupt
            return 3600.0, job.params["x"]

        search.run(
            x_of,
            runtime="until 22:00",
            executor=ScriptedExecutor(clock, script),
            checkpoint_path=path,
            quiet=True,
        )
        return calls, clock.monotonic()

    assert run(10, 3) == ([0, 1, 2, 3], 3 * 3600)
    assert run(15, None) == ([3, 4, 5, 6, 7, 8, 9], 7 * 3600)


def hangs(params):
    threading.Event().wait()


def test_deadline_kill_with_one_job():
    """One job gets a process of its own then, which can be ended."""
    search = line()
    assert search.run(hangs, runtime="1s", deadline="kill", quiet=True) is None
    assert statuses(search) == {0: Status.CANCELLED}


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_workers_cost_one_candidate_each():
    """The search goes on with new processes."""

    def objective(params):
        if params["x"] < 0.45:
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"]

    search = line(seed=0)
    search.sweep("x", [0.1, 0.6, 0.2, 0.7, 0.3, 0.8])
    search.run(objective, steps=7, n_jobs=2, quiet=True)
    failed = [e for e in search._state.evaluations if e.status is Status.FAILED]
    assert sorted(e.point[0] for e in failed) == [0.1, 0.2, 0.3]
    assert all("SIGKILL" in e.reason for e in failed)
    assert sorted(search.history["x"]) == [0.5, 0.6, 0.7, 0.8]


def epochs(params, scale=1):
    for epoch in (1, 2):
        yield {"value": params["x"] * scale * epoch, "epoch": epoch, "note": f"x={params['x']}"}


class Model:
    """An object whose method, or which itself, is the objective."""

    scale = 2

    def score(self, params):
        return self.scale * params["x"]

    __call__ = score


def scaled(params, scale):
    return scale * params["x"]


OBJECTIVES = {
    "function": x_of,
    "generator": epochs,
    "lambda": lambda p: 2 * p["x"],
    "bound method": Model().score,
    "object": Model(),
    "partial": functools.partial(scaled, scale=2),
    "repeated": pyhopper.wrap_n_times(x_of, 2),
    "repeated without estimates": pyhopper.wrap_n_times(x_of, 2, yield_after=None),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_in_workers(name):
    """Each kind gives the same values in a subprocess as in this process."""
    found = []
    for arguments in ({}, {"n_jobs": 2}):
        search = line(seed=1)
        run = {"steps": 2, "seeding_ratio": 1, "on_error": "raise", "quiet": True}
        search.run(OBJECTIVES[name], **run, **arguments)
        found.append(sorted(told(search)))
    assert found[0] == found[1]


def test_metrics_everywhere(tmp_path):
    """Metrics from subprocesses are in the table, the checkpoint and the trackers."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    path, tracker = tmp_path / "run.ckpt", Records()
    search = line(seed=0)
    search.run(
        epochs,
        steps=4,
        n_jobs=2,
        kwargs={"scale": 3},
        callbacks=tracker,
        checkpoint_path=path,
        quiet=True,
    )
    again = line()
    again.load(path)
    for each in (search, again):
        table = each.history.to_pandas()
        assert table["metrics.epoch"].tolist() == [2] * 4
        assert table["metrics.note"].tolist() == [f"x={x}" for x in table["x"]]
        assert table["value"].tolist() == [x * 3 * 2 for x in table["x"]]
    assert [r.numbers["metrics.epoch"] for r in tracker.records] == [2.0] * 4
    assert [r.texts["metrics.note"] for r in tracker.records] == [
        f"x={r.params['x']}" for r in tracker.records
    ]


def test_a_resumed_candidate_finds_its_folder(tmp_path):
    """What it wrote before the interruption is still there; others do not see it."""
    found = []

    def train(params):
        saved = Path(os.environ["PYHOPPER_CANDIDATE_DIR"]) / "epoch"
        epoch = int(saved.read_text()) if saved.exists() else 0
        found.append((saved.parent.name, epoch))
        saved.write_text("7")
        if len(found) == 2:
            raise KeyboardInterrupt
        return params["x"]

    for _ in range(2):
        search = line(seed=0)
        search.run(
            train,
            steps=3,
            checkpoint_path=tmp_path / "run.ckpt",
            work_dir=tmp_path / "runs",
            quiet=True,
        )
    assert found == [("00000", 0), ("00001", 0), ("00001", 7), ("00002", 0)]
    config = json.loads((tmp_path / "runs" / "00001" / "config.json").read_text())
    assert config == search.history[1]
    assert "PYHOPPER_CANDIDATE_DIR" not in os.environ


# Pruners -----------------------------------------------------------------------------------------


def generator(params):
    for epoch in range(1, 5):
        yield params["x"] * epoch


def framework(params):
    for epoch in range(1, 5):
        if pyhopper.should_prune(params["x"] * epoch):
            raise pyhopper.PruneEvaluation
    return params["x"] * 4


@pytest.mark.parametrize("objective", [generator, framework])
def test_pruner_with_workers_and_after_a_resume(objective, tmp_path):
    """Two good candidates first, so that every later one is given up at its first estimate.

    The one that starts when the first of the two ends has only that one to be compared with.
    """

    def run(steps):
        pruner = TopKPruner(2)
        search = pyhopper.Search(x=pyhopper.float(0, 1, init=1.0))
        search.sweep("x", [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
        search.run(
            objective,
            steps=steps,
            n_jobs=2,
            pruner=pruner,
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
        return search, pruner

    assert len(run(5)[0].history) <= 3
    search, pruner = run(8)
    pruned = set(search.history.get_pruned_marginal("x"))
    assert pruned | {0.8} == {0.8, 0.7, 0.6, 0.5, 0.4, 0.3}
    assert set(search.history["x"]) | {0.8} == {1.0, 0.9, 0.8}
    ends = [e for e in search._state.evaluations if e.status is Status.PRUNED]
    assert all(e.estimates == e.point for e in ends if e.point != (0.8,))
    assert pruner.should_prune([0.85])
    assert not pruner.should_prune([0.95])


@pytest.mark.parametrize("make", [lambda: QuantilePruner(50, warmup=3), lambda: TopKPruner(4)])
def test_a_resumed_pruner_decides_as_if_nothing_had_happened(make, tmp_path):
    calls = []

    def interrupted(params):
        calls.append(params)
        if len(calls) in (6, 17):
            raise KeyboardInterrupt
        yield from generator(params)

    whole = line(seed=2)
    whole.run(generator, steps=25, pruner=make(), quiet=True)
    assert len(set(statuses(whole).values())) == 2
    for _ in range(3):
        search = line(seed=2)
        path = tmp_path / "run.ckpt"
        search.run(interrupted, steps=25, pruner=make(), checkpoint_path=path, quiet=True)
    assert told(search) == told(whole)


def test_a_pruner_needs_one_method_only():
    """The base class has the others: nothing to learn, and no state."""

    class Never(Pruner):
        def should_prune(self, partial_results):
            return False

    pruner = Never()
    assert pruner.append([1.0], False) is None
    assert pruner.load_state_dict(pruner.state_dict()) is None
    search = line()
    search.run(generator, "min", steps=3, pruner=pruner, quiet=True)
    assert len(search.history) == 3
    assert pruner.direction == "min"


# Callbacks and trackers --------------------------------------------------------------------------


def ends_of_all_kinds(params):
    kind = params["kind"]
    if kind == "prune":
        raise pyhopper.PruneEvaluation
    if kind == "fail":
        raise ValueError("broken")
    return {"value": math.nan if kind == "nan" else params["n"], "pid": os.getpid()}


def kinds():
    search = pyhopper.Search(
        kind=pyhopper.choice("good", "prune", "fail", "nan"), n=pyhopper.int(0, 10**6), seed=0
    )
    search.grid(kind=["good", "prune", "fail", "nan"], n=[1, 2])
    return search


def test_callbacks_with_workers_and_after_a_resume(tmp_path):
    """Every hook comes in this process, once for each candidate, and the state goes on."""
    hook_of = {"good": "end", "prune": "pruned", "fail": "failed", "nan": "nan"}
    ended, before = [], 0
    for steps in (4, 9):
        notes = Notes()
        search = kinds()
        search.run(
            ends_of_all_kinds,
            steps=steps,
            n_jobs=2,
            callbacks=[notes],
            checkpoint_path=tmp_path / "run.ckpt",
            ignore_nans=True,
            quiet=True,
        )
        assert notes.count == before + len(notes.calls)
        before = notes.count
        assert notes.calls[0] == ("on_search_start", search)
        assert notes.calls[-1] == ("on_search_end",)
        for kind, hook in hook_of.items():
            calls = notes.of(f"on_evaluate_{hook}")
            assert {call[0]["kind"] for call in calls} <= {kind}
            ended += [(call[0]["kind"], call[0]["n"]) for call in calls]
            assert all(call[-1].finished_at >= call[-1].sampled_at for call in calls)
        starts = [(params["kind"], params["n"]) for params, _ in notes.of("on_evaluate_start")]
        assert sorted(starts) == sorted(ended[-len(starts) :])
        values = [value for _, value, _ in notes.of("on_new_best")]
        assert values == sorted(values)
        assert all(call[-1].metrics["pid"] != os.getpid() for call in notes.of("on_evaluate_end"))
    assert Counter(ended) == Counter(
        [("good", 500_000), *[(kind, n) for kind in hook_of for n in (1, 2)]]
    )


def test_duplicates_are_told_with_their_candidate():
    """The candidate was evaluated before, and the info says how it was drawn."""
    notes = Notes()
    search = pyhopper.Search(x=pyhopper.int(0, 3, init=1), seed=0)
    search += {"x": 1}
    search.run(x_of, steps=10, callbacks=notes, quiet=True)
    duplicates = notes.of("on_duplicate_sampled")
    assert ({"x": 1}, MANUAL) in [(params, info.type) for params, info in duplicates]
    assert {info.type for _, info in duplicates} <= {MANUAL, RANDOM, LOCAL}
    started = [params for params, _ in notes.of("on_evaluate_start")]
    assert all(params in started for params, _ in duplicates)
    assert all(info.finished_at is None for _, info in duplicates)


def test_trackers_with_workers_and_after_a_resume(tmp_path):
    """A new process goes on with the next step, and counts on."""
    seen = []
    for steps in (5, 9):
        tracker = Records()
        search = kinds()
        search.run(
            ends_of_all_kinds,
            steps=steps,
            n_jobs=2,
            callbacks=tracker,
            checkpoint_path=tmp_path / "run.ckpt",
            ignore_nans=True,
            quiet=True,
        )
        seen += tracker.records
    assert [record.step for record in seen] == list(range(9))
    values = [record.numbers["value"] for record in seen if "value" in record.numbers]
    assert sorted(values) == [1, 2, 500_000]
    for name in ("pruned", "nan", "failed"):
        assert [r.numbers[name] for r in seen if name in r.numbers] == [1, 2]
    assert seen[-1].numbers["best"] == search.best_f == 500_000


def scalars(folder, tag):
    """Steps and values of a scalar in the event files of TensorBoard: length, checksum, data."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in folder.glob("events.*"):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[12 + length + 4 :]
            for value in event.summary.value:
                if value.tag == tag:
                    found[event.step] = value.simple_value
    return found


def test_tensorboard_with_workers_and_after_a_resume(tmp_path):
    """Both processes' evaluations are in one history of steps."""
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    for steps in (3, 6):
        search = line(seed=0)
        search.run(
            x_of,
            steps=steps,
            n_jobs=2,
            callbacks=pyhopper.callbacks.tensorboard.TensorboardCallback(tmp_path / "board"),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
    found = scalars(tmp_path / "board", "value")
    assert [found[step] for step in range(6)] == pytest.approx(search.history.fs.tolist())


def test_best_on_disk_with_workers_and_after_a_resume(tmp_path):
    """A worse value of a later process does not replace the file."""
    path = tmp_path / "best.json"
    for steps, sign in ((3, 1), (6, -1)):
        search = line(seed=0)
        search.run(
            lambda p, sign: sign * (1 + p["x"]),
            steps=steps,
            n_jobs=2,
            kwargs={"sign": sign},
            callbacks=SaveBestOnDisk(path),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
    assert json.loads(path.read_text()) == {"value": search.best_f, "params": search.best}
    assert search.best_f > 1


TRACKERS = {
    "tensorboard.TensorboardCallback": "tensorboardX",
    "mlflow.MLflowCallback": "mlflow",
    "wandb.WandbCallback": "wandb",
    "aim.AimCallback": "aim",
}


def test_trackers_import_their_package_when_used():
    """Importing the module of a tracker does not import the tracker's package."""
    modules = [f"pyhopper.callbacks.{name.split('.')[0]}" for name in TRACKERS]
    program = (
        f"import sys, {', '.join(modules)}\n"
        f"print([name for name in {list(TRACKERS.values())} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_without_its_package_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, TRACKERS[name], None)
    module, kind = name.split(".")
    callback = getattr(getattr(pyhopper.callbacks, module), kind)
    with pytest.raises(ImportError, match=rf'pip install "pyhopper\[{module}\]"'):
        callback()


# History -----------------------------------------------------------------------------------------


def test_history_of_nested_parameters_and_of_pruned_ones():
    """Dotted names lead to values and constants, of evaluations that were pruned as well."""
    search = pyhopper.Search(
        {
            "opt": {"lr": pyhopper.float(0, 1), "name": "adam", "steps": [pyhopper.int(9), 5]},
            "epochs": 20,
        },
        seed=0,
    )

    def objective(params):
        if params["opt"]["lr"] < 0.3:
            raise pyhopper.PruneEvaluation
        return params["opt"]["lr"]

    search.run(objective, steps=30, seeding_ratio=1.0, quiet=True)
    history = search.history
    assert history["opt.lr"] == history.fs.tolist()
    pruned = history.get_pruned_marginal("opt.lr")
    assert len(pruned) == 30 - len(history) > 0
    assert max(pruned) < 0.3 <= min(history["opt.lr"])
    assert set(history["opt.name"]) == {"adam"}
    assert set(history["opt.steps.1"]) == {5}
    assert set(history.get_pruned_marginal("epochs")) == {20}
    assert history["opt.steps.0"] == [history[at]["opt"]["steps"][0] for at in range(len(history))]


@pytest.mark.parametrize("name", ["typo", "opt.typo", "opt.lr.typo.more", "epochs.typo", ""])
def test_unknown_names_are_key_errors(name):
    """Whether anything was evaluated or not."""
    search = pyhopper.Search({"opt": {"x": pyhopper.float(0, 1)}, "epochs": 20})
    for _ in range(2):
        for read in (search.history.get_marginal, search.history.get_pruned_marginal):
            with pytest.raises(KeyError):
                read(name)
        with pytest.raises(KeyError):
            search.history[name]
        search.run(lambda p: 1.0, steps=2, quiet=True)


# Faults that must not come back ------------------------------------------------------------------


def test_a_checkpoint_only_grows(tmp_path):
    """Each evaluation adds its own few lines; what was written before is not touched again."""
    path = tmp_path / "run.ckpt"
    sizes, start = [], [b""]

    class Watch(Callback):
        def on_evaluate_end(self, candidate, f, info):
            data = path.read_bytes()
            assert data.startswith(start[0])
            sizes.append(len(data) - len(start[0]))
            start[0] = data

    search = line()
    search.run(x_of, steps=300, callbacks=Watch(), checkpoint_path=path, quiet=True)
    assert len(sizes) == 300
    assert all(0 < size < 2000 for size in sizes[1:])
    assert sum(sizes[200:]) < 1.5 * sum(sizes[100:200])


def test_the_summary_of_a_resumed_run_has_the_earlier_part(tmp_path, capsys):
    """Counts, time and best are those of all the search."""
    values = {1: 9.0, 2: pyhopper.PRUNED, 13: pyhopper.FAILED}
    for steps, quiet in ((10, True), (25, False)):
        clock = FakeClock()

        def script(job):
            value = values.get(job.id, 1.0)
            if isinstance(value, Status):
                value = Outcome(value, reason="no luck")
            return 60.0, value

        search = line(seed=0, clock=clock)
        search.run(
            x_of,
            steps=steps,
            executor=ScriptedExecutor(clock, script),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=quiet,
        )
    out = capsys.readouterr().out
    rows = {text[:20].strip(): text[20:].split() for text in out.splitlines()}
    assert rows["Total"][:5] == ["9", "25", "1", "0", "1"]
    assert rows["Total"][5:] == ["25", "min", "0", "s"]
    assert rows["Initial"][:2] == ["1", "1"]
    assert "Search ended after 25 min 0 s" in out
    assert "Best value 9 with" in out

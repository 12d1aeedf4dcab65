"""Hostile arguments: whatever is passed is accepted, or refused with an error of ours."""

import collections
import contextlib
import inspect
import math
import os
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import pyhopper
from pyhopper import callbacks, pruners
from pyhopper.parameters import Columns, ListColumns
from pyhopper.testing import FakeClock


class Contrary:
    """Cannot be shown, compared or hashed."""

    def _raise(self, *_):
        raise RuntimeError("asked")

    __repr__ = __str__ = __eq__ = __hash__ = _raise


def self_containing_list():
    made = [1]
    made.append(made)
    return made


def self_containing_dict():
    made = {"value": 1}
    made["x"] = made
    return made


def deep(depth=3000):
    made = []
    for _ in range(depth):
        made = [made]
    return made


MAKERS = [
    lambda: None, lambda: True, lambda: False, lambda: 0, lambda: 1, lambda: -1, lambda: 3,
    lambda: 10**400, lambda: -(10**400), lambda: 2**63, lambda: 2**53 + 1, lambda: 10**12,
    lambda: math.nan, lambda: math.inf, lambda: -math.inf, lambda: 1e308, lambda: -1e308,
    lambda: 5e-324, lambda: 0.5, lambda: 1e400, lambda: 1j, lambda: np.float32(2),
    lambda: np.int64(3), lambda: np.bool_(1), lambda: np.float64("nan"), lambda: np.array(3),
    lambda: np.zeros(3), lambda: np.zeros((2, 0)), lambda: np.array(["a", "b"]),
    lambda: np.array([1, "a", None], dtype=object), lambda: np.arange(4).reshape(2, 2),
    lambda: np.datetime64("2020-01-01"), lambda: np.zeros(2, [("a", int)]),
    lambda: "", lambda: " ", lambda: "²", lambda: "٣", lambda: "1" * 5000, lambda: "1e400",
    lambda: "x", lambda: "x.y", lambda: "a\0b", lambda: "\ud800", lambda: "3", lambda: "1:30",
    lambda: "until 99:00", lambda: "0.1f", lambda: "12.99g", lambda: "a" * 256,
    lambda: "~nosuchuser/x", lambda: "per-gpu", lambda: "1000x per-gpu", lambda: b"", lambda: b"3",
    lambda: bytearray(b"x"), list, dict, set, tuple, lambda: [1], lambda: [None], lambda: (1, 2),
    lambda: {"x": 1}, lambda: {"value": 1}, lambda: {1: 2}, lambda: {"x": {"y": 1}},
    lambda: {"x": 0.5, "c": "a"}, lambda: {"value": None}, lambda: {"patience": "²"},
    lambda: range(3), lambda: range(10**12), lambda: iter([1, 2]), lambda: (i for i in ()),
    lambda: lambda: 1, lambda: lambda value: value, lambda: lambda a, b, c, d: a, lambda: len,
    lambda: int, lambda: float, lambda: object, lambda: ValueError, object, Contrary,
     self_containing_list, self_containing_dict, deep,
    lambda: pyhopper.float, lambda: pyhopper.int(3), lambda: [pyhopper.float(0, 1)],
    lambda: {"x": pyhopper.choice(1, 2)}, lambda: {pyhopper.int(3)}, lambda: stats.norm(0, 1),
    lambda: stats.norm, lambda: stats.poisson(3), lambda: stats.norm(0, np.zeros(2)),
    lambda: types.MappingProxyType({"x": 1}), lambda: collections.OrderedDict(x=1),
    lambda: slice(0, 3), lambda: slice("a", "b"), lambda: ..., lambda: NotImplemented,
    FakeClock, lambda: pyhopper.PRUNED, lambda: pyhopper.FAILED, lambda: pruners.Pruner,
    lambda: callbacks.History, callbacks.History, lambda: pruners.TopKPruner(1), lambda: inspect,
]  # fmt: skip

CHARACTERS = st.characters(exclude_characters="/\\~.")
SCALARS = st.one_of(
    st.integers(), st.floats(), st.text(CHARACTERS, max_size=12), st.binary(max_size=4), st.none()
)
VALUES = st.one_of(
    st.sampled_from(MAKERS).map(lambda make: make()),
    st.sampled_from(MAKERS).map(lambda make: [make()]),
    st.sampled_from(MAKERS).map(lambda make: {"x": make()}),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(CHARACTERS, max_size=3), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)


def interrupted_after(count):
    """An objective that ends every search, however long it would be."""
    calls = []

    def objective(params, **kwargs):
        calls.append(params)
        if len(calls) > count:
            raise KeyboardInterrupt
        return 1.0

    return objective


def fresh():
    return pyhopper.Search(x=pyhopper.float(0, 1), c=pyhopper.choice("a", "b"), k=[1])


def run(**arguments):
    arguments = {"objective": interrupted_after(4), "steps": 2, "quiet": True, **arguments}
    return fresh().run(arguments.pop("objective"), **arguments)


def timed(**arguments):
    return run(**{"steps": None, "runtime": 0.01, **arguments})


def used():
    search = fresh()
    search.run(lambda p: p["x"], steps=3, quiet=True)
    return search


def defined(kind, *arguments):
    """Define a parameter; if that is accepted, search with it."""

    def define(**named):
        parameter = getattr(pyhopper, kind)(*arguments, **named)
        parameter.describe()
        search = pyhopper.Search(x=parameter, k=pyhopper.int(3), seed=0)
        search.run(interrupted_after(5), steps=4, quiet=True)
        assert search.history.evaluations[0].params

    return define


def told(value):
    search = fresh()
    search.tell(search.ask(), value)


def parameter_method(parameter, method, *more):
    def call(value):
        getattr(parameter, method)(value, *more)

    return call


def guessed(parameter):
    def guess(value):
        search = pyhopper.Search(x=parameter, k=[1], seed=0)
        search.enqueue({"x": value})
        search.run(lambda p: 1.0, steps=2, quiet=True)

    return guess


def returned(value):
    fresh().run(lambda p: value, steps=2, quiet=True)


def returned_by_hook(value):
    search = pyhopper.Search(x=pyhopper.float(0, 1, seeding_fn=lambda: value), k=pyhopper.int(3))
    search.run(interrupted_after(5), steps=4, quiet=True)


def returned_by_custom(value):
    search = pyhopper.Search(x=pyhopper.custom(lambda: value), k=pyhopper.int(3))
    search.run(interrupted_after(5), steps=4, quiet=True)


def constrained(value):
    search = fresh()
    search.constrain(lambda p: value)
    search.run(interrupted_after(5), steps=2, quiet=True)


def merged(a, b):
    return pyhopper.merge_dicts(a, b)


def constant(value):
    search = pyhopper.Search({"x": pyhopper.float(0, 1), "c": value})
    search.run(interrupted_after(5), steps=2, quiet=True)
    search.history.to_pandas()
    search.enqueue({"c": value})


def optional(value):
    search = pyhopper.Search({"x": pyhopper.choice(value, "other"), "c": pyhopper.int(3)})
    search.run(interrupted_after(8), steps=6, quiet=True)
    search.history.to_pandas()
    search.enqueue({"x": value})


def replaced(key, value):
    search = fresh()
    search[key] = value


HARMLESS = ("", " ", "x", "²")
RUN = [
    "objective", "direction", "runtime", "steps", "endless_mode", "seeding_steps",
    "seeding_runtime", "seeding_ratio", "pruner", "quiet", "ignore_nans", "mp_backend",
    "enable_rejection_cache", "callbacks", "start_temperature", "end_temperature", "kwargs",
    "checkpoint_path", "overwrite_checkpoint", "keep_history", "work_dir", "timeout", "on_error",
    "executor", "deadline", "isolation", "stop", "n_jobs",
]  # fmt: skip
HOOKS = ["seeding_fn", "mutation_fn"]
NUMBER = ["lb", "ub", "init", "multiple_of", "power_of", "shape", "log", *HOOKS]
PARAMETERS = {
    "float": pyhopper.float(0, 1),
    "rounded": pyhopper.float(0.01, 1, "0.1g"),
    "integer": pyhopper.int(1, 9),
    "powers": pyhopper.int(1, 9, power_of=2),
    "array": pyhopper.float(0, 1, shape=2),
    "unbounded": pyhopper.float(),
    "choice": pyhopper.choice("a", {"b": pyhopper.int(3)}),
    "whole": pyhopper.choice("a", "b", seeding_fn=lambda: "a"),
    "list": pyhopper.list(pyhopper.int(1, 3), 1, 2),
    "custom": pyhopper.custom(lambda: 3),
    "distribution": pyhopper.distribution(stats.norm(0, 1)),
    "bool": pyhopper.bool(),
}
TARGETS = [
    (run, RUN),
    (timed, ["runtime", "steps", "seeding_runtime", "deadline", "stop", "endless_mode"]),
    (defined("int"), NUMBER),
    (defined("int", 1, 9), NUMBER[2:]),
    (defined("float"), [*NUMBER, "fmt", "precision", "dtype"]),
    (defined("float", 1, 9), [*NUMBER[2:], "fmt", "precision", "dtype"]),
    (defined("choice", "a", "b"), ["is_ordinal", "weights", "init", "init_index", *HOOKS]),
    (defined("bool"), ["init", *HOOKS]),
    (defined("custom", lambda: 3), ["mutation_fn", "init", "encode", "decode", "allow_pickle"]),
    (defined("custom"), ["seeding_fn", "mutation_fn", "init"]),
    (defined("list", pyhopper.int(1, 3), 1), ["max_length", "init", *HOOKS]),
    (lambda item, min_length: defined("list", item, min_length)(), ["item", "min_length"]),
    (lambda min_length: defined("list", pyhopper.int(3), min_length)(), ["min_length"]),
    (defined("distribution", stats.norm(0, 1)), ["shape", "init", *HOOKS]),
    (lambda frozen: defined("distribution", frozen)(), ["frozen"]),
    (lambda option: defined("choice", option)(), ["option"]),
    (lambda first, second: defined("choice", first, second)(), ["first", "second"]),
    (pyhopper.Search, ["template"]),
    (pyhopper.Search, ["a", "b"]),
    (lambda seed, clock: pyhopper.Search({}, seed=seed, clock=clock), ["seed", "clock"]),
    (constant, ["value"]),
    (optional, ["value"]),
    (constrained, ["value"]),
    (returned, ["value"]),
    (returned_by_hook, ["value"]),
    (returned_by_custom, ["value"]),
    (told, ["value"]),
    (replaced, ["key", "value"]),
    (lambda key: fresh()[key], ["key"]),
    (lambda key: key in fresh(), ["key"]),
    (lambda fn: fresh().constrain(fn), ["fn"]),
    (lambda guess: fresh().enqueue(guess), ["guess"]),
    (lambda guess: fresh().__iadd__(guess), ["guess"]),
    (lambda value: fresh().enqueue({"x": 0.5, "k": value}), ["value"]),
    (lambda name, values: fresh().sweep(name, values), ["name", "values"]),
    (lambda values: fresh().sweep("x", values), ["values"]),
    (lambda axes: fresh().grid(axes), ["axes"]),
    (lambda x, c: fresh().grid(x=x, c=c), ["x", "c"]),
    (lambda params, value, metrics: fresh().add(params, value, metrics), ["params", "value"]),
    (lambda value, metrics: fresh().add({"x": 0.5, "c": "a"}, value, metrics), ["value"]),
    (lambda metrics: fresh().add({"x": 0.5, "c": "a"}, 1.0, metrics), ["metrics"]),
    (lambda metric: fresh().add({"x": 0.5, "c": "a"}, 1.0, {"m": metric}), ["metric"]),
    (lambda candidate: fresh().forget_cached(candidate), ["candidate"]),
    (lambda candidate, value: fresh().tell(candidate, value), ["candidate", "value"]),
    (lambda candidate: fresh().candidate_dir(candidate), ["candidate"]),
    (
        lambda **named: fresh().ask(**named),
        ["direction", "steps", "runtime", "seeding_ratio", "checkpoint_path", "work_dir"],
    ),
    (lambda path: fresh().save(path), ["path"]),
    (lambda path, recover: fresh().load(path, recover), ["path", "recover"]),
    (lambda item: used().history[item], ["item"]),
    (used().history.get_marginal, ["name"]),
    (used().history.get_pruned_marginal, ["name"]),
    (lambda item: callbacks.History()[item], ["item"]),
    (lambda name: callbacks.History().get_marginal(name), ["name"]),
    (lambda name: callbacks.History().get_pruned_marginal(name), ["name"]),
    (callbacks.SaveBestOnDisk, ["filename"]),
    (lambda folder: callbacks.SaveBestOnDisk(dir=folder), ["folder"]),
    (pruners.QuantilePruner, ["q", "warmup"]),
    (pruners.QuantilePruner, ["q"]),
    (pruners.TopKPruner, ["k"]),
    (pyhopper.parse_runtime, ["runtime"]),
    (lambda now: pyhopper.parse_runtime("until 08:00", now), ["now"]),
    (merged, ["a", "b"]),
    (pyhopper.should_prune, ["estimate"]),
    (
        lambda f=len, n=2, **named: pyhopper.wrap_n_times(f, n, **named),
        ["f", "n", "yield_after", "reduction", "pass_index_arg"],
    ),
    (
        lambda **named: Columns(**{"count": 1, "encode": len, "decode": len, **named}),
        ["count", "encode", "decode", "levels", "categorical", "weights"],
    ),
    (
        lambda **named: ListColumns(
            **{"item": Columns(1, len, len), "shortest": 0, "longest": 1, **named}
        ),
        ["item", "shortest", "longest"],
    ),
    *((parameter_method(each, "check"), ["value"]) for each in PARAMETERS.values()),
    *((parameter_method(each, "legalize", "x"), ["value"]) for each in PARAMETERS.values()),
    *((guessed(each), ["value"]) for each in PARAMETERS.values()),
]


def takes_long(name, value):
    """Whether an argument is fine, but takes long: it starts processes, or fills the memory."""
    if name == "n_jobs":
        return hasattr(value, "__index__") or (isinstance(value, str) and value not in HARMLESS)
    if name in ("shape", "max_length", "min_length"):
        return any(
            isinstance(v, int) and 100 < v < 10**9
            for v in (value if isinstance(value, list | tuple) else [value])
        )
    return name == "timeout" and isinstance(value, int | float | str)


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory):
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("hostile"))
    yield
    os.chdir(before)


def required(call):
    """The names of the arguments without a default."""
    return [
        each.name
        for each in inspect.signature(call).parameters.values()
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    ]


def tried(call, arguments):
    """Call, and let through what is an error of ours or documented."""
    with warnings.catch_warnings(), contextlib.suppress(pyhopper.PyhopperError):
        warnings.simplefilter("ignore")
        try:
            call(**arguments)
        except KeyError:
            if not {"item", "name", "key"} & arguments.keys():
                raise
        except IndexError:
            if "item" not in arguments:
                raise


@pytest.mark.parametrize("target", range(len(TARGETS)))
def test_known_hostile_values(target):
    """Each of the values alone, as each argument."""
    call, names = TARGETS[target]
    for name in names:
        for make in MAKERS:
            value = make()
            if takes_long(name, value):
                continue
            tried(call, {**dict.fromkeys(required(call)), name: value})


def _attack(data):
    """Pass something to something that is public."""
    call, names = TARGETS[data.draw(st.integers(0, len(TARGETS) - 1))]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    arguments = {name: data.draw(VALUES) for name in dict.fromkeys([*required(call), *chosen])}
    if not any(takes_long(*each) for each in arguments.items()):
        tried(call, arguments)


ATTACKS = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(ATTACKS, max_examples=200)
@given(data=st.data())
def test_hostile_arguments(data):
    """Whatever is passed to whatever is public."""
    _attack(data)


@pytest.mark.slow
@settings(ATTACKS, max_examples=10_000)
@given(data=st.data())
def test_many_hostile_arguments(data):
    _attack(data)

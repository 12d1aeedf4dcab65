"""What scripts see that were written for pyhopper 1.2: run by that release and by this version.

``python tests/released.py`` prints the facts as JSON with whatever pyhopper the interpreter has.
``tests/data/released-1.2.3.json`` was made so in an environment with ``pip install pyhopper==1.2.3
numpy tqdm``. Only what does not depend on chance is a fact; what raised there is recorded as
"error", since no script can rely on it.
"""

import contextlib
import io
import json
import math
import os
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

import pyhopper
from pyhopper.callbacks import Callback, History
from pyhopper.pruners import Pruner, QuantilePruner, TopKPruner

DEFINITIONS = """
float(1) | float(0.5) | float(0, 1) | float(1, 0) | float(lb=0, ub=1) | float(ub=1) | float()
float(0, 1, "0.1f") | float(0, 1, ":0.1f") | float(0, 1, ".1f") | float(0, 1, "1f")
float(0, 1, fmt="0.1f") | float(0, 1, precision=1) | float(0, 3, precision=0)
float(0.01, 1, "0.1g") | float(0.01, 1, log=True, precision=1) | float(1e-4, 1, log=True)
float(0, 1, "0.1f", 0.5) | float(0.01, 1, None, 0.1, True, 1)
float(0, 1, None, None, None, None, 3) | float(0, 1, shape=3)
float(0, 1, shape=(2, 3)) | float(0, 1, shape=[2, 3]) | float([0, 5], [1, 9])
float(np.zeros(2), np.ones(2)) | float(np.ones(2)) | float(np.zeros(2), np.ones(2), shape=2)
float(0, 1, init=0.3) | float(0, 1, "0.1f", init=0.33) | float(0, 1, shape=2, init=np.ones(2))
float(np.float32(0), np.float32(1)) | float(0, 1, seeding_fn=lambda: 0.5)
float(0, 1, mutation_fn=lambda value: 0.25) | float(0, 1, mutation_fn=lambda value, heat: 0.25)
int(10) | int(3, 7) | int(7, 3) | int() | int(lb=3, ub=7) | int(ub=7)
int(3.0, 7.0) | int(1e2, 1.04e2)
int(3, 7, 5) | int(0, 20, None, 5) | int(1, 16, None, None, 2) | int(0, 4, None, None, None, 3)
int(3.5, 7.5) | int(100, 500, multiple_of=100)
int(0, 5, multiple_of=1)
int(1, 64, power_of=2) | int(2, 60, power_of=2) | int(3, 60, power_of=2)
int(1, 64, power_of=2, multiple_of=8) | int(0, 4, shape=3) | int(0, 4, shape=(2, 2))
int(0, 4, init=3) | int(0, 4, init=3.0) | int(1, 64, power_of=2, init=8)
int(1, 8, power_of=2, init=7)
int(np.int64(0), np.int64(5)) | int(0, 4, mutation_fn=lambda value: 2)
choice("a", "b") | choice(["a", "b"]) | choice(("a", "b")) | choice([1, 2], [3, 4]) | choice("ab")
choice(["a"]) | choice("a") | choice(3) | choice(None, 1) | choice([None, 1]) | choice(True, False)
choice([[1, 2], [3, 4]]) | choice({"a": 1}) | choice(len, max) | choice(1, 1, 2)
choice([1, 10, 100], is_ordinal=True) | choice([1, 2, 3], init_index=1)
choice([1, 2], init_index=-1)
choice([int(0, 3), "x"]) | choice([{"a": int(0, 3)}, "x"]) | choice(choice(1, 2), choice(3, 4))
choice([1, 2, 3], seeding_fn=lambda: 2) | choice([1, 2, 3], mutation_fn=lambda value: 2)
bool() | bool(True) | bool(False) | bool(init=True)
custom(lambda: 3, lambda value: value + 1)
custom(seeding_fn=lambda: 3, mutation_fn=lambda v: v + 1)
custom(lambda: 3, lambda value, heat: 4, 10)
"""

RUNTIMES = [
    *["1s", "2sec", "1m", "1 min", "1 minute", "3minutes", "1h", "2hours", "1hour", "1d", "3days"],
    *["1day", "1w", "1week", "2weeks", "1h 30min", "1d 2h", "1 m 30 s", "1:30", "01:05", "1:01:30"],
    *["00:00:10", "90", 90, 90.5],
]
DIRECTIONS = ["max", "maximize", "maximise", "min", "minimize", "minimise"]
RUNS = """
steps=8 | steps=8.0 | runtime=0.2 | runtime="1s", steps=None | endless_mode=False, steps=8
seeding_steps=3, steps=8 | seeding_steps=0, steps=8 | seeding_steps=20, steps=8
seeding_ratio=0, steps=8 | seeding_ratio=1, steps=8 | seeding_runtime="1s", steps=8
seeding_runtime=0.1, runtime=0.2 | seeding_steps=3, runtime=0.2 | ignore_nans=True, steps=8
n_jobs=1, steps=8 | n_jobs="1", steps=8 | n_jobs=2, steps=8 | n_jobs="2", steps=8
mp_backend="auto", steps=8 | mp_backend="multiprocessing", steps=8, n_jobs=2
enable_rejection_cache=False, steps=8 | callbacks=[], steps=8 | callbacks=None, steps=8
start_temperature=1, end_temperature=0, steps=20 | start_temperature=0.5, steps=20
kwargs={}, steps=8 | kwargs=None, steps=8 | kwargs={"shift": 1}, steps=8 | pruner=None, steps=8
checkpoint_path=None, steps=8 | keep_history=False, steps=8 | steps=8, direction="min"
"""


def objective(params, shift=0):
    return params["x"] + shift


def search_of(**more):
    template = {"x": pyhopper.float(0, 1), "n": pyhopper.int(1, 5), "c": 7, **more}
    return pyhopper.Search(template)


def kind(value):
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    return type(value).__name__


def listed(text):
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


def drawn(param):
    """The kinds of values that come up, and which, if they are few."""
    seen = []
    search = pyhopper.Search({"v": param})
    search.run(
        lambda params: seen.append(params["v"]) or 1.0,
        steps=300, seeding_ratio=0.9, quiet=True, enable_rejection_cache=False,
    )  # fmt: skip
    entries = [x for v in seen for x in (v.ravel().tolist() if hasattr(v, "ravel") else [v])]
    values = sorted({getattr(x, "__name__", repr(x)) for x in entries})
    return [sorted({kind(v) for v in seen}), values if len(values) <= 12 else "many"]


def definitions():
    names = {name: getattr(pyhopper, name) for name in ("int", "float", "choice", "bool", "custom")}
    names["np"] = np
    return {text: lambda text=text: drawn(eval(text, names)) for text in listed(DEFINITIONS)}


def runs():
    def run(text):
        arguments = eval(f"dict({text})")
        search = search_of()
        found = search.run(objective, quiet=True, **arguments)
        return [kind(found), sorted(found), 0 <= found["x"] <= 1, kind(search.best_f)]

    return {text: lambda text=text: run(text) for text in listed(RUNS)}


def words():
    def directed(word):
        search = search_of()
        search.run(objective, word, steps=20, quiet=True)
        best = {"max": max, "min": min}[word[:3]](search.history.fs)
        return search.best_f == best

    facts = {f"direction {word}": lambda word=word: directed(word) for word in DIRECTIONS}
    for each in RUNTIMES:
        facts[f"runtime {each!r}"] = lambda each=each: float(pyhopper.parse_runtime(each))
    return facts


def positional():
    history, none = [], None
    search = search_of()
    search.run(objective, "max", none, 8, False, none, none, 0.25, none, 1, True, False, "auto")
    history.append(search.best["c"])
    search_of().run(objective, "max", "1s", quiet=True)
    return history


def templates():
    def built(template, look):
        search = pyhopper.Search(template)
        return look(search.run(lambda params: 1.0, steps=3, quiet=True))

    x = pyhopper.float(0, 1)
    same = np.arange(3)
    return {
        "nested": lambda: built({"d": {"e": {"x": x, "k": "s"}}}, lambda p: kind(p["d"]["e"]["x"])),
        "list": lambda: built({"l": [x, 2]}, lambda p: [kind(v) for v in p["l"]]),
        "constants": lambda: built(
            {"x": x, "l": [1, 2], "t": (1, 2), "f": len, "n": None, "a": same},
            lambda p: [p["l"], kind(p["t"]), p["f"] is len, p["n"], kind(p["a"])],
        ),
        "dotted key": lambda: built({"a.b": x}, sorted),
        "key of another type": lambda: built({1: x}, sorted),
        "keyword arguments": lambda: sorted(pyhopper.Search(x=x, y=2).run(objective, steps=2)),
        "two dicts": lambda: sorted(pyhopper.Search({"x": x}, {"y": 2}).run(objective, steps=2)),
        "dict and keywords": lambda: sorted(pyhopper.Search({"x": x}, y=2).run(objective, steps=2)),
        "merge_dicts": lambda: pyhopper.merge_dicts({"a": 1}, {"b": 2}, {"c": 3}),
        "merge none": pyhopper.merge_dicts,
        "counted": lambda: (
            pyhopper.Search(
                {"a": {"x": x, "y": pyhopper.choice(1, 2)}, "z": pyhopper.float(0, 1, shape=(3, 2))}
            ).free_param_count
        ),
    }


def evaluated(search, steps=4, **arguments):
    seen = []
    search.run(lambda params: seen.append(params) or 1.0, steps=steps, quiet=True, **arguments)
    return seen


def guesses():
    def first(guess, **more):
        search = search_of(**more)
        search += guess
        params = evaluated(search)[0]
        return {key: params[key] for key in guess if key != "c"}

    def in_order():
        search = search_of()
        search += {"x": 0.5}
        search.enqueue({"x": 0.25, "n": 2})
        search.enqueue({"x": 0.75, "n": 2, "c": 7})
        waiting = search.manual_queue_count
        return [waiting, [p["x"] for p in evaluated(search)][:3], search.manual_queue_count]

    def completed():
        template = {"x": pyhopper.float(0, 1, init=0.9), "y": pyhopper.float(0, 1, init=0.8)}
        search = pyhopper.Search(template)
        search += {"x": 0.5}
        return evaluated(search)[0]

    grid = pyhopper.int(0, 50, multiple_of=10)
    return {
        "one": lambda: first({"x": 0.5}),
        "full": lambda: first({"x": 0.5, "n": 2, "c": 7}),
        "empty": lambda: len(first({})),
        "nested": lambda: first({"d": {"y": 0.5}}, d={"y": pyhopper.float(0, 1)}),
        "integer for a float": lambda: first({"x": 1})["x"] == 1,
        "NumPy": lambda: first({"x": np.float64(0.5)})["x"] == 0.5,
        "array": lambda: list(first({"a": np.ones(2)}, a=pyhopper.float(0, 1, shape=2))["a"]),
        "list": lambda: list(first({"a": [0.0, 1.0]}, a=pyhopper.float(0, 1, shape=2))["a"]),
        "out of bounds": lambda: first({"x": 2.0}),
        "off the grid": lambda: first({"g": 25}, g=grid),
        "another constant": lambda: len(first({"x": 0.5, "c": 8})),
        "in order": in_order,
        "completed from init": completed,
    }


def members():
    def before():
        search = search_of()
        history = search.history
        return [search.best_f, search.manual_queue_count, search.checkpoint_path, len(history)]

    def replaced():
        search = search_of()
        search["x"] = pyhopper.float(5, 6)
        search["more"] = 3
        found = search.run(objective, steps=3, quiet=True)
        return [5 <= found["x"] <= 6, found["more"]]

    def cache():
        search = search_of()
        best = search.run(objective, steps=5, quiet=True)
        search.forget_cached(best)
        search.clear_cache()
        return search.best == best

    def twice():
        search = search_of()
        search.run(objective, steps=5, quiet=True)
        first = search.best_f
        search.run(objective, steps=5, quiet=True)
        return [search.best_f >= first, search.best_f == max(search.history.fs)]

    def finite():
        search = pyhopper.Search({"a": pyhopper.int(0, 3)})
        return sorted({params["a"] for params in evaluated(search, 50)})

    def repeats():
        search = pyhopper.Search({"a": pyhopper.int(0, 3)})
        return len(evaluated(search, 50, enable_rejection_cache=False))

    return {
        "before": before, "replaced": replaced, "cache": cache, "twice": twice, "finite": finite,
        "repeats": repeats,
    }  # fmt: skip


def history():
    search = search_of(d={"y": pyhopper.float(0, 1)}, a=pyhopper.float(0, 1, shape=2))
    search.run(objective, steps=20, quiet=True)
    h = search.history
    length = len(h)
    columns = {
        name: lambda name=name: [
            kind(getattr(h, name)), kind(getattr(h, name)[0]), len(getattr(h, name)) == length
        ]
        for name in ("fs", "best_fs", "steps", "seconds", "minutes", "hours")
    }  # fmt: skip
    return {
        **columns,
        "item": lambda: [kind(h[0]), sorted(h[0]), kind(h[-1])],
        "marginal": lambda: [kind(h["x"]), kind(h["x"][0]), len(h["x"]) == length],
        "get_marginal": lambda: h.get_marginal("x") == h["x"],
        "constant": lambda: set(h["c"]) == {7},
        "dict": lambda: [kind(h["d"]), kind(h["d"][0])],
        "array": lambda: [kind(h["a"]), kind(h["a"][0])],
        "pruned": lambda: h.get_pruned_marginal("x"),
        "iterated": lambda: {kind(params) for params in h} == {"dict"},
        "best": lambda: h.best_f == search.best_f == max(h.fs),
        "bests": lambda: h.best_fs == np.maximum.accumulate(h.fs).tolist(),
        "counted": lambda: list(h.steps) == list(range(length)),
        "JSON": lambda: kind(json.dumps([h.fs, h.best_fs, h.steps, h.seconds, h["x"], h["n"]])),
        "index": lambda: h.fs.index(max(h.fs)) >= 0,
        "cleared": lambda: [h.clear(), len(h)],
        "truth": lambda: bool(h.fs),
    }


class Log(Callback):
    """All hooks, under the names of arguments that a user chose."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_search_start(self, the_search):
        self.calls.append(["start", kind(the_search)])

    def on_evaluate_start(self, cand, info):
        self.calls.append(["evaluate", kind(cand), kind(info)])

    def on_evaluate_end(self, cand, value, info):
        self.calls.append(["end", kind(cand), kind(value), kind(info)])
        self.last = info

    def on_evaluate_pruned(self, cand, info):
        self.calls.append(["pruned", kind(cand), kind(info), info.is_pruned])

    def on_evaluate_nan(self, cand, info):
        self.calls.append(["nan", kind(cand), kind(info), info.is_nan])

    def on_new_best(self, best, value, info):
        self.calls.append(["best", kind(best), kind(value), kind(info)])

    def on_search_end(self):
        self.calls.append(["over"])


def logged(objective, **arguments):
    log = Log()
    search = search_of()
    search.run(objective, steps=60, quiet=True, callbacks=[log], **arguments)
    return log, search


def prunes(params):
    if params["n"] > 3:
        raise pyhopper.PruneEvaluation
    return params["x"]


def callbacks():
    def own_record():
        record = History()
        search = search_of()
        search.run(objective, steps=5, quiet=True, callbacks=[record])
        return [len(record) == len(search.history), record["x"] == search.history["x"]]

    def info():
        last = logged(objective)[0].last
        return [kind(last.sampled_at), last.sampled_at <= last.finished_at, last.is_pruned]

    def ending(function, **arguments):
        log, _ = logged(function, **arguments)
        return sorted({tuple(call) for call in log.calls})

    return {
        "order": lambda: logged(objective)[0].calls[:4] + logged(objective)[0].calls[-1:],
        "pruned": lambda: ending(prunes),
        "nan": lambda: ending(lambda p: math.nan if p["n"] > 3 else p["x"], ignore_nans=True),
        "one alone": lambda: search_of().run(objective, steps=3, quiet=True, callbacks=Log())["c"],
        "own record": own_record,
        "info": info,
        "types": lambda: [str(kind) for kind in pyhopper.CandidateType][:4],
    }


def rising(params):
    for step in range(8):
        yield params["x"] * (step + 1)


class ThirdStep(Pruner):
    """A pruner of a user's own."""

    def __init__(self):
        super().__init__()
        self.appended = set()

    def append(self, partial_results, was_pruned):
        self.appended.add((kind(partial_results), len(partial_results), bool(was_pruned)))

    def should_prune(self, partial_results):
        return len(partial_results) == 3 and partial_results[0] < 0.5

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def pruners():
    def pruned(pruner, function=rising):
        search = search_of()
        search.run(function, steps=60, quiet=True, pruner=pruner)
        return len(search.history.get_pruned_marginal("x")) > 0

    def own():
        pruner = ThirdStep()
        return [pruned(pruner), sorted(pruner.appended), pruner.direction]

    def inside(params):
        for step in range(6):
            if pyhopper.should_prune(params["x"] * step):
                raise pyhopper.PruneEvaluation
        return params["x"]

    return {
        "quantile": lambda: pruned(QuantilePruner(0.5)),
        "percentage": lambda: pruned(QuantilePruner(50)),
        "warmup": lambda: pruned(QuantilePruner(0.8, warmup=3)),
        "by position": lambda: pruned(QuantilePruner(0.8, 3)),
        "best few": lambda: pruned(TopKPruner(3)),
        "by name": lambda: pruned(TopKPruner(k=3)),
        "own": own,
        "inside": lambda: pruned(QuantilePruner(0.5), inside),
        "last estimate": lambda: search_of().run(rising, steps=4, quiet=True)["c"],
    }


def repeated():
    def values(n, *arguments, numbers=(1.0, 5.0, 3.0, 7.0, 2.0), **more):
        numbers = iter(numbers)
        wrapped = pyhopper.wrap_n_times(lambda params: next(numbers), n, *arguments, **more)
        return [float(value) for value in wrapped({})]

    def told(**more):
        got = []

        def function(params, *arguments, **rest):
            got.append([list(arguments), rest])
            return 1.0

        list(pyhopper.wrap_n_times(function, 3, **more)({}, **({} if more else {"a": 3})))
        return got

    return {
        "mean": lambda: values(4),
        "by name": lambda: values(n=3),
        "after one": lambda: values(5, 1),
        "after two": lambda: values(5, yield_after=2),
        "median": lambda: values(4, reduction="median"),
        "function": lambda: values(4, reduction=max),
        "positions": lambda: values(3, 0, "mean", False),
        "once": lambda: values(1),
        "index": lambda: told(pass_index_arg=True),
        "keywords": told,
    }


def checkpoints():
    def saved():
        search = search_of()
        search.run(objective, steps=10, quiet=True)
        search.save("saved.ckpt")
        other = search_of()
        other.load("saved.ckpt")
        return [other.best_f == search.best_f, len(other.history) == len(search.history)]

    def resumed():
        best = []
        for steps in (10, 15):
            search = search_of()
            search.run(objective, steps=steps, quiet=True, checkpoint_path="run.ckpt")
            best.append(search.best_f)
        return [best[0] <= best[1], Path("run.ckpt").is_file(), search.checkpoint_path]

    def folder():
        Path("runs").mkdir()
        search = search_of()
        search.run(objective, steps=5, quiet=True, checkpoint_path="runs")
        names = [str(path) for path in Path("runs").iterdir()]
        return names == [search.checkpoint_path]

    def missing():
        try:
            search_of().load("nothing.ckpt")
        except FileNotFoundError:
            return "FileNotFoundError"

    return {"saved": saved, "resumed": resumed, "folder": folder, "missing": missing}


def results():
    def best_of(function):
        search = search_of()
        search.run(function, "max", steps=40, quiet=True)
        return float(search.best_f)

    def changed():
        def function(params):
            params["more"] = 1
            return params.pop("x")

        search = search_of()
        search.run(function, steps=5, quiet=True)
        return sorted(search.best)

    return {
        "integer": lambda: best_of(lambda p: 3),
        "NumPy": lambda: best_of(lambda p: np.float32(0.5)),
        "array without dimensions": lambda: best_of(lambda p: np.array(0.5)),
        "flag": lambda: best_of(lambda p: True),
        "infinitely bad": lambda: best_of(lambda p: -math.inf if p["n"] > 1 else 0.5),
        "its dict changed": changed,
    }


class Even(pyhopper.Parameter):
    """A parameter of a user's own."""

    def __init__(self):
        super().__init__(4)

    def sample(self):
        return random.randrange(5) * 2

    def mutate(self, value, temperature):
        return (value + 2) % 10


def subclasses():
    def even():
        seen = evaluated(search_of(e=Even()), 20)
        return [seen[0]["e"], sorted({params["e"] % 2 for params in seen})]

    return {"even": even}


GROUPS = [
    definitions, runs, words, templates, guesses, members, history, callbacks, pruners, repeated,
    checkpoints, results, subclasses,
]  # fmt: skip


def fact(function):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            return function()
        except Exception:
            return "error"


def facts():
    """All facts by name."""
    found = {"by position": fact(positional)}
    for group in GROUPS:
        for name, function in group().items():
            found[f"{group.__name__}: {name}"] = fact(function)
    return json.loads(json.dumps(found, default=lambda value: value.item()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        out, sys.stdout = sys.stdout, io.StringIO()
        json.dump(facts(), out, indent=1, sort_keys=True)
        out.write("\n")

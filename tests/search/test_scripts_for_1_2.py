"""Scripts that were written for version 1.2 run: what its recorded facts do not cover."""

import inspect
import pickle
import pydoc
import subprocess
import sys

import cloudpickle
import numpy as np
import pytest
from scipy import stats

import pyhopper


def drawn(parameter, count=30):
    seen = []
    search = pyhopper.Search(v=parameter, seed=0)
    search.run(
        lambda p: seen.append(p["v"]) or 1.0,
        steps=count, quiet=True, enable_rejection_cache=False,
    )  # fmt: skip
    return seen


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("1.0f", "float(0.01, 20.0, precision=0)"),
        ("1.1f", "float(0.01, 20.0, precision=1)"),
        (":1.1f", "float(0.01, 20.0, precision=1)"),
        ("12.3f", "float(0.01, 20.0, precision=3)"),
        ("1.2g", "float(0.01, 20.0, log=True, precision=2)"),
        ("1.0g", "float(0.01, 20.0, log=True, precision=1)"),
        ("0g", "float(0.01, 20.0, log=True, precision=1)"),
    ],
)
def test_formats_with_a_width(fmt, text):
    """They mean what they mean in Python; a width has no effect."""
    parameter = pyhopper.float(0.01, 20, fmt)
    assert repr(parameter) == text
    assert all(float(f"{value:{fmt.removeprefix(':')}}") == value for value in drawn(parameter))


@pytest.mark.parametrize(
    ("define", "first"),
    [
        (lambda: pyhopper.int(0, 10, init=11), 10),
        (lambda: pyhopper.int(0, 10, init=-(10**9)), 0),
        (lambda: pyhopper.int(0, 100, multiple_of=10, init=115), 100),
        (lambda: pyhopper.int(1, 64, power_of=2, init=-3), 1),
        (lambda: pyhopper.float(0, 1, init=1.5), 1.0),
        (lambda: pyhopper.float(0.1, 1, log=True, init=-1.5), 0.1),
        (lambda: pyhopper.float(0.1, 1, "0.1g", init=0), 0.1),
        (lambda: pyhopper.int(0, 10, shape=2, init=[1, 12]), [1, 10]),
    ],
)
def test_init_outside_of_the_bounds(define, first):
    """The nearest legal value is tried first, with a warning where it is written."""
    with pytest.warns(UserWarning, match="is used instead") as caught:
        parameter = define()
    assert caught[0].filename == __file__
    assert np.array_equal(drawn(parameter)[0], first)


@pytest.mark.parametrize("shape", [(10,), (2, 3)])
def test_init_gives_the_shape(shape):
    """An array as init, without any shape."""
    for define in (
        lambda init: pyhopper.int(init=init),
        lambda init: pyhopper.int(0, 5, init=init),
        lambda init: pyhopper.float(0, 1, init=init),
        lambda init: pyhopper.float(init=init),
    ):
        seen = drawn(define(np.zeros(shape)))
        assert {value.shape for value in seen} == {shape}
        assert not seen[0].any()
        assert any(value.any() for value in seen)
    assert drawn(pyhopper.int(0, 5, init=np.array(3)))[0] == 3


def test_hooks_by_position():
    """The order of the arguments is that of 1.2."""
    names = list(inspect.signature(pyhopper.int).parameters)
    assert names[:8] == [
        "lb", "ub", "init", "multiple_of", "power_of", "shape", "seeding_fn", "mutation_fn",
    ]  # fmt: skip
    names = list(inspect.signature(pyhopper.float).parameters)
    assert names[:9] == [
        "lb", "ub", "fmt", "init", "log", "precision", "shape", "mutation_fn", "seeding_fn",
    ]  # fmt: skip
    assert list(inspect.signature(pyhopper.bool).parameters) == [
        "init", "mutation_fn", "seeding_fn",
    ]  # fmt: skip
    for name in ("choice", "custom", "list", "distribution", "Search"):
        assert inspect.signature(getattr(pyhopper, name))
    assert "lb, ub : int" in pydoc.render_doc(pyhopper.int)


def test_a_star_import_leaves_python_alone():
    """And brings what a script needs."""
    names = {}
    exec("from pyhopper import *", names)
    assert {"Search", "choice", "custom", "PruneEvaluation", "merge_dicts"} <= names.keys()
    assert not {"int", "float", "bool", "list"} & names.keys()


def test_modules_of_1_2():
    """The names that scripts import from them, each in a fresh interpreter."""
    for line in (
        "from pyhopper.utils import Candidate, ParamInfo, merge_dicts, parse_runtime",
        "from pyhopper.callbacks.callbacks import Callback, History, SaveBestOnDisk, ParamInfo",
        "from pyhopper.pruners.pruners import Pruner, QuantilePruner, TopKPruner, should_prune",
        "import pyhopper.pruners.pruners as p, pyhopper as h; assert p.Pruner is h.pruners.Pruner",
    ):
        subprocess.run([sys.executable, "-c", line], check=True)


def test_no_more_steps(tmp_path):
    """With steps=0, what a checkpoint or an earlier run found comes back, and nothing runs."""

    def fresh():
        return pyhopper.Search(x=pyhopper.float(0, 1))

    path, calls = tmp_path / "run.ckpt", []
    best = fresh().run(lambda p: p["x"], steps=5, checkpoint_path=path, quiet=True)
    search = fresh()
    assert search.run(calls.append, steps=0, checkpoint_path=path, quiet=True) == best
    assert len(search.history) == 5
    assert search.run(calls.append, steps="0", quiet=True) == best
    loaded = fresh()
    loaded.load(path)
    assert loaded.run(calls.append, steps=0) == best
    assert not calls
    for arguments in ({}, {"checkpoint_path": tmp_path / "none.ckpt"}):
        with pytest.raises(pyhopper.ArgumentError, match="steps=0"):
            fresh().run(calls.append, steps=0, quiet=True, **arguments)
    longer = fresh()
    longer.run(lambda p: p["x"], steps=8, checkpoint_path=path, quiet=True)
    assert len(longer.history) == 8


def mixed(**more):
    """A search whose functions and values can all be pickled."""
    options = "a", {"b": pyhopper.float(1, 9, "0.1g")}
    return pyhopper.Search(
        x=pyhopper.float(0, 1),
        n=pyhopper.int(1, 64, power_of=2),
        a=pyhopper.float(0, 1, shape=3),
        widths=pyhopper.list(pyhopper.int(1, 3), 1, 3),
        c=pyhopper.choice(*options),
        d=pyhopper.distribution(stats.norm(0, 1)),
        **more,
    )


PICKLERS = [pickle, cloudpickle]


@pytest.mark.parametrize("library", PICKLERS, ids=lambda library: library.__name__)
def test_a_search_survives_a_pickle(library, tmp_path):
    """Best, history, guesses, and further runs, which go on as those of the original."""
    search = mixed(seed=1)
    search.run(lambda p: p["x"], steps=30, quiet=True, checkpoint_path=tmp_path / "run.ckpt")
    search += {"x": 0.5}
    again = library.loads(library.dumps(search))
    assert str(again.best) == str(search.best)
    assert again.best_f == search.best_f
    assert again.manual_queue_count == 1
    assert again.history.fs == search.history.fs
    for each in (search, again):
        each.run(lambda p: p["x"], steps=20, quiet=True)
    assert len(again.history) == 50
    assert again.history["x"] == search.history["x"]


@pytest.mark.parametrize("library", PICKLERS, ids=lambda library: library.__name__)
def test_a_history_survives_a_pickle(library):
    """Alone, before and after a run."""
    search = mixed()
    assert len(library.loads(library.dumps(search.history))) == 0
    search.run(lambda p: p["x"], steps=10, quiet=True)
    history = library.loads(library.dumps(search.history))
    assert history.fs == search.history.fs
    assert str(history[3]) == str(search.history[3])
    assert history["x"] == search.history["x"]
    assert str(library.loads(library.dumps(history.evaluations))[2].params) == str(history[2])


def test_a_search_survives_a_pickle_within_its_run(tmp_path):
    """A callback may keep the search; it has neither the file nor the clock of the run."""

    class Keep(pyhopper.callbacks.Callback):
        def on_search_start(self, search):
            self.search = search

        def on_evaluate_end(self, candidate, f, info):
            self.kept = pickle.dumps(self.search)

    keep, path = Keep(), tmp_path / "run.ckpt"
    search = mixed()
    search.run(lambda p: p["x"], steps=5, callbacks=keep, checkpoint_path=path, quiet=True)
    kept = pickle.loads(keep.kept)
    assert kept.history.fs == search.history.fs
    kept.run(lambda p: p["x"], steps=8, checkpoint_path=path, quiet=True)
    assert len(kept.history) == 8


def test_an_open_candidate_survives_a_pickle():
    """Its result may be told to either."""
    search = mixed()
    candidate = search.ask()
    again = pickle.loads(pickle.dumps(search))
    again.tell(candidate, 3.0)
    search.tell(candidate.id, 2.0)
    assert (again.best_f, search.best_f) == (3.0, 2.0)
    assert again.ask().id == 1


def test_another_process_reads_a_pickle(tmp_path):
    """Where hashes differ and nothing of this process is left."""
    search = mixed(seed=1)
    search.run(lambda p: p["x"], steps=10, quiet=True)
    path = tmp_path / "search.pickle"
    path.write_bytes(pickle.dumps(search))
    program = (
        "import pickle, sys; s = pickle.load(open(sys.argv[1], 'rb'));"
        "s.run(lambda p: p['x'], steps=5, quiet=True); print(len(s.history), s.history['x'][:10])"
    )
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"15 {search.history['x']}"


def two(**more):
    return pyhopper.Search(a=pyhopper.int(0, 10), b=pyhopper.float(0, 1), seed=1, **more)


def total(params):
    return params["a"] + params["b"]


def facts(search):
    """What a search knows, as text."""
    records = [(e.params, e.value, e.fits, e.status) for e in search.history.evaluations]
    return str([search.best, search.best_f, records, search.manual_queue_count])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", 20),
        ("a", pyhopper.int(3, 6)),
        ("a", pyhopper.int(0, 10, init=3)),
        ("b", pyhopper.float(0, 0.3)),
        ("c", pyhopper.choice("x", "y")),
        ("c", pyhopper.choice("x", "y", init="x")),
        ("c", 5),
    ],
)
def test_a_template_may_change_between_runs(key, value, tmp_path):
    """Evaluations count on exactly as after a resume with the changed template."""
    path = tmp_path / "run.ckpt"
    search = two()
    search.run(total, steps=12, quiet=True)
    search += {"a": 4}
    search += {"b": 0.9}
    search.save(path)
    search[key] = value
    resumed = pyhopper.Search({**two()._log.space.template, key: value})
    resumed.run(total, steps=0, checkpoint_path=path, quiet=True)
    assert facts(search) == facts(resumed)
    seen = []
    search.run(lambda p: seen.append(p) or total(p), steps=8, quiet=True)
    assert len(seen) == 8
    if not isinstance(value, pyhopper.Parameter):
        assert {params[key] for params in seen} == {value}
    fs = [e.value for e in search.history.evaluations if e.fits]
    assert len(search.history) == 20
    assert search.best_f == max(fs)


def test_a_parameter_frozen_and_freed():
    """What did not fit for a while fits again, as far as its values are known."""
    search = two()
    search.run(total, steps=12, quiet=True)
    best = search.best
    search["b"] = pyhopper.float(0, 0.1)
    assert not all(e.fits for e in search.history.evaluations)
    search["b"] = pyhopper.float(0, 0.1)
    assert not all(e.fits for e in search.history.evaluations)
    search["b"] = pyhopper.float(0, 1)
    assert all(e.fits for e in search.history.evaluations)
    assert search.best == best


def test_a_template_may_change_with_a_checkpoint(tmp_path):
    """The next run with the same file goes on in it."""
    path = tmp_path / "run.ckpt"
    search = two()
    search.run(total, steps=5, quiet=True, checkpoint_path=path)
    search["a"] = 20
    search.add({"a": 20, "b": 0.5}, 1.0)
    search.run(total, steps=9, quiet=True, checkpoint_path=path)
    assert len(search.history) == 10
    again = pyhopper.Search(a=20, b=pyhopper.float(0, 1))
    again.load(path)
    assert facts(again) == facts(search)


def test_a_template_does_not_change_under_open_candidates():
    """Neither of ask nor within a run."""

    class Change(pyhopper.callbacks.Callback):
        def on_search_start(self, search):
            self.search, self.errors = search, []

        def on_evaluate_end(self, candidate, f, info):
            with pytest.raises(pyhopper.ArgumentError, match="are open"):
                self.search["a"] = 3
            self.errors.append(candidate)

    search, change = two(), Change()
    search.run(total, steps=3, quiet=True, callbacks=change)
    assert len(change.errors) == 3
    candidate = search.ask()
    with pytest.raises(pyhopper.ArgumentError, match="tell their results first"):
        search["a"] = 3
    search.tell(candidate, 100.0)
    search["a"] = candidate.params["a"]
    assert search.best == candidate.params
    assert search.best_f == 100.0
    assert search.ask().params["a"] == candidate.params["a"]


def test_a_template_that_cannot_change_stays():
    """A parameter of another kind, or one that makes no sense."""
    search = two()
    search.run(total, steps=3, quiet=True)
    before = facts(search)
    with pytest.raises(pyhopper.ArgumentError, match="of another kind"):
        search["b"] = pyhopper.choice(1, 2)
    assert repr(search["b"]) == "float(0.0, 1.0)"
    assert facts(search) == before
    search.run(total, steps=3, quiet=True)


def rate(params):
    return params["x"] + (params["lr"] or 0) * params["opt"]["k"]


def with_constants(seed=None):
    template = {"lr": None, "x": pyhopper.float(0, 1), "opt": {"k": 1, "n": pyhopper.int(0, 3)}}
    return pyhopper.Search(template, seed=seed)


def test_a_guess_for_a_constant_is_tried_as_given(tmp_path):
    """And kept by the moves around it; a search without that guess does not count it."""
    path = tmp_path / "run.ckpt"
    search, seen = with_constants(1), []
    search += {"lr": 10}
    search += {"opt": {"k": -1}, "lr": 2}
    best = search.run(lambda p: seen.append(p) or rate(p), steps=20, quiet=True)
    assert [(p["lr"], p["opt"]["k"]) for p in seen[:2]] == [(10, 1), (2, -1)]
    assert {p["lr"] for p in seen[2:]} == {10, None}
    assert best["lr"] == 10
    assert best["opt"]["k"] == 1
    assert search.best_f == rate(best)
    assert search.free_param_count == 2
    search.save(path)
    again = with_constants()
    again.run(rate, steps=0, checkpoint_path=path, quiet=True)
    assert again.best["lr"] is None
    assert again.best_f == max(f for p, f in zip(seen, search.history.fs, strict=True)
                               if p["lr"] is None)  # fmt: skip


@pytest.mark.parametrize(("frozen", "fits"), [(3, True), (20, False)])
@pytest.mark.parametrize("resume", [False, True])
def test_a_frozen_parameter_counts_where_it_had_that_value(frozen, fits, resume, tmp_path):
    """The best is never a candidate that was evaluated with another value."""
    search = pyhopper.Search(a=pyhopper.int(0, 4), b=pyhopper.choice("x", "y"), seed=1)
    search.run(lambda p: p["a"] + (p["b"] == "x"), steps=10, quiet=True)
    path = tmp_path / "run.ckpt"
    search.save(path)
    if resume:
        search = pyhopper.Search(a=frozen, b="y")
        search.load(path)
    else:
        search["b"] = "y"
        search["a"] = frozen
    assert search.best == ({"a": 3, "b": "y"} if fits else None)
    assert search.best_f == (3.0 if fits else None)


def test_a_search_without_a_template_shows_a_checkpoint(tmp_path):
    """Best and history of every kind of parameter, as the search that wrote it has them."""
    path = tmp_path / "run.ckpt"
    template = {
        "lr": pyhopper.float(1e-4, 1e-1, "0.1g"),
        "opt": pyhopper.choice("adam", {"name": "sgd", "momentum": pyhopper.float(0, 1)}),
        "layers": pyhopper.list(pyhopper.int(1, 8), 1, 3),
        "flag": pyhopper.bool(),
        "nested": {"w": pyhopper.int(0, 3, shape=2)},
        "epochs": 20,
    }
    search = pyhopper.Search(template, seed=3)
    search += {"lr": 0.01}
    search.run(lambda p: p["lr"] + len(p["layers"]), steps=25, quiet=True, checkpoint_path=path)
    shown = pyhopper.Search()
    shown.load(path)
    best = {**search.best, "nested": {"w": search.best["nested"]["w"].tolist()}}
    assert shown.best == best
    assert shown.best_f == search.best_f
    assert list(shown.history.fs) == list(search.history.fs)
    for name in ("lr", "layers", "flag", "epochs"):
        assert list(shown.history[name]) == list(search.history[name])
    for use in (lambda: shown.run(rate, steps=30), lambda: shown.save(tmp_path / "other.ckpt")):
        with pytest.raises(pyhopper.ArgumentError, match="make a Search with your template"):
            use()
    assert not (tmp_path / "other.ckpt").exists()

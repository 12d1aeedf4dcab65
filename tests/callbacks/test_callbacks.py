"""Callbacks: every hook with its order and arguments, and those that come with the package."""

import json
import math
import os
import random

import numpy as np
import pytest

import pyhopper
from pyhopper import CandidateType, ParamInfo
from pyhopper.callbacks import Callback, History, SaveBestOnDisk
from pyhopper.testing import FakeClock


class Log(Callback):
    """Notes every call."""

    def __init__(self):
        self.calls = []

    def hooks(self):
        return [call[0] for call in self.calls]


def _noting(name):
    def hook(self, *arguments):
        self.calls.append((name, *arguments))

    return hook


HOOKS = [name for name in dir(Callback) if name.startswith("on_")]
for _name in HOOKS:
    setattr(Log, _name, _noting(_name))


def test_every_hook_of_the_interface_exists():
    assert set(HOOKS) == {
        "on_search_start",
        "on_evaluate_start",
        "on_evaluate_end",
        "on_evaluate_pruned",
        "on_evaluate_nan",
        "on_evaluate_failed",
        "on_duplicate_sampled",
        "on_new_best",
        "on_search_end",
    }


def test_hooks_come_in_order_with_their_arguments():
    clock = FakeClock(now=1000.0)

    def objective(params):
        clock.advance(2)
        kind = params["kind"]
        if kind == "prune":
            yield 0.5
            raise pyhopper.PruneEvaluation
        if kind == "fail":
            raise ValueError("broken")
        yield {"value": math.nan if kind == "nan" else 1.0, "acc": 0.25}

    search = pyhopper.Search(kind=pyhopper.choice("good", "prune", "fail", "nan"), clock=clock)
    search.sweep("kind", ["good", "prune", "fail", "nan", "good"])
    log = Log()
    search.run(objective, "max", steps=8, callbacks=log, ignore_nans=True, quiet=True)
    ends = {
        "good": ["on_evaluate_end", "on_new_best"],
        "prune": ["on_evaluate_pruned"],
        "fail": ["on_evaluate_failed"],
        "nan": ["on_evaluate_nan"],
    }
    hooks = log.hooks()
    assert hooks[0] == "on_search_start"
    assert log.calls[0][1] is search
    assert hooks[-1] == "on_search_end"
    assert hooks.count("on_duplicate_sampled") >= 1
    inner = [call for call in log.calls[1:-1] if call[0] != "on_duplicate_sampled"]
    expected = []
    for call in inner:
        if call[0] == "on_evaluate_start":
            expected += ["on_evaluate_start", *ends[call[1]["kind"]]]
    assert [call[0] for call in inner] == expected
    by_hook = {call[0]: call for call in inner}
    _, candidate, f, info = by_hook["on_evaluate_end"]
    assert (candidate, f) == ({"kind": "good"}, 1.0)
    assert isinstance(info, ParamInfo)
    assert info.finished_at - info.sampled_at == 2
    assert info.sampled_at >= 1000.0
    assert info.metrics == {"acc": 0.25}
    _, candidate, info = by_hook["on_evaluate_pruned"]
    assert candidate == {"kind": "prune"}
    assert (info.is_pruned, info.is_nan, info.estimates) == (True, False, (0.5,))
    _, _, info = by_hook["on_evaluate_nan"]
    assert (info.is_pruned, info.is_nan) == (False, True)
    assert by_hook["on_evaluate_failed"][2].reason == "ValueError: broken"
    types = {call[-1].type for call in inner}
    assert types <= {CandidateType.INIT, CandidateType.MANUALLY_ADDED}


def test_while_it_runs_a_candidate_has_no_end():
    class Peek(Callback):
        ends = ()

        def on_evaluate_start(self, candidate, info):
            self.ends += (info.finished_at,)

    peek = Peek()
    pyhopper.Search(x=pyhopper.float(0, 1)).run(
        lambda p: p["x"], steps=3, callbacks=[peek], quiet=True
    )
    assert peek.ends == (None, None, None)


def test_types_of_candidates():
    log = Log()
    search = pyhopper.Search(x=pyhopper.float(0, 1, init=0.5), seed=0)
    search += {"x": 0.25}
    search.run(lambda p: p["x"], steps=30, callbacks=[log], quiet=True)
    types = [call[-1].type for call in log.calls if call[0] == "on_evaluate_start"]
    assert types[0] is CandidateType.MANUALLY_ADDED
    assert types[1] is CandidateType.INIT
    assert set(types[2:]) == {CandidateType.RANDOM_SEEDING, CandidateType.LOCAL_SAMPLING}


def test_the_end_is_told_of_an_interrupted_run_too():
    def objective(params):
        raise KeyboardInterrupt

    log = Log()
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    assert search.run(objective, steps=3, callbacks=[log], quiet=True) is None
    assert log.hooks() == ["on_search_start", "on_evaluate_start", "on_search_end"]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_callback_that_raises_is_reported_once_and_skipped(hook):
    def objective(params):
        kind = params["kind"]
        if kind == "prune":
            raise pyhopper.PruneEvaluation
        if kind == "fail":
            raise ValueError
        return math.nan if kind == "nan" else 1.0

    def broken(self, *arguments):
        raise ZeroDivisionError("oh dear")

    faulty = type("Faulty", (Log,), {hook: broken})()
    log = Log()
    search = pyhopper.Search(kind=pyhopper.choice("good", "prune", "fail", "nan"))
    search.sweep("kind", ["good", "prune", "fail", "nan", "good"])
    with pytest.warns(RuntimeWarning, match=f"the callback Faulty raised in {hook} ") as caught:
        search.run(objective, steps=8, callbacks=[faulty, log], ignore_nans=True)
    assert len(caught) == 1
    assert "oh dear" in str(caught[0].message), "the traceback is shown"
    assert log.hooks()[-1] == "on_search_end"
    assert search.best == {"kind": "good"}


def test_a_callback_that_raises_is_silent_under_quiet():
    class Faulty(Callback):
        def on_evaluate_end(self, candidate, f, info):
            raise ZeroDivisionError

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    assert search.run(lambda p: p["x"], steps=3, callbacks=[Faulty()], quiet=True)


def test_what_is_no_callback_is_refused():
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    for wrong in (print, [print], [History], "history"):
        with pytest.raises(pyhopper.ArgumentError, match=r"^callbacks="):
            search.run(lambda p: 0.0, steps=1, callbacks=wrong)


# SaveBestOnDisk ----------------------------------------------------------------------------------

TEMPLATE = {
    "opt": {"lr": pyhopper.float(0, 1), "name": pyhopper.choice("adam", "sgd")},
    "weights": pyhopper.float(-1, 1, shape=(2, 2)),
    "layers": pyhopper.list(pyhopper.int(1, 9), 1, 3),
    "size": (3, 4),
    "activation": math.tanh,
}


def rate(params):
    return params["opt"]["lr"]


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_the_best_is_on_disk(tmp_path, suffix):
    if suffix == "json":
        read = json.loads
    else:
        read = pytest.importorskip("yaml", reason="PyYAML is not installed").safe_load
    path = tmp_path / "new" / "folder" / f"best.{suffix}"
    search = pyhopper.Search(TEMPLATE, seed=0)
    search.run(rate, "max", steps=20, callbacks=[SaveBestOnDisk(path)], quiet=True)
    saved = read(path.read_text())
    assert saved["value"] == search.best_f
    params = saved["params"]
    assert params["opt"] == search.best["opt"]
    assert np.array_equal(params["weights"], search.best["weights"])
    assert params["layers"] == search.best["layers"]
    assert params["size"] == [3, 4]
    assert "tanh" in params["activation"]
    assert list(path.parent.iterdir()) == [path], "nothing else is left"


def test_each_best_in_a_folder(tmp_path):
    log = Log()
    search = pyhopper.Search(TEMPLATE, seed=0)
    saver = SaveBestOnDisk(dir=tmp_path / "best")
    search.run(rate, "max", steps=30, callbacks=[saver, log], quiet=True)
    files = sorted((tmp_path / "best").iterdir())
    values = [json.loads(path.read_text())["value"] for path in files]
    assert values == [call[2] for call in log.calls if call[0] == "on_new_best"]
    assert len(values) > 1
    assert [path.name for path in files[:2]] == ["best_00001.json", "best_00002.json"]
    other = SaveBestOnDisk(dir=tmp_path / "best")
    pyhopper.Search(TEMPLATE, seed=0).run(rate, steps=1, callbacks=[other], quiet=True)
    assert len(list((tmp_path / "best").iterdir())) == len(files) + 1, "nothing is overwritten"


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "best.json"
    saver = SaveBestOnDisk(path)
    info = ParamInfo(CandidateType.INIT, 0.0)
    saver.on_new_best({"x": 1}, 1.0, info)
    before = path.read_text()

    def full(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        saver.on_new_best({"x": 2}, 2.0, info)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_scalars_of_numpy_are_plain_in_files(tmp_path):
    path = tmp_path / "best.yaml"
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    params = {"a": np.float64(0.5), "b": np.int64(3), "c": np.bool_(True), "d": None, 5: "five"}
    SaveBestOnDisk(path).on_new_best(params, np.float64(1), ParamInfo(CandidateType.INIT, 0.0))
    text = path.read_text()
    assert text.split("\n") == [
        "value: 1.0", "params:", "  a: 0.5", "  b: 3", "  c: true", "  d: null", "  '5': five", ""
    ]  # fmt: skip


def test_where_to_save_must_be_clear():
    for arguments in ({}, {"filename": "a", "dir": "b"}):
        with pytest.raises(pyhopper.ArgumentError, match="either filename"):
            SaveBestOnDisk(**arguments)


# History -----------------------------------------------------------------------------------------


def test_history_records_what_the_search_records():
    history = History()
    noise = random.Random(0)

    def objective(params):
        if params["x"] < 0.2:
            raise pyhopper.PruneEvaluation
        return params["x"] + noise.random()

    search = pyhopper.Search({"x": pyhopper.float(0, 1), "a": {"b": pyhopper.int(0, 9)}}, seed=2)
    for _ in range(2):
        search.run(objective, "max", steps=25, callbacks=[history], quiet=True)
    known = search.history
    assert len(history) == len(known)
    assert history[3] == known[3]
    assert history["a.b"] == known["a.b"] == history.get_marginal("a.b")
    assert history.get_pruned_marginal("x") == known.get_pruned_marginal("x")
    for name in ("fs", "best_fs", "steps"):
        assert np.array_equal(getattr(history, name), getattr(known, name))
    assert history.best_f == known.best_f == max(history.fs)
    assert np.all(np.diff(history.seconds) >= 0)
    assert np.allclose(history.seconds, np.multiply(history.minutes, 60))
    assert np.allclose(history.seconds, np.multiply(history.hours, 3600))
    history.clear()
    assert len(history) == 0
    assert history.best_f is None


def test_history_of_a_minimizing_search_without_its_own():
    history = History()
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=2)
    search.run(
        lambda p: p["x"], "min", steps=25, callbacks=[history], keep_history=False, quiet=True
    )
    assert len(search.history) == 0
    assert len(history) == 25
    assert history.best_fs[-1] == min(history.fs) == search.best_f


def test_callbacks_get_what_was_drawn():
    """An objective that changes its dict changes nobody else's."""
    seen = []

    class Watching(Callback):
        def on_evaluate_end(self, candidate, f, info):
            seen.append(candidate)

    def objective(params):
        value = params.pop("x")
        params["w"][:] = 7
        return value

    search = pyhopper.Search(x=pyhopper.float(0, 1), w=pyhopper.float(0, 1, shape=2))
    search.run(objective, steps=5, quiet=True, callbacks=Watching())
    assert [each["x"] for each in seen] == list(search.history["x"])
    assert all((each["w"] <= 1).all() for each in [*seen, search.best])

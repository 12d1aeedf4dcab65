"""Callbacks: every hook with its order and arguments, in workers and after a resume."""

import math
import os
from collections import Counter

import numpy as np
import pytest
from helpers import (
    HOOKS,
    LOCAL,
    MANUAL,
    RANDOM,
    Calls,
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper import CandidateType, ParamInfo
from pyhopper.callbacks import Callback, History
from pyhopper.events import Outcome, Status
from pyhopper.journal.file import read
from pyhopper.testing import FakeClock


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
    hooks = Calls()
    search.run(objective, "max", steps=8, callbacks=hooks, ignore_nans=True, quiet=True)
    ends = {
        "good": ["on_evaluate_end", "on_new_best"],
        "prune": ["on_evaluate_pruned"],
        "fail": ["on_evaluate_failed"],
        "nan": ["on_evaluate_nan"],
    }
    names = hooks.names()
    assert names[0] == "on_search_start"
    assert hooks.calls[0][1] is search
    assert names[-1] == "on_search_end"
    assert names.count("on_duplicate_sampled") >= 1
    inner = [call for call in hooks.calls[1:-1] if call[0] != "on_duplicate_sampled"]
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


def test_a_new_best_is_told_after_its_end():
    """A new best is told after its end, and only where the value is better."""
    hooks = Calls()
    outcomes = iter([1.0, 0.5, Outcome(Status.NAN), Outcome(Status.PRUNED), 2.0])
    results = []

    def objective(params):
        result = next(outcomes)
        results.append(result)
        if isinstance(result, Outcome):
            if result.status is Status.PRUNED:
                raise pyhopper.PruneEvaluation
            return math.nan
        return result

    search = search_of_x(seed=0)
    search.run(objective, "max", steps=5, callbacks=[hooks], ignore_nans=True, quiet=True)
    start = "on_evaluate_start"
    assert hooks.names() == [
        "on_search_start",
        *[start, "on_evaluate_end", "on_new_best"],
        *[start, "on_evaluate_end"],
        *[start, "on_evaluate_nan"],
        *[start, "on_evaluate_pruned"],
        *[start, "on_evaluate_end", "on_new_best"],
        "on_search_end",
    ]
    ((_, first, info), (_, second, _)) = hooks.of("on_new_best")
    assert (first, second) == (1.0, 2.0)
    assert info.type is CandidateType.INIT
    assert info.finished_at >= info.sampled_at > 1e9, "in seconds since the epoch"


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
    hooks = Calls()
    search = pyhopper.Search(x=pyhopper.float(0, 1, init=0.5), seed=0)
    search += {"x": 0.25}
    search.run(lambda p: p["x"], steps=30, callbacks=[hooks], quiet=True)
    types = [call[-1].type for call in hooks.calls if call[0] == "on_evaluate_start"]
    assert types[0] is CandidateType.MANUALLY_ADDED
    assert types[1] is CandidateType.INIT
    assert set(types[2:]) == {CandidateType.RANDOM_SEEDING, CandidateType.LOCAL_SAMPLING}


def test_the_end_is_told_of_an_interrupted_run_too():
    def objective(params):
        raise KeyboardInterrupt

    hooks = Calls()
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    assert search.run(objective, steps=3, callbacks=[hooks], quiet=True) is None
    assert hooks.names() == ["on_search_start", "on_evaluate_start", "on_search_end"]


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

    faulty = type("Faulty", (Calls,), {hook: broken})()
    hooks = Calls()
    search = pyhopper.Search(kind=pyhopper.choice("good", "prune", "fail", "nan"))
    search.sweep("kind", ["good", "prune", "fail", "nan", "good"])
    with pytest.warns(RuntimeWarning, match=f"the callback Faulty raised in {hook} ") as caught:
        search.run(objective, steps=8, callbacks=[faulty, hooks], ignore_nans=True)
    assert len(caught) == 1
    assert "oh dear" in str(caught[0].message), "the traceback is shown"
    assert hooks.names()[-1] == "on_search_end"
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
    search += {"kind": "good", "n": 500_000}
    return search


def test_callbacks_with_workers_and_after_a_resume(tmp_path):
    """Every hook comes in this process, once for each candidate, and the state goes on."""
    hook_of = {"good": "end", "prune": "pruned", "fail": "failed", "nan": "nan"}
    ended, before = [], 0
    for steps in (4, 9):
        hooks = Calls()
        search = kinds()
        search.run(
            ends_of_all_kinds,
            steps=steps,
            n_jobs=2,
            callbacks=[hooks],
            checkpoint_path=tmp_path / "run.ckpt",
            ignore_nans=True,
            quiet=True,
        )
        assert hooks.count == before + len(hooks.calls)
        before = hooks.count
        assert hooks.calls[0] == ("on_search_start", search)
        assert hooks.calls[-1] == ("on_search_end",)
        for kind, hook in hook_of.items():
            calls = hooks.of(f"on_evaluate_{hook}")
            assert {call[0]["kind"] for call in calls} <= {kind}
            ended += [(call[0]["kind"], call[0]["n"]) for call in calls]
            assert all(call[-1].finished_at >= call[-1].sampled_at for call in calls)
        starts = [(params["kind"], params["n"]) for params, _ in hooks.of("on_evaluate_start")]
        assert sorted(starts) == sorted(ended[-len(starts) :])
        values = [value for _, value, _ in hooks.of("on_new_best")]
        assert values == sorted(values)
        assert all(call[-1].metrics["pid"] != os.getpid() for call in hooks.of("on_evaluate_end"))
    assert Counter(ended) == Counter(
        [("good", 500_000), *[(kind, n) for kind in hook_of for n in (1, 2)]]
    )


def test_duplicates_are_told_with_their_candidate():
    """The candidate was evaluated before, and the info says how it was proposed."""
    hooks = Calls()
    search = pyhopper.Search(x=pyhopper.int(0, 3), seed=0)
    search.sweep("x", [1, 1])
    search.run(x_of, steps=10, callbacks=hooks, quiet=True)
    duplicates = hooks.of("on_duplicate_sampled")
    assert ({"x": 1}, MANUAL) in [(params, info.type) for params, info in duplicates]
    assert {info.type for _, info in duplicates} <= {MANUAL, RANDOM, LOCAL}
    started = [params for params, _ in hooks.of("on_evaluate_start")]
    assert all(params in started for params, _ in duplicates)
    assert all(info.finished_at is None for _, info in duplicates)


def search_of_two(**more):
    return pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 99), **more)


def value_of(params):
    return params["n"] - params["x"] ** 2


class Counting(Callback):
    """Counts, and keeps its count in the checkpoint."""

    def __init__(self):
        self.count = 0

    def on_evaluate_end(self, candidate, f, info):
        self.count += 1

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Growing(Callback):
    """Keeps everything."""

    def __init__(self):
        self.values = []

    def on_evaluate_end(self, candidate, f, info):
        self.values.append((f, np.float32(f)))

    def state_dict(self):
        return {"values": self.values}

    def load_state_dict(self, state):
        self.values = state["values"]


def test_state_of_callbacks(tmp_path):
    path = tmp_path / "run.ckpt"
    for steps in (20, 300):
        counting, growing, plain = Counting(), Growing(), Callback()
        search = search_of_two(seed=1)
        callbacks = [plain, growing, counting]
        search.run(value_of, steps=steps, quiet=True, checkpoint_path=path, callbacks=callbacks)
        assert counting.count == steps
        assert [pair[0] for pair in growing.values] == search.history.fs
    states = [record for record in read(path)[0] if record["event"] == "state"]
    assert len(states) < 100, "large states are written less often"

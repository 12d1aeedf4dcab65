"""Searches that run in subprocesses: their arguments, ends and faults."""

import os
import signal
import sys
import threading
import time

import pytest
from helpers import (
    search_of_x,
    statuses,
    x_of,
)

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.errors import ArgumentError, EvaluationError, SearchFailedError
from pyhopper.events import Status
from pyhopper.executors import InlineExecutor, slots
from pyhopper.executors.local import LocalExecutor
from pyhopper.testing import FakeClock, ScriptedExecutor


def search(**more):
    return pyhopper.Search({"x": pyhopper.float(0, 1), **more}, seed=7)


@pytest.mark.parametrize(
    ("n_jobs", "count"), [(3, 3), ("3", 3), (" +2 ", 2), (1, 1), ("1", 1), (-1, 5), ("-1", 5)]
)
def test_number_of_slots(n_jobs, count, monkeypatch):
    monkeypatch.setattr(slots, "usable_cores", lambda: 5)
    assert len(slots.parse_slots(n_jobs)) == count


@pytest.mark.parametrize(
    "n_jobs", [0, -2, 1.5, "two", "", True, None, "0x per-gpu", "per-cpu", "²"]
)
def test_n_jobs_that_make_no_sense(n_jobs):
    with pytest.raises(ArgumentError, match=r"n_jobs=.*per-gpu"):
        slots.parse_slots(n_jobs)


def test_more_slots_than_a_machine_can_have():
    for n_jobs in (4097, 10**9, 10**400, 10**5000, "9" * 6000, "99999x per-gpu"):
        with pytest.raises(ArgumentError, match=r"n_jobs=.*at most 4096 evaluations"):
            slots.parse_slots(n_jobs)


@pytest.mark.parametrize("missing", ["slots", "submit", "wait", "cancel", "close"])
def test_executor_that_lacks_something(missing):
    names = {"slots", "submit", "wait", "cancel", "close"} - {missing}
    executor = type("Mine", (), dict.fromkeys(names, lambda *arguments: 1))()
    with pytest.raises(ArgumentError, match=r"executor=.*must have slots and the methods"):
        slots.check_executor(executor, 1, "auto", needs_process=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 1, "timeout": "soon"}, 'timeout=.*not a duration.*"1h 30min"'),
        ({"steps": 1, "timeout": 0}, "timeout=0"),
        ({"steps": 1, "deadline": "kill"}, "deadline=.*give runtime"),
        ({"steps": 1, "isolation": "total"}, 'isolation=.*"candidate" or "slot"'),
        ({"steps": 1, "mp_backend": "threads"}, "mp_backend="),
        ({"steps": 1, "n_jobs": 2, "executor": InlineExecutor()}, "n_jobs=2.*executor is given"),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        search().run(lambda p: p["x"], quiet=True, **arguments)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"n_jobs": 1}, InlineExecutor),
        ({"n_jobs": "1"}, InlineExecutor),
        ({"n_jobs": 1, "needs_process": True}, LocalExecutor),
        ({"n_jobs": 1, "isolation": "candidate"}, LocalExecutor),
        ({"n_jobs": 2}, LocalExecutor),
    ],
)
def test_subprocesses_only_where_needed(arguments, kind):
    options = {"isolation": "auto", "needs_process": False, **arguments}
    own, checked = slots.check_executor(None, **options)
    executor = slots.make_executor(own, checked, options["isolation"])
    executor.close()
    assert type(executor) is kind


def test_mp_backend_by_name():
    search = search_of_x()
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
    search = search_of_x()
    search.run(lambda p: {"value": 1, "pid": os.getpid()}, steps=5, quiet=True, **arguments)
    pids = [each.metrics["pid"] for each in search.history.evaluations]
    assert set(pids) == {os.getpid()} if here else os.getpid() not in pids
    assert len(set(pids)) <= processes if processes == 2 else len(set(pids)) == processes


@pytest.mark.parametrize("isolation", ["slot", "candidate"])
def test_workers_are_not_forked(isolation, monkeypatch):
    """What the parent has set up, such as CUDA, is not half alive in them."""
    monkeypatch.setattr(pyhopper.testing, "set_up_by_the_parent", True, raising=False)

    def objective(params):
        import pyhopper.testing

        return float(hasattr(pyhopper.testing, "set_up_by_the_parent"))

    search = search_of_x()
    search.run(objective, steps=2, quiet=True)
    assert search.history.fs == [1, 1], "the control: in this process it can be seen"
    search = search_of_x()
    search.run(objective, steps=2, n_jobs=2, isolation=isolation, quiet=True)
    assert search.history.fs == [0, 0]


def test_one_slot_is_as_repeatable_as_this_process():
    found = []
    for isolation in ("auto", "slot"):
        each = search(y=pyhopper.int(0, 9))
        each.run(lambda p: p["x"] - p["y"], steps=30, isolation=isolation, quiet=True)
        found.append([evaluation.params for evaluation in each.history.evaluations])
    assert found[0] == found[1]


def test_parallel_search_never_repeats_a_candidate():
    each = pyhopper.Search(x=pyhopper.int(0, 11))
    each.run(lambda p: p["x"], n_jobs=2, steps=100, quiet=True)
    assert sorted(each.history["x"]) == list(range(12))


def test_proposals_ahead_change_with_a_new_best():
    """A proposal that was made while others ran is dropped when one of them is the new best."""
    clock = FakeClock()
    executor = ScriptedExecutor(clock, lambda job: (1.0 + job.id % 3, job.params["x"]), slots=3)
    each = pyhopper.Search(x=pyhopper.float(0, 1), seed=1, clock=clock)
    each.run(lambda p: 0, executor=executor, steps=60, seeding_ratio=0.2, quiet=True)
    assert len(each.history) == 60
    assert len(set(each.history["x"])) == 60
    assert [job.id for _, job in executor.started] == list(range(60))


def test_guess_from_a_callback_comes_before_what_was_proposed_ahead():
    clock = FakeClock()
    executor = ScriptedExecutor(clock, lambda job: (1.0, job.params["x"]), slots=2)
    each = pyhopper.Search(x=pyhopper.float(0, 1), seed=1, clock=clock)

    class Guess(Callback):
        def on_evaluate_end(self, candidate, f, info):
            if len(each.history) == 4:
                each.enqueue({"x": 0.123})

    each.run(lambda p: 0, executor=executor, steps=8, callbacks=Guess(), quiet=True)
    assert executor.started[5][1].params["x"] == 0.123


def test_timeout_fails_a_candidate_and_the_search_goes_on():
    def objective(p):
        if p["x"] > 0.5:
            time.sleep(600)
        return p["x"]

    each = search()
    each.run(objective, steps=6, timeout="1s", quiet=True)
    assert len(each.history.evaluations) == 6
    failed = [e for e in each.history.evaluations if e.status is Status.FAILED]
    assert failed
    assert all("timeout of 1 s" in e.reason for e in failed)
    assert each.best_f <= 0.5


def test_deadline_kill_ends_what_runs():
    def objective(p):
        if p["x"] != 0.5:
            time.sleep(600)
        return p["x"]

    each = search()
    best = each.run(objective, runtime=3, deadline="kill", n_jobs=2, quiet=True)
    assert best == {"x": 0.5}
    ends = [e for e in each.history.evaluations if e.status is Status.CANCELLED]
    assert len(ends) == 2
    assert all("budget used" in e.reason for e in ends)


def hangs(params):
    threading.Event().wait()


def test_deadline_kill_with_one_job():
    """With that option one job gets a process of its own, which can be ended."""
    search = search_of_x()
    assert search.run(hangs, runtime="1s", deadline="kill", quiet=True) is None
    assert statuses(search) == {0: Status.CANCELLED}


def test_deadline_finish_waits_for_what_runs():
    clock = FakeClock()
    executor = ScriptedExecutor(clock, lambda job: (70.0, 1.0), slots=2)
    each = pyhopper.Search(x=pyhopper.float(0, 1), clock=clock)
    each.run(lambda p: 0, executor=executor, runtime=60, quiet=True)
    assert len(each.history) == 2
    executor = ScriptedExecutor(clock, lambda job: (70.0, 1.0), slots=2)
    each = pyhopper.Search(x=pyhopper.float(0, 1), clock=clock)
    each.run(lambda p: 0, executor=executor, runtime=60, deadline="kill", quiet=True)
    assert len(each.history) == 0
    assert each._log.state.elapsed == 60


def test_all_dead_shows_the_first():
    def objective(p):
        print("about to give up")
        sys.stdout.flush()
        import os

        os._exit(3)

    with pytest.raises(SearchFailedError, match=r"code 3(.|\n)*about to give up") as caught:
        search().run(objective, steps=50, n_jobs=2, quiet=True)
    assert caught.value.failures == 20


def test_on_error_raise_stops_with_what_the_worker_said():
    def objective(p):
        if p["x"] == 0.5:
            return 1.0
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(EvaluationError, match="CUDA out of memory"):
        search().run(objective, steps=50, n_jobs=2, on_error="raise", quiet=True)


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_workers_cost_one_candidate_each():
    """The search goes on with new processes."""

    def objective(params):
        if params["x"] < 0.45:
            os.kill(os.getpid(), signal.SIGKILL)
        return params["x"]

    search = search_of_x(seed=0)
    search.sweep("x", [0.1, 0.6, 0.2, 0.7, 0.3, 0.8])
    search.run(objective, steps=6, n_jobs=2, quiet=True)
    failed = [e for e in search.history.evaluations if e.status is Status.FAILED]
    assert sorted(e.params["x"] for e in failed) == [0.1, 0.2, 0.3]
    assert all("SIGKILL" in e.reason for e in failed)
    assert sorted(search.history["x"]) == [0.6, 0.7, 0.8]

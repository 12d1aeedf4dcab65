"""Searches that run in subprocesses: their arguments, ends and faults."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

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
    checked = slots.check_executor(None, **options)
    executor = slots.make_executor(None, checked, options["isolation"], quiet=True)
    executor.close()
    assert type(executor) is kind


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


def test_kwargs_and_closures_reach_the_workers():
    factor = 3

    class Model:
        def __init__(self, offset):
            self.offset = offset

        def score(self, p, scale):
            return factor * p["x"] * scale + self.offset

    best = search().run(Model(2).score, steps=3, n_jobs=2, kwargs={"scale": 0}, quiet=True)
    assert best is not None
    each = search()
    each.run(Model(2).score, steps=3, n_jobs=2, kwargs={"scale": 0}, quiet=True)
    assert each.best_f == 2


def test_objective_that_cannot_be_sent():
    lock = threading.Lock()
    with pytest.raises(ArgumentError, match=r"objective=.*cannot be sent to a subprocess .*lock"):
        search().run(lambda p: lock, steps=3, n_jobs=2, quiet=True)
    with pytest.raises(ArgumentError, match=r'kwargs\["lock"\]=.*cannot be sent'):
        search().run(lambda p, lock: 1, steps=3, n_jobs=2, kwargs={"lock": lock}, quiet=True)


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
    assert caught.value.failures == 5


def test_on_error_raise_stops_with_what_the_worker_said():
    def objective(p):
        if p["x"] == 0.5:
            return 1.0
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(EvaluationError, match="CUDA out of memory"):
        search().run(objective, steps=50, n_jobs=2, on_error="raise", quiet=True)


MODULE = """
import pyhopper

def objective(p):
    return p["x"]

search = pyhopper.Search(x=pyhopper.float(0, 1))
best = search.run(objective, steps=6, n_jobs=2, quiet=True)
print("found", best is not None)
"""


def _python(*arguments, **options):
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_script_needs_no_main_guard(tmp_path):
    (tmp_path / "script.py").write_text(MODULE)
    done = _python(str(tmp_path / "script.py"))
    assert done.stdout == "found True\n", done.stderr
    done = _python("-", input=MODULE)
    assert done.stdout == "found True\n", done.stderr


def test_module_that_searches_when_imported_gets_a_sentence(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    done = _python("-c", "import module", cwd=tmp_path)
    assert done.returncode == 1
    assert 'put the call of run under `if __name__ == "__main__":`' in done.stderr
    assert "could not load the objective" in done.stderr


def test_objective_module_in_the_current_folder(tmp_path):
    (tmp_path / "mine.py").write_text("def objective(p):\n    return p['x']\n")
    script = textwrap.dedent("""
        import pyhopper, mine
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        print(search.run(mine.objective, steps=4, n_jobs=2, quiet=True) is not None)
    """)
    done = _python("-c", script, cwd=tmp_path)
    assert done.stdout == "True\n", done.stderr


def test_search_inside_of_an_objective():
    def objective(p):
        inner = pyhopper.Search(y=pyhopper.float(0, 1))
        inner.run(lambda q: q["y"], steps=3, n_jobs=2, quiet=True)
        return inner.best_f

    each = search()
    each.run(objective, steps=2, isolation="candidate", quiet=True)
    assert len(each.history) == 2


def test_pool_inside_of_an_objective():
    """Workers are not daemonic, so a pool of processes or a DataLoader works in them."""

    def objective(p):
        import multiprocessing

        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(abs, (-p["x"],))

    each = search()
    each.run(objective, steps=2, isolation="slot", quiet=True)
    assert len(each.history) == 2, each.history.evaluations


SCRIPT_THAT_PICKLES = """
import multiprocessing, pickle
import pyhopper

class Net:
    pass

def square(n):
    return n * n

def objective(params, scale=1):
    assert pickle.loads(pickle.dumps(Net()))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return scale * sum(pool.map(square, [2, 3]))

search = pyhopper.Search(x=pyhopper.float(0, 1))
search.run(objective, steps=2, n_jobs=2, quiet=True, on_error="raise")
print(search.best_f)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a pool that is forked")
def test_what_a_script_defines_can_be_pickled_in_a_worker(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT_THAT_PICKLES)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stdout.strip() == "13.0", done.stderr

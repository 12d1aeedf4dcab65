"""Going on from a checkpoint: budget, seed, open candidates, guesses."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ids

import pyhopper
from pyhopper.events import Outcome, Status
from pyhopper.journal.file import read
from pyhopper.testing import FakeClock, ScriptedExecutor


def make(**more):
    return pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 99), **more)


def value_of(params):
    return params["n"] - params["x"] ** 2


def test_steps_mean_the_total(tmp_path):
    path = tmp_path / "run.ckpt"
    calls = []

    def objective(params):
        calls.append(params)
        return value_of(params)

    for steps, total in ((10, 10), (10, 10), (25, 25), (10, 25)):
        search = make()
        best = search.run(objective, steps=steps, quiet=True, checkpoint_path=path)
        assert len(calls) == total
        assert ids(search) == list(range(total))
        assert value_of(best) == max(map(value_of, calls)) == search.best_f
    search.run(objective, steps=30, quiet=True, checkpoint_path=path)
    assert len(calls) == 30, "in the same process too"
    search.run(objective, steps=5, quiet=True)
    assert len(calls) == 35, "without a checkpoint a run has its own budget"
    with pytest.raises(pyhopper.ArgumentError, match="checkpoint_path"):
        search.run(objective, steps=50, quiet=True, checkpoint_path=path)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_time_carries_over(tmp_path):
    """Of an hour, 40 minutes are used before the kill and 20 after it."""
    path = tmp_path / "run.ckpt"

    def evaluate(steps_before_kill):
        clock = FakeClock()
        search = make(seed=1, clock=clock)
        ended = []

        def script(job):
            if len(ended) == steps_before_kill:
                raise Killed
            ended.append(job.id)
            return 600, 1.0

        executor = ScriptedExecutor(clock, script)
        run = {"runtime": "1h", "quiet": True, "checkpoint_path": path, "executor": executor}
        if steps_before_kill is not None:
            with pytest.raises(Killed):
                search.run(value_of, **run)
        else:
            search.run(value_of, **run)
        return search, ended

    assert evaluate(4)[1] == [0, 1, 2, 3]
    search, ended = evaluate(None)
    assert ended == [4, 5], "the one that ran comes first, with its number"
    assert search.history.seconds == [600 * n for n in range(1, 7)]
    assert evaluate(None)[1] == []


def test_orphans_run_first_and_only_once(tmp_path):
    """What ran in four slots at the kill runs again, also when there is only one slot now."""
    path = tmp_path / "run.ckpt"
    clock = FakeClock()
    submitted = {}

    def script(job):
        submitted[job.id] = job.params
        if job.id == 9:
            raise Killed
        return 10 - job.id / 10, 1.0

    search = make(clock=clock)
    executor = ScriptedExecutor(clock, script, slots=4)
    with pytest.raises(Killed):
        search.run(value_of, steps=20, quiet=True, checkpoint_path=path, executor=executor)
    running = [
        n
        for n in range(10)
        if n not in {e.id for e in search.history.evaluations if e.status is Status.DONE}
    ]
    assert len(running) == 4
    again = []

    def second(job):
        again.append(job.id)
        assert submitted.setdefault(job.id, job.params) == job.params
        return 1, 1.0

    search = make(clock=clock)
    executor = ScriptedExecutor(clock, second)
    search.run(value_of, steps=20, quiet=True, checkpoint_path=path, executor=executor)
    assert again == [*running, *range(10, 20)]
    assert sorted(ids(search)) == list(range(20))


def test_ctrl_c_leaves_the_candidate_open(tmp_path):
    path = tmp_path / "run.ckpt"
    interrupted = []

    def objective(params):
        if not interrupted and params["n"] != 49:
            interrupted.append(params)
            raise KeyboardInterrupt
        return value_of(params)

    search = make(seed=2)
    search.run(objective, steps=12, quiet=True, checkpoint_path=path)
    assert interrupted
    search = make(seed=2)
    search.run(objective, steps=12, quiet=True, checkpoint_path=path)
    plain = make(seed=2)
    plain.run(value_of, steps=12, quiet=True)
    assert [e.params for e in search.history.evaluations] == [
        e.params for e in plain.history.evaluations
    ]


def test_seed_comes_from_the_file(tmp_path):
    path = tmp_path / "run.ckpt"
    first = make()
    first.run(value_of, steps=3, quiet=True, checkpoint_path=path)
    second = make()
    second.run(value_of, steps=3, quiet=True, checkpoint_path=path)
    assert second.seed == first.seed
    with pytest.raises(pyhopper.ArgumentError, match=f"seed=17.*seed={first.seed}"):
        make(seed=17).run(value_of, steps=3, quiet=True, checkpoint_path=path)
    fresh = make(seed=17)
    fresh.run(value_of, steps=3, quiet=True, checkpoint_path=path, overwrite_checkpoint=True)
    assert read(path)[0][0]["seed"] == 17


def test_a_script_that_gives_its_guesses_again(tmp_path):
    """Guesses and known results of the script are not taken twice, new ones are."""
    path = tmp_path / "run.ckpt"

    def script(steps, guesses):
        search = make(seed=4)
        search.add({"x": 0.5, "n": 3}, 777.0, {"from": "last year"})
        for guess in guesses:
            search += guess
        search.run(value_of, steps=steps, quiet=True, checkpoint_path=path)
        return search

    script(2, [{"n": 1}, {"n": 2}, {"n": 3}])
    search = script(4, [{"n": 1}, {"n": 2}, {"n": 3}])
    assert search.history["n"][:3] == [3, 1, 2]
    search = script(6, [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4, "x": 0.25}])
    assert search.history.evaluations[5].params == {"x": 0.25, "n": 4}
    assert len(search.history) == 7
    assert search.best_f == 777


def test_folder_gets_numbered_files(tmp_path):
    for number in (1, 2):
        search = make()
        search.run(value_of, steps=2, quiet=True, checkpoint_path=f"{tmp_path}/new/")
        assert search.checkpoint_path == str(tmp_path / "new" / f"{number:05d}.ckpt")
        assert len(search.history) == 2


def test_save_and_load(tmp_path):
    path = tmp_path / "saved.ckpt"
    search = make(seed=5)
    search.add({"x": 0.5, "n": 3}, 7.0)
    search.run(value_of, steps=10, quiet=True)
    search += {"n": 98}
    search.forget_cached(search.history[4])
    for _ in range(2):
        search.save(path)
    loaded = make()
    loaded.load(path)
    same, other = vars(search._log.state).copy(), vars(loaded._log.state).copy()
    for state in (same, other):
        state.pop("key"), state.pop("trim"), state.pop("time")
        state["evaluations"] = [e._replace(seconds=0) for e in state["evaluations"]]
        state["best"] = state["best"].id
        for tally in state["tallies"].values():
            tally.seconds = 0
            tally.times = dict.fromkeys(tally.times, 0.0)
        state["tallies"] = repr(state["tallies"])  # NaN is not equal to NaN
    assert same == other
    assert loaded.manual_queue_count == 1
    loaded.run(value_of, steps=3, quiet=True)
    assert loaded.history.evaluations[11].params["n"] == 98
    with pytest.raises(pyhopper.ArgumentError, match="results already"):
        loaded.load(path)


def test_without_history_the_best_is_saved(tmp_path):
    search = make(seed=5)
    search.run(value_of, steps=10, quiet=True, keep_history=False)
    search.save(tmp_path / "saved.ckpt")
    loaded = make()
    loaded.load(tmp_path / "saved.ckpt")
    assert loaded.best == search.best
    assert loaded._log.state.ended == 10
    assert repr(loaded._log.state.tallies) == repr(search._log.state.tallies)


SLOW = """
import sys, time
import pyhopper

def objective(params):
    print("begin", flush=True)
    time.sleep(60)

pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 99), seed=1).run(
    objective, steps=3, quiet=True, checkpoint_path=sys.argv[1]
)
print("not reached", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGTERM")
def test_sigterm_ends_in_order(tmp_path):
    path = tmp_path / "run.ckpt"
    command = [sys.executable, "-c", SLOW, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "begin\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == ""
        assert child.wait(30) == -signal.SIGTERM
    assert not Path(f"{path}.lock").exists()
    search = make()
    search.run(value_of, steps=3, quiet=True, checkpoint_path=path)
    assert ids(search) == [0, 1, 2]


@pytest.mark.parametrize("init", [{}, {"init": 0.75}])
def test_after_a_fault_of_the_objective_the_search_begins_anew(init, tmp_path, capsys):
    """Nothing had succeeded: guesses and init come again, and the budget is whole."""
    seen = []

    def script(objective, steps=6, quiet=True):
        search = pyhopper.Search(x=pyhopper.float(0, 1, **init), seed=1)
        search += {"x": 0.25}
        search.run(objective, steps=steps, checkpoint_path=tmp_path / "run.ckpt", quiet=quiet)
        return search

    for _ in range(2):
        with pytest.raises(pyhopper.SearchFailedError, match="KeyError"):
            script(lambda params: params["y"])
    search = script(lambda params: seen.append(params["x"]) or params["x"], quiet=False)
    out = capsys.readouterr().out
    assert "succeeded (12 evaluations), so the search begins anew" in " ".join(out.split())
    assert "12 evaluations failed or had no value: 12 x KeyError: 'y'" in " ".join(out.split())
    assert len(seen) == 6
    assert seen[: 1 + len(init)] == [0.25, *init.values()]
    assert [e.status for e in search.history.evaluations[:12]] == ["failed"] * 12
    script(lambda params: seen.append(params["x"]) or params["x"])
    assert len(seen) == 6, "the budget of the last start is used"


@pytest.mark.parametrize(
    ("before", "now", "first"),
    [
        (pyhopper.int(0, 100), pyhopper.int(0, 10), 5),
        (pyhopper.int(0, 100), pyhopper.int(0, 90), 77),
        (pyhopper.float(0, 1, shape=20_000), pyhopper.float(0, 1, shape=20_000), None),
    ],
    ids=["narrower", "the guess fits", "large"],
)
def test_beginning_anew_tries_only_what_is_there_and_fits(before, now, first, tmp_path):
    path, seen = tmp_path / "run.ckpt", []

    def run(x, objective):
        search = pyhopper.Search(x=x, seed=1)
        if first is not None:
            search.enqueue({"x": min(77, x.bounds.high)})
        search.run(objective, steps=4, checkpoint_path=path, quiet=True)

    with pytest.raises(pyhopper.SearchFailedError):
        run(before, lambda p: p["y"])
    run(now, lambda p: seen.append(p["x"]) or float(np.mean(p["x"])))
    assert len(seen) == 4
    assert all(now.check(x) is not None for x in seen)
    assert first in (None, 5) or seen[0] == first


def test_a_guess_that_ran_when_the_search_began_anew_is_not_lost(tmp_path):
    """It fails after that, and is tried again when the objective has been repaired."""
    path, seen = tmp_path / "run.ckpt", []

    def run(objective, executor=None):
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        for x in (0.125, 0.75):
            search += {"x": x}
        search.run(objective, steps=4, checkpoint_path=path, executor=executor, quiet=True)

    def dies(job):
        if job.id == 1:
            raise Killed
        return 1, Outcome(Status.FAILED, reason="a bug")

    with pytest.raises(Killed):
        run(lambda p: 1.0, ScriptedExecutor(FakeClock(), dies))
    with pytest.raises(pyhopper.SearchFailedError):
        run(lambda p: p["y"])
    run(lambda p: seen.append(p["x"]) or p["x"])
    assert sorted(seen[:2]) == [0.125, 0.75]

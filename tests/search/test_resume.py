"""Going on from a checkpoint: budget, seed, guesses, callbacks, locks and changed spaces."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ids, statuses

import pyhopper
from pyhopper.callbacks import Callback
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
        search = make(seed=1)
        callbacks = [plain, growing, counting]
        search.run(value_of, steps=steps, quiet=True, checkpoint_path=path, callbacks=callbacks)
        assert counting.count == steps
        assert [pair[0] for pair in growing.values] == search.history.fs
    states = [record for record in read(path)[0] if record["event"] == "state"]
    assert len(states) < 100, "large states are written less often"


def test_state_that_cannot_be_written_is_an_error_at_the_begin(tmp_path):
    class Odd(Callback):
        def state_dict(self):
            return {"open": object()}

    calls = []
    with pytest.raises(pyhopper.CheckpointError, match="state_dict"):
        make().run(
            calls.append,
            steps=3,
            quiet=True,
            checkpoint_path=tmp_path / "a.ckpt",
            callbacks=[Odd()],
        )
    assert not calls


class Net:
    """A value that JSON cannot hold."""

    def __init__(self, layers):
        self.layers = layers

    def __eq__(self, other):
        return self.layers == other.layers

    def __hash__(self):
        return hash(tuple(self.layers))


def _net(rng):
    return Net(rng.integers(9, size=3).tolist())


@pytest.mark.parametrize(
    "more",
    [
        {"allow_pickle": True},
        {"encode": lambda net: net.layers, "decode": Net},
    ],
    ids=["pickle", "encode"],
)
def test_custom_values(tmp_path, more):
    path = tmp_path / "run.ckpt"

    def run(steps):
        search = pyhopper.Search(net=pyhopper.custom(_net, **more), seed=1)
        search.run(lambda p: sum(p["net"].layers), steps=steps, quiet=True, checkpoint_path=path)
        return search

    first = run(5)
    assert [e.params for e in run(8).history.evaluations[:5]] == [
        e.params for e in first.history.evaluations
    ]
    if "allow_pickle" in more:
        stranger = pyhopper.Search(net=pyhopper.custom(_net), seed=1)
        with pytest.raises(pyhopper.CheckpointError, match=r"net.*allow_pickle"):
            stranger.load(path)


def test_custom_value_that_cannot_be_written_is_an_error_at_the_begin(tmp_path):
    calls = []
    inner = pyhopper.choice(1, {"net": pyhopper.custom(_net)})
    search = pyhopper.Search(a=inner, seed=1)
    with pytest.raises(pyhopper.CheckpointError, match=r"a\[1\]\.net: .*encode= and decode="):
        search.run(calls.append, steps=3, quiet=True, checkpoint_path=tmp_path / "run.ckpt")
    assert not calls


# Changed spaces --------------------------------------------------------------------------------


def _first(path, template):
    search = pyhopper.Search(template, seed=1)
    search.run(_score, steps=30, quiet=True, checkpoint_path=path)
    return search


def _score(params):
    lr = params.get("lr", 0.5)
    return lr - (0 if params.get("opt", "a") == "a" else 0.25)


def _again(path, template, steps=30, quiet=True):
    search = pyhopper.Search(template)
    search.run(_score, steps=steps, quiet=quiet, checkpoint_path=path)
    return search


def test_narrowed_bounds(tmp_path, capsys):
    """Evaluations outside stay in the history, but are not the best any more."""
    path = tmp_path / "run.ckpt"
    opt = pyhopper.choice("a", "b")
    _first(path, {"lr": pyhopper.float(0, 1), "opt": opt})
    search = _again(path, {"lr": pyhopper.float(0, 0.5), "opt": opt}, quiet=False)
    out = capsys.readouterr().out
    assert "~ lr: float(0.0, 1.0) -> float(0.0, 0.5)" in out
    misfits = [e for e in search.history.evaluations if not e.fits]
    assert misfits
    assert all(e.params["lr"] > 0.5 for e in misfits)
    assert f"{len(misfits)} of 30 evaluations do not fit" in out
    assert search.best["lr"] <= 0.5
    assert len(search.history) == 30
    assert max(search.history["lr"]) > 0.5
    # And so on after the next kill, and in what is saved.
    search = _again(path, {"lr": pyhopper.float(0, 0.5), "opt": opt}, steps=40, quiet=False)
    assert "~ lr" not in capsys.readouterr().out
    assert sum(not e.fits for e in search.history.evaluations) == len(misfits)
    assert all(e.params["lr"] <= 0.5 for e in search.history.evaluations[30:])
    search.save(tmp_path / "saved.ckpt")
    loaded = pyhopper.Search({"lr": pyhopper.float(0, 0.5), "opt": opt})
    loaded.load(tmp_path / "saved.ckpt")
    assert sum(not e.fits for e in loaded.history.evaluations) == len(misfits)
    wide = pyhopper.Search({"lr": pyhopper.float(0, 1), "opt": opt})
    wide.load(path)
    assert sum(e.fits for e in wide.history.evaluations) == 40, "nothing is lost for good"


def test_options_by_what_they_are(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    lr = pyhopper.float(0, 1)
    nested = {"kind": "x", "depth": pyhopper.int(1, 9)}
    first = _first(path, {"lr": lr, "opt": pyhopper.choice("a", "b", nested)})
    wider = {"kind": "x", "depth": pyhopper.int(1, 20)}
    search = _again(path, {"opt": pyhopper.choice("new", wider, "a"), "lr": lr}, quiet=False)
    assert "~ opt: choice('a', 'b'" in capsys.readouterr().out
    before = [e.params["opt"] for e in first.history.evaluations]
    evaluations = search.history.evaluations
    for old, each in zip(before, evaluations, strict=True):
        assert each.fits == (old != "b")
        if each.fits:
            assert each.params["opt"] == old
    assert search.history["lr"] == first.history["lr"]
    assert len(search.history) == 30
    search.history[0], search.history["opt"]


def test_new_and_dropped_parameters(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    first = _first(path, {"lr": pyhopper.float(0, 1), "old": pyhopper.int(0, 9)})
    template = {"lr": pyhopper.float(0, 1), "new": pyhopper.int(0, 9, init=4)}
    search = _again(path, template, quiet=False)
    out = capsys.readouterr().out
    assert "+ new: int(0, 9) (earlier evaluations count with its init 4)" in out
    assert "- old: int(0, 9)" in out
    assert search.best == {"lr": first.best["lr"], "new": 4}
    search = _again(path, {"lr": pyhopper.float(0, 1), "newer": pyhopper.int(0, 9)}, steps=31)
    assert [e.fits for e in search.history.evaluations] == [False] * 30 + [True]
    assert search.best == search.history[30]
    assert search.history["newer"][:30] == [None] * 30


def test_another_kind_is_refused_by_name(tmp_path):
    path = tmp_path / "run.ckpt"
    _first(path, {"lr": pyhopper.float(0, 1)})
    before = path.read_bytes()
    for other in (pyhopper.choice("a", "b"), pyhopper.float(0, 1, shape=3)):
        with pytest.raises(pyhopper.ArgumentError, match=r"lr=.*was float\(0\.0, 1\.0\)"):
            _again(path, {"lr": other})
    assert path.read_bytes().startswith(before)
    assert (
        _again(path, {"lr": pyhopper.int(0, 1)}).history["lr"]
        == _first(path, {"lr": pyhopper.float(0, 1)}).history["lr"]
    )


def test_open_candidates_and_guesses_in_a_changed_space(tmp_path):
    path = tmp_path / "run.ckpt"

    def dies(params):
        if params["lr"] == 0.75:
            raise Killed
        return params["lr"]

    search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    for lr in (0.25, 0.75, 0.9, 0.3):
        search += {"lr": lr}
    executor = ScriptedExecutor(FakeClock(), lambda job: (1, dies(job.params)))
    with pytest.raises(Killed):
        search.run(dies, steps=9, quiet=True, checkpoint_path=path, executor=executor)
    narrow = pyhopper.Search(lr=pyhopper.float(0, 0.5))
    narrow.run(lambda p: p["lr"], steps=9, quiet=True, checkpoint_path=path)
    assert statuses(narrow)[1] is Status.CANCELLED
    assert [e.params["lr"] for e in narrow.history.evaluations if e.id in (0, 2)] == [0.25, 0.3]


# Large points ----------------------------------------------------------------------------------


def test_large_arrays(tmp_path):
    """Kept for the best and open ones only: in memory, in the file and beside it."""
    path = tmp_path / "run.ckpt"
    folder = tmp_path / "run.ckpt.large"
    shape = (100, 100)

    def make_large():
        return pyhopper.Search(
            w=pyhopper.float(0, 1, shape=shape), b=pyhopper.float(0, 1, shape=200), seed=1
        )

    def mean(params):
        return float(params["w"].mean() + params["b"][0])

    def dies_at_ten(job):
        if job.id == 10:
            raise Killed
        return 1, mean(job.params)

    plain = make_large()
    plain.run(mean, steps=20, quiet=True)
    search = make_large()
    executor = ScriptedExecutor(FakeClock(), dies_at_ten)
    with pytest.raises(Killed):
        search.run(mean, steps=20, quiet=True, checkpoint_path=path, executor=executor)
    search = make_large()
    search.run(mean, steps=20, quiet=True, checkpoint_path=path)
    # In so many dimensions the step learns, and learns anew after the kill.
    assert search.history.fs[:11] == plain.history.fs[:11]
    assert len(search.history) == 20
    bests = {search._log.state.best.id, plain._log.state.best.id}
    for mine, other in zip(
        search._log.state.evaluations[:11], plain._log.state.evaluations, strict=False
    ):
        assert mine.id in bests or mine.point == other.point
    assert "not kept" in repr(search.history[0]["w"])
    assert len(list(folder.iterdir())) == 1
    assert path.stat().st_size < 20 * 3000
    loaded = make_large()
    loaded.load(path)
    assert np.array_equal(loaded.best["w"], search.best["w"])
    assert loaded._log.state.seen == search._log.state.seen
    loaded.save(tmp_path / "saved.ckpt")
    again = make_large()
    again.load(tmp_path / "saved.ckpt")
    assert np.array_equal(again.best["w"], search.best["w"])
    next(folder.iterdir()).unlink()
    with pytest.raises(pyhopper.CheckpointError, match="large point is missing"):
        make_large().load(path)


# Locks -----------------------------------------------------------------------------------------


def test_a_second_run_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    refusals = []

    def objective(params):
        with pytest.raises(pyhopper.CheckpointError) as caught:
            make().run(value_of, steps=3, quiet=True, checkpoint_path=path)
        refusals.append(str(caught.value))
        with pytest.raises(pyhopper.CheckpointError):
            make().ask(checkpoint_path=path)
        return 1

    make().run(objective, steps=1, quiet=True, checkpoint_path=path)
    assert f"process {os.getpid()} on {os.uname().nodename}" in refusals[0]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run.ckpt"]


@pytest.mark.parametrize(
    ("host", "pid", "age", "taken"),
    [
        (None, 2**22 + 1, 0, True),
        (None, None, 0, True),
        (None, 1, 0, False),
        ("elsewhere", 1, 0, False),
        ("elsewhere", 1, 100, True),
    ],
    ids=["dead here", "our number", "alive here", "fresh elsewhere", "old elsewhere"],
)
def test_locks_that_were_left(tmp_path, host, pid, age, taken):
    path = tmp_path / "run.ckpt"
    lock = Path(f"{path}.lock")
    content = {
        "host": host or os.uname().nodename,
        "pid": pid or os.getpid(),
        "birth": "",
        "for": "run",
    }
    lock.write_text(json.dumps(content))
    then = lock.stat().st_mtime - age
    os.utime(lock, (then, then))
    if taken:
        make().run(value_of, steps=1, quiet=True, checkpoint_path=path)
        assert not lock.exists()
    else:
        with pytest.raises(pyhopper.CheckpointError, match=f"process 1 on {content['host']}"):
            make().run(value_of, steps=1, quiet=True, checkpoint_path=path)
        assert json.loads(lock.read_text()) == content


# Signals ---------------------------------------------------------------------------------------

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


def test_new_constraint(tmp_path, capsys):
    """What breaks a constraint that is new stays in the history and cannot be the best."""
    path = tmp_path / "run.ckpt"
    stopped = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)

    def interrupted(params):
        if len(stopped.history) == 10:
            raise KeyboardInterrupt
        return params["x"]

    stopped.run(interrupted, steps=20, quiet=True, checkpoint_path=path)
    open_one = stopped.history.evaluations[-1]
    assert stopped.best_f > 0.6

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    limit = min(0.5, open_one.params["x"] - 1e-3)
    search.constrain(lambda params: params["x"] < limit)
    search.run(lambda params: params["x"], steps=20, checkpoint_path=path)
    assert "evaluations do not fit any more" in capsys.readouterr().out
    fs = search.history.fs
    assert max(fs[:10]) > 0.6
    assert limit > search.best_f == max(f for f in fs if f < limit)
    assert all(x < limit for x in search.history["x"][11:])


class Patience(pyhopper.pruners.Pruner):
    """Counts how often it was asked, which no evaluation tells."""

    def __init__(self):
        self.asked = self.learned = 0

    def append(self, partial_results, was_pruned):
        self.learned += 1

    def should_prune(self, partial_results):
        self.asked += 1
        return False

    def state_dict(self):
        return {"asked": self.asked, "learned": self.learned}

    def load_state_dict(self, state):
        self.asked, self.learned = state["asked"], state["learned"]


@pytest.mark.parametrize("keep_history", [True, False])
def test_state_of_pruners(tmp_path, keep_history):
    """A pruner has its whole state again, also where no evaluations are kept to learn from."""

    def objective(params):
        yield params["x"]
        yield params["x"]

    for steps in (20, 50):
        pruner = Patience()
        pyhopper.Search(x=pyhopper.float(0, 1), seed=1).run(
            objective,
            steps=steps,
            quiet=True,
            checkpoint_path=tmp_path / "run.ckpt",
            pruner=pruner,
            keep_history=keep_history,
        )
        assert pruner.learned == steps
        assert pruner.asked >= steps


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
    assert "All 10 evaluations in" in out
    assert "10 evaluations failed or had no value: 10 x KeyError: 'y'" in " ".join(out.split())
    assert len(seen) == 6
    assert seen[: 1 + len(init)] == [0.25, *init.values()]
    assert [e.status for e in search.history.evaluations[:10]] == ["failed"] * 10
    script(lambda params: seen.append(params["x"]) or params["x"])
    assert len(seen) == 6, "the budget of the last start is used"


@pytest.mark.parametrize(
    ("now", "kept"), [(pyhopper.float(0, 0.3, shape=20_000), False), ("wider", True)]
)
def test_large_arrays_in_a_changed_space(now, kept, tmp_path):
    """What does not fit any more is known by the file of the best, and of others not."""
    path = tmp_path / "run.ckpt"

    def run(x, steps):
        search = pyhopper.Search(x=x, seed=1)
        search.run(lambda p: float(p["x"].mean()), steps=steps, checkpoint_path=path, quiet=True)
        return search

    first = run(pyhopper.float(0, 1, shape=20_000), 20)
    search = run(pyhopper.float(0, 2, shape=20_000) if now == "wider" else now, 20)
    assert (search.best_f == first.best_f) is kept
    assert kept or search.best is None
    search = run(pyhopper.float(0, 2, shape=20_000) if now == "wider" else now, 30)
    assert search.best["x"].max() <= (2 if kept else 0.3)


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
    """It fails after that, and is tried once more when the objective is mended."""
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

"""Pruners, callbacks and trackers in workers and after a resume."""

import json
import math
import os
import struct
import subprocess
import sys
from collections import Counter

import pytest
from helpers import LOCAL, MANUAL, RANDOM, Calls, Records, search_of_x, statuses, told, x_of

import pyhopper
from pyhopper.callbacks import SaveBestOnDisk
from pyhopper.events import Status
from pyhopper.pruners import Pruner, QuantilePruner, TopKPruner

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
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.sweep("x", [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
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
    ends = [e for e in search.history.evaluations if e.status is Status.PRUNED]
    assert all(e.estimates == (e.params["x"],) for e in ends if e.params["x"] != 0.8)
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

    whole = search_of_x(seed=2)
    whole.run(generator, steps=25, pruner=make(), quiet=True)
    assert len(set(statuses(whole).values())) == 2
    for _ in range(3):
        search = search_of_x(seed=2)
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
    search = search_of_x()
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
    """The candidate was evaluated before, and the info says how it was drawn."""
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
        search = search_of_x(seed=0)
        search.run(
            x_of,
            steps=steps,
            n_jobs=2,
            callbacks=pyhopper.callbacks.tensorboard.TensorboardCallback(tmp_path / "board"),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
    found = scalars(tmp_path / "board", "value")
    assert [found[step] for step in range(6)] == pytest.approx(search.history.fs)


def test_best_on_disk_with_workers_and_after_a_resume(tmp_path):
    """A worse value of a later process does not replace the file."""
    path = tmp_path / "best.json"
    for steps, sign in ((3, 1), (6, -1)):
        search = search_of_x(seed=0)
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

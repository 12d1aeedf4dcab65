"""What users may write: the arguments of ``run`` and what an objective may be."""

import functools
import inspect
import json
import os
import signal
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from helpers import (
    INIT,
    LOCAL,
    RANDOM,
    Calls,
    Records,
    search_of_x,
    statuses,
    told,
    x_of,
)

import pyhopper
from pyhopper.events import Status
from pyhopper.testing import FakeClock, ScriptedExecutor

# Arguments of run --------------------------------------------------------------------------------


def test_signature_of_run():
    """Names, order and defaults are what scripts rely on; what is new goes by name only."""
    parameters = list(inspect.signature(pyhopper.Search.run).parameters.values())[1:]
    plain = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert list(plain.items()) == [
        ("objective", inspect.Parameter.empty), ("direction", "maximize"), ("runtime", None),
        ("steps", None), ("endless_mode", False), ("seeding_steps", None),
        ("seeding_runtime", None), ("seeding_ratio", 0.25), ("pruner", None), ("n_jobs", 1),
        ("quiet", False), ("ignore_nans", False), ("mp_backend", "auto"),
        ("enable_rejection_cache", True), ("callbacks", None), ("start_temperature", 1),
        ("end_temperature", 0.2), ("kwargs", None), ("checkpoint_path", None),
        ("overwrite_checkpoint", False), ("keep_history", True),
    ]  # fmt: skip
    more = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert more >= {"work_dir", "timeout", "on_error", "executor", "deadline", "stop"}


@pytest.mark.parametrize(
    "direction", ["max", "maximize", "maximise", "min", "minimize", "minimise"]
)
def test_directions(direction):
    search = search_of_x(seed=0)
    search.run(x_of, direction, steps=20, quiet=True)
    wanted = max if direction.startswith("max") else min
    assert search.best_f == wanted(search.history.fs)
    assert search.history.direction == direction[:3]


def test_endless_mode_ends_by_its_stop(capsys):
    search = search_of_x(seed=0)
    search.run(x_of, endless_mode=True, stop={"patience": 40})
    assert len(search.history) > 40
    best = int(np.argmax(search.history.fs))
    assert len(search.history) == best + 41
    assert "no better value in 40 evaluations" in capsys.readouterr().out


def test_stop_when_minimizing():
    """The target is reached from above."""
    search = search_of_x(seed=0)
    search.run(x_of, "min", steps=10_000, stop=0.25, quiet=True)
    assert search.best_f <= 0.25 < min(search.history.fs[:-1])


@pytest.mark.parametrize(
    ("arguments", "random"),
    [
        ({"seeding_steps": 5}, 5),
        ({"seeding_steps": 0}, 1),
        ({"seeding_ratio": 0.5}, 6),
        ({"seeding_runtime": "10s"}, 5),
        ({"seeding_runtime": 7}, 4),
        ({}, 3),
    ],
)
def test_length_of_the_first_phase(arguments, random, clock):
    """In candidates, as a share, or in time: each takes two seconds here; the first is no draw."""
    hooks = Calls()
    search = search_of_x(seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (2.0, job.params["x"]))
    search.run(x_of, steps=12, executor=executor, callbacks=hooks, quiet=True, **arguments)
    assert hooks.types() == [INIT, *[RANDOM] * (random - 1), *[LOCAL] * (12 - random)]


def temperatures_of(template, move_at, steps, **arguments):
    """The temperatures with which values were moved in a search."""
    seen = []

    def move(value, temperature, rng):
        seen.append(temperature)
        return (value + 1) % move_at

    search = pyhopper.Search(template(move), seed=0)
    search.run(lambda p: 0.0, steps=steps, quiet=True, **arguments)
    return seen


def count(move):
    return pyhopper.custom(lambda rng: int(rng.integers(1000)), move)


def test_start_and_end_temperature():
    """It falls in a line from the one to the other over the second phase."""
    seen = temperatures_of(
        lambda move: {"n": count(move)},
        1000,
        50,
        seeding_ratio=0,
        start_temperature=0.5,
        end_temperature=0.1,
    )
    by_step = sorted(set(seen), reverse=True)
    assert seen == sorted(seen, reverse=True)
    assert by_step == pytest.approx([0.5 - 0.4 * step / 50 for step in range(1, 50)])


def test_options_are_annealed_like_everything_else():
    """A parameter inside of an option is moved with the same falling temperature."""
    seen = temperatures_of(
        lambda move: {"opt": pyhopper.choice({"deep": [count(move)]}, {"other": count(move)})},
        1000,
        50,
    )
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 0.7
    assert seen[-1] < 0.3


def test_duplicates_leave_the_temperature_as_it_is():
    """Where most moves are duplicates the temperature still only falls."""
    hooks = Calls()
    seen = temperatures_of(lambda move: {"n": count(move)}, 3, 40, callbacks=hooks)
    assert len(hooks.of("on_duplicate_sampled")) > 20
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.25


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
    """What the parent has set up, such as CUDA, is not in them half alive."""
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


def at_hour(hour):
    return datetime(2026, 3, 3, hour, 0).timestamp()  # noqa: DTZ001 - local time is the point


def test_run_until_a_time_of_day(tmp_path):
    """A run from ten in the evening ends at eight, also if it is interrupted in between."""
    path = tmp_path / "run.ckpt"

    def run(hour, last):
        clock = FakeClock(at_hour(hour))
        search = search_of_x(clock=clock)
        calls = []

        def script(job):
            calls.append(job.id)
            if job.id == last:
                raise KeyboardInterrupt
            return 3600.0, job.params["x"]

        search.run(
            x_of,
            runtime="until 22:00",
            executor=ScriptedExecutor(clock, script),
            checkpoint_path=path,
            quiet=True,
        )
        return calls, clock.monotonic()

    assert run(10, 3) == ([0, 1, 2, 3], 3 * 3600)
    assert run(15, None) == ([3, 4, 5, 6, 7, 8, 9], 7 * 3600)


def hangs(params):
    threading.Event().wait()


def test_deadline_kill_with_one_job():
    """One job gets a process of its own then, which can be ended."""
    search = search_of_x()
    assert search.run(hangs, runtime="1s", deadline="kill", quiet=True) is None
    assert statuses(search) == {0: Status.CANCELLED}


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


def epochs(params, scale=1):
    for epoch in (1, 2):
        yield {"value": params["x"] * scale * epoch, "epoch": epoch, "note": f"x={params['x']}"}


class Model:
    """An object whose method, or which itself, is the objective."""

    scale = 2

    def score(self, params):
        return self.scale * params["x"]

    __call__ = score


def scaled(params, scale):
    return scale * params["x"]


OBJECTIVES = {
    "function": x_of,
    "generator": epochs,
    "lambda": lambda p: 2 * p["x"],
    "bound method": Model().score,
    "object": Model(),
    "partial": functools.partial(scaled, scale=2),
    "repeated": pyhopper.wrap_n_times(x_of, 2),
    "repeated without estimates": pyhopper.wrap_n_times(x_of, 2, yield_after=None),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_in_workers(name):
    """Each kind gives the same values in a subprocess as in this process."""
    found = []
    for arguments in ({}, {"n_jobs": 2}):
        search = search_of_x(seed=1)
        run = {"steps": 2, "seeding_ratio": 1, "on_error": "raise", "quiet": True}
        search.run(OBJECTIVES[name], **run, **arguments)
        found.append(sorted(told(search)))
    assert found[0] == found[1]


def test_metrics_everywhere(tmp_path):
    """Metrics from subprocesses are in the table, the checkpoint and the trackers."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    path, tracker = tmp_path / "run.ckpt", Records()
    search = search_of_x(seed=0)
    search.run(
        epochs,
        steps=4,
        n_jobs=2,
        kwargs={"scale": 3},
        callbacks=tracker,
        checkpoint_path=path,
        quiet=True,
    )
    again = search_of_x()
    again.load(path)
    for each in (search, again):
        table = each.history.to_pandas()
        assert table["metrics.epoch"].tolist() == [2] * 4
        assert table["metrics.note"].tolist() == [f"x={x}" for x in table["x"]]
        assert table["value"].tolist() == [x * 3 * 2 for x in table["x"]]
    assert [r.numbers["metrics.epoch"] for r in tracker.records] == [2.0] * 4
    assert [r.texts["metrics.note"] for r in tracker.records] == [
        f"x={r.params['x']}" for r in tracker.records
    ]


def test_a_resumed_candidate_finds_its_folder(tmp_path):
    """What it wrote before the interruption is still there; others do not see it."""
    found = []

    def train(params):
        saved = Path(os.environ["PYHOPPER_CANDIDATE_DIR"]) / "epoch"
        epoch = int(saved.read_text()) if saved.exists() else 0
        found.append((saved.parent.name, epoch))
        saved.write_text("7")
        if len(found) == 2:
            raise KeyboardInterrupt
        return params["x"]

    for _ in range(2):
        search = search_of_x(seed=0)
        search.run(
            train,
            steps=3,
            checkpoint_path=tmp_path / "run.ckpt",
            work_dir=tmp_path / "runs",
            quiet=True,
        )
    assert found == [("00000", 0), ("00001", 0), ("00001", 7), ("00002", 0)]
    config = json.loads((tmp_path / "runs" / "00001" / "config.json").read_text())
    assert config == search.history[1]
    assert "PYHOPPER_CANDIDATE_DIR" not in os.environ


@pytest.mark.parametrize("stop", [0.4, {"patience": 5}])
def test_a_search_that_has_stopped_stays_so(stop, tmp_path):
    """Started again, it returns its result at once."""
    lengths = []
    for _ in range(3):
        search = search_of_x(seed=1)
        search.run(
            lambda params: 0.5, steps=50, stop=stop, quiet=True, checkpoint_path=tmp_path / "a.ckpt"
        )
        lengths.append(len(search.history))
    assert lengths[0] == lengths[1] == lengths[2] < 50

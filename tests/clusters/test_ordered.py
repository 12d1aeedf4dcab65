"""The same search on any number of slots, and several GPUs for a candidate."""

import random

import pytest

import pyhopper
from pyhopper import pruners
from pyhopper.errors import ArgumentError
from pyhopper.events import Lost, Outcome, Status
from pyhopper.testing import FakeClock, ScriptedExecutor


def value(params):
    return (params["x"] - 0.3) ** 2 + params["y"] * 0.1 + (params["c"] == "a")


def history(slots, durations, lose=(), **options):
    """The candidates and values of a search on some slots, with durations of its own."""
    clock, rng = FakeClock(), random.Random(durations)
    lost = set(lose)

    class Losing(ScriptedExecutor):
        def wait(self, timeout):
            events = super().wait(timeout)
            return [
                Lost(e.job_id, "test") if e.job_id in lost and not lost.remove(e.job_id) else e
                for e in events
            ]

    def script(job):
        failed = job.id % 7 == 3
        result = Outcome(Status.FAILED, reason="test") if failed else value(job.params)
        return rng.expovariate(1), result

    search = pyhopper.Search(
        x=pyhopper.float(0, 1),
        y=pyhopper.int(0, 9),
        c=pyhopper.choice("a", "b"),
        seed=3,
        clock=clock,
    )
    executor = Losing(clock, script, slots)
    search.run(value, "min", steps=60, executor=executor, quiet=True, **options)
    return [(each.id, each.params, each.value) for each in search.history.evaluations]


def text(found):
    return repr(found)  # NaN is equal to itself there


def test_the_same_on_any_number_of_slots():
    """Whatever evaluations take, and also if some are lost and run again."""
    expected = text(history(1, 1, ordered=True))
    for slots, durations, lose in ((2, 2, ()), (8, 3, ()), (8, 4, (5, 20, 21)), (3, 5, (0,))):
        assert text(history(slots, durations, lose, ordered=True)) == expected


def test_control_without_order():
    """The control: otherwise two such searches differ."""
    assert text(history(8, 1)) != text(history(8, 2))


def test_fewer_under_way():
    assert text(history(2, 1, ordered=2)) == text(history(1, 2, ordered=2))
    assert text(history(2, 1, ordered=2)) != text(history(2, 1, ordered=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ordered": 0, "steps": 3}, "how many are under way"),
        ({"ordered": "yes", "steps": 3}, "how many are under way"),
        ({"ordered": True, "runtime": 3}, "needs steps"),
        ({"ordered": True, "steps": 3, "pruner": pruners.TopKPruner(3)}, "without a pruner"),
        ({"gpus_per_job": 2, "steps": 3}, 'goes with n_jobs="per-gpu"'),
        ({"gpus_per_job": 0, "n_jobs": "per-gpu", "steps": 3}, "how many GPUs"),
        ({"gpus_per_job": 2, "n_jobs": "2x per-gpu", "steps": 3}, "share one"),
        ({"gpus_per_job": 4, "n_jobs": "per-gpu", "steps": 3}, "this machine has 3 GPUs"),
        ({"n_jobs": "dask:", "steps": 3}, "names no cluster"),
        ({"n_jobs": "2x ray:auto", "steps": 3}, "says itself"),
        ({"n_jobs": "slurm", "steps": 3}, "slurm:PARTITION"),
        ({"runtime": "until end of job"}, "does not run in a job of Slurm"),
    ],
)
def test_mistakes(options, message, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(ArgumentError, match=message):
        search.run(lambda p: p["x"], quiet=True, **options)


def test_until_end_of_job(monkeypatch):
    """Half a minute less than the job has."""
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1000")
    assert pyhopper.parse_runtime("until end of job", now=900) == 70
    with pytest.raises(ArgumentError, match="within 30 seconds"):
        pyhopper.parse_runtime("until end of job", now=980)


def seen(params):
    import os

    return {"value": params["x"], "seen": os.environ["CUDA_VISIBLE_DEVICES"]}


def test_two_gpus_each(monkeypatch):
    """The fifth GPU belongs to nobody."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4")
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(seen, steps=4, n_jobs="per-gpu", gpus_per_job="2", quiet=True, on_error="raise")
    assert {each.metrics["seen"] for each in search.history.evaluations} == {"0,1", "2,3"}

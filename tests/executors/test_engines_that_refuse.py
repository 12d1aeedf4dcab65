"""Executors that are none, and engines that take nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import pyhopper
from pyhopper.errors import ArgumentError, EngineLostError
from pyhopper.executors import Futures


def evaluate(params):
    return params["x"]


class Refusing:
    """An engine that never takes a task, as one with a wrong queue or partition."""

    slots = 1

    def submit(self, job):
        raise EngineLostError("the engine", "it takes no task (no such queue)")

    def wait(self, timeout):
        return []

    def cancel(self, job_id, reason):
        pass

    def close(self):
        pass


def run(executor, **more):
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    return search.run(evaluate, "max", steps=2, executor=executor, quiet=True, **more)


def test_a_pool_as_it_is():
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(ArgumentError, match=r"write executor=pyhopper\.executors\.Futures\(pool\)"),
    ):
        run(pool)


def test_a_class():
    with pytest.raises(ArgumentError, match=r"is a class; write Futures\(\.\.\.\)"):
        run(Futures)


def test_an_engine_that_takes_no_task(tmp_path):
    """An error, since a program would go on without a result; what is known is never lost."""
    path = tmp_path / "run.ckpt"
    with pytest.raises(EngineLostError, match="no such queue"):
        run(Refusing(), checkpoint_path=path)
    pyhopper.Search(x=pyhopper.float(0, 1), seed=1).run(
        evaluate, "max", steps=1, checkpoint_path=path, quiet=True
    )
    assert run(Refusing(), checkpoint_path=path) is not None

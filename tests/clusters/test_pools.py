"""The conformance suite over pools of concurrent.futures."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import evaluations
import pytest
from engine_suite import EngineSuite

import pyhopper
from pyhopper.executors import Futures
from pyhopper.testing import ExecutorSuite


class Pooled(ExecutorSuite):
    """Each test has a pool of its own, which the executor leaves as it was."""

    pool = None

    @pytest.fixture(autouse=True)
    def _pool(self):
        self.pool = self.make_pool()
        with self.pool:
            yield
            assert self.pool.submit(int, "3").result(60) == 3

    def make_executor(self):
        return Futures(self.pool, 2)


class TestThreads(Pooled):
    """Threads of this process, each of which starts a process for its candidate."""

    def make_pool(self):
        return ThreadPoolExecutor(2)


@pytest.mark.heavy
class TestProcesses(Pooled):
    """The standard library's pool of processes."""

    def make_pool(self):
        return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.mark.heavy
class TestLoky(Pooled):
    """The pool of joblib."""

    def make_pool(self):
        loky = pytest.importorskip("loky")
        return loky.ProcessPoolExecutor(2)


@pytest.mark.heavy
class TestSearches(EngineSuite):
    """Searches in threads. A process that is killed there is the search's own."""

    test_a_killed_worker_is_lost_and_its_candidate_runs_again = None
    test_attempts_are_capped = None

    @pytest.fixture(autouse=True)
    def _pool(self):
        with ThreadPoolExecutor(2) as self.pool:
            yield

    def make_executor(self, **options):
        return Futures(self.pool, **options)


@pytest.mark.heavy
def test_a_pool_that_breaks(tmp_path, capfd):
    """Such a pool takes no more tasks: the search ends, and says why."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.add({"x": 0.5}, 0.5)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        options = {"kwargs": {"folder": tmp_path}, "executor": Futures(pool)}
        assert search.run(evaluations.kills_its_worker_once, steps=20, **options) is not None
    output = capfd.readouterr()
    assert "the pool is gone" in output.out + output.err


def test_pools_that_are_none():
    with pytest.raises(pyhopper.ArgumentError, match=r"concurrent\.futures"):
        Futures(3)
    with (
        pytest.raises(pyhopper.ArgumentError, match="number of evaluations"),
        ThreadPoolExecutor() as p,
    ):
        Futures(p, 0)


# It has no pool itself.
del Pooled

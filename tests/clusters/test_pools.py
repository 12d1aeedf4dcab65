"""The conformance suite over pools of concurrent.futures."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

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


class TestProcesses(Pooled):
    """The standard library's pool of processes."""

    def make_pool(self):
        return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


class TestLoky(Pooled):
    """The pool of joblib."""

    def make_pool(self):
        loky = pytest.importorskip("loky")
        return loky.ProcessPoolExecutor(2)


# It has no pool itself.
del Pooled

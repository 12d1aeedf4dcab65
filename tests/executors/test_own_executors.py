"""An executor of one's own, written against the public interface: a pool of threads."""

import os
import queue
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import pyhopper
from pyhopper import pruners
from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status
from pyhopper.executors import Executor, Job
from pyhopper.testing import ExecutorSuite


class Threads:
    """Evaluates in the threads of a pool.

    A thread cannot be ended from outside: a timeout has no effect, and a job that is cancelled ends
    when it reports its next estimate or returns. Candidates have no folder of their own, since all
    threads share the environment variables.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool = ThreadPoolExecutor(slots)
        # Its put may also be called by a signal handler that interrupts its get.
        self._messages = queue.SimpleQueue()
        self._running = {}
        self._cancelled = {}

    def submit(self, job: Job) -> None:
        future = self._running[job.id] = self._pool.submit(self._evaluate, job)
        future.add_done_callback(lambda _: self._messages.put((job, None, None)))

    def _evaluate(self, job: Job) -> Outcome:
        def report(estimate: float) -> bool:
            answer = queue.SimpleQueue()
            self._messages.put((job, estimate, answer))
            return answer.get()

        return job.evaluate(job.params, report)

    def wait(self, timeout: float | None) -> list[JobEvent]:
        try:
            message = self._messages.get(timeout=timeout) if self._running else None
        except queue.Empty:
            message = None
        if message is None:
            return []
        job, estimate, answer = message
        if answer is not None:
            answer.put(job.id in self._cancelled or job.advise(job.id, estimate))
            return [Reported(job.id, estimate)]
        future = self._running.pop(job.id)
        outcome = Outcome(Status.CANCELLED) if future.cancelled() else future.result()
        if job.id in self._cancelled:
            reason = self._cancelled.pop(job.id)
            outcome = Outcome(Status.CANCELLED, estimates=outcome.estimates, reason=reason)
        return [Ended(job.id, outcome)]

    def interrupt(self) -> None:
        self._messages.put(None)

    def cancel(self, job_id: int, reason: str) -> None:
        if job_id in self._running:
            self._cancelled[job_id] = reason
            self._running[job_id].cancel()

    def close(self) -> None:
        for job_id in self._running:
            self.cancel(job_id, "the executor is closed")
        while self._running:
            self.wait(None)
        self._pool.shutdown()


class TestThreads(ExecutorSuite):
    """The laws that an executor in this process can keep."""

    in_this_process = True

    def make_executor(self) -> Executor:
        return Threads(2)


def test_search_in_threads():
    """Two evaluations wait for each other, so they can only end if they run at the same time."""
    barrier = threading.Barrier(2, timeout=60)

    def objective(params, offset):
        barrier.wait()
        return params["x"] + offset

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    best = search.run(
        objective, steps=10, executor=Threads(2), kwargs={"offset": 1}, quiet=True, on_error="raise"
    )
    assert len(search.history) == 10
    assert search.best_f == best["x"] + 1


def test_pruner_of_a_search_in_threads():
    def objective(params):
        for _ in range(4):
            yield params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    pruner = pruners.QuantilePruner(0.5)
    search.run(objective, steps=60, executor=Threads(3), pruner=pruner, quiet=True)
    statuses = [evaluation.status for evaluation in search.history.evaluations]
    assert len(statuses) == 60
    assert set(statuses) == {Status.DONE, Status.PRUNED}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_signal_ends_a_search_in_threads():
    """The loop is waiting for the threads, and is woken by ``interrupt``."""

    def objective(params):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(0.5)
        return params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    assert search.run(objective, endless_mode=True, executor=Threads(1), quiet=True) is None
    assert len(search.history) == 0

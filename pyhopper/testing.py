"""Tools for tests of pyhopper and of what others build on it.

A clock that tests move, an executor that plays evaluations in that time, and tests for executors of
one's own. Nothing here needs pytest: :class:`ExecutorSuite` is a plain class, whose subclasses in a
test module pytest collects.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import unittest
from collections.abc import Callable
from typing import Any

from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status
from pyhopper.executors.base import Executor, Job
from pyhopper.objective import Objective, PruneEvaluation


class FakeClock:
    """A clock that moves only when told to; see :class:`pyhopper.budget.Clock`.

    Parameters
    ----------
    now : float
        Seconds since the epoch at the start.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._elapsed = 0.0

    def monotonic(self) -> float:
        """See :class:`pyhopper.budget.Clock`."""
        return self._elapsed

    def time(self) -> float:
        """See :class:`pyhopper.budget.Clock`."""
        return self._now + self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds


class ScriptedExecutor:
    """Plays evaluations in the time of a fake clock. The objective is never called.

    Parameters
    ----------
    clock : FakeClock
        :meth:`wait` moves it to the end of the job that ends next.
    script : callable
        ``script(job) -> (seconds, value or Outcome)``: how long a job takes and its result.
    slots : int
        How many jobs run at the same time, at least 1.
    """

    def __init__(
        self,
        clock: FakeClock,
        script: Callable[[Job], tuple[float, float | Outcome]],
        slots: int = 1,
    ) -> None:
        self.slots = slots
        self.started: list[tuple[float, Job]] = []
        """All jobs so far, each with the clock's monotonic time at which it was submitted."""
        self.closed = False
        """Whether :meth:`close` was called."""
        self._clock = clock
        self._script = script
        self._running: dict[int, tuple[float, Outcome]] = {}
        self._events: list[JobEvent] = []
        self._interrupted = False

    def submit(self, job: Job) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        assert len(self._running) < self.slots, "more jobs than slots"
        seconds, result = self._script(job)
        outcome = result if isinstance(result, Outcome) else Outcome(Status.DONE, float(result))
        now = self._clock.monotonic()
        self.started.append((now, job))
        self._running[job.id] = now + seconds, outcome

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`~pyhopper.executors.Executor`."""
        events, self._events = self._events, []
        interrupted, self._interrupted = self._interrupted, False
        if events or interrupted or not self._running:
            return events
        job_id, (end, outcome) = min(self._running.items(), key=lambda item: item[1][0])
        left = end - self._clock.monotonic()
        if timeout is not None and left > timeout:
            self._clock.advance(timeout)
            return []
        self._clock.advance(max(left, 0.0))
        del self._running[job_id]
        return [Ended(job_id, outcome)]

    def interrupt(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self._interrupted = True

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        if self._running.pop(job_id, None) is not None:
            self._events.append(Ended(job_id, Outcome(Status.CANCELLED, reason=reason)))

    def close(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self.closed = True
        self._running.clear()


def collect(executor: Executor, jobs: int, seconds: float = 60.0) -> list[JobEvent]:
    """Wait until some jobs have ended.

    Parameters
    ----------
    executor : Executor
        Where they run.
    jobs : int
        How many must end.
    seconds : float
        How long that may take.

    Returns
    -------
    list of JobEvent
        All events until then.

    Raises
    ------
    AssertionError
        If it takes longer.
    """
    events: list[JobEvent] = []
    end = time.monotonic() + seconds
    while sum(isinstance(event, Ended) for event in events) < jobs:
        assert time.monotonic() < end, f"only got {events}"
        events += executor.wait(0.5)
    return events


def _only(events: list[JobEvent]) -> Ended:
    """The end of a job, which must be its only event."""
    (event,) = events
    assert isinstance(event, Ended)
    return event


def _value(params: dict[str, Any]) -> float:
    return float(params["x"])


def _raise(params: dict[str, Any]) -> float:
    raise ValueError(f"no luck with {params['x']}")


def _exit(params: dict[str, Any]) -> float:
    raise SystemExit(3)


def _nan(params: dict[str, Any]) -> float:
    return math.nan


def _prune(params: dict[str, Any]) -> float:
    raise PruneEvaluation


def _estimates(params: dict[str, Any]) -> Any:
    for step in range(5):
        yield params["x"] + step


def _hang(params: dict[str, Any]) -> Any:
    yield float(os.getpid())
    time.sleep(600)


def _kill(params: dict[str, Any]) -> Any:
    yield 0.25
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    time.sleep(600)


def _exit_at_once(params: dict[str, Any]) -> float:
    os._exit(0)


class ExecutorSuite:
    """Tests of the laws of :class:`pyhopper.executors.Executor`, for any executor.

    Subclass it in a test module, give the class a name that starts with ``Test``, and implement
    :meth:`make_executor`.

    Attributes
    ----------
    in_this_process : bool
        Set this to True if evaluations run in the process of the search. There they cannot be ended
        from outside, and a crash ends everything, so the tests of both are skipped.

    Examples
    --------
    ::

        class TestMyExecutor(pyhopper.testing.ExecutorSuite):
            def make_executor(self):
                return MyExecutor(slots=2)
    """

    in_this_process = False

    def make_executor(self) -> Executor:
        """A new executor with at least one slot; each test makes its own, and closes it."""
        raise NotImplementedError("make_executor must return a new executor")

    def _run(self, function: Callable[[dict[str, Any]], Any], **job: Any) -> list[JobEvent]:
        executor = self.make_executor()
        try:
            executor.submit(Job(7, Objective(function), {"x": 2.5}, **job))
            return collect(executor, 1)
        finally:
            executor.close()

    def test_value(self) -> None:
        """A value arrives in one Ended event, with the id of the job."""
        event = _only(self._run(_value))
        assert event.job_id == 7
        assert event.outcome.status is Status.DONE
        assert event.outcome.value == 2.5

    def test_exception_is_a_result(self) -> None:
        """An objective that raises fails, with the message and the traceback."""
        event = _only(self._run(_raise))
        assert event.outcome.status is Status.FAILED
        assert "no luck with 2.5" in event.outcome.reason
        assert "Traceback" in event.outcome.details

    def test_exit_is_a_result(self) -> None:
        """An objective that exits fails, and does not end the search."""
        event = _only(self._run(_exit))
        assert event.outcome.status is Status.FAILED
        assert "SystemExit: 3" in event.outcome.reason

    def test_nan_is_a_failure(self) -> None:
        """An objective that returns NaN fails, with a hint at ``ignore_nans``."""
        event = _only(self._run(_nan))
        assert event.outcome.status is Status.FAILED
        assert "ignore_nans" in event.outcome.reason

    def test_prune_evaluation(self) -> None:
        """An objective that raises PruneEvaluation is pruned."""
        event = _only(self._run(_prune))
        assert event.outcome.status is Status.PRUNED

    def test_estimates_arrive_in_order(self) -> None:
        """The estimates of a generator are reported one by one, before the end."""
        events = self._run(_estimates)
        reported = [event.estimate for event in events if isinstance(event, Reported)]
        assert reported == [2.5, 3.5, 4.5, 5.5, 6.5]
        assert isinstance(events[-1], Ended)
        assert events[-1].outcome.value == 6.5
        assert events[-1].outcome.estimates == tuple(reported)

    def test_advice_prunes(self) -> None:
        """The pruner is asked about each estimate, and its answer ends the evaluation."""
        asked = []

        def advise(job_id: int, estimate: float) -> bool:
            asked.append((job_id, estimate))
            return estimate > 4

        events = self._run(_estimates, advise=advise)
        assert asked == [(7, 2.5), (7, 3.5), (7, 4.5)]
        assert isinstance(events[-1], Ended)
        assert events[-1].outcome.status is Status.PRUNED
        assert events[-1].outcome.estimates == (2.5, 3.5, 4.5)

    def test_every_job_ends_once(self) -> None:
        """Of many jobs that end in different ways, each ends exactly once."""
        functions = [_value, _raise, _exit, _nan, _prune, _estimates]
        executor = self.make_executor()
        ends: list[int] = []
        waiting = [Job(i, Objective(functions[i % 6]), {"x": i}) for i in range(18)]
        running = 0
        try:
            while waiting or running:
                while waiting and running < executor.slots:
                    executor.submit(waiting.pop())
                    running += 1
                ended = [e.job_id for e in executor.wait(60) if isinstance(e, Ended)]
                running -= len(ended)
                ends += ended
        finally:
            executor.close()
        assert sorted(ends) == list(range(18))

    def test_cancel(self) -> None:
        """A job that is cancelled ends once: as cancelled, or by itself if it was faster."""
        executor = self.make_executor()
        try:
            executor.cancel(99, "nobody knows it")
            executor.submit(Job(1, Objective(_value), {"x": 1.0}))
            executor.cancel(1, "changed my mind")
            event = _only(collect(executor, 1))
            assert event.outcome.status in (Status.CANCELLED, Status.DONE)
            assert executor.wait(0) == []
        finally:
            executor.close()

    def test_interrupt(self) -> None:
        """An interrupt loses no events."""
        executor = self._interruptible()
        try:
            executor.submit(Job(1, Objective(_value), {"x": 1.0}))
            executor.interrupt()
            event = _only(collect(executor, 1))
            assert event.outcome.value == 1.0
        finally:
            executor.close()

    def test_close_twice(self) -> None:
        """An executor can be closed while a job runs, and once more."""
        executor = self.make_executor()
        executor.submit(Job(1, Objective(_value), {"x": 1.0}))
        executor.close()
        executor.close()

    def _interruptible(self) -> Executor:
        executor = self.make_executor()
        if not hasattr(executor, "interrupt"):
            executor.close()
            raise unittest.SkipTest("the executor has no interrupt")
        return executor

    def _start_hanging(self, executor: Executor, **job: Any) -> int:
        """Start a job that hangs; the id of its process."""
        executor.submit(Job(1, Objective(_hang), {"x": 1.0}, **job))
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for event in executor.wait(0.5):
                assert isinstance(event, Reported), event
                return int(event.estimate)
        raise AssertionError("the job did not start")

    def _skip_in_this_process(self) -> None:
        if self.in_this_process:
            raise unittest.SkipTest("evaluations run in this process")

    def test_wait_returns_in_time(self) -> None:
        """A wait for a job that hangs returns no events after its timeout."""
        self._skip_in_this_process()
        executor = self.make_executor()
        try:
            self._start_hanging(executor)
            assert executor.wait(0) == []
            assert executor.wait(0.05) == []
        finally:
            executor.close()

    def test_interrupt_ends_a_wait(self) -> None:
        """A wait that is interrupted from another thread returns long before its timeout."""
        self._skip_in_this_process()
        executor = self._interruptible()
        try:
            self._start_hanging(executor)
            start = time.monotonic()
            threading.Timer(0.1, executor.interrupt).start()
            assert executor.wait(60) == []
            assert time.monotonic() - start < 30
        finally:
            executor.close()

    def test_cancel_ends_a_running_job(self) -> None:
        """A running job that is cancelled ends as cancelled, with its estimates."""
        self._skip_in_this_process()
        executor = self.make_executor()
        try:
            pid = self._start_hanging(executor)
            executor.cancel(1, "changed my mind")
            event = _only(collect(executor, 1))
            assert event.outcome.status is Status.CANCELLED
            assert event.outcome.reason == "changed my mind"
            assert event.outcome.estimates == (float(pid),)
            executor.submit(Job(2, Objective(_value), {"x": 2.5}))
            event = _only(collect(executor, 1))
            assert event.outcome.value == 2.5
        finally:
            executor.close()

    def test_timeout(self) -> None:
        """A job that takes longer than its timeout fails, and its slot takes another job."""
        self._skip_in_this_process()
        executor = self.make_executor()
        try:
            self._start_hanging(executor, timeout=0.5)
            event = _only(collect(executor, 1))
            assert event.outcome.status is Status.FAILED
            assert "timeout of 0.5 s" in event.outcome.reason
            executor.submit(Job(2, Objective(_value), {"x": 2.5}, timeout=60))
            event = _only(collect(executor, 1))
            assert event.outcome.value == 2.5
        finally:
            executor.close()

    def test_killed(self) -> None:
        """A job whose process is killed fails with the signal's name, and keeps its estimates."""
        self._skip_in_this_process()
        events = self._run(_kill)
        assert isinstance(events[-1], Ended)
        assert events[-1].outcome.status is Status.FAILED
        assert "SIG" in events[-1].outcome.reason
        assert events[-1].outcome.estimates == (0.25,)

    def test_vanished(self) -> None:
        """A job whose process exits without a result fails, also if the exit code is 0."""
        self._skip_in_this_process()
        event = _only(self._run(_exit_at_once))
        assert event.outcome.status is Status.FAILED
        assert "code 0" in event.outcome.reason

    def test_close_ends_running_jobs(self) -> None:
        """After ``close`` the process of a job is gone."""
        self._skip_in_this_process()
        executor = self.make_executor()
        pid = self._start_hanging(executor)
        executor.close()
        end = time.monotonic() + 10
        while _is_alive(pid):
            assert time.monotonic() < end, "still alive"
            time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

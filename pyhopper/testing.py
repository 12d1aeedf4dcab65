"""Tools for tests of pyhopper and of what others build on it: time, executors, laws.

Nothing here needs pytest; :class:`ExecutorSuite` is a plain class that pytest collects when a test
module subclasses it.
"""

from __future__ import annotations

import math
import os
import signal
import time
import unittest
from collections.abc import Callable
from typing import Any

from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status
from pyhopper.executors.base import Executor, Job
from pyhopper.objective import Objective, PruneEvaluation


class FakeClock:
    """A clock that moves only when told to.

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
    """Plays evaluations in fake time.

    Parameters
    ----------
    clock : FakeClock
        Moved on by :meth:`wait` to the end of the job that ends next.
    script : callable
        ``script(job) -> (seconds, value or Outcome)``: how long a job takes and what it gives.
    slots : int
        How many jobs run at the same time.
    """

    def __init__(
        self,
        clock: FakeClock,
        script: Callable[[Job], tuple[float, float | Outcome]],
        slots: int = 1,
    ) -> None:
        self.slots = slots
        self.started: list[tuple[float, Job]] = []
        """All jobs with the moment at which they were submitted."""
        self.closed = False
        self._clock = clock
        self._script = script
        self._running: dict[int, tuple[float, Outcome]] = {}
        self._events: list[JobEvent] = []

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
        if events or not self._running:
            return events
        job_id, (end, outcome) = min(self._running.items(), key=lambda item: item[1][0])
        left = end - self._clock.monotonic()
        if timeout is not None and left > timeout:
            self._clock.advance(timeout)
            return []
        self._clock.advance(max(left, 0.0))
        del self._running[job_id]
        return [Ended(job_id, outcome)]

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        if self._running.pop(job_id, None) is not None:
            self._events.append(Ended(job_id, Outcome(Status.CANCELLED, reason=reason)))

    def close(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self.closed = True
        self._running.clear()


def collect(executor: Executor, jobs: int, seconds: float = 60.0) -> list[JobEvent]:
    """Wait until so many jobs have ended.

    Raises
    ------
    AssertionError
        If that takes longer than ``seconds``.
    """
    events: list[JobEvent] = []
    end = time.monotonic() + seconds
    while sum(isinstance(event, Ended) for event in events) < jobs:
        assert time.monotonic() < end, f"only got {events}"
        events += executor.wait(0.5)
    return events


def _only(events: list[JobEvent]) -> Ended:
    """The end of a job that has told nothing else."""
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
    """The laws of the executor protocol as tests.

    Subclass it in a test module, name the class ``Test...`` and implement :meth:`make_executor`.

    Attributes
    ----------
    in_this_process : bool
        Whether evaluations run in the process of the search, where they cannot be ended from
        outside and a crash is the end of everything; the laws on that are skipped then.
    """

    in_this_process = False

    def make_executor(self) -> Executor:
        """A fresh executor with at least one slot."""
        raise AssertionError("implement make_executor")

    def _run(self, function: Callable[[dict[str, Any]], Any], **job: Any) -> list[JobEvent]:
        executor = self.make_executor()
        try:
            executor.submit(Job(7, Objective(function), {"x": 2.5}, **job))
            return collect(executor, 1)
        finally:
            executor.close()

    def test_value(self) -> None:
        """A value arrives in one Ended event."""
        event = _only(self._run(_value))
        assert type(event) is Ended
        assert event.job_id == 7
        assert event.outcome.status is Status.DONE
        assert event.outcome.value == 2.5

    def test_exception_is_a_result(self) -> None:
        """What the objective raises arrives as Failed, with its message and traceback."""
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
        """NaN fails, with a hint, unless it is expected."""
        event = _only(self._run(_nan))
        assert event.outcome.status is Status.FAILED
        assert "ignore_nans" in event.outcome.reason

    def test_prune_evaluation(self) -> None:
        """An objective that raises PruneEvaluation is pruned."""
        event = _only(self._run(_prune))
        assert type(event) is Ended
        assert event.outcome.status is Status.PRUNED

    def test_estimates_arrive_in_order(self) -> None:
        """A generator's estimates are reported one by one before the end."""
        events = self._run(_estimates)
        reported = [event.estimate for event in events if isinstance(event, Reported)]
        assert reported == [2.5, 3.5, 4.5, 5.5, 6.5]
        assert isinstance(events[-1], Ended)
        assert events[-1].outcome.value == 6.5
        assert events[-1].outcome.estimates == tuple(reported)

    def test_advice_prunes(self) -> None:
        """The search's advice on an estimate ends the evaluation."""
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
        """Many jobs that end in different ways: each has exactly one end."""
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
                now = [e.job_id for e in executor.wait(60) if isinstance(e, Ended)]
                running -= len(now)
                ends += now
        finally:
            executor.close()
        assert sorted(ends) == list(range(18))

    def test_cancel(self) -> None:
        """A cancelled job ends in one Cancelled event, or had just ended by itself."""
        executor = self.make_executor()
        try:
            executor.cancel(99, "nobody knows it")
            executor.submit(Job(1, Objective(_value), {"x": 1.0}))
            executor.cancel(1, "changed my mind")
            event = _only(collect(executor, 1))
            assert isinstance(event, Ended)
            assert executor.wait(0) == []
        finally:
            executor.close()

    def test_close_twice(self) -> None:
        """Closing is always allowed, also with a job inside."""
        executor = self.make_executor()
        executor.submit(Job(1, Objective(_value), {"x": 1.0}))
        executor.close()
        executor.close()

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
        """Waiting for a job that hangs returns without events after the timeout."""
        self._skip_in_this_process()
        executor = self.make_executor()
        try:
            self._start_hanging(executor)
            assert executor.wait(0) == []
            assert executor.wait(0.05) == []
        finally:
            executor.close()

    def test_cancel_ends_a_running_job(self) -> None:
        """A running job that is cancelled ends in one Cancelled event, with its estimates."""
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
            assert isinstance(event, Ended)
            assert event.outcome.value == 2.5
        finally:
            executor.close()

    def test_timeout(self) -> None:
        """A job that takes longer than its timeout fails, and its slot can be used again."""
        self._skip_in_this_process()
        executor = self.make_executor()
        try:
            self._start_hanging(executor, timeout=0.5)
            event = _only(collect(executor, 1))
            assert event.outcome.status is Status.FAILED
            assert "timeout of 0.5 s" in event.outcome.reason
            executor.submit(Job(2, Objective(_value), {"x": 2.5}, timeout=60))
            event = _only(collect(executor, 1))
            assert isinstance(event, Ended)
            assert event.outcome.value == 2.5
        finally:
            executor.close()

    def test_killed(self) -> None:
        """A job whose process is killed fails, and keeps the estimates that it had."""
        self._skip_in_this_process()
        events = self._run(_kill)
        assert isinstance(events[-1], Ended)
        assert events[-1].outcome.status is Status.FAILED
        assert "SIG" in events[-1].outcome.reason
        assert events[-1].outcome.estimates == (0.25,)

    def test_vanished(self) -> None:
        """A job whose process exits as if all were well fails."""
        self._skip_in_this_process()
        event = _only(self._run(_exit_at_once))
        assert event.outcome.status is Status.FAILED
        assert "code 0" in event.outcome.reason

    def test_close_ends_running_jobs(self) -> None:
        """After closing nothing runs on."""
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

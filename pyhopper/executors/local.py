"""Evaluations in subprocesses of this machine, one for each slot."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import selectors
import socket
import time
from collections.abc import Sequence

from pyhopper.events import Ended, JobEvent, Outcome
from pyhopper.executors import cleanup
from pyhopper.executors.base import Job, Slot
from pyhopper.executors.output import Output
from pyhopper.executors.pickles import Objectives
from pyhopper.executors.runner import (
    CLOSE_SECONDS,
    DYING_SECONDS,
    SlotRunner,
    Task,
)


class LocalExecutor:
    """Evaluates in subprocesses of this machine, one worker process for each slot.

    Workers are fresh Python processes, never forks, and are ended together with everything that
    they have started. If a worker dies or hangs, that is one failed evaluation, and its slot gets a
    new worker; see :class:`~pyhopper.executors.runner.SlotRunner`.

    Parameters
    ----------
    slots : int or sequence of Slot
        How many workers, or for each one its name and environment.
    isolation : {"auto", "candidate", "slot"}
        ``"candidate"`` starts a fresh process for each candidate. ``"slot"`` keeps the process of a
        slot as long as it lives. ``"auto"`` replaces it after a failure, after an evaluation that
        leaves processes behind, and where starting it takes less than 5% of an evaluation.
    load_timeout : float
        Seconds that a worker may take to start and to load the objective, by default ten minutes,
        since large frameworks and data sets on a network disk take their time.
    output : Output, optional
        Is told what the workers print.
    """

    sends_shared = True
    """See :class:`~pyhopper.executors.base.Job`."""

    def __init__(
        self,
        slots: int | Sequence[Slot],
        isolation: str = "auto",
        load_timeout: float = 600.0,
        output: Output | None = None,
    ) -> None:
        if isinstance(slots, int):
            slots = [Slot(f"process {number}") for number in range(1, slots + 1)]
        self._selector = selectors.DefaultSelector()
        self._events: list[JobEvent] = []
        self._runners = [
            SlotRunner(slot, isolation, load_timeout, self._selector, self._events, output)
            for slot in slots
        ]
        self._objectives = Objectives()
        self._mark_count = 0
        # If this search runs inside a worker of another one, its marks begin with the mark of that
        # worker, so that the outer search finds these processes too.
        self._mark = f"{os.environ.get(cleanup.MARK, '')}{secrets.token_hex(8)}."
        # A byte that is sent into one of these sockets wakes the selector at the other one.
        self._waker, self._wakeup = socket.socketpair()
        for end in (self._waker, self._wakeup):
            end.setblocking(False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._closed = False

    @property
    def slots(self) -> int:
        """See :class:`Executor`."""
        return len(self._runners)

    def submit(self, job: Job) -> None:
        """See :class:`Executor`.

        Raises
        ------
        ArgumentError
            If the objective cannot be sent to another process.
        """
        task = self._objectives.pack(job)
        if isinstance(task, Outcome):
            self._events.append(Ended(job.id, task))
        else:
            self.start(task)

    def start(self, task: Task) -> None:
        """Start a job that is pickled already; otherwise like :meth:`submit`."""
        runner = next(runner for runner in self._runners if runner.task is None)
        runner.task = task
        self._step(runner)

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`Executor`."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            for runner in self._runners:
                self._step(runner)
            now = time.monotonic()
            if self._events or now >= end or all(runner.task is None for runner in self._runners):
                break
            pause = min(runner.seconds_to_next_step(now) for runner in self._runners)
            if self._read(min(pause, end - now)):
                break
        events = self._events.copy()
        self._events.clear()
        return events

    def interrupt(self) -> None:
        """See :class:`Executor`."""
        # An error means that the socket is full or closed: the wait returns anyway.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`Executor`."""
        for runner in self._runners:
            if runner.task is not None and runner.task.job.id == job_id:
                runner.cancel(reason)

    def close(self) -> None:
        """See :class:`Executor`. Idle workers may exit in an orderly way, others are killed."""
        if self._closed:
            return
        self._closed = True
        try:
            for runner in self._runners:
                runner.stop_worker()
            self._reap(time.monotonic() + CLOSE_SECONDS)
        finally:
            for runner in self._runners:
                if runner.worker is not None:
                    runner.worker.kill()
            self._reap(time.monotonic() + DYING_SECONDS)
            for runner in self._runners:
                runner.remove_worker()
            for end in (self._selector, self._waker, self._wakeup):
                end.close()

    def _step(self, runner: SlotRunner) -> None:
        self._mark_count += 1
        runner.step(time.monotonic(), f"{self._mark}{self._mark_count}.")

    def _read(self, seconds: float) -> bool:
        """Wait until workers have sent or printed something, and read it; True if interrupted."""
        interrupted = False
        for key, mask in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(OSError):
                    self._wakeup.recv(1024)
                interrupted = True
                continue
            runner, worker = key.data
            if runner.worker is not worker:
                continue
            if key.fileobj is worker.output:
                runner.read_output(worker)
                continue
            if mask & selectors.EVENT_WRITE:
                worker.channel.flush()
                runner.update_selector(worker)
            runner.read_messages(worker)
        return interrupted

    def _reap(self, end: float) -> None:
        """Wait until all workers and what they have started are gone, or the time is over."""
        while time.monotonic() < end:
            for runner in self._runners:
                if runner.worker is not None:
                    runner.worker.read_output()
                    if runner.worker.has_gone():
                        runner.remove_worker()
            if all(runner.worker is None for runner in self._runners):
                return
            time.sleep(0.002)

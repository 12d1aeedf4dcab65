"""Evaluations in subprocesses of this machine, one for each slot."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import selectors
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.events import Ended, JobEvent
from pyhopper.executors import channel as wire
from pyhopper.executors import cleanup
from pyhopper.executors.base import Job
from pyhopper.executors.process import Slot
from pyhopper.executors.runner import CLOSE_SECONDS, DYING_SECONDS, Payload, Place, Task
from pyhopper.objective import failure

_SHARED_BYTES = 16_384
"""Objects of a candidate that are the same in all are sent once if they are as large as this."""


class LocalExecutor:
    """Evaluates in subprocesses, started afresh (never forked) and ended with all they started.

    A worker that dies, hangs or breaks is a failed evaluation; its slot gets a new one.

    Parameters
    ----------
    slots : int or sequence of Slot
        Where to run workers: how many, or with name and environment.
    isolation : str
        ``"candidate"`` gives each candidate a fresh process, ``"slot"`` keeps a slot's process as
        long as it lives, and ``"auto"`` replaces it where its start-up takes less than 5% of an
        evaluation, after failures, and when an evaluation leaves processes behind.
    load_timeout : float
        Seconds that a worker may take to start and to load the objective.
    """

    def __init__(
        self, slots: int | Sequence[Slot], isolation: str = "auto", load_timeout: float = 600.0
    ) -> None:
        if isinstance(slots, int):
            slots = [Slot(f"process {number}") for number in range(1, slots + 1)]
        self._selector = selectors.DefaultSelector()
        self._events: list[JobEvent] = []
        self._places = [
            Place(slot, isolation, load_timeout, self._selector, self._events) for slot in slots
        ]
        self._payload: Payload | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._marks = 0
        # What looks for the relatives of an outer search's worker finds those of this one too.
        self._mark = f"{os.environ.get(cleanup.MARK, '')}{secrets.token_hex(8)}."
        self._wake, self._alarm = socket.socketpair()
        for end in (self._wake, self._alarm):
            end.setblocking(False)
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._closed = False

    @property
    def slots(self) -> int:
        """See :class:`Executor`."""
        return len(self._places)

    def submit(self, job: Job) -> None:
        """See :class:`Executor`.

        Raises
        ------
        ArgumentError
            If the objective cannot be sent to another process.
        """
        if self._marks == 0:
            self._guard = cleanup.start_guard(self._mark)
        place = next(place for place in self._places if place.task is None)
        payload = self._prepare(job)
        try:
            packed = wire.pack((job.params, job.folder), payload.shared)
        except Exception as error:  # a value of the candidate cannot be pickled
            reason = f"the candidate cannot be sent to a subprocess: {error}"
            outcome = failure(error)._replace(reason=reason)
            self._events.append(Ended(job.id, outcome, place.slot.name))
            return
        place.task = Task(job, packed, payload)
        self._step(place)

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`Executor`."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            for place in self._places:
                self._step(place)
            now = time.monotonic()
            if self._events or now >= end or all(place.task is None for place in self._places):
                break
            pause = min(place.pause(now) for place in self._places)
            if self._listen(min(pause, end - now)):
                break
        events = self._events.copy()
        self._events.clear()
        return events

    def interrupt(self) -> None:
        """Let a wait that is under way return at once; may be called by a signal handler."""
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`Executor`."""
        for place in self._places:
            if place.task is not None and place.task.job.id == job_id:
                place.cancel(reason)

    def close(self) -> None:
        """See :class:`Executor`. An idle worker may exit in an orderly way, others are killed."""
        if self._closed:
            return
        self._closed = True
        try:
            for place in self._places:
                place.dismiss()
            self._reap(time.monotonic() + CLOSE_SECONDS)
        finally:
            for place in self._places:
                if place.worker is not None:
                    place.worker.kill()
            self._reap(time.monotonic() + DYING_SECONDS)
            for place in self._places:
                place.forget()
            for end in (self._selector, self._wake, self._alarm):
                end.close()
            self._dismiss_guard()

    def _step(self, place: Place) -> None:
        self._marks += 1
        place.step(time.monotonic(), f"{self._mark}{self._marks}.")

    def _prepare(self, job: Job) -> Payload:
        """Pickle the objective with the objects that the candidates share, once in a run."""
        old = self._payload
        if old is not None and old.job.evaluate is job.evaluate and old.job.shared is job.shared:
            return old
        shared = [each for each in job.shared if _is_large(each)]
        try:
            pickled = wire.pack((job.evaluate, tuple(shared)), ())
        except Exception as error:
            raise _unsendable(job.evaluate, error) from error
        number = 0 if old is None else old.number + 1
        self._payload = Payload(number, job, shared, pickled)
        return self._payload

    def _listen(self, seconds: float) -> bool:
        """Wait for workers to say something, and listen; True if interrupted."""
        interrupted = False
        for key, mask in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(OSError):
                    self._alarm.recv(1024)
                interrupted = True
                continue
            place, worker = key.data
            if place.worker is not worker:
                continue
            if key.fileobj is worker.output:
                place.take_output(worker)
                continue
            if mask & selectors.EVENT_WRITE:
                worker.channel.flush()
                place.watch(worker)
            place.listen(worker)
        return interrupted

    def _reap(self, end: float) -> None:
        """Wait until all workers and what they started have gone."""
        while time.monotonic() < end:
            for place in self._places:
                if place.worker is not None:
                    place.worker.read_output()
                    if place.worker.has_gone():
                        place.forget()
            if all(place.worker is None for place in self._places):
                return
            time.sleep(0.002)

    def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        guard.stdin.close()
        try:
            guard.wait(DYING_SECONDS)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()


def _is_large(value: Any) -> bool:
    try:
        return len(wire.pack(value, ())) >= _SHARED_BYTES
    except Exception:  # it fails again with the candidate, and is told there
        return False


def _unsendable(evaluate: Any, error: Exception) -> ArgumentError:
    """Name the part of an objective that cannot be pickled."""
    problem = f"cannot be sent to a subprocess ({error}); create it inside the objective instead"
    for name, value in getattr(evaluate, "kwargs", {}).items():
        try:
            wire.pack(value, ())
        except Exception:  # noqa: PERF203 - one of them is it
            return ArgumentError(f'kwargs["{name}"]', value, problem)
    function = getattr(evaluate, "function", evaluate)
    return ArgumentError("objective", function, f"it, or something it refers to, {problem}")

"""What the executors on other engines have in common: Dask, Ray, Slurm, MPI, pools of processes."""

from __future__ import annotations

import contextlib
import queue
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyhopper.errors import ArgumentError, EngineLostError
from pyhopper.events import Ended, JobEvent, Lost, Outcome, Reported, Status
from pyhopper.executors import mail as letters
from pyhopper.executors.base import Job
from pyhopper.executors.mail import Mail
from pyhopper.executors.pickles import Objectives
from pyhopper.executors.process import import_path
from pyhopper.executors.remote import Work, read_result
from pyhopper.executors.runner import PickledObjective
from pyhopper.objective import failure

_LOOK_SECONDS = 1.0
"""How often to ask the engine for its capacity, and to see whether a cancellation was heeded."""

CANCEL_SECONDS = 10.0
"""How long a job that was cancelled may take to end by itself, before the engine is told to end
it."""

CLOSE_SECONDS = 5.0
"""The same for all jobs when the executor is closed."""

LARGE = 1 << 20
"""An objective with more bytes than this is put somewhere once instead of sent with each task."""


class _Sent:
    """A job that is at the engine."""

    def __init__(self, job: Job, key: str) -> None:
        self.job = job
        self.key = key
        self.begun = False
        self.estimates: list[float] = []
        self.cancelled: Outcome | None = None
        self.cancelled_at = 0.0


class ClusterExecutor:
    """Evaluates in the tasks of another engine, each of which starts a process of its own.

    Subclasses say how the engine takes a task: they implement ``_capacity``, ``_start``, and where
    the engine can do it ``_stop`` and ``_shut_down``, and call :meth:`done` or :meth:`gone` from
    any thread when a task has ended.

    Parameters
    ----------
    name : str
        The engine's name for people.
    mail : Mail
        Carries messages to and from the jobs.
    env : dict, optional
        Environment variables of the processes that evaluate; None unsets one.
    """

    sends_shared = True
    """See :class:`~pyhopper.executors.base.Job`."""

    def __init__(self, name: str, mail: Mail, env: Mapping[str, str | None] | None = None) -> None:
        self.name = name
        self._mail = mail
        self._env = dict(env or {})
        self._objectives = Objectives()
        self._inbox: queue.SimpleQueue[tuple[str, str, Any] | None] = queue.SimpleQueue()
        """What threads have to say: kind, key, content; None for an interrupt."""
        self._sent: dict[str, _Sent] = {}
        self._count = 0
        self._events: list[JobEvent] = []
        self._lost: EngineLostError | None = None
        self._capacity_now = 0
        self._looked_at = -_LOOK_SECONDS
        self._closed = False
        mail.open(lambda key, text: self._inbox.put(("mail", key, text)))

    # What an engine has to do ------------------------------------------------------------------

    def _capacity(self) -> int:
        """How many tasks it can run at the same time, now."""
        raise NotImplementedError

    def _start(self, key: str, objective: PickledObjective, work: Work) -> None:
        """Hand a task in. Whatever it raises, the engine is taken to be gone."""
        raise NotImplementedError

    def _stop(self, key: str) -> None:
        """End a task by the engine's own means, as far as it has any."""

    def _forget(self, key: str) -> None:
        """A task has ended for the search, whatever the engine says."""

    def _shut_down(self) -> None:
        """Give back what the executor holds; what was borrowed is left as it was."""

    # What an engine has to tell, from any thread -----------------------------------------------

    def done(self, key: str, result: bytes) -> None:
        """A task has ended with what :func:`~pyhopper.executors.remote.evaluate` returned."""
        self._inbox.put(("done", key, result))

    def gone(self, key: str, reason: str) -> None:
        """A task has ended without a result."""
        self._inbox.put(("gone", key, reason))

    def lost(self, problem: str) -> None:
        """The engine does not answer any more."""
        self._inbox.put(("lost", "", problem))

    # The protocol ------------------------------------------------------------------------------

    @property
    def slots(self) -> int:
        """See :class:`~pyhopper.executors.Executor`."""
        self._look()
        return self._capacity_now

    def submit(self, job: Job) -> None:
        """See :class:`~pyhopper.executors.Executor`.

        Raises
        ------
        ArgumentError
            If the objective cannot be sent to another process.
        EngineLostError
            If the engine takes no tasks any more.
        """
        task = self._objectives.pack(job)
        if isinstance(task, Outcome):
            self._events.append(Ended(job.id, task))
            return
        self._count += 1
        key = f"{job.id}-{self._count}"
        work = Work(
            key,
            job.id,
            task.packed,
            task.objective.sources,
            job.timeout,
            None if job.folder is None else str(Path(job.folder).absolute()),
            self._env,
            tuple(import_path()),
            tuple(sys.argv),
            self._mail.box(key),
        )
        self._sent[key] = _Sent(job, key)
        try:
            self._start(key, task.objective, work)
        except Exception as error:
            raise EngineLostError(self.name, f"it takes no task ({_one_line(error)})") from error

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`~pyhopper.executors.Executor`."""
        end = None if timeout is None else time.monotonic() + timeout
        interrupted = False
        while not self._events and not interrupted:
            if not self._sent and self.slots > 0:
                break
            pause = _LOOK_SECONDS if end is None else min(_LOOK_SECONDS, end - time.monotonic())
            try:
                interrupted = self._take(self._inbox.get(timeout=max(pause, 0.0)))
            except queue.Empty:
                if end is not None and time.monotonic() >= end:
                    break
            # There may be room for more by now.
            interrupted |= self._look()
        while not self._inbox.empty():
            interrupted |= self._take(self._inbox.get())
        events, self._events = self._events, []
        if self._lost is not None and not events:
            raise self._lost
        return events

    def interrupt(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self._inbox.put(None)

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        for sent in list(self._sent.values()):
            if sent.job.id == job_id and sent.cancelled is None:
                sent.cancelled = Outcome(Status.CANCELLED, reason=reason)
                sent.cancelled_at = time.monotonic()
                self._mail.send(sent.key, f"{letters.CANCEL} {reason}")
                if not sent.begun:
                    # It waits in a queue; should it start all the same, it is told not to run.
                    self._stop(sent.key)
                    self._end(sent, Ended(job_id, sent.cancelled))

    def close(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        if self._closed:
            return
        self._closed = True
        try:
            for sent in list(self._sent.values()):
                self.cancel(sent.job.id, "the search ended")
            end = time.monotonic() + CLOSE_SECONDS
            while self._sent and self._lost is None and time.monotonic() < end:
                with contextlib.suppress(queue.Empty):
                    self._take(self._inbox.get(timeout=0.1))
            for key in self._sent:
                self._stop(key)
        finally:
            self._mail.close()
            self._shut_down()

    # What happens ------------------------------------------------------------------------------

    def _take(self, item: tuple[str, str, Any] | None) -> bool:
        """Act on what a thread has said; True for an interrupt."""
        if item is None:
            return True
        kind, key, content = item
        sent = self._sent.get(key)
        if kind == "lost":
            self._lost = EngineLostError(self.name, content)
        elif sent is None:
            # It has ended for us before, and the engine repeats it: it must not run.
            if kind == "mail" and content == letters.BEGIN:
                self._mail.send(key, letters.NO)
        elif kind == "mail":
            self._read(sent, content)
        elif kind == "gone" or not content:
            self._end(sent, Lost(sent.job.id, content or "the task did not run"))
        else:
            outcome, where = read_result(content)
            self._end(sent, Ended(sent.job.id, outcome, where))
        return False

    def _read(self, sent: _Sent, text: str) -> None:
        """Answer a message of a job."""
        if text == letters.BEGIN and sent.begun:
            # The engine repeats a task whose worker has died. Only the search decides about that.
            self._mail.send(sent.key, letters.NO)
            self._end(sent, Lost(sent.job.id, "its worker was killed or has lost its connection"))
            return
        if text.startswith(letters.RESULT):
            self.done(sent.key, text[len(letters.RESULT) :].encode())
            return
        go = True
        if text == letters.BEGIN:
            sent.begun = True
        elif text.startswith(letters.ESTIMATE):
            estimate = float(text[len(letters.ESTIMATE) :])
            sent.estimates.append(estimate)
            self._events.append(Reported(sent.job.id, estimate))
            try:
                go = not sent.job.advise(sent.job.id, estimate)
            except Exception as error:  # a pruner's error is a failure of the candidate
                sent.cancelled = failure(error, tuple(sent.estimates))
                self._mail.send(sent.key, f"{letters.CANCEL} {error}")
                return
        if sent.cancelled is None:
            self._mail.send(sent.key, letters.GO if go else letters.NO)

    def _end(self, sent: _Sent, event: Ended | Lost) -> None:
        del self._sent[sent.key]
        self._mail.forget(sent.key)
        self._forget(sent.key)
        finished = isinstance(event, Ended) and event.outcome.status is Status.DONE
        if sent.cancelled is not None and not finished:
            outcome = sent.cancelled._replace(estimates=tuple(sent.estimates))
            event = Ended(event.job_id, outcome, event.slot)
        self._events.append(event)

    def _look(self) -> bool:
        """Ask for the capacity, and end what was cancelled and did not end by itself.

        True if there is more room than before.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS or self._lost is not None:
            return False
        self._looked_at = now
        for sent in list(self._sent.values()):
            if sent.cancelled is not None and now - sent.cancelled_at > CANCEL_SECONDS:
                self._stop(sent.key)
                self._end(sent, Ended(sent.job.id, sent.cancelled))
        before = self._capacity_now
        try:
            self._capacity_now = self._capacity()
        except EngineLostError as error:
            self._lost = error
        return self._capacity_now > before


def whole_slots(slots: object) -> int:
    """The argument ``slots``, at least 1."""
    if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
        raise ArgumentError("slots", slots, "must be the number of evaluations at the same time")
    return slots


def checked_env(env: object) -> dict[str, str | None]:
    """The argument ``env``: environment variables by name."""
    if env is None:
        return {}
    if not isinstance(env, Mapping) or not all(isinstance(name, str) for name in env):
        raise ArgumentError("env", env, 'must be a dict such as {"OMP_NUM_THREADS": "4"}')
    return {name: None if value is None else str(value) for name, value in env.items()}


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]

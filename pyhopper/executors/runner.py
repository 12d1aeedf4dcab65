"""One slot of the local executor: its worker, its job, and what is to be done about them."""

from __future__ import annotations

import contextlib
import json
import math
import selectors
import time
from typing import Any, NamedTuple

from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status
from pyhopper.executors import channel as wire
from pyhopper.executors.base import Job
from pyhopper.executors.process import Slot, State, WorkerProcess, death
from pyhopper.executors.worker import decode
from pyhopper.objective import failure

_WORTH = 20
"""A fresh process for each candidate is worth it if evaluations take so many start-ups."""

LEAVE_SECONDS = 2.0
"""A worker that was asked to exit has so long for it."""

CLOSE_SECONDS = 0.5
"""So long at the end of a run, and for one that has hung up."""

DYING_SECONDS = 5.0
"""A killed process is waited for so long."""


class Payload(NamedTuple):
    """What a worker has to load before a job.

    Attributes
    ----------
    number : int
        Tells payloads apart.
    job : Job
        One of the jobs that need it.
    shared : list
        Objects that the payload holds and the candidates need not.
    pickled : bytes
        The objective and the shared objects.
    """

    number: int
    job: Job
    shared: list[Any]
    pickled: bytes


class Task:
    """A job in its slot."""

    def __init__(self, job: Job, packed: bytes, payload: Payload) -> None:
        self.job = job
        self.packed = packed
        self.payload = payload
        self.estimates: list[float] = []
        self.worker: WorkerProcess | None = None
        """Whose end is this job's end too."""
        self.sent = self.begun = self.retried = False
        self.since = math.inf
        self.until = math.inf

    def failed(self, reason: str, details: str = "") -> Outcome:
        """An outcome that says why there is none."""
        return Outcome(
            Status.FAILED, estimates=tuple(self.estimates), reason=reason, details=details
        )


class Place:
    """A slot, its worker if there is one, and the job that it has to do.

    Parameters
    ----------
    slot : Slot
        Name and environment.
    isolation : str
        See :class:`~pyhopper.executors.LocalExecutor`.
    load_timeout : float
        Seconds that a worker may take to start and to load the objective.
    selector : Selector
        Where files are registered to be listened to, with ``(place, worker)`` as data.
    events : list of JobEvent
        Takes what happens.
    """

    def __init__(
        self,
        slot: Slot,
        isolation: str,
        load_timeout: float,
        selector: selectors.BaseSelector,
        events: list[JobEvent],
    ) -> None:
        self.slot = slot
        self.worker: WorkerProcess | None = None
        self.task: Task | None = None
        self._isolation = isolation
        self._load_timeout = load_timeout
        self._selector = selector
        self._events = events
        self._verdict: Outcome | None = None
        self._born = self._startup = 0.0
        self._kill_at = self._forget_at = math.inf

    # What is due -------------------------------------------------------------------------------

    def step(self, now: float, mark: str) -> None:
        """Do what is due; a worker that is started gets the mark."""
        if self.worker is not None:
            self._check(self.worker, now)
        worker, task = self.worker, self.task
        if task is None or task.sent:
            return
        if worker is None:
            self._start(task, now, mark)
        elif worker.state is State.IDLE and worker.loaded != task.payload.number:
            self._load(worker, task, now)
        elif worker.state is State.IDLE:
            worker.state = State.BUSY
            worker.record(task.job.folder)
            task.sent, task.worker = True, worker
            task.until = now + self._load_timeout
            self._send(worker, wire.JOB, task.packed)

    def pause(self, now: float) -> float:
        """How long nothing needs a look unless something is heard."""
        if self.worker is None:
            return math.inf
        if self.worker.state in (State.LEAVING, State.KILLED):
            return 0.001 if self.worker.channel.ended else 0.02
        until = math.inf if self.task is None else self.task.until
        # Not always is there something to be heard of an exit: a subprocess may hold the line.
        return min(0.25, max(0.0, until - now))

    def cancel(self, reason: str) -> None:
        """End the job."""
        task = self.task
        if task is None or self._verdict is not None:
            return
        outcome = Outcome(Status.CANCELLED, estimates=tuple(task.estimates), reason=reason)
        if task.sent:
            self._kill(outcome)
        else:
            self._end(outcome)

    def dismiss(self) -> None:
        """End the worker: an idle one in an orderly way, others at once."""
        self.task = self._verdict = None
        worker = self.worker
        if worker is not None and worker.state is State.IDLE:
            worker.leave()
        elif worker is not None and worker.state is not State.LEAVING:
            worker.kill()

    def forget(self) -> None:
        """Give back what belongs to the worker."""
        worker, self.worker = self.worker, None
        if worker is not None:
            self._unregister(worker.channel.sock)
            self._unregister(worker.output)
            worker.close()

    # The life of a worker ----------------------------------------------------------------------

    def _start(self, task: Task, now: float, mark: str) -> None:
        self._kill_at = self._forget_at = math.inf
        try:
            worker = WorkerProcess(self.slot, mark)
        except OSError as error:
            self._end(task.failed(f"no subprocess could be started: {error}"))
            return
        self.worker = task.worker = worker
        self._selector.register(worker.channel.sock, selectors.EVENT_READ, (self, worker))
        self._selector.register(worker.output, selectors.EVENT_READ, (self, worker))
        self._load(worker, task, now)

    def _load(self, worker: WorkerProcess, task: Task, now: float) -> None:
        self._born = now
        worker.state, worker.loaded = State.LOADING, task.payload.number
        self._send(worker, wire.LOAD, task.payload.pickled)

    def _check(self, worker: WorkerProcess, now: float) -> None:
        """Notice that a worker has exited, hung up, or used up its time."""
        task = self.task
        if worker.returncode is not None:
            if worker.state is not State.KILLED:
                # What it wrote before it died counts.
                self.listen(worker)
                worker.state = State.KILLED
                self._forget_at = now + DYING_SECONDS
            if worker.has_gone() or now >= self._forget_at:
                self._bury(worker)
        elif worker.state is State.KILLED:
            if now >= self._forget_at:
                # The system does not let it go; the slot is of more use than the wait.
                self._bury(worker)
        elif now >= self._kill_at:
            self._kill(self._blame(worker, "the process closed its connection to the search"))
        elif worker.channel.ended and worker.state is not State.LEAVING:
            worker.state = State.LEAVING
            self._kill_at = now + CLOSE_SECONDS
        elif worker.state is State.LOADING and now >= self._born + self._load_timeout:
            reason = f"a worker did not load the objective within {self._load_timeout:g} s"
            self._kill(self._blame(worker, reason))
        elif task is not None and now >= task.until:
            reason = "the worker did not take the candidate"
            if task.begun:
                reason = f"the evaluation took longer than its timeout of {task.job.timeout:g} s"
            self._kill(self._blame(worker, reason))

    def _blame(self, worker: WorkerProcess, reason: str) -> Outcome | None:
        """What the job ends with for a fault of the worker."""
        worker.read_output()
        return None if self.task is None else self.task.failed(reason, _with_output(worker))

    def _kill(self, verdict: Outcome | None) -> None:
        """End the worker; its job ends with the verdict once it is dead."""
        assert self.worker is not None
        self._verdict = verdict
        self._forget_at = time.monotonic() + DYING_SECONDS
        self.worker.kill()

    def _bury(self, worker: WorkerProcess) -> None:
        """Take a dead worker out of its slot, and end the job that it had."""
        task, verdict, self._verdict = self.task, self._verdict, None
        if task is not None and task.worker is worker:
            if verdict is None and task.sent and not task.begun and not task.retried:
                # It died of what came before, so this candidate gets another worker.
                task.sent, task.retried, task.until = False, True, math.inf
            elif verdict is None:
                worker.read_output()
                when = "during the evaluation" if task.begun else "while it loaded the objective"
                self._end(task.failed(death(worker.returncode, when), _with_output(worker)))
            else:
                self._end(verdict)
        self.forget()

    def _end(self, outcome: Outcome) -> None:
        assert self.task is not None
        self._events.append(Ended(self.task.job.id, outcome, self.slot.name))
        self.task = None

    # The line to a worker ----------------------------------------------------------------------

    def _send(self, worker: WorkerProcess, kind: bytes, payload: bytes) -> None:
        worker.channel.send(kind, payload)
        self.watch(worker)

    def watch(self, worker: WorkerProcess) -> None:
        """Wait for room to send only while something waits to be sent."""
        wanted = selectors.EVENT_READ
        if worker.channel.is_sending:
            wanted |= selectors.EVENT_WRITE
        key = self._selector.get_map().get(worker.channel.sock)
        if key is not None and key.events != wanted:
            self._selector.modify(worker.channel.sock, wanted, key.data)

    def _unregister(self, file: Any) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(file)

    def take_output(self, worker: WorkerProcess) -> None:
        """Take in what the worker has printed."""
        if not worker.read_output():
            self._unregister(worker.output)

    def listen(self, worker: WorkerProcess) -> None:
        """Take in what the worker says."""
        try:
            for kind, payload in worker.channel.receive():
                self._hear(worker, kind, payload)
        except (wire.Broken, ValueError, TypeError):
            self._unregister(worker.channel.sock)
            reason = "something else than pyhopper wrote into the connection to the search"
            self._kill(self._blame(worker, reason))
        if worker.channel.ended:
            self._unregister(worker.channel.sock)

    def _hear(self, worker: WorkerProcess, kind: bytes, payload: bytes) -> None:
        if worker.state is State.KILLED:
            return
        task = self.task
        now = time.monotonic()
        if kind == wire.LOADED:
            self._startup = now - self._born
            worker.state = State.IDLE
        elif kind == wire.UNLOADABLE:
            reason, details = json.loads(payload)
            if task is not None and task.worker is worker:
                worker.read_output()
                reason = f"a worker could not load the objective: {reason}"
                self._end(task.failed(reason, _with_output(worker, details)))
            worker.state = State.LEAVING
            self._kill_at = now + LEAVE_SECONDS
        elif task is None or not task.sent:
            raise wire.Broken
        elif kind == wire.BEGUN:
            task.begun, task.since = True, now
            task.until = math.inf if task.job.timeout is None else now + task.job.timeout
        elif kind == wire.ESTIMATE:
            self._advise(worker, task, float(json.loads(payload)))
        elif kind == wire.RESULT:
            self._finish(worker, task, *decode(payload))

    def _advise(self, worker: WorkerProcess, task: Task, estimate: float) -> None:
        task.estimates.append(estimate)
        self._events.append(Reported(task.job.id, estimate))
        try:
            advice = task.job.advise(task.job.id, estimate)
        except Exception as error:  # the search goes on without this candidate, as in one process
            self._kill(failure(error, tuple(task.estimates)))
            return
        self._send(worker, wire.ADVICE, bytes([bool(advice)]))

    def _finish(
        self, worker: WorkerProcess, task: Task, outcome: Outcome, has_children: bool
    ) -> None:
        now = time.monotonic()
        worker.read_output()
        failed = outcome.status is Status.FAILED
        if failed:
            outcome = outcome._replace(details=_with_output(worker, outcome.details))
        worker.record(None)
        self._end(outcome)
        worker.state = State.IDLE
        is_long = now - task.since > _WORTH * self._startup
        auto = self._isolation == "auto" and (failed or has_children or is_long)
        if auto or self._isolation == "candidate":
            self._kill_at = now + LEAVE_SECONDS
            worker.leave()
            self.watch(worker)


def _with_output(worker: WorkerProcess, details: str = "") -> str:
    """Details with the last lines of what the worker has printed."""
    lines = worker.last_lines()
    if not lines:
        return details
    return f"{details.rstrip()}\n\nLast lines of its output:\n{lines}".lstrip()

"""Runs the jobs of one slot: starts its worker, sends it jobs, and notices how they end."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import selectors
import time
from typing import Any, NamedTuple

from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status
from pyhopper.executors import channel as wire
from pyhopper.executors.base import Job, Slot
from pyhopper.executors.output import Output
from pyhopper.executors.process import WorkerProcess, WorkerStatus, how_it_ended
from pyhopper.executors.worker import decode
from pyhopper.objective import failure

_STARTUPS_IN_LONG_EVALUATION = 20
"""With isolation="auto" the worker is replaced after an evaluation that took at least so many times
as long as starting it: a fresh process then costs less than 1/20 = 5%."""

LEAVE_SECONDS = 2.0
"""How long a worker may take to exit after it was asked to or has closed its connection, before it
is killed."""

CLOSE_SECONDS = 0.5
"""The same when the executor is closed."""

DYING_SECONDS = 5.0
"""How long to wait for a killed process and what it had started, before the slot is used again."""

_EXIT_POLL_SECONDS = 0.25
"""How often to look whether a worker has exited. Its closed connection usually tells at once, but
not while a process that it has started holds the connection open."""


class PickledObjective(NamedTuple):
    """What a worker has to load before it can run a job.

    Attributes
    ----------
    number : int
        Tells whether a worker has loaded this one or an earlier one.
    job : Job
        One of the jobs that need it.
    shared : list
        Objects that are pickled here, so that the candidates need only refer to them.
    pickled : bytes
        The objective and the shared objects.
    sources : bytes
        The source of its functions, pickled.
    """

    number: int
    job: Job
    shared: list[Any]
    pickled: bytes
    sources: bytes


class Task:
    """A job in its slot, and how far it has got.

    Parameters
    ----------
    job : Job
        The job.
    packed : bytes
        Its candidate, ready to be sent.
    objective : PickledObjective
        What the worker has to load first.
    """

    def __init__(self, job: Job, packed: bytes, objective: PickledObjective) -> None:
        self.job = job
        self.packed = packed
        self.objective = objective
        self.estimates: list[float] = []
        self.worker: WorkerProcess | None = None
        """The worker that loads the objective for it or runs it; the task fails if it dies."""
        self.sent = False
        """Whether it was sent to a worker."""
        self.started = False
        """Whether the worker has answered that the evaluation starts."""
        self.retried = False
        """Whether a first worker has died before the evaluation started."""
        self.started_at = math.inf
        self.expires_at = math.inf
        """When the worker is killed for taking too long, on the monotonic clock."""

    def failed(self, reason: str, details: str = "") -> Outcome:
        """The outcome of a failure, with the estimates so far."""
        return Outcome(
            Status.FAILED, estimates=tuple(self.estimates), reason=reason, details=details
        )


class SlotRunner:
    """One slot with its worker, if it has one now, and its job, if it has one now.

    What can go wrong with a worker, and what happens then:

    * It exits or is killed from outside. What it wrote before still counts. A job whose evaluation
      had started fails. One that was sent but had not started is sent to a new worker, once.
    * It hangs: loading the objective takes longer than ``load_timeout``, or an evaluation longer
      than its timeout. It is killed, and its job fails.
    * It closes its connection but does not exit. It is killed after ``LEAVE_SECONDS``, and its job
      fails.
    * Something else is written into the connection. It is killed at once, and its job fails.

    The slot gets its next worker only when the old one and everything that it had started have
    gone, or could not be ended within ``DYING_SECONDS``.

    Parameters
    ----------
    slot : Slot
        Name and environment.
    isolation : str
        See :class:`~pyhopper.executors.local.LocalExecutor`.
    load_timeout : float
        Seconds that a worker may take to start and to load the objective.
    selector : Selector
        Where the connection and the output of the worker are registered, with ``(runner, worker)``
        as data.
    events : list of JobEvent
        Events of the jobs are appended to it.
    output : Output, optional
        Is told what the workers print.
    """

    def __init__(
        self,
        slot: Slot,
        isolation: str,
        load_timeout: float,
        selector: selectors.BaseSelector,
        events: list[JobEvent],
        output: Output | None = None,
    ) -> None:
        self.slot = slot
        self._output = output
        self.worker: WorkerProcess | None = None
        self.task: Task | None = None
        self._isolation = isolation
        self._load_timeout = load_timeout
        self._selector = selector
        self._events = events
        self._final_outcome: Outcome | None = None
        """What the job ends with once the worker, which was killed, is gone."""
        self._load_started = 0.0
        self._startup_seconds = 0.0
        """How long it took to load the objective, with the start of the process if it was new."""
        self._kill_at = math.inf
        """When a worker that should be exiting is killed, on the monotonic clock."""
        self._give_up_at = math.inf
        """When to stop waiting for a killed worker to go, on the monotonic clock."""

    # What is due -------------------------------------------------------------------------------

    def step(self, now: float, mark: str) -> None:
        """Do what is due now; if that is to start a worker, it gets the mark."""
        if self.worker is not None:
            self._check(self.worker, now)
        worker, task = self.worker, self.task
        if task is None or task.sent:
            return
        if worker is None:
            self._start_worker(task, now, mark)
        elif worker.status is WorkerStatus.IDLE and worker.loaded != task.objective.number:
            self._load(worker, task, now)
        elif worker.status is WorkerStatus.IDLE:
            worker.status = WorkerStatus.BUSY
            worker.log_output_to(task.job.folder)
            task.sent, task.worker = True, worker
            task.expires_at = now + self._load_timeout
            self._send(worker, wire.JOB, task.packed)

    def seconds_to_next_step(self, now: float) -> float:
        """After how long :meth:`step` is due, unless the selector reports something before."""
        if self.worker is None:
            return math.inf
        if self.worker.status in (WorkerStatus.LEAVING, WorkerStatus.KILLED):
            # It is exiting, and the next candidate may wait for the slot.
            return 0.001 if self.worker.channel.ended else 0.02
        expires_at = math.inf if self.task is None else self.task.expires_at
        return min(_EXIT_POLL_SECONDS, max(0.0, expires_at - now))

    def cancel(self, reason: str) -> None:
        """End the job. If it was sent already, the worker is killed with all it has started."""
        task = self.task
        if task is None or self._final_outcome is not None:
            return
        outcome = Outcome(Status.CANCELLED, estimates=tuple(task.estimates), reason=reason)
        if task.sent:
            self._kill(outcome)
        else:
            self._end(outcome)

    def stop_worker(self) -> None:
        """Ask an idle worker to exit, kill any other one, and drop the job without an event."""
        self.task = self._final_outcome = None
        worker = self.worker
        if worker is not None and worker.status is WorkerStatus.IDLE:
            worker.leave()
        elif worker is not None and worker.status is not WorkerStatus.LEAVING:
            worker.kill()

    def remove_worker(self) -> None:
        """Close the files of the worker and leave the slot without one."""
        worker, self.worker = self.worker, None
        if worker is not None:
            self._unregister(worker.channel.sock)
            self._unregister(worker.output)
            worker.close()

    # From the start of a worker to its end -----------------------------------------------------

    def _start_worker(self, task: Task, now: float, mark: str) -> None:
        self._kill_at = self._give_up_at = math.inf
        try:
            worker = WorkerProcess(self.slot, mark)
        except OSError as error:
            self._end(task.failed(f"no subprocess could be started: {error}"))
            return
        if self._output is not None:
            worker.on_output = functools.partial(self._output.take, self.slot.name)
        self.worker = task.worker = worker
        self._selector.register(worker.channel.sock, selectors.EVENT_READ, (self, worker))
        self._selector.register(worker.output, selectors.EVENT_READ, (self, worker))
        self._load(worker, task, now)

    def _load(self, worker: WorkerProcess, task: Task, now: float) -> None:
        self._load_started = now
        worker.status, worker.loaded = WorkerStatus.LOADING, task.objective.number
        self._send(worker, wire.SOURCES, task.objective.sources)
        self._send(worker, wire.LOAD, task.objective.pickled)

    def _check(self, worker: WorkerProcess, now: float) -> None:
        """Notice that the worker has exited, closed its connection, or taken too long."""
        task = self.task
        if worker.returncode is not None:
            if worker.status is not WorkerStatus.KILLED:
                # It has exited by itself. A result that it wrote before that counts.
                self.read_messages(worker)
                worker.status = WorkerStatus.KILLED
                self._give_up_at = now + DYING_SECONDS
            if worker.has_gone() or now >= self._give_up_at:
                self._end_of_worker(worker)
        elif worker.status is WorkerStatus.KILLED:
            if now >= self._give_up_at:
                # The system cannot end it, say because its disk or GPU does not answer.
                self._end_of_worker(worker)
        elif now >= self._kill_at:
            reason = "the process closed its connection to the search"
            self._kill(self._failure(worker, reason))
        elif worker.channel.ended and worker.status is not WorkerStatus.LEAVING:
            worker.status = WorkerStatus.LEAVING
            self._kill_at = now + LEAVE_SECONDS
        elif (
            worker.status is WorkerStatus.LOADING and now >= self._load_started + self._load_timeout
        ):
            reason = f"a worker did not load the objective within {self._load_timeout:g} s"
            self._kill(self._failure(worker, reason))
        elif task is not None and now >= task.expires_at:
            reason = "the worker did not take the candidate"
            if task.started:
                reason = f"the evaluation took longer than its timeout of {task.job.timeout:g} s"
            self._kill(self._failure(worker, reason))

    def _failure(self, worker: WorkerProcess, reason: str) -> Outcome | None:
        """The outcome of the job for a fault of its worker; None if there is no job."""
        worker.read_output()
        return None if self.task is None else self.task.failed(reason, _with_output(worker))

    def _kill(self, outcome: Outcome | None) -> None:
        """Kill the worker. Its job ends with the outcome once the worker has gone."""
        assert self.worker is not None
        self._final_outcome = outcome
        self._give_up_at = time.monotonic() + DYING_SECONDS
        self.worker.kill()

    def _end_of_worker(self, worker: WorkerProcess) -> None:
        """The worker has gone: end the job that it had, and leave the slot without a worker."""
        task, outcome, self._final_outcome = self.task, self._final_outcome, None
        if task is not None and task.worker is worker:
            if outcome is None and task.sent and not task.started and not task.retried:
                # It died of what an earlier candidate had left in it.
                task.sent, task.retried, task.expires_at = False, True, math.inf
            elif outcome is None:
                worker.read_output()
                when = "during the evaluation" if task.started else "while it loaded the objective"
                reason = how_it_ended(worker.returncode, when)
                self._end(task.failed(reason, _with_output(worker)))
            else:
                self._end(outcome)
        self.remove_worker()

    def _end(self, outcome: Outcome) -> None:
        assert self.task is not None
        if self._output is not None:
            self._output.end_line(self.slot.name)
        self._events.append(Ended(self.task.job.id, outcome, self.slot.name))
        self.task = None

    # Messages to and from the worker -----------------------------------------------------------

    def _send(self, worker: WorkerProcess, kind: bytes, payload: bytes) -> None:
        worker.channel.send(kind, payload)
        self.update_selector(worker)

    def update_selector(self, worker: WorkerProcess) -> None:
        """Let the selector report that the connection has room only while there is more to send."""
        wanted = selectors.EVENT_READ
        if worker.channel.is_sending:
            wanted |= selectors.EVENT_WRITE
        key = self._selector.get_map().get(worker.channel.sock)
        if key is not None and key.events != wanted:
            self._selector.modify(worker.channel.sock, wanted, key.data)

    def _unregister(self, file: Any) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(file)

    def read_output(self, worker: WorkerProcess) -> None:
        """Read what the worker has printed."""
        if not worker.read_output():
            self._unregister(worker.output)

    def read_messages(self, worker: WorkerProcess) -> None:
        """Read what the worker has sent, and act on it."""
        try:
            for kind, payload in worker.channel.receive():
                self._handle(worker, kind, payload)
        except (wire.ProtocolError, ValueError, TypeError):
            self._unregister(worker.channel.sock)
            reason = "something else than pyhopper wrote into the connection to the search"
            self._kill(self._failure(worker, reason))
        if worker.channel.ended:
            self._unregister(worker.channel.sock)

    def _handle(self, worker: WorkerProcess, kind: bytes, payload: bytes) -> None:
        """Act on one frame."""
        if worker.status is WorkerStatus.KILLED:
            return
        task = self.task
        now = time.monotonic()
        if kind == wire.LOADED:
            self._startup_seconds = now - self._load_started
            worker.status = WorkerStatus.IDLE
        elif kind == wire.UNLOADABLE:
            reason, details = json.loads(payload)
            if task is not None and task.worker is worker:
                worker.read_output()
                reason = f"a worker could not load the objective: {reason}"
                self._end(task.failed(reason, _with_output(worker, details)))
            worker.status = WorkerStatus.LEAVING
            self._kill_at = now + LEAVE_SECONDS
        elif task is None or not task.sent:
            raise wire.ProtocolError
        elif kind == wire.STARTED:
            task.started, task.started_at = True, now
            task.expires_at = math.inf if task.job.timeout is None else now + task.job.timeout
        elif kind == wire.ESTIMATE:
            self._advise(worker, task, float(json.loads(payload)))
        elif kind == wire.RESULT:
            self._finish(worker, task, *decode(payload))

    def _advise(self, worker: WorkerProcess, task: Task, estimate: float) -> None:
        """Report an estimate, and answer the worker whether to give the evaluation up."""
        task.estimates.append(estimate)
        self._events.append(Reported(task.job.id, estimate))
        try:
            advice = task.job.advise(task.job.id, estimate)
        except Exception as error:  # a pruner's error is a failure of the candidate, as in-process
            self._kill(failure(error, tuple(task.estimates)))
            return
        self._send(worker, wire.ADVICE, bytes([bool(advice)]))

    def _finish(
        self, worker: WorkerProcess, task: Task, outcome: Outcome, has_children: bool
    ) -> None:
        """End the job with the worker's result, and let the worker exit if it is to be replaced."""
        now = time.monotonic()
        worker.read_output()
        failed = outcome.status is Status.FAILED
        if failed:
            outcome = outcome._replace(details=_with_output(worker, outcome.details))
        worker.log_output_to(None)
        self._end(outcome)
        worker.status = WorkerStatus.IDLE
        seconds = now - task.started_at
        is_long = seconds > _STARTUPS_IN_LONG_EVALUATION * self._startup_seconds
        auto = self._isolation == "auto" and (failed or has_children or is_long)
        if auto or self._isolation == "candidate":
            self._kill_at = now + LEAVE_SECONDS
            worker.leave()
            self.update_selector(worker)


def _with_output(worker: WorkerProcess, details: str = "") -> str:
    """The details of a failure, with the last lines that the worker has printed."""
    lines = worker.last_lines()
    if not lines:
        return details
    return f"{details.rstrip()}\n\nLast lines of its output:\n{lines}".lstrip()

"""The protocol of executors, and the executor that evaluates in this process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status

OUTPUT = "output.log"
"""Name of the file in a candidate's folder that holds what it printed."""

CANDIDATE_DIR = "PYHOPPER_CANDIDATE_DIR"
"""Environment variable from which the objective learns the folder of its candidate."""


def _never(job_id: int, estimate: float) -> bool:
    return False


class Slot(NamedTuple):
    """Where a worker process runs.

    Attributes
    ----------
    name : str
        Its name for people, such as ``process 2`` or ``GPU 0 (NVIDIA A100)``.
    env : dict
        Environment variables that differ from the search's own; None unsets one.
    has_gpu : bool
        Whether it owns a GPU.
    path : tuple of str
        Folders from which it imports beside those of this process.
    argv : tuple of str
        The command line that an objective sees; by default that of this process.
    """

    name: str
    env: dict[str, str | None] = {}  # noqa: RUF012 - never changed
    has_gpu: bool = False
    path: tuple[str, ...] = ()
    argv: tuple[str, ...] | None = None


class Job(NamedTuple):
    """One candidate to evaluate.

    Attributes
    ----------
    id : int
        The candidate's number.
    evaluate : callable
        ``evaluate(params, report) -> Outcome``, in practice an
        :class:`~pyhopper.objective.Objective`; the same object in every job of a run. It may be
        called in another process or thread. ``report(estimate) -> bool`` takes an estimate of the
        value, and answers whether to give the evaluation up.
    params : dict
        The candidate.
    timeout : float or None
        Seconds after which the evaluation is ended and fails; None for no limit.
    advise : callable
        ``advise(job_id, estimate) -> bool`` asks the pruner whether to give the evaluation up. It
        is called in the process of the search and in the thread that calls ``wait``. What it
        answers is what ``report`` answers.
    shared : tuple
        Objects of the template that stand in the params of every job of a run, such as data sets,
        for an executor that sends large ones to a process once instead of with every job. Empty
        unless the executor's attribute ``sends_shared`` is true. Such an executor has to give each
        candidate copies, by :func:`~pyhopper.ownership.own`.
    folder : str or None
        The candidate's own folder. The objective finds it in the environment variable
        ``PYHOPPER_CANDIDATE_DIR``, see :func:`candidate_dir`. None if there are no folders.
    """

    id: int
    evaluate: Callable[[dict[str, Any], Callable[[float], bool]], Outcome]
    params: dict[str, Any]
    timeout: float | None = None
    advise: Callable[[int, float], bool] = _never
    shared: tuple[Any, ...] = ()
    folder: str | None = None


@contextlib.contextmanager
def candidate_dir(folder: str | None) -> Iterator[None]:
    """Set ``PYHOPPER_CANDIDATE_DIR`` during an evaluation; None leaves it as it is."""
    if folder is None:
        yield
        return
    before = os.environ.get(CANDIDATE_DIR)
    os.environ[CANDIDATE_DIR] = folder
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(CANDIDATE_DIR, None)
        else:
            os.environ[CANDIDATE_DIR] = before


class _Tee(io.TextIOBase):
    """A text stream that writes to another stream and to a file."""

    def __init__(self, stream: TextIO, file: TextIO) -> None:
        self._stream = stream
        self._file = file

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):  # a full disk must not end the evaluation
            self._file.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextlib.contextmanager
def copied_output(folder: str | None) -> Iterator[None]:
    """Append what Python code prints in this process to ``output.log`` in a folder."""
    file = None
    if folder is not None:
        with contextlib.suppress(OSError):
            file = (Path(folder) / OUTPUT).open("a", encoding="utf-8", errors="backslashreplace")
    if file is None:
        yield
        return
    try:
        with (
            contextlib.redirect_stdout(_Tee(sys.stdout, file)),
            contextlib.redirect_stderr(_Tee(sys.stderr, file)),
        ):
            yield
    finally:
        with contextlib.suppress(OSError):
            file.close()


class Executor(Protocol):
    """Where evaluations run. An executor knows nothing of the search.

    Its laws, tested by :class:`pyhopper.testing.ExecutorSuite`:

    * Every job ends in exactly one :class:`~pyhopper.events.Ended` event, whatever happens to it.
      The outcome's status says how: done, pruned, NaN, failed or cancelled. If the place where it
      ran has gone, it is a :class:`~pyhopper.events.Lost` event instead. Whether a job is tried
      again is decided by the search alone, which submits it anew.
    * The events of one job come in order: its estimates
      (:class:`~pyhopper.events.Reported`), then its end.
    * ``wait`` never raises for a candidate's fault. Unless the executor evaluates in the very
      thread that calls ``wait``, it never outlasts its timeout.
    * ``close`` may be called twice, and leaves nothing running.

    All methods are called by the thread that runs the search, but for ``interrupt``.
    """

    @property
    def slots(self) -> int:
        """How many jobs can run at the same time. Never submit more.

        It may change while the search runs, and be 0 as long as a cluster has no workers.
        """

    def submit(self, job: Job) -> None:
        """Start a job. Returns at once."""

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """Wait until there are events, and return them.

        Returns an empty list after ``timeout`` seconds (None: never), after :meth:`interrupt`, or
        if no job runs. One that has no slots at the moment may wait until it has some.

        Raises
        ------
        EngineLostError
            If nothing can be evaluated any more. The search then ends.
        """

    def interrupt(self) -> None:
        """Let :meth:`wait` return at once; called from a signal handler or another thread.

        If nobody waits at the moment, the next wait returns at once. An executor without this
        method works too: at Ctrl-C and SIGTERM its ``wait`` is left by KeyboardInterrupt.
        """

    def cancel(self, job_id: int, reason: str) -> None:
        """End a job and everything that it has started. It still ends in one event.

        Nothing happens if there is no such job, or if it has ended already.
        """

    def close(self) -> None:
        """End all jobs, without events, and give back what the executor holds."""


def sends_shared(executor: Executor) -> bool:
    """Whether an executor takes care of the objects that all candidates share, see :class:`Job`."""
    return bool(getattr(executor, "sends_shared", False))


class InlineExecutor:
    """Evaluates in this process, one job at a time, inside :meth:`wait`.

    An evaluation cannot be ended from outside, so the timeout of a job has no effect.
    """

    slots = 1

    def __init__(self) -> None:
        self._queue: deque[Job] = deque()
        self._cancelled: list[JobEvent] = []
        self._thread: int | None = None
        """The thread in which an evaluation runs now."""
        self._interrupted = False

    def submit(self, job: Job) -> None:
        """See :class:`Executor`; it starts in :meth:`wait`."""
        self._queue.append(job)

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`Executor`; runs the oldest job to its end, however long that takes.

        Raises
        ------
        KeyboardInterrupt
            If :meth:`interrupt` ends the evaluation; the job then has ended without an event.
        """
        events, self._cancelled = self._cancelled, []
        # In this order, so that an interrupt at any moment is seen here or raises.
        self._thread = threading.get_ident()
        try:
            if self._queue and not self._interrupted:
                self._run(self._queue.popleft(), events)
        finally:
            self._thread = None
            self._interrupted = False
        return events

    @staticmethod
    def _run(job: Job, events: list[JobEvent]) -> None:
        def report(estimate: float) -> bool:
            events.append(Reported(job.id, estimate))
            return job.advise(job.id, estimate)

        if job.folder is None:
            outcome = job.evaluate(job.params, report)
        else:
            with candidate_dir(job.folder), copied_output(job.folder):
                outcome = job.evaluate(job.params, report)
        events.append(Ended(job.id, outcome))

    def interrupt(self) -> None:
        """See :class:`Executor`; ends an evaluation only in the thread in which it runs.

        Raises
        ------
        KeyboardInterrupt
            In a signal handler during an evaluation, which nothing else can end. From another
            thread, the evaluation runs to its end.
        """
        if self._thread == threading.get_ident():
            raise KeyboardInterrupt
        self._interrupted = True

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`Executor`."""
        for job in self._queue:
            if job.id == job_id:
                self._queue.remove(job)
                outcome = Outcome(Status.CANCELLED, reason=reason)
                self._cancelled.append(Ended(job_id, outcome))
                return

    def close(self) -> None:
        """See :class:`Executor`."""
        self._queue.clear()
        self._cancelled.clear()

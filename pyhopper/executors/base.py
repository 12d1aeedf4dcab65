"""The executor protocol, and the executor that evaluates in this process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

from pyhopper.events import Ended, JobEvent, Outcome, Reported, Status

OUTPUT = "output.log"
"""Name of the file in a candidate's folder that holds what it printed."""

CANDIDATE_DIR = "PYHOPPER_CANDIDATE_DIR"


def _never(job_id: int, estimate: float) -> bool:
    return False


class Job(NamedTuple):
    """One candidate to evaluate.

    Attributes
    ----------
    id : int
        The candidate's number.
    evaluate : callable
        ``evaluate(params, report) -> Outcome``, in practice a
        :class:`~pyhopper.objective.Objective`; the same object in every job of a run.
    params : dict
        The candidate.
    timeout : float or None
        Seconds after which the evaluation is ended and counts as failed.
    advise : callable
        ``advise(job_id, estimate) -> bool`` is asked, in the process of the search, whether an
        evaluation with this estimate should be pruned.
    shared : tuple
        Objects that stand in the params of every job of a run, such as data sets in the template.
        An executor may send large ones to a process once instead of with every job.
    folder : str or None
        The candidate's own folder, which the objective finds in the environment variable
        ``PYHOPPER_CANDIDATE_DIR``.
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
    """Set ``PYHOPPER_CANDIDATE_DIR`` for the time of an evaluation."""
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
    """Writes to a stream and to a file."""

    def __init__(self, stream: TextIO, file: TextIO) -> None:
        self._stream = stream
        self._file = file

    def write(self, text: str) -> int:
        self._file.write(text)
        return self._stream.write(text)

    def flush(self) -> None:
        self._file.flush()
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextlib.contextmanager
def copied_output(folder: str | None) -> Iterator[None]:
    """Copy what Python code prints in this process to ``output.log`` in a folder."""
    if folder is None:
        yield
        return
    with (
        (Path(folder) / OUTPUT).open("a", encoding="utf-8") as file,
        contextlib.redirect_stdout(_Tee(sys.stdout, file)),
        contextlib.redirect_stderr(_Tee(sys.stderr, file)),
    ):
        yield


class Executor(Protocol):
    """Where evaluations run; it knows nothing of the search.

    The laws, tested by :class:`pyhopper.testing.ExecutorSuite`: every job ends in exactly one
    terminal event (Ended, Failed or Cancelled), whatever happens to it; the events of one job
    come in order; ``wait`` never raises for a candidate's fault, and unless the executor works in
    this very process it never outlasts its timeout; ``close`` may be called twice and leaves
    nothing running.
    """

    @property
    def slots(self) -> int:
        """How many jobs can run at the same time; never submit more."""

    def submit(self, job: Job) -> None:
        """Take a job. Returns at once."""

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """Wait until something happens, at most ``timeout`` seconds; the events so far."""

    def cancel(self, job_id: int, reason: str) -> None:
        """End a job and everything it started. It still ends in one event; unknown ids are fine."""

    def close(self) -> None:
        """End everything."""


class InlineExecutor:
    """Evaluates in this process, one job at a time, inside :meth:`wait`.

    An evaluation cannot be interrupted from outside, so a timeout of a job has no effect.
    """

    slots = 1

    def __init__(self) -> None:
        self._queue: deque[Job] = deque()
        self._cancelled: list[JobEvent] = []

    def submit(self, job: Job) -> None:
        """See :class:`Executor`."""
        self._queue.append(job)

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`Executor`; runs the oldest job to its end, however long that takes.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts the objective; the job then has ended without an event.
        """
        events, self._cancelled = self._cancelled, []
        if not self._queue:
            return events
        job = self._queue.popleft()

        def report(estimate: float) -> bool:
            events.append(Reported(job.id, estimate))
            return job.advise(job.id, estimate)

        with candidate_dir(job.folder), copied_output(job.folder):
            outcome = job.evaluate(job.params, report)
        events.append(Ended(job.id, outcome))
        return events

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

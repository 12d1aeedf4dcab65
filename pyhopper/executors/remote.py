"""What runs inside a task of another engine: the same worker process as on this machine.

So a crash, a timeout, an out-of-memory kill or a cancellation means the same everywhere, and
nothing of a candidate is left in the engine's own processes.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from pathlib import Path
from typing import NamedTuple

from pyhopper.events import Ended, Outcome, Status
from pyhopper.executors import mail
from pyhopper.executors.base import Job, Slot
from pyhopper.executors.local import LocalExecutor
from pyhopper.executors.mail import Box, SearchGoneError
from pyhopper.executors.runner import PickledObjective, Task
from pyhopper.executors.worker import decode, encode
from pyhopper.objective import failure

_LOOK_SECONDS = 5.0
"""How long a thread waits for a message before it sees whether it is still wanted."""


class Stored(NamedTuple):
    """A large objective that lies in a file which all machines see."""

    path: str


def stored(folder: Path, objective: PickledObjective) -> Stored:
    """Write an objective into a folder that all machines see, unless it lies there already."""
    path = folder / f"objective-{objective.number}"
    if not path.exists():
        path.write_bytes(objective.pickled)
    return Stored(str(path))


class Work(NamedTuple):
    """A job in a form that can be sent to any machine.

    Attributes
    ----------
    key : str
        Its name among all that are sent; another one each time it is tried.
    job_id : int
        The candidate's number.
    candidate, sources : bytes
        See :class:`~pyhopper.executors.runner.Task`.
    timeout : float or None
        Seconds that the evaluation may take.
    folder : str or None
        The candidate's own folder.
    env : dict
        Environment variables of the process; None unsets one.
    path, argv : tuple of str
        See :class:`~pyhopper.executors.base.Slot`.
    box : Box
        Messages from and to the search.
    """

    key: str
    job_id: int
    candidate: bytes
    sources: bytes
    timeout: float | None
    folder: str | None
    env: dict[str, str | None]
    path: tuple[str, ...]
    argv: tuple[str, ...]
    box: Box


def evaluate(objective: bytes | Stored, work: Work) -> bytes:
    """Run a job in a subprocess of this process.

    Parameters
    ----------
    objective : bytes or Stored
        The pickled objective, or where it is.
    work : Work
        The job.

    Returns
    -------
    bytes
        For :func:`read_result`; empty if this task was not to run: it is a repetition by the
        engine, or the search has ended.
    """
    try:
        work.box.send(mail.BEGIN)
        if _answer(work.box) != mail.GO:
            return b""
        return _Evaluation(work).run(objective)
    except SearchGoneError:
        return b""
    except Exception as error:  # of the engine's or of ours; the search has to learn of it
        return result_of(failure(error))


def read_result(result: bytes) -> tuple[Outcome, str]:
    """The outcome, and where it was evaluated."""
    where, _, outcome = result.partition(b"\n")
    return decode(outcome)[0], where.decode()


def result_of(outcome: Outcome) -> bytes:
    """The bytes that :func:`read_result` reads."""
    return socket.gethostname().encode() + b"\n" + encode(outcome, False)


def _answer(box: Box) -> str:
    """The next message of the search."""
    while True:
        text = box.receive(_LOOK_SECONDS)
        if text is not None:
            return text


class _Evaluation:
    """One job, the process in which it runs, and the thread that listens to the search."""

    def __init__(self, work: Work) -> None:
        self._work = work
        path = tuple(each for each in work.path if Path(each).is_dir())
        self._where = socket.gethostname()
        slot = Slot(self._where, work.env, path=path, argv=work.argv)
        self._executor = LocalExecutor([slot], "candidate")
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reason: str | None = None
        """Why to end at once; None as long as there is no reason."""
        self._ended = threading.Event()

    def run(self, objective: bytes | Stored) -> bytes:
        work = self._work
        pickled = objective if isinstance(objective, bytes) else Path(objective.path).read_bytes()
        if work.folder is not None:
            with contextlib.suppress(OSError):
                Path(work.folder).mkdir(parents=True, exist_ok=True)
        job = Job(work.job_id, _not_here, {}, work.timeout, self._advise, folder=work.folder)
        listener = threading.Thread(target=self._listen, name="pyhopper listener", daemon=True)
        listener.start()
        try:
            packed = PickledObjective(0, job, [], pickled, work.sources)
            self._executor.start(Task(job, work.candidate, packed))
            return result_of(self._outcome())
        finally:
            self._ended.set()
            work.box.close()
            self._executor.close()

    def _outcome(self) -> Outcome:
        cancelled = False
        while True:
            for event in self._executor.wait(None):
                if isinstance(event, Ended):
                    outcome = event.outcome
                    if self._reason is not None and outcome.status is not Status.DONE:
                        status = Status.CANCELLED
                        outcome = outcome._replace(status=status, reason=self._reason)
                    return outcome
            if self._reason is not None and not cancelled:
                cancelled = True
                self._executor.cancel(self._work.job_id, self._reason)

    def _advise(self, job_id: int, estimate: float) -> bool:
        self._work.box.send(f"{mail.ESTIMATE}{estimate!r}")
        # A job that is cancelled meanwhile is given up, too.
        return self._reason is not None or self._answers.get() != mail.GO

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                text = self._work.box.receive(_LOOK_SECONDS)
            except Exception:  # the search or the engine has gone
                text = f"{mail.CANCEL} the search has gone"
            if text is None:
                continue
            if text.startswith(mail.CANCEL):
                self._reason = text[len(mail.CANCEL) + 1 :]
                self._answers.put(mail.NO)
                self._executor.interrupt()
                return
            self._answers.put(text)


def _not_here(*_: object) -> Outcome:
    raise AssertionError("the objective runs in the worker process")

"""What is sent to a process that evaluates: the objective once, then the candidates."""

from __future__ import annotations

from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.events import Outcome
from pyhopper.executors import channel as wire
from pyhopper.executors.base import Job
from pyhopper.executors.runner import PickledObjective, Task
from pyhopper.objective import failure

_SHARED_BYTES = 16_384
"""Objects that all candidates share are sent to each worker only once if their pickle has at least
this many bytes."""


class Objectives:
    """Pickles the objective of a run once, and each of its candidates."""

    def __init__(self) -> None:
        self._last: PickledObjective | None = None

    def pack(self, job: Job) -> Task | Outcome:
        """A job that is ready to be sent; the outcome of a failure if its candidate cannot be.

        Raises
        ------
        ArgumentError
            If the objective cannot be sent to another process.
        """
        objective = self._objective(job)
        try:
            packed = wire.pack((job.params, job.folder), objective.shared)
        except Exception as error:  # a value of the candidate cannot be pickled
            reason = f"the candidate cannot be sent to a subprocess: {error}"
            return failure(error)._replace(reason=reason)
        return Task(job, packed, objective)

    def _objective(self, job: Job) -> PickledObjective:
        """Pickle the objective and the large objects that the candidates share, once in a run."""
        old = self._last
        if old is not None and old.job.evaluate is job.evaluate and old.job.shared is job.shared:
            return old
        shared = [each for each in job.shared if _is_large(each)]
        try:
            files: set[str] = set()
            pickled = wire.pack((job.evaluate, tuple(shared)), (), files)
        except Exception as error:
            raise _unsendable(job.evaluate, error) from error
        number = 0 if old is None else old.number + 1
        self._last = PickledObjective(number, job, shared, pickled, wire.pack_sources(files))
        return self._last


def _is_large(value: Any) -> bool:
    try:
        return len(wire.pack(value, ())) >= _SHARED_BYTES
    except Exception:  # pickling the candidate will fail too, and is reported there
        return False


def _unsendable(evaluate: Any, error: Exception) -> ArgumentError:
    """The error that names the part of an objective that cannot be pickled."""
    problem = f"cannot be sent to a subprocess ({error}); create it inside the objective instead"
    for name, value in getattr(evaluate, "kwargs", {}).items():
        try:
            wire.pack(value, ())
        except Exception:  # noqa: PERF203 - a few arguments
            return ArgumentError(f'kwargs["{name}"]', value, problem)
    function = getattr(evaluate, "function", evaluate)
    return ArgumentError("objective", function, f"it, or something it refers to, {problem}")

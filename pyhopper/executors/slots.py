"""Which executor a search uses: the arguments ``executor``, ``n_jobs`` and ``isolation``."""

from __future__ import annotations

import operator
import os
import re
from typing import Any

from pyhopper.errors import ArgumentError, PyhopperError, plural
from pyhopper.executors import Executor, InlineExecutor
from pyhopper.executors.base import Slot
from pyhopper.executors.gpus import cpu_slots, gpu_slots, usable_cores
from pyhopper.executors.local import LocalExecutor
from pyhopper.executors.ordered import Ordered
from pyhopper.executors.output import Output
from pyhopper.executors.worker import is_loading

_MOST_SLOTS = 4096
"""Most evaluations at the same time. One machine has fewer cores than that, and each worker takes
three file descriptors of the search and at least 30 MB of memory."""

_DIGITS = 20
"""How many characters of a number are read: enough to see that it is larger than any bound."""

_ENGINE = re.compile(r"(?:(\d+)\s*x\s+)?(dask|ray|slurm):(.*)", re.IGNORECASE)
_PER_GPU = re.compile(r"(?:(\d+)\s*x\s*)?per[-_ ]gpu", re.IGNORECASE)
_FORMS = (
    'must be a number of processes, -1 (one for each core), "per-gpu", "2x per-gpu", '
    '"dask:ADDRESS", "ray:auto" or "8x slurm:PARTITION"'
)
_METHODS = ("submit", "wait", "cancel", "close")


def parse_slots(n_jobs: Any, gpus_per_job: int = 1) -> list[Slot]:
    """The slots of this machine that ``n_jobs`` asks for, with some GPUs each.

    Raises
    ------
    ArgumentError
        If it makes no sense, asks for more than 4096 slots, or there are no GPUs.
    """
    if isinstance(n_jobs, str) and (found := _PER_GPU.fullmatch(n_jobs.strip())):
        per_gpu = _checked_count(n_jobs, int((found[1] or "1")[:_DIGITS]))
        slots = gpu_slots(n_jobs, per_gpu, os.environ, gpus_per_job)
        _checked_count(n_jobs, len(slots))
        return slots
    count = _whole_number(n_jobs)
    if count == -1:
        count = usable_cores()
    return cpu_slots(_checked_count(n_jobs, count), os.environ)


def _whole_number(n_jobs: Any) -> int:
    """``n_jobs`` as an integer; 0, which is refused, if it is none."""
    if isinstance(n_jobs, str) and re.fullmatch(r"[+-]?\d+", n_jobs.strip()):
        return int(n_jobs.strip()[:_DIGITS])
    try:
        return 0 if isinstance(n_jobs, bool) else operator.index(n_jobs)
    except TypeError:
        return 0


def _checked_count(n_jobs: Any, count: int) -> int:
    """A number of slots that makes sense; ``n_jobs`` is what the user wrote."""
    if count < 1:
        raise ArgumentError("n_jobs", n_jobs, _FORMS)
    if count > _MOST_SLOTS:
        problem = f"at most {_MOST_SLOTS} evaluations can run at the same time"
        raise ArgumentError("n_jobs", n_jobs, problem)
    return count


def check_executor(
    executor: Any, n_jobs: Any, isolation: Any, gpus_per_job: Any = None, *, needs_process: bool
) -> tuple[Executor | None, list[Slot]]:
    """Check the arguments that say where evaluations run, before anything runs.

    Parameters
    ----------
    executor : object
        The user's own executor, or None.
    n_jobs, isolation, gpus_per_job : object
        Arguments of ``Search.run``.
    needs_process : bool
        Whether an evaluation may have to be ended from outside, by a timeout or
        ``deadline="kill"``. That takes a subprocess even with ``n_jobs=1``.

    Returns
    -------
    executor : Executor or None
        The user's own, or one for the cluster that ``n_jobs`` names.
    slots : list of Slot
        The slots of the subprocesses to use, for :func:`make_executor`. Empty if evaluations run
        in this process or in an executor.

    Raises
    ------
    ArgumentError
        If an argument makes no sense.
    PyhopperError
        If subprocesses are needed, but this process is itself a worker that is importing the
        module of its objective.
    """
    if not isinstance(isolation, str) or isolation not in ("auto", "candidate", "slot"):
        raise ArgumentError("isolation", isolation, 'must be "auto" or "candidate" or "slot"')
    if executor is not None:
        _check_own(executor, n_jobs, gpus_per_job)
        return executor, []
    gpus = _checked_gpus(gpus_per_job)
    if isinstance(n_jobs, str) and (found := _ENGINE.fullmatch(n_jobs.strip())):
        return _cluster(n_jobs, found[1], found[2].lower(), found[3].strip(), gpus), []
    if gpus is not None and not (isinstance(n_jobs, str) and _PER_GPU.fullmatch(n_jobs.strip())):
        problem = 'goes with n_jobs="per-gpu", or with a cluster such as n_jobs="ray:auto"'
        raise ArgumentError("gpus_per_job", gpus_per_job, problem)
    slots = parse_slots(n_jobs, gpus or 1)
    if n_jobs in (1, "1") and isolation == "auto" and not needs_process:
        return None, []
    if is_loading():
        raise PyhopperError(
            "a search was started by a module that a subprocess imports to find the objective; "
            'put the call of run under `if __name__ == "__main__":`'
        )
    return None, slots


def _checked_gpus(gpus_per_job: Any) -> int | None:
    if gpus_per_job is None:
        return None
    if isinstance(gpus_per_job, str) and gpus_per_job.strip().isdigit():
        gpus_per_job = int(gpus_per_job)
    if not isinstance(gpus_per_job, int) or isinstance(gpus_per_job, bool) or gpus_per_job < 1:
        raise ArgumentError("gpus_per_job", gpus_per_job, "must be how many GPUs a candidate gets")
    return gpus_per_job


def _cluster(n_jobs: str, count: str | None, engine: str, where: str, gpus: int | None) -> Executor:
    """The executor for a cluster that a text names."""
    from pyhopper import executors

    if engine == "slurm":
        slots = None if count is None else _checked_count(n_jobs, int(count[:_DIGITS]))
        return executors.Slurm(slots, partition=where or None, gpus=gpus or 0)
    if count is not None:
        problem = f"{engine} says itself how many evaluations run at a time"
        raise ArgumentError("n_jobs", n_jobs, problem)
    if not where:
        example = {"dask": "dask:tcp://10.0.0.1:8786", "ray": "ray:auto"}[engine]
        raise ArgumentError("n_jobs", n_jobs, f'names no cluster; write for example "{example}"')
    if engine == "ray":
        return executors.Ray(where, num_gpus=gpus or 0)
    return executors.Dask(where, resources=None if gpus is None else {"GPU": gpus})


def _check_own(executor: Any, n_jobs: Any, gpus_per_job: Any) -> None:
    """Check an executor of the user's own."""
    if gpus_per_job is not None:
        problem = "an executor is given, which says itself what an evaluation gets"
        raise ArgumentError("gpus_per_job", gpus_per_job, problem)
    methods = all(callable(getattr(executor, name, None)) for name in _METHODS)
    if isinstance(executor, type) or not methods or not hasattr(executor, "slots"):
        problem = f"must have slots and the methods {', '.join(_METHODS)}"
        if isinstance(executor, type):
            problem = f"is a class; write {executor.__name__}(...)"
        elif callable(getattr(executor, "submit", None)):
            is_dask = type(executor).__module__.startswith("distributed.")
            kind = "Dask(client)" if is_dask else "Futures(pool)"
            problem += f"; write executor=pyhopper.executors.{kind}"
        raise ArgumentError("executor", executor, problem)
    if n_jobs not in (1, "1"):
        problem = "an executor is given, which says itself how many evaluations run at a time"
        raise ArgumentError("n_jobs", n_jobs, problem)


def make_executor(
    executor: Executor | None,
    slots: list[Slot],
    isolation: str,
    output: Output | None = None,
    window: int = 0,
) -> Executor:
    """Create the executor for arguments that :func:`check_executor` has checked.

    If ``window`` is not 0, results are taken in order, see :class:`Ordered`.
    """
    if executor is None:
        executor = LocalExecutor(slots, isolation, output=output) if slots else InlineExecutor()
    return Ordered(executor, window) if window else executor


def describe(slots: list[Slot]) -> str:
    """How many processes there are, their threads and GPUs, in one line."""
    cores = slots[0].env.get("OMP_NUM_THREADS")
    share = "" if cores is None else f", {plural(int(cores), 'CPU thread')} each"
    names = f": {', '.join(slot.name for slot in slots)}" if slots[0].has_gpu else ""
    return f"Evaluating in {plural(len(slots), 'process')}{share}{names}"

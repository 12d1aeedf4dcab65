"""Where evaluations run, by the arguments of ``Search.run`` that speak of it."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from pyhopper.errors import ArgumentError, PyhopperError
from pyhopper.executors import Executor, InlineExecutor
from pyhopper.executors.gpus import cpu_slots, gpu_slots, usable_cores
from pyhopper.executors.local import LocalExecutor
from pyhopper.executors.process import Slot
from pyhopper.executors.worker import is_loading

_PER_GPU = re.compile(r"(?:(\d+)\s*x\s*)?per[-_ ]gpu", re.IGNORECASE)
_FORMS = 'must be a number of processes, -1 (one for each core), "per-gpu" or "2x per-gpu"'


def parse_slots(n_jobs: Any) -> list[Slot]:
    """The slots that ``n_jobs`` asks for.

    Raises
    ------
    ArgumentError
        If it makes no sense, or there are no GPUs.
    """
    text = str(n_jobs).strip()
    if isinstance(n_jobs, str) and (found := _PER_GPU.fullmatch(text)):
        per_gpu = int(found[1] or 1)
        if per_gpu > 0:
            return gpu_slots(n_jobs, per_gpu, os.environ)
    is_number = isinstance(n_jobs, str) or hasattr(n_jobs, "__index__")
    if isinstance(n_jobs, bool) or not is_number or not re.fullmatch(r"[+-]?\d+", text):
        raise ArgumentError("n_jobs", n_jobs, _FORMS)
    count = usable_cores() if int(text) == -1 else int(text)
    if count < 1:
        raise ArgumentError("n_jobs", n_jobs, _FORMS)
    return cpu_slots(count, os.environ)


def make_executor(
    executor: Executor | None, n_jobs: Any, isolation: Any, needs_process: bool, quiet: bool
) -> Executor:
    """Where to run evaluations; if that is in several processes, a line says so.

    Parameters
    ----------
    executor : Executor or None
        The user's own.
    n_jobs, isolation : object
        Arguments of ``Search.run``.
    limits : Limits
        An evaluation that may have to be ended needs a process of its own.
    quiet : bool
        Print nothing.
    """
    if isolation not in ("auto", "candidate", "slot"):
        raise ArgumentError("isolation", isolation, 'must be "auto", "candidate" or "slot"')
    if executor is not None:
        methods = ("submit", "wait", "cancel", "close")
        if not all(callable(getattr(executor, name, None)) for name in methods):
            problem = f"must have slots and the methods {', '.join(methods)}"
            raise ArgumentError("executor", executor, problem)
        if n_jobs not in (1, "1"):
            problem = "an executor is given, which says itself how many evaluations run at a time"
            raise ArgumentError("n_jobs", n_jobs, problem)
        return executor
    slots = parse_slots(n_jobs)
    in_process = n_jobs in (1, "1") and not needs_process and isolation == "auto"
    if in_process:
        return InlineExecutor()
    if is_loading():
        raise PyhopperError(
            "a search was started by a module that a subprocess imports to find the objective; "
            'put the call of run under `if __name__ == "__main__":`'
        )
    if not quiet and (len(slots) > 1 or slots[0].has_gpu):
        print(describe(slots), file=sys.stderr, flush=True)  # noqa: T201 - the start-up line
    return LocalExecutor(slots, isolation)


def describe(slots: list[Slot]) -> str:
    """One line on slots."""
    cores = slots[0].env.get("OMP_NUM_THREADS")
    share = "" if cores is None else f", {cores} CPU thread{'' if cores == '1' else 's'} each"
    names = f": {', '.join(slot.name for slot in slots)}" if slots[0].has_gpu else ""
    return f"Evaluating in {len(slots)} process{'' if len(slots) == 1 else 'es'}{share}{names}"

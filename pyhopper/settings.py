"""All that ``run`` was given, checked before anything starts."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhopper.arguments import (
    SCHEDULE,
    Limits,
    flag,
    one_of,
    parse_limits,
    parse_schedule,
    parse_verbose,
)
from pyhopper.budget import Clock, Schedule
from pyhopper.callbacks.base import Callback, as_callbacks
from pyhopper.errors import ArgumentError
from pyhopper.events import Began
from pyhopper.executors import Executor
from pyhopper.executors.base import Slot
from pyhopper.objective import Objective
from pyhopper.objectives import Objectives, parse_objectives
from pyhopper.parameters import Omitted, Parameter
from pyhopper.pruners import Pruner, as_pruner, estimated_by
from pyhopper.stopping import Stop, parse_stop
from pyhopper.workdir import WorkDir

_DEEPEST = 20
"""Levels of nested lists and dicts of which the contents count in a hash."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that ``run`` was given, checked.

    Attributes
    ----------
    objectives : Objectives
        What is looked for.
    schedule : Schedule
        Budget, phases and temperatures.
    objective : Objective
        The user's function.
    slots : list of Slot
        Subprocesses to run it in; empty if it runs in this process or in ``executor``.
    executor : Executor or None
        The user's own.
    isolation : str
        When a subprocess is replaced.
    window : int
        How many candidates are under way if results are taken in order; 0 if not.
    limits : Limits
        How evaluations are ended from outside.
    stop : Stop
        When to end early.
    pruner : Pruner or None
        Gives up poor candidates.
    callbacks : tuple of Callback
        Are told what happens.
    work_dir : WorkDir or None
        The folders of candidates.
    verbose : int
        How much to print: 0 nothing, 1 the progress, 2 a line for each candidate too.
    output : str
        What becomes of what workers print.
    reject_duplicates, raise_on_error, overwrite, keep_history, force, shared : bool
        See :meth:`pyhopper.Search.run`.
    """

    objectives: Objectives
    schedule: Schedule
    objective: Objective
    slots: list[Slot]
    executor: Executor | None
    isolation: str
    window: int
    limits: Limits
    stop: Stop
    pruner: Pruner | None
    callbacks: tuple[Callback, ...]
    work_dir: WorkDir | None
    verbose: int
    output: str
    reject_duplicates: bool
    raise_on_error: bool
    overwrite: bool
    keep_history: bool
    force: bool
    shared: bool

    @classmethod
    def checked(
        cls,
        clock: Clock,
        given: Mapping[str, Any],
        *,
        has_results: bool,
    ) -> Settings:
        """Check the arguments of ``run``.

        Parameters
        ----------
        clock : Clock
            The search's.
        given : dict
            The arguments by name.
        has_results : bool
            Whether there may be a best candidate without another evaluation.

        Raises
        ------
        ArgumentError
            For the first one that makes no sense.
        """
        # Imported here, since a program that only looks at a checkpoint needs no processes.
        from pyhopper.executors.ordered import parse_ordered
        from pyhopper.executors.slots import check_executor

        def on(name: str) -> bool:
            return flag(name, given[name])

        objectives = parse_objectives(given["direction"], given["limits"])
        pruner = as_pruner(given["pruner"], objectives)
        times = {name: given[name] for name in SCHEDULE}
        schedule = parse_schedule(clock, **times, fewest_steps=0 if has_results else 1)
        one_of("mp_backend", given["mp_backend"], "auto", "multiprocessing", "dask")
        has_end = schedule.runtime is not None
        limits = parse_limits(given["timeout"], given["deadline"], has_end=has_end)
        if on("shared") and given["checkpoint_path"] is None:
            problem = "processes share a search by its checkpoint; give checkpoint_path"
            raise ArgumentError("shared", True, problem)
        judged = estimated_by(pruner, objectives)
        function, kwargs = given["objective"], given["kwargs"]
        objective = Objective(function, kwargs, on("ignore_nans"), objectives, judged)
        isolation, stop = given["isolation"], parse_stop(given["stop"], objectives)
        timed = schedule.steps is None or stop.patience_seconds is not None
        window = parse_ordered(given["ordered"], timed=timed, prunes=pruner is not None)
        arguments = given["executor"], given["n_jobs"], isolation, given["gpus_per_job"]
        needs_process = limits != Limits() or objective.command is not None
        executor, slots = check_executor(*arguments, needs_process=needs_process)
        return cls(
            objectives=objectives,
            schedule=schedule,
            objective=objective,
            limits=limits,
            stop=stop,
            pruner=pruner,
            callbacks=tuple(as_callbacks(given["callbacks"])),
            verbose=0 if on("quiet") else parse_verbose(given["verbose"]),
            output=one_of("output", given["output"], "last", "prefix"),
            reject_duplicates=on("enable_rejection_cache"),
            raise_on_error=one_of("on_error", given["on_error"], "continue", "raise") == "raise",
            overwrite=on("overwrite_checkpoint"),
            keep_history=on("keep_history"),
            force=one_of("resume", given["resume"], "auto", "force") == "force",
            shared=on("shared"),
            work_dir=None if given["work_dir"] is None else WorkDir(given["work_dir"]),
            slots=slots,
            executor=executor,
            isolation=isolation,
            window=window,
        )

    @property
    def quiet(self) -> bool:
        """Whether to print nothing at all."""
        return not self.verbose

    @property
    def where(self) -> str:
        """Where evaluations run, in one line; empty if there is nothing to say of it."""
        from pyhopper.executors.slots import describe

        several = len(self.slots) > 1 or any(slot.has_gpu for slot in self.slots)
        return describe(self.slots) if several else ""

    def began(self, template: Mapping[str, Any]) -> Began:
        """The event with which the run begins."""
        inputs = inputs_hash(self.objective, template)
        budget = self.schedule.steps, self.schedule.runtime
        asked, name, command = self.objectives, self.objective.name, self.objective.command
        return Began(asked.maximize[0], True, *budget, name, inputs, command, asked)

    def make_executor(self, say: Callable[[str], None], tell: Callable[[str], None]) -> Executor:
        """Where to evaluate; it has to be closed. See :class:`Output` for the arguments."""
        from pyhopper.executors.output import Output
        from pyhopper.executors.slots import make_executor

        folders = None if self.work_dir is None else str(self.work_dir.path)
        output = None if self.quiet else Output(self.output == "prefix", folders, say, tell)
        return make_executor(self.executor, self.slots, self.isolation, output, self.window)


def inputs_hash(objective: Objective, template: Any) -> str:
    """A hash of what an objective works on: its arguments, closure and the template's constants.

    Of objects whose contents are not known only the type counts.
    """
    import hashlib

    function = objective.function
    found: list[Any] = [template, objective.kwargs]
    while isinstance(function, functools.partial):
        found += [function.args, function.keywords]
        function = function.func
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # it has no contents yet
            found.append(cell.cell_contents)
    text = "\n".join(_content(each, 0) for each in found)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _content(value: Any, depth: int) -> str:
    """What an object holds, as text that is the same in every process."""
    kind = type(value).__qualname__
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value) if not isinstance(value, int) or value.bit_length() < 1000 else kind
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcSU":
        return repr(tuple(Omitted.array(np.ascontiguousarray(value))))
    if depth < _DEEPEST and isinstance(value, dict):
        # Parameters are compared apart, when the space is.
        items = [(k, v) for k, v in value.items() if not isinstance(v, Parameter)]
        pairs = (f"{_content(k, depth + 1)}: {_content(v, depth + 1)}" for k, v in items)
        return f"{{{', '.join(pairs)}}}"
    if depth < _DEEPEST and isinstance(value, list | tuple):
        return f"{kind}({', '.join(_content(each, depth + 1) for each in value)})"
    return kind

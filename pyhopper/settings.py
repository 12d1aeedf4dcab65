"""What ``run`` and ``ask`` were given, checked before anything starts."""

from __future__ import annotations

import contextlib
import functools
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pyhopper.budget import Clock, Schedule, parse_runtime
from pyhopper.callbacks.base import Callback, as_callbacks
from pyhopper.errors import ArgumentError, short
from pyhopper.events import Began
from pyhopper.executors import Executor
from pyhopper.executors.base import Slot
from pyhopper.objective import Objective
from pyhopper.parameters import Omitted, Parameter
from pyhopper.pruners import Pruner, as_pruner
from pyhopper.workdir import WorkDir

_DIRECTIONS = {
    "max": True,
    "maximize": True,
    "maximise": True,
    "min": False,
    "minimize": False,
    "minimise": False,
}

_NO_BUDGET = (
    'the search needs a budget: runtime="30min", steps=100, or endless_mode=True to search until '
    "Ctrl-C"
)

_COLDEST = 0.01

_DEEPEST = 20
"""Levels of nested lists and dicts of which the contents count in a hash."""

_MOST = 10**15
"""No more steps can be asked for."""


@dataclass(frozen=True)
class Stop:
    """When to end early.

    Attributes
    ----------
    value : float or None
        Target: end once the best value reaches it.
    patience_steps : int or None
        End after this many evaluations without a better value.
    patience_seconds : float or None
        End after this time without a better value.
    """

    value: float | None = None
    patience_steps: int | None = None
    patience_seconds: float | None = None


class Limits(NamedTuple):
    """How evaluations are ended from outside.

    Attributes
    ----------
    timeout : float or None
        Seconds after which an evaluation is ended.
    kill_at_end : bool
        Whether evaluations are ended when the time of the run is over.
    """

    timeout: float | None = None
    kill_at_end: bool = False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that ``run`` was given, checked.

    Attributes
    ----------
    maximize : bool
        The direction.
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
    reject_duplicates, raise_on_error, overwrite, keep_history, force : bool
        See :meth:`pyhopper.Search.run`.
    """

    maximize: bool
    schedule: Schedule
    objective: Objective
    slots: list[Slot]
    executor: Executor | None
    isolation: str
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

    @classmethod
    def checked(
        cls,
        clock: Clock,
        *,
        objective: Any,
        direction: Any,
        schedule: Mapping[str, Any],
        executor: Any,
        n_jobs: Any,
        isolation: Any,
        mp_backend: Any,
        timeout: Any,
        deadline: Any,
        stop: Any,
        pruner: Any,
        callbacks: Any,
        work_dir: Any,
        kwargs: Any,
        ignore_nans: Any,
        quiet: Any,
        verbose: Any,
        output: Any,
        enable_rejection_cache: Any,
        on_error: Any,
        overwrite_checkpoint: Any,
        keep_history: Any,
        resume: Any,
    ) -> Settings:
        """Check the arguments of ``run``.

        Parameters
        ----------
        clock : Clock
            The search's.
        schedule : dict
            The arguments of :func:`parse_schedule`.

        Raises
        ------
        ArgumentError
            For the first one that makes no sense.
        """
        # Imported here, since a program that only looks at a checkpoint needs no processes.
        from pyhopper.executors.slots import check_executor

        maximize, times = parse_direction(direction), parse_schedule(clock, **schedule)
        one_of("mp_backend", mp_backend, "auto", "multiprocessing", "dask")
        limits = parse_limits(timeout, deadline, has_end=times.runtime is not None)
        return cls(
            maximize=maximize,
            schedule=times,
            objective=Objective(objective, kwargs, flag("ignore_nans", ignore_nans)),
            limits=limits,
            stop=parse_stop(stop),
            pruner=as_pruner(pruner),
            callbacks=tuple(as_callbacks(callbacks)),
            verbose=0 if flag("quiet", quiet) else parse_verbose(verbose),
            output=one_of("output", output, "last", "prefix"),
            reject_duplicates=flag("enable_rejection_cache", enable_rejection_cache),
            raise_on_error=one_of("on_error", on_error, "continue", "raise") == "raise",
            overwrite=flag("overwrite_checkpoint", overwrite_checkpoint),
            keep_history=flag("keep_history", keep_history),
            force=one_of("resume", resume, "auto", "force") == "force",
            work_dir=None if work_dir is None else WorkDir(work_dir),
            slots=check_executor(executor, n_jobs, isolation, needs_process=limits != Limits()),
            executor=executor,
            isolation=isolation,
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
        return Began(self.maximize, True, *budget, self.objective.name, inputs)

    def make_executor(self, say: Callable[[str], None], tell: Callable[[str], None]) -> Executor:
        """Where to evaluate; it has to be closed. See :class:`Output` for the arguments."""
        from pyhopper.executors.output import Output
        from pyhopper.executors.slots import make_executor

        folders = None if self.work_dir is None else str(self.work_dir.path)
        output = None if self.quiet else Output(self.output == "prefix", folders, say, tell)
        return make_executor(self.executor, self.slots, self.isolation, output)


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


def parse_direction(direction: Any) -> bool:
    """Whether to maximize."""
    if not isinstance(direction, str) or direction.lower() not in _DIRECTIONS:
        problem = 'must be "max" or "min"'
        if isinstance(direction, numbers.Real) and not isinstance(direction, bool):
            problem += (
                f"; the budget has a name: steps={direction}, or runtime={direction} (seconds)"
            )
        raise ArgumentError("direction", direction, problem)
    return _DIRECTIONS[direction.lower()]


def parse_seed(seed: Any) -> int | None:
    """The seed of a search, if the user chose one."""
    if seed is None:
        return None
    if not isinstance(seed, int | np.integer) or seed < 0:
        problem = "must be an integer, at least 0; a parameter called seed goes into a dict"
        raise ArgumentError("seed", seed, problem)
    return int(seed)


def parse_schedule(
    clock: Clock,
    *,
    runtime: Any = None,
    steps: Any = None,
    endless_mode: Any = False,
    seeding_steps: Any = None,
    seeding_runtime: Any = None,
    seeding_ratio: Any = 0.25,
    start_temperature: Any = 1,
    end_temperature: Any = 0.2,
    fewest_steps: int = 1,
) -> Schedule:
    """Turn the arguments for budget, phases and temperatures into a schedule.

    ``fewest_steps`` is 0 where there are results already.
    """
    flag("endless_mode", endless_mode)
    given = {"runtime": runtime, "steps": steps, "endless_mode": endless_mode or None}
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        got = " and ".join(f"{name}={short(value)}" for name, value in chosen.items())
        sentence = f"{got} are given; give only one of them" if got else _NO_BUDGET
        raise ArgumentError("runtime, steps, endless_mode", got or None, "", sentence)
    now = clock.time()
    if seeding_steps is not None and seeding_runtime is not None:
        problem = "seeding_runtime is given too; give one of them"
        raise ArgumentError("seeding_steps", seeding_steps, problem)
    return Schedule(
        runtime=None if runtime is None else parse_runtime(runtime, now),
        steps=None if steps is None else whole("steps", steps, fewest_steps),
        seeding_ratio=number("seeding_ratio", seeding_ratio, 0, 1),
        seeding_steps=None if seeding_steps is None else whole("seeding_steps", seeding_steps, 0),
        seeding_runtime=None if seeding_runtime is None else _renamed(seeding_runtime, now),
        start_temperature=_temperature("start_temperature", start_temperature),
        end_temperature=_temperature("end_temperature", end_temperature),
        ends_at_time_of_day=isinstance(runtime, str)
        and runtime.strip().lower().startswith("until"),
    )


def _renamed(seeding_runtime: Any, now: float) -> float:
    try:
        return parse_runtime(seeding_runtime, now)
    except ArgumentError as error:
        problem = str(error).split(": ", 1)[1]
        raise ArgumentError("seeding_runtime", seeding_runtime, problem) from None


def whole(argument: str, value: Any, least: int) -> int:
    """An integer, also as text."""
    parsed = value
    try:
        if isinstance(value, str):
            parsed = int(value)
        elif not isinstance(value, bool) and isinstance(value, numbers.Real):
            real: Any = value
            parsed = int(real) if real == int(real) else None
    except (ValueError, OverflowError):
        parsed = None
    if not isinstance(parsed, int) or isinstance(parsed, bool) or parsed < least:
        raise ArgumentError(argument, value, f"must be an integer, at least {least}")
    if parsed > _MOST:
        problem = f"must be an integer, at most {_MOST}; for a search without end use endless_mode"
        raise ArgumentError(argument, value, problem)
    return parsed


def number(argument: str, value: Any, low: float, high: float) -> float:
    """A number in a range, also as text."""
    try:
        parsed = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        parsed = math.nan
    if not low <= parsed <= high:
        raise ArgumentError(argument, value, f"must be a number between {low} and {high}")
    return parsed


def _temperature(argument: str, value: Any) -> float:
    """At 0 nothing could move, so that means as little as makes sense."""
    return max(number(argument, value, 0, 1), _COLDEST)


def parse_limits(timeout: Any, deadline: Any, *, has_end: bool) -> Limits:
    """The arguments ``timeout`` and ``deadline``; ``has_end`` if the run has a ``runtime``."""
    seconds = None
    if timeout is not None:
        try:
            seconds = parse_runtime(timeout)
        except ArgumentError as error:
            raise ArgumentError("timeout", timeout, str(error).split(": ", 1)[1]) from None
    kill_at_end = one_of("deadline", deadline, "finish", "kill") == "kill"
    if kill_at_end and not has_end:
        raise ArgumentError("deadline", deadline, "there is no deadline; give runtime")
    return Limits(seconds, kill_at_end)


def parse_stop(stop: Any) -> Stop:
    """The ``stop`` argument: a target value, or a dict with ``value`` and ``patience``."""
    if stop is None:
        return Stop()
    if not isinstance(stop, Mapping):
        return Stop(value=number("stop", stop, -math.inf, math.inf))
    unknown = [key for key in stop if key not in ("value", "patience")]
    if unknown or not stop:
        problem = 'must be a target value, or a dict with "value", "patience" or both'
        raise ArgumentError("stop", stop, problem)
    value = stop.get("value")
    target = None if value is None else number('stop["value"]', value, -math.inf, math.inf)
    patience = stop.get("patience")
    if patience is None:
        return Stop(target)
    if isinstance(patience, str) and not patience.strip().isdigit():
        try:
            return Stop(target, patience_seconds=parse_runtime(patience))
        except ArgumentError:
            problem = 'must be a number of evaluations, or a duration such as "30min"'
            raise ArgumentError('stop["patience"]', patience, problem) from None
    return Stop(target, patience_steps=whole('stop["patience"]', patience, 1))


def one_of(argument: str, value: Any, *options: str) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in options:
        listed = " or ".join(f'"{option}"' for option in options)
        raise ArgumentError(argument, value, f"must be {listed}")
    return str(value)


def parse_verbose(verbose: Any) -> int:
    """The argument ``verbose``."""
    if not isinstance(verbose, int) or verbose not in (0, 1, 2):
        problem = "must be 0 (nothing), 1 (progress and summary) or 2 (a line for each candidate)"
        raise ArgumentError("verbose", verbose, problem)
    return int(verbose)


def flag(argument: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ArgumentError(argument, value, "must be True or False")
    return value

"""The single arguments of ``run`` and ``ask``: what each may be, and the errors for the rest."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from pyhopper.budget import Clock, Schedule, parse_runtime
from pyhopper.errors import ArgumentError, short

_NO_BUDGET = (
    'the search needs a budget: runtime="30min", steps=100, or endless_mode=True to search until '
    "Ctrl-C"
)

_COLDEST = 0.01

SCHEDULE = (
    "runtime",
    "steps",
    "endless_mode",
    "seeding_steps",
    "seeding_runtime",
    "seeding_ratio",
    "start_temperature",
    "end_temperature",
)
"""The arguments of ``run`` that make its schedule."""

_MOST = 10**15
"""No more steps can be asked for."""


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
        seeding_runtime=None
        if seeding_runtime is None
        else seconds("seeding_runtime", seeding_runtime, now),
        start_temperature=_temperature("start_temperature", start_temperature),
        end_temperature=_temperature("end_temperature", end_temperature),
        ends_at_time_of_day=isinstance(runtime, str)
        and runtime.strip().lower().startswith("until"),
    )


def seconds(argument: str, value: Any, now: float | None = None) -> float:
    """A duration, as :func:`pyhopper.parse_runtime` reads it."""
    try:
        return parse_runtime(value, now)
    except ArgumentError as error:
        raise ArgumentError(argument, value, error.problem) from None


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
    longest = None if timeout is None else seconds("timeout", timeout)
    kill_at_end = one_of("deadline", deadline, "finish", "kill") == "kill"
    if kill_at_end and not has_end:
        raise ArgumentError("deadline", deadline, "there is no deadline; give runtime")
    return Limits(longest, kill_at_end)


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

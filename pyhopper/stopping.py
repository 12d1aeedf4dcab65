"""When a search ends before its budget is used: at a target value, or out of patience."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyhopper.arguments import number, whole
from pyhopper.budget import parse_runtime
from pyhopper.errors import ArgumentError
from pyhopper.history.state import State


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


def stop_reason(stop: Stop, state: State) -> str:
    """Why to end early, in the words of the summary; empty if there is no reason."""
    reason = ""
    if stop.value is not None and state.best is not None:
        best = state.best.value
        if best == stop.value or state.is_better(best, stop.value):
            reason = f"the target {stop.value:g} is reached"
    count, since = state.unimproved
    if stop.patience_steps is not None and count >= stop.patience_steps:
        reason = f"no better value in {count} evaluations"
    waited = state.elapsed - since
    if stop.patience_seconds is not None and waited >= stop.patience_seconds:
        reason = f"no better value in {waited:.0f} seconds"
    return reason

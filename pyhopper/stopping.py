"""When a search ends early: at a target value, out of patience, or if nothing ever succeeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyhopper.arguments import number, whole
from pyhopper.budget import parse_runtime
from pyhopper.errors import (
    ArgumentError,
    EvaluationError,
    ObjectiveError,
    SearchFailedError,
    plural,
)
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.state import State
from pyhopper.objectives import Objectives
from pyhopper.parameters.space import Space

_PLAIN = Objectives()

_FIRST_FAILURES = 5
"""Failures without any success after which the objective is taken to be at fault, ..."""

_QUICK, _QUICK_FAILURES = 60.0, 20
"""... if that took a minute; else after 20, since in some spaces few candidates can succeed."""


@dataclass(frozen=True)
class Stop:
    """When to end early.

    Attributes
    ----------
    value : float or None
        Target: end once the best value reaches it.
    targets : dict
        The same of named objectives: end once one candidate reaches all of them.
    patience_steps : int or None
        End after this many evaluations without a better value.
    patience_seconds : float or None
        End after this time without a better value.
    """

    value: float | None = None
    patience_steps: int | None = None
    patience_seconds: float | None = None
    targets: Mapping[str, float] = field(default_factory=dict)


def parse_stop(stop: Any, objectives: Objectives = _PLAIN) -> Stop:
    """The ``stop`` argument: a target value, or a dict with ``value`` and ``patience``.

    Named objectives have their targets under their names.
    """
    if stop is None:
        return Stop()
    names = objectives.names
    if isinstance(stop, Mapping) and any(name in stop for name in names):
        targets = {
            name: number(f"stop[{name!r}]", stop[name], -math.inf, math.inf)
            for name in names
            if name in stop
        }
        rest = {key: value for key, value in stop.items() if key not in targets}
        if "value" in rest:
            raise ArgumentError("stop", stop, "has targets under the names of the objectives")
        return replace(parse_stop(rest, objectives) if rest else Stop(), targets=targets)
    if len(names) > 1 and (not isinstance(stop, Mapping) or set(stop) != {"patience"}):
        problem = f'must have targets by name or "patience", such as {{{names[0]!r}: 0.9}}'
        raise ArgumentError("stop", stop, problem)
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
    if stop.targets and state.best is not None:
        known = dict(zip(state.objectives.directions, state.objectives.maximize, strict=True))
        several = state.objectives.several
        front = [e.evaluation for e in state.leaders.entries] if several else [state.best]
        reaching = [each.id for each in front if _reaches(each, stop.targets, known)]
        if reaching:
            listed = ", ".join(f"{name} {target:g}" for name, target in stop.targets.items())
            by = f" by evaluation {reaching[0]}" if several else ""
            reason = f"the target is reached{by} ({listed})"
    count, since = state.unimproved
    if stop.patience_steps is not None and count >= stop.patience_steps:
        reason = f"no better value in {plural(count, 'evaluation')}"
    waited = state.elapsed - since
    if stop.patience_seconds is not None and waited >= stop.patience_seconds:
        reason = f"no better value in {plural(round(waited), 'second')}"
    return reason


def _reaches(each: Evaluation, targets: Mapping[str, float], maximize: Mapping[str, bool]) -> bool:
    """Whether an evaluation reaches all targets of named objectives."""
    metrics = each.metrics or {}
    return all(
        metrics[name] >= target if maximize[name] else metrics[name] <= target
        for name, target in targets.items()
    )


def nothing_new(space: Space) -> str:
    """Why a search ends before its budget does: there is no other candidate."""
    if space.constraints:
        return "no other candidate that passes the constraints was found"
    return "every candidate of the space has been evaluated"


def raise_if_all_failed(
    state: State, space: Space, slots: int, strict: bool, at_the_end: bool
) -> None:
    """Raise if every evaluation has failed and that looks like a fault of the objective.

    Parameters
    ----------
    state : State
        What the search knows.
    space : Space
        Its space.
    slots : int
        How many evaluations run at the same time.
    strict : bool
        Whether the first failure is one too many.
    at_the_end : bool
        Whether no evaluation will follow.

    Raises
    ------
    ObjectiveError, EvaluationError, SearchFailedError
        See :mod:`pyhopper.errors`.
    """
    if state.first_failure is None or not state.all_failed:
        return
    failed = state.ended - state.before_success.ended
    candidate, outcome = state.first_failure
    if outcome.misuse:
        raise ObjectiveError(outcome.reason)
    params = candidate.params
    if not isinstance(candidate.point, Misfit):
        # Built again, since the objective may have changed its dict.
        params = space.build(candidate.point)
    if strict:
        raise EvaluationError(params, outcome.reason, outcome.details)
    most = max(_FIRST_FAILURES, slots)
    if state.elapsed - state.before_success.elapsed < _QUICK:
        most = max(_QUICK_FAILURES, slots)
    if at_the_end or failed >= most:
        raise SearchFailedError(failed, params, outcome.reason, outcome.details)

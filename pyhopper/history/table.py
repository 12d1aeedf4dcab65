"""Evaluations as a pandas table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyhopper.history.evaluation import Evaluation
from pyhopper.parameters import Selector
from pyhopper.parameters.names import flatten
from pyhopper.parameters.space import Space

_BEFORE = ("id", "type", "status", "value")
_AFTER = (
    "sampled_at",
    "finished_at",
    "seconds",
    "elapsed",
    "slot",
    "estimates",
    "last_estimate",
    "reason",
    "screened",
    "expected",
    "expected_sd",
    "expected_seconds",
)


def to_pandas(evaluations: Sequence[Evaluation], space: Space) -> Any:
    """See :meth:`pyhopper.history.History.to_pandas`."""
    try:
        import pandas as pd
    except ImportError as error:
        text = 'to_pandas needs the package pandas; run: pip install "pyhopper[pandas]"'
        raise ImportError(text) from error

    columns: dict[str, Any] = {
        "id": [each.id for each in evaluations],
        "type": [each.type.value for each in evaluations],
        "status": [each.status.value for each in evaluations],
        "value": [each.value for each in evaluations],
    }
    for name, values in _parameters(evaluations, space).items():
        taken = name in _BEFORE or name in _AFTER
        # Through object, so that an array or a list stays one entry.
        column = pd.Series(values, dtype=object).infer_objects()
        columns[f"params.{name}" if taken else name] = column
    metrics = [flatten(each.metrics or {}) for each in evaluations]
    for name in dict.fromkeys(name for row in metrics for name in row):
        columns[f"metrics.{name}"] = [row.get(name) for row in metrics]
    screened = [each.screening for each in evaluations]
    last = [each.estimates[-1] if each.estimates else None for each in evaluations]
    columns |= {
        "sampled_at": _moments(pd, [each.sampled_at for each in evaluations]),
        "finished_at": _moments(pd, [each.finished_at for each in evaluations]),
        "seconds": [each.seconds for each in evaluations],
        "elapsed": [each.elapsed for each in evaluations],
        "slot": [each.slot for each in evaluations],
        "estimates": [len(each.estimates) for each in evaluations],
        "last_estimate": pd.Series(last, dtype=float),
        "reason": [each.reason for each in evaluations],
        "screened": [0 if s is None else s.proposals for s in screened],
        "expected": pd.Series([None if s is None else s.mean for s in screened], dtype=float),
        "expected_sd": pd.Series([None if s is None else s.sd for s in screened], dtype=float),
        "expected_seconds": pd.Series([e.expected_seconds for e in evaluations], dtype=float),
    }
    return pd.DataFrame(columns)


def _moments(pd: Any, seconds: list[float]) -> Any:
    return pd.to_datetime(seconds, unit="s", utc=True)


def _parameters(evaluations: Sequence[Evaluation], space: Space) -> dict[str, list[Any]]:
    """Values by dotted name; where a choice has branches, also what tells the branch."""
    tops = list(dict.fromkeys(leaf.name for leaf in space.leaves if leaf.parent < 0))
    points = [each.point for each in evaluations]
    if not any(isinstance(leaf.param, Selector) for leaf in space.leaves):
        return {name: space.values(name, points) for name in tops}
    whole = {leaf.name for leaf in space.leaves if not isinstance(leaf.param, Selector)}
    rows: list[dict[str, Any]] = []
    for point in points:
        flat = flatten(space.build(point), keep=whole)
        rows.append({name: v for name, v in flat.items() if _below(name, tops)})
    names = dict.fromkeys(name for row in rows for name in row) or dict.fromkeys(tops)
    return {name: [row.get(name) for row in rows] for name in names}


def _below(name: str, tops: Sequence[str]) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)

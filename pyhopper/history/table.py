"""Evaluations as a table: one definition of its columns, for pandas and for exported files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from pyhopper.errors import plural, short
from pyhopper.events import Status
from pyhopper.extras import require
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.parameters import INACTIVE, Selector
from pyhopper.parameters.names import flatten
from pyhopper.parameters.space import Space

_IN_HTML = 10
"""Most rows and parameters of an HTML table."""

Columns = dict[str, list[Any]]
"""Values by the name of their column, with an entry for each evaluation."""

Row = dict[str, Any]
"""The parameters of one evaluation by the name of their column."""


class LeafName(NamedTuple):
    """What has to be known of a parameter to name its columns.

    Attributes
    ----------
    name : str
        Its dotted name, as in ``opt.lr``.
    is_choice : bool
        Whether it is a choice, so that other columns may tell which option it is.
    is_inside : bool
        Whether it stands inside an option of a choice.
    """

    name: str
    is_choice: bool
    is_inside: bool


class ParameterNames:
    """Which columns the parameters of a space have.

    A parameter's column is its dotted name, as in ``opt.lr``. A choice whose options are dicts or
    lists has a column for each value in them instead, with constants, which tell the options apart.

    Parameters
    ----------
    leaves : iterable of LeafName
        The parameters.

    Attributes
    ----------
    outer : dict
        As keys, the names of all that stand in no option.
    """

    def __init__(self, leaves: Iterable[LeafName]) -> None:
        leaves = list(leaves)
        self.outer = dict.fromkeys(leaf.name for leaf in leaves if not leaf.is_inside)
        self._whole = {leaf.name for leaf in leaves if not leaf.is_choice}
        self._varies: dict[str, bool] = {}

    @classmethod
    def of(cls, space: Space) -> ParameterNames:
        """Those of a space."""
        return cls(
            LeafName(leaf.name, isinstance(leaf.param, Selector), leaf.parent >= 0)
            for leaf in space.leaves
        )

    def row(self, params: Mapping[str, Any]) -> Row:
        """The parameters of a candidate, without constants that are the same in all candidates."""
        flat = flatten(params, keep=self._whole)
        for name in flat.keys() - self._varies.keys():
            parts = name.split(".")
            starts = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
            self._varies[name] = any(start in self.outer for start in starts)
        return {
            name: None if value is INACTIVE else value
            for name, value in flat.items()
            if self._varies[name]
        }


def columns(
    evaluations: Sequence[Evaluation], rows: Sequence[Row], names: ParameterNames
) -> Columns:
    """The columns that :meth:`pyhopper.history.History.to_pandas` documents, in their order.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        What to show.
    rows : sequence of dict
        For each of them its parameters, see :meth:`ParameterNames.row`.
    names : ParameterNames
        Gives the parameters' columns if there are no evaluations.

    Returns
    -------
    dict
        Times are :class:`datetime.datetime` in UTC. A number that is not known is NaN, and a
        parameter or metric that an evaluation does not have is None.
    """
    screened = [each.screening for each in evaluations]
    before: Columns = {
        "id": [each.id for each in evaluations],
        "type": [each.type.value for each in evaluations],
        "status": [each.status.value for each in evaluations],
        "value": [each.value for each in evaluations],
    }
    after: Columns = {
        "sampled_at": [_utc(each.sampled_at) for each in evaluations],
        "finished_at": [_utc(each.finished_at) for each in evaluations],
        "seconds": [each.seconds for each in evaluations],
        "elapsed": [each.elapsed for each in evaluations],
        "slot": [each.slot for each in evaluations],
        "estimates": [len(each.estimates) for each in evaluations],
        "last_estimate": [
            each.estimates[-1] if each.estimates else math.nan for each in evaluations
        ],
        "reason": [each.reason for each in evaluations],
        "screened": [0 if each is None else each.proposals for each in screened],
        "expected": [math.nan if each is None else each.mean for each in screened],
        "expected_sd": [math.nan if each is None else each.sd for each in screened],
        "expected_seconds": [_number(each.expected_seconds) for each in evaluations],
    }
    parameters: Columns = {}
    for name, values in _transposed(rows, names.outer).items():
        is_used = name in before or name in after or name.startswith("metrics.")
        parameters[f"params.{name}" if is_used else name] = values
    metrics = _transposed([flatten(each.metrics or {}, "metrics") for each in evaluations])
    metrics.pop("metrics", None)
    return {**before, **parameters, **metrics, **after}


def _transposed(rows: Sequence[Row], default: Iterable[str] = ()) -> Columns:
    names = dict.fromkeys(name for row in rows for name in row) if rows else default
    return {name: [row.get(name) for row in rows] for name in names}


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def standing(state: State) -> str:
    """How many evaluations there are and the best value, in words."""
    count = plural(state.ended, "evaluation")
    if (failed := state.count(Status.FAILED)) > 0:
        count += f", {failed} failed"
    if state.best is None:
        return f"{count}, no value yet"
    if state.objectives.several:
        return f"{count}, {len(state.leaders.entries)} on the front"
    side = "highest" if state.maximize else "lowest"
    return f"{count}, best ({side}) value {state.best.value:.6g}"


def to_html(title: str, state: State, space: Space) -> str:
    """A title and the best evaluations as an HTML table, for notebooks."""
    import html

    done = [each for each in state.evaluations if each.status is Status.DONE]
    sign = -1 if state.maximize else 1
    best = sorted(done, key=lambda each: sign * each.value)[:_IN_HTML]
    names = ParameterNames.of(space)
    rows = [names.row(space.build(each.point)) for each in best]
    heads = list(dict.fromkeys(name for row in rows for name in row))[:_IN_HTML]
    cells = [
        [each.id, f"{each.value:.6g}", *(_cell(row.get(name)) for name in heads)]
        for each, row in zip(best, rows, strict=True)
    ]
    lines = [_html_row("th", ["id", "value", *heads])] if cells else []
    lines += [_html_row("td", row) for row in cells]
    return f"<p>{html.escape(title)}</p><table>{''.join(lines)}</table>"


def _html_row(tag: str, cells: Iterable[Any]) -> str:
    import html

    inner = "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else short(value).strip("'")


def to_pandas(evaluations: Sequence[Evaluation], space: Space) -> Any:
    """See :meth:`pyhopper.history.History.to_pandas`."""
    names = ParameterNames.of(space)
    rows = [names.row(space.build(each.point)) for each in evaluations]
    return frame(columns(evaluations, rows, names))


def frame(columns: Columns) -> Any:
    """Columns as a :class:`pandas.DataFrame`.

    Raises
    ------
    ImportError
        Without the package pandas.
    """
    pd = require("pandas", "pandas", "to_pandas")
    series = [_series(pd, name, values) for name, values in columns.items()]
    try:
        return pd.DataFrame(dict(zip(columns, series, strict=True)))
    except UnicodeEncodeError:  # half of a character, which Arrow's texts cannot hold
        table = pd.DataFrame(dict(enumerate(series)))
        table.columns = pd.Index(list(columns), dtype=object)
        return table


def _series(pd: Any, name: str, values: list[Any]) -> Any:
    """A column of the type that its values have."""
    if name in ("sampled_at", "finished_at"):
        return pd.Series(pd.to_datetime(values, utc=True))
    kinds = {type(value) for value in values}
    # Whole numbers would become floats, to hold NaN where an evaluation has no value.
    if kinds == {int, type(None)} and all(abs(value or 0) < 2**63 for value in values):
        return pd.Series(values, dtype="Int64")
    if kinds == {bool, type(None)}:
        return pd.Series(values, dtype="boolean")
    # Through object, so that an array or a list stays one entry.
    series = pd.Series(values, dtype=object)
    try:
        return series.infer_objects()
    except UnicodeEncodeError:  # as above
        return series

"""A checkpoint as a table, read without the search that wrote it."""

from __future__ import annotations

import ast
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pyhopper.events import CandidateType
from pyhopper.history.leaders import Leaders
from pyhopper.journal.codec import CodecError, from_json
from pyhopper.journal.file import Line, dumps
from pyhopper.journal.skeleton import fill
from pyhopper.parameters import Omitted


@dataclass
class Row:
    """One evaluation; parameters by name, a choice as the text of its option."""

    id: int | None
    type: str
    params: dict[str, Any]
    point: dict[str, Any]
    template: Any
    started: float
    status: str = "open"
    value: float = math.nan
    finished: float = math.nan
    seconds: float = math.nan
    metrics: dict[str, Any] = field(default_factory=dict)
    estimates: list[float] = field(default_factory=list)
    reason: str = ""
    slot: str = ""


class Table:
    """The evaluations of a checkpoint.

    Parameters
    ----------
    lines : list of dict
        The records of its file.
    """

    def __init__(self, lines: list[Line]) -> None:
        self.seed = lines[0].get("seed")
        self.version = lines[0].get("version")
        self.direction = "maximize"
        self.elapsed = self.time = 0.0
        self.left_out = 0
        self.steps: int | None = None
        self.runtime: float | None = None
        self.rows: list[Row] = []
        self.running: dict[int, tuple[Row, float]] = {}
        self._leaves: dict[str, dict[str, Any]] = {}
        self._template: Any = {}
        for record in lines:
            self.elapsed = record.get("elapsed", self.elapsed)
            self.time = record.get("time", self.time)
            take = getattr(self, f"_take_{record.get('event')}", None)
            if take is not None:
                take(record)

    def _take_header(self, record: Line) -> None:
        self._leaves = {leaf["key"]: leaf for leaf in record["leaves"]}
        self._template = record["template"]

    _take_space = _take_header

    def _take_run(self, record: Line) -> None:
        self.direction = record["direction"]
        self.steps, self.runtime = record.get("steps"), record.get("runtime")

    def _take_started(self, record: Line) -> None:
        self.left_out += "large" in record
        row = self._row(record["id"], record["type"], record)
        self.running[record["id"]] = row, record["elapsed"]

    def _take_restarted(self, record: Line) -> None:
        if record["id"] in self.running:
            row, _ = self.running[record["id"]]
            row.started = record["time"]
            self.running[record["id"]] = row, record["elapsed"]

    def _take_ended(self, record: Line) -> None:
        if record["id"] in self.running:
            row, since = self.running.pop(record["id"])
            row.seconds = record["elapsed"] - since
            self._finish(row, record)

    def _take_known(self, record: Line) -> None:
        row = self._row(None, "manual", record)
        row.seconds = 0.0
        self._finish(row, record)

    def _finish(self, row: Row, record: Line) -> None:
        row.status, row.finished = record["status"], record["time"]
        row.value = record.get("value", math.nan)
        row.metrics = from_json(record.get("metrics")) or {}
        row.estimates = [from_json(estimate) for estimate in record.get("estimates", ())]
        row.reason, row.slot = record.get("reason", ""), record.get("slot", "")
        self.rows.append(row)

    def _row(self, number: int | None, kind: str, record: Line) -> Row:
        point = record["point"]
        params = {key: self._value(key, data) for key, data in point.items()}
        return Row(number, kind, params, point, self._template, record["time"])

    def _value(self, key: str, data: Any) -> Any:
        options = self._leaves.get(key, {}).get("options")
        if options is not None and type(data) is int and 0 <= data < len(options):
            return _literal(options[data])
        try:
            return _plain(from_json(data))
        except CodecError:
            return "<cannot be shown>"

    @property
    def best(self) -> Row | None:
        """The best evaluation."""
        ranked = self.ranked()
        if not any(row.type == CandidateType.REEVALUATION.value for row in ranked):
            return ranked[0] if ranked else None
        # Of a noisy objective the means of the leaders decide, as in the search.
        leaders = Leaders()
        for row in self.rows:
            if row.status == "done":
                leaders.add(dumps(row.point), row, self.direction == "maximize")
        checked = leaders.checked()
        return None if checked is None else replace(checked.evaluation, value=checked.mean)

    def is_of_another_space(self, row: Row) -> bool:
        """Whether the space has changed since a candidate started."""
        return row.template is not self._template

    def ranked(self) -> list[Row]:
        """Evaluations with a value, the best first, of equal ones the first."""
        sign = -1 if self.direction == "maximize" else 1
        done = [row for row in self.rows if row.status == "done" and not math.isnan(row.value)]
        return sorted(done, key=lambda row: sign * row.value)

    def counts(self) -> dict[str, int]:
        """How many evaluations ended in which way."""
        return dict(Counter(row.status for row in self.rows))

    def nested(self, row: Row) -> dict[str, Any]:
        """The candidate of an evaluation as the objective got it."""
        filled: dict[str, Any] = fill(row.template, row.point, self._value)
        return filled

    def records(self) -> list[dict[str, Any]]:
        """One flat dict for each evaluation."""
        return [
            {
                "id": row.id,
                "type": row.type,
                "status": row.status,
                "value": row.value,
                "started": row.started,
                "finished": row.finished,
                "seconds": row.seconds,
                **row.params,
                **{f"metrics.{name}": value for name, value in row.metrics.items()},
                "estimates": row.estimates,
                "reason": row.reason,
                "slot": row.slot,
            }
            for row in self.rows
        ]


def _literal(text: str) -> Any:
    """An option, which the checkpoint keeps as text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _plain(value: Any) -> Any:
    """A value as JSON and tables can hold it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Omitted | bytes):
        return repr(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value

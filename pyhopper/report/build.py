"""What a page knows of searches, as JSON: columns of equal length, and what is drawn from them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pyhopper.display.summary import trust
from pyhopper.errors import ArgumentError, plural
from pyhopper.events import Status
from pyhopper.history import series
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.front import Front
from pyhopper.history.front_view import FrontView
from pyhopper.history.importance import importance
from pyhopper.history.outlook import outlook
from pyhopper.history.sheet import Axis, Floats, Sheet, describe
from pyhopper.history.state import State
from pyhopper.parameters.names import flatten
from pyhopper.report.bill import bill
from pyhopper.report.copies import copies, text_of
from pyhopper.report.sources import Source

Json = dict[str, Any]

_DIGITS = 10
"""Significant digits of the numbers in the table."""

_MOST_METRICS = 40
_MOST_PARAMETERS = 200
_MOST_CURVES = 300
_MOST_STEPS = 200
_MOST_DETAILS = 400
_MOST_LANES = 128
_MOST_CORNERS = 2000
_PIXELS = 3000
"""Parts of the time axis that can be told apart."""


def build(sources: Sequence[Source], refresh: float | None = None) -> Json:
    """What a page knows.

    Parameters
    ----------
    sources : sequence of Source
        The searches.
    refresh : float, optional
        After how many seconds an open page loads itself again.

    Raises
    ------
    ArgumentError
        If searches have different directions.
    """
    sheets = [each.sheet for each in sources]
    if len({sheet.maximize for sheet in sheets}) > 1:
        titles = [sheet.title for sheet in sheets]
        raise ArgumentError("sources", titles, "have different directions; report these apart")
    return {
        "written": time.time(),
        "refresh": refresh,
        "maximize": sheets[0].maximize,
        "searches": [_search(each, number) for number, each in enumerate(sources, 1)],
        "compared": _compared(sheets) if len(sheets) > 1 else None,
    }


def _search(source: Source, number: int) -> Json:
    sheet, state = source.sheet, source.sheet.state
    evaluations = sheet.evaluations
    axes = [sheet.axis(name) for name in dict.fromkeys(axis.name for axis in sheet.axes)]
    notes = list(source.notes)
    if not state.keep_history and state.ended:
        notes.append("The history of this search was not kept, so that there is no table.")
    if len(axes) > _MOST_PARAMETERS:
        notes.append(f"Not in the table: {plural(len(axes) - _MOST_PARAMETERS, 'parameter')}.")
        axes = axes[:_MOST_PARAMETERS]
    details, of_rows, cut = _details(evaluations)
    if cut:
        notes.append(f"The output of {plural(cut, 'failed evaluation')} is not in this page.")
    found = importance(sheet)
    return {
        "title": sheet.title or f"search {number}",
        "seed": source.seed,
        "version": source.version,
        "notes": notes,
        "best": _best(source),
        "front": _front(evaluations, state),
        "counts": {s.value: int(sheet.having(s).sum()) for s in Status},
        "running": len(state.running),
        "elapsed": state.elapsed,
        "began": min((e.sampled_at for e in evaluations if e.id >= 0), default=None),
        "last": state.time or None,
        "columns": [*_columns(sheet, axes), *_metrics(evaluations), *_timings(evaluations)],
        "rows": len(evaluations),
        "unfit": [row for row, each in enumerate(evaluations) if not each.fits],
        "details": details,
        "detailsOf": of_rows,
        "phases": {by: series.progress(sheet, by).phases for by in ("steps", "time")},
        "curves": _curves(sheet),
        "lanes": _lanes(sheet),
        "importance": {
            "shares": [
                [s.name, _round(s.share), _round(s.low), _round(s.high), s.where] for s in found
            ],
            "unexplained": _round(found.unexplained),
            "notes": found.notes,
        },
        "outlook": _outlook(sheet),
        "bill": bill(sheet),
        "space": [[axis.name, _what(axis), sheet.where(axis)] for axis in sheet.axes],
    }


def _what(axis: Axis) -> str:
    """What a parameter may be; options by their labels."""
    if not axis.options:
        return axis.text
    weights = f", weights={list(axis.weights)}" if axis.weights else ""
    return f"{'ordered ' if axis.ordered else ''}choice({', '.join(axis.options)}{weights})"


def _front(evaluations: Sequence[Evaluation], state: State) -> Json | None:
    """The front of several objectives, and where all evaluations lie; None with a single one."""
    asked = state.objectives
    if not isinstance(state.leaders, Front) or not asked.several:
        return None
    known = [
        [row, each.id, *map(_round, asked.numbers(each.value, each.metrics))]
        for row, each in enumerate(evaluations)
        if each.fits and each.status is Status.DONE
    ]
    view = FrontView(state, None)
    return {
        "names": list(asked.directions),
        "maximize": list(asked.maximize),
        "objectives": str(asked),
        "entries": [[each.id, *each.values.values()] for each in view],
        "knee": None if state.best is None else state.best.id,
        "all": known,
    }


def _best(source: Source) -> Json | None:
    best = source.sheet.state.best
    if best is None or source.best is None:
        return None
    return {
        "value": best.value,
        "id": best.id,
        "trust": trust(source.sheet.state),
        "copies": copies(source.best),
    }


def _outlook(sheet: Sheet) -> str:
    own = sum(each.id >= 0 for each in sheet.evaluations)
    return str(outlook(sheet, own)) if own else ""


# The table ------------------------------------------------------------------------------------


def _round(value: float) -> float | None:
    """A number of few digits; None for what JSON cannot hold."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _numbers(name: str, group: str, values: Iterable[float], **more: Any) -> Json:
    return {
        "name": name,
        "group": group,
        "kind": "number",
        "values": [_round(value) for value in values],
        **more,
    }


def _categories(name: str, group: str, values: Iterable[str | None], **more: Any) -> Json:
    """Text of which much is the same: indices into the different ones."""
    options: dict[str, int] = {}
    indices = [None if v is None else options.setdefault(v, len(options)) for v in values]
    return {
        "name": name,
        "group": group,
        "kind": "category",
        "options": list(options),
        "values": indices,
        **more,
    }


def _columns(sheet: Sheet, axes: Sequence[Axis]) -> list[Json]:
    evaluations = sheet.evaluations
    return [
        {
            "name": "id",
            "group": "evaluation",
            "kind": "number",
            "values": [each.id for each in evaluations],
        },
        _categories("status", "evaluation", [each.status.value for each in evaluations]),
        _numbers("value", "evaluation", [each.value for each in evaluations]),
        *(_parameter(axis) for axis in axes),
    ]


def _parameter(axis: Axis) -> Json:
    if axis.options:
        return {
            "name": axis.name,
            "group": "parameter",
            "kind": "category",
            "options": axis.options,
            "values": axis.values,
            "fixed": True,
        }
    numbers = axis.numbers()
    scale = {"log": axis.log, "whole": axis.whole, "low": axis.low, "high": axis.high}
    if axis.kind == "number":
        return _numbers(axis.name, "parameter", numbers.tolist(), **scale)
    texts = [None if value is None else text_of(value) for value in axis.values]
    made = _categories(axis.name, "parameter", texts)
    if not np.isfinite(numbers).any():
        return made
    if axis.summary() == "length":
        scale = {"log": False, "whole": True, "low": None, "high": None}
    made.update(scale, summary=describe(axis), numbers=[_round(each) for each in numbers.tolist()])
    return made


def _metrics(evaluations: Sequence[Evaluation]) -> list[Json]:
    rows = [flatten(each.metrics or {}) for each in evaluations]
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = []
    for name in names[:_MOST_METRICS]:
        values = [row.get(name) for row in rows]
        if all(value is None or isinstance(value, int | float | np.number) for value in values):
            numbers = [math.nan if value is None else float(value) for value in values]
            made.append(_numbers(name, "metric", numbers))
        else:
            texts = [None if value is None else text_of(value) for value in values]
            made.append(_categories(name, "metric", texts))
    return made


def _timings(evaluations: Sequence[Evaluation]) -> list[Json]:
    screened = [math.nan if e.screening is None else e.screening.mean for e in evaluations]
    last = [e.estimates[-1] if e.estimates else math.nan for e in evaluations]
    made = [
        _categories("type", "evaluation", [each.type.value for each in evaluations]),
        _numbers("seconds", "evaluation", [round(each.seconds, 4) for each in evaluations]),
        _numbers("elapsed", "evaluation", [round(each.elapsed, 3) for each in evaluations]),
        _categories("slot", "evaluation", [each.slot or None for each in evaluations]),
        _numbers("last estimate", "evaluation", last),
        _numbers("expected", "evaluation", screened),
        _categories("reason", "evaluation", [each.reason or None for each in evaluations]),
    ]
    return [
        column
        for column in made
        if column["name"] in ("type", "seconds", "elapsed")
        or any(value is not None for value in column["values"])
    ]


def _details(evaluations: Sequence[Evaluation]) -> tuple[list[str], Json, int]:
    """Different tracebacks, which of them each row has, and how many are left out."""
    texts: dict[str, int] = {}
    of_rows: Json = {}
    cut = 0
    for row, each in enumerate(evaluations):
        if not each.details:
            continue
        if each.details not in texts and len(texts) == _MOST_DETAILS:
            cut += 1
            continue
        of_rows[str(row)] = texts.setdefault(each.details, len(texts))
    return list(texts), of_rows, cut


# What is drawn --------------------------------------------------------------------------------


def _thinned(count: int, most: int) -> list[int]:
    """At most so many of the indices, evenly, with the first and the last."""
    places = np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
    return [int(place) for place in np.unique(places)]


def _curves(sheet: Sheet) -> Json:
    found = [curve for curve in series.curves(sheet) if len(curve.estimates) > 1]
    sign = -1.0 if sheet.maximize else 1.0
    ranked = sorted(found, key=lambda curve: (math.isnan(curve.value), sign * curve.value))
    # The best one comes first.
    kept = [ranked[index] for index in _thinned(len(ranked), _MOST_CURVES)] if ranked else []
    lines = []
    for curve in kept:
        steps = _thinned(len(curve.estimates), _MOST_STEPS)
        lines.append(
            [
                curve.id,
                "running" if curve.status is None else curve.status.value,
                [[step + 1, _round(curve.estimates[step])] for step in steps],
            ]
        )
    return {"lines": lines, "all": len(found)}


def _lanes(sheet: Sheet) -> Json:
    lanes = series.slots(sheet) if sheet.evaluations or sheet.state.running else []
    end = max((lane.stays[-1].end for lane in lanes if lane.stays), default=0.0)
    kept = [
        [lane.name, _round(lane.busy), _merged(lane.stays, end / _PIXELS)]
        for lane in lanes[:_MOST_LANES]
    ]
    return {"lanes": kept, "all": len(lanes)}


def _merged(stays: Sequence[series.Stay], least: float) -> list[list[Any]]:
    """Start, end, how it ended, and how many there were; short ones in a row are put together."""
    merged: list[list[Any]] = []
    for stay in stays:
        status = "running" if stay.status is None else stay.status.value
        near = bool(merged) and merged[-1][2] == status and stay.start - merged[-1][1] < least
        if near and min(stay.end - stay.start, merged[-1][1] - merged[-1][0]) < least:
            merged[-1][1], merged[-1][3] = round(stay.end, 3), merged[-1][3] + 1
        else:
            merged.append([round(stay.start, 3), round(stay.end, 3), status, 1])
    return merged


# Several searches -----------------------------------------------------------------------------


def _compared(sheets: Sequence[Sheet]) -> Json:
    """The best values of all searches, and together those that are seeds of one space."""
    firsts = series.alike(sheets)
    made: Json = {"alike": firsts}
    for by in ("steps", "time"):
        parts = [series.progress(sheet, by) for sheet in sheets]
        made[by] = {"best": [_corners(part.x, [part.best]) for part in parts], "bands": []}
        for first in sorted(set(firsts)):
            members = [part for part, each in zip(parts, firsts, strict=True) if each == first]
            if len(members) > 1:
                band = series.band(members)
                curves = [band.mean, band.low, band.high]
                made[by]["bands"].append([first, len(members), _corners(band.x, curves)])
    return made


def _corners(x: Floats, curves: Sequence[Floats]) -> list[list[float | None]]:
    """The points in which any of several curves changes, and the last one."""
    known = np.flatnonzero(np.isfinite(curves[0]))
    if not len(known):
        return []
    table = np.column_stack([x, *curves])[known]
    changed = np.concatenate([[True], (table[1:, 1:] != table[:-1, 1:]).any(axis=1)])
    changed[-1] = True
    table = table[changed]
    table = table[_thinned(len(table), _MOST_CORNERS)]
    return [[_round(value) for value in row] for row in table.tolist()]

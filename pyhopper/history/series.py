"""The data behind pictures of a search, as plain arrays and records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyhopper.errors import ArgumentError
from pyhopper.events import CandidateType, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.sheet import Axis, Floats, Sheet

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Phase(NamedTuple):
    """A part of a search.

    Attributes
    ----------
    name : str
        ``"random"`` or ``"local"``.
    start, end : float
        On the axis of the picture.
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Progress:
    """Values and the best value over a search.

    Attributes
    ----------
    x : float array
        For each evaluation that was not cancelled, its number in the order in which they ended
        (from 1), or the seconds that the search had run then.
    values : float array
        NaN where there is none.
    best : float array
        The best value up to each evaluation; NaN before the first.
    shown : float array
        Like ``values``, but of a pruned evaluation its last estimate.
    status : list of Status
        How each ended.
    phases : list of Phase
        The random phase and the phase of local moves, where there were any.
    """

    x: Floats
    values: Floats
    best: Floats
    shown: Floats
    status: list[Status]
    phases: list[Phase]


def progress(sheet: Sheet, by: str = "steps") -> Progress:
    """Values and the best value over evaluations or time.

    Parameters
    ----------
    sheet : Sheet
        The search.
    by : str
        ``"steps"`` or ``"time"``.

    Raises
    ------
    ArgumentError
        If ``by`` is neither.
    """
    if by not in ("steps", "time"):
        raise ArgumentError("by", by, 'must be "steps" or "time"')
    ended = np.flatnonzero(~sheet.having(Status.CANCELLED))
    evaluations = [sheet.evaluations[index] for index in ended.tolist()]
    values = sheet.values[ended]
    if by == "time":
        x = np.array([each.elapsed for each in evaluations], dtype=np.float64)
    else:
        x = np.arange(1.0, len(evaluations) + 1)
    shown = np.array(
        [
            each.estimates[-1] if each.status is Status.PRUNED and each.estimates else value
            for each, value in zip(evaluations, values.tolist(), strict=True)
        ],
        dtype=np.float64,
    )
    best = best_so_far(values, sheet.maximize)
    return Progress(
        x, values, best, shown, [e.status for e in evaluations], _phases(evaluations, x)
    )


def best_so_far(values: Floats, maximize: bool) -> Floats:
    """The best value up to each one; NaN before the first."""
    best = np.fmax.accumulate(values) if maximize else np.fmin.accumulate(values)
    return np.asarray(best, dtype=np.float64)


def is_local(evaluation: Evaluation) -> bool:
    """Whether a candidate belongs to the phase of local moves."""
    return evaluation.type in (CandidateType.LOCAL_SAMPLING, CandidateType.REEVALUATION)


def _phases(evaluations: Sequence[Evaluation], x: Floats) -> list[Phase]:
    local = [index for index, each in enumerate(evaluations) if is_local(each)]
    if not evaluations:
        return []
    begin, end = 0.0, float(x[-1])
    if not local:
        return [Phase("random", begin, end)]
    turn = float(x[local[0]]) if local[0] == 0 else float(x[local[0] - 1] + x[local[0]]) / 2
    random = [Phase("random", begin, turn)] if local[0] else []
    return [*random, Phase("local", turn if random else begin, end)]


def alike(sheets: Sequence[Sheet]) -> list[int]:
    """For each search the index of the first one of the same space."""
    spaces = [
        repr([(a.name, a.options, a.low, a.high, a.log, a.kind) for a in sheet.axes])
        for sheet in sheets
    ]
    return [spaces.index(space) for space in spaces]


class Band(NamedTuple):
    """Several searches of one space together.

    Attributes
    ----------
    x : float array
        Where any of them has a new evaluation, as far as all of them went.
    mean, low, high : float array
        The mean of their best values, and the range of these.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


def band(parts: Sequence[Progress]) -> Band:
    """The mean and the range of the best values of several searches."""
    known = [np.isfinite(part.best) for part in parts]
    if not all(each.any() for each in known):
        nothing = np.empty(0)
        return Band(nothing, nothing, nothing, nothing)
    xs = [part.x[each] for part, each in zip(parts, known, strict=True)]
    start, end = max(x[0] for x in xs), min(x[-1] for x in xs)
    grid = np.unique(np.concatenate([[start], *xs]))
    grid = grid[(grid >= start) & (grid <= end)]
    bests = [part.best[each] for part, each in zip(parts, known, strict=True)]
    # A best value holds from its evaluation on.
    rows = np.array(
        [b[np.searchsorted(x, grid, side="right") - 1] for x, b in zip(xs, bests, strict=True)]
    ).reshape(len(parts), -1)
    return Band(grid, rows.mean(axis=0), rows.min(axis=0), rows.max(axis=0))


@dataclass(frozen=True)
class Points:
    """Evaluations along some parameters.

    Attributes
    ----------
    columns : tuple of float array
        The numbers of each parameter, NaN where it is inactive.
    values : float array
        NaN where there is none.
    status : list of Status
        How each ended.
    local : bool array
        Whether it belongs to the phase of local moves.
    order : int array
        The number of each evaluation in the order in which they ended.
    """

    columns: tuple[Floats, ...]
    values: Floats
    status: list[Status]
    local: Bools
    order: Ints


def points(sheet: Sheet, axes: Sequence[Axis], summary: str | None = None) -> Points:
    """The evaluations that were not cancelled, along some parameters."""
    kept = ~sheet.having(Status.CANCELLED)
    evaluations = [each for each, keep in zip(sheet.evaluations, kept, strict=True) if keep]
    return Points(
        tuple(axis.numbers(summary)[kept] for axis in axes),
        sheet.values[kept],
        [each.status for each in evaluations],
        np.array([is_local(each) for each in evaluations], dtype=np.bool_),
        np.flatnonzero(kept),
    )


class Curve(NamedTuple):
    """The estimates of one evaluation.

    Attributes
    ----------
    id : int
        Its number.
    estimates : tuple of float
        The values on the way.
    status : Status or None
        How it ended; None while it runs.
    value : float
        Its value; NaN without one.
    """

    id: int
    estimates: tuple[float, ...]
    status: Status | None
    value: float


def curves(sheet: Sheet) -> list[Curve]:
    """The estimates of every evaluation that has any, also of those that run."""
    found = [
        Curve(each.id, each.estimates, each.status, each.value)
        for each in sheet.evaluations
        if each.estimates
    ]
    running = [
        Curve(number, tuple(each.estimates), None, math.nan)
        for number, each in sheet.state.running.items()
        if each.estimates
    ]
    return [*found, *running]


class Stay(NamedTuple):
    """An evaluation in its slot.

    Attributes
    ----------
    id : int
        Its number.
    start, end : float
        In seconds that the search had run.
    status : Status or None
        How it ended; None while it runs.
    """

    id: int
    start: float
    end: float
    status: Status | None


class Lane(NamedTuple):
    """What a slot did.

    Attributes
    ----------
    name : str
        The slot.
    stays : list of Stay
        In the order in which they began.
    busy : float
        The share of the search's time in which it evaluated something.
    """

    name: str
    stays: list[Stay]
    busy: float


def slots(sheet: Sheet) -> list[Lane]:
    """Which slot did what when. Where an executor names no slots, lanes are made up."""
    by_slot: dict[str, list[Stay]] = {}
    for each in sheet.evaluations:
        if each.id >= 0:
            stay = Stay(each.id, each.elapsed - each.seconds, each.elapsed, each.status)
            by_slot.setdefault(each.slot, []).append(stay)
    now = max(sheet.state.elapsed, *(e.elapsed for e in sheet.evaluations), 1e-9, 0.0)
    for number, running in sheet.state.running.items():
        # In which slot it runs is not known before it ends.
        by_slot.setdefault("", []).append(Stay(number, running.since.elapsed, now, None))
    lanes = []
    for slot, stays in sorted(by_slot.items(), key=lambda item: _natural(item[0])):
        for number, lane in enumerate(_apart(sorted(stays, key=lambda stay: stay.start)), 1):
            busy = sum(stay.end - stay.start for stay in lane) / now
            several = "running" if len(by_slot) > 1 else "slot"
            name = slot or (f"{several} {number}" if len(by_slot) > 1 else f"slot {number}")
            lanes.append(Lane(name, lane, min(busy, 1.0)))
    return lanes


def _natural(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """So that slot 10 comes after slot 9, and what has no slot comes last."""
    parts = "".join(each if each.isdigit() else f" {each} " for each in name).split()
    return not name, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _apart(stays: Sequence[Stay]) -> list[list[Stay]]:
    """Distribute evaluations over lanes so that none overlap in one."""
    lanes: list[list[Stay]] = []
    for stay in stays:
        room = 1e-6 * max(1.0, abs(stay.start))
        free = next((lane for lane in lanes if lane[-1].end <= stay.start + room), None)
        if free is None:
            lanes.append([stay])
        else:
            free.append(stay)
    return lanes

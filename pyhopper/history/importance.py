"""Which parameters matter: the share of the value's variation that each explains."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyhopper.errors import plural
from pyhopper.events import CandidateType, Status
from pyhopper.history.anova import CELLS, Factor, Floats, Ints, Key, fit
from pyhopper.history.sheet import Axis, Sheet

_MOST_EVALUATIONS = 300
_MOST_ENTRIES = 8
"""Arrays and lists with more numbers are left out."""

_MOST_OPTIONS = 64
_MOST_FACTORS = 60
_STRONGEST = 5
"""So many pairs are told of, each with a share of at least 1%."""

_FEWEST = 5


@dataclass(frozen=True)
class Share:
    """What one parameter, or one pair, explains.

    Attributes
    ----------
    parameters : tuple of str
        One name, or two.
    share : float
        The expected share of the variation, from 0 to 1.
    low, high : float
        With 90% probability the share is between these, as far as the model is right.
    where : str
        The case in which the parameter is active, within which it is judged; empty if it always is.
    """

    parameters: tuple[str, ...]
    share: float
    low: float
    high: float
    where: str = ""

    @property
    def name(self) -> str:
        """The name of the parameter, or both names with a cross between."""
        return " x ".join(self.parameters)


@dataclass(frozen=True)
class Importance:
    """The shares of parameters and of the strongest pairs, the largest first; prints as a table.

    A share is the variance of the value that a parameter causes by itself, over the whole range
    from which it is drawn and on average over all other parameters, relative to the whole variance
    (a Sobol index). The share of a pair is what the two cause together beyond that. A parameter
    inside an option is judged where it is active, so that shares need not add up to one.

    Attributes
    ----------
    shares : tuple of Share
        Parameters and pairs.
    unexplained : float
        The share of what is left: noise, and what three or more parameters cause together.
    evaluations : int
        From how many evaluations this was learned.
    notes : tuple of str
        What to keep in mind, such as that there are too few evaluations for this to mean much.
    """

    shares: tuple[Share, ...]
    unexplained: float
    evaluations: int
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Share]:
        return iter(self.shares)

    def __len__(self) -> int:
        return len(self.shares)

    def __getitem__(self, index: int) -> Share:
        return self.shares[index]

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """What a notebook shows."""
        printer.text(str(self))

    def __str__(self) -> str:
        from tabulate import tabulate

        conditional = any(share.where for share in self.shares)
        rows = [
            [each.name, _percent(each.share), f"{_percent(each.low)} - {_percent(each.high)}"]
            + [each.where] * conditional
            for each in self.shares
        ]
        if self.shares:
            rows.append(["(unexplained)", _percent(self.unexplained), ""] + [""] * conditional)
        headers = ["Parameter", "Share", "90% range"] + ["Where"] * conditional
        align = ["left", "right", "right"] + ["left"] * conditional
        table = tabulate(rows, headers, "simple", disable_numparse=True, colalign=align)
        notes = "".join(f"\n{textwrap.fill(note, 80)}" for note in self.notes)
        return f"{table}\n{notes}" if notes else table


@dataclass(frozen=True)
class _Column:
    """One factor of the model, and the axis that it is a part of."""

    axis: int
    factor: Factor


def importance(sheet: Sheet, seed: int = 0) -> Importance:
    """See :meth:`pyhopper.history.view.History.importance`."""
    values = sheet.values
    usable = np.isfinite(values)
    for axis in sheet.axes:
        if axis.parent < 0:
            usable &= np.array([value is not None for value in axis.values], dtype=np.bool_)
    chosen = _chosen(sheet, np.flatnonzero(usable), seed)
    axes = [
        replace(axis, values=[axis.values[index] for index in chosen.tolist()])
        for axis in sheet.axes
    ]
    columns, left_out = _columns(axes, len(chosen))
    values, clipped = _without_outliers(values[chosen], sheet.maximize)
    notes = []
    if left_out:
        notes.append(f"Left out: {', '.join(left_out)}.")
    if len(chosen) < _FEWEST or not columns or not values.std():
        reason = f"Too few to tell anything: {plural(len(chosen), 'evaluation')} with a value."
        if len(chosen) >= _FEWEST:
            reason = "All values are the same." if columns else "There is no parameter to judge."
        return Importance((), math.nan, len(chosen), (reason, *notes))
    model = fit(tuple(each.factor for each in columns), values, seed=seed)
    shares, unexplained = _shares(sheet, axes, columns, model)
    judged = {each.axis for each in columns}
    notes = [*_doubts(sheet, columns, len(judged), chosen, unexplained, clipped), *notes]
    return Importance(shares, unexplained, len(chosen), tuple(notes))


def _chosen(sheet: Sheet, usable: Any, seed: int) -> Any:
    """At most so many evaluations: first those of the random phase, which are everywhere."""
    if len(usable) <= _MOST_EVALUATIONS:
        return usable
    rng = np.random.default_rng(seed)
    types = [sheet.evaluations[index].type for index in usable.tolist()]
    spread = np.array([each is CandidateType.RANDOM_SEEDING for each in types])
    first = rng.permutation(usable[spread])[: 2 * _MOST_EVALUATIONS // 3]
    rest = rng.permutation(np.setdiff1d(usable, first))[: _MOST_EVALUATIONS - len(first)]
    return np.sort(np.concatenate([first, rest]))


def _without_outliers(values: Floats, maximize: bool) -> tuple[Floats, int]:
    """Values in which those far worse than the rest are less bad, and how many these are."""
    if len(values) < _FEWEST:
        return values, 0
    losses = -values if maximize else values
    low, middle = np.quantile(losses, [0.25, 0.5])
    most = middle + 10.0 * (middle - low)
    if most <= middle:
        return values, 0
    clipped = np.minimum(losses, most)
    return (-clipped if maximize else clipped), int((losses > most).sum())


# From axes to factors -------------------------------------------------------------------------


def _columns(axes: list[Axis], count: int) -> tuple[list[_Column], list[str]]:
    """The factors of all axes, and the names of those that cannot be judged, with the reason."""
    columns: list[_Column] = []
    left_out: list[str] = []
    switches: dict[int, int] = {}
    for index, axis in enumerate(axes):
        conditions: tuple[tuple[int, int], ...] = ()
        if axis.parent in switches:
            switch = switches[axis.parent]
            conditions = (*columns[switch].factor.conditions, (switch, axis.option))
        if len(axis.options) == 1:
            continue
        factors, problem = _factors(axis, count, conditions, len(columns))
        if not problem and len(columns) + len(factors) > _MOST_FACTORS:
            factors, problem = [], "too many parameters"
        if problem:
            left_out.append(f"{axis.name} ({problem})")
        if axis.kind == "choice" and factors:
            switches[index] = len(columns)
        columns += [_Column(index, factor) for factor in factors]
    return columns, left_out


def _factors(
    axis: Axis, count: int, conditions: tuple[tuple[int, int], ...], first: int
) -> tuple[list[Factor], str]:
    """The factors of one axis, or why there are none."""
    if axis.kind == "choice":
        if len(axis.options) > _MOST_OPTIONS:
            return [], f"more than {_MOST_OPTIONS} options"
        cells = np.array([-1 if value is None else value for value in axis.values], dtype=np.int64)
        weights = np.array(axis.weights or (1.0,) * len(axis.options))
        return [Factor(cells, weights / weights.sum(), axis.ordered, conditions)], ""
    if axis.kind == "number":
        return [_ordered(axis.numbers(), axis, count, conditions)], ""
    rows = [_entries(value) for value in axis.values]
    width = max((len(row) for row in rows), default=0)
    if not width:
        return [], "its values are no numbers"
    if width > _MOST_ENTRIES:
        return [], f"more than {_MOST_ENTRIES} numbers"
    table = np.full((len(rows), width), np.nan)
    for row, entries in zip(table, rows, strict=True):
        row[: len(entries)] = entries
    factors = []
    lengths = axis.numbers("length") if axis.kind == "list" else np.full(len(rows), float(width))
    shortest = int(np.nanmin(lengths))
    if shortest < width:
        cells = np.where(np.isnan(lengths), -1, lengths - shortest).astype(np.int64)
        options = width - shortest + 1
        factors.append(Factor(cells, np.full(options, 1 / options), True, conditions))
    for item in range(width):
        inside = (*conditions, (first, item + 1 - shortest)) if item >= shortest else conditions
        factors.append(_ordered(table[:, item], axis, count, inside))
    return factors, ""


def _entries(value: Any) -> list[float]:
    """The numbers in an array or a list; none if there is anything else in it."""
    try:
        numbers = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        return []
    return numbers.tolist() if value is not None and np.isfinite(numbers).all() else []


def _ordered(
    numbers: Floats, axis: Axis, count: int, conditions: tuple[tuple[int, int], ...]
) -> Factor:
    """The factor of numbers."""
    cells, centres = cut(numbers, axis, count)
    return Factor(cells, np.full(len(centres), 1 / len(centres)), True, conditions)


def cut(numbers: Floats, axis: Axis, count: int) -> tuple[Ints, Floats]:
    """Cut the range of a parameter into cells: one a value if there are few, else equal parts.

    Parameters
    ----------
    numbers : float array
        Values, NaN where there is none.
    axis : Axis
        The parameter, for its bounds.
    count : int
        How many evaluations there are.

    Returns
    -------
    cells : int array
        The cell of each number; -1 for NaN.
    centres : float array
        What stands in the middle of each cell.
    """
    known = np.isfinite(numbers)
    levels = np.unique(numbers[known])
    cells = np.full(len(numbers), -1, dtype=np.int64)
    if axis.whole and not axis.log and axis.low is not None and axis.high is not None:
        whole = np.arange(axis.low, axis.high + 1) if axis.high - axis.low < CELLS else levels
        # Multiples of something have gaps.
        levels = whole if len(whole) < 2 * len(levels) else levels
    if 0 < len(levels) <= CELLS and (3 * len(levels) <= count or axis.whole):
        cells[known] = np.searchsorted(levels, numbers[known])
        return cells, levels
    unit = _unit(numbers[known], axis)
    cells[known] = np.clip(np.floor(unit * CELLS), 0, CELLS - 1)
    parts = (np.arange(CELLS) + 0.5) / CELLS
    if axis.low is None or axis.high is None:
        return cells, np.quantile(numbers[known], parts) if known.any() else parts
    if axis.log:
        return cells, axis.low * (axis.high / axis.low) ** parts
    return cells, axis.low + parts * (axis.high - axis.low)


def _unit(numbers: Floats, axis: Axis) -> Floats:
    """Numbers as shares of the range; without bounds as shares of the numbers below them."""
    if axis.low is None or axis.high is None:
        order = np.argsort(np.argsort(numbers, kind="stable"), kind="stable")
        return np.asarray((order + 0.5) / max(len(numbers), 1))
    low, high = axis.low, axis.high
    if axis.log:
        numbers = np.log(np.maximum(numbers, low))
        low, high = math.log(low), math.log(high)
    return np.asarray((numbers - low) / (high - low))


def surface(sheet: Sheet, first: Axis, second: Axis) -> tuple[Floats, Floats, Floats] | None:
    """What value is expected over two parameters, on average over all others.

    Returns
    -------
    tuple of float array or None
        The middles of the cells of both, and the value of shape (second, first); None with fewer
        than 5 evaluations in which both are active.
    """
    axes = (first, second)
    values = sheet.values
    usable = np.isfinite(values)
    for axis in axes:
        usable &= np.isfinite(axis.numbers())
    chosen = _chosen(sheet, np.flatnonzero(usable), 0)
    values, _ = _without_outliers(values[chosen], sheet.maximize)
    if len(chosen) < _FEWEST or not values.std():
        return None
    factors, centres = [], []
    for axis in axes:
        numbers = axis.numbers()[chosen]
        if axis.options:
            cells, places = numbers.astype(np.int64), np.arange(float(len(axis.options)))
        else:
            cells, places = cut(numbers, axis, len(chosen))
        ordered = axis.ordered or not axis.options
        factors.append(Factor(cells, np.full(len(places), 1 / len(places)), ordered))
        centres.append(places)
    model = fit(tuple(factors), values, draws=64)
    return centres[0], centres[1], model.table((0, 1)).T


# From the model to shares ---------------------------------------------------------------------


def _shares(
    sheet: Sheet, axes: list[Axis], columns: list[_Column], model: Any
) -> tuple[tuple[Share, ...], float]:
    """What each parameter and the strongest pairs explain, and what nothing explains."""
    variances = model.variances()
    groups: dict[tuple[int, ...], list[Key]] = {}
    for column in columns:
        groups.setdefault((column.axis,), [])
    for key in variances:
        owners = tuple(sorted({columns[index].axis for index in key}))
        groups.setdefault(owners, []).append(key)
    nothing = np.zeros_like(model.noise)
    firsts = {column.axis: index for index, column in reversed(list(enumerate(columns)))}
    shares = []
    for owners, keys in groups.items():
        within = tuple(firsts[owner] for owner in owners)
        variance = sum((variances[key] for key in keys), nothing)
        ratio = variance / np.maximum(model.total(variances, within), 1e-300)
        low, high = np.quantile(ratio, [0.05, 0.95])
        names = tuple(axes[owner].name for owner in owners)
        cases = dict.fromkeys(filter(None, (sheet.where(axes[owner]) for owner in owners)))
        ends = float(low), float(high)
        shares.append(Share(names, float(ratio.mean()), *ends, ", ".join(cases)))
    shares.sort(key=lambda each: -each.share)
    pairs = [each for each in shares if len(each.parameters) == 2 and each.share >= 0.01]
    told = {id(each) for each in pairs[:_STRONGEST]}
    kept = [each for each in shares if len(each.parameters) == 1 or id(each) in told]
    unexplained = float((model.noise / model.total(variances)).mean())
    return tuple(kept), unexplained


def _doubts(
    sheet: Sheet, columns: list[_Column], judged: int, chosen: Any, unexplained: float, clipped: int
) -> Iterator[str]:
    """Why the shares may mean little."""
    count = len(chosen)
    if count < 10 * judged:
        yield (
            f"{plural(count, 'evaluation')} for {plural(judged, 'parameter')} is little: take the "
            "shares as hints, and look at their ranges."
        )
    covered = _covered(columns)
    types = [sheet.evaluations[index].type for index in chosen.tolist()]
    spread = sum(each is CandidateType.RANDOM_SEEDING for each in types)
    if covered < 0.7 and spread < 10 * judged:
        yield (
            f"The evaluations are clustered: they cover about {_percent(covered)} of the ranges as "
            "evenly as random draws would. Shares are about the whole ranges, and rest on the "
            f"{plural(spread, 'evaluation')} of the random phase."
        )
    if unexplained > 0.5:
        yield (
            "More than half of the variation is unexplained: by noise, or by parameters that "
            "matter only together."
        )
    pruned = int(sheet.having(Status.PRUNED).sum())
    if pruned > 0.2 * (pruned + sheet.having(Status.DONE).sum()):
        yield (
            f"What was pruned does not count ({plural(pruned, 'evaluation')}): what it was pruned "
            "for seems to matter less than it does."
        )
    if clipped:
        which = "1 value far worse than the others counts"
        if clipped > 1:
            which = f"{clipped} values far worse than the others count"
        yield f"{which} as less bad, since everything else would drown in them."


def _covered(columns: list[_Column]) -> float:
    """How evenly values lie over the cells, relative to random draws: 1 is as evenly as these."""
    ratios = []
    for column in columns:
        factor = column.factor
        cells = factor.cells[factor.cells >= 0]
        size = len(factor.shares)
        if not factor.ordered or len(cells) < size or size < 4:
            continue
        share = np.bincount(cells, minlength=size) / len(cells)
        entropy = -float(np.sum(share[share > 0] * np.log(share[share > 0])))
        # Random draws fall short of log(size) by about (size - 1) / (2 n): Miller 1955.
        expected = math.log(size) - (size - 1) / (2 * len(cells))
        ratios.append(min(1.0, math.exp(entropy - expected)))
    return float(np.mean(ratios)) if ratios else 1.0


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f}%"

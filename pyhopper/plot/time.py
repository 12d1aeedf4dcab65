"""Pictures over evaluations or time: progress, curves and slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError
from pyhopper.events import Status
from pyhopper.history import series
from pyhopper.history.sheet import Floats, Sheet
from pyhopper.journal.sources import sheet_of
from pyhopper.plot.look import (
    Look,
    dots,
    legend,
    look_of,
    new_axes,
    nothing,
    outer_legend,
    rug,
    say,
    show_values,
    title,
    window,
)

_MOST_CURVES = 400
_UNITS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


def progress(
    source: Any, *, by: str = "steps", labels: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """The best value and every value over a search, or the best values of several searches.

    Behind the values the random phase is shaded. Of pruned evaluations the last estimate is drawn,
    and what has no value is marked at the edge.

    Parameters
    ----------
    source : Search, History, str, path-like or list of these
        A search, its history or a checkpoint. Several are compared by their best values.
    by : str
        ``"steps"`` for the number of evaluations, ``"time"`` for the time that the search ran.
    labels : sequence of str, optional
        What to call several searches. Those with the same label count as seeds of one: their mean
        is drawn, and a band from the worst to the best of them. By default searches of the same
        space count as seeds of one.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    ArgumentError
        If an argument makes no sense, or searches have different directions.
    CheckpointError
        If a file cannot be read.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.progress(search)
    """
    if isinstance(source, list | tuple):
        return _compared([sheet_of(each) for each in source], by, labels, ax)
    if labels is not None:
        raise ArgumentError("labels", labels, "are for several searches; give these in a list")
    sheet = sheet_of(source)
    data = series.progress(sheet, by)
    ax = new_axes(ax)
    look = look_of(ax)
    shown = window(data.values, sheet.maximize) or window(data.shown, sheet.maximize)
    if shown is None:
        return say(ax, nothing(data.status))
    unit, seconds = _unit(data.x) if by == "time" else ("evaluations", 1.0)
    ax.set_xlabel(f"time ({unit})" if by == "time" else unit)
    x = data.x / seconds
    ends = float(x[-1]) if len(x) else 1.0
    ax.set_xlim(0, ends * 1.02 if len(x) > 1 else ends * 2)
    for phase in data.phases:
        if phase.name == "random":
            end = phase.end / seconds if len(data.phases) > 1 else ax.get_xlim()[1]
            ax.axvspan(phase.start / seconds, end, color=look.phase, lw=0, zorder=0)
            ax.text(
                0.005, 1.01, "random phase", transform=ax.transAxes, fontsize="x-small",
                color=look.ink, alpha=0.8,
            )  # fmt: skip
    kinds = np.array([status.value for status in data.status])
    for status, marker, label in ((Status.DONE, "o", "values"), (Status.PRUNED, "v", "pruned")):
        chosen = (kinds == status.value) & np.isfinite(data.shown)
        if chosen.any():
            y = shown.clip(data.shown[chosen])
            name = f"{label} ({chosen.sum()})"
            ax.scatter(
                x[chosen], y, color=look.of(status), marker=marker, label=name,
                zorder=2, **dots(len(x)),
            )  # fmt: skip
    for status, label in ((Status.FAILED, "failed"), (Status.NAN, "no value")):
        rug(ax, x[kinds == status.value], sheet.maximize, look.failed, label)
    _steps(ax, x, data.best, look.best, "best")
    show_values(ax, shown, sheet.maximize)
    outer_legend(ax)
    return ax


def _steps(ax: Any, x: Floats, best: Floats, colour: str, label: str | None, **more: Any) -> None:
    """Draw a best value, which holds until the next better one."""
    known = np.isfinite(best)
    if not known.any():
        return
    x, best = x[known], best[known]
    # Only the corners: a line of 20,000 points is slow in a PDF.
    corner = np.concatenate([[True], best[1:] != best[:-1]])
    corner[-1] = True
    end = max(float(ax.get_xlim()[1]) if ax.lines == [] else x[-1], x[-1])
    x, best = np.append(x[corner], end), np.append(best[corner], best[-1])
    style = {"linewidth": 2.0, "zorder": 4, **more}
    ax.plot(x, best, drawstyle="steps-post", color=colour, label=label, **style)


def _unit(seconds: Floats) -> tuple[str, float]:
    """A unit in which the longest time is a handy number, and how many seconds it has."""
    longest = float(seconds.max()) if len(seconds) else 0.0
    return next((each for each in _UNITS if longest >= 2 * each[1]), _UNITS[-1])


def _compared(sheets: list[Sheet], by: str, labels: Sequence[str] | None, ax: Any) -> Any:
    if not sheets:
        raise ArgumentError("source", sheets, "must hold at least one search")
    if len({sheet.maximize for sheet in sheets}) > 1:
        problem = "have different directions; compare those that maximize, or those that minimize"
        raise ArgumentError("source", [sheet.title for sheet in sheets], problem)
    if labels is not None and (isinstance(labels, str) or len(labels) != len(sheets)):
        raise ArgumentError("labels", labels, f"must be {len(sheets)} texts, one a search")
    groups: dict[str, list[series.Progress]] = {}
    for label, sheet in zip(labels or _default_labels(sheets), sheets, strict=True):
        groups.setdefault(str(label), []).append(series.progress(sheet, by))
    ax = new_axes(ax)
    look = look_of(ax)
    unit, seconds = "evaluations", 1.0
    if by == "time":
        unit, seconds = _unit(np.concatenate([p.x for each in groups.values() for p in each]))
    everything = [part for parts in groups.values() for part in parts]
    shown = window(np.concatenate([part.best for part in everything]), sheets[0].maximize)
    if shown is None:
        return say(ax, nothing([status for part in everything for status in part.status]))
    ax.set_xlabel(f"time ({unit})" if by == "time" else unit)
    for number, (label, parts) in enumerate(groups.items()):
        _group(ax, look, look.cycle[number % len(look.cycle)], label, parts, seconds)
    ax.set_xlim(left=0)
    show_values(ax, shown, sheets[0].maximize)
    legend(ax, loc="lower right" if sheets[0].maximize else "upper right")
    return ax


def _group(
    ax: Any, look: Look, colour: str, label: str, parts: list[series.Progress], seconds: float
) -> None:
    """Draw one search, or the mean and the range of several."""
    if len(parts) == 1:
        _steps(ax, parts[0].x / seconds, parts[0].best, colour, title(label))
        return
    for part in parts:
        _steps(ax, part.x / seconds, part.best, colour, None, linewidth=0.7, alpha=0.45)
    together = series.band(parts)
    if len(together.x):
        name = f"{title(label)} (mean of {len(parts)})"
        x = together.x / seconds
        ax.fill_between(x, together.low, together.high, step="post", color=colour, alpha=0.15, lw=0)
        ax.plot(
            x, together.mean, drawstyle="steps-post", color=colour, lw=2.2, label=name, zorder=5
        )


def _default_labels(sheets: list[Sheet]) -> list[str]:
    """The same label for searches of the same space."""
    firsts = series.alike(sheets)
    if not any(firsts):
        return ["best"] * len(sheets)
    return [sheets[first].title or f"search {first + 1}" for first in firsts]


def curves(source: Any, *, ax: Any = None) -> Any:
    """The estimates of every evaluation on its way; those of pruned ones are faint.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn. Of more than 400 evaluations a sample is drawn, and the best one.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.curves(search)
    """
    from matplotlib.collections import LineCollection

    sheet = sheet_of(source)
    found = series.curves(sheet)
    ax = new_axes(ax)
    look = look_of(ax)
    done = [each for each in found if each.status is Status.DONE]
    # Where there are some, those that came to their end say what is worth seeing.
    telling = done if len(done) > 2 else found
    shown = window(np.array([y for each in telling for y in each.estimates]), sheet.maximize)
    if shown is None:
        return say(ax, "no evaluation has reported an estimate")
    ax.set_xlabel("estimates")
    sign = -1.0 if sheet.maximize else 1.0
    best = min(done, key=lambda each: sign * each.value, default=None)
    step = -(-len(found) // _MOST_CURVES)
    kinds = (
        (Status.DONE, "to the end", 0.9, float(np.clip(6 / max(len(done), 1) ** 0.5, 0.15, 0.8))),
        (Status.PRUNED, "pruned", 0.9, 0.55),
        (Status.FAILED, "failed", 0.9, 0.8),
        (None, "running", 1.2, 0.9),
    )
    for status, label, width, alpha in kinds:
        chosen = [each for each in found if each.status is status]
        drawn = [_line(each) for each in chosen[::step]]
        if drawn:
            lines = LineCollection(
                drawn, colors=look.ink if status is None else look.of(status), linewidths=width,
                alpha=alpha, label=f"{label} ({len(chosen)})", rasterized=len(drawn) > 200,
            )  # fmt: skip
            ax.add_collection(lines)
            ends = np.array([line[-1] for line in drawn])
            if status is not Status.DONE or (ends[:, 0] == 1).all():
                marker = "o" if status in (None, Status.DONE) else "x"
                ax.scatter(
                    ends[:, 0], shown.clip(ends[:, 1]), color=look.of(status), marker=marker, s=14,
                    alpha=min(1.0, alpha + 0.2), linewidths=0.9, zorder=3, clip_on=False,
                )  # fmt: skip
    if best is not None:
        ax.plot(*_line(best).T, color=look.best, lw=2.2, label=f"best (no. {best.id})", zorder=5)
    ax.set_xlim(1, max(2, *(len(each.estimates) for each in found)))
    show_values(ax, shown, sheet.maximize)
    ax.set_ylabel(f"estimate ({'higher' if sheet.maximize else 'lower'} is better)")
    legend(ax, loc="best")
    return ax


def _line(curve: series.Curve) -> Floats:
    count = len(curve.estimates)
    return np.column_stack([np.arange(1.0, count + 1), curve.estimates])


def slots(source: Any, *, ax: Any = None) -> Any:
    """Which slot did what when: evaluations as bars, idle time as gaps.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn. At the right stands which share of the time a slot was busy.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.slots(search)
    """
    sheet = sheet_of(source)
    lanes = series.slots(sheet)
    ax = new_axes(ax, height=float(np.clip(1.2 + 0.34 * len(lanes), 2.0, 14.0)))
    look = look_of(ax)
    if not lanes:
        return say(ax, "no evaluation has started yet")
    ends = np.array([stay.end for lane in lanes for stay in lane.stays])
    unit, seconds = _unit(ends)
    crowded = len(ends) > 300 * len(lanes)
    for row, lane in enumerate(lanes):
        for status in (*Status, None):
            bars = [
                (stay.start / seconds, (stay.end - stay.start) / seconds)
                for stay in lane.stays
                if stay.status is status
            ]
            if bars:
                ax.broken_barh(
                    bars, (row - 0.36, 0.72), facecolors=look.of(status),
                    hatch="////" if status is None else None, rasterized=crowded,
                    edgecolor="none" if crowded else ax.get_facecolor(),
                    linewidth=0.0 if crowded else 0.6,
                )  # fmt: skip
        ax.text(
            1.01, row, f"{100 * lane.busy:.0f}% busy", transform=ax.get_yaxis_transform(),
            va="center", fontsize="small", color=look.ink,
        )  # fmt: skip
    ax.set_yticks(range(len(lanes)), [title(lane.name) for lane in lanes])
    ax.set_ylim(len(lanes) - 0.4, -0.6)
    ax.set_xlim(0, float(ends.max()) / seconds)
    ax.set_xlabel(f"time ({unit})")
    ax.tick_params(axis="y", length=0)
    _bar_legend(ax, look, {stay.status for lane in lanes for stay in lane.stays})
    return ax


def _bar_legend(ax: Any, look: Look, present: set[Status | None]) -> None:
    from matplotlib.patches import Patch

    names = {
        Status.DONE: "with a value",
        Status.PRUNED: "pruned",
        Status.FAILED: "failed",
        Status.NAN: "no value",
        Status.CANCELLED: "cancelled",
        None: "running",
    }
    handles = [
        Patch(facecolor=look.of(status), label=name, hatch="////" if status is None else None)
        for status, name in names.items()
        if status in present
    ]
    ax.legend(
        handles=handles, fontsize="small", frameon=False, ncols=len(handles),
        loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2,
    )  # fmt: skip

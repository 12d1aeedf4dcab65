"""Parallel coordinates: every evaluation as a line through its parameters to its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError
from pyhopper.history import series
from pyhopper.history.sheet import Axis, Floats, describe
from pyhopper.journal.sources import sheet_of
from pyhopper.plot.look import (
    Look,
    is_log,
    look_of,
    new_axes,
    nothing,
    say,
    short_label,
    title,
    window,
)

_MOST_AXES = 12
_MOST_LINES = 1500
_OFF = -0.1
"""Where a line passes an axis of a parameter that was inactive."""


def parallel(
    source: Any, names: Sequence[str] | None = None, *, top: int = 10, ax: Any = None
) -> Any:
    """Parallel coordinates: every evaluation as a line through its parameters, the best on top.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    names : sequence of str, optional
        Which parameters, in this order; by default the first 12.
    top : int
        How many of the best are drawn strongly.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. A line passes below an axis where the parameter was inactive. Of more than 1500
        evaluations a sample is drawn, and the best ones.

    Raises
    ------
    ArgumentError
        If there is no such parameter.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.parallel(search)
    """
    sheet = sheet_of(source)
    if isinstance(names, str):
        raise ArgumentError("names", names, "must be a list of names")
    chosen = list(names) if names is not None else list(sheet.names[:_MOST_AXES])
    axes = [sheet.axis(name) for name in chosen]
    axes = [axis for axis in axes if np.isfinite(axis.numbers()).any()]
    data = series.points(sheet, axes)
    ax = new_axes(ax, float(np.clip(1.6 * (len(axes) + 1), 5.0, 16.0)), 4.6)
    look = look_of(ax)
    done = np.flatnonzero(np.isfinite(data.values))
    shown = window(data.values, sheet.maximize)
    if shown is None or not axes:
        say(ax, nothing(data.status) if axes or shown is None else "there is no parameter to draw")
        return ax.figure
    ax.axis("off")
    values = data.values[done]
    order = np.argsort(-values if sheet.maximize else values, kind="stable")
    heights = [_height(axis, column)[done] for axis, column in zip(axes, data.columns, strict=True)]
    ends = (np.log(shown.low), np.log(shown.high)) if shown.log else (shown.low, shown.high)
    clipped = shown.clip(values)
    place = np.log(clipped) if shown.log else clipped
    heights.append((place - ends[0]) / (ends[1] - ends[0]))
    table = np.column_stack(heights)
    _lines(ax, look, table, order, top)
    for number, (axis, column) in enumerate(zip(axes, data.columns, strict=True)):
        inactive = bool(np.isnan(column[done]).any())
        _scale(ax, look, number, describe(axis), _ticks(axis, column), inactive)
    value = Axis("value", [], low=shown.low, high=shown.high, log=shown.log, kind="number")
    direction = "higher" if sheet.maximize else "lower"
    _scale(ax, look, len(axes), f"value\n({direction} is better)", _ticks(value, values), False)
    ax.set_xlim(-0.4, len(axes) + 0.6)
    ax.set_ylim(-0.16, 1.0)
    return ax.figure


def _lines(ax: Any, look: Look, table: Floats, order: Any, top: int) -> None:
    """Draw the evaluations, the best ones last and strongly."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    rest, best = order[top:], order[:top]
    step = -(-len(rest) // _MOST_LINES)
    scale = colormaps[look.scale]
    segments = np.stack([np.broadcast_to(np.arange(table.shape[1]), table.shape), table], axis=2)
    if len(rest):
        # The worst first, so that better ones lie above.
        drawn = rest[::step][::-1]
        ranks = np.linspace(1.0, 0.15, len(drawn))
        alpha = float(np.clip(0.5 * (150 / len(drawn)) ** 0.5, 0.12, 0.5))
        ax.add_collection(
            LineCollection(
                segments[drawn], colors=scale(0.1 + 0.8 * ranks), linewidths=0.9, alpha=alpha,
                rasterized=len(drawn) > 300,
            )
        )  # fmt: skip
    strong = np.linspace(0.55, 1.0, len(best))
    for index, alpha in zip(best[::-1], strong, strict=True):
        ax.plot(*segments[index].T, color=look.best, lw=1.0 + alpha, alpha=alpha, zorder=4)


def _height(axis: Axis, numbers: Floats) -> Floats:
    """Where on its axis a number stands, from 0 to 1; below where there is none."""
    low, high, log = _ends(axis, numbers)
    known = np.where(np.isfinite(numbers), numbers, low)
    if log:
        low, high, known = np.log(low), np.log(high), np.log(np.maximum(known, low))
    place = (known - low) / (high - low)
    if axis.options:
        # A fan instead of one thick point, the same every time.
        step = (np.arange(len(numbers)) * 0.6180339887498949) % 1.0
        place = place + 0.05 * (step - 0.5)
    return np.asarray(np.where(np.isfinite(numbers), place, _OFF))


def _ends(axis: Axis, numbers: Floats) -> tuple[float, float, bool]:
    """What stands at both ends of an axis, and whether it is logarithmic."""
    if axis.options:
        return -0.3, max(len(axis.options) - 0.7, 0.3), False
    known = numbers[np.isfinite(numbers)]
    low, high = float(known.min()), float(known.max())
    if axis.low is not None and axis.high is not None and not axis.summary():
        low, high = axis.low, axis.high
    log = is_log(axis) and low > 0
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return low, high, log


def _ticks(axis: Axis, numbers: Floats) -> tuple[Floats, list[str]]:
    """Where to write what along an axis."""
    low, high, log = _ends(axis, numbers)
    if axis.options:
        count = len(axis.options)
        step = -(-count // 12)
        at = np.arange(0.0, count, step)
        return (at - low) / (high - low), [short_label(each) for each in axis.options[::step]]
    from matplotlib.ticker import LogLocator, MaxNLocator

    whole = axis.whole or axis.summary() == "length"
    found = LogLocator(numticks=6) if log else MaxNLocator(nbins=4, integer=whole)
    at = np.asarray(found.tick_values(low, high))
    at = at[(at >= low * (1 - 1e-9)) & (at <= high * (1 + 1e-9))] if log else at
    at = at[(at >= low - 1e-9) & (at <= high + 1e-9)]
    if len(at) < 2:
        at = np.array([low, high])
    place = np.log(at / low) / np.log(high / low) if log else (at - low) / (high - low)
    return place, [f"{each:.4g}" for each in at]


def _scale(
    ax: Any, look: Look, number: int, name: str, ticks: tuple[Floats, list[str]], inactive: bool
) -> None:
    """Draw one axis with its ticks and its name."""
    ax.plot([number, number], [0, 1], color=look.ink, lw=1.0, zorder=5)
    paper = {"facecolor": ax.figure.get_facecolor(), "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
    for place, text in zip(*ticks, strict=True):
        ax.plot([number - 0.02, number], [place, place], color=look.ink, lw=0.8, zorder=5)
        ax.text(
            number - 0.04, place, text, ha="right", va="center", fontsize="x-small",
            color=look.ink, zorder=6, bbox=paper,
        )  # fmt: skip
    if inactive:
        ax.text(
            number - 0.04, _OFF, "inactive", ha="right", va="center", fontsize="x-small",
            style="italic", color=look.ink, zorder=6, bbox=paper,
        )  # fmt: skip
    if len(name) > 18 and "\n" not in name:
        name = f"{name[:15]}..."
    shown = "\n".join(title(line) for line in name.split("\n"))
    ax.text(number, 1.04, shown, ha="center", va="bottom", fontsize="small", color=look.ink)

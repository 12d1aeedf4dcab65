"""Pictures over parameters: values against one or two, and where the search has been."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError
from pyhopper.events import Status
from pyhopper.history import series
from pyhopper.history.importance import surface
from pyhopper.history.sheet import Axis, Floats, Sheet, describe
from pyhopper.journal.sources import sheet_of
from pyhopper.plot.look import (
    Window,
    axis_of,
    dots,
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


def parameter(source: Any, name: str, *, summary: str | None = None, ax: Any = None) -> Any:
    """The value of every evaluation against one parameter, on the parameter's own scale.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    name : str
        The parameter, nested ones by their dotted name.
    summary : str, optional
        By what arrays and lists are summarised: ``"mean"`` (the default of arrays), ``"min"``,
        ``"max"``, ``"norm"`` or ``"length"`` (the default of lists).
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn. Evaluations in which the parameter was inactive are left out.

    Raises
    ------
    ArgumentError
        If there is no such parameter.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.parameter(search, "lr")
    """
    sheet = sheet_of(source)
    axis = sheet.axis(name)
    data = series.points(sheet, [axis], summary)
    (numbers,) = data.columns
    ax = new_axes(ax)
    look = look_of(ax)
    active = np.isfinite(numbers)
    shown = window(data.values[active], sheet.maximize)
    axis_of(ax, "x", axis, numbers, summary)
    if shown is None:
        ax.set_xlabel("")
        status = [each for each, on in zip(data.status, active, strict=True) if on]
        if data.status and not active.any():
            return say(ax, title(f"{describe(axis, summary)} has no number in any evaluation"))
        return say(ax, nothing(status))
    x = _spread(axis, numbers)
    done = active & np.isfinite(data.values)
    for local, label, colour in ((False, "random phase", look.faint), (True, "local", look.values)):
        chosen = done & (data.local == local)
        if chosen.any():
            y = shown.clip(data.values[chosen])
            name = f"{label} ({chosen.sum()})"
            ax.scatter(x[chosen], y, color=colour, label=name, zorder=2, **dots(len(x)))
    if axis.options:
        for option in range(len(axis.options)):
            own = data.values[done & (numbers == option)]
            if len(own):
                middle = shown.clip(np.median(own))
                ax.hlines(middle, option - 0.3, option + 0.3, color=look.ink, lw=1.6, zorder=3)
    _mark_best(ax, x, data.values, done, sheet, look.best)
    kinds = np.array([status.value for status in data.status])
    pruned = active & (kinds == Status.PRUNED.value)
    rug(ax, x[pruned], sheet.maximize, look.pruned, "pruned", "|")
    lost = active & ((kinds == Status.FAILED.value) | (kinds == Status.NAN.value))
    rug(ax, x[lost], sheet.maximize, look.failed, "failed or no value")
    show_values(ax, shown, sheet.maximize)
    if not active.all() and axis.parent >= 0:
        ax.set_xlabel(f"{ax.get_xlabel()} (where {title(sheet.where(axis))})")
    outer_legend(ax)
    return ax


def _mark_best(
    ax: Any, x: Floats, values: Floats, done: Any, sheet: Sheet, colour: str, y: Any = None
) -> None:
    """A star on the best evaluation."""
    places = np.flatnonzero(done)
    pick = np.argmax if sheet.maximize else np.argmin
    best = int(places[pick(values[places])])
    height = values[best] if y is None else y[best]
    ax.scatter(
        [x[best]], [height], marker="*", s=150, color=colour, label="best", zorder=6,
        edgecolors=ax.get_facecolor(), linewidths=0.8,
    )  # fmt: skip


def _spread(axis: Axis, numbers: Floats) -> Floats:
    """Numbers to draw at: those of options are spread a little, so that dots do not cover."""
    if not axis.options:
        return numbers
    # The same picture every time: steps of the golden ratio fill an interval evenly.
    step = (np.arange(len(numbers)) * 0.6180339887498949) % 1.0
    return np.asarray(numbers + 0.44 * (step - 0.5))


def contour(source: Any, x: str, y: str, *, ax: Any = None) -> Any:
    """The value expected over two parameters, with the evaluations on top.

    The surface is what a smooth model expects on average over all other parameters; far from
    evaluations it is a guess.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    x, y : str
        Two parameters, nested ones by their dotted names. Arrays count by their mean, lists by
        their length.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    ArgumentError
        If there is no such parameter, or both are the same.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.contour(search, "lr", "layers")
    """
    sheet = sheet_of(source)
    if x == y:
        raise ArgumentError("y", y, "is the same parameter as x; parameter() draws a single one")
    axes = sheet.axis(x), sheet.axis(y)
    data = series.points(sheet, axes)
    active = np.isfinite(data.columns[0]) & np.isfinite(data.columns[1])
    done = active & np.isfinite(data.values)
    ax = new_axes(ax, 6.4, 4.8)
    look = look_of(ax)
    for which, axis, numbers in zip("xy", axes, data.columns, strict=True):
        axis_of(ax, which, axis, numbers)
    shown = window(data.values[done], sheet.maximize)
    if shown is None:
        ax.set(xlabel="", ylabel="")
        status = [each for each, on in zip(data.status, active, strict=True) if on]
        return say(ax, nothing(status) if status else "they are never active together")
    colours = look.scale if not sheet.maximize else _reversed(look.scale)
    norm = _norm(shown)
    _paint(ax, sheet, axes, shown, _pale(colours, look.paper), norm)
    sx, sy = (_spread(axis, each) for axis, each in zip(axes, data.columns, strict=True))
    marks = ax.scatter(
        sx[done], sy[done], c=shown.clip(data.values[done]), cmap=colours, norm=norm, zorder=2,
        **{**dots(int(done.sum())), "edgecolors": look.ink, "linewidths": 0.4},
    )  # fmt: skip
    pruned = active & np.array([each is Status.PRUNED for each in data.status], dtype=np.bool_)
    lost = active & ~done & ~pruned
    for chosen, marker, colour, label in (
        (pruned, "|", look.ink, "pruned"),
        (lost, "x", look.failed, "failed or no value"),
    ):
        if chosen.any():
            ax.scatter(
                sx[chosen], sy[chosen], marker=marker, color=colour, s=16, linewidths=0.8,
                zorder=3, label=f"{label} ({chosen.sum()})", alpha=dots(len(done))["alpha"],
            )  # fmt: skip
    _mark_best(ax, sx, data.values, done, sheet, look.best, sy)
    bar = ax.figure.colorbar(marks, ax=ax, pad=0.02)
    bar.set_label(f"value ({'higher' if sheet.maximize else 'lower'} is better)")
    bar.outline.set_visible(False)
    bar.solids.set_alpha(1.0)
    outer_legend(ax)
    return ax


def _paint(
    ax: Any, sheet: Sheet, axes: tuple[Axis, Axis], shown: Window, colours: Any, norm: Any
) -> None:
    """Paint the surface, in cells where an axis has options, else in steps of equal colour."""
    found = surface(sheet, *axes)
    if found is None:
        return
    x, y, table = found
    table = shown.clip(table)
    if axes[0].options or axes[1].options or min(table.shape) < 3:
        ax.pcolormesh(
            x, y, table, cmap=colours, norm=norm, shading="nearest", zorder=0, rasterized=True
        )
        return
    ends = (shown.low, shown.high, 25)
    levels = np.geomspace(*ends) if shown.log else np.linspace(*ends)
    ax.contourf(x, y, table, levels, cmap=colours, norm=norm, zorder=0)


def _reversed(scale: str) -> str:
    return scale.removesuffix("_r") if scale.endswith("_r") else f"{scale}_r"


def _pale(scale: str, paper: str) -> Any:
    """The colour map mixed with the colour of the paper, so that dots stand out."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, to_rgba

    colours = colormaps[scale](np.linspace(0.0, 1.0, 256))
    return ListedColormap(0.75 * colours + 0.25 * np.array(to_rgba(paper)))


def _norm(shown: Any) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    return (LogNorm if shown.log else Normalize)(shown.low, shown.high)


def moves(source: Any, x: str | None = None, y: str | None = None, *, ax: Any = None) -> Any:
    """Where the random phase and the local moves have been, and the way of the best.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    x, y : str, optional
        Two parameters; by default the first two that are numbers and always active. With a single
        one, the number of the evaluation is drawn upwards.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn. Local moves get darker in the course of the search.

    Raises
    ------
    ArgumentError
        If there is no such parameter.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.moves(search, "lr")
    """
    sheet = sheet_of(source)
    axes = _two(sheet, x, y)
    ax = new_axes(ax, 6.4, 4.8)
    look = look_of(ax)
    if not axes:
        return say(ax, "there is no parameter to draw")
    data = series.points(sheet, axes)
    columns = list(data.columns)
    for which, axis, numbers in zip("xy", axes, columns, strict=False):
        axis_of(ax, which, axis, numbers)
    if len(axes) == 1:
        columns.append(np.asarray(data.order + 1.0, dtype=np.float64))
        ax.set_ylabel("evaluations")
    seen = np.isfinite(columns[0]) & np.isfinite(columns[1])
    if not seen.any():
        ax.set(xlabel="", ylabel="")
        return say(ax, "no evaluation has ended yet" if not len(seen) else "never active together")
    place_x, place_y = _spread(axes[0], columns[0]), columns[1]
    if len(axes) == 2:
        place_y = _spread(axes[1], columns[1])
    size = dots(int(seen.sum()))
    random = seen & ~data.local
    if random.any():
        ax.scatter(
            place_x[random], place_y[random], zorder=1, facecolors="none", edgecolors=look.ink,
            label=f"random phase ({random.sum()})", **{**size, "linewidths": 0.7},
        )  # fmt: skip
    local = seen & data.local
    if local.any():
        ax.scatter(
            place_x[local], place_y[local], c=np.arange(local.sum()), zorder=2,
            cmap=_fading(look.values, look.faint), label=f"local moves ({local.sum()})", **size,
        )  # fmt: skip
    done = seen & np.isfinite(data.values)
    if done.any():
        best = series.best_so_far(np.where(done, data.values, np.nan), sheet.maximize)
        steps = np.flatnonzero(
            done & (data.values == best) & (best != np.append(np.nan, best[:-1]))
        )
        ax.plot(place_x[steps], place_y[steps], color=look.best, lw=1.2, alpha=0.9, zorder=3,
                label="way of the best")  # fmt: skip
        _mark_best(ax, place_x, data.values, done, sheet, look.best, place_y)
    outer_legend(ax)
    return ax


def _fading(strong: str, weak: str) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("moves", [weak, strong])


def _two(sheet: Sheet, x: str | None, y: str | None) -> list[Axis]:
    """The parameters that are meant, at most two."""
    chosen = [name for name in (x, y) if name is not None]
    if not chosen:
        numeric = [a for a in sheet.axes if a.kind == "number" and a.parent < 0]
        others = [a for a in sheet.axes if a.kind in ("array", "choice") and len(a.options) != 1]
        chosen = list(dict.fromkeys(a.name for a in numeric))[:2] or [a.name for a in others[:2]]
    return [sheet.axis(name) for name in dict.fromkeys(chosen)]

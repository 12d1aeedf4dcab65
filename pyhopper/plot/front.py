"""The picture of several objectives: all evaluations, the front, and how it has grown."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError
from pyhopper.events import Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.front import Floats, Front, nondominated
from pyhopper.history.sheet import Sheet
from pyhopper.journal.sources import sheet_of
from pyhopper.plot.look import dots, legend, look_of, need_pyplot, new_axes, say, title

_STAGES = (0.25, 0.5)
"""Shares of the evaluations after which the front is drawn, too."""


def front(source: Any, *, ax: Any = None) -> Any:
    """The front of a search with two or three objectives, among all evaluations.

    With two objectives, earlier fronts are drawn too, after a quarter and after half of the
    evaluations. With three, the first two are the axes, and the third is the colour.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    ArgumentError
        If the search has one objective.
    CheckpointError
        If a file cannot be read.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(width=pyhopper.int(1, 9), seed=1)
    >>> def train(params):
    ...     return {"accuracy": 1 - 1 / params["width"], "size": params["width"] ** 2}
    >>> _ = search.run(train, {"accuracy": "max", "size": "min"}, steps=9, quiet=True)
    >>> picture = pyhopper.plot.front(search)
    """
    sheet = sheet_of(source)
    objectives = sheet.state.objectives
    if not objectives.several:
        problem = "has one objective, so there is no front; see pyhopper.plot.progress"
        raise ArgumentError("source", source, problem)
    ax = new_axes(ax, 6.4, 4.8)
    front = sheet.state.leaders
    assert isinstance(front, Front)
    if not front.entries:
        return say(ax, "no evaluation is within the limits yet")
    sign = np.where(objectives.maximize, -1.0, 1.0)
    inside, outside = _found(sheet)
    if len(objectives.names) == 2:
        _two(ax, front.losses, inside, outside, sign)
    else:
        _three(ax, front.losses, inside, sign, objectives.names[2])
    for which, name, word in zip(
        "xy", objectives.names, objectives.directions.values(), strict=False
    ):
        better = "higher" if word == "max" else "lower"
        getattr(ax, f"set_{which}label")(title(f"{name} ({better} is better)"))
    return ax


def _found(sheet: Sheet) -> tuple[Floats, Floats]:
    """The losses of all evaluations, within the limits and outside, in their order."""
    objectives = sheet.state.objectives

    def losses(chosen: list[Evaluation]) -> Floats:
        rows = [objectives.losses(each.value, each.metrics) for each in chosen]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(objectives.names))

    done = [each for each in sheet.evaluations if each.status is Status.DONE and each.fits]
    kept = [objectives.allow(each.metrics) for each in done]
    pairs = list(zip(done, kept, strict=True))
    return losses([e for e, is_in in pairs if is_in]), losses(
        [e for e, is_in in pairs if not is_in]
    )


def _two(ax: Any, front: Floats, inside: Floats, outside: Floats, sign: Floats) -> None:
    """Every evaluation, the front as a staircase, and earlier ones behind it."""
    look = look_of(ax)
    for rows, colour, label in (
        (outside, look.failed, "outside the limits"),
        (inside, look.values, "evaluation"),
    ):
        if len(rows):
            ax.scatter(*(rows * sign).T, color=colour, label=label, **dots(len(rows)))
    for share in _STAGES:
        count = int(share * len(inside))
        if count >= 4:
            early = inside[:count][nondominated(inside[:count])]
            label = f"front after {count}"
            ax.plot(*_stairs(early, sign), color=look.ink, alpha=share, lw=1.0, label=label)
    ax.plot(*_stairs(front, sign), color=look.best, lw=1.8, zorder=4)
    label = f"front ({len(front)})"
    ax.scatter(*(front * sign).T, color=look.best, s=22, zorder=5, label=label)
    near = front[int(np.argmin(np.square(_scaled(front)).sum(axis=1)))] * sign
    ax.scatter(*near, s=110, facecolors="none", edgecolors=look.ink, zorder=6, label="compromise")
    # What is far from the front would leave no room for it.
    low, high = front.min(axis=0), front.max(axis=0)
    room = np.where(high > low, high - low, 1.0)
    every = np.vstack([inside, outside])
    first = np.maximum(every.min(axis=0), low - 0.5 * room) - 0.08 * room
    last = np.minimum(every.max(axis=0), high + 1.5 * room) + 0.08 * room
    for which, j in (("x", 0), ("y", 1)):
        getattr(ax, f"set_{which}lim")(*sorted((sign[j] * first[j], sign[j] * last[j])))
    legend(ax, loc="best")


def _scaled(front: Floats) -> Floats:
    low, width = front.min(axis=0), np.ptp(front, axis=0)
    return np.asarray((front - low) / np.where(width > 0, width, 1.0))


def _stairs(front: Floats, sign: Floats) -> tuple[Floats, Floats]:
    """The edge of what a front dominates, as a line of steps."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    x = np.repeat(front[:, 0], 2)[1:]
    y = np.repeat(front[:, 1], 2)[:-1]
    return x * sign[0], y * sign[1]


def _three(ax: Any, front: Floats, inside: Floats, sign: Floats, name: str) -> None:
    """The first two objectives as axes; the third as the colour of what is on the front."""
    look = look_of(ax)
    ax.scatter(
        *(inside[:, :2] * sign[:2]).T, color=look.faint, label="evaluation", **dots(len(inside))
    )
    marks = ax.scatter(
        *(front[:, :2] * sign[:2]).T,
        c=front[:, 2] * sign[2],
        cmap=look.scale,
        s=30,
        zorder=4,
        label=f"front ({len(front)})",
    )
    need_pyplot()
    ax.figure.colorbar(marks, ax=ax, label=title(name))
    legend(ax, loc="best")

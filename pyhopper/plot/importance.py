"""The picture of importance: bars with their uncertainty."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from pyhopper.history.importance import importance as shares_of
from pyhopper.journal.sources import sheet_of
from pyhopper.plot.look import look_of, new_axes, say, title


def importance(source: Any, *, top: int = 12, ax: Any = None) -> Any:
    """Which share of the value's variation each parameter explains, and the strongest pairs.

    Parameters
    ----------
    source : Search, History, str or path-like
        A search, its history or a checkpoint.
    top : int
        How many to draw at most.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn. Below stands what to keep in mind, see
        :meth:`pyhopper.history.view.History.importance`.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), seed=1)
    >>> _ = search.run(lambda params: params["lr"] * params["layers"], "max", steps=20, quiet=True)
    >>> picture = pyhopper.plot.importance(search)
    """
    found = shares_of(sheet_of(source))
    shares = found.shares[: max(1, top)]
    ax = new_axes(ax, height=float(np.clip(1.4 + 0.36 * len(shares), 2.4, 9.0)))
    look = look_of(ax)
    if not shares:
        return say(ax, "\n".join(textwrap.fill(note, 60) for note in found.notes))
    rows = np.arange(len(shares))
    middle = np.array([each.share for each in shares])
    low, high = (np.array([getattr(each, end) for each in shares]) for end in ("low", "high"))
    single = [len(each.parameters) == 1 for each in shares]
    colours = [look.values if alone else look.pruned for alone in single]
    ax.barh(rows, 100 * middle, color=colours, height=0.62)
    ax.hlines(rows, 100 * low, 100 * high, color=look.ink, lw=1.1)
    for row, each, end in zip(rows, shares, np.maximum(middle, high), strict=True):
        where = f"  where {each.where}" if each.where else ""
        ax.text(
            100 * end, row, f"  {100 * each.share:.0f}%{title(where)}",
            va="center", fontsize="small", color=look.ink,
        )  # fmt: skip
    names = [each.name.replace(" x ", " \u00d7 ") for each in shares]
    ax.set_yticks(rows, [title(name if len(name) <= 36 else f"{name[:33]}...") for name in names])
    ax.set_ylim(len(shares) - 0.4, -0.6)
    widest = max(len(each.where) for each in shares)
    ax.set_xlim(0, max(1.0, 100 * float(np.maximum(middle, high).max())) * (1.14 + 0.015 * widest))
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("share of the variation in % (lines: 90% range)")
    if found.notes:
        text = "\n".join(textwrap.fill(note, 95) for note in found.notes)
        ax.annotate(
            text.replace("$", r"\$"), (0, 0), (0, -42), xycoords="axes fraction",
            textcoords="offset points", va="top", fontsize="x-small", color=look.ink, alpha=0.8,
        )  # fmt: skip
    return ax

"""How pictures look: colours on white and on dark paper, scales, and messages in place of data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyhopper.errors import plural
from pyhopper.events import Status
from pyhopper.extras import require
from pyhopper.history.sheet import Axis, Floats, describe

_MANY = 2000
"""More marks than this are drawn as pixels, also in a PDF."""

_LABEL, _TITLE = 18, 60
"""Longest texts of ticks and of everything else, in characters."""

NAMES = {
    Status.DONE: "value",
    Status.PRUNED: "pruned",
    Status.FAILED: "failed",
    Status.NAN: "no value",
}


@dataclass(frozen=True)
class Look:
    """The colours of a picture.

    Attributes
    ----------
    ink, faint, paper : str
        Of text, of what stays in the background, and of the background.
    values, best, pruned, failed : str
        Of values, of the best ones, and of evaluations without a value.
    phase : str
        Behind the random phase.
    scale : str
        The name of the colour map, from good to bad.
    cycle : tuple of str
        To tell searches apart.
    """

    ink: str
    faint: str
    paper: str
    values: str
    best: str
    pruned: str
    failed: str
    phase: str
    scale: str
    cycle: tuple[str, ...]

    def of(self, status: Status | None) -> str:
        """The colour of evaluations that ended in some way; None stands for running ones."""
        colours = {
            Status.DONE: self.values,
            Status.PRUNED: self.pruned,
            Status.FAILED: self.failed,
            Status.NAN: self.failed,
        }
        return self.faint if status is None else colours.get(status, self.faint)


# Colours that people with any kind of colour vision can tell apart: Okabe & Ito 2008, made lighter
# for dark paper.
_LIGHT = Look(
    ink="#22272e",
    faint="#b4bcc6",
    paper="#ffffff",
    values="#5b8fc0",
    best="#d55e00",
    pruned="#9a8bb5",
    failed="#b3261e",
    phase="#eef2f7",
    scale="viridis",
    cycle=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#3a3f47"),
)
_DARK = Look(
    ink="#e6e9ee",
    faint="#565e69",
    paper="#16191e",
    values="#6ea8dc",
    best="#ffa94d",
    pruned="#b9a7dd",
    failed="#ff7b72",
    phase="#ffffff14",
    scale="viridis_r",
    cycle=("#6ea8dc", "#ffa94d", "#4fd1a5", "#f0a6cf", "#e3c94f", "#c9d0d9"),
)


def look_of(ax: Any) -> Look:
    """The look that suits the paper of an Axes."""
    from matplotlib.colors import to_rgb, to_rgba

    red, green, blue, alpha = to_rgba(ax.get_facecolor())
    if alpha < 0.5:
        red, green, blue = to_rgb(ax.figure.get_facecolor())
    return _DARK if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else _LIGHT


def new_axes(ax: Any, width: float = 7.0, height: float = 4.2) -> Any:
    """The Axes to draw on: the given one, or that of a new figure.

    Raises
    ------
    ImportError
        Without the package matplotlib.
    """
    pyplot = need_pyplot()
    if ax is None:
        _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def need_pyplot() -> Any:
    """The module of matplotlib that makes figures.

    Raises
    ------
    ImportError
        Without the package matplotlib.
    """
    return require("matplotlib.pyplot", "plot", "a picture")


def say(ax: Any, text: str) -> Any:
    """Write on empty Axes why there is nothing to see."""
    ax.text(
        0.5,
        0.5,
        text,
        transform=ax.transAxes,
        ha="center",
        va="center",
        color=look_of(ax).ink,
        wrap=True,
    )
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def nothing(status: Sequence[Status]) -> str:
    """Why there is no value to draw."""
    if not status:
        return "no evaluation has ended yet"
    counts = {name: status.count(kind) for kind, name in NAMES.items() if kind is not Status.DONE}
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"no evaluation has a value ({listed or 'none fits the space'})"


def title(text: str) -> str:
    """Text of the user's as matplotlib shows it: not endless, and a dollar begins no formula."""
    text = text if len(text) <= _TITLE else f"{text[: _TITLE - 3]}..."
    return "".join(each if each.isprintable() else "?" for each in text).replace("$", r"\$")


def short_label(text: str) -> str:
    """The same for a tick, not too long."""
    return title(text if len(text) <= _LABEL else f"{text[: _LABEL - 3]}...")


def dots(count: int) -> dict[str, Any]:
    """Size and opacity of so many marks, so that a crowd stays readable."""
    size = float(np.clip(26.0 * math.sqrt(60.0 / max(count, 1)), 3.0, 26.0))
    alpha = float(np.clip(0.85 * math.sqrt(400.0 / max(count, 1)), 0.15, 0.85))
    return {"s": size, "alpha": alpha, "linewidths": 0, "rasterized": count > _MANY}


def axis_of(ax: Any, which: str, axis: Axis, numbers: Floats, summary: str | None = None) -> None:
    """Set label, scale and ticks of one side for a parameter.

    Parameters
    ----------
    ax : Axes
        Is changed.
    which : str
        ``"x"`` or ``"y"``.
    axis : Axis
        The parameter.
    numbers : float array
        What is drawn.
    summary : str, optional
        By what arrays are summarised.
    """
    side = ax.xaxis if which == "x" else ax.yaxis
    set_label, set_limits = getattr(ax, f"set_{which}label"), getattr(ax, f"set_{which}lim")
    set_label(title(describe(axis, summary)))
    if axis.options:
        labels = [short_label(option) for option in axis.options]
        side.set_ticks(range(len(labels)), labels)
        set_limits(-0.6, len(labels) - 0.4)
        if which == "x" and sum(map(len, labels)) > 50:
            ax.tick_params(axis="x", rotation=30)
            for tick in ax.get_xticklabels():
                tick.set_ha("right")
        return
    known = numbers[np.isfinite(numbers)]
    if is_log(axis, summary) and len(known) and known.min() > 0:
        getattr(ax, f"set_{which}scale")("log")
        levels = np.unique(known)
        if axis.whole and not axis.summary(summary) and 1 < len(levels) <= 9:
            side.set_ticks(levels, [f"{level:g}" for level in levels])
            side.set_minor_locator(_no_ticks())
    elif not axis.log and (axis.whole or axis.summary(summary) == "length"):
        from matplotlib.ticker import MaxNLocator

        side.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if axis.low is not None and axis.high is not None and not axis.summary(summary):
        set_limits(*_with_margin(axis.low, axis.high, is_log(axis, summary)))
    elif len(known) and known.min() == known.max():
        middle = float(known[0])
        room = 0.5 * max(abs(middle), 1.0) if not is_log(axis, summary) else 0.0
        if room:
            set_limits(middle - room, middle + room)


def _no_ticks() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def is_log(axis: Axis, summary: str | None = None) -> bool:
    """Whether an axis is drawn with a logarithmic scale."""
    return axis.log and axis.summary(summary) in ("", "mean", "min", "max")


def _with_margin(low: float, high: float, log: bool) -> tuple[float, float]:
    if log and low > 0:
        room = (high / low) ** 0.03
        return low / room, high * room
    return low - 0.03 * (high - low), high + 0.03 * (high - low)


@dataclass(frozen=True)
class Window:
    """Which values a picture shows.

    Attributes
    ----------
    low, high : float
        The ends of the axis.
    log : bool
        Whether it is logarithmic.
    beyond : int
        How many values lie outside; they are marked at the edge.
    """

    low: float
    high: float
    log: bool
    beyond: int

    def clip(self, values: Floats) -> Floats:
        """Values moved to the edge if they lie beyond it."""
        return np.asarray(np.clip(values, self.low, self.high))


def window(values: Floats, maximize: bool) -> Window | None:
    """The part of the values that is worth showing: the best, and all but very bad ones.

    None if no value is finite.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    if not maximize and low > 0 and high > 300 * low:
        return Window(low / 1.3, high * 1.3, True, 0)
    best, worst = (high, low) if maximize else (low, high)
    ninth = float(np.quantile(known, 0.1 if maximize else 0.9))
    # In halves, so that the difference of two huge values stays finite.
    if abs(worst / 2 - best / 2) > 4 * abs(ninth / 2 - best / 2) > 0:
        worst = best + 2.0 * (ninth - best)
        low, high = min(worst, best), max(worst, best)
    room = 0.06 * (high - low) or 0.05 * max(abs(high), 1.0)
    beyond = int(((known < low) | (known > high)).sum())
    return Window(low - room, high + room, False, beyond)


def show_values(ax: Any, shown: Window, maximize: bool, which: str = "y") -> None:
    """Set label, scale and limits of the side on which values are."""
    if shown.log:
        getattr(ax, f"set_{which}scale")("log")
    getattr(ax, f"set_{which}lim")(shown.low, shown.high)
    direction = "higher" if maximize else "lower"
    getattr(ax, f"set_{which}label")(f"value ({direction} is better)")
    if shown.beyond:
        count = f"{plural(shown.beyond, 'worse value')} at the edge"
        place = {"ha": "right", "va": "bottom"} if maximize else {"ha": "right", "va": "top"}
        ax.text(
            0.995,
            0.01 if maximize else 0.99,
            count,
            transform=ax.transAxes,
            fontsize="x-small",
            color=look_of(ax).ink,
            alpha=0.8,
            **place,
        )


def rug(ax: Any, x: Any, maximize: bool, colour: str, label: str, marker: str = "x") -> None:
    """Marks for what has no value, at the bad edge."""
    if not len(x):
        return
    height = 0.02 if maximize else 0.98
    size = dots(len(x))
    ax.scatter(
        x,
        np.full(len(x), height),
        transform=ax.get_xaxis_transform(),
        marker=marker,
        s=max(12.0, size["s"]),
        alpha=max(0.3, size["alpha"]),
        color=colour,
        linewidths=0.9,
        label=f"{label} ({len(x)})",
        clip_on=False,
        zorder=3,
        rasterized=size["rasterized"],
    )


def legend(ax: Any, **more: Any) -> None:
    """A legend that does not shout, if there is anything to tell apart."""
    handles, _ = ax.get_legend_handles_labels()
    if not handles:
        return
    found = ax.legend(fontsize="small", frameon=False, **more)
    for handle in found.legend_handles:
        handle.set_alpha(1.0)
        if hasattr(handle, "set_sizes") and handle.get_sizes()[0] < 28:
            handle.set_sizes([28.0])


def outer_legend(ax: Any) -> None:
    """A legend above the data, where it hides none of them."""
    legend(
        ax,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=5,
        borderaxespad=0.1,
        columnspacing=1.0,
        handletextpad=0.3,
    )

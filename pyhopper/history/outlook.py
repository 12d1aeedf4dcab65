"""Is more time worth it: how much better the best value is expected to get.

The forecast rests on the record of improvements alone, on a logarithmic scale of evaluations, on
which searches look alike: an *octave* is the time in which their number doubles.

* How long it takes to the next improvement has a Lomax distribution: improvements come at a rate
  that differs from search to search, and that a long time without one shows to be low.
* How large the gain then is, relative to the gains of the last octaves, is what was seen in
  recorded searches; ``benchmarks/outlook.py`` compares such forecasts with what happened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhopper.budget import parse_runtime
from pyhopper.errors import ArgumentError, plural
from pyhopper.events import CandidateType, Status
from pyhopper.history.series import best_so_far
from pyhopper.history.sheet import Floats, Sheet

_FEWEST = 8

_SHAPE, _SCALE = 1.8, 0.6
"""Of the Lomax distribution, in octaves."""

_CHANCES = np.array([0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1.0])
_SIZES = np.array([-20.0, -14.0, -8.5, -4.4, -2.0, -0.3, 1.0, 3.0, 4.0])
"""Quantiles of log2(gain / recent gain) for one octave, where there was a gain."""

_GROWTH = 0.8
"""With which power of the octaves gains grow."""


@dataclass(frozen=True)
class Forecast:
    """What is expected of more evaluations; gains are positive in either direction.

    Attributes
    ----------
    chance : float
        How likely there is any gain.
    gain : float
        The median gain.
    low, high : float
        With 80% probability the gain is between these.
    """

    chance: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Outlook:
    """How much better the best value is expected to get; prints as a sentence.

    Attributes
    ----------
    evaluations : int
        How many more evaluations this is about.
    seconds : float or None
        The duration that was asked for; None if a number of evaluations was.
    best : float or None
        The best value now.
    forecast : Forecast or None
        What is expected; None if nothing can be said.
    maximize : bool
        The direction.
    notes : tuple of str
        What to keep in mind.
    """

    evaluations: int
    seconds: float | None
    best: float | None
    forecast: Forecast | None
    maximize: bool
    notes: tuple[str, ...] = ()

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """What a notebook shows."""
        printer.text(str(self))

    def __str__(self) -> str:
        lines = [self._sentence(), *self.notes]
        return "\n".join(line for line in lines if line)

    def _sentence(self) -> str:
        found = self.forecast
        if found is None or self.best is None:
            return ""
        sign = 1.0 if self.maximize else -1.0
        ends = [self.best + sign * gain for gain in (found.gain, found.low, found.high)]
        middle, low, high = (f"{end:.6g}" for end in ends)
        text = f"{self.evaluations} more evaluations"
        chance = f"improve the best value with a chance of {100 * found.chance:.0f}%"
        return f"{text} {chance}: from {self.best:.6g} to {middle} (80% range: {low} to {high})."


def forecast(counts: Floats, losses: Floats, more: float) -> Forecast | None:
    """What is expected of more evaluations.

    Parameters
    ----------
    counts : float array
        Numbers of evaluations, ascending.
    losses : float array
        The best value after each of these, as a loss: never rising.
    more : float
        How many evaluations are added to the last of ``counts``.

    Returns
    -------
    Forecast or None
        None with fewer than 8 evaluations, or where there was never an improvement.
    """
    count = float(counts[-1]) if len(counts) else 0.0
    if count < _FEWEST or losses[0] == losses[-1]:
        return None
    octaves = math.log2(1.0 + more / count)
    last = float(counts[np.flatnonzero(losses == losses[-1])[0]])
    waited = math.log2(count / last)
    chance = 1.0 - ((_SCALE + waited) / (_SCALE + waited + octaves)) ** _SHAPE
    scale = _recent(counts, losses, count)

    def quantile(share: float) -> float:
        """A quantile of the gain, which is zero where there is no improvement."""
        if share <= 1.0 - chance:
            return 0.0
        size = np.interp((share - (1.0 - chance)) / chance, _CHANCES, _SIZES)
        return float(scale * 2.0**size * octaves**_GROWTH)

    return Forecast(chance, quantile(0.5), quantile(0.1), quantile(0.9))


def _recent(counts: Floats, losses: Floats, count: float) -> float:
    """The largest gain of an octave, where each octave back counts half as much."""
    ends = count / 2.0 ** np.arange(int(math.log2(count / counts[0])) + 2)
    places = np.searchsorted(counts, ends * (1 + 1e-9), side="right") - 1
    at = losses[np.maximum(places, 0)]
    return float(((at[1:] - at[:-1]) / 2.0 ** np.arange(len(at) - 1)).max())


def outlook(sheet: Sheet, more: int | float | str) -> Outlook:
    """See :meth:`pyhopper.history.view.History.outlook`."""
    own = np.array([each.id >= 0 for each in sheet.evaluations], dtype=np.bool_)
    ended = own & ~sheet.having(Status.CANCELLED)
    values = sheet.values[ended]
    evaluations, seconds = _evaluations(sheet, ended, more)
    best = best_so_far(values, sheet.maximize)
    known = np.isfinite(best)
    now = sheet.state.best
    value = None if now is None else now.value
    if evaluations is None:
        note = "Nothing can be said yet: no evaluation has taken any time."
        return Outlook(0, seconds, value, None, sheet.maximize, (note,))
    counts = np.asarray(np.flatnonzero(known) + 1.0, dtype=np.float64)
    losses = -best[known] if sheet.maximize else best[known]
    found = forecast(counts, losses, evaluations)
    notes = []
    if found is None:
        notes.append(
            f"Nothing can be said after {plural(len(values), 'evaluation')}: "
            "there are too few improvements."
        )
    types = [each.type for each in sheet.evaluations]
    if found is not None and CandidateType.LOCAL_SAMPLING not in types:
        notes.append("The random phase is not over; local moves improve faster than it does.")
    noise = sheet.state.leaders.noise
    if found is not None and noise > 0:
        notes.append(
            f"Values are noisy (standard deviation {noise:.3g}): gains smaller than that are luck."
        )
    return Outlook(evaluations, seconds, value, found, sheet.maximize, tuple(notes))


def _evaluations(
    sheet: Sheet, ended: NDArray[np.bool_], more: int | float | str
) -> tuple[int | None, float | None]:
    """How many evaluations are meant, and how many seconds if a duration is."""
    problem = 'must be a number of evaluations, or a duration as text such as "4h"'
    if isinstance(more, bool) or not isinstance(more, int | float | np.number | str):
        raise ArgumentError("more", more, problem)
    if not isinstance(more, str):
        if not 1 <= more < 1e9 or more != int(more):
            raise ArgumentError("more", more, "must be a whole number of evaluations, at least 1")
        return int(more), None
    try:
        seconds = parse_runtime(more)
    except ArgumentError:
        raise ArgumentError("more", more, problem) from None
    times = np.array(
        [each.elapsed for each, own in zip(sheet.evaluations, ended, strict=True) if own]
    )
    half = len(times) // 2
    took = float(times[-1] - (times[half - 1] if half else 0.0)) if len(times) else 0.0
    if took <= 0.0:
        return None, seconds
    return max(1, round(min(seconds * (len(times) - half) / took, 1e9))), seconds

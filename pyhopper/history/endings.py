"""Where learning curves end, as far as the curves that went on to their end can tell.

At each step by itself the final value is regressed on the estimate, both on a scale between the
value itself and its logarithm, since losses explode. Where curves cross, or noise is large, the
residuals are wide and little follows from an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_FEWEST = 8
"""Nothing is said at a step that fewer curves have reached; at least 3."""

_MOST = 100
"""So many curves are kept, the newest."""

_EXPLODED = 1e9
"""A value this many times the median's distance from the best says only that it is bad."""


class Scale(NamedTuple):
    """log(1 + 2 z) with z = (value - best) / (median - best); linear below the best.

    Attributes
    ----------
    best, unit : float
        The best value, and how far the median is from it.
    """

    best: float
    unit: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale | None:
        """The scale of some values, None if none of them is finite."""
        known = sorted(filter(math.isfinite, values))
        if not known:
            return None
        best = known[0]
        unit = (known[len(known) // 2] - best) or (known[-1] - best) or 1.0
        return cls(best, unit if math.isfinite(unit) else 1.0)

    def at(self, value: float) -> float:
        """Where a value lies; what is not finite lies with the worst."""
        z = (value - self.best) / self.unit
        z = max(min(z, _EXPLODED), -_EXPLODED) if math.isfinite(z) else _EXPLODED
        return math.log1p(2 * z) if z > 0 else 2 * z

    def back(self, place: float) -> float:
        """The value that lies at a place."""
        place = min(place, math.log1p(2 * _EXPLODED))
        z = (math.expm1(place) if place > 0 else place) / 2
        return self.best + z * self.unit


class Line(NamedTuple):
    """The regression of final values on the estimates at one step.

    Attributes
    ----------
    estimates, finals : Scale
        On which both are measured.
    centre, level : float
        The mean estimate and the mean final value.
    slope : float
        How the final value follows from the estimate, at least 0.
    spread : float
        The sum of squared distances of estimates from their mean.
    std : float
        The standard deviation of the residuals.
    unexplained : float
        The share of the final values' variance that does not follow from the estimate.
    curves : int
        The number of curves, at least 3.
    """

    estimates: Scale
    finals: Scale
    centre: float
    level: float
    slope: float
    spread: float
    std: float
    unexplained: float
    curves: int

    @classmethod
    def fit(cls, estimates: Sequence[float], finals: Sequence[float]) -> Line | None:
        """Least squares; None if that is impossible."""
        from_scale, to_scale = Scale.of(estimates), Scale.of(finals)
        if from_scale is None or to_scale is None:
            return None
        n = len(finals)
        x, y = [from_scale.at(v) for v in estimates], [to_scale.at(v) for v in finals]
        centre, level = sum(x) / n, sum(y) / n
        xx = sum((v - centre) ** 2 for v in x)
        yy = sum((v - level) ** 2 for v in y)
        xy = sum((v - centre) * (w - level) for v, w in zip(x, y, strict=True))
        slope = max(0.0, xy / xx) if xx > 0 else 0.0
        rest = max(0.0, yy - 2 * slope * xy + slope**2 * xx)
        std = math.sqrt(rest / (n - 2))
        unexplained = min(1.0, rest / yy) if yy > 0 else 1.0
        return cls(from_scale, to_scale, centre, level, slope, xx, std, unexplained, n)

    def expected(self, estimate: float) -> float:
        """The final value of a curve with this estimate, most likely."""
        away = self.estimates.at(estimate) - self.centre
        return self.finals.back(self.level + self.slope * away)

    def chance(self, estimate: float, target: float) -> float:
        """The probability that a curve ends below the target (Student's t)."""
        away = self.estimates.at(estimate) - self.centre
        # A line without a slope is no less certain far from the centre.
        leverage = away**2 / self.spread if self.slope > 0 else 0.0
        std = self.std * math.sqrt(1 + 1 / self.curves + leverage)
        distance = self.finals.at(target) - (self.level + self.slope * away)
        if std == 0:
            return float(distance >= 0)
        return _student(distance / std, self.curves - 2)


def _student(t: float, freedom: float) -> float:
    """The distribution function of Student's t, within 0.002 (Wallace 1959)."""
    t = max(-1e9, min(1e9, t))
    z = math.sqrt(freedom * math.log1p(t * t / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return 0.5 * math.erfc(math.copysign(z, -t) / math.sqrt(2))


class Endings:
    """Curves that went on to their end, and what they say of others. Lower values are better.

    Attributes
    ----------
    curves : list of (list of float, float)
        The estimates and the final value of each, the oldest first.
    """

    def __init__(self) -> None:
        self.curves: list[tuple[list[float], float]] = []
        self._lines: dict[int, Line | None] = {}

    def add(self, estimates: Sequence[float], final: float) -> None:
        """Take in a curve and its final value."""
        self.curves.append((list(estimates), final))
        del self.curves[:-_MOST]
        self._lines.clear()

    @property
    def length(self) -> int:
        """How many estimates half of the curves have at most; 0 without curves."""
        lengths = sorted(len(estimates) for estimates, _ in self.curves)
        return lengths[len(lengths) // 2] if lengths else 0

    def line(self, step: int) -> Line | None:
        """The regression at a step, counted from 1; None if too few curves have reached it."""
        if step not in self._lines:
            reached = [(each[step - 1], final) for each, final in self.curves if len(each) >= step]
            enough = len(reached) >= _FEWEST
            self._lines[step] = Line.fit(*zip(*reached, strict=True)) if enough else None
        return self._lines[step]

"""The transform of values before they are modelled: between the value itself and its logarithm.

Values of an objective often span orders of magnitude, of which those near the best matter. Which
transform suits is decided by likelihood (:func:`pyhopper.kernels.model.gaussian.curve_scores`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyhopper.kernels.coordinates import Floats

# t(z) = c log(1 + z / c): from the value itself down to nearly its logarithm.
CURVES = (np.inf, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
# A value this many times the median's distance from the best says no more than that it is bad.
EXPLODED = 1e9
LARGEST = 1.7e308
# The unit has a half.
SMALLEST_UNIT = 1e-323


@dataclass(frozen=True)
class Curve:
    """The transform of values: standardised c log(1 + z / c), z = (y - best) / (median - best)."""

    best: float
    unit: float
    bend: float
    centre: float
    scale: float

    def forward(self, values: Floats) -> Floats:
        """Return values as the model sees them."""
        return np.asarray((self._bent(self.ratio(values)) - self.centre) / self.scale)

    def ratio(self, values: Floats) -> Floats:
        """Return how far values are from the best, in units of the median's distance."""
        # In halves, so that the difference of two huge values stays finite; so does the ratio.
        half = 0.5 * self.unit
        most = 2.0 * EXPLODED * half
        ratio = np.clip(0.5 * values - 0.5 * self.best, -most, most) / half
        return np.asarray(np.clip(ratio, -EXPLODED, EXPLODED))

    def _bent(self, ratio: Floats) -> Floats:
        if np.isinf(self.bend):
            return ratio
        return np.asarray(self.bend * np.log1p(np.maximum(ratio, 0.0) / self.bend))

    def backward(self, modelled: Floats) -> Floats:
        """Return modelled values in the units of the objective."""
        bent = modelled * self.scale + self.centre
        if not np.isinf(self.bend):
            bent = self.bend * np.expm1(np.minimum(bent / self.bend, 500.0))
        # In halves again; what lies beyond the largest number is shown as that.
        most = LARGEST / self.unit
        half = 0.5 * self.best + 0.5 * (np.clip(bent, -most, most) * self.unit)
        return np.asarray(2.0 * np.clip(half, -0.5 * LARGEST, 0.5 * LARGEST))


def curve_of(values: Floats, index: int) -> Curve:
    """Return transform `index` of `CURVES` for the given values."""
    best = float(values.min())
    # The median of halves, since it adds two values.
    unit = min(2.0 * float(np.median(0.5 * values)) - best, LARGEST)
    if unit <= 0.0:
        unit = float(values.max() * 0.5 - best * 0.5)
    if unit <= 0.0:
        unit = max(abs(best), 1.0) * 1e-12
    unit = max(unit, SMALLEST_UNIT)
    raw = Curve(best, unit, CURVES[index], 0.0, 1.0)
    bent = raw.forward(values)
    return replace(raw, centre=float(bent.mean()), scale=max(float(bent.std()), 1e-12))


def under_all(values: Floats) -> tuple[Floats, Floats]:
    """Return the values under each of `CURVES`, one column each, and the logs of the Jacobians.

    The Jacobian is the volume change of the transform, for comparing likelihoods.
    """
    ratio = curve_of(values, 0).ratio(values)
    bends = np.array(CURVES[1:])
    logs = np.log1p(np.maximum(ratio, 0.0)[:, None] / bends)
    bent = np.column_stack([ratio, bends * logs])
    scale = np.maximum(bent.std(axis=0), 1e-12)
    jacobian = -np.concatenate([[0.0], logs.sum(axis=0)]) - len(values) * np.log(scale)
    return (bent - bent.mean(axis=0)) / scale, jacobian

"""How long an evaluation takes, forecast from its parameters: layers, width, batch size.

The logarithm of the duration is regressed on the columns and their squares, so that parameters
multiply. How far the weights are shrunk is chosen by leaving each evaluation out in turn (Hoerl &
Kennard 1970; Allen 1974). Where that does not beat the plain mean, durations are taken to have
nothing to do with the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats
from pyhopper.kernels.model.covariance import features_of

FEWEST = 6
MOST = 150
# What leaving one out must save, so that a few chance durations are not taken for a rule.
GAIN = 0.8
SHRINKAGE = 10.0 ** np.arange(-5.0, 2.0)
SHORTEST = 1e-6


@dataclass(frozen=True)
class Durations:
    """What is known about durations.

    Attributes
    ----------
    centre, weights
        Mean and weight of each feature.
    doubt
        Directions in which little is known about the weights, scaled by how little.
    mean, low, high
        Of the logarithms of the durations: their mean, and how far a forecast may go.
    above
        The upper quartile of the errors in the logarithm.
    """

    coordinates: Coordinates
    centre: Floats
    weights: Floats
    doubt: Floats
    mean: float
    low: float
    high: float
    above: float

    def log_seconds(self, rows: Floats) -> Floats:
        """Return the expected logarithms of the durations of rows, in seconds."""
        return self._expected(_features(self.coordinates, rows) - self.centre)

    def _expected(self, off: Floats) -> Floats:
        return np.asarray(np.clip(self.mean + off @ self.weights, self.low, self.high))

    def seconds(self, rows: Floats) -> Floats:
        """Return durations that three of four evaluations do not exceed."""
        off = _features(self.coordinates, rows) - self.centre
        # Where no evaluation has been, the error is larger (Rasmussen & Williams 2006, 2.9).
        growth = np.sqrt(1.0 + np.square(off @ self.doubt).sum(axis=1))
        return np.asarray(np.exp(self._expected(off) + self.above * growth))


def _features(coordinates: Coordinates, rows: Floats) -> Floats:
    features = features_of(coordinates, rows)
    return np.hstack([features.near, features.square])


def durations_of(coordinates: Coordinates, rows: Floats, seconds: Floats) -> Durations | None:
    """Return what the durations of evaluations have to do with their parameters.

    Parameters
    ----------
    coordinates
        The columns.
    rows, seconds
        Evaluations in the order in which they ended; NaN for one that did not come to its end.

    Returns
    -------
    Durations or None
        None if nothing is seen.
    """
    known = np.flatnonzero(np.isfinite(seconds))[-MOST:]
    if len(known) < FEWEST:
        return None
    target = np.log(np.maximum(seconds[known], SHORTEST))
    features = _features(coordinates, rows[known])
    centre, mean = features.mean(axis=0), float(target.mean())
    left, singular, right = np.linalg.svd(features - centre, full_matrices=False)
    # Errors when each row is left out in turn, for each shrinkage at once; the mean takes 1/n.
    rest, count = target - mean, len(known)
    share = singular**2 / (singular**2 + SHRINKAGE[:, None] * count)
    fitted = (share * (left.T @ rest)) @ left.T
    leverage = np.minimum(share @ (left**2).T + 1.0 / count, 1.0 - 1e-9)
    errors = (rest - fitted) / (1.0 - leverage)
    loss = np.sqrt(np.mean(errors**2, axis=1))
    best = int(np.argmin(loss))
    plain = float(np.sqrt(np.mean((rest / (1.0 - 1.0 / count)) ** 2)))
    if not loss[best] < GAIN * plain:
        return None
    weights = right.T @ (share[best] / np.maximum(singular, 1e-12) * (left.T @ rest))
    above = max(0.0, float(np.quantile(errors[best], 0.75)))
    doubt = right.T * (np.sqrt(share[best]) / np.maximum(singular, 1e-12))
    low, high = float(target.min()) - 3.0, float(target.max()) + 3.0
    return Durations(coordinates, centre, weights, doubt, mean, low, high, above)

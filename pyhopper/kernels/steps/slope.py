"""What the first phase tells where no model is affordable: which way is down.

In hundreds of dimensions no random draw is good, but all of them together tell the slope of the
objective over the whole space. The values' normal scores, less what the distance from the middle
explains, are regressed on the columns (ridge regression, its shrinkage chosen by leaving each one
out: Hoerl & Kennard 1970; Allen 1974), and the chain starts with a few points down that slope from
the middle, ever farther apart.
"""

from __future__ import annotations

import numpy as np

from pyhopper.kernels.coordinates import Floats

FEWEST, MOST = 40, 600
LARGEST = 10_000
# How far the points are from the middle: root mean square over the columns.
REACHES = (0.01, 0.03, 0.08, 0.15, 0.25, 0.4)
SHRINKAGE = 10.0 ** np.arange(-2.0, 4.0)
GAIN = 0.995


def scores(values: Floats) -> Floats:
    """Return the normal scores of values, which depend on their ranks: no outlier counts more."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    share = (ranks + 0.5) / len(values)
    # The logistic quantile, scaled: within one hundredth of the normal one where it matters here.
    return np.asarray(np.log(share / (1.0 - share)) / 1.702)


def downhill(rows: Floats, values: Floats) -> list[Floats]:
    """Return points down the slope from the middle, the nearest first.

    Parameters
    ----------
    rows, values
        Evaluations spread over the whole space and what they gave, lower is better.

    Returns
    -------
    list of array
        Empty if no slope is seen.
    """
    known = np.flatnonzero(np.isfinite(values))[:MOST]
    if len(known) < FEWEST or rows.shape[1] > LARGEST:
        return []
    off = np.nan_to_num(rows[known] - 0.5)
    far = np.sqrt(np.mean(off**2, axis=1))
    bowl = np.stack([np.ones_like(far), far, far**2], axis=1)
    target = scores(values[known])
    target -= bowl @ np.linalg.lstsq(bowl, target, rcond=None)[0]
    centred = off - off.mean(axis=0)
    sizes, basis = np.linalg.eigh(centred @ centred.T)
    sizes = np.maximum(sizes, 0.0)
    # Errors when each evaluation is left out in turn, for each shrinkage at once.
    share = sizes / (sizes + SHRINKAGE[:, None] * sizes.mean() + 1e-12)
    fitted = (share * (basis.T @ target)) @ basis.T
    leverage = np.minimum(share @ (basis**2).T + 1.0 / len(known), 1.0 - 1e-9)
    loss = np.mean(((target - fitted) / (1.0 - leverage)) ** 2, axis=1)
    best = int(np.argmin(loss))
    if not loss[best] < GAIN * float(target @ target) / len(known):
        return []
    weights = basis @ (basis.T @ target / (sizes + SHRINKAGE[best] * sizes.mean() + 1e-12))
    slope = centred.T @ weights
    unit = slope / max(float(np.sqrt(np.mean(slope**2))), 1e-300)
    return [np.clip(0.5 - reach * unit, 0.0, 1.0) for reach in REACHES]

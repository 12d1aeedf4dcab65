"""How likely a candidate is to fail, as all evaluations so far tell.

Evaluations fail because of their parameters, such as a batch that does not fit into memory, or by
chance, such as on a node that goes down. Which of the two it is can be seen: if it is the
parameters, the neighbours of what has failed have failed too. So several rules are averaged, each
weighted by how well it tells the end of each evaluation from those of the others (leave-one-out
predictive densities: Geisser & Eddy 1979). One rule is that all candidates are equally likely to
fail. By the others it is the share of failures among the neighbours (Nadaraya 1964; Watson 1964),
near or far, in one parameter, in all, or in the direction from what has not failed to what has.
"""

from __future__ import annotations

import numpy as np

from pyhopper.kernels.coordinates import Bools, Coordinates, Floats
from pyhopper.kernels.model.covariance import features_of, squared_distance

_REACH = 0.2
"""Standard deviation of the widest neighbourhood as a share of the range; for all parameters times
the square root of their number."""

_NARROWER = 2
"""So many more neighbourhoods, each a quarter as wide as the one before."""

_PRIOR = 0.5
"""For how many neighbours the share of failures among all evaluations counts."""

_PLACE = 0.5
"""How much all rules about the place together count, beside that of equal chances, at first."""

_MOST_BY_CHANCE = 0.5
"""More than half do not fail by chance. What has been proposed again and again for what the model
promises, and has failed each time, would else look like that."""

_MOST_KNOWN = 50
"""So many of the last failures, and of the last others, are looked at."""

_MOST_COLUMNS = 12
"""So many parameters have rules of their own: those in which the means differ most."""

_LEAST_TRUST = 1e-3
"""Rules with a smaller weight are left out."""

_MOST = 0.2
"""What is more likely to fail, for where it is, comes after everything else."""


class Failures:
    """The chance of each point to fail.

    Parameters
    ----------
    coordinates
        The columns.
    failed, good
        Points that have failed, and points that have not, the latest last.
    """

    def __init__(self, coordinates: Coordinates, failed: Floats, good: Floats) -> None:
        failed, good = failed[-_MOST_KNOWN:], good[-_MOST_KNOWN:]
        self._coordinates = coordinates
        self._known = features_of(coordinates, np.vstack([failed, good])).near
        self._failed: Bools = np.arange(len(self._known)) < len(failed)
        self._rate = min((len(failed) + 0.5) / (len(self._known) + 1.0), _MOST_BY_CHANCE)
        self._way = self._apart(np.zeros((1, 1)))
        self._columns = np.argsort(-np.abs(self._way[0]), kind="stable")[:_MOST_COLUMNS]
        # Each known point is foretold by the others.
        itself = np.eye(len(self._known), dtype=bool)
        way = self._apart(self._known)
        shares = [np.full(len(self._known), self._rate)]
        for group in range(2 + len(self._columns)):
            distance = np.where(itself, np.inf, self._distance(group, self._known, way))
            shares += self._shares(distance)
        density = np.array([np.log(np.where(self._failed, s, 1.0 - s)).sum() for s in shares])
        trust = np.exp(density - density.max())
        trust[1:] *= _PLACE / (len(trust) - 1)
        trust /= trust.sum()
        self._chance = float(trust[0] * self._rate)
        self._trust: Floats = trust[1:].reshape(-1, 1 + _NARROWER)

    def merit(self, rows: Floats) -> Floats:
        """Return what the chance to fail adds to the logarithm of an expected improvement."""
        near = features_of(self._coordinates, rows).near
        placed = np.zeros(len(rows))
        for group, trust in enumerate(self._trust):
            if trust.max() > _LEAST_TRUST:
                placed += trust @ self._shares(self._distance(group, near, self._way))
        success = np.maximum(1.0 - self._chance - placed, 1e-9)
        return np.asarray(np.log(success) - 1e6 * np.maximum(placed - _MOST, 0.0))

    def _apart(self, without: Floats) -> Floats:
        """Return the way from the mean of what has not failed to that of what has.

        A row of it for each known point in `without`, which then does not count itself.
        """
        means = []
        for kind in (self._failed, ~self._failed):
            own = kind[:, None] if len(without) == len(kind) else np.zeros((1, 1))
            total = self._known[kind].sum(axis=0) - own * without
            means.append(total / np.maximum(kind.sum() - own, 1))
        way = np.asarray(means[0] - means[1])
        length = np.linalg.norm(way, axis=1, keepdims=True)
        return np.asarray(way / np.maximum(length, 1e-12))

    def _distance(self, group: int, near: Floats, way: Floats) -> Floats:
        """Return squared distances of rows from the known points by one group of rules."""
        if group == 0:
            return squared_distance(near, self._known) / max(self._coordinates.dimension, 1)
        if group == 1:
            along = (way * near).sum(axis=1)
            return np.asarray(np.square(along[:, None] - way @ self._known.T))
        column = self._columns[group - 2]
        return np.asarray(np.square(near[:, column, None] - self._known[None, :, column]))

    def _shares(self, distance: Floats) -> list[Floats]:
        """Return the share of failures among the neighbours of each row, near ones last."""
        weight = np.exp(distance / (-2.0 * _REACH**2))
        shares = []
        for narrower in range(1 + _NARROWER):
            if narrower:
                for _ in range(4):  # four squares quarter the width
                    np.square(weight, out=weight)
            bad = weight @ self._failed + _PRIOR * self._rate
            shares.append(bad / (weight.sum(axis=1) + _PRIOR))
        return shares

"""The covariance of the model: Matern 5/2 plus a polynomial of second degree.

All its parts are inner products of features, so that a few matrix products make up the cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats, Ints

SQRT5 = 5.0**0.5
TRENDS = 4


@dataclass(frozen=True)
class Hyper:
    """What the model has learned, carried from one fit to the next.

    Attributes
    ----------
    log_length
        Logarithm of the length scale of each column.
    log_trend
        Logarithm of the variance of the slopes, the curvatures, the common curvature and the
        interactions, relative to the Matérn part.
    log_noise
        Logarithm of the noise variance, relative to the Matérn part.
    curve
        Index into `CURVES`.
    count
        Number of evaluations that had been seen.
    """

    log_length: Floats
    log_trend: Floats
    log_noise: float
    curve: int
    count: int

    def vector(self) -> Floats:
        """Return the continuous hyperparameters as one vector."""
        return np.concatenate([self.log_length, self.log_trend, [self.log_noise]])

    def at(self, vector: Floats) -> Hyper:
        """Return a copy with the continuous hyperparameters replaced."""
        return replace(
            self,
            log_length=vector[: -TRENDS - 1],
            log_trend=vector[-TRENDS - 1 : -1],
            log_noise=float(vector[-1]),
        )


@dataclass(frozen=True)
class Features:
    """Rows in the form that the covariance multiplies: its parts are all inner products.

    Attributes
    ----------
    near
        Features whose scaled distance enters the Matérn part; options are one-hot.
    square
        Centred squares of the numeric columns.
    bowl
        Their sum: all curvatures equal. One weight learns it, so few points do.
    """

    near: Floats
    square: Floats
    bowl: Floats


def centred_of(coordinates: Coordinates, rows: Floats) -> Floats:
    """Return the numeric columns of rows, from -1/2 to 1/2 in the box that a model looks at.

    An inactive entry stands at the centre: it has no slope.
    """
    centred = ((rows - coordinates.middle) / coordinates.width)[:, ~coordinates.categorical]
    centred[np.isnan(centred)] = 0.0
    return np.asarray(centred)


def features_of(coordinates: Coordinates, rows: Floats) -> Features:
    """Return the features of rows."""
    centred = centred_of(coordinates, rows)
    parts = [centred]
    for column in np.flatnonzero(coordinates.categorical):
        options = np.arange(coordinates.levels[column])
        # Two different options are at distance one: Hamming.
        parts.append((rows[:, column, None] == options) / np.sqrt(2.0))
    square = 4.0 * centred**2 - 1.0 / 3.0
    scale = np.sqrt(max(square.shape[1], 1))
    return Features(np.hstack(parts), square, square.sum(axis=1, keepdims=True) / scale)


def columns_of(coordinates: Coordinates) -> Ints:
    """Return the column that each feature in `near` belongs to."""
    numeric = np.flatnonzero(~coordinates.categorical)
    options = np.flatnonzero(coordinates.categorical)
    return np.concatenate([numeric, np.repeat(options, coordinates.levels[options])])


def squared_distance(left: Floats, right: Floats) -> Floats:
    """Return the squared Euclidean distances between two sets of rows."""
    product: Floats = (-2.0 * left) @ right.T
    product += np.einsum("ij,ij->i", left, left)[:, None]
    product += np.einsum("ij,ij->i", right, right)[None, :]
    return np.maximum(product, 0.0, out=product)


def distances_from(hyper: Hyper, coordinates: Coordinates, rows: Floats, index: int) -> Floats:
    """Return the squared distances of rows from one of them, in the length scales of a model."""
    near = features_of(coordinates, rows).near * np.exp(-hyper.log_length[columns_of(coordinates)])
    return squared_distance(near, near[index : index + 1])[:, 0]


def trend_parts(left: Features, right: Features) -> list[Floats]:
    """Return the matrices of the trend, one for each variance in `Hyper.log_trend`."""
    linear = left.near @ right.near.T
    square = left.square @ right.square.T
    return [4.0 * linear, square, left.bowl @ right.bowl.T, 16.0 * linear**2]


def polynomial(hyper: Hyper, points: Features) -> Floats:
    """Return the features whose inner products are the trend without its interactions."""
    slope, curvature, bowl, _ = np.exp(0.5 * hyper.log_trend)
    one = np.ones((len(points.near), 1))
    parts = [2.0 * slope * points.near, curvature * points.square, bowl * points.bowl, one]
    return np.hstack(parts)


def covariance(hyper: Hyper, owner: Ints, left: Features, right: Features) -> Floats:
    """Return the covariance of two sets of points, without noise."""
    weight = np.exp(-hyper.log_length[owner])
    distance = squared_distance(left.near * (SQRT5 * weight), right.near * (SQRT5 * weight))
    np.sqrt(distance, out=distance)
    # Matern 5/2: (1 + r + r^2 / 3) exp(-r), r already times root five. In place: these matrices
    # are most of the cost of a candidate.
    result = distance * (1.0 / 3.0)
    result += 1.0
    result *= distance
    result += 1.0
    np.negative(distance, out=distance)
    np.exp(distance, out=distance)
    result *= distance
    linear = np.matmul(left.near, right.near.T, out=distance)
    linear *= linear
    linear *= 16.0 * np.exp(hyper.log_trend[3])
    result += linear
    result += np.matmul(polynomial(hyper, left), polynomial(hyper, right).T, out=distance)
    return result


def variance(hyper: Hyper, points: Features) -> Floats:
    """Return the prior variance of points, without noise."""
    slope, curvature, bowl, interaction = np.exp(hyper.log_trend)
    linear = np.einsum("ij,ij->i", points.near, points.near)
    square = np.einsum("ij,ij->i", points.square, points.square)
    return np.asarray(
        2.0
        + 4.0 * slope * linear
        + 16.0 * interaction * linear**2
        + curvature * square
        + bowl * points.bowl[:, 0] ** 2
    )

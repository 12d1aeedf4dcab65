"""The model that screens: a Gaussian process with a quadratic trend.

The value of a point is modelled as

    t(y) ~ Student process(0, R),   R = Matern52 + trend + noise

where the scale is integrated out (O'Hagan & Forster 1994, section 11), `t` is a logarithm chosen by
likelihood and the trend is a polynomial of second degree with normal weights. All of it follows
from the evaluations in their order, so that a resumed search finds the same model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats, Ints
from pyhopper.kernels.model.covariance import (
    SQRT5,
    TRENDS,
    Features,
    Hyper,
    columns_of,
    covariance,
    distances_from,
    features_of,
    squared_distance,
    trend_parts,
    variance,
)
from pyhopper.kernels.model.curve import curve_of, under_all

MOST_POINTS = 250
# Pseudo-observations of the scale: with few points the sample variance alone is unreliable.
SCALE_COUNT = 3.0
NOISE_FLOOR = 1e-9
# Counts of values at which a fit that starts from noise is tried as well.
RIVALS = frozenset(int(8 * 2 ** (k / 2)) for k in range(20))
MARGIN = 4.0
RIVAL_NOISE = float(np.log(0.1))


@dataclass(frozen=True)
class Prior:
    """Independent normal priors on the logarithms of the hyperparameters."""

    mean: Floats
    sd: Floats

    def slope(self, vector: Floats) -> Floats:
        """Return the derivative of the log density."""
        return np.asarray((self.mean - vector) / self.sd**2)

    def log_density(self, vector: Floats) -> float:
        """Return the log density up to a constant."""
        return float(-0.5 * np.sum(((vector - self.mean) / self.sd) ** 2))


def prior_of(coordinates: Coordinates) -> Prior:
    """Return the prior: lengths grow with the root of the dimension (Hvarfner et al. 2024)."""
    dimension = coordinates.dimension
    mean = np.full(dimension, LENGTH_MEAN + 0.5 * np.log(max(dimension, 1)))
    sd = np.full(dimension, LENGTH_SD)
    trend = np.log(TREND_MEAN) - np.log(dimension) * np.array([1.0, 1.0, 0.0, 2.0])
    return Prior(
        mean=np.concatenate([mean, trend, [NOISE_MEAN]]),
        sd=np.concatenate([sd, np.full(TRENDS, TREND_SD), [NOISE_SD]]),
    )


LENGTH_MEAN, LENGTH_SD = -0.5, 1.0
TREND_MEAN, TREND_SD = np.array([3.0, 3.0, 3.0, 3.0]), 2.0
NOISE_MEAN, NOISE_SD = float(np.log(1e-5)), 3.0


def first_hyper(coordinates: Coordinates) -> Hyper:
    """Return the hyperparameters before anything has been seen: the mode of the prior."""
    blank = Hyper(np.zeros(coordinates.dimension), np.zeros(TRENDS), 0.0, 0, 0)
    return blank.at(prior_of(coordinates).mean)


# ---------------------------------------------------------------------------------------------
# Fit


def evidence_slope(
    hyper: Hyper,
    owner: Ints,
    points: Features,
    parts: list[Floats],
    target: Floats,
    unsure: Floats | float = 0.0,
) -> Floats:
    """Return the derivative of the log marginal likelihood in the hyperparameters.

    Rasmussen & Williams 2006, equation 5.9, with the scale integrated out: the weight of the data
    term is (n + nu) / (y' R^-1 y + nu).
    """
    count, dimension = len(target), len(hyper.log_length)
    # Matern 5/2: (1 + r + r^2 / 3) exp(-r), r being the scaled distance times root five (equation
    # 4.17).
    weight = np.exp(-hyper.log_length[owner])
    near = points.near * weight
    distance = SQRT5 * np.sqrt(squared_distance(near, near))
    decay = np.exp(-distance)
    trend = np.exp(hyper.log_trend)
    matrix = distance * (1.0 / 3.0)
    matrix += 1.0
    matrix *= distance
    matrix += 1.0
    matrix *= decay
    # R = Matern + constant + trend + noise.
    matrix += 1.0
    for factor, part in zip(trend, parts, strict=True):
        matrix += factor * part
    noise = np.exp(hyper.log_noise)
    matrix.flat[:: count + 1] += noise + NOISE_FLOOR + unsure
    # R^-1 from the inverse of the Cholesky factor, and alpha = R^-1 y (equation 2.25).
    whiten = lower_inverse(safe_cholesky(matrix))
    inverse = whiten.T @ whiten
    alpha = inverse @ target
    # In exact arithmetic the energy is positive; rounding must not turn the weight around.
    share = (count + SCALE_COUNT) / (max(float(target @ alpha), 0.0) + SCALE_COUNT)
    # The slope in any hyperparameter h is trace(slack dR/dh) / 2 (equation 5.9).
    slack = np.outer(share * alpha, alpha) - inverse
    # d Matern / d log length_j = 5/3 (1 + r) exp(-r) (x_j - x'_j)^2 / length_j^2. The trace sums
    # this over all pairs of points; the square of the difference, multiplied out, leaves two
    # products.
    inner = (1.0 + distance) * decay
    inner *= slack
    inner *= 5.0 / 3.0
    per_feature = inner.sum(axis=1) @ near**2 - np.einsum("ij,ij->j", near, inner @ near)
    slope = np.empty(dimension + TRENDS + 1)
    # All features of one choice share its length.
    slope[:dimension] = np.bincount(owner, per_feature, minlength=dimension)
    # Trend and noise are linear in their variance v: dR / d log v = v part.
    for index in range(TRENDS):
        slope[dimension + index] = 0.5 * trend[index] * float(np.vdot(slack, parts[index]))
    slope[-1] = 0.5 * noise * float(np.trace(slack))
    return slope


def curve_scores(
    hyper: Hyper, owner: Ints, points: Features, values: Floats, unsure: Floats | float = 0.0
) -> Floats:
    """Return the log marginal likelihood of the values under each transform, Jacobian included.

    -1/2 log|R| - (n + nu)/2 log(y' R^-1 y + nu): Rasmussen & Williams 2006, equation 2.30, with the
    scale integrated out.
    """
    matrix = covariance(hyper, owner, points, points)
    matrix.flat[:: len(values) + 1] += np.exp(hyper.log_noise) + NOISE_FLOOR + unsure
    factor = safe_cholesky(matrix)
    targets, jacobian = under_all(values)
    energy = np.square(lower_inverse(factor) @ targets).sum(axis=0)
    fit = -0.5 * (len(values) + SCALE_COUNT) * np.log(energy + SCALE_COUNT)
    return np.asarray(fit + jacobian - np.log(factor.diagonal()).sum())


def log_posterior(
    hyper: Hyper, coordinates: Coordinates, rows: Floats, values: Floats, unsure: Floats | float
) -> float:
    """Return the log posterior density of the hyperparameters, up to a constant."""
    points = features_of(coordinates, rows)
    scores = curve_scores(hyper, columns_of(coordinates), points, values, unsure)
    return float(scores[hyper.curve]) + prior_of(coordinates).log_density(hyper.vector())


def refit(
    hyper: Hyper,
    coordinates: Coordinates,
    rows: Floats,
    values: Floats,
    steps: int,
    straight: bool = False,
    unsure: Floats | float = 0.0,
) -> Hyper:
    """Improve the hyperparameters by Rprop steps (Riedmiller & Braun 1993) on the posterior.

    With ``straight`` values are modelled as they are, without a curve. ``unsure`` is the variance
    of each value's own error, in units of the Matérn part; without, all values are equally good.
    """
    owner, prior = columns_of(coordinates), prior_of(coordinates)
    points = features_of(coordinates, rows)
    parts = trend_parts(points, points)
    if len(values) >= 4 and not straight:
        best = int(np.argmax(curve_scores(hyper, owner, points, values, unsure)))
        hyper = replace(hyper, curve=best)
    target = curve_of(values, hyper.curve).forward(values)
    vector, size = hyper.vector(), np.full(prior.mean.shape, 0.2)
    before = np.zeros_like(vector)
    for _ in range(steps):
        slope = evidence_slope(hyper, owner, points, parts, target, unsure)
        slope += prior.slope(vector)
        slope = np.nan_to_num(slope)
        agreement = np.sign(slope * before)
        growth = np.where(agreement < 0, 0.5, np.where(agreement > 0, 1.3, 1.0))
        size = np.clip(size * growth, 1e-3, 1.0)
        before = np.where(agreement < 0, 0.0, slope)
        vector = np.clip(vector + np.sign(before) * size, prior.mean - 12.0, prior.mean + 12.0)
        hyper = hyper.at(vector)
    return hyper


def challenge(
    hyper: Hyper,
    coordinates: Coordinates,
    rows: Floats,
    values: Floats,
    steps: int,
    straight: bool = False,
    unsure: Floats | float = 0.0,
) -> Hyper:
    """Compare with a fit that starts from noisy values, and return the more probable one.

    Short length scales without noise and long ones with noise are two peaks of the likelihood, with
    no way uphill from one to the other.
    """
    noisy = replace(first_hyper(coordinates), log_noise=RIVAL_NOISE, curve=hyper.curve)
    rival = refit(noisy, coordinates, rows, values, steps, straight, unsure)
    ours, theirs = (log_posterior(h, coordinates, rows, values, unsure) for h in (hyper, rival))
    return rival if theirs > ours + MARGIN else hyper


def chosen_points(hyper: Hyper, coordinates: Coordinates, rows: Floats, values: Floats) -> Ints:
    """Return at most `MOST_POINTS` indices: the best and the latest third, and the best's vicinity.

    Without the latest, a region far from the best would be tried again and again: what came out
    there would be unknown to the model right after.
    """
    if len(values) <= MOST_POINTS:
        return np.arange(len(values))
    third = MOST_POINTS // 3
    order = np.argsort(values, kind="stable")
    distance = distances_from(hyper, coordinates, rows, int(order[0]))
    distance[order[:third]] = distance[-third:] = -1.0
    return np.sort(np.argsort(distance, kind="stable")[:MOST_POINTS])


def due(count: int) -> bool:
    """Tell whether a fit is due after `count` values: always at first, then ever more rarely."""
    return count >= 3 and count % max(1, count // 15) == 0


def learn(
    hyper: Hyper,
    coordinates: Coordinates,
    rows: Floats,
    values: Floats,
    steps: int = 10,
    replay: bool = True,
    unsure: Floats | float = 0.0,
) -> Hyper:
    """Bring the hyperparameters up to date with the history.

    Each fit that was due since the last call is made on the values known at that time, so the
    result depends on the order of the history alone and not on when this function was called.

    Parameters
    ----------
    hyper
        The result of the last call, or `first_hyper`.
    coordinates
        The columns.
    rows, values
        All successful evaluations in the order in which they ended.
    steps
        Rprop steps of one fit.
    replay
        False makes only the last fit that is due: for budgets in time, where nothing has to be
        repeatable.
    unsure
        See `refit`.
    """
    unsure = np.broadcast_to(unsure, values.shape)
    counts = [count for count in range(hyper.count + 1, len(values) + 1) if due(count)]
    for count in counts if replay else counts[-1:]:
        kept = chosen_points(hyper, coordinates, rows[:count], values[:count])
        # Later fits start closer to their end, and each step costs more.
        fewer = max(3, min(steps, steps * 100 // len(kept)))
        known = rows[kept], values[kept]
        hyper = refit(hyper, coordinates, *known, fewer, unsure=unsure[kept])
        if count in RIVALS:
            hyper = challenge(hyper, coordinates, *known, 2 * steps, unsure=unsure[kept])
    return replace(hyper, count=len(values))


# ---------------------------------------------------------------------------------------------
# Prediction


def safe_cholesky(matrix: Floats) -> Floats:
    """Return the Cholesky factor; raise the diagonal as far as rounding makes it necessary."""
    extra = 1e-13 * float(np.trace(matrix))
    for _ in range(12):
        try:
            return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        except np.linalg.LinAlgError:  # noqa: PERF203 - tried again with more on the diagonal
            matrix.flat[:: len(matrix) + 1] += extra
            extra *= 10.0
    return np.asarray(np.eye(len(matrix)) * np.sqrt(float(matrix.diagonal().max())))


def lower_inverse(factor: Floats) -> Floats:
    """Return the inverse of a lower triangular matrix, by halves: NumPy alone has none."""
    count = len(factor)
    if count <= 40:
        return np.asarray(np.linalg.inv(factor), dtype=np.float64)
    half = count // 2
    top, bottom = lower_inverse(factor[:half, :half]), lower_inverse(factor[half:, half:])
    result = np.zeros((count, count))
    result[:half, :half], result[half:, half:] = top, bottom
    result[half:, :half] = -bottom @ (factor[half:, :half] @ top)
    return result


class Model:
    """The fitted model, ready to predict.

    Parameters
    ----------
    hyper
        The hyperparameters.
    coordinates
        The columns.
    rows, values
        The evaluations.
    pending
        Points that are being evaluated. The model believes that they return what it expects, which
        leaves its mean as it is and lowers its standard deviation around them (kriging believer,
        Ginsbourger et al. 2010).
    unsure
        See `refit`.
    """

    def __init__(
        self,
        hyper: Hyper,
        coordinates: Coordinates,
        rows: Floats,
        values: Floats,
        pending: Floats | None = None,
        unsure: Floats | float = 0.0,
    ) -> None:
        self.hyper, self.coordinates = hyper, coordinates
        self.curve = curve_of(values, hyper.curve)
        self.owner = columns_of(coordinates)
        self.points = features_of(coordinates, rows)
        target = self.curve.forward(values)
        self.fitted = self._condition(target, unsure)
        self.expected_best = float(self.fitted.min())
        if pending is not None and len(pending):
            believed = self.mean(features_of(coordinates, pending))
            self.expected_best = min(self.expected_best, float(believed.min()))
            self.points = features_of(coordinates, np.vstack([rows, pending]))
            more = np.broadcast_to(unsure, target.shape), np.zeros(len(believed))
            self._condition(np.concatenate([target, believed]), np.concatenate(more))

    def _condition(self, target: Floats, unsure: Floats | float) -> Floats:
        """Condition on the values; return what the model expects at their points."""
        clean = covariance(self.hyper, self.owner, self.points, self.points)
        matrix = clean.copy()
        matrix.flat[:: len(target) + 1] += np.exp(self.hyper.log_noise) + NOISE_FLOOR + unsure
        self.whiten = lower_inverse(safe_cholesky(matrix))
        white = self.whiten @ target
        self.alpha = self.whiten.T @ white
        energy = float(white @ white)
        self.scale = (energy + SCALE_COUNT) / (len(target) + SCALE_COUNT)
        return np.asarray(clean @ self.alpha)

    def mean(self, points: Features) -> Floats:
        """Return the expected transformed values."""
        return np.asarray(covariance(self.hyper, self.owner, points, self.points) @ self.alpha)

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the transformed values, without noise."""
        points = features_of(self.coordinates, rows)
        across = covariance(self.hyper, self.owner, points, self.points)
        explained = self.whiten @ across.T
        left = variance(self.hyper, points) - np.einsum("ij,ij->j", explained, explained)
        return across @ self.alpha, np.sqrt(self.scale * np.maximum(left, 1e-12))

    def in_objective_units(self, mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
        """Return a prediction in the units of the objective."""
        middle = self.curve.backward(mean)
        width = 0.5 * self.curve.backward(mean + sd) - 0.5 * self.curve.backward(mean - sd)
        return middle, width

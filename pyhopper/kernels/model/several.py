"""Screening for several objectives, and for limits: a model for each number that is measured.

Proposals are judged by how much they are expected to enlarge what the front dominates (expected
hypervolume improvement: Emmerich, Deutz & Klinkenberg 2011), times the probability that they are
within the limits (Gardner et al. 2014). They are moves around what is best under an aim of their
own, see :mod:`pyhopper.kernels.aims`, so that all parts of the front are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pyhopper.history.front import nondominated
from pyhopper.kernels.coordinates import Bools, Coordinates, Floats, Ints
from pyhopper.kernels.model.covariance import Hyper
from pyhopper.kernels.model.design import share_of_whole_space, whole_space
from pyhopper.kernels.model.failures import Failures
from pyhopper.kernels.model.gaussian import (
    RIVALS,
    Model,
    challenge,
    chosen_points,
    due,
    first_hyper,
    refit,
)
from pyhopper.kernels.model.screening import (
    Ranking,
    Reach,
    Seen,
    Workload,
    local_proposals,
    log_improvement,
    normal_tail,
    refine,
    unseen,
    without_model,
)

_MOST_ON_FRONT = {2: 60, 3: 24}
"""With so many members, boxes are still few enough; more objectives are weighed instead."""

_BEYOND = 0.1
"""The reference point is this share of the front's range beyond its worst numbers."""

_TYPICAL = 12
"""So many evaluations, the first ones, say what is typical of the whole space."""

_FAR = 1.5
"""So many ranges of the front from its best, objectives begin to be flattened."""

_STEPS = np.concatenate([[0.0], np.geomspace(1e-3, 3.0, 23)])
"""Where the integral over the Chebyshev function is taken, in ranges of the front."""


@dataclass(frozen=True)
class Judged:
    """The screen of several objectives; see :class:`pyhopper.kernels.model.screening.Screen`.

    Attributes
    ----------
    coordinates
        The columns.
    models
        Of the objectives.
    limits
        Models of what there are limits on; below zero is inside.
    weights
        The aim.
    expected
        What the models expect at all points that are known, one column each objective.
    inside
        Which of these are within the limits.
    outside
        How far each of these is outside, as far as the models tell.
    seen, failed, good
        See `Screen`.
    """

    coordinates: Coordinates
    models: list[Model]
    limits: list[Model]
    weights: Floats
    expected: Floats
    inside: Bools
    outside: Floats
    seen: Seen
    failed: Floats
    good: Floats

    @cached_property
    def front(self) -> Floats:
        """The expected front, of those within the limits."""
        rows = self.expected[self.inside]
        return rows[nondominated(rows)]

    @cached_property
    def low(self) -> Floats:
        """The best of each objective on the front."""
        return np.asarray(self.front.min(axis=0))

    @cached_property
    def width(self) -> Floats:
        """The range of each objective on the front; where there is none, that of all values."""
        width = self.front.max(axis=0) - self.low
        spread = np.maximum(self.expected.std(axis=0), 1e-6)
        return np.asarray(np.where(width > 1e-3 * spread, width, spread))

    @cached_property
    def fitted(self) -> Floats:
        """What counts of the known points under the aim, lower is better."""
        if not self.inside.any():
            return self.outside
        weighted = (self.expected - self.low) / self.width * self.weights
        found = weighted.max(axis=1) + 0.05 * weighted.sum(axis=1)
        return np.asarray(np.where(self.inside, found, 1e6 + self.outside))

    @cached_property
    def failures(self) -> Failures:
        """The chance to fail."""
        return Failures(self.coordinates, self.failed, self.good)

    def score(self, rows: Floats) -> Floats:
        """Return the merit of rows, larger is better."""
        merit = np.zeros(len(rows))
        for model in self.limits:
            mean, sd = model.predict(rows)
            bound = float(model.curve.forward(np.zeros(1))[0])
            merit += np.log(np.maximum(normal_tail((bound - mean) / sd), 1e-300))
        if self.inside.any():
            merit += self._improvement(rows)
        if len(self.failed):
            merit += self.failures.merit(rows)
        if self.seen.durations is not None:
            merit = merit - 1e9 * (self.seen.durations.seconds(rows) > self.seen.left)
        return merit

    def _improvement(self, rows: Floats) -> Floats:
        predicted = [model.predict(rows) for model in self.models]
        mean = np.stack([each for each, _ in predicted], axis=1)
        sd = np.stack([each for _, each in predicted], axis=1)
        count = len(self.models)
        if count == 1:
            return log_improvement(mean[:, 0], sd[:, 0], float(self.low[0]))
        if count in _MOST_ON_FRONT:
            return log_hypervolume_improvement(mean, sd, *self._boxes)
        return self._chebyshev(mean, sd)

    @cached_property
    def _boxes(self) -> tuple[list[Floats], Ints, Ints]:
        front, most = self.front, _MOST_ON_FRONT[len(self.models)]
        if len(front) > most:  # those nearest to the aim
            weighted = (front - self.low) / self.width * self.weights
            front = front[np.argsort(weighted.max(axis=1), kind="stable")[:most]]
        # Behind everything that is known, or else a short front would never grow sideways.
        reference = self.low + (1.0 + _BEYOND) * self.width
        return boxes(front, np.maximum(reference, self.expected.max(axis=0)))

    def _chebyshev(self, mean: Floats, sd: Floats) -> Floats:
        """The logarithm of the expected improvement of the Chebyshev function.

        It is below t if all its parts are, so its distribution function is the product of theirs,
        of which the integral is the expected improvement.
        """
        best = float(((self.front - self.low) / self.width * self.weights).max(axis=1).min())
        total = np.zeros((len(mean), len(_STEPS)))
        for index, weight in enumerate(np.maximum(self.weights, 1e-3)):
            bound = self.low[index] + self.width[index] * (best - _STEPS) / weight
            z = (bound - mean[:, index, None]) / sd[:, index, None]
            total += np.log(np.maximum(normal_tail(z), 1e-300))
        most = total.max(axis=1)
        heights = np.exp(total - most[:, None])
        area = (0.5 * (heights[:, 1:] + heights[:, :-1]) * np.diff(_STEPS)).sum(axis=1)
        return np.asarray(most + np.log(np.maximum(area, 1e-300)))


def boxes(front: Floats, reference: Floats) -> tuple[list[Floats], Ints, Ints]:
    """Cut what no member of a front dominates, below a reference point, into boxes.

    Parameters
    ----------
    front
        One row each member, lower is better.
    reference
        The worst numbers that count.

    Returns
    -------
    list of array, array, array
        For each objective the coordinates at which boxes end, the first of them minus infinity;
        and for each box and objective the numbers of its lower and upper ends among these.
    """
    front = front[(front < reference).all(axis=1)]
    count = front.shape[1]
    ends = [np.unique(np.append(front[:, j], reference[j])) for j in range(count)]
    places = np.stack([np.searchsorted(ends[j], front[:, j]) + 1 for j in range(count)], axis=1)
    found = np.array(_cut(places, [len(each) for each in ends]), dtype=np.int64)
    lower, upper = found.reshape(-1, 2, count).transpose(1, 0, 2)
    return [np.append(-np.inf, each) for each in ends], lower, upper


def _cut(places: Ints, last: list[int]) -> list[tuple[list[int], list[int]]]:
    """Boxes of what no row of places dominates, by slices along the last objective."""
    if places.shape[1] == 1:
        top = int(places.min()) if len(places) else last[0]
        return [([0], [top])]
    found = []
    levels = np.unique(places[:, -1])
    starts, stops = [0, *levels.tolist()], [*levels.tolist(), last[-1]]
    for start, stop in zip(starts, stops, strict=True):
        if start == stop:
            continue
        below = places[places[:, -1] <= start][:, :-1] if start else places[:0, :-1]
        if len(below):
            below = below[nondominated(below.astype(np.float64))]
        for low, high in _cut(below, last[:-1]):
            if all(a < b for a, b in zip(low, high, strict=True)):
                found.append(([*low, start], [*high, stop]))
    return found


def log_hypervolume_improvement(
    mean: Floats, sd: Floats, ends: list[Floats], lower: Ints, upper: Ints
) -> Floats:
    """Return the logarithm of the expected hypervolume improvement of independent normals.

    In each box it is the product of differences of expected improvements (Yang et al. 2019).

    Parameters
    ----------
    mean, sd
        One row each point, one column each objective.
    ends, lower, upper
        What `boxes` gives.
    """
    product = np.ones((len(mean), len(lower)))
    for index, coordinates in enumerate(ends):
        gain = np.zeros((len(mean), len(coordinates)))
        m, s = mean[:, index, None], sd[:, index, None]
        gain[:, 1:] = np.exp(log_improvement(m, s, coordinates[None, 1:]))
        product *= np.maximum(gain[:, upper[:, index]] - gain[:, lower[:, index]], 0.0)
    return np.asarray(np.log(np.maximum(product.sum(axis=1), 1e-300)))


def rank_several(
    rng: np.random.Generator,
    coordinates: Coordinates,
    seen: Seen,
    objectives: int,
    weights: Floats,
    temperature: float,
    seeding: bool,
    hypers: list[Hyper] | None = None,
    workload: Workload | None = None,
) -> tuple[Ranking, list[Hyper]]:
    """Propose many candidates and rank them; see :func:`pyhopper.kernels.model.screening.rank`.

    Parameters
    ----------
    rng, coordinates, temperature, seeding, workload
        See there.
    seen
        Its values have a column for each objective and then for each end of a limit: by how much a
        number is beyond it.
    objectives
        How many of the columns are objectives.
    weights
        The aim.
    hypers
        Those of the last call, one each column.

    Returns
    -------
    Ranking, list of Hyper
        Its mean and sd are of the first objective.
    """
    workload = workload or Workload()
    columns = seen.values.shape[1]
    known = hypers or [first_hyper(coordinates) for _ in range(columns)]
    good = np.isfinite(seen.values).all(axis=1)
    rows, values = seen.rows[good], seen.values[good]
    if not len(rows):
        return without_model(rng, coordinates, seen, known[0], workload), known
    inside: Bools = np.asarray((values[:, objectives:] <= 0.0).all(axis=1))
    known = _learn(known, coordinates, rows, values, objectives, workload)
    losses, values = values[:, 0], flattened(values, objectives)
    used = chosen_points(known[0], coordinates, rows, _weighed(values, inside, objectives, weights))
    rows, values, inside, first = rows[used], values[used], inside[used], losses[used]
    workload = workload.for_points(len(rows))
    models = [
        Model(hyper, coordinates, rows, values[:, column], seen.pending)
        for column, hyper in enumerate(known)
    ]
    screen = _screen(
        coordinates, models, objectives, weights, rows, inside, seen, np.asarray(~good)
    )
    if seeding and rng.random() < share_of_whole_space(coordinates):
        proposals = whole_space(rng, coordinates, 2 * workload.proposals)
        merit, screened = screen.score(proposals), len(proposals)
    else:
        points = np.vstack([rows, seen.pending])
        reach = Reach.at(coordinates, temperature)
        proposals = local_proposals(rng, screen, points, reach, workload)
        merit = screen.score(proposals)
        proposals, merit = refine(rng, screen, proposals, merit, workload, reach)
        screened = workload.proposals * (1 + workload.rounds)
    chosen = unseen(proposals, merit, np.vstack([seen.rows, seen.pending]), workload.keep)
    mean, sd = _in_objective_units(models[0], proposals[chosen], values[:, 0], first)
    return Ranking(proposals[chosen], mean, sd, screened, known[0]), known


def _in_objective_units(
    model: Model, rows: Floats, flat: Floats, losses: Floats
) -> tuple[Floats, Floats]:
    """Return a prediction of an objective that was flattened, from both forms of what is known."""
    order = np.argsort(losses, kind="stable")
    mean, sd = model.in_objective_units(*model.predict(rows))
    ends = [np.interp(mean + sign * sd, flat[order], losses[order]) for sign in (-0.5, 0.5)]
    return np.interp(mean, flat[order], losses[order]), np.asarray(ends[1] - ends[0])


def _screen(
    coordinates: Coordinates,
    models: list[Model],
    objectives: int,
    weights: Floats,
    rows: Floats,
    inside: Bools,
    seen: Seen,
    failed: Bools,
) -> Judged:
    """What proposals are scored by. What runs counts with what the models expect of it."""

    def expected(model: Model) -> Floats:
        if not len(seen.pending):
            return model.fitted
        return np.concatenate([model.fitted, model.predict(seen.pending)[0]])

    limits = models[objectives:]
    bounds = [float(model.curve.forward(np.zeros(1))[0]) for model in limits]
    beyond = [expected(m) - bound for m, bound in zip(limits, bounds, strict=True)]
    outside = np.zeros(len(rows) + len(seen.pending))
    for each in beyond:
        outside += np.maximum(each, 0.0)
    believed = outside[len(rows) :] <= 0.0
    return Judged(
        coordinates,
        models[:objectives],
        limits,
        weights,
        np.stack([expected(model) for model in models[:objectives]], axis=1),
        np.concatenate([inside, believed & bool(inside.any())]),
        outside,
        seen,
        seen.rows[failed],
        rows,
    )


def _weighed(values: Floats, inside: Bools, objectives: int, weights: Floats) -> Floats:
    """What counts of evaluations under the aim, to choose those that matter most."""
    losses = values[:, :objectives]
    low = losses.min(axis=0)
    width = np.maximum(np.median(losses, axis=0) - low, 1e-300)
    found = (np.minimum((losses - low) / width, 1e9) * weights).max(axis=1)
    beyond = np.maximum(values[:, objectives:], 0.0).sum(axis=1)
    return np.asarray(np.where(inside, found, 1e12 * (1.0 + beyond)))


def _learn(
    hypers: list[Hyper],
    coordinates: Coordinates,
    rows: Floats,
    values: Floats,
    objectives: int,
    workload: Workload,
) -> list[Hyper]:
    """Bring the hyperparameters of all columns up to date; see `learn`."""
    counts = [count for count in range(hypers[0].count + 1, len(rows) + 1) if due(count)]
    for count in counts if workload.replay else counts[-1:]:
        columns = flattened(values[:count], objectives)
        for index, hyper in enumerate(hypers):
            column = columns[:, index]
            kept = chosen_points(hyper, coordinates, rows[:count], column)
            given = coordinates, rows[kept], column[kept]
            fewer = max(3, min(workload.steps, workload.steps * 100 // len(kept)))
            hypers[index] = refit(hyper, *given, fewer, straight=True)
            if count in RIVALS:
                hypers[index] = challenge(hypers[index], *given, 2 * workload.steps, straight=True)
    return [replace(hyper, count=len(rows)) for hyper in hypers]


def flattened(values: Floats, objectives: int) -> Floats:
    """Values as they are modelled: in proportion where they matter, and far from there less.

    Objectives matter in the range of the front, limits near their ends.
    """
    losses, beyond = values[:, :objectives], values[:, objectives:]
    inside = (beyond <= 0.0).all(axis=1)
    matter = losses[inside] if inside.any() else losses
    front = matter[nondominated(matter)]
    low = front.min(axis=0)
    typical = np.median(losses[:_TYPICAL], axis=0) - low
    width = np.maximum(front.max(axis=0) - low, 0.25 * typical)
    z = (losses - low) / np.where(width > 0.0, width, 1.0)
    z = np.where(z > _FAR, _FAR + np.log1p(np.maximum(z - _FAR, 0.0)), z)
    scale = np.maximum(np.median(np.abs(beyond), axis=0), 1e-300)
    return np.hstack([z, np.arcsinh(np.clip(beyond / scale, -1e9, 1e9))])

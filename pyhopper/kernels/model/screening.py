"""Delayed acceptance: of many proposals, evaluate the most promising (Christen & Fox 2005).

A proposal costs microseconds, an evaluation seconds to hours. The kernel proposes many candidates,
the model of the evaluations so far rejects most, and one is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from pyhopper.kernels.coordinates import Coordinates, Floats, Ints, keys
from pyhopper.kernels.model.covariance import Hyper, features_of, squared_distance
from pyhopper.kernels.model.design import share_of_whole_space, whole_space
from pyhopper.kernels.model.duration import Durations
from pyhopper.kernels.model.failures import Failures
from pyhopper.kernels.model.gaussian import Model, chosen_points, first_hyper, learn, refit
from pyhopper.kernels.model.vicinity import beyond, cliffs, vicinity
from pyhopper.kernels.moves import SMALLEST_MOVE, move, parents_of

NEAR_STEPS, NEAR_ROUNDS = 5, 3
"""In place of those of `Workload` for a model of the best point's vicinity."""


@dataclass(frozen=True)
class Workload:
    """How many proposals are made and scored for one candidate.

    Attributes
    ----------
    proposals
        Moves in the first round and in each later one.
    rounds
        How often the best proposals are moved again.
    steps
        Rprop steps of one fit of the hyperparameters.
    keep
        How many candidates to return, so that a constraint can refuse some.
    replay
        See `learn`: False only where the budget is time.
    """

    proposals: int = 300
    rounds: int = 5
    steps: int = 10
    keep: int = 16
    replay: bool = True

    def for_points(self, count: int) -> Workload:
        """Return a workload that takes about the same time with a model of `count` points."""
        proposals = min(self.proposals, max(60, self.proposals * 85 // max(count, 1)))
        rounds = self.rounds if count <= 120 else min(self.rounds, 3)
        return replace(self, proposals=proposals, rounds=rounds)


@dataclass(frozen=True)
class Seen:
    """The evaluations that the model learns from, and what else bears on the choice.

    Attributes
    ----------
    rows, values
        All evaluations in the order in which they ended; lower is better, NaN marks a failure.
    pending
        Candidates that are being evaluated.
    durations, left
        How long evaluations take, if that follows from their parameters, and how many seconds of
        the budget are left; what takes longer comes last.
    unsure
        The variance of each value's own error, as a share of the variance of values: that of
        pruned evaluations is not 0.
    """

    rows: Floats
    values: Floats
    pending: Floats
    durations: Durations | None = None
    left: float = np.inf
    unsure: Floats | float = 0.0


@dataclass(frozen=True)
class Ranking:
    """The proposals that were screened, most promising first.

    Attributes
    ----------
    rows
        Candidates not seen before, in the order of merit. Empty where all were seen.
    mean, sd
        What the model expects of each, in the units of the objective.
    screened
        From how many proposals they were picked.
    hyper
        The hyperparameters of the model, to be passed to the next call.
    """

    rows: Floats
    mean: Floats
    sd: Floats
    screened: int
    hyper: Hyper


def normal_tail(z: Floats) -> Floats:
    """Return the normal distribution function (Chebyshev fit of erfc, relative error 1e-7)."""
    x = np.abs(z) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.5 * x)
    poly = np.zeros_like(t)
    for c in (0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806,
              0.09678418, 0.37409196, 1.00002368, -1.26551223):  # fmt: skip
        poly = poly * t + c
    upper = 0.5 * t * np.exp(-x * x + poly)
    return np.asarray(np.where(z < 0, upper, 1.0 - upper))


def log_improvement(mean: Floats, sd: Floats, best: float | Floats) -> Floats:
    """Return the logarithm of the expected improvement, stable far from it (Ament et al. 2023)."""
    z = (best - mean) / sd
    near = np.maximum(z, -6.0)
    density = np.exp(-0.5 * near**2) / np.sqrt(2.0 * np.pi)
    direct = np.log(np.maximum(density + near * normal_tail(near), 1e-300))
    far = np.minimum(z, -6.0)
    tail = -0.5 * far**2 - 0.5 * np.log(2.0 * np.pi) - 2.0 * np.log(-far)
    return np.asarray(np.log(sd) + np.where(z > -6.0, direct, tail))


@dataclass(frozen=True)
class Reach:
    """How far proposals go.

    Attributes
    ----------
    shortest, longest
        Of the moves: standard deviations, as shares of the range.
    everywhere
        Share of the proposals that are drawn from the whole space.
    """

    shortest: float
    longest: float
    everywhere: float

    @staticmethod
    def at(coordinates: Coordinates, temperature: float) -> Reach:
        """Return how far proposals go in the whole space at a temperature in (0, 1]."""
        everywhere = share_of_whole_space(coordinates) * temperature
        return Reach(SMALLEST_MOVE, 0.5 * temperature, everywhere)


class Scorer(Protocol):
    """What proposals are scored by."""

    @property
    def coordinates(self) -> Coordinates:
        """The columns."""

    @property
    def fitted(self) -> Floats:
        """What is expected at the points that are known, lower is better."""

    def score(self, rows: Floats) -> Floats:
        """Return the merit of rows, larger is better."""


@dataclass(frozen=True)
class Screen:
    """The model, and what else proposals are scored by.

    Attributes
    ----------
    model
        What is expected of a point.
    best
        The value that has to be improved, as the model sees values.
    failed, good
        Points that failed, and points that gave a value.
    exploded
        Points beside which nothing is looked for, see :mod:`.vicinity`.
    durations, left
        See `Seen`.
    doubt
        How much of the model's standard deviation counts, in (0, 1].
    inside
        Whether nothing is accepted beyond the box that the model looks at.
    """

    model: Model
    best: float
    failed: Floats
    good: Floats
    exploded: Floats
    durations: Durations | None = None
    left: float = np.inf
    doubt: float = 1.0
    inside: bool = False

    @property
    def coordinates(self) -> Coordinates:
        """The columns."""
        return self.model.coordinates

    @property
    def fitted(self) -> Floats:
        """What the model expects at the points that it knows."""
        return self.model.fitted

    @cached_property
    def failures(self) -> Failures:
        """The chance to fail."""
        return Failures(self.coordinates, self.failed, self.good)

    def score(self, rows: Floats) -> Floats:
        """Return the merit of rows, larger is better."""
        mean, sd = self.model.predict(rows)
        # Logarithms of expected improvements (Jones et al. 1998), so that they add up below.
        merit = log_improvement(mean, self.doubt * sd, self.best)
        if len(self.failed):
            merit = merit + self.failures.merit(rows)
        if len(self.exploded):
            merit = merit + cliffs(self.coordinates, self.exploded, self.good, rows)
        if self.durations is not None:
            merit = merit - 1e9 * (self.durations.seconds(rows) > self.left)
        if self.inside:
            merit = merit - 100.0 * beyond(self.coordinates, rows)
        return merit


def refine(
    rng: np.random.Generator, screen: Scorer, rows: Floats, merit: Floats, workload: Workload,
    reach: Reach,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Keep the best twentieth, move it by ever smaller steps, score again."""
    coordinates = screen.coordinates
    # Sizes are log-uniform between two bounds that shrink from round to round.
    for turn in range(workload.rounds):
        kept = np.argsort(-merit, kind="stable")[: max(1, workload.proposals // 20)]
        parents = rows[rng.choice(kept, workload.proposals)]
        widest = np.log(reach.longest * 0.5**turn / reach.shortest)
        size = reach.shortest * 0.3**turn * np.exp(rng.random(workload.proposals) * widest)
        fresh = move(rng, coordinates, parents, size, dense=0.3)
        rows = np.vstack([rows[kept], fresh])
        merit = np.concatenate([merit[kept], screen.score(fresh)])
    return rows, merit


def local_proposals(
    rng: np.random.Generator, screen: Scorer, rows: Floats, reach: Reach, workload: Workload
) -> Floats:
    """Draw moves around the points that the model holds for the best, and some from everywhere."""
    coordinates = screen.coordinates
    everywhere = int(reach.everywhere * workload.proposals)
    # Around the five best means rather than values, since values may be noisy.
    order = np.argsort(screen.fitted, kind="stable")[:5]
    parents = rows[parents_of(rng, order, workload.proposals - everywhere, 0.6)]
    widest = np.log(reach.longest / reach.shortest)
    size = reach.shortest * np.exp(rng.random(len(parents)) * widest)
    near = move(rng, coordinates, parents, size, dense=0.2)
    return np.vstack([near, whole_space(rng, coordinates, everywhere)])


def rank(
    rng: np.random.Generator,
    coordinates: Coordinates,
    seen: Seen,
    temperature: float,
    seeding: bool,
    hyper: Hyper | None = None,
    workload: Workload | None = None,
) -> Ranking:
    """Propose many candidates and rank them by the model.

    Parameters
    ----------
    rng
        The generator of this candidate.
    coordinates
        The columns.
    seen
        What has been evaluated, and what is being evaluated.
    temperature
        In (0, 1]: the width of local moves.
    seeding
        True in phase 1: some candidates are drawn from the whole space alone.
    hyper
        Those of the last call's ranking; None learns them from all evaluations, with the same
        result.
    workload
        How many proposals to make.
    """
    workload = workload or Workload()
    good = np.isfinite(seen.values)
    rows, values = seen.rows[good], seen.values[good]
    unsure = np.broadcast_to(seen.unsure, good.shape)[good]
    hyper = hyper or first_hyper(coordinates)
    if not len(rows):
        return without_model(rng, coordinates, seen, hyper, workload)
    # The model: hyperparameters at the peak of their posterior, then a Gaussian process with these
    # on the evaluations that matter most (Rasmussen & Williams 2006, equations 2.23 to 2.26).
    hyper = learn(hyper, coordinates, rows, values, workload.steps, workload.replay, unsure)
    failed, exploded = seen.rows[~good], rows[:0]
    near = None if seeding else vicinity(rng, hyper, coordinates, rows, values)
    if near is None:
        view, known, used = coordinates, hyper, chosen_points(hyper, coordinates, rows, values)
        reach = Reach.at(coordinates, temperature)
    else:
        view, used = near.coordinates, near.used
        exploded = rows[near.exploded]
        reach = Reach(min(SMALLEST_MOVE, 0.01 * near.longest), near.longest, everywhere=0.0)
        # Learned anew, since the box is another one each time. Its values are close to each other,
        # and modelled as they are.
        known, told = first_hyper(view), (rows[used], values[used])
        known = refit(known, view, *told, NEAR_STEPS, straight=True, unsure=unsure[used])
        workload = replace(workload, rounds=NEAR_ROUNDS)
    rows, values, unsure = rows[used], values[used], unsure[used]
    workload = workload.for_points(len(rows))
    model = Model(known, view, rows, values, seen.pending, unsure)
    share = share_of_whole_space(coordinates)
    screen = Screen(
        model,
        model.expected_best,
        failed,
        rows,
        exploded,
        seen.durations,
        seen.left,
        doubt=share if seeding else 1.0,
        inside=near is not None,
    )
    # The first stage of delayed acceptance (Christen & Fox 2005): many proposals are judged by the
    # model in place of the objective, by the logarithm of their expected improvement on the best
    # mean (Ament et al. 2023). Phase 1 looks everywhere or near the best, by chance: with both
    # among the proposals the model would nearly always prefer the one kind. What is explored is
    # settled by that, so the model's doubt, which leads to the corners of many dimensions while
    # little is known, counts by the same share.
    if seeding and rng.random() < share:
        proposals = whole_space(rng, coordinates, 2 * workload.proposals)
        merit = screen.score(proposals)
        screened = len(proposals)
    else:
        proposals = local_proposals(rng, screen, rows, reach, workload)
        merit = screen.score(proposals)
        proposals, merit = refine(rng, screen, proposals, merit, workload, reach)
        screened = workload.proposals * (1 + workload.rounds)
    # The second stage evaluates the first of these that is allowed.
    chosen = unseen(proposals, merit, np.vstack([seen.rows, seen.pending]), workload.keep)
    mean, sd = model.in_objective_units(*model.predict(proposals[chosen]))
    return Ranking(proposals[chosen], mean, sd, screened, hyper)


def without_model(
    rng: np.random.Generator, coordinates: Coordinates, seen: Seen, hyper: Hyper, workload: Workload
) -> Ranking:
    """Rank draws from the whole space by how far they are from failures: nothing has succeeded."""
    proposals = whole_space(rng, coordinates, workload.proposals)
    near = (features_of(coordinates, rows).near for rows in (proposals, seen.rows))
    merit = squared_distance(*near).min(axis=1)
    chosen = unseen(proposals, merit, np.vstack([seen.rows, seen.pending]), workload.keep)
    unknown = np.full(len(chosen), np.nan)
    return Ranking(proposals[chosen], unknown, unknown, len(proposals), hyper)


def unseen(proposals: Floats, merit: Floats, seen: Floats, keep: int) -> Ints:
    """Return the indices of the best proposals that are neither seen nor repeated."""
    known, result = set(keys(seen)), []
    order = np.argsort(-merit, kind="stable")
    for index, key in zip(order, keys(proposals[order]), strict=True):
        if key not in known:
            known.add(key)
            result.append(int(index))
            if len(result) == keep:
                break
    return np.array(result, dtype=np.int64)

"""The step that learns in few dimensions: an adapting covariance matrix, for cheap objectives.

Where an evaluation is too cheap for a model, moves are drawn from a normal distribution whose
centre, size and shape follow the better ones of the last moves (CMA-ES: Hansen & Ostermeier 2001;
constants and negative weights as in Hansen 2016, "The CMA evolution strategy: a tutorial",
arXiv:1604.00772, whose equations are cited below). Once it has converged it restarts somewhere else
with twice as many moves a generation (Auger & Hansen 2005), the best point being kept.

No slot waits for another: moves are proposed without end, and a generation is formed by those that
have been evaluated first. What was drawn from an earlier distribution, or found by others, is
shortened to a step that the present one could have made (Hansen 2011, "Injecting external solutions
into CMA-ES", arXiv:1110.4181).

Discrete parameters keep a spread that reaches the next level now and then (Hamano et al. 2022);
options are drawn by weights that follow those of the better moves (Baluja 1994).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pyhopper.blas import one_thread
from pyhopper.kernels.coordinates import (
    Coordinates,
    Floats,
    Ints,
    complete,
    keys,
    snap,
    switch_off,
    uniform,
)

FIRST_SIZE, NEW_SIZE = 0.2, 0.3
LEAST_SIZE = 0.01
MOST_GROWTH = 16
MOST_KNOWN = 2**15
CONVERGED, FLAT = 1e-12, 1e-13
# The least spread of a discrete parameter, as a share of the distance between two levels.
LEAST_SPREAD = 0.35


class Draw(NamedTuple):
    """A move.

    Attributes
    ----------
    row
        The legal point, inactive entries NaN.
    point
        The same before rounding to levels.
    run
        In which start of the distribution it was drawn.
    """

    row: Floats
    point: Floats
    run: int


class Constants:
    """The constants of a distribution over ``count`` numbers (Hansen 2016, table 1).

    Attributes
    ----------
    size, parents
        Moves of a generation, and how many of them the distribution follows (equation 48).
    good, bad
        Weights of the better and of the other half (equations 49 and 53).
    total
        Their sum.
    mass
        For how many equally weighted moves the better half counts.
    one, many
        Learning rates of the matrix, from its path and from the moves.
    path_size, damping
        Of the path that sets the size (equation 55).
    path_shape
        How quickly the path of the matrix forgets (equation 56).
    gain_of_size, gain_of_shape
        How much a move adds to the two paths (equations 43 and 45).
    length
        The expected length of a standard normal vector.
    reach
        The longest step that counts, in these lengths (Hansen 2011).
    patience
        Generations without progress before a restart.
    """

    def __init__(self, count: int, size: int) -> None:
        n = max(count, 1)
        self.size, self.parents = size, size // 2
        raw = np.log((size + 1) / 2) - np.log(np.arange(1, size + 1))
        good, bad = raw[: self.parents], raw[self.parents :]
        self.mass = float(good.sum() ** 2 / np.square(good).sum())
        bad_mass = float(bad.sum() ** 2 / max(np.square(bad).sum(), 1e-300))
        self.one = 2 / ((n + 1.3) ** 2 + self.mass)
        self.many = min(
            1 - self.one, 2 * (self.mass - 2 + 1 / self.mass) / ((n + 2) ** 2 + self.mass)
        )
        # Negative weights must leave the matrix positive (equations 50 to 52).
        least = min(
            1 + self.one / max(self.many, 1e-300),
            1 + 2 * bad_mass / (self.mass + 2),
            (1 - self.one - self.many) / (n * max(self.many, 1e-300)),
        )
        self.good = good / good.sum()
        self.bad = least * bad / max(float(-bad.sum()), 1e-300)
        self.total = float(self.good.sum() + self.bad.sum())
        self.path_size = (self.mass + 2) / (n + self.mass + 5)
        self.damping = 1 + 2 * max(0.0, np.sqrt((self.mass - 1) / (n + 1)) - 1) + self.path_size
        self.path_shape = (4 + self.mass / n) / (n + 4 + 2 * self.mass / n)
        self.gain_of_size = math.sqrt(self.path_size * (2 - self.path_size) * self.mass)
        self.gain_of_shape = math.sqrt(self.path_shape * (2 - self.path_shape) * self.mass)
        self.length = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
        self.reach = math.sqrt(n) + 2 * n / (n + 2)
        self.patience = 10 + int(np.ceil(30 * n / size))


class Evolution:
    """A chain whose moves are drawn from an adapting normal distribution.

    It follows the protocol :class:`~pyhopper.kernels.steps.base.Chain`.

    Parameters
    ----------
    coordinates
        The columns.
    row, value
        Where the chain starts, usually the best evaluation so far.
    seed
        Fills in the entries that are inactive in `row`.
    top
        The best few evaluations: how far apart they are is how far the first moves go.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        row: Floats,
        value: float,
        seed: int = 0,
        top: Floats | None = None,
    ) -> None:
        self.coordinates = coordinates
        self.numeric = np.flatnonzero(coordinates.free & ~coordinates.categorical)
        self.options = np.flatnonzero(coordinates.free & coordinates.categorical)
        levels = coordinates.levels[self.numeric]
        self.least = np.where(levels > 0, LEAST_SPREAD / np.maximum(levels, 1), 0.0)
        self.spread = bool(self.least.any())
        self.value = value
        self.discrete = bool((coordinates.levels[coordinates.free] > 0).all())
        self.known: dict[bytes, float] = {}
        self.seed, self.run = seed, 0
        self.size = 4 + int(3 * np.log(max(len(self.numeric) + len(self.options), 1)))
        sigma = FIRST_SIZE
        if top is not None and len(top) > 1 and len(self.numeric):
            off = np.nan_to_num(top[:, self.numeric] - row[self.numeric])
            apart = float(np.median(np.sqrt(np.mean(off**2, axis=1))))
            sigma = float(np.clip(apart, LEAST_SIZE, FIRST_SIZE))
        self._begin(complete(coordinates, row, seed), sigma, self.size)

    def _begin(self, point: Floats, sigma: float, size: int) -> None:
        """Start, or restart, the distribution at a point."""
        count = len(self.numeric)
        self.constants = Constants(count, size)
        self.whole = point.copy()
        self.mean, self.sigma = point[self.numeric].copy(), sigma
        self.matrix = np.eye(count)
        self.axes, self.lengths = np.eye(count), np.ones(count)
        self.path_of_size, self.path_of_shape = np.zeros(count), np.zeros(count)
        self.weights = [self._around(int(column), point[column]) for column in self.options]
        self.waiting: list[Draw] = []
        self.back: list[tuple[float, Floats]] = []
        self.bests: list[float] = []
        self.generations = self.decomposed = self.dropped = 0

    def _around(self, column: int, option: float) -> Floats:
        """Weights of options: half for one, the rest for all."""
        levels = int(self.coordinates.levels[column])
        weights = np.full(levels, 0.5 / levels)
        weights[int(option)] += 0.5
        return weights

    # -- proposing

    def propose(self, rng: np.random.Generator, temperature: float = 1.0) -> Draw:
        """See `Chain`. The temperature bounds the size of the first moves only."""
        if not self.waiting:
            if not self.generations:
                self.sigma = min(self.sigma, 0.5 * temperature)
            self.waiting = self._generation(rng)
        return self.waiting.pop(0)

    def _generation(self, rng: np.random.Generator) -> list[Draw]:
        """Draw as many moves as a generation has, all at once since that is quicker."""
        size, count = self.constants.size, len(self.numeric)
        steps = (rng.standard_normal((size, count)) * self.lengths) @ self.axes.T
        steps *= self.sigma
        if self.spread:
            spread = self.sigma**2 * self.matrix.diagonal()
            extra = np.sqrt(np.maximum(self.least**2 - spread, 0.0))
            steps += extra * rng.standard_normal((size, count))
        points = np.empty((size, len(self.whole)))
        points[:] = self.whole
        # Reflected at the bounds, and for the rare step longer than the range once more.
        moved = np.abs(self.mean + steps) % 2.0
        points[:, self.numeric] = np.minimum(moved, 2.0 - moved)
        for column, weights in zip(self.options, self.weights, strict=True):
            chosen = np.searchsorted(np.cumsum(weights)[:-1], rng.random(size), side="right")
            points[:, column] = chosen
        rows = switch_off(self.coordinates, snap(self.coordinates, points))
        return [Draw(row, point, self.run) for row, point in zip(rows, points, strict=True)]

    # -- learning

    def adopt(self, row: Floats, value: float) -> None:
        """See `Chain`. A better one joins the present generation."""
        if value < self.value:
            self.value = value
            self.back.append((value, np.where(np.isnan(row), self.whole, row)))

    def drop(self, draw: Draw) -> None:
        """See `Chain`. A duplicate counts with the value that is known."""
        self.dropped += 1
        value = self.known.get(keys(draw.row[None, :])[0])
        self._add(draw, value)

    def observe(self, draw: Draw, value: float) -> None:
        """See `Chain`."""
        value = value if math.isfinite(value) else math.inf
        self.value = min(self.value, value)
        if self.discrete and len(self.known) < MOST_KNOWN:
            self.known[keys(draw.row[None, :])[0]] = value
        self.dropped = 0
        self._add(draw, value)

    def _add(self, draw: Draw, value: float | None) -> None:
        """Add a move to the present generation; learn once it is complete."""
        if draw.run != self.run:
            return
        if value is not None:
            self.back.append((value, draw.point))
        is_complete = len(self.back) >= self.constants.size
        if is_complete:
            self._learn()
        # Nothing that it depends on changes in between.
        if (is_complete or self.dropped) and self._converged():
            self.run += 1
            rng = np.random.default_rng([self.seed, 37, self.run])
            size = min(self.constants.size * 2, self.size * MOST_GROWTH)
            self._begin(uniform(rng, self.coordinates, 1)[0], NEW_SIZE, size)

    def _learn(self) -> None:
        """Move the distribution to the better half of what has come back."""
        told = sorted(self.back[: self.constants.size], key=lambda pair: pair[0])
        self.back = self.back[self.constants.size :]
        self.waiting.clear()
        self.generations += 1
        self.bests.append(told[0][0])
        self._learn_options(told)
        if len(self.numeric):
            self._learn_numbers(np.array([point for _, point in told]).take(self.numeric, axis=1))

    def _learn_numbers(self, points: Floats) -> None:
        """Bring centre, size and shape up to date; the points come best first.

        The equations are those of Hansen 2016; C stands for the matrix.
        """
        s, count = self.constants, len(self.numeric)
        # Steps as the distribution draws them (39, 40), those that are too long for it shortened
        # (Hansen 2011). White are those of a standard normal distribution: C^-1/2 step.
        steps = (points - self.mean) / self.sigma
        white = (steps @ self.axes) / self.lengths
        norms = np.sqrt(np.square(white).sum(axis=1))
        steps *= np.minimum(1.0, s.reach / np.maximum(norms, 1e-300))[:, None]
        norms = np.minimum(norms, s.reach)
        # The centre moves to the weighted mean of the better half (41, 42).
        move = s.good @ steps[: s.parents]
        self.mean = np.minimum(np.maximum(self.mean + self.sigma * move, 0.0), 1.0)
        # The path of the last moves, each one made white (43).
        straight = self.axes @ ((move @ self.axes) / self.lengths)
        self.path_of_size *= 1 - s.path_size
        self.path_of_size += s.gain_of_size * straight
        # While it is far too long the size still has to grow, and the other path waits (h_sigma
        # in 45).
        length = math.sqrt(self.path_of_size @ self.path_of_size)
        usual = math.sqrt(1 - (1 - s.path_size) ** (2 * self.generations)) * s.length
        growing = length / usual < 1.4 + 2 / (count + 1)
        # The path of the matrix (45).
        self.path_of_shape *= 1 - s.path_shape
        if growing:
            self.path_of_shape += s.gain_of_shape * move
        # Bad steps count by their direction, as if each had the usual length (46).
        bad = s.bad * count / np.maximum(norms[s.parents :] ** 2, 1e-300)
        weights = np.concatenate([s.good, bad])
        # The matrix: what it was, its path, and the weighted steps (47).
        lost = 0.0 if growing else s.one * s.path_shape * (2 - s.path_shape)
        self.matrix *= 1 + lost - s.one - s.many * s.total
        self.matrix += s.one * (self.path_of_shape[:, None] * self.path_of_shape)
        self.matrix += s.many * (steps.T * weights) @ steps
        # Longer paths than by chance mean that the moves are too short (44).
        ratio = np.exp(min(1.0, (s.path_size / s.damping) * (length / s.length - 1)))
        self.sigma = min(max(float(self.sigma * ratio), 1e-300), 1.0)
        # A decomposition is costly, and the matrix changes slowly (appendix B.2).
        due = 1 / max((s.one + s.many) * count * 10, 1e-12)
        if self.generations - self.decomposed >= due:
            self._decompose()

    def _decompose(self) -> None:
        """Bring the axes up to date with the matrix."""
        self.decomposed = self.generations
        self.matrix = 0.5 * (self.matrix + self.matrix.T)
        with one_thread():
            squares, self.axes = np.linalg.eigh(self.matrix)
        self.lengths = np.sqrt(np.maximum(squares, 1e-20 * max(float(squares.max()), 1e-300)))

    def _learn_options(self, told: list[tuple[float, Floats]]) -> None:
        """Move the weights of options to those of the better half; none gets too rare."""
        rate = min(0.5, 1.0 / max(len(self.options), 1) + 0.1)
        for index, column in enumerate(self.options):
            levels = int(self.coordinates.levels[column])
            better = told[: self.constants.parents]
            chosen: Ints = np.array([int(point[column]) for _, point in better])
            seen = np.bincount(chosen, weights=self.constants.good, minlength=levels)
            weights = (1 - rate) * self.weights[index] + rate * seen
            least = 0.5 / (len(self.options) * levels)
            weights = np.maximum(weights, least)
            self.weights[index] = weights / weights.sum()

    def _converged(self) -> bool:
        """Whether nothing more is to be found around here."""
        if self.dropped > 5 * self.constants.size:
            return True
        patience = self.constants.patience
        if self.generations < patience:
            return False
        recent = self.bests[-patience:]
        scale = max(abs(recent[-1]), 1e-300)
        if not all(map(math.isfinite, recent)) or max(recent) - min(recent) <= FLAT * scale:
            return True
        if not len(self.numeric):
            return False
        widest = self.sigma * float(np.sqrt(self.matrix.diagonal().max()))
        return widest < CONVERGED or float(self.lengths.max() / self.lengths.min()) > 1e9

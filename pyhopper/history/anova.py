"""How a value depends on its parameters, taken apart into effects of one and of two of them.

The value is modelled as a mean, an effect of every parameter, effects of pairs and noise:

    y = mu + sum_i f_i(x_i) + sum_ij f_ij(x_i, x_j) + noise

This is the functional analysis of variance. Each effect is a Gaussian process whose average over
any of its own parameters is zero, so that the parts are what Sobol (1993) defines and their
variances add up. The kernels are those of smoothing spline ANOVA (Wahba 1990; Gu 2013) with a
Matern 5/2 kernel in place of the spline. The most probable variance of each effect is found with
the MM algorithm of Zhou et al. (2019). The effects are then drawn from their joint posterior
(Matheron's rule, see Wilson et al. 2020), which gives shares with an uncertainty.

Ranges are cut into cells, so that an effect is a vector and that of a pair a table.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pyhopper.blas import one_thread

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS = 24
"""Into so many cells a range is cut."""

_LENGTHS = (1.0, 0.5, 0.2)
"""Length scales of the effects, as shares of the range. Data decide how much each counts."""

_MOST_PAIRED = 10
"""Pairs are looked for among so many parameters with the largest effects of their own."""

_OF_ONE, _OF_TWO = 1.0, 0.3
"""Which variance all effects of one parameter, and all of pairs, are expected to have together.

The more pairs there are, the less each is expected to have. Otherwise some of many pairs would
explain a few evaluations by chance.
"""

_MEAN = 10.0
"""Prior variance of the mean, in variances of the value."""

_STEPS = 40
_LEAST = 1e-5


@dataclass(frozen=True)
class Factor:
    """One parameter as the model sees it.

    Attributes
    ----------
    cells : int array
        The cell of its value in each evaluation; -1 where it is inactive.
    shares : float array
        How likely each cell is in a random draw; their sum is 1.
    ordered : bool
        Whether neighbouring cells are alike.
    conditions : tuple of (int, int)
        Which factors must be in which cells, or above for ordered ones, for it to be active.
    """

    cells: Ints
    shares: Floats
    ordered: bool
    conditions: tuple[tuple[int, int], ...] = ()


Key = tuple[int, ...]
"""The factors of an effect: one or two."""


@dataclass(frozen=True)
class _Effect:
    """An effect: its factors, and the kernel of each."""

    key: Key
    kernels: tuple[Floats, ...]
    places: Ints
    """Where each evaluation stands in the flattened table of cells; -1 where it is inactive."""
    matrix: Floats = field(repr=False)
    """The covariance of the evaluations, with variance 1."""


@dataclass(frozen=True)
class Anova:
    """The effects, each drawn many times from what the evaluations leave open.

    Attributes
    ----------
    draws : dict
        For each effect an array of shape (draws, cells) or (draws, cells, cells), in the units of
        the value.
    noise : float array
        The variance left over, one for each draw.
    mean : float
        The mean of the value.
    factors : tuple of Factor
        What was fitted.
    """

    draws: dict[Key, Floats]
    noise: Floats
    mean: float
    factors: tuple[Factor, ...]

    def variances(self) -> dict[Key, Floats]:
        """The variance of each effect where its parameters are active, for each draw."""
        found = {}
        for key, effect in self.draws.items():
            weights = np.ones(())
            for index in key:
                weights = np.multiply.outer(weights, self.factors[index].shares)
            axes = tuple(range(1, effect.ndim))
            centre = (effect * weights).sum(axes, keepdims=True)
            found[key] = np.asarray((weights * (effect - centre) ** 2).sum(axes))
        return found

    def total(self, variances: dict[Key, Floats], within: Key = ()) -> Floats:
        """The variance of the value where some factors are active, for each draw."""
        given = _conditions(self.factors, within)
        fixed = {index for index, _ in given if not self.factors[index].ordered}
        total = self.noise.copy()
        for key, variance in variances.items():
            free = [index for index in key if index not in fixed]
            conditions = _conditions(self.factors, key)
            if free and _compatible(self.factors, given | conditions):
                total = total + variance * _presence(self.factors, conditions - given)
        return np.asarray(total)

    def table(self, factors: Key) -> Floats:
        """What is expected over the cells of one or two factors, averaged over all others."""
        found = np.full(tuple(len(self.factors[index].shares) for index in factors), self.mean)
        for key, effect in self.draws.items():
            if set(key) <= set(factors):
                part = effect.mean(axis=0)
                axes = [factors.index(index) for index in key]
                part = part if axes == sorted(axes) else part.T
                others = tuple(i for i in range(len(factors)) if i not in axes)
                found = found + np.expand_dims(part, others)
        return np.asarray(found)


def fit(
    factors: tuple[Factor, ...],
    values: Floats,
    draws: int = 200,
    seed: int = 0,
    pairs: bool = True,
) -> Anova:
    """Take the values apart into effects.

    Parameters
    ----------
    factors : tuple of Factor
        The parameters.
    values : float array
        Of each evaluation. The time taken grows with the cube of their number.
    draws : int
        How many draws to make.
    seed : int
        From which the draws follow.
    pairs : bool
        Whether to look for effects of pairs.
    """
    with one_thread():
        return _fit(factors, values, draws, seed, pairs)


def _fit(factors: tuple[Factor, ...], values: Floats, draws: int, seed: int, pairs: bool) -> Anova:
    centre, unit = float(values.mean()), float(values.std())
    rng = np.random.default_rng(seed)
    if unit <= 1e-12 * max(1.0, abs(centre)) or not factors:
        return Anova({}, np.full(draws, unit**2), centre, factors)
    target = (values - centre) / unit
    fits = []
    for length in _LENGTHS:
        kernels = [_kernel(factor, length) for factor in factors]
        effects = [_effect(factors, kernels, (index,)) for index in range(len(factors))]
        if pairs:
            effects = _with_pairs(factors, kernels, effects, target)
        variances, noise, evidence = _variances(effects, target, _STEPS)
        fits.append((effects, variances, noise, evidence))
    scores = np.array([each[-1] for each in fits])
    odds = np.exp(scores - scores.max())
    counts = np.floor(draws * odds / odds.sum() + 0.5).astype(int)
    counts[np.argmax(odds)] += draws - counts.sum()
    keys = dict.fromkeys(effect.key for effects, *_ in fits for effect in effects)
    shapes = {key: tuple(len(factors[index].shares) for index in key) for key in keys}
    drawn = {key: np.zeros((draws, *shape)) for key, shape in shapes.items()}
    noises, start = np.zeros(draws), 0
    for (effects, variances, noise, _), count in zip(fits, counts, strict=True):
        if not count:
            continue
        part = slice(start, start + count)
        start += count
        noises[part] = noise * unit**2
        for key, effect in _draw(rng, effects, variances, noise, target, int(count)).items():
            drawn[key][part] = effect * unit
    drawn = {key: effect for key, effect in drawn.items() if effect.any()}
    return Anova(drawn, noises, centre, factors)


def _kernel(factor: Factor, length: float) -> Floats:
    """The covariance of an effect's cells: its average is zero and its mean variance one."""
    count, shares = len(factor.shares), factor.shares
    if factor.ordered:
        centres = (np.arange(count) + 0.5) / count
        # Matern 5/2: Rasmussen & Williams 2006, equation 4.17.
        far = np.abs(centres[:, None] - centres) * np.sqrt(5.0) / length
        plain = (1.0 + far + far**2 / 3.0) * np.exp(-far)
    else:
        plain = np.eye(count)
    centring = np.eye(count) - shares
    kernel = centring @ plain @ centring.T
    return np.asarray(kernel / max(float(shares @ kernel.diagonal()), 1e-300))


def _effect(factors: tuple[Factor, ...], kernels: list[Floats], key: Key) -> _Effect:
    count = len(factors[0].cells)
    matrix, active = np.ones((count, count)), np.ones(count, dtype=np.bool_)
    places = np.zeros(count, dtype=np.int64)
    for index in key:
        cells = factors[index].cells
        matrix *= kernels[index][np.ix_(cells, cells)]
        active &= cells >= 0
        places = places * len(factors[index].shares) + cells
    places = np.where(active, places, -1)
    own = tuple(kernels[index] for index in key)
    return _Effect(key, own, places, matrix * np.outer(active, active))


def _with_pairs(
    factors: tuple[Factor, ...], kernels: list[Floats], effects: list[_Effect], target: Floats
) -> list[_Effect]:
    """Add the effects of pairs, of many parameters only among those with effects of their own."""
    chosen = np.arange(len(factors))
    if len(factors) > _MOST_PAIRED:
        variances, _, _ = _variances(effects, target, _STEPS // 2)
        chosen = np.sort(np.argsort(-variances, kind="stable")[:_MOST_PAIRED])
    pairs = []
    for key in itertools.combinations(chosen.tolist(), 2):
        conditions = _conditions(factors, key)
        # A parameter inside an option has no pair with the choice that switches it on.
        if {index for index, _ in conditions} & set(key):
            continue
        if _compatible(factors, conditions):
            pairs.append(_effect(factors, kernels, key))
    return [*effects, *pairs]


def _variances(effects: list[_Effect], target: Floats, steps: int) -> tuple[Floats, float, float]:
    """The most probable variances of effects and noise, and their log posterior.

    Zhou et al. (2019), algorithm 1: each variance is multiplied by the root of
    (y' V^-1 K V^-1 y) / (trace(V^-1 K) + 2 rate), where the rate is that of an exponential prior.
    """
    count = len(target)
    stack = np.array([effect.matrix.ravel() for effect in effects])
    present = stack[:, :: count + 1].mean(axis=1)
    single = np.array([len(effect.key) == 1 for effect in effects])
    rate = np.where(single, single.sum() / _OF_ONE, (~single).sum() / _OF_TWO)
    variances = np.where(present > 0, 0.8 / len(effects), 0.0)
    noise = 0.2
    alive = np.flatnonzero(variances)
    part = stack[alive]
    for step in range(steps):
        inverse = np.linalg.inv(_covariance(variances[alive], part, noise, count))
        alpha = inverse @ target
        fitted, expected = part @ np.outer(alpha, alpha).ravel(), part @ inverse.ravel()
        growth = np.sqrt(np.maximum(fitted, 0.0) / (expected + 2.0 * rate[alive]))
        variances[alive] *= growth
        noise = max(noise * float(np.sqrt((alpha @ alpha) / np.trace(inverse))), 1e-6)
        if step % 10 == 9:
            variances[variances < _LEAST] = 0.0
            alive = np.flatnonzero(variances)
            part = stack[alive]
    factor = np.linalg.cholesky(_covariance(variances[alive], part, noise, count))
    white = np.linalg.solve(factor, target)
    evidence = -0.5 * float(white @ white) - float(np.log(factor.diagonal()).sum())
    evidence -= float(rate @ variances)
    return variances, noise, evidence


def _covariance(variances: Floats, stack: Floats, noise: float, count: int) -> Floats:
    matrix = (variances @ stack).reshape(count, count) + _MEAN
    matrix.flat[:: count + 1] += noise
    return np.asarray(matrix)


def _draw(
    rng: np.random.Generator,
    effects: list[_Effect],
    variances: Floats,
    noise: float,
    target: Floats,
    count: int,
) -> dict[Key, Floats]:
    """Draw the effects from their joint posterior: a draw from the prior, and its correction.

    Matheron's rule: f + k(., X) V^-1 (y - f(X) - noise) for a draw f of the prior.
    """
    used = [(effect, v) for effect, v in zip(effects, variances, strict=True) if v > 0]
    number = len(target)
    stack = np.array([effect.matrix.ravel() for effect, _ in used]).reshape(-1, number**2)
    matrix = _covariance(np.array([v for _, v in used]), stack, noise, number)
    left = np.tile(target, (count, 1))
    left -= np.sqrt(_MEAN) * rng.standard_normal((count, 1))
    left -= np.sqrt(noise) * rng.standard_normal((count, number))
    found: dict[Key, Floats] = {}
    for effect, variance in used:
        raw = np.sqrt(variance) * rng.standard_normal((count, *map(len, effect.kernels)))
        draw = _spread(raw, [_root(kernel) for kernel in effect.kernels])
        found[effect.key] = draw
        left -= np.where(effect.places >= 0, draw.reshape(count, -1)[:, effect.places], 0.0)
    weights = left @ np.linalg.inv(matrix)
    for effect, variance in used:
        active = effect.places >= 0
        draw = found[effect.key]
        sums = np.zeros((draw[0].size, count))
        np.add.at(sums, effect.places[active], weights.T[active])
        draw += variance * _spread(sums.T.reshape(draw.shape), list(effect.kernels))
    return found


def _spread(draw: Floats, matrices: list[Floats]) -> Floats:
    """Multiply each axis of draws by a symmetric or triangular matrix."""
    draw = draw @ matrices[-1].T
    return draw if len(matrices) == 1 else np.asarray(matrices[0] @ draw)


def _root(kernel: Floats) -> Floats:
    """A matrix whose product with its transpose is the kernel, which has no inverse."""
    values, vectors = np.linalg.eigh(kernel)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _conditions(factors: tuple[Factor, ...], key: Key) -> set[tuple[int, int]]:
    return {condition for index in key for condition in factors[index].conditions}


def _compatible(factors: tuple[Factor, ...], conditions: set[tuple[int, int]]) -> bool:
    """Whether no unordered factor would have to be in two cells."""
    wanted = [index for index, _ in conditions if not factors[index].ordered]
    return len(wanted) == len(set(wanted))


def _presence(factors: tuple[Factor, ...], conditions: set[tuple[int, int]]) -> float:
    """How likely a random draw meets conditions."""
    chance = 1.0
    strictest: dict[int, int] = {}
    for index, cell in conditions:
        strictest[index] = max(cell, strictest.get(index, 0))
    for index, cell in strictest.items():
        shares = factors[index].shares
        chance *= float(shares[cell:].sum() if factors[index].ordered else shares[cell])
    return chance

"""Moves in the columns that a model sees, many at a time: the proposals that screening picks from.

Rows of numbers move here, and a few columns are chosen for each. The plain chain's moves
(:mod:`pyhopper.kernels.chain`) change one point by its parameters' own rules, columns or not; the
steps that learn (:mod:`pyhopper.kernels.steps`) choose directions and sizes by what they learned.
"""

from __future__ import annotations

import numpy as np

from pyhopper.kernels.coordinates import Bools, Coordinates, Floats, Ints, active, fill, switch_off

MOST_TOUCHED = 20
"""A move changes at most so many columns, unless it changes all."""

SMALLEST_MOVE = 1e-3
"""Standard deviation of the shortest moves, as a share of the range."""


def reflect(values: Floats) -> Floats:
    """Fold numbers back into [0, 1] at the bounds."""
    return np.asarray(1.0 - np.abs(1.0 - np.abs(values) % 2.0))


def choose_columns(rng: np.random.Generator, allowed: Bools, dense: float = 0.0) -> Bools:
    """Pick the columns that each move touches: their number is log-uniform, from one to many.

    Parameters
    ----------
    rng
        The source of random numbers.
    allowed
        One row a move; True where it may touch the column.
    dense
        Share of the moves that touch every allowed column.
    """
    count, dimension = allowed.shape
    available = np.maximum(allowed.sum(axis=1), 1)
    most = np.minimum(available, MOST_TOUCHED)
    touched = np.floor(np.exp(rng.random(count) * np.log(most + 1.0)))
    if dense > 0.0:
        touched = np.where(rng.random(count) < dense, available, touched)
    order = np.where(allowed, rng.random((count, dimension)), 2.0)
    rank = np.argsort(np.argsort(order, axis=1), axis=1)
    return np.asarray((rank < touched[:, None]) & allowed)


def shift(
    rng: np.random.Generator, coordinates: Coordinates, rows: Floats, chosen: Bools, size: Floats
) -> Floats:
    """Move the chosen entries of filled rows by normal steps of the given size (one a row).

    A discrete entry changes by at least one level, an unordered one to another option.
    """
    step = rng.standard_normal(rows.shape) * size[:, None]
    moved = np.where(chosen, reflect(rows + step), rows)
    discrete = np.flatnonzero((coordinates.levels > 0) & chosen.any(axis=0))
    for column in discrete:
        levels = int(coordinates.levels[column])
        hit = np.flatnonzero(chosen[:, column])
        if coordinates.categorical[column]:
            other = rng.integers(1, max(levels, 2), len(hit))
            moved[hit, column] = (rows[hit, column] + other) % levels
            continue
        old = np.floor(rows[hit, column] * levels)
        jump = step[hit, column]
        jump = np.where(jump < 0, -1, 1) * np.maximum(1.0, np.round(np.abs(jump) * levels))
        moved[hit, column] = (_fold_levels(old, jump, levels) + 0.5) / levels
    return moved


def _fold_levels(old: Floats, jump: Floats, levels: int) -> Floats:
    """Add whole jumps to level numbers, folding at the ends, never staying where it was."""
    period = 2 * levels
    new = (old + jump) % period
    new = np.where(new >= levels, period - 1 - new, new)
    away = np.where(old + np.sign(jump) >= levels, old - 1, old + np.sign(jump))
    away = np.where(away < 0, old + 1, away)
    return np.asarray(np.where(new == old, away, new))


def move(
    rng: np.random.Generator,
    coordinates: Coordinates,
    rows: Floats,
    size: Floats,
    dense: float = 0.0,
) -> Floats:
    """Return each row moved once.

    Parameters
    ----------
    rng
        The source of random numbers.
    coordinates
        The columns.
    rows
        The points to move; inactive entries NaN.
    size
        Standard deviation of the step of each row, as a share of the range.
    dense
        Share of the moves that touch every parameter.
    """
    whole = fill(rng, coordinates, rows)
    allowed = np.broadcast_to(coordinates.free, whole.shape)
    if coordinates.conditional:
        allowed = allowed & active(coordinates, whole)
    chosen = choose_columns(rng, allowed, dense)
    return switch_off(coordinates, shift(rng, coordinates, whole, chosen, size))


def parents_of(rng: np.random.Generator, order: Ints, count: int, share: float) -> Ints:
    """Pick `count` parents from points sorted best first, with geometric weights."""
    weights = share ** np.arange(len(order))
    return np.asarray(rng.choice(order, size=count, p=weights / weights.sum()))

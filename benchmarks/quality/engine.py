"""A stand-in for the search loop: the kernels on a task, one candidate after the other."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from tasks import Param, Problem

from kernels.coordinates import Coordinates, switch_off
from kernels.screening import Effort, Seen, rank
from kernels.seeding import design_point, design_size, whole_space


def coordinates_of(params: tuple[Param, ...]) -> Coordinates:
    """Return the columns of a task's parameters."""
    names = [p.name for p in params]
    parents = [names.index(p.parent) if p.parent else -1 for p in params]
    return Coordinates(
        levels=np.array([p.levels for p in params], dtype=np.int64),
        categorical=np.array([p.kind == "categorical" for p in params]),
        parent=np.array(parents, dtype=np.int64),
        parent_option=np.array([p.option for p in params], dtype=np.int64),
    )


def centre(coordinates: Coordinates) -> np.ndarray:
    """Return the point in the middle of the space."""
    levels = coordinates.levels
    row = np.full(coordinates.dimension, 0.5)
    middle = np.maximum(levels - 1, 0) // 2
    row = np.where(levels > 0, (middle + 0.5) / np.maximum(levels, 1), row)
    row = np.where(coordinates.categorical, 0.0, row)
    return switch_off(coordinates, row[None, :])[0]


class Engine:
    """Ask and tell around the kernels.

    Parameters
    ----------
    params
        The task's parameters.
    budget
        Number of evaluations.
    seed
        Seed of the search.
    options
        Fields of `Effort`.
    """

    def __init__(
        self, params: tuple[Param, ...], budget: int, seed: int, options: dict[str, Any]
    ) -> None:
        self.params, self.budget, self.seed = params, budget, seed
        self.coordinates = coordinates_of(params)
        self.effort = Effort(**options)
        self.rows = np.empty((0, len(params)))
        self.values = np.empty(0)
        self.hyper = None

    def ask(self, index: int, pending: np.ndarray) -> np.ndarray:
        """Return the row of candidate `index`."""
        coordinates = self.coordinates
        if index == 0:
            return centre(coordinates)
        size = design_size(coordinates) - 1
        seeding = int(np.ceil(0.25 * self.budget))
        rng = np.random.default_rng([self.seed, index])
        taken = np.vstack([self.rows, pending])
        if index <= min(size, seeding - 1) or not np.isfinite(self.values).any():
            row = design_point(self.seed, coordinates, index - 1, size)
            if not (np.isclose(taken, row, equal_nan=True).all(axis=1)).any():
                return row
        spent = max(0.0, (index - seeding) / max(1, self.budget - seeding))
        result = rank(
            rng,
            coordinates,
            Seen(self.rows, self.values, pending),
            1.0 - 0.8 * spent,
            index < seeding,
            self.hyper,
            self.effort,
        )
        self.hyper = result.hyper
        if len(result.rows):
            return result.rows[0]
        return whole_space(rng, coordinates, 1)[0]

    def tell(self, row: np.ndarray, value: float) -> None:
        """Take in an evaluation."""
        self.rows = np.vstack([self.rows, row])
        self.values = np.append(self.values, value)


def run(
    problem: Problem, budget: int, seed: int, options: dict[str, Any], slots: int = 1
) -> dict[str, Any]:
    """Run the search and return what it evaluated: values, true values, own seconds.

    With several slots a candidate's value is told only after `slots - 1` later ones were proposed.
    """
    engine = Engine(problem.params, budget, seed, options)
    values: list[float] = []
    truths: list[float] = []
    overhead = 0.0
    flying: list[np.ndarray] = []
    for index in range(budget + slots - 1):
        if index < budget:
            start = time.process_time()
            pending = np.array(flying).reshape(-1, len(problem.params))
            flying.append(engine.ask(index, pending))
            overhead += time.process_time() - start
        if index >= slots - 1:
            row = flying.pop(0)
            point = [p.decode(u) for p, u in zip(problem.params, row, strict=True)]
            values.append(problem.observe(point))
            truths.append(problem.truth(point))
            engine.tell(row, values[-1])
    return {"values": values, "truths": truths, "overhead": overhead}

"""What the two learning chains have in common."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np

from pyhopper.kernels.coordinates import Floats


class Step(Protocol):
    """A move that a chain proposes."""

    @property
    def row(self) -> Floats:
        """The legal point to evaluate; inactive entries are NaN."""


S = TypeVar("S", bound=Step)


class Chain(Protocol[S]):
    """A chain that learns how far and in which directions to move.

    What it knows follows from the calls in their order alone, so that it can be rebuilt by
    repeating them with the same generators. Many moves may be under way at the same time: each one
    that was proposed is observed or dropped later, in any order.
    """

    value: float
    """The best value that it has seen, lower is better."""

    def propose(self, rng: np.random.Generator, temperature: float) -> S:
        """The next move; the temperature, in (0, 1], bounds how far it goes."""

    def observe(self, step: S, value: float) -> None:
        """Learn from the value of a move, lower is better; NaN for a failure."""

    def drop(self, step: S) -> None:
        """Learn that a move is not evaluated."""

    def adopt(self, row: Floats, value: float) -> None:
        """Learn from an evaluation that was proposed by others."""

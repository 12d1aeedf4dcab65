"""How much the results of a noisy objective scatter when it is evaluated several times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

REPEATS = "repeats"
REPEAT_STD = "repeat_std"
"""Names of the metrics under which the scatter of repeats is kept with an evaluation."""


class Repeated(float):
    """A float that is the mean, say, of several results, and knows how much they scatter.

    Attributes
    ----------
    repeats : int
        The number of results, at least 2.
    std : float
        The standard deviation of a single result, estimated from them (with ``ddof=1``).
    """

    repeats: int
    std: float

    @classmethod
    def of(cls, value: float, results: Sequence[float]) -> Repeated:
        """The value to which the results were reduced, with their scatter."""
        reduced = cls(value)
        reduced.repeats = len(results)
        same = all(result == results[0] for result in results)
        with np.errstate(invalid="ignore"):
            reduced.std = 0.0 if same else float(np.std(results, ddof=1))
        return reduced


def scatter(value: Any) -> dict[str, Any] | None:
    """The scatter of a :class:`Repeated` value as metrics; None for any other value."""
    if isinstance(value, Repeated) and math.isfinite(value.std):
        return {REPEATS: value.repeats, REPEAT_STD: value.std}
    return None

"""How much the results of a noisy objective scatter when it is evaluated several times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_LARGE = 1e150
"""From here on the squares of numbers are too large for a float."""

REPEATS = "repeats"
REPEAT_STD = "repeat_std"
"""Names of the metrics under which the scatter of repeats is kept with an evaluation."""


def mean(numbers: Sequence[float]) -> float:
    """The mean; also of numbers whose sum is too large for a float, and of infinite ones."""
    if _largest(numbers) < _LARGE:
        return float(np.mean(numbers))
    if _same(numbers):  # without rounding, which might pass the largest float
        return numbers[0]
    return float(sum(number / len(numbers) for number in numbers))


def median(numbers: Sequence[float]) -> float:
    """The median; also of numbers whose sum is too large for a float, and of infinite ones."""
    if _largest(numbers) < _LARGE:
        return float(np.median(numbers))
    if any(map(math.isnan, numbers)):
        return math.nan
    ordered = sorted(numbers)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low if low == high else 0.5 * low + 0.5 * high)


def _std(numbers: Sequence[float]) -> float:
    """The standard deviation, with ``ddof=1``; NaN or infinite where that is no finite number."""
    if _same(numbers):
        return 0.0
    if _largest(numbers) < _LARGE:
        return float(np.std(numbers, ddof=1))
    middle = mean(numbers)
    return math.hypot(*(each - middle for each in numbers)) / math.sqrt(len(numbers) - 1)


def _same(numbers: Sequence[float]) -> bool:
    return all(number == numbers[0] for number in numbers)


def _largest(numbers: Sequence[float]) -> float:
    return max(map(abs, numbers))


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
        reduced.std = _std(results)
        return reduced


def scatter(value: Any) -> dict[str, Any] | None:
    """The scatter of a :class:`Repeated` value as metrics; None for any other value."""
    if isinstance(value, Repeated) and math.isfinite(value.std):
        return {REPEATS: value.repeats, REPEAT_STD: value.std}
    return None

"""Giving up a candidate after some folds of a cross-validation: :class:`FoldRace`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pyhopper.errors import ArgumentError
from pyhopper.pruners import Pruner

_FIRST = 2
"""Nothing is given up after fewer folds: one difference has no spread."""

_LEVEL = 0.05
"""What has a smaller probability to end better than the best candidate is given up."""

_PRIOR = 4.0
"""The spread that differences usually have counts as much as that of so many degrees of freedom."""

_NEAR = 10
"""How many of the best candidates tell what spread differences usually have."""


class FoldRace(Pruner):
    """Gives up what is clearly worse than the best candidate on the same folds.

    Candidates differ less from each other on one fold than folds do, so that scores are compared in
    pairs. Let d be the differences to the best candidate on the k folds so far. The mean over all K
    folds then differs by the mean of d, with a standard error of s sqrt(1/k - 1/K), for s the
    standard deviation of d: the folds are a sample without replacement of K. The candidate is given
    up if Student's t distribution leaves it a chance below 5% to end better.

    The standard deviation of two or three differences is hardly known, so that its square is
    averaged with that of the differences that the ten best other candidates had, which counts as
    four degrees of freedom (the moderated t of Smyth 2004, doi 10.2202/1544-6115.1027), once there
    are such candidates. The rule without it is the futility analysis of Kuhn 2014 (arXiv
    1405.6974), an heir of the races of Maron and Moore 1994.

    Estimates are the mean scores of the folds so far, and higher scores are better.

    Parameters
    ----------
    folds : int
        K, the number of folds; at least 2.

    Raises
    ------
    ArgumentError
        If there are fewer.
    """

    def __init__(self, folds: int) -> None:
        if folds < _FIRST:
            raise ArgumentError("folds", folds, f"must be at least {_FIRST}")
        self.folds = folds
        self._scores: list[NDArray[np.float64]] = []
        """Of the best candidates, the best one first."""
        self._usual: float | None = None

    def append(self, partial_results: list[float], was_pruned: bool) -> None:
        """See :class:`Pruner`."""
        if (
            was_pruned
            or len(partial_results) != self.folds
            or not math.isfinite(sum(partial_results))
        ):
            return
        self._scores.append(_scores(partial_results))
        self._scores.sort(key=lambda scores: -float(scores.mean()))
        del self._scores[_NEAR + 1 :]
        best = self._scores[0]
        spreads = [(each - best).var(ddof=1) for each in self._scores[1:]]
        spreads = [float(each) for each in spreads if each > 0]
        self._usual = float(np.mean(spreads)) if spreads else None

    def should_prune(self, partial_results: list[float]) -> bool:
        """See :class:`Pruner`."""
        k = len(partial_results)
        if not _FIRST <= k < self.folds or not self._scores:
            return False
        differences = _scores(partial_results) - self._scores[0][:k]
        mean, variance, freedom = float(differences.mean()), float(differences.var(ddof=1)), k - 1.0
        if not math.isfinite(mean) or mean >= 0:
            return False
        if self._usual is not None:
            variance = (freedom * variance + _PRIOR * self._usual) / (freedom + _PRIOR)
            freedom += _PRIOR
        if variance == 0:
            return False
        error = math.sqrt(variance * (1 / k - 1 / self.folds))
        from scipy.special import stdtr

        return bool(stdtr(freedom, mean / error) < _LEVEL)


def _scores(means: list[float]) -> NDArray[np.float64]:
    """The scores of single folds, from the means of the folds so far."""
    sums = np.asarray(means) * np.arange(1, len(means) + 1)
    return np.diff(sums, prepend=0.0)

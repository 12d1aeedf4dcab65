"""A cross-validation as an objective, and its results as those of scikit-learn's searches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection._validation import _fit_and_score

from pyhopper.events import Status
from pyhopper.history.view import Record
from pyhopper.parameters import Choice

Fold = dict[str, Any]
"""What scikit-learn knows of one fold: scores by name, times, and the traceback of a failed fit. A
single metric is called ``score``."""

NAME = "one of several spaces"
"""The parameter whose options are the spaces, where there are several."""

_TIMES = ("fit_time", "score_time")
_KINDS = ("test", "train")


class CrossValidation:
    """The objective of a search: yields the mean score of the folds so far.

    The metrics beside it are all that is known of these folds, so that they are kept in a
    checkpoint; :func:`read_folds` reads them.

    Parameters
    ----------
    estimator : estimator
        A clone of it is fitted to each fold.
    data : tuple
        X and y.
    splits : list of (array, array)
        The indices of each fold's training and test data.
    metric : str or None
        Which one to maximize, if there are several; None for the first one.
    options : dict
        Further arguments of scikit-learn's function that evaluates a fold.
    name : str
        What the objective is called, in messages and in a checkpoint.

    Attributes
    ----------
    error : Exception or None
        What a fold has raised in this process.
    """

    pyhopper_direction_hint = ""
    """Scores of scikit-learn are always maximized."""

    def __init__(
        self,
        estimator: Any,
        data: tuple[Any, Any],
        splits: Sequence[tuple[Any, Any]],
        metric: str | None,
        options: Mapping[str, Any],
        name: str,
    ) -> None:
        self.estimator = estimator
        self.data = data
        self.splits = splits
        self.metric = metric
        self.options = options
        self.error: Exception | None = None
        self.__qualname__ = name

    def __call__(self, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Evaluate a candidate, fold by fold."""
        folds: list[Fold] = []
        parameters = parameters_of(params)
        for train, test in self.splits:
            estimator, indices = clone(self.estimator), {"train": train, "test": test}
            try:
                fold = _fit_and_score(
                    estimator, *self.data, parameters=parameters, **indices, **self.options
                )
            except Exception as error:
                self.error = error
                raise
            folds.append(_by_name(fold))
            yield {"value": mean_score(folds, self.metric), **_flat(folds)}


def one_of(spaces: Sequence[Any]) -> dict[str, Any]:
    """A template of several ones, of which each candidate belongs to one."""
    return {NAME: Choice(list(spaces))}


def parameters_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the estimator in a candidate, also in one of :func:`one_of`."""
    return dict(params.get(NAME, params))


def _by_name(fold: Fold) -> Fold:
    """A fold of scikit-learn with scores by name."""
    for key in (f"{kind}_scores" for kind in _KINDS):
        if key in fold and not isinstance(fold[key], dict):
            fold[key] = {"score": fold[key]}
    return fold


def for_sklearn(fold: Fold) -> Fold:
    """Inverts :func:`_by_name`."""
    return {
        k: v["score"] if isinstance(v, dict) and set(v) == {"score"} else v for k, v in fold.items()
    }


def searched_for(fold: Fold, metric: str | None) -> str:
    """The name of the metric that is maximized: the first one if ``metric`` is none of them."""
    scores = fold["test_scores"]
    return metric if metric is not None and metric in scores else str(next(iter(scores)))


def mean_score(folds: Sequence[Fold], metric: str | None) -> float:
    """The mean over folds of the metric that is maximized."""
    return float(np.mean([each["test_scores"][searched_for(each, metric)] for each in folds]))


def _flat(folds: Sequence[Fold]) -> dict[str, Any]:
    """What is known of folds as metrics."""
    flat = {}
    for number, fold in enumerate(folds):
        start = f"split{number}_"
        flat.update({start + key: fold[key] for key in _TIMES})
        for kind in _KINDS:
            scores = fold.get(f"{kind}_scores", {})
            flat.update({f"{start}{kind}_{name}": float(v) for name, v in scores.items()})
        if fold["fit_error"] is not None:
            flat[start + "fit_error"] = fold["fit_error"]
    return flat


def read_folds(record: Record, count: int) -> list[Fold]:
    """The folds that were evaluated of a candidate.

    Parameters
    ----------
    record : Record
        Its evaluation. One that failed as a whole, for example because its process was killed, has
        failed in every fold.
    count : int
        How many folds there are.
    """
    if record.status is Status.FAILED:
        error = f"{record.reason}\n{record.details}".strip()
        scores = {f"{kind}_scores": {"score": np.nan} for kind in _KINDS}
        return [{**scores, **dict.fromkeys(_TIMES, 0.0), "fit_error": error}] * count
    folds = []
    for number in range(count):
        start = f"split{number}_"
        mine = {k[len(start) :]: v for k, v in record.metrics.items() if k.startswith(start)}
        if not mine:
            break
        fold: Fold = {key: mine[key] for key in _TIMES}
        fold["fit_error"] = mine.get("fit_error")
        for kind in _KINDS:
            scores = {k[len(kind) + 1 :]: v for k, v in mine.items() if k.startswith(f"{kind}_")}
            if scores:
                fold[f"{kind}_scores"] = scores
        folds.append(fold)
    return folds


def completed(folds: Sequence[Fold], best: Sequence[Fold], metric: str | None) -> list[Fold]:
    """The folds of a candidate that was given up, and what can be expected of the others.

    Parameters
    ----------
    folds : sequence of dict
        Those that were evaluated.
    best : sequence of dict
        All folds of the best candidate, from which the others are expected to differ by the mean
        difference so far.
    metric : str or None
        The one that is maximized, in which the mean is kept below the best one.

    Returns
    -------
    list of dict
        As many as there are folds.
    """
    left = best[len(folds) :]
    times = {key: float(np.mean([fold[key] for fold in folds])) for key in _TIMES}
    expected: list[Fold] = [{**times, "fit_error": None} for _ in left]
    name_of_metric, least = searched_for(best[0], metric), abs(mean_score(best, metric)) * 1e-9
    for kind in (f"{kind}_scores" for kind in _KINDS if f"{kind}_scores" in best[0]):
        for name in best[0][kind]:
            known = [a[kind][name] - b[kind][name] for a, b in zip(folds, best, strict=False)]
            shift = float(np.mean(known))
            if kind == "test_scores" and name == name_of_metric:
                shift = min(shift, -(sum(known) + least + 1e-12) / len(left))
            for fold, theirs in zip(expected, left, strict=True):
                fold.setdefault(kind, {})[name] = theirs[kind][name] + shift
    return [*folds, *expected]

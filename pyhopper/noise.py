"""Noisy objectives: evaluating several times, and how much the results scatter."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, ObjectiveError, short

REPEATS = "repeats"
REPEAT_STD = "repeat_std"
"""Names of the metrics under which the scatter of repeats is kept with an evaluation."""

_REDUCTIONS: dict[str, Callable[[Sequence[float]], Any]] = {"mean": np.mean, "median": np.median}


class Repeated(float):
    """A value reduced from several calls; a float that also knows how much they scattered.

    Attributes
    ----------
    repeats : int
        How many calls.
    std : float
        Standard deviation of a single call.
    """

    repeats: int
    std: float

    @classmethod
    def of(cls, value: float, results: Sequence[float]) -> Repeated:
        """Attach the scatter of the results to their reduction."""
        reduced = cls(value)
        reduced.repeats = len(results)
        same = all(result == results[0] for result in results)
        with np.errstate(invalid="ignore"):
            reduced.std = 0.0 if same else float(np.std(results, ddof=1))
        return reduced


def scatter(value: Any) -> dict[str, Any] | None:
    """What a value tells of the noise, as metrics."""
    if isinstance(value, Repeated) and math.isfinite(value.std):
        return {REPEATS: value.repeats, REPEAT_STD: value.std}
    return None


def wrap_n_times(
    f: Callable[..., Any],
    n: int,
    yield_after: int | None = 0,
    reduction: str | Callable[[list[float]], float] = "mean",
    pass_index_arg: bool = False,
) -> Callable[..., Any]:
    """Turn a noisy objective into one that is evaluated several times.

    Parameters
    ----------
    f : callable
        The objective: ``f(params, **kwargs)`` returns a number, or a dict with the number under
        ``value`` and further metrics.
    n : int
        How many times to call it for each candidate.
    yield_after : int or None
        After the call with this index (counted from 0) and after each later one the reduction of
        the results so far is yielded as an estimate, so that a pruner may give up poor candidates
        early. None gives a plain function that returns the final value only.
    reduction : {"mean", "median"} or callable
        How the results become one value; a callable gets the list of results so far.
    pass_index_arg : bool
        Call ``f(params, index, **kwargs)``, with ``index`` from 0 to ``n - 1``: the seed of a run
        or the number of a fold.

    Returns
    -------
    callable
        An objective for :meth:`pyhopper.Search.run`.

    Raises
    ------
    ArgumentError
        If an argument makes no sense.

    Examples
    --------
    >>> import pyhopper
    >>> results = iter([1.0, 3.0, 2.0])
    >>> wrapped = pyhopper.wrap_n_times(lambda params: next(results), 3)
    >>> [float(estimate) for estimate in wrapped({})]
    [1.0, 2.0, 2.0]
    """
    if not callable(f):
        raise ArgumentError("f", f, "must be a function of the candidate's dict")
    for argument, value, least in (("n", n, 1), ("yield_after", yield_after, 0)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (whole and value >= least) and not (argument == "yield_after" and value is None):  # type: ignore[operator]
            raise ArgumentError(argument, value, f"must be an integer, at least {least}")
    reduce = _REDUCTIONS.get(reduction, reduction) if isinstance(reduction, str) else reduction
    if not callable(reduce):
        raise ArgumentError("reduction", reduction, 'must be "mean", "median" or a function')
    if not isinstance(pass_index_arg, bool):
        raise ArgumentError("pass_index_arg", pass_index_arg, "must be True or False")

    def estimates(params: dict[str, Any], first: int, **kwargs: Any) -> Iterator[Any]:
        values: list[float] = []
        metrics: list[dict[str, Any]] = []
        for index in range(n):
            result = f(params, index, **kwargs) if pass_index_arg else f(params, **kwargs)
            value, more = _split(result)
            values.append(value)
            metrics.append(more)
            if index >= first or index == n - 1:
                reduced = float(reduce(list(values)))
                # Folds and fixed seeds differ from each other, but come out the same next time.
                if not pass_index_arg and len(values) > 1:
                    reduced = Repeated.of(reduced, values)
                yield {"value": reduced, **_merged(metrics)} if metrics[0] else reduced

    @functools.wraps(f)
    def generator(params: dict[str, Any], **kwargs: Any) -> Iterator[Any]:
        yield from estimates(params, yield_after or 0, **kwargs)

    @functools.wraps(f)
    def plain(params: dict[str, Any], **kwargs: Any) -> Any:
        return next(estimates(params, n, **kwargs))

    return plain if yield_after is None else generator


def _split(result: Any) -> tuple[float, dict[str, Any]]:
    """The value and the metrics of one call."""
    if isinstance(result, Iterator):
        last = None
        for last in result:  # noqa: B007 - a generator's value is what it yields last
            pass
        result = last
    metrics: dict[str, Any] = {}
    if isinstance(result, dict) and "value" in result:
        metrics = {key: value for key, value in result.items() if key != "value"}
        result = result["value"]
    try:
        return float(result), metrics
    except (TypeError, ValueError):
        hint = "; is a `return` of the value missing?" if result is None else ""
        raise ObjectiveError(
            f"the objective inside wrap_n_times returned {short(result)} instead of a number{hint}"
        ) from None


def _merged(metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """The means of numbers, and the last of everything else."""
    merged: dict[str, Any] = {}
    for key, last in metrics[-1].items():
        column = [each[key] for each in metrics if key in each]
        numeric = all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in column)
        merged[key] = float(np.mean(column)) if numeric else last
    return merged

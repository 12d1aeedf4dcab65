"""Reading what an objective function has returned, yielded, or its caller told."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from pyhopper.errors import ObjectiveError, short
from pyhopper.noise import REPEAT_STD, scatter
from pyhopper.objectives import Objectives

Metrics = dict[str, Any]

_LARGEST = 10**18
"""Integers from here on become text in metrics, since not every reader of JSON keeps them."""

_PLAIN = Objectives()


def read_result(
    result: Any, source: str, objectives: Objectives = _PLAIN
) -> tuple[float, Metrics | None]:
    """Split what an objective has returned or yielded into the value and the metrics.

    Parameters
    ----------
    result : object
        A number, or a dict with a number under ``value`` and further metrics. Scalars and arrays of
        one entry of NumPy, PyTorch, JAX and TensorFlow are numbers. With named objectives or limits
        it is a dict with a number for each of them.
    source : str
        Where it comes from, for messages: the subject and the verb of a sentence.
    objectives : Objectives
        What is looked for.

    Returns
    -------
    float, dict or None
        The value, which may be NaN or infinite, and the metrics: bool, int, float, str or None by
        name; None if there are none. The value of named objectives is the first of them, and the
        metrics hold all.

    Raises
    ------
    ObjectiveError
        If it is neither, or lacks an objective or what there is a limit on.
    """
    if not (objectives.names or objectives.limits):
        number, metrics = split(result, source)
        value = read_number(number, source)
        if metrics is None:
            return value, scatter(number)
        return value, {**(scatter(number) or {}), **metrics}
    needed = objectives.keys if objectives.names else ("value", *objectives.keys)
    _check_keys(result, source, needed)
    found = {key: _read_entry(result[key], f"{source}, under {key!r},") for key in needed}
    metrics = read_metrics(result) | found
    first = needed[0]
    value = found[first] if objectives.names else metrics.pop("value")
    for name in objectives.names[1:]:
        if scattered := scatter(result[name]):
            metrics[f"{REPEAT_STD}.{name}"] = scattered[REPEAT_STD]
    return value, {**(scatter(result[first]) or {}), **metrics}


def _read_entry(entry: Any, source: str) -> float:
    """The number under a key of a result."""
    try:
        return read_number(entry, source)
    except ObjectiveError:
        found = "None" if entry is None else f"{short(entry)} (a {type(entry).__name__})"
        raise ObjectiveError(f"{source} {found} instead of a number") from None


def _check_keys(result: Any, source: str, needed: Sequence[str]) -> None:
    """Refuse a result that is no dict, or lacks a key."""
    listed = ", ".join(map(repr, needed))
    if not isinstance(result, dict):
        problem = f"{source} {short(result)} instead of a dict with a number under {listed}"
        if result is None:
            problem += "; is a `return` missing?"
        raise ObjectiveError(problem)
    missing = ", ".join(repr(key) for key in needed if key not in result)
    if missing:
        keys = ", ".join(repr(key) for key in result)
        if missing == "'value'":
            missing = 'the key "value"'
        raise ObjectiveError(f"{source} a dict without {missing}; it has {keys or 'no keys'}")


def read_estimate(result: Any, source: str, name: str) -> float:
    """Read what an objective function has yielded on the way.

    Parameters
    ----------
    result, source
        See :func:`read_result`.
    name : str
        The key under which the estimate stands if ``result`` is a dict.

    Raises
    ------
    ObjectiveError
        If there is no number.
    """
    if not isinstance(result, dict):
        return read_number(result, source)
    _check_keys(result, source, [name])
    return read_number(result[name], source)


def split(result: Any, source: str) -> tuple[Any, Metrics | None]:
    """The value, not read yet, and the metrics; these are None if the result is no dict."""
    if not isinstance(result, dict):
        return result, None
    if "value" not in result:
        keys = ", ".join(repr(key) for key in result)
        problem = f'{source} a dict without the key "value"; it has {keys or "no keys"}'
        raise ObjectiveError(problem)
    metrics = read_metrics(result)
    del metrics["value"]
    return result["value"], metrics


def read_number(result: Any, source: str) -> float:
    """Read one number, which may be NaN or infinite.

    Raises
    ------
    ObjectiveError
        If it is none.
    """
    if isinstance(result, (float, numbers.Real)):
        try:
            return float(result)
        except OverflowError:  # an integer too large for a float
            huge: Any = result
            return math.inf if huge > 0 else -math.inf
    # A scalar of NumPy, PyTorch, JAX or TensorFlow, or an array of one entry.
    if hasattr(result, "__float__") and not isinstance(result, str | bytes | complex):
        try:
            return float(result if getattr(result, "shape", ()) == () else result.item())
        except Exception:  # noqa: S110 - of a foreign class; the message below says more
            pass
    if result is None:
        problem = f"{source} None; is a `return` of the value missing?"
    elif inspect.iscoroutine(result):
        result.close()
        problem = f"{source} a coroutine; run it inside of the objective with asyncio.run"
    else:
        kind = type(result).__name__
        problem = (
            f"{source} {short(result)} (a {kind}) instead of a number; return a float, "
            'or a dict with the number under "value"'
        )
    raise ObjectiveError(problem)


def read_metrics(result: Mapping[Any, Any]) -> Metrics:
    """The entries of a result as metrics: bool, int, float, str or None by name."""
    return {str(key): _metric(metric) for key, metric in result.items()}


def _metric(metric: Any) -> Any:
    """A metric as something that JSON can hold.

    What is no number becomes text: a long evaluation must not fail for the type of a metric.
    """
    if metric is None:
        return None
    for kind in (bool, int, float, str):
        if isinstance(metric, kind):
            # Exactly this type, not a subclass such as an enumeration or NumPy's string.
            exact: Any = kind(metric)
            return exact if kind is not int or abs(exact) < _LARGEST else short(exact)
    try:
        return read_number(metric, "")
    except ObjectiveError:
        return short(metric)

"""Calling the user's function: whatever it does becomes one :class:`~pyhopper.events.Outcome`."""

from __future__ import annotations

import inspect
import math
import numbers
import traceback
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from pyhopper.errors import ArgumentError, ObjectiveError, short
from pyhopper.events import Outcome, Status
from pyhopper.noise import scatter

Report = Callable[[float], bool]
"""Takes an estimate of the value and answers whether to give the evaluation up."""

Metrics = dict[str, Any] | None

_LARGEST = 10**18

_report: ContextVar[Report | None] = ContextVar("pyhopper_report", default=None)


class PruneEvaluation(Exception):  # noqa: N818 - a signal, not an error; its name is public
    """Raised by an objective to give up its candidate, which then counts as pruned."""


def should_prune(estimate: float) -> bool:
    """Ask the pruner from inside an objective whether to give the evaluation up.

    Parameters
    ----------
    estimate : float
        The value so far, for example the validation accuracy after an epoch.

    Returns
    -------
    bool
        True if the objective should raise :class:`PruneEvaluation`; always False outside a search.
    """
    report = _report.get()
    return False if report is None else report(_number(estimate, "should_prune got"))


class Objective:
    """The user's function with its fixed keyword arguments.

    Parameters
    ----------
    function : callable
        ``function(params, **kwargs)`` returns a number, or a dict with a number under ``value`` and
        further metrics; or it is a generator that yields such estimates, the last one being the
        value.
    kwargs : dict, optional
        Passed on in every call.
    ignore_nans : bool
        Whether NaN is a result of its own rather than a failure, as infinity always is.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        kwargs: dict[str, Any] | None = None,
        ignore_nans: bool = False,
    ) -> None:
        if not callable(function):
            raise ArgumentError("objective", function, "must be a function of the candidate's dict")
        if kwargs is not None and not isinstance(kwargs, dict):
            raise ArgumentError("kwargs", kwargs, "must be a dict of keyword arguments")
        self.function = function
        self.kwargs = dict(kwargs or {})
        self._check_signature()
        self.ignore_nans = ignore_nans

    def _check_signature(self) -> None:
        """Refuse a function that cannot be called, before anything is."""
        try:
            # A wrapper such as wrap_n_times may give the function more than it gets itself.
            signature = inspect.signature(self.function, follow_wrapped=False)
        except Exception:  # some built-in functions have none, other objects answer anything
            return
        try:
            signature.bind({}, **self.kwargs)
        except TypeError as error:
            called = "".join(f", {name}=..." for name in self.kwargs)
            problem = f"cannot be called as objective(params{called}): {error}"
            raise ArgumentError("objective", self.function, problem) from None

    def __call__(self, params: dict[str, Any], report: Report) -> Outcome:
        """Evaluate a candidate.

        Parameters
        ----------
        params : dict
            The candidate.
        report : callable
            Is told each estimate; if it answers True, the evaluation is pruned.

        Returns
        -------
        Outcome
            Never raises, but for KeyboardInterrupt.
        """
        estimates: list[float] = []

        def note(estimate: float) -> bool:
            estimates.append(estimate)
            return report(estimate)

        token = _report.set(note)
        try:
            value, metrics = self._run(params, note)
        except PruneEvaluation:
            return Outcome(Status.PRUNED, estimates=tuple(estimates))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # SystemExit too: a training script that gives up must not end the search.
            return failure(error, tuple(estimates))
        finally:
            _report.reset(token)
        if math.isfinite(value):
            return Outcome(Status.DONE, value, metrics, tuple(estimates))
        status, reason = Status.NAN, ""
        if math.isinf(value):
            # How many scripts say "as bad as can be", so it is no sign of a fault.
            reason = f"the objective returned {value}"
        elif not self.ignore_nans:
            status = Status.FAILED
            reason = "the objective returned nan; pass ignore_nans=True to expect that"
        return Outcome(status, metrics=metrics, estimates=tuple(estimates), reason=reason)

    def _run(self, params: dict[str, Any], note: Report) -> tuple[float, Metrics]:
        result = self.function(params, **self.kwargs)
        if inspect.isgenerator(result) or (isinstance(result, Iterator)):
            return self._drain(result, note)
        return _value(result, "the objective returned")

    @staticmethod
    def _drain(generator: Iterator[Any], note: Report) -> tuple[float, Metrics]:
        last: tuple[float, Metrics] | None = None
        for estimate in generator:
            last = _value(estimate, "the objective yielded")
            if note(last[0]):
                getattr(generator, "close", lambda: None)()
                raise PruneEvaluation
        if last is None:
            raise ObjectiveError("the objective is a generator that yielded nothing")
        return last


def failure(error: BaseException, estimates: tuple[float, ...] = ()) -> Outcome:
    """The outcome of an evaluation that raised."""
    if isinstance(error, ObjectiveError):
        return Outcome(Status.FAILED, estimates=estimates, reason=str(error), misuse=True)
    last = short_text(traceback.format_exception_only(type(error), error)[-1].strip(), 500)
    # The innermost frames are the user's; ours on top of them would only distract.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    details = "".join(traceback.format_exception(type(error), error, frames))
    details = short_text(details, 10_000)
    return Outcome(Status.FAILED, estimates=estimates, reason=last, details=details)


def short_text(text: str, most: int) -> str:
    """Begin and end of a text that may be very long."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} [...] {text[-half:]}"


def _value(result: Any, source: str) -> tuple[float, Metrics]:
    """Split what an objective returned into the value and the metrics."""
    if not isinstance(result, dict):
        return _number(result, source), scatter(result)
    if "value" not in result:
        keys = ", ".join(repr(key) for key in result)
        problem = f'{source} a dict without the key "value"; it has {keys or "no keys"}'
        raise ObjectiveError(problem)
    metrics = {str(key): _metric(metric) for key, metric in result.items() if key != "value"}
    return _number(result["value"], source), {**(scatter(result["value"]) or {}), **metrics}


def _number(result: Any, source: str) -> float:
    if isinstance(result, numbers.Real):
        return float(result)
    # A scalar of NumPy, PyTorch, JAX or TensorFlow, or an array of one entry.
    if hasattr(result, "__float__") and not isinstance(result, str | bytes | complex):
        try:
            return float(result if getattr(result, "shape", ()) == () else result.item())
        except Exception:  # noqa: S110 - of a foreign class; what follows says what was wrong
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


def _metric(metric: Any) -> Any:
    """A metric in a form that every file can hold; an hour's training is not lost over its type."""
    if metric is None:
        return None
    for kind in (bool, int, float, str):
        if isinstance(metric, kind):
            # Exactly that, not an enumeration or a string of NumPy's.
            exact: Any = kind(metric)
            return exact if kind is not int or abs(exact) < _LARGEST else short(exact)
    try:
        return _number(metric, "")
    except ObjectiveError:
        return short(metric)

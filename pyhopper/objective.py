"""Calling the user's function, once or several times, and reading what it returns.

Whatever it does becomes one :class:`~pyhopper.events.Outcome`.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, CommandError, ObjectiveError
from pyhopper.events import Outcome, Status
from pyhopper.forks import end_in_child_of
from pyhopper.noise import Repeated, mean, median
from pyhopper.objectives import Objectives
from pyhopper.ownership import own
from pyhopper.results import Metrics, read_estimate, read_metrics, read_number, read_result, split

Report = Callable[[float], bool]
"""Takes an estimate of the value and answers whether to give the evaluation up."""

_REDUCTIONS: dict[str, Callable[[Sequence[float]], Any]] = {"mean": mean, "median": median}

_PLAIN = Objectives()

_report: ContextVar[Report | None] = ContextVar("pyhopper_report", default=None)


class PruneEvaluation(Exception):  # noqa: N818 - a signal, not an error; its name is public
    """Raised by an objective to give up its candidate, which then counts as pruned.

    Attributes
    ----------
    metrics : dict or None
        What is known of the candidate beside its estimates.

    Examples
    --------
    >>> import pyhopper
    >>> def objective(params):
    ...     if params["lr"] > 0.5:
    ...         raise pyhopper.PruneEvaluation  # known to be hopeless
    ...     return params["lr"]
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    >>> search.run(objective, "max", steps=20, quiet=True)["lr"] <= 0.5
    True
    """

    metrics: dict[str, Any] | None = None


def should_prune(estimate: float) -> bool:
    """Ask the pruner from inside an objective whether to give the evaluation up.

    Parameters
    ----------
    estimate : float
        The value so far, for example the validation accuracy after an epoch.

    Returns
    -------
    bool
        True if the objective should raise :class:`PruneEvaluation`; always False outside a search,
        and in processes that the objective has started.

    Examples
    --------
    >>> import pyhopper
    >>> def objective(params):
    ...     accuracy = 0.0
    ...     for epoch in range(10):
    ...         accuracy += params["lr"]  # stands for an epoch of a training
    ...         if pyhopper.should_prune(accuracy):
    ...             raise pyhopper.PruneEvaluation
    ...     return accuracy
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    >>> pruner = pyhopper.pruners.QuantilePruner(0.8)
    >>> _ = search.run(objective, "max", steps=20, pruner=pruner, quiet=True)
    >>> any(each.status == "pruned" for each in search.history.evaluations)
    True
    """
    report = _report.get()
    return False if report is None else report(read_number(estimate, "should_prune got"))


class DebuggerQuit(KeyboardInterrupt):
    """The user has left the debugger, which ends the search as Ctrl-C does."""


class Objective:
    """The user's function with its fixed keyword arguments.

    Parameters
    ----------
    function : callable
        ``function(params, **kwargs)`` returns a number, or a dict with a number under ``value`` and
        further metrics. Or it is a generator that yields such results as estimates. Its value is
        then what it returns, or what it yields last if it returns None.
    kwargs : dict, optional
        Passed on in every call.
    ignore_nans : bool
        Whether NaN is a result of its own rather than a failure, as infinity always is.
    objectives : Objectives
        What a result must have. With named objectives it is a dict that has them.
    estimated : str
        The key under which a dict on the way has its estimate.

    Raises
    ------
    ArgumentError
        If ``function`` cannot be called with a dict and ``kwargs``, or ``kwargs`` is no dict.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        kwargs: dict[str, Any] | None = None,
        ignore_nans: bool = False,
        objectives: Objectives = _PLAIN,
        estimated: str = "value",
    ) -> None:
        if not callable(function):
            problem = "must be a function of the candidate's dict"
            if isinstance(function, numbers.Real):
                problem += "; give the function itself, without calling it"
            raise ArgumentError("objective", function, problem)
        if kwargs is not None and not isinstance(kwargs, dict):
            raise ArgumentError("kwargs", kwargs, "must be a dict of keyword arguments")
        self.function = function
        self.kwargs = dict(kwargs or {})
        self._check_signature()
        self.ignore_nans = ignore_nans
        self.objectives = objectives
        self.estimated = estimated

    @property
    def name(self) -> str:
        """The name of the function, with that of its class but not of what it is defined in."""
        function = self.function
        while isinstance(function, functools.partial):
            function = function.func
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return str(name).rpartition("<locals>.")[2]

    @property
    def title(self) -> str:
        """The name, of a command only that of its program."""
        return self.name if self.command is None else self.name.split(" ", 1)[0]

    @property
    def command(self) -> dict[str, Any] | None:
        """How to start it again, if it is a command; such a one never runs in this process."""
        command = getattr(self.function, "pyhopper_command", None)
        return command if isinstance(command, dict) else None

    @property
    def direction_hint(self) -> str:
        """How the user asks for the other direction, ``{}``; empty if that is not theirs to say."""
        ours = 'pass "{}"' if self.command is None else "--{}"
        return str(getattr(self.function, "pyhopper_direction_hint", ours))

    def _check_signature(self) -> None:
        """Refuse a function that cannot be called with the arguments it will get."""
        try:
            # A wrapper such as wrap_n_times may give the function more than it gets itself.
            signature = inspect.signature(self.function, follow_wrapped=False)
        except Exception:  # some built-in functions have none, and objects may raise anything
            return
        try:
            signature.bind({}, **self.kwargs)
        except TypeError as error:
            called = "".join(f", {name}=..." for name in self.kwargs)
            problem = f"cannot be called as objective(params{called}): {error}"
            if "missing" in str(error):
                problem += "; the objective gets one dict: write lambda p: f(**p)"
            elif not signature.parameters:
                problem += "; the objective gets one argument, the dict of the candidate"
            raise ArgumentError("objective", self.function, problem) from None

    def __call__(self, params: dict[str, Any], report: Report) -> Outcome:
        """Evaluate a candidate.

        Parameters
        ----------
        params : dict
            The candidate.
        report : callable
            Is called with each estimate. If it returns True, the evaluation is pruned.

        Returns
        -------
        Outcome
            What became of it. Nothing is raised but KeyboardInterrupt, at Ctrl-C and when the
            user leaves a debugger.
        """
        estimates: list[float] = []
        pid = os.getpid()

        def keep_and_report(estimate: float) -> bool:
            if os.getpid() != pid:
                return False
            estimates.append(estimate)
            return report(estimate)

        token = _report.set(keep_and_report)
        try:
            value, metrics = self._run(params, keep_and_report, pid)
        except BaseException as error:
            end_in_child_of(pid, error)
            if isinstance(error, KeyboardInterrupt):
                raise
            if _is_debugger(error):
                raise DebuggerQuit from None
            if isinstance(error, PruneEvaluation):
                return Outcome(Status.PRUNED, metrics=error.metrics, estimates=tuple(estimates))
            # SystemExit too: a training script that gives up must not end the search.
            return failure(error, tuple(estimates))
        finally:
            _report.reset(token)
        end_in_child_of(pid)
        outcome = _outcome(value, metrics, self.ignore_nans, _RETURNED, self.objectives)
        return outcome._replace(estimates=tuple(estimates)) if estimates else outcome

    def once(self, params: dict[str, Any]) -> tuple[float, Metrics | None]:
        """Call it without a search around it: value and metrics; what it raises is raised."""
        return self._run(params, lambda estimate: False, os.getpid())

    def _run(
        self, params: dict[str, Any], report: Report, pid: int
    ) -> tuple[float, Metrics | None]:
        def check(estimate: Any) -> None:
            end_in_child_of(pid)
            if report(read_estimate(estimate, "the objective yielded", self.estimated)):
                getattr(result, "close", lambda: None)()
                pruned = PruneEvaluation()
                if isinstance(estimate, dict):
                    pruned.metrics = read_metrics(estimate)
                    pruned.metrics.pop("value", None)
                raise pruned

        result = self.function(params, **self.kwargs)
        if not isinstance(result, float) and isinstance(result, Iterator):
            return read_result(*_exhaust(result, "the objective", check), self.objectives)
        return read_result(result, _RETURNED, self.objectives)


_PACKAGE = str(Path(__file__).parent / "x")[:-1]

_RETURNED = "the objective returned"


def _exhaust(generator: Iterator[Any], name: str, check: Callable[[Any], None]) -> tuple[Any, str]:
    """Run a generator to its end.

    Parameters
    ----------
    generator : iterator
        What an objective has returned.
    name : str
        How messages call the objective.
    check : callable
        Is called with each estimate that the generator yields.

    Returns
    -------
    object, str
        Its result, not read yet, and words for where that comes from. It is what the generator
        returns, or what it yields last if it returns None, as generators without ``return`` do.

    Raises
    ------
    ObjectiveError
        If it neither yields nor returns anything.
    """
    result, source = None, ""
    while True:
        try:
            result, source = next(generator), f"{name} yielded"
        except StopIteration as stop:
            if stop.value is not None:
                return stop.value, f"{name} returned"
            if not source:
                raise ObjectiveError(f"{name} is a generator that yielded nothing") from None
            return result, source
        check(result)


def _is_debugger(error: BaseException) -> bool:
    """Whether an error comes from pdb, which raises one to leave the program."""
    if type(error).__name__ not in ("BdbQuit", "SystemExit"):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    names = [frame.f_globals.get("__name__") for frame, _ in frames]
    return bool(names) and names[-1] in ("bdb", "pdb")


def _traceback(error: BaseException) -> str:
    """The traceback of an error without the frames of this package, which would only distract."""
    told = traceback.TracebackException.from_exception(error)
    each: traceback.TracebackException | None = told
    while each is not None:
        own = [frame for frame in each.stack if not frame.filename.startswith(_PACKAGE)]
        each.stack[:] = own or each.stack
        each = each.__cause__ or each.__context__
    return "".join(told.format())


def failure(error: BaseException, estimates: tuple[float, ...] = ()) -> Outcome:
    """The outcome of an evaluation that has raised an error."""
    if isinstance(error, ObjectiveError):
        return Outcome(Status.FAILED, estimates=estimates, reason=str(error), misuse=True)
    if isinstance(error, CommandError):
        return Outcome(Status.FAILED, estimates=estimates, reason=str(error))
    last = short_text(traceback.format_exception_only(type(error), error)[-1].strip(), 500)
    if isinstance(error, ValueError) and "read-only" in last:
        last += " (large arrays of the template are read-only in candidates; change a copy)"
    if isinstance(error, AttributeError) and last.startswith("AttributeError: 'dict' object has"):
        last += """ (the objective gets a plain dict: params["lr"])"""
    details = short_text(_traceback(error), 10_000)
    return Outcome(Status.FAILED, estimates=estimates, reason=last, details=details)


def short_text(text: str, most: int) -> str:
    """The beginning and the end of a text that is longer than ``most`` characters."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} [...] {text[-half:]}"


def outcome_of(
    result: Any,
    *,
    ignore_nans: bool = False,
    source: str = "the objective returned",
    objectives: Objectives = _PLAIN,
) -> Outcome:
    """The outcome of an evaluation whose result is there already, as a caller may tell it.

    Parameters
    ----------
    result : object
        A number, or a dict with a number under ``value`` and further metrics.
    ignore_nans : bool
        See :class:`Objective`.
    source : str
        Who has given it, for messages: the subject and the verb of a sentence.
    objectives : Objectives
        What is looked for.

    Returns
    -------
    Outcome
        Failed, with ``misuse``, if the result is no number.
    """
    try:
        value, metrics = read_result(result, source, objectives)
    except ObjectiveError as error:
        return failure(error)
    return _outcome(value, metrics, ignore_nans, source, objectives)


def _outcome(
    value: float, metrics: Metrics | None, ignore_nans: bool, source: str, objectives: Objectives
) -> Outcome:
    """The outcome of an evaluation that has a value, which may be NaN or infinite."""
    if objectives.is_plain and math.isfinite(value):
        return Outcome(Status.DONE, value, metrics)
    found = dict(zip(objectives.names or ("",), objectives.numbers(value, metrics), strict=True))
    # What there is a limit on may be infinite: then it is outside.
    excesses = zip(objectives.limits, objectives.excesses(metrics), strict=True)
    found |= {limit.name: math.nan for limit, excess in excesses if math.isnan(excess)}
    wrong = next((name for name, number in found.items() if not math.isfinite(number)), None)
    if wrong is None:
        return Outcome(Status.DONE, value, metrics)
    number, where = found[wrong], f" under {wrong!r}" if wrong else ""
    status, reason = Status.NAN, ""
    if math.isinf(number):
        # Many scripts return infinity for a candidate that is as bad as can be: no sign of a fault.
        reason = f"{source} {number}{where}"
    elif not ignore_nans:
        status = Status.FAILED
        reason = f"{source} nan{where}"
        if source == _RETURNED:  # tell has no such argument
            reason += "; pass ignore_nans=True to expect that"
    return Outcome(status, metrics=metrics, reason=reason)


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
        The objective, as :meth:`pyhopper.Search.run` takes it. If it is a generator, only its
        value counts, not its estimates.
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
        """The reduction of the results so far, from the call with the index ``first`` on."""
        results: list[dict[str, Any]] = []
        pid = os.getpid()
        for index in range(n):
            mine = own(params)  # a call must not see what the one before it did to its dict
            result = f(mine, index, **kwargs) if pass_index_arg else f(mine, **kwargs)
            results.append(_read_repeat(result))
            end_in_child_of(pid)
            if index >= first or index == n - 1:
                merged = _merged(results)
                for name in ["value"] if "value" in merged else _numeric(merged):
                    values = [each[name] for each in results if name in each]
                    merged[name] = float(reduce(list(values)))
                    # Folds and fixed seeds differ from each other, but come out the same next time.
                    if not pass_index_arg and len(values) > 1:
                        merged[name] = Repeated.of(merged[name], values)
                yield merged if list(merged) != ["value"] else merged["value"]

    @functools.wraps(f)
    def generator(params: dict[str, Any], **kwargs: Any) -> Iterator[Any]:
        yield from estimates(params, yield_after or 0, **kwargs)

    @functools.wraps(f)
    def plain(params: dict[str, Any], **kwargs: Any) -> Any:
        return next(estimates(params, n, **kwargs))

    return plain if yield_after is None else generator


def _read_repeat(result: Any) -> dict[str, Any]:
    """One of several results as a dict; its number stands under ``value``, if it is a single one.

    A dict without that key has several objectives.
    """
    name = "the objective inside wrap_n_times"
    source = f"{name} returned"
    if isinstance(result, Iterator):
        result, source = _exhaust(result, name, lambda estimate: None)
    if isinstance(result, dict) and "value" not in result and _numeric(read_metrics(result)):
        return read_metrics(result)
    number, metrics = split(result, source)
    return {"value": read_number(number, source), **(metrics or {})}


def _numeric(result: Mapping[str, Any]) -> list[str]:
    """The names under which a dict has numbers."""
    return [name for name, each in result.items() if _is_number(each)]


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _merged(metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """The means of numbers, and the last of everything else."""
    merged: dict[str, Any] = {}
    for key, last in metrics[-1].items():
        column = [each[key] for each in metrics if key in each]
        merged[key] = mean(column) if all(map(_is_number, column)) else last
    return merged

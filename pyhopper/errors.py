"""The errors pyhopper raises. Each carries its data as attributes.

::

    PyhopperError
    ├── ArgumentError (ValueError)       an argument makes no sense
    │   ├── UnknownArgumentError (TypeError)   there is no such argument
    │   └── UnknownNameError (KeyError)        there is no such parameter
    ├── CandidateError (ValueError)      a value or a guess does not fit the template
    ├── ConstraintError (RuntimeError)   almost no candidate passes the constraints
    │   └── ConstraintFailedError        a constraint raised
    ├── ObjectiveError (TypeError)       the objective did not return a number
    ├── CommandError (RuntimeError)      a command failed or gave no value
    ├── EvaluationError (RuntimeError)   an evaluation failed and ``on_error="raise"``
    ├── SearchFailedError (RuntimeError) no evaluation has ever succeeded
    ├── EngineLostError (RuntimeError)   the cluster on which evaluations run has gone
    └── CheckpointError (RuntimeError)   a checkpoint cannot be read, written or used
        └── CheckpointMissingError (FileNotFoundError)   there is no such file
"""

from __future__ import annotations

import reprlib
import traceback
from collections.abc import Sequence
from typing import Any

_LISTED = 20
"""Names that a message lists."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxdict = _SHORT.maxlist = _SHORT.maxtuple = 8


def short(value: object) -> str:
    """``repr(value)`` on one line, shortened so that it fits into a message."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception:  # a foreign __repr__, or an integer of thousands of digits
        return f"<{type(value).__name__}>"


def plural(count: int, thing: str) -> str:
    """How many there are of a thing."""
    ending = "es" if thing.endswith("s") else "s"
    return f"{count} {thing}{'' if count == 1 else ending}"


def class_name(thing: object) -> str:
    """Module and qualified name of an object's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _rebuilt(kind: type[Exception], arguments: tuple[Any, ...]) -> Exception:
    return kind.__new__(kind, *arguments)


class PyhopperError(Exception):
    """The base class of all errors that pyhopper defines.

    Examples
    --------
    >>> import pyhopper
    >>> try:
    ...     pyhopper.float(0, 1, log=True)
    ... except pyhopper.PyhopperError as error:
    ...     print(error)
    log=True: needs positive bounds, but the lower bound is 0.0
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the constructor, whose arguments are others than the message alone.
        return _rebuilt, (type(self), self.args), self.__dict__


class ArgumentError(PyhopperError, ValueError):
    """An argument of a function or of a parameter's definition makes no sense.

    Attributes
    ----------
    argument : str
        Name of the argument.
    value : object
        The value that was passed.
    problem : str
        What is wrong with it, without these two; empty if only the whole message says so.

    Examples
    --------
    >>> import pyhopper
    >>> try:
    ...     pyhopper.parse_runtime("soon")
    ... except pyhopper.ArgumentError as error:
    ...     print(error.argument, error.value)
    runtime soon
    """

    def __init__(self, argument: str, value: object, problem: str, sentence: str = "") -> None:
        super().__init__(sentence or f"{argument}={short(value)}: {problem}")
        self.argument = argument
        self.value = value
        self.problem = problem


class UnknownArgumentError(ArgumentError, TypeError):
    """A function has no such keyword argument."""

    def __init__(self, function: str, argument: str, hint: str = "") -> None:
        sentence = f"{function}() has no argument {argument!r}{hint}"
        super().__init__(argument, None, "", sentence)


class UnknownNameError(ArgumentError, KeyError):
    """The template has no parameter or entry of that name.

    Attributes
    ----------
    names : list of str
        The names that it has.
    """

    def __init__(self, name: object, names: Sequence[str]) -> None:
        from difflib import get_close_matches

        close = get_close_matches(str(name), names, 1, 0.6)
        listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
        guess = f"did you mean {close[0]!r}? The names are" if close else "the names are"
        sentence = f"there is no {short(name)}; {guess}: {listed or 'none'}"
        super().__init__("name", name, "", sentence)
        self.names = list(names)

    def __str__(self) -> str:
        return str(self.args[0])


class CandidateError(PyhopperError, ValueError):
    """A value or a guess does not fit the template.

    Attributes
    ----------
    path : str
        Dotted name of the entry of the template, or of the user's function that returned the
        value; empty for the whole candidate.
    value : object
        The value that does not fit.
    problem : str
        What is wrong with it.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 8))
    >>> try:
    ...     search += {"layers": "many"}
    ... except pyhopper.CandidateError as error:
    ...     print(error.path, error.value)
    layers many
    """

    def __init__(self, path: str, value: object, problem: str) -> None:
        where = f"{path}: " if path else ""
        super().__init__(f"{where}got {short(value)}: {problem}")
        self.path = path
        self.value = value
        self.problem = problem


class ConstraintError(PyhopperError, RuntimeError):
    """Almost no candidate passes the constraints.

    Attributes
    ----------
    tries : int
        How many candidates were drawn in a row, none of which passed.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.float(0, 1))
    >>> search.constrain(lambda params: params["x"] > 2)
    >>> try:
    ...     search.run(lambda params: params["x"], steps=5, quiet=True)
    ... except pyhopper.ConstraintError as error:
    ...     print(error.tries > 100)
    True
    """

    def __init__(self, tries: int) -> None:
        super().__init__(
            f"{tries} candidates in a row broke a constraint of Search.constrain; "
            "loosen the constraint, or narrow the bounds so that more candidates pass"
        )
        self.tries = tries


def raised(error: Exception, function: object) -> str:
    """An error that a user's function raised, and the last line of its file that it came through.

    If the function has returned what cannot be used, that is where it is defined.
    """
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    if code is not None:
        frames.insert(0, traceback.FrameSummary(code.co_filename, code.co_firstlineno, ""))
        frames[:] = [each for each in frames if each.filename == code.co_filename]
    last = frames[-1]
    return f"{what}\n  {last.filename}, line {last.lineno}: {last.line}" if last.line else what


class ConstraintFailedError(ConstraintError):
    """A constraint raised, or returned something that is neither true nor false.

    Attributes
    ----------
    constraint : callable
        The user's function.
    params : dict
        The candidate for which it happened.
    tries : int
        Always 1.
    """

    def __init__(self, constraint: object, params: dict[str, Any], error: Exception) -> None:
        name = getattr(constraint, "__qualname__", type(constraint).__qualname__)
        text = f"the constraint {name} raised {raised(error, constraint)}"
        text += f"\ncandidate: {short(params)}"
        if isinstance(error, KeyError):
            text += "\nparameters of options that are not chosen are absent from a candidate"
        RuntimeError.__init__(self, text)
        self.constraint = constraint
        self.params = params
        self.tries = 1


class ObjectiveError(PyhopperError, TypeError):
    """The objective returned something that is not a number.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.float(0, 1))
    >>> try:
    ...     search.run(lambda params: None, steps=5, quiet=True)
    ... except pyhopper.ObjectiveError as error:
    ...     print(str(error).splitlines()[0])
    the objective returned None; is a `return` of the value missing?
    """


class CommandError(PyhopperError, RuntimeError):
    """A command that was to be tuned failed, or gave no value; the message is the reason."""


class EvaluationError(PyhopperError, RuntimeError):
    """An evaluation failed while ``on_error="raise"``.

    Attributes
    ----------
    params : dict
        The candidate that failed.
    reason : str
        What happened, in one line.
    details : str
        The traceback, or the last lines of output; empty if there are none.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.int(1, 3))
    >>> try:
    ...     search.run(lambda p: 1 / (p["x"] - 2), steps=3, on_error="raise", quiet=True)
    ... except pyhopper.EvaluationError as error:
    ...     print(error.params, error.reason)
    {'x': 2} ZeroDivisionError: division by zero
    """

    def __init__(self, params: dict[str, Any], reason: str, details: str = "") -> None:
        text = f"an evaluation failed: {reason}\ncandidate: {short(params)}"
        super().__init__(f"{text}\n{details}" if details else text)
        self.params = params
        self.reason = reason
        self.details = details


class EngineLostError(PyhopperError, RuntimeError):
    """The cluster, pool or batch system on which evaluations run does not answer any more.

    Attributes
    ----------
    engine : str
        Its name for people.
    """

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"{engine} is gone: {problem}")
        self.engine = engine


class SearchFailedError(PyhopperError, RuntimeError):
    """No evaluation has ever succeeded, so the search stops.

    Attributes
    ----------
    failures : int
        Number of failed evaluations.
    params : dict
        The first candidate that failed.
    reason : str
        Why it failed, in one line.
    details : str
        The traceback of that failure, or the last lines of output; empty if there are none.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.int(1, 3))
    >>> try:
    ...     search.run(lambda params: params["y"], steps=3, quiet=True)
    ... except pyhopper.SearchFailedError as error:
    ...     print(error.failures, error.reason)
    3 KeyError: 'y'
    """

    def __init__(
        self, failures: int, params: dict[str, Any], reason: str, details: str = ""
    ) -> None:
        text = (
            f"{plural(failures, 'evaluation')} failed and none has ever succeeded. "
            f"The first failure: {reason}\ncandidate: {short(params)}"
        )
        super().__init__(f"{text}\n{details}" if details else text)
        self.failures = failures
        self.params = params
        self.reason = reason
        self.details = details


class CheckpointError(PyhopperError, RuntimeError):
    """A checkpoint cannot be read, written or used.

    Attributes
    ----------
    path : str
        The file.
    line : int or None
        The damaged line, counted from 1; None if the error is not about a single line.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.int(1, 3))
    >>> try:
    ...     search.load("nowhere.ckpt")
    ... except pyhopper.CheckpointError as error:
    ...     print(error)
    /.../nowhere.ckpt: there is no such file
    """

    def __init__(self, path: object, problem: str, line: int | None = None) -> None:
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {problem}")
        self.path = str(path)
        self.line = line


class CheckpointMissingError(CheckpointError, FileNotFoundError):
    """The checkpoint that is to be read does not exist."""

"""The errors pyhopper raises. Each carries its data as attributes.

::

    PyhopperError
    ├── ArgumentError (ValueError)       an argument or definition that makes no sense
    ├── CandidateError (ValueError)      a guess that does not fit the template
    ├── ConstraintError (RuntimeError)   almost no candidate passes the constraints
    ├── ObjectiveError (TypeError)       the objective returned something that is no value
    ├── EvaluationError (RuntimeError)   an evaluation failed and ``on_error="raise"``
    ├── SearchFailedError (RuntimeError) no evaluation has ever succeeded
    └── CheckpointError (RuntimeError)   a checkpoint cannot be read, written or used
        └── CheckpointMissingError (FileNotFoundError)   there is no such file
"""

from __future__ import annotations

import reprlib
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxdict = _SHORT.maxlist = _SHORT.maxtuple = 8


def short(value: object) -> str:
    """``repr(value)`` cut to a length that fits into a message, on one line."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception:  # of a foreign class, or an integer of thousands of digits
        return f"<{type(value).__name__}>"


def class_name(thing: object) -> str:
    """The full name of an object's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


class PyhopperError(Exception):
    """Base class of every error that pyhopper raises on purpose."""


class ArgumentError(PyhopperError, ValueError):
    """An argument makes no sense.

    Attributes
    ----------
    argument : str
        Name of the argument.
    value : object
        What was given.
    """

    def __init__(self, argument: str, value: object, problem: str) -> None:
        super().__init__(f"{argument}={short(value)}: {problem}")
        self.argument = argument
        self.value = value


class CandidateError(PyhopperError, ValueError):
    """A value or a guess does not fit the template.

    Attributes
    ----------
    path : str
        Dotted name of the place in the template; empty for the whole candidate.
    value : object
        What was given.
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
        How many candidates were drawn in a row without one that passes.
    """

    def __init__(self, tries: int) -> None:
        super().__init__(
            f"{tries} candidates in a row broke a constraint given to Search.constrain; "
            "loosen the constraint, or narrow the bounds so that more candidates pass"
        )
        self.tries = tries


class ObjectiveError(PyhopperError, TypeError):
    """The objective returned something that is not a value."""


class EvaluationError(PyhopperError, RuntimeError):
    """An evaluation failed while ``on_error="raise"``.

    Attributes
    ----------
    params : dict
        The candidate that failed.
    reason : str
        One line: what happened.
    details : str
        Traceback or last lines of output, empty if there are none.
    """

    def __init__(self, params: dict[str, Any], reason: str, details: str = "") -> None:
        text = f"an evaluation failed: {reason}\ncandidate: {short(params)}"
        super().__init__(f"{text}\n{details}" if details else text)
        self.params = params
        self.reason = reason
        self.details = details


class SearchFailedError(PyhopperError, RuntimeError):
    """No evaluation has ever succeeded, so the search stops.

    Attributes
    ----------
    failures : int
        Number of failed evaluations.
    params : dict
        The first candidate that failed.
    reason : str
        Why the first one failed, in one line.
    details : str
        Traceback or last lines of output of the first failure.
    """

    def __init__(
        self, failures: int, params: dict[str, Any], reason: str, details: str = ""
    ) -> None:
        plural = "evaluation" if failures == 1 else "evaluations"
        text = (
            f"{failures} {plural} failed and none has ever succeeded. The first failure: {reason}\n"
            f"candidate: {short(params)}"
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
        The line that is damaged, counted from 1.
    """

    def __init__(self, path: object, problem: str, line: int | None = None) -> None:
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {problem}")
        self.path = str(path)
        self.line = line


class CheckpointMissingError(CheckpointError, FileNotFoundError):
    """A checkpoint that was to be read is not there."""

"""What happens in a search: candidates, outcomes and the events that tell of them."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, NamedTuple


class CandidateType(enum.Enum):
    """Where a candidate comes from; the value is its name in tables."""

    INIT = "initial"
    MANUALLY_ADDED = "manual"
    RANDOM_SEEDING = "random seeding"
    LOCAL_SAMPLING = "local sampling"
    REEVALUATION = "re-evaluation"


class Status(enum.Enum):
    """How an evaluation ended; the value is its name in files and tables."""

    DONE = "done"
    PRUNED = "pruned"
    NAN = "nan"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Screening(NamedTuple):
    """Why a candidate was tried.

    Attributes
    ----------
    proposals : int
        From how many proposals the model picked it.
    mean, sd : float
        The value that the model expected, and how sure it was.
    """

    proposals: int
    mean: float
    sd: float


class Candidate(NamedTuple):
    """One point of the space, to be evaluated.

    Attributes
    ----------
    id : int
        Its number, counted from 0.
    type : CandidateType
        Where it comes from.
    params : dict
        The template filled with its values: what the objective gets.
    point : tuple
        Its values in the order of the space.
    screening : Screening or None
        What the model expected of it; None if it was not screened.
    expected_seconds : float or None
        How long its evaluation was expected to take at most; None without a forecast.
    """

    id: int
    type: CandidateType
    params: dict[str, Any]
    point: tuple[Any, ...]
    screening: Screening | None = None
    expected_seconds: float | None = None


@dataclass
class ParamInfo:
    """What callbacks learn about a candidate.

    Attributes
    ----------
    type : CandidateType
        Where it comes from.
    sampled_at : float
        When it started, in seconds since the epoch.
    finished_at : float or None
        When it ended; None while it runs.
    is_pruned, is_nan : bool
        Whether it ended so.
    estimates : tuple of float
        The values on the way.
    metrics : dict or None
        What the objective returned beside the value.
    reason : str
        For a failed evaluation what happened, in one line.
    """

    type: CandidateType
    sampled_at: float
    finished_at: float | None = None
    is_pruned: bool = False
    is_nan: bool = False
    estimates: tuple[float, ...] = ()
    metrics: dict[str, Any] | None = None
    reason: str = ""


class Outcome(NamedTuple):
    """What became of one call of the objective.

    Attributes
    ----------
    status : Status
        How it ended.
    value : float
        The value; NaN unless ``status`` is DONE.
    metrics : dict or None
        What the objective returned beside the value.
    estimates : tuple of float
        The values on the way, in order. A pruned evaluation has its last estimate here.
    reason : str
        For a failed evaluation what happened, in one line; for a cancelled one why.
    details : str
        Traceback or last lines of output of a failed evaluation.
    misuse : bool
        The objective broke its contract (say, returned None): a bug rather than bad luck.
    """

    status: Status
    value: float = math.nan
    metrics: dict[str, Any] | None = None
    estimates: tuple[float, ...] = ()
    reason: str = ""
    details: str = ""
    misuse: bool = False


@dataclass(frozen=True)
class Reported:
    """A running evaluation has an estimate of its value."""

    job_id: int
    estimate: float


@dataclass(frozen=True)
class Finished:
    """An evaluation ended by itself: with a value, NaN, or pruned."""

    job_id: int
    outcome: Outcome
    slot: str = ""


@dataclass(frozen=True)
class Failed(Finished):
    """An evaluation raised, died or ran out of its time."""


@dataclass(frozen=True)
class Cancelled(Finished):
    """An evaluation was ended by the search and has no result."""


Event = Reported | Finished


def ended(job_id: int, outcome: Outcome, slot: str = "") -> Finished:
    """The one terminal event that fits an outcome."""
    kinds = {Status.FAILED: Failed, Status.CANCELLED: Cancelled}
    return kinds.get(outcome.status, Finished)(job_id, outcome, slot)

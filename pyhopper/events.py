"""What happens in a search: candidates, outcomes and the events that tell of them."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyhopper.objectives import Objectives


class CandidateType(str, enum.Enum):
    """Where a candidate comes from; the value is its name in tables.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> search.ask("max").type is pyhopper.CandidateType.INIT
    True
    """

    __hash__ = str.__hash__  # that of Enum takes several times as long

    INIT = "initial"
    MANUALLY_ADDED = "manual"
    RANDOM_SEEDING = "random seeding"
    LOCAL_SAMPLING = "local sampling"
    REEVALUATION = "re-evaluation"


class Status(str, enum.Enum):
    """How an evaluation ended; the value is its name in files and tables."""

    __hash__ = str.__hash__

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

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> candidate = search.ask("max")
    >>> candidate.id, candidate.params
    (0, {'layers': 2})
    """

    id: int
    type: CandidateType
    params: dict[str, Any]
    point: tuple[Any, ...]
    screening: Screening | None = None
    expected_seconds: float | None = None

    def __repr__(self) -> str:
        return f"<Candidate {self.id} ({self.type.value}): {self.params!r}>"


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

    Examples
    --------
    >>> import pyhopper
    >>> class Failures(pyhopper.callbacks.Callback):
    ...     def on_evaluate_failed(self, candidate, info):
    ...         print(candidate, info.reason)
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> settings = {"callbacks": [Failures()], "quiet": True}
    >>> _ = search.run(lambda params: 1 / (params["layers"] - 3), "max", steps=3, **settings)
    {'layers': 3} ZeroDivisionError: division by zero
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
        What the objective returned beside the value, and named objectives with it.
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


@dataclass
class Tally:
    """Counts of one candidate type: how many ended in which way, how long, and the best value."""

    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    times: dict[Status, float] = field(default_factory=lambda: dict.fromkeys(Status, 0.0))
    seconds: float = 0.0
    best: float = math.nan

    @property
    def evaluated(self) -> int:
        """Evaluations that ran to an end, whatever it was; those that were cancelled did not."""
        return sum(self.counts.values()) - self.counts[Status.CANCELLED]


class Used(NamedTuple):
    """How much a search had used at some moment.

    Attributes
    ----------
    started, ended : int
        Number of candidates that had started and ended.
    elapsed : float
        Seconds that the search had run.
    """

    started: int = 0
    ended: int = 0
    elapsed: float = 0.0


class Unimproved(NamedTuple):
    """How long there has been no better value.

    Attributes
    ----------
    evaluations : int
        Number of evaluations that ended since the best value, or since the budget began.
    since : float
        Seconds that the search had run at that moment.
    """

    evaluations: int = 0
    since: float = 0.0


# Events of the executor, which evaluates candidates.


class Reported(NamedTuple):
    """A running evaluation has an estimate of its value."""

    job_id: int
    estimate: float


class Ended(NamedTuple):
    """An evaluation has ended; the outcome's status says how."""

    job_id: int
    outcome: Outcome
    slot: str = ""


class Lost(NamedTuple):
    """A job has come to nothing by no fault of its own, say because its machine has failed.

    The search runs it again. ``reason`` says in one line what happened.
    """

    job_id: int
    reason: str
    slot: str = ""


JobEvent = Reported | Ended | Lost
"""What an executor tells of a job."""


# Events of the search itself.


class Began(NamedTuple):
    """A run begins.

    Attributes
    ----------
    maximize : bool
        The direction.
    fresh : bool
        Whether it has a budget of its own; else it continues that of the run before.
    steps, runtime : int, float or None
        The budget.
    objective : str
        The name of the objective; empty for a caller's own loop.
    inputs : str
        A hash of the objective's arguments and the template's constants, as far as they have one.
    command : dict or None
        How to start the objective again, if it is a command.
    several : Objectives or None
        What is looked for, if that is not the value alone. Its first objective has the direction
        of ``maximize``.
    """

    maximize: bool
    fresh: bool = True
    steps: int | None = None
    runtime: float | None = None
    objective: str = ""
    inputs: str = ""
    command: dict[str, Any] | None = None
    several: Objectives | None = None

    @property
    def objectives(self) -> Objectives:
        """What is looked for."""
        return self.several or Objectives((self.maximize,))


class Queued(NamedTuple):
    """The user has queued a guess: values of some parameters, by their place in the space."""

    guess: dict[int, Any]


class Started(NamedTuple):
    """A candidate is about to run.

    Attributes
    ----------
    candidate : Candidate
        What is evaluated.
    redrawn : int
        How many duplicates were drawn before it and thrown away.
    dequeued : int
        How many guesses of the queue were used up.
    holder : str
        The process that evaluates it; empty for the process of the search.
    key : object
        What identifies its point, see :meth:`~pyhopper.parameters.space.Space.key`; None if that
        was not worked out yet.
    """

    candidate: Candidate
    redrawn: int = 0
    dequeued: int = 0
    holder: str = ""
    key: Any = None


class Restarted(NamedTuple):
    """A candidate runs again from its beginning, because the process that ran it has ended."""

    job_id: int
    holder: str = ""


class Dropped(NamedTuple):
    """Duplicates were thrown away and guesses used up, and nothing new was found."""

    redrawn: int
    dequeued: int


class Known(NamedTuple):
    """The user has told a result that was known before the search."""

    candidate: Candidate
    outcome: Outcome


class Forgotten(NamedTuple):
    """A point may be evaluated again; None stands for all points."""

    point: tuple[Any, ...] | None


class SpaceChanged(NamedTuple):
    """From here on the space is another one; queued guesses follow again, as far as they fit."""


class Alive(NamedTuple):
    """The search still runs; tells only how much time has passed."""


class Totals(NamedTuple):
    """Counts that do not follow from the evaluations, for a search saved without its history."""

    started: int
    ended: int
    duplicates: int
    before_budget: Used
    unimproved: Unimproved
    tallies: dict[CandidateType, Tally]
    before_success: Used = Used()


Event = (
    Reported
    | Ended
    | Began
    | Queued
    | Started
    | Restarted
    | Dropped
    | Known
    | Forgotten
    | SpaceChanged
    | Alive
    | Totals
)
"""Anything that happens in a search; :func:`pyhopper.history.state.observe` takes it in."""

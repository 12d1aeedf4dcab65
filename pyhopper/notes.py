"""What a search notes: evaluations, and what happens beside the events of its executor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyhopper.events import Candidate, CandidateType, Outcome, Screening, Status
from pyhopper.parameters import Partial, Point


class Misfit(tuple[Any, ...]):
    """The point of an evaluation that has no place in the space, since that was changed."""

    __slots__ = ()


class Evaluation(NamedTuple):
    """A candidate that has ended, however it did.

    Attributes
    ----------
    id : int
        The candidate's number.
    type : CandidateType
        Where it came from.
    point : tuple
        Its values in the order of the space.
    status : Status
        How it ended.
    value : float
        Its value; NaN unless ``status`` is DONE.
    sampled_at, finished_at : float
        Seconds since the epoch.
    seconds : float
        How long it took.
    elapsed : float
        Seconds that the search had run when it ended.
    metrics : dict or None
        What the objective returned beside the value.
    estimates : tuple of float
        Values on the way.
    reason : str
        Why it failed or was cancelled, in one line.
    slot : str
        Where it ran.
    fits : bool
        False for an evaluation from before the space was changed that has no place in it any more;
        it cannot be the best.
    screening : Screening or None
        Why it was tried; None if no model was asked.
    expected_seconds : float or None
        How long it was expected to take at most; None without a forecast.
    """

    id: int
    type: CandidateType
    point: Point
    status: Status
    value: float
    sampled_at: float
    finished_at: float
    seconds: float
    elapsed: float
    metrics: dict[str, Any] | None = None
    estimates: tuple[float, ...] = ()
    reason: str = ""
    slot: str = ""
    fits: bool = True
    screening: Screening | None = None
    expected_seconds: float | None = None

    @property
    def partial(self) -> tuple[int, float] | None:
        """How far a pruned evaluation came and its last estimate there, to learn from."""
        if self.status is not Status.PRUNED or not self.estimates:
            return None
        return len(self.estimates), self.estimates[-1]


@dataclass
class Tally:
    """Counts of one candidate type: how many ended in which way, how long, and the best value."""

    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    times: dict[Status, float] = field(default_factory=lambda: dict.fromkeys(Status, 0.0))
    seconds: float = 0.0
    best: float = math.nan

    @property
    def evaluated(self) -> int:
        """Evaluations that came to an end of their own."""
        return sum(self.counts.values()) - self.counts[Status.CANCELLED]


class Base(NamedTuple):
    """Candidates started and ended, and seconds used, before a budget began."""

    started: int = 0
    ended: int = 0
    elapsed: float = 0.0


class Began(NamedTuple):
    """A run begins: a ``fresh`` one with its own budget, another with what the last one left."""

    maximize: bool
    fresh: bool = True
    steps: int | None = None
    runtime: float | None = None


class Queued(NamedTuple):
    """The user has a guess."""

    guess: Partial


class Started(NamedTuple):
    """A candidate is about to run.

    Before it, ``redrawn`` duplicates were thrown away and ``dequeued`` guesses were used up. It is
    evaluated by ``holder``, if not by the process of the search. ``key`` is that of its point, if
    known already.
    """

    candidate: Candidate
    redrawn: int = 0
    dequeued: int = 0
    holder: str = ""
    key: Any = None


class Restarted(NamedTuple):
    """A candidate runs once more from its begin, since its process has ended."""

    job_id: int
    holder: str = ""


class Dropped(NamedTuple):
    """Duplicates were thrown away and guesses used up, and nothing new was found."""

    redrawn: int
    dequeued: int


class Known(NamedTuple):
    """A result that was known before the search."""

    candidate: Candidate
    outcome: Outcome


class Forgotten(NamedTuple):
    """A candidate may be evaluated again; None stands for all."""

    point: Point | None


class Alive(NamedTuple):
    """Time has passed."""


class Totals(NamedTuple):
    """What does not follow from evaluations alone, when a search is saved that kept only some."""

    started: int
    ended: int
    duplicates: int
    base: Base
    stale: tuple[int, float]
    tallies: dict[CandidateType, Tally]
    void: Base = Base()


Note = Began | Queued | Started | Restarted | Dropped | Known | Forgotten | Alive | Totals
"""What a search notes: evaluations, and what happens beside the events of its executor."""

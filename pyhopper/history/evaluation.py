"""Evaluations: candidates that have ended."""

from __future__ import annotations

from typing import Any, NamedTuple

from pyhopper.budget import Stamp
from pyhopper.events import Candidate, CandidateType, Outcome, Screening, Status
from pyhopper.parameters import Point

_DETAILS = 2000
"""Most characters of a failed evaluation's traceback or output that are kept in memory."""


class Misfit(tuple[Any, ...]):
    """The point of an evaluation that has no place in the space, since that was changed."""

    __slots__ = ()


class FrozenOut(Misfit):
    """A misfit with another value for a parameter that became a constant.

    The value is not kept, so it stays a misfit whatever becomes of the space.
    """

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
    is_first : bool
        Whether it was the first of its run in its slot, so that imports, the start of CUDA and the
        like may have been most of its time.
    details : str
        The end of the traceback or of the output of a failed evaluation.
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
    is_first: bool = False
    details: str = ""

    @property
    def partial(self) -> tuple[int, float] | None:
        """How far a pruned evaluation came and its last estimate there, to learn from."""
        if self.status is not Status.PRUNED or not self.estimates:
            return None
        return len(self.estimates), self.estimates[-1]


def ended(
    candidate: Candidate, outcome: Outcome, since: Stamp, now: Stamp, slot: str = ""
) -> Evaluation:
    """The evaluation of a candidate that ran in a slot from one moment to another."""
    return Evaluation(
        candidate.id,
        candidate.type,
        candidate.point,
        outcome.status,
        outcome.value,
        since.time,
        now.time,
        now.elapsed - since.elapsed,
        now.elapsed,
        outcome.metrics,
        outcome.estimates,
        outcome.reason,
        slot,
        not isinstance(candidate.point, Misfit),
        candidate.screening,
        candidate.expected_seconds,
        details=outcome.details[-_DETAILS:],
    )

"""How much time proposing may take, compared with evaluating."""

from __future__ import annotations

import enum

from pyhopper.budget import Budget

_SHARE = 0.05
"""Proposing may take this share of the time that evaluating takes."""

_MOST_MODELLED_STEPS = 2_000
_MOST_LEARNING_STEPS = 20_000


class Effort(enum.Enum):
    """How much computation a proposal is worth.

    ``MODEL`` is worth a model of all evaluations so far (milliseconds), ``STEP`` a step that learns
    from each evaluation (tens of microseconds), ``NONE`` no more than a random draw.
    """

    NONE = 0
    STEP = 1
    MODEL = 2


class Thinking:
    """Keeps the time that proposing takes below a share of the time that evaluating takes.

    Where a seed and steps are set, the outcome must not depend on the clock, so the number of steps
    decides. Else the time is measured: all proposals together may take 5% of the time that all
    evaluations together are going to take.

    Parameters
    ----------
    budget : Budget
        The run's.
    slots : int
        How many evaluations run at the same time.
    repeatable : bool
        Whether the clock must not matter.
    """

    def __init__(self, budget: Budget, slots: int, repeatable: bool) -> None:
        self._budget = budget
        self._slots = slots
        self._steps = budget.schedule.steps if repeatable else None
        self._used = 0.0
        self._evaluating = 0.0
        self._evaluated = 0
        self._costs = {Effort.NONE: 1e-5, Effort.STEP: 4e-5, Effort.MODEL: 5e-3}

    def evaluated(self, seconds: float, count: int = 1) -> None:
        """Tell how long an evaluation took, or ``count`` of them together."""
        self._evaluating += seconds
        self._evaluated += count

    def proposed(self, effort: Effort, seconds: float) -> None:
        """Tell how long a proposal took."""
        self._used += seconds
        # One slow proposal says little: the machine was busy, or something was done for the first
        # time.
        seconds = min(seconds, 3 * self._costs[effort])
        self._costs[effort] += 0.2 * (seconds - self._costs[effort])
        # What was too expensive is tried again after a while.
        if effort is Effort.NONE:
            self._costs[Effort.STEP] *= 0.995

    def next(self) -> Effort:
        """How much the next proposal is worth."""
        if self._steps is not None:
            if self._steps <= _MOST_MODELLED_STEPS:
                return Effort.MODEL
            return Effort.STEP if self._steps <= _MOST_LEARNING_STEPS else Effort.NONE
        allowed = _SHARE * self._total()
        mean = self._evaluating / max(self._evaluated, 1)
        if self._used + self._costs[Effort.MODEL] <= allowed:
            return Effort.MODEL
        # Steps that learn are proposed one after another without an end, so each has to pay for
        # itself: what it costs beyond a plain draw is compared with one evaluation.
        extra = self._costs[Effort.STEP] - self._costs[Effort.NONE]
        return Effort.NONE if extra > _SHARE * mean else Effort.STEP

    def _total(self) -> float:
        """Seconds that all evaluations together are expected to take."""
        schedule = self._budget.schedule
        if schedule.runtime is not None:
            return schedule.runtime * self._slots
        if schedule.steps is not None and self._evaluated:
            return schedule.steps * self._evaluating / self._evaluated
        return self._evaluating

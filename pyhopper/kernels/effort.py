"""How much time proposing may take, compared with evaluating."""

from __future__ import annotations

import enum

from pyhopper.budget import Budget

_MODELLED = 1_000
"""So many candidates are chosen by a model. Later ones only if an evaluation takes long enough."""

_SHARE = 0.05
"""Choosing may always take this share of the time that evaluating takes."""

_ALLOWANCE = 10.0
"""Seconds that choosing may take beyond that, where evaluations are counted and not time."""

_SHARE_OF_RUNTIME = 0.2
"""Choosing may take this share of a runtime for each slot that waits for candidates, ..."""

_MOST_OF_RUNTIME = 0.5
"""... but no more than this in all."""


class Effort(enum.Enum):
    """How much computation a proposal is worth.

    ``MODEL`` is worth a model of all evaluations so far (milliseconds), ``STEP`` a step that learns
    from each evaluation (tens of microseconds).
    """

    STEP = 1
    MODEL = 2


class Thinking:
    """Decides which candidates are worth a model.

    A model chooses the first 1,000 candidates, and further ones if that takes less than 5% of the
    time of their evaluation. With a runtime it may take up to a fifth of that, with several slots
    up to a half. With steps it may take ten seconds and 5% of the time of all evaluations, divided
    by the number of slots; if there is a seed too, the outcome must not depend on the clock, and
    only the number of candidates counts.

    Parameters
    ----------
    budget : Budget
        The run's.
    slots : int
        How many evaluations run at the same time.
    repeatable : bool
        Whether the user chose a seed.
    """

    def __init__(self, budget: Budget, slots: int, repeatable: bool) -> None:
        self._schedule = budget.schedule
        self._slots = max(slots, 1)  # a cluster may have no workers yet
        self._ignores_clock = repeatable and budget.schedule.steps is not None
        self._used = 0.0
        self._evaluating = 0.0
        self._evaluated = 0
        self._cost = 5e-3
        """Seconds that a model is expected to take for one candidate."""

    def evaluated(self, seconds: float, count: int = 1) -> None:
        """Tell how long an evaluation took, or ``count`` of them together."""
        self._evaluating += seconds
        self._evaluated += count

    def modelled(self, seconds: float) -> None:
        """Tell how long a proposal took that was worth a model."""
        self._used += seconds
        # One slow proposal says little: the machine was busy, or something was done for the first
        # time.
        self._cost += 0.2 * (min(seconds, 3 * self._cost) - self._cost)

    def next(self) -> Effort:
        """How much the next proposal is worth."""
        if self._evaluated < _MODELLED and (self._ignores_clock or self._is_affordable()):
            return Effort.MODEL
        mean = self._evaluating / max(self._evaluated, 1)
        is_long = not self._ignores_clock and self._cost * self._slots <= _SHARE * mean
        return Effort.MODEL if is_long else Effort.STEP

    def _is_affordable(self) -> bool:
        schedule = self._schedule
        if schedule.runtime is not None:
            share = min(_SHARE_OF_RUNTIME * self._slots, _MOST_OF_RUNTIME)
            allowed = share * schedule.runtime
        else:
            expected = self._evaluating
            if schedule.steps is not None:
                expected *= max(1.0, schedule.steps / max(self._evaluated, 1))
            # Evaluations run beside each other, while a thought keeps them all waiting.
            allowed = _ALLOWANCE + _SHARE * expected / self._slots
        return self._used + self._cost <= allowed

"""The same search on any number of slots: results are taken in the order of their candidates."""

from __future__ import annotations

from collections import deque

from pyhopper.errors import ArgumentError
from pyhopper.events import Ended, JobEvent, Lost
from pyhopper.executors.base import Executor, Job, sends_shared

_WINDOW = 8
"""How many candidates are under way at the same time, by default."""


def parse_ordered(ordered: object, *, timed: bool, prunes: bool) -> int:
    """The argument ``ordered``: how many candidates are under way; 0 if the order is free.

    Parameters
    ----------
    ordered : object
        What the user gave.
    timed : bool
        Whether the search ends after some time rather than some steps.
    prunes : bool
        Whether it has a pruner.

    Raises
    ------
    ArgumentError
        If it makes no sense, or the search would depend on the clock nevertheless.
    """
    if ordered is False:
        return 0
    window = _WINDOW if ordered is True else ordered
    if not isinstance(window, int) or window < 1:
        raise ArgumentError("ordered", ordered, "must be True, False, or how many are under way")
    if timed or prunes:
        needs = "steps, and no limit in time" if timed else "a search without a pruner"
        problem = f"needs {needs}; else what is proposed depends on the clock"
        raise ArgumentError("ordered", ordered, problem)
    return window


class Ordered:
    """Lets the search see one evaluation after another, in the order in which they were submitted.

    To the search it looks as if ``window`` candidates were always under way and the oldest always
    ended first. So what a candidate is proposed from depends neither on how many slots there are
    nor on how long evaluations take.

    Parameters
    ----------
    executor : Executor
        Where candidates are evaluated.
    window : int
        How many candidates are under way.
    """

    def __init__(self, executor: Executor, window: int) -> None:
        self._executor = executor
        self._window = window
        self._waiting: deque[Job] = deque()
        """Jobs that there is no slot for yet."""
        self._held: dict[int, list[JobEvent]] = {}
        """What has happened to each of the jobs under way; the oldest has the lowest number."""
        self._running = 0

    @property
    def sends_shared(self) -> bool:
        """See :class:`~pyhopper.executors.base.Job`."""
        return sends_shared(self._executor)

    @property
    def slots(self) -> int:
        """See :class:`~pyhopper.executors.Executor`."""
        return self._window

    def submit(self, job: Job) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self._held[job.id] = []
        self._waiting.append(job)
        self._fill()

    def _fill(self) -> None:
        while self._waiting and self._running < self._executor.slots:
            self._running += 1
            self._executor.submit(self._waiting.popleft())

    def wait(self, timeout: float | None) -> list[JobEvent]:
        """See :class:`~pyhopper.executors.Executor`; returns the events of one job."""
        if not self._held:
            return []
        oldest = min(self._held)
        if not self._is_over(oldest):
            for event in self._executor.wait(timeout):
                self._held[event.job_id].append(event)
                if isinstance(event, Ended | Lost):
                    self._running -= 1
                if isinstance(event, Lost):
                    # It is tried again in its place, or given up.
                    return self._held.pop(event.job_id)
            self._fill()
        return self._held.pop(oldest) if self._is_over(oldest) else []

    def _is_over(self, job_id: int) -> bool:
        events = self._held[job_id]
        return bool(events) and isinstance(events[-1], Ended)

    def interrupt(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        wake = getattr(self._executor, "interrupt", None)
        if wake is not None:
            wake()

    def cancel(self, job_id: int, reason: str) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self._executor.cancel(job_id, reason)

    def close(self) -> None:
        """See :class:`~pyhopper.executors.Executor`."""
        self._executor.close()

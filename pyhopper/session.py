"""The caller's own loop: ``ask`` for a candidate, ``tell`` what came of it."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from pyhopper.arguments import parse_schedule
from pyhopper.budget import Budget, Schedule, Stopwatch
from pyhopper.errors import ArgumentError
from pyhopper.events import Began, Candidate, Ended, Outcome, Restarted, Started, Status
from pyhopper.files import read_path
from pyhopper.history.evaluation import Evaluation
from pyhopper.journal import Holder
from pyhopper.log import Log
from pyhopper.objective import outcome_of
from pyhopper.supply import Supply
from pyhopper.workdir import WorkDir

PRUNED = Status.PRUNED
"""Tell this for a candidate that was given up."""

FAILED = Status.FAILED
"""Tell this for a candidate that could not be evaluated."""


def told_outcome(
    value: Any, metrics: Mapping[str, Any] | None = None, ignore_nans: bool = False
) -> Outcome:
    """What the caller told, in the form in which an objective's result is kept.

    With ``metrics``, ``value`` has to be a number.

    Raises
    ------
    ArgumentError
        If it is no number, no dict with one, and neither PRUNED nor FAILED.
    """
    if value is PRUNED and metrics is None:
        return Outcome(Status.PRUNED)
    if value is FAILED and metrics is None:
        return Outcome(Status.FAILED, reason="told so")
    result = value if metrics is None else {**metrics, "value": value}
    outcome = outcome_of(result, ignore_nans=ignore_nans, source="told")
    if outcome.misuse and metrics is not None:
        raise ArgumentError("value", value, "must be a number")
    if outcome.misuse:
        raise ArgumentError("value", value, "must be a number, a dict with one, PRUNED or FAILED")
    return outcome


def number_of(candidate: Any) -> int:
    """The number of a candidate, which may be given itself.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    number = candidate.id if isinstance(candidate, Candidate) else candidate
    if not isinstance(number, int):
        problem = "must be what ask() gave; results from elsewhere are told with search.add"
        raise ArgumentError("candidate", candidate, problem)
    return number


def joined(
    session: Session | None, log: Log, checkpoint_path: Any = None, work_dir: Any = None
) -> Session:
    """The present session, or a new one if there is none.

    Raises
    ------
    ArgumentError
        If the present one uses another checkpoint.
    """
    if session is None:
        session = Session(log, checkpoint_path)
    elif checkpoint_path is not None and (
        log.file is None or read_path("checkpoint_path", checkpoint_path) != log.path
    ):
        problem = "this search is asked with another one already; make a new Search"
        raise ArgumentError("checkpoint_path", checkpoint_path, problem)
    if work_dir is not None and session.work_dir is None:
        session.work_dir = WorkDir(work_dir)
        session.work_dir.share(log.space)
    return session


class Session:
    """What is kept between ``ask`` and ``tell``: the open checkpoint, the budget, the supply.

    Time counts while a candidate is open and while the search thinks about the next one.

    Parameters
    ----------
    log : Log
        The search's.
    checkpoint : str, path-like or None
        A file to share with other processes.

    Raises
    ------
    CheckpointError
        If the file cannot be used.
    """

    def __init__(self, log: Log, checkpoint: Any) -> None:
        self.work_dir: WorkDir | None = None
        self._log = log
        self._holder = Holder.me().text()
        self._supply: Supply | None = None
        self._asked: Mapping[str, Any] | None = None
        self._schedule = Schedule()
        self._last_turn = -math.inf
        self._close_at_last: weakref.finalize[..., Any] | None = None
        # Without a file, the budget of an earlier run does not count.
        self._begins = checkpoint is None and not log.continues
        if checkpoint is not None:
            log.open(checkpoint, "ask")
            assert log.file is not None
            log.file.lock.release()
            log.file.journal.start_syncing(lambda: None)
            self._close_at_last = weakref.finalize(self, log.close)
        log.continues = False

    def close(self) -> None:
        """Close the checkpoint, before a run."""
        if self._close_at_last is not None:
            self._close_at_last.detach()
        self._log.close()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Within, nobody else writes to the shared file, and what others wrote is known."""
        file, state = self._log.file, self._log.state
        if file is None:
            self._count_time()
            yield
        else:
            with file.lock.held():
                last = state.elapsed, state.time
                for evaluation in self._log.catch_up():
                    if self._supply is not None:
                        self._supply.ended(evaluation, Outcome(evaluation.status), None)
                if self._log.look():
                    self._supply, state = None, self._log.state
                self._count_time(by_others=last != (state.elapsed, state.time))
                yield
        if not state.running:
            self._log.stopwatch.stop()

    def _count_time(self, by_others: bool = False) -> None:
        """Let time count from now on; ``by_others`` if another process wrote the last line."""
        state, stopwatch = self._log.state, self._log.stopwatch
        now = stopwatch.clock.monotonic()
        if by_others or math.isinf(self._last_turn):
            # Only the wall clock can tell how long ago that was. It may have been set meanwhile,
            # but it was not before this process looked last.
            ago = max(0.0, stopwatch.clock.time() - state.time) if state.running else 0.0
            stopwatch.start(state.elapsed + min(ago, now - self._last_turn))
        else:
            stopwatch.start()
        self._last_turn = now

    def ask(self, maximize: bool, arguments: Mapping[str, Any]) -> Candidate | None:
        """Get a candidate, in a turn.

        Parameters
        ----------
        maximize : bool
            The direction.
        arguments : dict
            Of :func:`~pyhopper.settings.parse_schedule`; parsed when they change.

        Returns
        -------
        Candidate or None
            None if the budget is used or every candidate of a finite space is taken.
        """
        if arguments != self._asked:
            self._set_schedule(arguments)
        with self.turn():
            self._log.state.check_direction(maximize)
            candidate = self._orphan() or self._next(maximize)
        if candidate is not None and self.work_dir is not None:
            self.work_dir.started(candidate, self._log.stopwatch.stamp())
        return candidate

    def _set_schedule(self, arguments: Mapping[str, Any]) -> None:
        clock = self._log.stopwatch.clock
        self._schedule = parse_schedule(clock, **arguments)
        self._asked, self._supply = dict(arguments), None

    def _orphan(self) -> Candidate | None:
        """A candidate whose process has ended; it is this process's from now on."""
        for number, running in self._log.state.running.items():
            if not running.holder or Holder.parse(running.holder).dead:
                self._log.take(Restarted(number, self._holder))
                return running.candidate
        return None

    def _next(self, maximize: bool) -> Candidate | None:
        """A candidate that was not seen before."""
        if self._begins or not self._log.state.started:
            self._log.take(Began(maximize, True, self._schedule.steps, self._schedule.runtime))
            self._begins, self._supply = False, None
        if self._supply is None:
            self._supply = self._new_supply()
        event = self._supply.next(self._holder) if self._supply.may_start() else None
        if event is None:
            return None
        self._log.take(event)
        if not isinstance(event, Started):
            return None
        self._supply.started(event.candidate, self._log.stopwatch.stamp())
        return event.candidate

    def _new_supply(self) -> Supply:
        log, began = self._log, self._log.state.before_budget.elapsed
        stopwatch = log.stopwatch
        if self._schedule.ends_at_time_of_day:
            # Which comes whether or not a candidate is open.
            stopwatch = Stopwatch(stopwatch.clock, stopwatch.elapsed)
            stopwatch.start()
        used = stopwatch.elapsed - began
        budget = Budget.resumed(self._schedule, stopwatch, began, used)
        repeatable = log.repeatable and self._schedule.runtime is None
        return Supply(log.space, log.state, log.seed, budget, repeatable=repeatable)

    def tell(self, number: int, outcome: Outcome) -> Evaluation:
        """Take in the result of a candidate, in a turn.

        Raises
        ------
        ArgumentError
            If the candidate is not open.
        """
        with self.turn():
            before = self._log.state.best
            if number not in self._log.state.running:
                problem = "it is not open: it was told before, or never asked for"
                raise ArgumentError("candidate", number, problem)
            evaluation = self._log.take(Ended(number, outcome))
            assert evaluation is not None
            best = self._log.state.best
            if self._supply is not None:
                self._supply.ended(evaluation, outcome, best)
        if self.work_dir is not None:
            self.work_dir.ended(evaluation, outcome, None if best is before else best)
        return evaluation

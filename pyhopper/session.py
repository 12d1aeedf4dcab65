"""The caller's own loop: ``ask`` for a candidate, ``tell`` what came of it."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from pyhopper.arguments import parse_schedule
from pyhopper.budget import Budget, Schedule, Stopwatch
from pyhopper.errors import ArgumentError
from pyhopper.events import (
    Began,
    Candidate,
    CandidateType,
    Ended,
    Known,
    Outcome,
    Restarted,
    Started,
    Status,
)
from pyhopper.files import read_path
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.state import State
from pyhopper.journal import Holder, is_abandoned
from pyhopper.log import Log
from pyhopper.objective import outcome_of
from pyhopper.objectives import Objectives
from pyhopper.results import read_metrics
from pyhopper.supply import Supply
from pyhopper.workdir import WorkDir

_PLAIN = Objectives()

PRUNED = Status.PRUNED
"""Tell this for a candidate that was given up."""

FAILED = Status.FAILED
"""Tell this for a candidate that could not be evaluated."""


def told_outcome(
    value: Any,
    metrics: Mapping[str, Any] | None = None,
    ignore_nans: bool = False,
    objectives: Objectives = _PLAIN,
) -> Outcome:
    """What the caller told, in the form in which an objective's result is kept.

    With ``metrics``, ``value`` has to be a number. With several objectives it is a dict.

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
    outcome = outcome_of(result, ignore_nans=ignore_nans, source="told", objectives=objectives)
    if outcome.misuse and objectives.keys:
        raise ArgumentError("value", value, f"does not fit: {outcome.reason}")
    if outcome.misuse and metrics is not None:
        raise ArgumentError("value", value, "must be a number")
    if outcome.misuse:
        raise ArgumentError("value", value, "must be a number, a dict with one, PRUNED or FAILED")
    return outcome


def known(log: Log, params: Any, value: Any, metrics: Any) -> Known:
    """The event of a result that is known from elsewhere.

    Raises
    ------
    CandidateError
        If the candidate does not fit the template.
    ArgumentError
        If the value is no number, and no dict of numbers, or ``metrics`` no dict.
    """
    space = log.space
    point = space.read_all(params)
    if not space.allows(point):
        point = Misfit(point)
    if metrics is not None and not isinstance(metrics, Mapping):
        raise ArgumentError("metrics", metrics, "must be a dict")
    outcome = _known_outcome(value, metrics or {}, log.state)
    kind = CandidateType.MANUALLY_ADDED
    return Known(Candidate(-1, kind, space.build(point), point), outcome)


def _known_outcome(value: Any, metrics: Mapping[str, Any], state: State) -> Outcome:
    """What the caller told of a candidate that was evaluated elsewhere.

    Before the first run nobody knows what is looked for, so that a dict may have any numbers.

    Raises
    ------
    ArgumentError
        If it is no number, and no dict of numbers.
    """
    if not isinstance(value, Mapping):
        if state.objectives.names:
            problem = f"must be a dict with {', '.join(state.objectives.keys)}"
            raise ArgumentError("value", value, problem)
        if not state.objectives.keys:
            return told_outcome(value, metrics, ignore_nans=True)
        value = {"value": value}
    if state.maximize is None and "value" not in value:
        # The objectives are read from the metrics once they are known.
        return Outcome(Status.DONE, metrics=read_metrics({**metrics, **value}))
    found = {**metrics, **value}
    return told_outcome(found, ignore_nans=True, objectives=state.objectives)


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
        self._close_at_last: weakref.finalize[..., Any] | None = None
        # Without a file, the budget of an earlier run does not count.
        self._begins = checkpoint is None and not log.continues
        if checkpoint is not None:
            log.open(checkpoint, "ask")
            assert log.file is not None
            log.file.start_syncing(log.stopwatch.stamp)
            self._close_at_last = weakref.finalize(self, log.close)
        log.share()
        log.continues = False

    def close(self) -> None:
        """Close the checkpoint, before a run."""
        if self._close_at_last is not None:
            self._close_at_last.detach()
        self._log.close()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Within, nobody else writes to the shared file, and what others wrote is known."""
        log, before = self._log, self._log.state
        with log.turn() as ended:
            if log.state is not before:
                self._supply = None
            elif self._supply is not None:
                for evaluation in ended:
                    self._supply.ended(evaluation, Outcome(evaluation.status), None)
            yield
        if not log.state.running:
            log.stopwatch.stop()

    def ask(self, objectives: Objectives, arguments: Mapping[str, Any]) -> Candidate | None:
        """Get a candidate, in a turn.

        Parameters
        ----------
        objectives : Objectives
            What is looked for.
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
            self._log.state.check_objectives(objectives)
            candidate = self._orphan() or self._next(objectives)
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
            if is_abandoned(running.holder):
                self._log.take(Restarted(number, self._holder))
                return running.candidate
        return None

    def _next(self, objectives: Objectives) -> Candidate | None:
        """A candidate that was not seen before."""
        if self._begins or not self._log.state.started:
            budget = self._schedule.steps, self._schedule.runtime
            self._log.take(Began(objectives.maximize[0], True, *budget, several=objectives))
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

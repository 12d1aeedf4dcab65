"""The same search with the caller's own loop: ``ask`` for a candidate, ``tell`` what came of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyhopper.budget import Budget, Clock, Schedule, Stamp
from pyhopper.callbacks.base import Callbacks
from pyhopper.errors import ArgumentError
from pyhopper.events import Began, Candidate, Ended, Event, Outcome, Restarted, Started, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State, observe
from pyhopper.journal import Checkpoint, Holder
from pyhopper.kernels import Proposer
from pyhopper.objective import Objective
from pyhopper.parameters.space import Space
from pyhopper.settings import parse_direction, parse_schedule
from pyhopper.supply import Supply
from pyhopper.workdir import WorkDir

PRUNED = Status.PRUNED
"""Tell this for a candidate that was given up."""

FAILED = Status.FAILED
"""Tell this for a candidate that could not be evaluated."""


@dataclass
class Session:
    """The settings of a caller's own loop, and its open checkpoint."""

    checkpoint: Checkpoint | None = None
    schedule: Schedule = field(default_factory=Schedule)
    work_dir: WorkDir | None = None
    holder: str = field(default_factory=lambda: Holder.me().text())
    proposer: Proposer | None = None
    fresh: bool = False
    """Whether a budget of its own has yet to begin, after that of a run."""


class AskTell:
    """The part of a :class:`~pyhopper.Search` that works without ``run``."""

    seed: int
    _repeatable: bool
    _space: Space
    _state: State
    _clock: Clock
    _path: Path | None
    _checkpoint: Checkpoint | None
    _in_file: bool
    _loaded: bool
    _session: Session | None
    _open: Callable[..., tuple[Checkpoint, bool, list[str]]]

    def ask(
        self,
        direction: str = "maximize",
        *,
        steps: int | str | None = None,
        runtime: float | str | None = None,
        seeding_ratio: float = 0.25,
        checkpoint_path: Any = None,
        work_dir: Any = None,
    ) -> Candidate | None:
        """Get a candidate to evaluate; :meth:`tell` takes the result.

        Several candidates may be open at once, also in several processes that share a checkpoint
        on one machine; none is handed out twice. A candidate whose process has ended without
        telling is handed out again, with the same number and values.

        Parameters
        ----------
        direction : str
            As in :meth:`run`; the first call decides.
        steps, runtime, seeding_ratio
            As in :meth:`run`, for all processes together. With neither ``steps`` nor ``runtime``
            there is no end. Time counts while a candidate is open.
        checkpoint_path : str or path-like, optional
            The file that the processes share.
        work_dir : str or path-like, optional
            A folder for folders of candidates, see :meth:`candidate_dir`.

        Returns
        -------
        Candidate or None
            ``candidate.params`` is the dict and ``candidate.id`` its number. None if the budget is
            used or every candidate of a finite space is taken.
        """
        maximize = parse_direction(direction)
        schedule = parse_schedule(
            self._clock,
            runtime=runtime,
            steps=steps,
            endless_mode=steps is None and runtime is None,
            seeding_steps=None,
            seeding_runtime=None,
            seeding_ratio=seeding_ratio,
            start_temperature=1,
            end_temperature=0.2,
        )
        session = self._join(checkpoint_path, work_dir)
        session.schedule = schedule
        with _Turn(self, session):
            self._state.set_direction(maximize)
            candidate = self._orphan(session) or self._new(session, maximize)
        if candidate is not None and session.work_dir is not None:
            session.work_dir.prepare(candidate)
        return candidate

    def tell(self, candidate: Candidate | int, value: Any) -> None:
        """Tell the result of a candidate.

        Parameters
        ----------
        candidate : Candidate or int
            What :meth:`ask` gave, or its number.
        value : float, dict, PRUNED or FAILED
            Its value, or a dict with the value under ``value`` and further metrics.

        Raises
        ------
        ArgumentError
            If the candidate is not open, or the value is no number.
        """
        number = candidate.id if isinstance(candidate, Candidate) else candidate
        if not isinstance(number, int):
            problem = "must be what ask() gave; results from elsewhere are told with search.add"
            raise ArgumentError("candidate", candidate, problem)
        outcome = _outcome(value)
        session = self._join(None, None)
        with _Turn(self, session):
            if number not in self._state.running:
                problem = "it is not open: it was told before, or never asked for"
                raise ArgumentError("candidate", number, problem)
            evaluation = self._record(Ended(number, outcome))
            if evaluation is not None and session.proposer is not None:
                session.proposer.observe(evaluation, self._state)
        if session.work_dir is not None and evaluation is not None:
            is_best = self._state.best is evaluation
            session.work_dir.finish(evaluation, outcome.details, is_best)

    def candidate_dir(self, candidate: Candidate | int) -> Path:
        """The folder of a candidate, if ``work_dir`` was given to :meth:`ask`."""
        if self._session is None or self._session.work_dir is None:
            raise ArgumentError("work_dir", None, "was not given to ask, so there are no folders")
        number = candidate.id if isinstance(candidate, Candidate) else candidate
        return self._session.work_dir.folder(number)

    def _join(self, checkpoint_path: Any, work_dir: Any) -> Session:
        """The present session, or a new one if a file is given for the first time."""
        session = self._session
        if session is None:
            session = Session()
            if checkpoint_path is not None:
                checkpoint, _, _ = self._open(checkpoint_path, False, "ask")
                checkpoint.lock.release()
                checkpoint.journal.start_syncing(lambda: None)
                weakref.finalize(self, checkpoint.close)
                session.checkpoint, self._in_file = checkpoint, True
            else:
                self._in_file, session.fresh = False, not self._loaded
            self._session, self._loaded = session, False
        elif checkpoint_path is not None and (
            session.checkpoint is None or Path(checkpoint_path) != self._path
        ):
            problem = "this search is asked with another one already; make a new Search"
            raise ArgumentError("checkpoint_path", checkpoint_path, problem)
        if work_dir is not None and session.work_dir is None:
            session.work_dir = WorkDir(work_dir)
        return session

    def _end_session(self) -> None:
        """Close the checkpoint of ask and tell, before a run."""
        session, self._session = self._session, None
        if session is not None and session.checkpoint is not None:
            session.checkpoint.close()
            self._checkpoint = None

    def _now(self) -> Stamp:
        """The present moment; time counts while a candidate is open."""
        state, now = self._state, self._clock.time()
        worked = max(0.0, now - state.time) if state.running else 0.0
        return Stamp(state.elapsed + worked, now)

    def _record(self, event: Event) -> Evaluation | None:
        now = self._now()
        if self._checkpoint is not None:
            return self._checkpoint.take(event, now)
        return observe(self._state, event, now)

    def _orphan(self, session: Session) -> Candidate | None:
        """A candidate whose process has ended, now ours."""
        for number, running in self._state.running.items():
            left = not running.holder or Holder.parse(running.holder).dead
            if left:
                self._record(Restarted(number, session.holder))
                return running.candidate
        return None

    def _new(self, session: Session, maximize: bool) -> Candidate | None:
        if session.fresh or not self._state.started:
            schedule, session.fresh = session.schedule, False
            self._record(Began(maximize, True, schedule.steps, schedule.runtime))
        state, base = self._state, self._state.before_budget
        used = self._now().elapsed - base.elapsed
        budget = Budget(session.schedule, self._clock, used, base.elapsed)
        if session.proposer is None or session.proposer.space is not self._space:
            session.proposer = Proposer(self._space, self.seed, self._repeatable)
        supply = Supply(
            self._space,
            state,
            self.seed,
            budget,
            Callbacks([], quiet=True),
            repeatable=self._repeatable,
            proposer=session.proposer,
        )
        event = supply.next(session.holder) if supply.may_start() else None
        if event is None:
            return None
        self._record(event)
        return event.candidate if isinstance(event, Started) else None


class _Turn:
    """A turn with the shared file: what others wrote comes first."""

    def __init__(self, search: AskTell, session: Session) -> None:
        self._checkpoint = session.checkpoint
        self._search = search

    def __enter__(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.lock.acquire("ask")
            try:
                self._checkpoint.catch_up()
            except BaseException:
                self._checkpoint.lock.release()
                raise

    def __exit__(self, *_: object) -> None:
        if self._checkpoint is not None:
            self._checkpoint.lock.release()


def _outcome(value: Any) -> Outcome:
    """What the caller told as what an objective would have led to."""
    if value is PRUNED:
        return Outcome(Status.PRUNED)
    if value is FAILED:
        return Outcome(Status.FAILED, reason="told so")
    outcome = Objective(lambda _: value)({}, lambda _: False)
    if outcome.misuse:
        raise ArgumentError("value", value, "must be a number, a dict with one, PRUNED or FAILED")
    if outcome.status is Status.FAILED:
        return outcome._replace(reason=f"told {value}", details="")
    return outcome

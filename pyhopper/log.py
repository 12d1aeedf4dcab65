"""The log of a search: its state, and the checkpoint in which everything that happens is written.

:class:`Log` is the only writer of both. Every event is first written to the file, if there is one,
and then taken into the state; a resume reads the same events into a new state.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pyhopper.budget import Clock, Stamp, Stopwatch
from pyhopper.errors import ArgumentError
from pyhopper.events import (
    Began,
    Candidate,
    Ended,
    Event,
    Forgotten,
    Known,
    Outcome,
    Queued,
    SpaceChanged,
    Started,
    Status,
    Totals,
)
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.state import State, observe
from pyhopper.journal import Checkpoint, Replay, checkpoint_file, read, sync_folder
from pyhopper.parameters import Point
from pyhopper.parameters.space import Space
from pyhopper.paths import read_path


class Follower(Protocol):
    """Is told of the events of an earlier run while they are read.

    What kernels have learned does not follow from the state alone, see :mod:`pyhopper.retrace`.
    """

    def before(self, event: Event, state: State, replay: Replay) -> Event:
        """An event was read and is about to be observed; returns what to observe instead."""

    def after(self, event: Event, evaluation: Evaluation | None) -> None:
        """It was observed."""


class Log:
    """What a search knows, and the file in which it stands, if it has one.

    Parameters
    ----------
    space : Space
        The space of the search; replaced when the template or the constraints change.
    clock : Clock
        Where time comes from.
    seed : int, optional
        Chosen by the user; a random one if not given.

    Attributes
    ----------
    state : State
        What the search knows. Replaced by that of a checkpoint which is opened or loaded.
    file : Checkpoint or None
        The open checkpoint.
    path : Path or None
        The last checkpoint, also after it was closed.
    stopwatch : Stopwatch
        Counts the seconds that the search runs.
    seed : int
        From which all random numbers follow.
    repeatable : bool
        Whether the user chose the seed, so that no proposal may depend on the clock.
    continues : bool
        Whether the state comes from a checkpoint whose budget the next run continues.
    """

    def __init__(self, space: Space, clock: Clock, seed: int | None = None) -> None:
        self.space = space
        self.seed = secrets.randbits(63) if seed is None else seed
        self.repeatable = self._seed_chosen = seed is not None
        self.stopwatch = Stopwatch(clock)
        self.state = State(self._key, self._trim)
        self.file: Checkpoint | None = None
        self.path: Path | None = None
        self.continues = False
        self._written_to: Path | None = None
        """The file in which everything stands that this search knows."""
        self._told: list[Event] = []
        """What the user has told since; it is written when a file is opened."""

    def _key(self, point: Point) -> Any:
        return self.space.key(point)  # that of the present space

    def _trim(self, point: Point) -> Point:
        return self.space.trim(point)

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: all that is known, without the open file; time stands still."""
        stopwatch = Stopwatch(self.stopwatch.clock, self.stopwatch.elapsed)
        return {**self.__dict__, "file": None, "stopwatch": stopwatch}

    # Writing -----------------------------------------------------------------------------------

    def take(self, event: Event) -> Evaluation | None:
        """Write an event, then take it into the state.

        Returns
        -------
        Evaluation or None
            The evaluation that ended with this event.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        if self.file is None:
            self._written_to = None
        return _take(event, self.state, self.file, self.stopwatch.stamp())

    def tell(self, event: Queued | Known | Forgotten) -> None:
        """Take something in that the user has told, also between runs, when no file is open."""
        if self.file is None:
            self._told.append(event)
        _take(event, self.state, self.file, self.stopwatch.stamp())

    def begin(self, began: Began) -> None:
        """Begin a run. It continues the budget in its checkpoint unless everything has failed.

        Raises
        ------
        ArgumentError
            If the search has run in the other direction.
        CheckpointError
            If other processes evaluate candidates in the same file.
        """
        self.state.check_direction(began.maximize)
        if self.file is not None:
            self.file.refuse_if_held(self.state.running)
            fresh = not self.continues or self.state.all_failed
            began = began._replace(fresh=fresh)
        self.take(began)
        self.continues = False

    def cancel(self, job_id: int, reason: str) -> None:
        """End a candidate in the state; in the file it stays open, and runs first next time."""
        outcome = Outcome(Status.CANCELLED, reason=reason)
        observe(self.state, Ended(job_id, outcome), self.stopwatch.stamp())

    def keep(self, states: Callable[[], Mapping[str, Any]], force: bool = False) -> None:
        """Save the states of callbacks and pruner, if there is a file."""
        if self.file is not None:
            self.file.keep(states, force)

    # Opening -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(
        self,
        checkpoint: Any,
        overwrite: bool = False,
        keep_history: bool = True,
        follower: Follower | None = None,
    ) -> Iterator[list[str]]:
        """Within, time counts and the checkpoint is open.

        Parameters
        ----------
        checkpoint : str, path-like or None
            Its path; None for a run without one.
        overwrite : bool
            Delete what is in it.
        keep_history : bool
            Keep all evaluations, or only the best.
        follower : Follower, optional
            Is told of the events that are read.

        Yields
        ------
        list of str
            What to tell the user: lines on what was found in the file.
        """
        began = self.stopwatch.clock.monotonic()
        self.state.keep_history = keep_history
        news = [] if checkpoint is None else self.open(checkpoint, "run", overwrite, follower)
        # Reading a file is part of the runtime.
        reading = self.stopwatch.clock.monotonic() - began
        self.stopwatch.start(self.state.elapsed + reading)
        try:
            yield news
        finally:
            self.close()

    def open(
        self, value: Any, purpose: str, overwrite: bool = False, follower: Follower | None = None
    ) -> list[str]:
        """Open or create a checkpoint, with its lock, and take in what is in it.

        Parameters
        ----------
        value : str or path-like
            The path; a folder gets a new numbered file.
        purpose : str
            ``"run"`` or ``"ask"``, to tell others who has the lock.
        overwrite, follower
            See :meth:`running`.

        Returns
        -------
        list of str
            What to tell the user.

        Raises
        ------
        ArgumentError
            If this search has results that are not in the file, or its seed is another one.
        CheckpointError
            If the file cannot be used.
        """
        path = checkpoint_file("checkpoint_path", value)
        file, state = Checkpoint(path, self.space), self._new_state()
        file.lock.acquire(purpose)
        try:
            if overwrite:
                file.clear()
            existed = file.read(_reader(state, file.replay, follower))
            if existed:
                _fill(state, file.replay)
                news = self._resume(file, state)
            else:
                file.create(self.seed, self.repeatable)
                _write_all(self.state, file, state)
                news = []
        except BaseException:
            file.close()
            raise
        self.path, self.file, self.state = path, file, state
        self._written_to = path
        self.continues = existed or self.continues
        self._told.clear()
        self.stopwatch.stop(state.elapsed)
        return news

    def close(self) -> None:
        """Close the checkpoint; time stands still."""
        file, self.file = self.file, None
        self.stopwatch.stop()
        if file is not None:
            file.close()

    def catch_up(self) -> list[Evaluation]:
        """Read what other processes wrote to the open file; the evaluations that have ended.

        The caller has the lock.
        """
        ended: list[Evaluation] = []
        if self.file is not None:
            self.file.read(_reader(self.state, self.file.replay, None, ended))
            _fill(self.state, self.file.replay)
        return ended

    def _resume(self, file: Checkpoint, state: State) -> list[str]:
        """Bring what was read up to date with the present space and with what the user has told."""
        if self.state.started and self._written_to != file.path:
            problem = (
                "the file has another history than this search, which has results already; run a "
                "new Search with it, or use another checkpoint_path or overwrite_checkpoint=True"
            )
            raise ArgumentError("checkpoint_path", str(file.path), problem)
        self._check_seed(file.replay)
        news = [_resumed(file.path, state)] if state.started else []
        now = Stamp(state.elapsed, self.stopwatch.clock.time())
        changes = file.replay.changes
        if changes:
            guesses = [guess for guess in state.queue if guess]
            file.change_space()
            observe(state, SpaceChanged(), now)
            for guess in guesses:
                _take(Queued(guess), state, file, now, again=True)
        for end in _misplaced(state):
            _take(end, state, file, now)
        misfits = sum(not each.fits for each in state.evaluations)
        if changes:
            news += ["The space is not the one in the checkpoint:", *changes]
        if changes or misfits:
            news.append(f"{misfits} of {len(state.evaluations)} evaluations do not fit any more.")
        for event in list(file.replay.not_in_file(self._told, now)):
            _take(event, state, file, now)
        return news

    def _new_state(self) -> State:
        return State(self.state.key, self.state.trim, keep_history=self.state.keep_history)

    def _check_seed(self, replay: Replay) -> None:
        seed = replay.seed
        if seed is None or seed == self.seed:
            return
        if self._seed_chosen:
            problem = (
                f"the checkpoint {replay.path} was made with seed={seed}; use that one (or none), "
                "another checkpoint_path, or overwrite_checkpoint=True"
            )
            raise ArgumentError("seed", self.seed, problem)
        self.seed, self.repeatable = seed, replay.repeatable

    # Save and load -----------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that the search knows to a file, replacing one that is there.

        Raises
        ------
        CheckpointError
            If it cannot be written, or a run uses it.
        """
        target = checkpoint_file("path", path)
        new = target.with_name(f"{target.name}.new")
        new.unlink(missing_ok=True)
        file = Checkpoint(target, self.space, new)
        file.lock.acquire("ask")
        try:
            file.create(self.seed, self.repeatable)
            _write_all(self.state, file, self._new_state())
            file.journal.sync()
        except BaseException:
            file.close()
            new.unlink(missing_ok=True)
            raise
        new.replace(target)
        sync_folder(target.parent)
        file.delete_other_points()
        file.close()

    def load(self, path: str | os.PathLike[str], recover: bool = False) -> list[str]:
        """Take in what a checkpoint knows, without opening it for writing.

        Returns
        -------
        list of str
            What to tell the user.

        Raises
        ------
        CheckpointError
            If it cannot be read.
        ArgumentError
            If this search has results already, or the space or seed does not fit.
        """
        if self.state.started:
            problem = "this search has results already; make a new Search and load into that"
            raise ArgumentError("path", path, problem)
        file = read_path("path", path, "file")
        lines, lost = read(file, recover)
        replay, state = Replay(file, self.space, recover), self._new_state()
        replay.feed(lines, _reader(state, replay))
        _fill(state, replay)
        now = Stamp(state.elapsed, self.stopwatch.clock.time())
        for end in _misplaced(state):
            observe(state, end, now)
        self._check_seed(replay)
        self.state, self.continues = state, True
        self.stopwatch.stop(state.elapsed)
        told, self._told = self._told, []
        for event in replay.not_in_file(told, now):
            self._told.append(event)
            self.take(event)
        if not lost and not replay.skipped:
            return []
        damaged = f"{lost} damaged or missing lines"
        return [f"{file}: {damaged}, {replay.skipped} more could not be used without them"]


def _take(
    event: Event, state: State, file: Checkpoint | None, now: Stamp, again: bool = False
) -> Evaluation | None:
    """Write an event, then take it into the state."""
    if file is None:
        return observe(state, event, now)
    file.append(event, now, state.running, again)
    evaluation = observe(state, event, now)
    file.observed(state.best)
    return evaluation


def _reader(
    state: State,
    replay: Replay,
    follower: Follower | None = None,
    ended: list[Evaluation] | None = None,
) -> Callable[[Event, Stamp], None]:
    """A function that takes events of a file into a state; ``ended`` gets the evaluations."""

    def take(event: Event, now: Stamp) -> None:
        if follower is not None:
            event = follower.before(event, state, replay)
        evaluation = observe(state, event, now)
        replay.large.release(state.best)
        if follower is not None:
            follower.after(event, evaluation)
        if ended is not None and evaluation is not None:
            ended.append(evaluation)

    return take


def _fill(state: State, replay: Replay) -> None:
    """Put in what the lines leave out: params of what runs, large values of the best."""
    state.fill(replay.filled, replay.filled_best(state.best))


def _write_all(source: State, file: Checkpoint, state: State) -> None:
    """Write everything that a state knows to a new file, and take it into another state."""
    for event, now in _events_of(source):
        _take(event, state, file, now)


def _events_of(state: State) -> Iterator[tuple[Event, Stamp]]:
    """Events that lead to a state."""
    now = Stamp(state.elapsed, state.time)
    if state.maximize is not None:
        yield Began(state.maximize), Stamp(0.0, now.time)
    evaluations: Iterable[Evaluation] = state.evaluations
    best = state.best
    # The value of the best may be the mean of several, its evaluation is one of them.
    if best is not None and not any(e.id == best.id and e.point is best.point for e in evaluations):
        evaluations = [*evaluations, best]
    for each in evaluations:
        yield from _events_of_evaluation(each)
        forgotten = each.fits and state.key(each.point) not in state.seen
        if forgotten and each.status is not Status.CANCELLED:
            yield Forgotten(each.point), Stamp(each.elapsed, each.finished_at)
    for running in state.running.values():
        yield Started(running.candidate, holder=running.holder), running.since
    for guess in state.queue:
        yield Queued(guess), now
    if not state.started:
        return
    counts = state.started, state.ended, state.duplicates, state.before_budget, state.unimproved
    yield Totals(*counts, state.tallies, state.before_success), now


def _events_of_evaluation(each: Evaluation) -> Iterator[tuple[Event, Stamp]]:
    candidate = Candidate(each.id, each.type, {}, each.point, each.screening, each.expected_seconds)
    outcome = Outcome(each.status, each.value, each.metrics, each.estimates, each.reason)
    end = Stamp(each.elapsed, each.finished_at)
    if each.id < 0:
        yield Known(candidate, outcome), end
        return
    yield Started(candidate), Stamp(each.elapsed - each.seconds, each.sampled_at)
    yield Ended(each.id, outcome, each.slot), end


def _misplaced(state: State) -> list[Ended]:
    """The ends of open candidates that have no place in the space any more."""
    outcome = Outcome(Status.CANCELLED, reason="it has no place in the space any more")
    return [
        Ended(number, outcome)
        for number, running in state.running.items()
        if isinstance(running.candidate.point, Misfit)
    ]


def _resumed(path: Path, state: State) -> str:
    best = "" if state.best is None else f", best {state.best.value:.6g}"
    again = f"; {len(state.running)} run again" if state.running else ""
    if state.all_failed:
        return f"All {state.ended} evaluations in {path} failed, so the search begins anew{again}."
    return f"Going on from {path}: {state.ended} evaluations{best}{again}."

"""The log of a search: its state, and the checkpoint in which everything that happens is written.

:class:`Log` is the only writer of both. Every event is first written to the file, if there is one,
and then taken into the state; a resume reads the same events into a new state.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pyhopper.budget import Clock, SharedTime, Stamp, Stopwatch
from pyhopper.errors import ArgumentError, CheckpointError, plural
from pyhopper.events import (
    Began,
    Ended,
    Event,
    Forgotten,
    Known,
    Outcome,
    Queued,
    Status,
)
from pyhopper.files import read_path
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State, observe
from pyhopper.journal import Checkpoint, Replay, checkpoint_file, is_abandoned, read
from pyhopper.journal.changes import mover
from pyhopper.journal.loaded import refuse_loaded, space_for
from pyhopper.journal.states import (
    Follower,
    bring_up_to_date,
    carried_over,
    check_objective,
    damage,
    fill,
    misplaced,
    other_inputs,
    reader,
    refuse_other_history,
    refuse_other_seed,
    replacing,
    take,
    write_all,
    written_anew,
)
from pyhopper.parameters import Point, with_values
from pyhopper.parameters.space import Space


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
    is_running : bool
        Whether a run is on its way.
    """

    def __init__(self, space: Space, clock: Clock, seed: int | None = None) -> None:
        self.space = space
        self.seed = secrets.randbits(63) if seed is None else seed
        self.repeatable = self._seed_chosen = seed is not None
        self.stopwatch = Stopwatch(clock)
        self.state = State(self._key, self._trim)
        self.file: Checkpoint | None = None
        self.path: Path | None = None
        self._folder: Path | None = None
        """To which the path was relative, if it was."""
        self.continues = self.is_running = False
        self._shared_time: SharedTime | None = None
        self._lost = ""
        """Why there is no file any more."""
        self._written_to: Path | None = None
        """The file in which everything stands that this search knows."""
        self._told: list[Event] = []
        """What the user has told since; it is written when a file is opened."""

    @property
    def shown_path(self) -> str | None:
        """The last checkpoint, relative if the user gave a relative path."""
        if self.path is None or self._folder is None:
            return None if self.path is None else str(self.path)
        return os.path.relpath(self.path, self._folder)

    def _key(self, point: Point) -> Any:
        return self.space.key(point)  # that of the present space

    def _trim(self, point: Point) -> Point:
        return self.space.trim(point)

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: all that is known, without the open file; time stands still."""
        stopwatch = Stopwatch(self.stopwatch.clock, self.stopwatch.elapsed)
        still = {"file": None, "_shared_time": None, "is_running": False, "stopwatch": stopwatch}
        return {**self.__dict__, **still}

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
        file = None if self.file is None else self._in_place()
        if file is None:
            self._written_to = None
            return observe(self.state, event, self.stopwatch.stamp())
        try:
            return take(event, self.state, file, self.stopwatch.stamp())
        except CheckpointError:
            if not file.is_displaced():
                raise
            return self.take(event)

    def tell(self, event: Queued | Known | Forgotten) -> None:
        """Take something in that the user has told, also between runs, when no file is open."""
        if self.file is None:
            self._told.append(event)
            take(event, self.state, None, self.stopwatch.stamp())
        else:
            self.take(event)

    def begin(self, began: Began, force: bool = False) -> list[str]:
        """Begin a run. It continues the budget in its checkpoint unless everything has failed.

        Parameters
        ----------
        began : Began
            The run.
        force : bool
            Continue a checkpoint that was written with another objective.

        Returns
        -------
        list of str
            What to tell the user.

        Raises
        ------
        ArgumentError
            If the search has run in the other direction, or the checkpoint is that of another
            objective.
        CheckpointError
            If other processes evaluate candidates in the same file.
        """
        self.state.check_objectives(began.objectives)
        if self.file is not None:
            if self.continues and not force:
                check_objective(self.state, began.objective, self.file.path)
            if not self.is_shared:
                self.file.refuse_if_held(self.state.running)
            fresh = not self.continues or (self.state.all_failed and not self._is_run_elsewhere())
            began = began._replace(fresh=fresh)
        news = other_inputs(self.state, began.inputs) if self.continues else []
        self.take(began)
        if self.file is not None:
            # What is the best may only be known now.
            fill(self.state, self.file.replay)
        self.continues = False
        return news

    def change_space(self, space: Space) -> None:
        """Replace the space between runs. Evaluations that fit count on, as after a resume.

        Raises
        ------
        ArgumentError
            If values of a parameter cannot be read as the new kind.
        CodecError
            If values of a parameter cannot be carried over.
        """
        move = mover(self.space, space)
        told = [move(event) for event in self._told]
        events = carried_over(self.state, move)
        self.space, state = space, self._new_state()
        for event, now in events:
            observe(state, event, now)
        now = Stamp(self.state.elapsed, self.state.time)
        for end in misplaced(state):
            observe(state, end, now)
        state.elapsed, state.time = now
        self.state, self._told = state, told

    def admit_constants(self, guess: Any) -> None:
        """Let a guess have other values for constants of the template, unless candidates run."""
        template = self.space.template
        changed = with_values(template, guess)
        if changed is not template and not (self.is_running or self.state.running):
            self.change_space(Space(changed, self.space.constraints))

    def cancel(self, job_id: int, reason: str) -> None:
        """End a candidate in the state; in the file it stays open, and runs first next time."""
        outcome = Outcome(Status.CANCELLED, reason=reason)
        observe(self.state, Ended(job_id, outcome), self.stopwatch.stamp())

    def keep(self, states: Callable[[], Mapping[str, Any]], force: bool = False) -> None:
        """Save the states of callbacks and pruner, if there is a file."""
        file = self._in_place(look=force)
        if file is not None and not self.is_shared:
            file.keep(states, force)

    def _in_place(self, *, look: bool = False) -> Checkpoint | None:
        """The open file, written anew if somebody has deleted or replaced it meanwhile.

        The thread that syncs the file finds that out; ``look`` does not rely on it.
        """
        if self.file is not None and self.file.is_displaced(look=look):
            self._write_anew(self.file)
        return self.file

    def _write_anew(self, old: Checkpoint) -> None:
        """Write all that is known to a new file; if that cannot be done, go on without one."""
        gone = f"{old.path} was deleted, replaced or cut while the search wrote to it"
        try:
            new = written_anew(old, self.state, self._new_state(), self.seed, self.repeatable)
        except (CheckpointError, OSError) as error:
            self.file, self._lost = None, f"{gone}, and it cannot be written anew: {error}"
            warnings.warn(f"{self._lost}. The search goes on without a file.", RuntimeWarning, 4)
            return
        old.abandon(new)
        self.file, self._written_to = new, new.path
        self.path = new.path
        warnings.warn(f"{gone}. Everything it knows is now in {new.path}.", RuntimeWarning, 4)

    # Opening -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(
        self,
        checkpoint: Any,
        overwrite: bool = False,
        keep_history: bool = True,
        follower: Follower | None = None,
        *,
        shared: bool = False,
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
        shared : bool
            Let other processes use the file too, see :meth:`turn`.

        Yields
        ------
        list of str
            What to tell the user: lines on what was found in the file.
        """
        began = self.stopwatch.clock.monotonic()
        self.state.keep_history = keep_history
        purpose = "ask" if shared else "run"
        news = [] if checkpoint is None else self.open(checkpoint, purpose, overwrite, follower)
        # Reading a file is part of the runtime.
        reading = self.stopwatch.clock.monotonic() - began
        self.stopwatch.start(self.state.elapsed + reading)
        self.is_running = True
        try:
            yield news
        finally:
            self.is_running = False
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
            existed = file.read(reader(state, file.replay, follower))
            if existed:
                fill(state, file.replay)
                news = self._resume(file, state)
            else:
                file.create(self.seed, self.repeatable)
                write_all(self.state, file, state)
                news = []
        except BaseException:
            file.close()
            raise
        self.path, self.file, self.state = path, file, state
        self._folder = None if Path(value).expanduser().is_absolute() else Path.cwd()
        self._written_to = path
        self.continues = existed or self.continues
        self._told.clear()
        self.stopwatch.stop(state.elapsed)
        if purpose == "ask":
            file.lock.release()
            self.share()
        return news

    def close(self) -> None:
        """Close the checkpoint; time stands still.

        Raises
        ------
        CheckpointError
            If what is known is not in the file.
        """
        file = self.file
        if file is not None and file.is_displaced(look=True):
            with contextlib.nullcontext() if file.lock.for_run else file.lock.held():
                self.look()
        file, self.file, self._shared_time = self.file, None, None
        lost, self._lost = self._lost, ""
        self.stopwatch.stop()
        if file is not None:
            file.close()
        if lost:
            problem = (
                f"{lost}. {plural(self.state.ended, 'evaluation')} in memory only: search.best and "
                "search.history have them, search.save(path) writes them to a file"
            )
            raise CheckpointError(self.path, problem)

    def look(self) -> bool:
        """Look whether the open file was deleted or replaced; the caller has the lock.

        Returns
        -------
        bool
            Whether the state is another one now, since another process that shares the file has
            written it anew.
        """
        old = self.file
        if old is None or not old.is_displaced(look=True):
            return False
        new = old.rejoined(self.seed)
        if new is None:
            self._write_anew(old)
            return False
        state = self._new_state()
        new.read(reader(state, new.replay))
        fill(state, new.replay)
        self.file, self.state = new, state
        old.abandon(new)
        return True

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to the same file, or the caller keeps the time."""
        return self._shared_time is not None

    def share(self) -> None:
        """From now on write in turns with others, and count the time of all."""
        self._shared_time = SharedTime(self.stopwatch)

    @contextlib.contextmanager
    def turn(self) -> Iterator[list[Evaluation]]:
        """Within, nobody else writes to a shared file, and what others wrote is known.

        Yields
        ------
        list of Evaluation
            What has ended in other processes since the last turn.
        """
        if self._shared_time is None:
            yield []
            return
        with contextlib.nullcontext() if self.file is None else self.file.lock.held():
            last = self.state.elapsed, self.state.time
            ended = self._catch_up()
            self.look()
            now = Stamp(self.state.elapsed, self.state.time)
            runs = bool(self.state.running) if self.file is None else self._is_run_elsewhere()
            self._shared_time.count(now, by_others=now != last, runs=runs)
            yield ended

    def _is_run_elsewhere(self) -> bool:
        """Whether a process that lives has candidates of the file."""
        return any(not is_abandoned(each.holder) for each in self.state.running.values())

    def _catch_up(self) -> list[Evaluation]:
        """Read what other processes wrote to the open file; the evaluations that have ended."""
        ended: list[Evaluation] = []
        if self.file is not None:
            self.file.read(reader(self.state, self.file.replay, None, ended))
            fill(self.state, self.file.replay)
        return ended

    def _resume(self, file: Checkpoint, state: State) -> list[str]:
        """Bring what was read up to date with the present space and with what the user has told."""
        if self.state.started and self._written_to != file.path:
            refuse_other_history(file.path)
        self._check_seed(file.replay)
        now = Stamp(state.elapsed, self.stopwatch.clock.time())
        return bring_up_to_date(file, state, self._told, now)

    def _new_state(self) -> State:
        return State(self.state.key, self.state.trim, keep_history=self.state.keep_history)

    def _check_seed(self, replay: Replay) -> None:
        seed = replay.seed
        if seed is None or seed == self.seed:
            return
        if self._seed_chosen:
            refuse_other_seed(replay.path, seed, self.seed)
        self.seed, self.repeatable = seed, replay.repeatable

    # Save and load -----------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that the search knows to a file, replacing one that is there.

        Raises
        ------
        CheckpointError
            If it cannot be written, or a run uses it.
        """
        refuse_loaded(self.space)
        target = checkpoint_file("path", path, streams=True)
        with replacing(target, self.space) as file:
            file.create(self.seed, self.repeatable)
            write_all(self.state, file, self._new_state())

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
        self.space = space_for(self.space, lines)
        replay, state = Replay(file, self.space, recover), self._new_state()
        replay.feed(lines, reader(state, replay))
        fill(state, replay)
        now = Stamp(state.elapsed, self.stopwatch.clock.time())
        for end in misplaced(state):
            observe(state, end, now)
        self._check_seed(replay)
        self.state, self.continues = state, True
        self.stopwatch.stop(state.elapsed)
        told, self._told = self._told, []
        for event in replay.not_in_file(told, now):
            self._told.append(event)
            self.take(event)
        return damage(file, lost, replay.skipped)

"""Checkpoints as a user sees them: ``checkpoint_path``, ``save`` and ``load``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyhopper.budget import Clock, Stamp
from pyhopper.display.text import say
from pyhopper.errors import ArgumentError
from pyhopper.events import Began, Event
from pyhopper.history.state import State, observe
from pyhopper.journal import (
    Checkpoint,
    Follower,
    Replay,
    checkpoint_file,
    misplaced,
    read,
    sync_folder,
)
from pyhopper.parameters.space import Space


class Saving:
    """The part of a :class:`~pyhopper.Search` that has to do with files."""

    seed: int
    _seed_given: bool
    _repeatable: bool
    _space: Space
    _state: State
    _clock: Clock
    _checkpoint: Checkpoint | None
    _given: list[Event]
    _path: Path | None
    _in_file: bool
    """Whether everything that this search knows is in its checkpoint."""

    _loaded: bool
    _take_note: Callable[[Event], None]
    _end_session: Callable[[], None]

    @property
    def checkpoint_path(self) -> str | None:
        """The checkpoint of the last run; None if it had none."""
        return None if self._path is None else str(self._path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that the search knows to a file, replacing one that is there.

        A run with ``checkpoint_path`` has no need of it.

        Parameters
        ----------
        path : str or path-like
            The file; a folder gets a new numbered file.

        Raises
        ------
        CheckpointError
            If it cannot be written, or a run uses it.
        """
        file = checkpoint_file("path", path)
        new = file.with_name(f"{file.name}.new")
        new.unlink(missing_ok=True)
        saved = Checkpoint(file, self._space, self._new_state(), new)
        saved.lock.acquire("ask")
        try:
            saved.create(self.seed, self._repeatable)
            saved.snapshot(self._state)
            saved.journal.sync()
        except BaseException:
            saved.close()
            new.unlink(missing_ok=True)
            raise
        new.replace(file)
        sync_folder(file.parent)
        saved.large.tidy()
        saved.close()

    def load(self, path: str | os.PathLike[str], recover: bool = False) -> None:
        """Take in a checkpoint, for a look at it or to go on from it.

        What ran when it was written runs first in the next run. To go on in the same file, just
        run with ``checkpoint_path``; loading is not needed for that.

        Parameters
        ----------
        path : str or path-like
            The file.
        recover : bool
            Read what can be read of a damaged file. To go on, run with another
            ``checkpoint_path``.

        Raises
        ------
        CheckpointError
            If it cannot be read.
        ArgumentError
            If this search has results already, or the space or seed does not fit.
        """
        if self._state.started:
            problem = "this search has results already; make a new Search and load into that"
            raise ArgumentError("path", path, problem)
        file = Path(path)
        lines, lost = read(file, recover)
        state = self._new_state()
        replay = Replay(file, self._space, state, recover)
        replay.feed(lines)
        for event in misplaced(state):
            observe(state, event, Stamp(state.elapsed, self._clock.time()))
        self._check_seed(replay, file)
        given, self._given = self._given, []
        self._adopt(replay)
        self._loaded = True
        for note in replay.unknown(given, Stamp(self._state.elapsed, self._clock.time())):
            self._take_note(note)
        if lost or replay.skipped:
            lines_lost = f"{lost} damaged or missing lines"
            say(f"{file}: {lines_lost}, {replay.skipped} more could not be used without them")

    def _new_state(self) -> State:
        state = self._state
        return State(state.key, state.trim, keep_history=state.keep_history)

    def _adopt(self, source: Checkpoint | Replay) -> None:
        """Take over a state, in place for those who hold the present one."""
        vars(self._state).update(vars(source.state))
        source.state = self._state

    def _check_seed(self, replay: Replay, path: Path) -> None:
        seed = replay.seed
        if seed is None or seed == self.seed:
            return
        if self._seed_given:
            problem = (
                f"the checkpoint {path} was made with seed={seed}; use that one (or none), "
                "another checkpoint_path, or overwrite_checkpoint=True"
            )
            raise ArgumentError("seed", self.seed, problem)
        self.seed, self._repeatable = seed, replay.repeatable

    def _open(
        self, value: Any, overwrite: bool, purpose: str, follower: Follower | None = None
    ) -> tuple[Checkpoint, bool, list[str]]:
        """Open or create the checkpoint of a run or of ask and tell, and take in what it knows.

        Returns
        -------
        checkpoint : Checkpoint
            Open, with the lock held.
        goes_on : bool
            Whether the search goes on from what was there.
        news : list of str
            What to tell the user.
        """
        path = checkpoint_file("checkpoint_path", value)
        checkpoint = Checkpoint(path, self._space, self._new_state(), follower=follower)
        checkpoint.lock.acquire(purpose)
        try:
            if overwrite:
                checkpoint.clear()
            existed = checkpoint.catch_up()
            news = self._resume(checkpoint) if existed else self._start_file(checkpoint)
        except BaseException:
            checkpoint.close()
            raise
        self._path, self._checkpoint = path, checkpoint
        return checkpoint, existed or self._loaded, news

    def _start_file(self, checkpoint: Checkpoint) -> list[str]:
        """Write what this search knows to a new checkpoint."""
        checkpoint.create(self.seed, self._repeatable)
        checkpoint.snapshot(self._state)
        self._adopt(checkpoint)
        self._given.clear()
        return []

    def _resume(self, checkpoint: Checkpoint) -> list[str]:
        """Take in what an existing checkpoint knows."""
        path = checkpoint.path
        if self._state.started and not (self._in_file and self._path == path):
            problem = (
                "the file has another history than this search, which has results already; run a "
                "new Search with it, or use another checkpoint_path or overwrite_checkpoint=True"
            )
            raise ArgumentError("checkpoint_path", str(path), problem)
        self._check_seed(checkpoint.replay, path)
        state = checkpoint.state
        news = []
        if state.started:
            news.append(_resumed(path, state))
        now = Stamp(state.elapsed, self._clock.time())
        changes = checkpoint.accept_changes(now)
        for event in misplaced(state):
            checkpoint.take(event, now)
        misfits = sum(not each.fits for each in state.evaluations)
        if changes:
            news += ["The space is not the one in the checkpoint:", *changes]
        if changes or misfits:
            news.append(f"{misfits} of {len(state.evaluations)} evaluations do not fit any more.")
        self._adopt(checkpoint)
        for note in checkpoint.replay.unknown(self._given, now):
            checkpoint.take(note, now)
        self._given.clear()
        return news

    @contextlib.contextmanager
    def _file_of_run(
        self, value: Any, overwrite: bool, began: Began, quiet: bool, follower: Follower
    ) -> Iterator[None]:
        """The checkpoint of a run, if it has one, and the begin of its budget."""
        self._end_session()
        goes_on, checkpoint = False, None
        if value is not None:
            checkpoint, goes_on, news = self._open(value, overwrite, "run", follower)
            if news and not quiet:
                say(*news)
        try:
            self._state.set_direction(began.maximize)
            now = Stamp(self._state.elapsed, self._clock.time())
            if checkpoint is None:
                observe(self._state, began, now)
            else:
                checkpoint.refuse_if_held()
                fresh = not goes_on or self._state.all_failed
                checkpoint.take(began._replace(fresh=fresh), now)
            self._loaded, self._in_file = False, checkpoint is not None
            yield
        finally:
            self._close()

    def _close(self) -> None:
        """Close the checkpoint."""
        checkpoint, self._checkpoint = self._checkpoint, None
        if checkpoint is not None:
            checkpoint.close()


def _resumed(path: Path, state: State) -> str:
    best = "" if state.best is None else f", best {state.best.value:.6g}"
    again = f"; {len(state.running)} run again" if state.running else ""
    if state.all_failed:
        return f"All {state.ended} evaluations in {path} failed, so the search begins anew{again}."
    return f"Going on from {path}: {state.ended} evaluations{best}{again}."

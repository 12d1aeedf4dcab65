"""A checkpoint in use: a journal, its lock and its large points, as a run sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyhopper._version import __version__
from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, CheckpointError
from pyhopper.events import (
    Alive,
    Began,
    Candidate,
    Ended,
    Event,
    Forgotten,
    Known,
    Outcome,
    Queued,
    Started,
    Status,
    Totals,
)
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State, observe
from pyhopper.journal.codec import CodecError, to_json
from pyhopper.journal.file import FORMAT, Journal, dumps
from pyhopper.journal.formats import write
from pyhopper.journal.lockfile import Holder, Lock
from pyhopper.journal.replay import Follower, Replay
from pyhopper.journal.skeleton import skeleton
from pyhopper.parameters.space import Space

_ALIVE_TURNS = 6
"""After so many turns of five seconds without a line, one tells that the search is alive."""


def checkpoint_file(argument: str, value: Any) -> Path:
    """The file that a path argument means; a folder gets a new numbered one.

    Raises
    ------
    ArgumentError
        If it is no path.
    """
    try:
        if not str(value):
            raise TypeError
        path = Path(value).expanduser()
    except TypeError:
        raise ArgumentError(argument, value, "must be the path of a file or folder") from None
    is_folder = path.is_dir() or str(value).endswith(("/", "\\"))
    folder = path if is_folder else path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(argument, value, f"cannot be created: {error.strerror}") from None
    if not is_folder:
        return path
    found = [re.fullmatch(r"(\d+)\.ckpt", each.name) for each in path.iterdir()]
    number = max((int(match[1]) for match in found if match), default=0)
    while True:
        number += 1
        new = path / f"{number:05d}.ckpt"
        try:
            new.touch(exist_ok=False)
        except FileExistsError:
            continue
        return new


class Checkpoint:
    """The open checkpoint of a search.

    Parameters
    ----------
    path : Path
        Its file.
    space : Space
        The present space.
    state : State
        Gets what is in the file.
    file : Path, optional
        Where to write to instead, when a file is made anew.
    follower : Follower, optional
        Goes along with what is read.
    """

    def __init__(
        self,
        path: Path,
        space: Space,
        state: State,
        file: Path | None = None,
        follower: Follower | None = None,
    ) -> None:
        self.path = path
        self.space = space
        self.replay = Replay(path, space, state, follower=follower)
        self.codec = self.replay.codec
        self.large = self.replay.large
        self.lock = Lock(path)
        self._journal: Journal | None = None
        self._file = path if file is None else file
        self._state_text = ""
        self._next_state_at = 0
        self._idle = (0, 0)

    @property
    def state(self) -> State:
        """What the events so far have led to."""
        return self.replay.state

    @state.setter
    def state(self, state: State) -> None:
        self.replay.state = state

    @property
    def journal(self) -> Journal:
        """The file, opened when it is first needed."""
        if self._journal is None:
            self._journal = Journal(self._file)
        return self._journal

    def catch_up(self) -> bool:
        """Take in what others wrote, under the lock; whether there is anything in the file."""
        if self._file.exists():
            lines = self.journal.catch_up()
            if lines:
                self.replay.feed(lines)
        return self.replay.seed is not None

    def create(self, seed: int, repeatable: bool) -> None:
        """Write the header and what the search knows already."""
        try:
            self.codec.probe()
        except CodecError as error:
            raise CheckpointError(self.path, str(error)) from error
        header = {
            "event": "header",
            "format": FORMAT,
            "version": __version__,
            "seed": seed,
            "repeatable": repeatable,
            **self._space(),
        }
        self.journal.append(header)
        self.replay.begin(header)

    def _space(self) -> dict[str, Any]:
        return {
            "fingerprint": self.space.fingerprint(),
            "leaves": self.codec.signature(),
            "template": skeleton(self.space.root, self.codec.keys),
        }

    def snapshot(self, source: State) -> None:
        """Write what a search knows that was not written while it happened."""
        for event, now in snapshot(source):
            self.take(event, now)

    def take(self, event: Event, now: Stamp) -> Evaluation | None:
        """Write an event and take it into the state."""
        self.append(event, now)
        return observe(self.state, event, now)

    def append(self, event: Event, now: Stamp, again: bool = False) -> None:
        """Write an event, before it is taken into the state.

        Raises
        ------
        CheckpointError
            If the disk is full, or a value cannot be written.
        """
        self._discard()
        try:
            record = write(event, now, self.codec, self.state.running)
        except CodecError as error:
            raise CheckpointError(self.path, str(error)) from error
        if again:
            record["again"] = True
        if isinstance(event, Started | Known):
            if self.codec.large_keys:
                self._move_out(event, record)
        elif isinstance(event, Ended):
            self.large.ended(event.job_id)
        self.journal.append(record)

    def _discard(self) -> None:
        """Have the files of large points deleted that nobody needs any more."""
        doomed, self.replay.doomed = self.replay.doomed, []
        if (last := self.large.settle(self.state.best)) is not None:
            doomed.append(last)
        for name in doomed:
            if (path := self.large.folder / name).exists():
                self.journal.discard_after_sync(path)

    def _move_out(self, event: Started | Known, record: dict[str, Any]) -> None:
        """Store the point in a file of its own if it is large."""
        inline = self.large.split(record["point"], self.codec.large_keys)
        if inline is None:
            return
        record["large"] = name = f"{self.journal.number:09d}.json"
        self.large.write(name, record["point"])
        record["point"] = inline
        if isinstance(event, Started):
            self.large.started(event.candidate.id, name)
        else:
            self.large.known(name)

    def accept_changes(self, now: Stamp) -> list[str]:
        """Go on in the present space; the changes, a line for each."""
        changes = self.replay.changes
        if not changes:
            return []
        self.codec.probe()
        guesses = [guess for guess in self.state.queue if guess]
        space = {"event": "space", **self._space()}
        self.journal.append(space)
        self.replay.begin(space)
        for guess in guesses:
            self.append(Queued(guess), now, again=True)
            observe(self.state, Queued(guess), now)
        return changes

    def keep(self, get: Callable[[], dict[str, Any]], force: bool = False) -> None:
        """Write the states of callbacks and pruner, large ones less often.

        Raises
        ------
        CheckpointError
            If one cannot be written.
        """
        if self.journal.size < self._next_state_at and not force:
            return
        states = {name: state for name, state in get().items() if state}
        if not states:
            return
        try:
            record = {"event": "state", **{name: to_json(state) for name, state in states.items()}}
        except CodecError as error:
            problem = f"the state_dict of a callback or pruner: {error}"
            raise CheckpointError(self.path, problem) from error
        text = dumps(record)
        if text != self._state_text:
            self._state_text = text
            self.journal.append(record)
            # At most half of the file is states, however large they grow.
            self._next_state_at = self.journal.size + len(text)

    def tend(self, stamp: Callable[[], Stamp]) -> None:
        """Sync the file and renew the lock from now on."""

        def alive() -> None:
            self.lock.renew()
            size, turns = self._idle
            if self.journal.size != size:
                self._idle = self.journal.size, 0
            elif turns + 1 < _ALIVE_TURNS:
                self._idle = size, turns + 1
            else:
                self.journal.append(write(Alive(), stamp(), self.codec, {}))

        self.journal.start_syncing(alive)

    def refuse_if_held(self) -> None:
        """Refuse to run what processes with ask and tell evaluate at this moment."""
        for candidate_id, running in self.state.running.items():
            if running.holder and not Holder.parse(running.holder).dead:
                holder = Holder.parse(running.holder)
                problem = (
                    f"candidate {candidate_id} is evaluated by process {holder.pid} on "
                    f"{holder.host}, which asked for it; end that process first, or tell its result"
                )
                raise CheckpointError(self.path, problem)

    def clear(self) -> None:
        """Delete what is in the file.

        Raises
        ------
        CheckpointError
            If it is no checkpoint.
        """
        self.journal.clear()
        self.large.remove()

    def close(self) -> None:
        """Sync, close and give the lock back."""
        if self._journal is not None:
            self._discard()
            self._journal.close()
            self._journal = None
        self.lock.release()


def snapshot(state: State) -> Iterator[tuple[Event, Stamp]]:
    """Events that lead to a state."""
    now = Stamp(state.elapsed, state.time)
    if state.maximize is not None:
        yield Began(state.maximize), Stamp(0.0, now.time)
    evaluations = state.evaluations
    best = state.best
    # The value of the best may be the mean of several, its evaluation is one of them.
    if best is not None and not any(e.id == best.id and e.point is best.point for e in evaluations):
        evaluations = [*evaluations, best]
    for each in evaluations:
        yield from _ended(each)
        if state.key(each.point) not in state.seen and each.status is not Status.CANCELLED:
            yield Forgotten(each.point), Stamp(each.elapsed, each.finished_at)
    for running in state.running.values():
        yield Started(running.candidate, holder=running.holder), running.since
    for guess in state.queue:
        yield Queued(guess), now
    if not state.started:
        return
    counts = state.started, state.ended, state.duplicates
    yield (
        Totals(*counts, state.before_budget, state.unimproved, state.tallies, state.before_success),
        now,
    )


def _ended(each: Evaluation) -> Iterator[tuple[Event, Stamp]]:
    candidate = Candidate(each.id, each.type, {}, each.point, each.screening, each.expected_seconds)
    outcome = Outcome(each.status, each.value, each.metrics, each.estimates, each.reason)
    end = Stamp(each.elapsed, each.finished_at)
    if each.id < 0:
        yield Known(candidate, outcome), end
        return
    yield Started(candidate), Stamp(each.elapsed - each.seconds, each.sampled_at)
    yield Ended(each.id, outcome, each.slot), end

"""A checkpoint in use: its file, the lock on it, and the large points beside it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyhopper._version import __version__
from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, CheckpointError
from pyhopper.events import Alive, Event, Known, Started
from pyhopper.files import beside, check_regular, is_stream, open_regular, read_path, sync_folder
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import Running
from pyhopper.journal.codec import CodecError, to_json
from pyhopper.journal.file import FORMAT, Journal, Line, dumps, may_be_checkpoint, read
from pyhopper.journal.formats import write
from pyhopper.journal.lockfile import Holder, Lock
from pyhopper.journal.replay import Observe, Replay
from pyhopper.journal.skeleton import skeleton
from pyhopper.parameters.space import Space

_ALIVE_TURNS = 6
"""Turns of five seconds without a line after which one says that the search still runs."""


def checkpoint_file(argument: str, value: Any, *, streams: bool = False) -> Path:
    """The file that a path argument means; a folder gets a new numbered one.

    Parameters
    ----------
    argument : str
        The name of the argument.
    value : object
        Its value.
    streams : bool
        Allow a pipe or a device, such as ``/dev/null``.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    ArgumentError
        If it is no path, or leads to what cannot be a checkpoint.
    """
    path = read_path(argument, value)
    is_folder = path.is_dir() or str(value).endswith(("/", "\\"))
    try:
        if is_folder:
            return _numbered(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if not (streams and is_stream(path)):
                check_regular(mode)
    except OSError as error:
        raise ArgumentError(argument, value, f"cannot be used: {error.strerror}") from None
    return path


def _numbered(path: Path) -> Path:
    """A new file in a folder."""
    path.mkdir(parents=True, exist_ok=True)
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
    """The open checkpoint of a search. It writes events and reads them, and keeps no state.

    Parameters
    ----------
    path : Path
        Its file.
    space : Space
        The present space.

    Attributes
    ----------
    replay : Replay
        What is known from the lines so far.
    lock : Lock
        Held by the process that writes.
    """

    def __init__(self, path: Path, space: Space) -> None:
        self.path = path
        # What lies beside it lies beside the file itself, by whichever link it was reached.
        self._target = Path(os.path.realpath(path))
        self.replay = Replay(path, space)
        self.lock = Lock(self._target)
        self._space = space
        self._codec = self.replay.codec
        self._large = self.replay.large
        self._journal: Journal | None = None
        self._file = self._target
        self._user_states = ""
        self._next_user_states_at = 0
        self._idle = (0, 0)
        self._stamp: Callable[[], Stamp] | None = None

    @classmethod
    def to_replace(cls, path: Path, space: Space) -> Checkpoint:
        """One that is written under another name, until :meth:`put_in_place`."""
        new = cls(path, space)
        new._file = beside(new._target, "new")
        return new

    def put_in_place(self, best: Evaluation | None = None) -> None:
        """Replace what is at the path by this file, once it is safe on the disk.

        Parameters
        ----------
        best : Evaluation, optional
            That of the state which is to be followed from now on, if any.

        Raises
        ------
        CheckpointError
            If that cannot be done.
        """
        self.journal.close()
        self._journal = None
        try:
            self._file.replace(self._target)
            self._file = self._target
            sync_folder(self._target.parent)
        except OSError as error:
            raise CheckpointError(self.path, f"cannot be written: {error.strerror}") from None
        self._large.delete_others()
        if best is not None:
            self._large.replace_best(best)

    def is_displaced(self, *, look: bool = False) -> bool:
        """Whether somebody has deleted, replaced or cut the file while it was open.

        Parameters
        ----------
        look : bool
            Look now, instead of asking what the thread that syncs the file has found.
        """
        journal = self._journal
        return journal is not None and (journal.displaced or (look and journal.is_displaced()))

    def successor(self) -> Checkpoint:
        """A new checkpoint in place of this one after it was displaced, with the lock.

        It gets another name if there is a file now that has something else in it.

        Raises
        ------
        CheckpointError, OSError
            If there can be none.
        """
        self._target.parent.mkdir(parents=True, exist_ok=True)
        if self._is_free():
            new = Checkpoint.to_replace(self.path, self._space)
            new.lock = self.lock
            new.lock.restore()
            return new
        if not self.lock.for_run:
            problem = "was replaced by another file; end this process and start it again"
            raise CheckpointError(self.path, problem)
        number = 2
        while (path := self.path.with_stem(f"{self.path.stem}-{number}")).exists():
            number += 1
        new = Checkpoint.to_replace(path, self._space)
        new.lock.acquire("run")
        return new

    def rejoined(self, seed: int) -> Checkpoint | None:
        """The file that another process has written anew in place of this one, which they share.

        Parameters
        ----------
        seed : int
            Of the search, by which its file is recognized.

        Returns
        -------
        Checkpoint or None
            None if there is no such file.
        """
        if self.lock.for_run or self._is_free():
            return None
        lines, _ = read(self._target)
        if lines[0].get("seed") != seed:
            return None
        new = Checkpoint(self.path, self._space)
        new.lock = self.lock
        return new

    def _is_free(self) -> bool:
        """Whether there is nothing at the path, or no more than was in this file too."""
        try:
            handle = open_regular(self._target, os.O_RDONLY, follow=False)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        with os.fdopen(handle, "rb") as file:
            if os.fstat(handle).st_size > self.journal.size:
                return False
            data = file.read()
        return may_be_checkpoint(data) and self.journal.begins_with(data)

    def abandon(self, new: Checkpoint) -> None:
        """Close a file that was displaced, in favour of a new one."""
        journal, self._journal = self._journal, None
        if journal is not None:
            with contextlib.suppress(CheckpointError):
                journal.close()
        if new.path != self.path:
            self.lock.release()
        new.journal.catch_up()
        if self._stamp is not None:
            new.start_syncing(self._stamp)

    @property
    def journal(self) -> Journal:
        """The file, opened when it is first needed."""
        if self._journal is None:
            self._journal = Journal(self._file)
        return self._journal

    def read(self, observe: Observe) -> bool:
        """Read what others have written since the last call; the caller has the lock.

        Parameters
        ----------
        observe : callable
            ``observe(event, now)`` takes each event into the state.

        Returns
        -------
        bool
            Whether there is anything in the file.
        """
        if self._journal is not None or self._file.exists():
            self.replay.feed(self.journal.catch_up(), observe)
        return self.replay.seed is not None

    def create(self, seed: int, repeatable: bool) -> None:
        """Write the header.

        Raises
        ------
        CheckpointError
            If values of a parameter cannot be written.
        """
        try:
            self._codec.probe()
        except CodecError as error:
            raise CheckpointError(self.path, str(error)) from error
        header = {
            "event": "header",
            "format": FORMAT,
            "version": __version__,
            "seed": seed,
            "repeatable": repeatable,
        }
        self._begin({**header, **self._described_space()})

    def change_space(self) -> None:
        """Write that the space is the present one from here on."""
        self._codec.probe()
        self._begin({"event": "space", **self._described_space()})

    def _begin(self, line: Line) -> None:
        self.journal.append(line)
        self.replay.begin(line)

    def _described_space(self) -> dict[str, Any]:
        return {
            "fingerprint": self._space.fingerprint(),
            "leaves": self._codec.signature(),
            "template": skeleton(self._space.root, self._codec.keys),
        }

    def append(
        self, event: Event, now: Stamp, running: dict[int, Running], again: bool = False
    ) -> None:
        """Write an event, before it is taken into the state.

        Parameters
        ----------
        event : Event
            What happened.
        now : Stamp
            When.
        running : dict
            The candidates that run, by id.
        again : bool
            Whether it is a guess that stood in the file already, read in a changed space.

        Raises
        ------
        CheckpointError
            If the disk is full, or a value cannot be written.
        """
        self._delete_obsolete()
        try:
            line = write(event, now, self._codec, running)
        except CodecError as error:
            raise CheckpointError(self.path, str(error)) from error
        if again:
            line["again"] = True
        name = None
        if isinstance(event, Started | Known) and self._codec.large_keys:
            name = self._move_out(line)
        self._large.follow(event, name)
        self.journal.append(line)

    def _move_out(self, line: Line) -> str | None:
        """Store the point of a line in a file of its own if it is large; the file's name."""
        inline = self._large.split(line["point"], self._codec.large_keys)
        if inline is None:
            return None
        line["large"] = name = f"{self.journal.number:09d}.json"
        self._large.write(name, line["point"])
        line["point"] = inline
        return name

    def observed(self, best: Evaluation | None) -> None:
        """An event that was read or written has been taken into the state; ``best`` is its best."""
        self._large.release(best)

    def _delete_obsolete(self) -> None:
        """Have the files of large points deleted that nobody needs any more."""
        obsolete, self._large.obsolete = self._large.obsolete, []
        for name in obsolete:
            if self._large.has(name):
                self.journal.discard_after_sync(self._large.folder / name)

    def keep(self, states: Callable[[], Mapping[str, Any]], force: bool = False) -> None:
        """Save the states of callbacks and pruner, large ones less often.

        Parameters
        ----------
        states : callable
            Returns them by ``"callbacks"`` and ``"pruner"``.
        force : bool
            Save them now, however large they are.

        Raises
        ------
        CheckpointError
            If one cannot be written.
        """
        if self.journal.size < self._next_user_states_at and not force:
            return
        present = {name: state for name, state in states().items() if state}
        if not present:
            return
        try:
            line = {"event": "state", **{name: to_json(s) for name, s in present.items()}}
        except CodecError as error:
            problem = f"the state_dict of a callback or pruner: {error}"
            raise CheckpointError(self.path, problem) from error
        text = dumps(line)
        if text != self._user_states:
            self._user_states = text
            self.journal.append(line)
            # At most half of the file is states, however large they grow.
            self._next_user_states_at = self.journal.size + len(text)

    def start_syncing(self, stamp: Callable[[], Stamp]) -> None:
        """Sync the file and renew the lock from now on, in a thread.

        Parameters
        ----------
        stamp : callable
            The present moment, for the line that says that the search still runs.
        """
        self._stamp = stamp

        def alive() -> None:
            if not self.lock.for_run:
                return  # others may be writing
            self.lock.renew()
            size, turns = self._idle
            if self.journal.size != size:
                self._idle = self.journal.size, 0
            elif turns + 1 < _ALIVE_TURNS:
                self._idle = size, turns + 1
            else:
                self.journal.append(write(Alive(), stamp(), self._codec, {}))

        self.journal.start_syncing(alive)

    def refuse_if_held(self, running: dict[int, Running]) -> None:
        """Refuse to run what processes with ask and tell evaluate at this moment.

        Raises
        ------
        CheckpointError
            If there is such a process.
        """
        for candidate_id, each in running.items():
            if each.holder and not Holder.parse(each.holder).dead:
                holder = Holder.parse(each.holder)
                problem = (
                    f"candidate {candidate_id} is evaluated by process {holder.pid} on "
                    f"{holder.host}, which asked for it; end that process first, or tell its result"
                )
                raise CheckpointError(self.path, problem)

    def clear(self) -> None:
        """Delete everything in the file, and the large points.

        Raises
        ------
        CheckpointError
            If it is no checkpoint.
        """
        self.journal.clear()
        self._large.delete_all()

    def close(self) -> None:
        """Sync, close and give the lock back."""
        journal = self._journal
        try:
            if journal is not None:
                self._delete_obsolete()
                self._journal = None
                journal.close()
        finally:
            if self._file != self._target:
                self._file.unlink(missing_ok=True)
            self.lock.release()

"""Reading a checkpoint: its lines become the events that were written, in their order."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, CheckpointError, short
from pyhopper.events import Candidate, Ended, Event, Known, Queued, SpaceChanged, Started
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.journal import checks
from pyhopper.journal.changes import SpaceReader
from pyhopper.journal.codec import CodecError, PointCodec
from pyhopper.journal.file import Line, dumps
from pyhopper.journal.formats import NOT_BUILT, Reader, stamp, write
from pyhopper.journal.large import LargePoints, name_in
from pyhopper.parameters import Omitted, Point
from pyhopper.parameters.space import Space

Observe = Callable[[Event, Stamp], None]


class Replay:
    """Reads the lines of a checkpoint, as far as possible in the present space.

    Parameters
    ----------
    path : Path
        The checkpoint, for its large points and for messages.
    space : Space
        The present space; points that were written in another one are read as far as they fit.
    recover : bool
        Leave out what cannot be understood because lines before it are lost.

    Attributes
    ----------
    seed : int or None
        The seed in the header; None before that was read.
    repeatable : bool
        Whether the user chose that seed, so that nothing may depend on the clock.
    user_states : dict
        The last states of callbacks and pruner.
    user_states_at : int
        How many evaluations had ended when these were saved.
    skipped : int
        Lines that were left out.
    """

    def __init__(self, path: Path, space: Space, recover: bool = False) -> None:
        self.path = path
        self.codec = PointCodec(space.leaves)
        self.large = LargePoints(Path(os.path.realpath(path)))
        self.seed: int | None = None
        self.repeatable = False
        self.user_states: dict[str, Any] = {}
        self.user_states_at = 0
        self.skipped = 0
        self._space = space
        self._recover = recover
        self._lines = self._ended = 0
        self._last = Stamp(0.0, 0.0)
        self._from_user: Counter[str] = Counter()
        """Guesses and known results in the file, by their text."""
        self._spaces: SpaceReader | None = None
        self._read_with: dict[str, SpaceReader] = {}
        """By the file of a large point: the space in which it was written."""

    @property
    def changes(self) -> list[str]:
        """How the present space differs from the last one in the file, a line for each change."""
        return [] if self._spaces is None or self._spaces.same else self._spaces.differences()

    def feed(self, lines: Iterable[Line], observe: Observe) -> None:
        """Read lines.

        Parameters
        ----------
        lines : iterable of dict
            In their order.
        observe : callable
            ``observe(event, now)`` is called for each event before the next line is read.

        Raises
        ------
        CheckpointError
            If one cannot be understood.
        ArgumentError
            If the space has changed so that values cannot be read.
        """
        for line in lines:
            self._lines += 1
            kind = line.get("event")
            if self.seed is None and kind != "header":
                raise CheckpointError(self.path, "does not begin with a header", self._lines)
            with self._naming_the_line():
                if kind in ("header", "space"):
                    # If it cannot be understood, neither can the points after it.
                    self._spaces = None
                    self.begin(line)
                    if kind == "space":
                        observe(SpaceChanged(), self._last)
                elif kind == "state":
                    self.user_states = checks.states(line)
                    self.user_states_at = self._ended
                elif self._spaces is None:
                    raise CodecError("the space before it is not known")
                else:
                    self._feed(line, self._spaces, observe)

    @contextlib.contextmanager
    def _naming_the_line(self) -> Iterator[None]:
        """Within, what cannot be understood is an error that names the line, or left out."""
        try:
            yield
        except (CodecError, LookupError, OverflowError, RecursionError) as error:
            if not self._recover or self.seed is None:
                what = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
                problem = f"this line cannot be used: {what}"
                raise CheckpointError(self.path, problem, self._lines) from error
            self.skipped += 1

    def _feed(self, line: Line, spaces: SpaceReader, observe: Observe) -> None:
        event = Reader(spaces.point, spaces.guess).read(line)
        if event is None:
            return
        now, name = stamp(line), name_in(line)
        placed = self._placed(event, name, spaces)
        if name is not None:
            self._read_with[name] = spaces
        self.large.follow(placed, name)
        if isinstance(event, Queued | Known) and not line.get("again"):
            self._from_user[_text(line)] += 1
        self._ended += isinstance(event, Ended | Known)
        self._last = now
        try:
            observe(placed, now)
        except ArgumentError as error:
            raise CodecError(str(error)) from error

    def begin(self, line: Line) -> None:
        """Read a header, or the line that says that the space is another one from here on."""
        leaves = checks.leaves(line)
        if line["event"] == "header":
            seed = line.get("seed")
            if type(seed) is not int or seed < 0:
                raise CodecError(f"{short(seed)} is no seed")
            self.repeatable = checks.truth(line.get("repeatable", True))
            self.seed = seed
        self._spaces = SpaceReader(leaves, self.codec, self._space.template)

    def _placed(self, event: Event, name: str | None, spaces: SpaceReader) -> Event:
        """The event with its point where it belongs in the present space."""
        if not isinstance(event, Started | Known):
            return event
        point = event.candidate.point
        if isinstance(point, Misfit) and name is not None:
            # A value that its line lacks may be one that fits.
            try:
                point = spaces.point(self.large.read(name))
            except (CheckpointError, CodecError):
                return event
        if not self._allows(point):
            point = Misfit(point)
        if point is event.candidate.point:
            return event
        return event._replace(candidate=event.candidate._replace(point=point))

    def _allows(self, point: Point) -> bool:
        """Whether a point meets the constraints, as far as that can be known."""
        if not self._space.constraints or isinstance(point, Misfit):
            return True
        return any(isinstance(each, Omitted) for each in point) or self._space.allows(point)

    def not_in_file(self, events: Iterable[Event], now: Stamp) -> Iterator[Event]:
        """Of what a script told before its run, all that an earlier execution did not tell too."""
        left = self._from_user.copy()
        for event in events:
            line = write(event, now, self.codec, {})
            if "point" in line and self.codec.large_keys:
                small = self.large.split(line["point"], self.codec.large_keys)
                line["point"] = line["point"] if small is None else small
            text = _text(line)
            if isinstance(event, Queued | Known) and left[text] > 0:
                left[text] -= 1
            else:
                yield event

    def filled(self, candidate: Candidate) -> Candidate:
        """A candidate that was read, with its params and all its values."""
        if candidate.params is not NOT_BUILT:
            return candidate
        point = self._complete(candidate.point, self.large.name_of(candidate.id))
        return candidate._replace(params=self._space.build(point), point=point)

    def filled_best(self, best: Evaluation | None) -> Evaluation | None:
        """The best evaluation with all its values; None if they are lost, when recovering."""
        if best is None or not any(isinstance(value, Omitted) for value in best.point):
            return best
        name = self.large.best or self.large.name_of_ended(best)
        complete = best._replace(point=self._complete(best.point, name))
        if any(isinstance(value, Omitted) for value in complete.point):
            if self._recover:
                return None
            problem = "large values of the best candidate are missing; search.load(path, "
            raise CheckpointError(self.path, f"{problem}recover=True) reads everything else")
        self.large.replace_best(complete)
        return complete

    def _complete(self, point: Point, name: str | None) -> Point:
        if name is None:
            return point
        try:
            return self._read_with[name].point(self.large.read(name))
        except (CheckpointError, CodecError) as error:
            if self._recover:
                return point
            if isinstance(error, CodecError):
                raise CheckpointError(self.large.folder / name, str(error)) from error
            raise


def _text(line: Line) -> str:
    """What makes a guess or a known result the same one in the next execution of a script."""
    keys = ("event", "guess", "point", "status", "value", "metrics")
    return dumps({key: line[key] for key in keys if key in line})

"""Replaying a checkpoint: its records are folded into a state, as a live run folds its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from pyhopper.budget import Stamp
from pyhopper.errors import CheckpointError
from pyhopper.events import Ended, Event, Known, Outcome, Queued, Started, Status
from pyhopper.history.evaluation import Evaluation, Misfit
from pyhopper.history.state import State, observe
from pyhopper.journal.changes import SpaceReader
from pyhopper.journal.codec import CodecError, PointCodec, from_json
from pyhopper.journal.file import Line, dumps
from pyhopper.journal.formats import NOT_BUILT, Reader, stamp, write
from pyhopper.journal.large import LargePoints
from pyhopper.parameters import Omitted, Point
from pyhopper.parameters.space import Space


class Follower(Protocol):
    """Goes along with a replay, to learn what does not follow from the state alone."""

    def before(self, event: Event, replay: Replay) -> Event:
        """An event is about to be observed; what to observe."""

    def after(self, event: Event, evaluation: Evaluation | None) -> None:
        """An event was observed."""


class Replay:
    """Takes the records of a checkpoint into a state.

    Parameters
    ----------
    path : Path
        The checkpoint, for its large points and for messages.
    space : Space
        The present space; points that were written in another one are read as far as they fit.
    state : State
        Is changed.
    recover : bool
        Leave out what cannot be understood because lines before it are lost.
    follower : Follower, optional
        Goes along.

    Attributes
    ----------
    seed : int or None
        The seed in the header; None before that was read.
    repeatable : bool
        Whether the user gave that seed, so that nothing may depend on the clock.
    states : dict
        The last states of callbacks and pruner.
    states_at : int
        How many of the evaluations had ended then.
    given : Counter
        Guesses and known results by their text, to know them again when a script gives them again.
    skipped : int
        Records that were left out.
    doomed : list of str
        Files of large points that may be deleted, if nobody has done so.
    """

    def __init__(
        self,
        path: Path,
        space: Space,
        state: State,
        recover: bool = False,
        follower: Follower | None = None,
    ) -> None:
        self.path = path
        self.state = state
        self.codec = PointCodec(space.leaves)
        self.large = LargePoints(path)
        self.seed: int | None = None
        self.repeatable = False
        self.states: dict[str, Any] = {}
        self.states_at = 0
        self.given: Counter[str] = Counter()
        self.skipped = 0
        self.doomed: list[str] = []
        self._space = space
        self._recover = recover
        self._follower = follower
        self._lines = 0
        self._spaces: SpaceReader | None = None
        self._read_with: dict[str, SpaceReader] = {}

    @property
    def changes(self) -> list[str]:
        """How the present space differs from the last one in the file, a line for each change."""
        return [] if self._spaces is None or self._spaces.same else self._spaces.differences()

    def feed(self, lines: list[Line]) -> None:
        """Take records in.

        Raises
        ------
        CheckpointError
            If one cannot be understood.
        ArgumentError
            If the space has changed so that values cannot be read.
        """
        reader: Reader | None = None
        for record in lines:
            self._lines += 1
            kind = record.get("event")
            if kind in ("header", "space"):
                self.begin(record)
                reader = None
                continue
            if kind == "state":
                names = ("callbacks", "pruner")
                self.states = {name: from_json(record[name]) for name in names if name in record}
                self.states_at = len(self.state.evaluations)
                continue
            if self._spaces is None:
                raise CheckpointError(self.path, "does not begin with a header", self._lines)
            if reader is None:
                reader = Reader(self._spaces.point, self._spaces.guess)
            try:
                self._take(record, reader)
            except (CodecError, KeyError, IndexError) as error:
                if not self._recover:
                    problem = f"this line cannot be used: {error}"
                    raise CheckpointError(self.path, problem, self._lines) from error
                self.skipped += 1
        self._fill()

    def unknown(self, notes: list[Event], now: Stamp) -> Iterator[Event]:
        """Of what a script gave before its run, all but what an earlier execution gave already."""
        left = self.given.copy()
        for note in notes:
            record = write(note, now, self.codec, {})
            if "point" in record and self.codec.large_keys:
                small = self.large.split(record["point"], self.codec.large_keys)
                record["point"] = record["point"] if small is None else small
            text = given(record)
            if isinstance(note, Queued | Known) and left[text] > 0:
                left[text] -= 1
            else:
                yield note

    def begin(self, record: Line) -> None:
        """A header, or another space from here on."""
        if record["event"] == "header":
            self.seed = record["seed"]
            self.repeatable = record.get("repeatable", True)
        else:
            self.state.queue.clear()
        self._spaces = SpaceReader(record["leaves"], self.codec)

    def _take(self, record: Line, reader: Reader) -> None:
        event = reader.read(record)
        if event is None:
            return
        kind, name = record["event"], record.get("large")
        if kind in ("queued", "known") and not record.get("again"):
            self.given[given(record)] += 1
        if name is not None:
            assert self._spaces is not None
            self._read_with[name] = self._spaces
            if kind == "started":
                self.large.started(record["id"], name)
            else:
                self.large.known(name)
            if isinstance(event, Started | Known) and isinstance(event.candidate.point, Misfit):
                event = self._with_whole(event, name)
        elif kind == "ended":
            self.large.ended(record["id"])
        if isinstance(event, Started | Known) and not self._is_allowed(event.candidate.point):
            candidate = event.candidate._replace(point=Misfit(event.candidate.point))
            event = event._replace(candidate=candidate)
        if self._follower is not None:
            event = self._follower.before(event, self)
        evaluation = observe(self.state, event, stamp(record))
        if self._follower is not None:
            self._follower.after(event, evaluation)
        if (doomed := self.large.settle(self.state.best)) is not None:
            self.doomed.append(doomed)

    def _with_whole(self, event: Started | Known, name: str) -> Started | Known:
        """The event with the point in its file, if that is there and fits the changed space."""
        try:
            assert self._spaces is not None
            point = self._spaces.point(self.large.read(name))
        except CheckpointError:
            return event
        return event._replace(candidate=event.candidate._replace(point=point))

    def _is_allowed(self, point: Point) -> bool:
        """Whether a point that fits meets the constraints, as far as that can be known."""
        if not self._space.constraints or isinstance(point, Misfit):
            return True
        return any(isinstance(each, Omitted) for each in point) or self._space.allows(point)

    def _fill(self) -> None:
        """Give the candidates that run their params, and the best one its large values."""
        state = self.state
        for candidate_id, running in state.running.items():
            candidate = running.candidate
            if candidate.params is NOT_BUILT:
                point = self._whole(candidate.point, self.large.name_of(candidate_id))
                filled = candidate._replace(params=self._space.build(point), point=point)
                state.running[candidate_id] = running._replace(candidate=filled)
        if state.first_failure is not None and state.first_failure[0].params is NOT_BUILT:
            candidate, outcome = state.first_failure
            params = self._space.build(candidate.point)
            state.first_failure = candidate._replace(params=params), outcome
        best = state.best
        if best is not None and any(isinstance(value, Omitted) for value in best.point):
            whole = best._replace(point=self._whole(best.point, self.large.best))
            state.replace_best(whole)
            self.large.adopt(whole)

    def _whole(self, point: Point, name: str | None) -> Point:
        if name is None:
            return point
        try:
            return self._read_with[name].point(self.large.read(name))
        except CheckpointError:
            if self._recover:
                return point
            raise


def misplaced(state: State) -> list[Ended]:
    """The ends of open candidates that have no place in the space any more."""
    outcome = Outcome(Status.CANCELLED, reason="it has no place in the space any more")
    return [
        Ended(number, outcome)
        for number, running in state.running.items()
        if isinstance(running.candidate.point, Misfit)
    ]


def given(record: Line) -> str:
    """What makes a guess or a known result the same one in the next execution of a script."""
    keys = ("event", "guess", "point", "status", "value", "metrics")
    return dumps({key: record[key] for key in keys if key in record})

"""What the lines of a checkpoint mean: events to records and back.

``docs/checkpoints.md`` describes the format for readers; keys that are not known are left alone, so
that a later version may add some.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pyhopper.budget import Stamp
from pyhopper.events import (
    Alive,
    Began,
    Candidate,
    CandidateType,
    Dropped,
    Ended,
    Event,
    Forgotten,
    Known,
    Outcome,
    Queued,
    Reported,
    Restarted,
    Screening,
    Started,
    Status,
    Tally,
    Totals,
    Unimproved,
    Used,
)
from pyhopper.history.evaluation import Misfit
from pyhopper.history.state import Running
from pyhopper.journal.codec import CodecError, PointCodec, from_json, to_json
from pyhopper.parameters import Partial, Point

Record = dict[str, Any]

HOLLOW: dict[str, Any] = {}
"""Params of a candidate that was read from a file and is not needed as a dict."""


def write(event: Event, now: Stamp, codec: PointCodec, running: dict[int, Running]) -> Record:
    """The record of an event.

    Parameters
    ----------
    event : Event or Event
        What happened.
    now : Stamp
        When.
    codec : PointCodec
        Writes the points.
    running : dict
        The candidates that run, before the event is taken in.

    Raises
    ------
    CodecError
        If a value cannot be written.
    """
    if isinstance(event, Started):
        candidate = event.candidate
        record: Record = {"event": "started", "id": candidate.id, "type": candidate.type.value}
        record["point"] = codec.encode(candidate.point)
        _add(record, unfit=isinstance(candidate.point, Misfit))
        if candidate.screening is not None:
            record["screening"] = [to_json(each) for each in candidate.screening]
        if candidate.expected_seconds is not None:
            record["expected_seconds"] = candidate.expected_seconds
        _add(record, redrawn=event.redrawn, dequeued=event.dequeued, holder=event.holder)
    elif isinstance(event, Reported):
        step = len(running[event.job_id].estimates)
        estimate = to_json(event.estimate)
        record = {"event": "reported", "id": event.job_id, "step": step, "estimate": estimate}
    elif isinstance(event, Ended):
        record = {"event": "ended", "id": event.job_id, "status": event.outcome.status.value}
        _outcome(record, event.outcome)
        _add(record, slot=event.slot)
    elif isinstance(event, Known):
        record = {"event": "known", "point": codec.encode(event.candidate.point)}
        record["status"] = event.outcome.status.value
        _outcome(record, event.outcome)
        _add(record, unfit=isinstance(event.candidate.point, Misfit))
    else:
        record = _note(event, codec)
    record["elapsed"], record["time"] = now
    return record


def _note(event: Event, codec: PointCodec) -> Record:
    if isinstance(event, Began):
        direction = "maximize" if event.maximize else "minimize"
        record: Record = {"event": "run", "direction": direction, "fresh": event.fresh}
        _add(record, steps=event.steps, runtime=event.runtime)
        return record
    if isinstance(event, Queued):
        return {"event": "queued", "guess": codec.encode_partial(event.guess)}
    if isinstance(event, Restarted):
        record = {"event": "restarted", "id": event.job_id}
        _add(record, holder=event.holder)
        return record
    if isinstance(event, Dropped):
        return {"event": "dropped", "redrawn": event.redrawn, "dequeued": event.dequeued}
    if isinstance(event, Forgotten):
        point = None if event.point is None else codec.encode(event.point)
        return {"event": "forgotten", "point": point}
    if isinstance(event, Totals):
        tallies = {kind.value: _tally(tally) for kind, tally in event.tallies.items()}
        counts = {"started": event.started, "ended": event.ended, "duplicates": event.duplicates}
        since = {"base": event.before_budget, "void": event.before_success}
        return {
            "event": "totals",
            **counts,
            **since,
            "stale": event.unimproved,
            "tallies": tallies,
        }
    return {"event": "alive"}


def _tally(tally: Tally) -> Record:
    counts = {status.value: count for status, count in tally.counts.items()}
    times = {status.value: seconds for status, seconds in tally.times.items()}
    best = to_json(tally.best)
    return {"counts": counts, "times": times, "seconds": tally.seconds, "best": best}


def _add(record: Record, **entries: Any) -> None:
    """Add what is not empty; most of it nearly always is."""
    for key, value in entries.items():
        if value:
            record[key] = value


def _outcome(record: Record, outcome: Outcome) -> None:
    if outcome.status is Status.DONE:
        record["value"] = outcome.value
    if outcome.metrics is not None:
        record["metrics"] = to_json(outcome.metrics)
    if outcome.estimates:
        record["estimates"] = [to_json(estimate) for estimate in outcome.estimates]
    _add(record, reason=outcome.reason, details=outcome.details, misuse=outcome.misuse)


class Reader:
    """Turns records back into events.

    Parameters
    ----------
    point : callable
        Reads a point.
    guess : callable
        Reads a guess.
    """

    def __init__(
        self,
        point: Callable[[Record], Point],
        guess: Callable[[Record], Partial],
    ) -> None:
        self._point = point
        self._guess = guess

    def read(self, record: Record) -> Event | None:
        """The event of a record; None for one that changes nothing in a search.

        Raises
        ------
        CodecError
            If it cannot be read.
        """
        try:
            return self._read(record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, CodecError):
                raise
            kind = type(error).__name__
            raise CodecError(f"this line cannot be understood ({kind}: {error})") from error

    def _read(self, record: Record) -> Event | None:
        kind = record["event"]
        if kind == "started":
            point = self._placed(record)
            kind, screening = CandidateType(record["type"]), record.get("screening")
            if screening is not None:
                screening = Screening(*(from_json(each) for each in screening))
            seconds = record.get("expected_seconds")
            candidate = Candidate(record["id"], kind, HOLLOW, point, screening, seconds)
            redrawn, dequeued = record.get("redrawn", 0), record.get("dequeued", 0)
            return Started(candidate, redrawn, dequeued, record.get("holder", ""))
        if kind == "ended":
            return Ended(record["id"], _read_outcome(record), record.get("slot", ""))
        if kind == "reported":
            return Reported(record["id"], float(from_json(record["estimate"])))
        if kind == "known":
            point = self._placed(record)
            candidate = Candidate(-1, CandidateType.MANUALLY_ADDED, HOLLOW, point)
            return Known(candidate, _read_outcome(record))
        if kind == "run":
            steps, runtime = record.get("steps"), record.get("runtime")
            return Began(record["direction"] == "maximize", record["fresh"], steps, runtime)
        if kind == "queued":
            return Queued(self._guess(record["guess"]))
        if kind == "restarted":
            return Restarted(record["id"], record.get("holder", ""))
        if kind == "dropped":
            return Dropped(record["redrawn"], record["dequeued"])
        if kind == "forgotten":
            return Forgotten(None if record["point"] is None else self._point(record["point"]))
        if kind == "totals":
            tallies = {kind: Tally() for kind in CandidateType}
            tallies |= {CandidateType(k): _read_tally(t) for k, t in record["tallies"].items()}
            counts = record["started"], record["ended"], record["duplicates"]
            base, stale = record["base"], record["stale"]
            void = Used(*record.get("void", Used()))
            return Totals(*counts, Used(*base), Unimproved(*stale), tallies, void)
        return Alive() if kind == "alive" else None

    def _placed(self, record: Record) -> Point:
        point = self._point(record["point"])
        return Misfit(point) if record.get("unfit") else point


def _read_tally(record: Record) -> Tally:
    counts = {Status(name): count for name, count in record["counts"].items()}
    times = {Status(name): seconds for name, seconds in record.get("times", {}).items()}
    tally = Tally(seconds=record["seconds"], best=float(from_json(record["best"])))
    tally.counts.update(counts)
    tally.times.update(times)
    return tally


def _read_outcome(record: Record) -> Outcome:
    estimates = tuple(float(from_json(estimate)) for estimate in record.get("estimates", ()))
    return Outcome(
        Status(record["status"]),
        float(record.get("value", math.nan)),
        from_json(record.get("metrics")),
        estimates,
        record.get("reason", ""),
        record.get("details", ""),
        record.get("misuse", False),
    )


def stamp(record: Record) -> Stamp:
    """When an event happened."""
    return Stamp(float(record["elapsed"]), float(record["time"]))

"""How each kind of event is written to a line of a checkpoint and read back.

``docs/checkpoints.md`` describes the lines for readers. Keys and kinds of lines that are not known
are passed over, so that a later version may add some.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
from pyhopper.journal.file import Line
from pyhopper.parameters import Partial, Point

NOT_BUILT: dict[str, Any] = {}
"""``params`` of a candidate that was read from a file: the template has not been filled yet."""


class Writer(NamedTuple):
    """What is needed to write an event.

    Attributes
    ----------
    codec : PointCodec
        Writes the points.
    running : mapping
        The candidates that run, by id, before the event is observed.
    """

    codec: PointCodec
    running: Mapping[int, Running]


class Reader:
    """Reads the events of lines.

    Parameters
    ----------
    point : callable
        Reads a point.
    guess : callable
        Reads a guess.
    """

    def __init__(
        self,
        point: Callable[[dict[str, Any]], Point],
        guess: Callable[[dict[str, Any]], Partial],
    ) -> None:
        self.point = point
        self.guess = guess

    def read(self, line: Line) -> Event | None:
        """The event of a line; None for a line that is not about an event, or of an unknown kind.

        Raises
        ------
        CodecError
            If the line cannot be understood.
        """
        try:
            form = FORMATS.get(line["event"])
            return None if form is None else form.read(line, self)
        except CodecError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            kind = type(error).__name__
            raise CodecError(f"this line cannot be understood ({kind}: {error})") from error


def write(event: Event, now: Stamp, codec: PointCodec, running: Mapping[int, Running]) -> Line:
    """The line of an event.

    Parameters
    ----------
    event : Event
        What happened.
    now : Stamp
        When.
    codec : PointCodec
        Writes the points.
    running : mapping
        The candidates that run, by id, before the event is observed.

    Raises
    ------
    CodecError
        If a value cannot be written.
    """
    kind = _KINDS[type(event)]
    entries = FORMATS[kind].write(event, Writer(codec, running))
    return {"event": kind, **entries, "elapsed": now.elapsed, "time": now.time}


def stamp(line: Line) -> Stamp:
    """When the event of a line happened."""
    return Stamp(float(line["elapsed"]), float(line["time"]))


class Format(NamedTuple):
    """One kind of line, in both directions.

    Attributes
    ----------
    event : type
        The class of its events.
    write : callable
        ``write(event, writer)`` returns the entries of the line, in their order.
    read : callable
        ``read(line, reader)`` returns the event.
    """

    event: type[Any]
    write: Callable[[Any, Writer], Line]
    read: Callable[[Line, Reader], Event]


def _unless_empty(**entries: Any) -> Line:
    """The entries that say something; most of them are nearly always empty, 0 or False."""
    return {key: value for key, value in entries.items() if value}


def _write_began(event: Began, writer: Writer) -> Line:
    direction = "maximize" if event.maximize else "minimize"
    budget = _unless_empty(steps=event.steps, runtime=event.runtime)
    what = _unless_empty(objective=event.objective, inputs=event.inputs)
    return {"direction": direction, "fresh": event.fresh, **budget, **what}


def _read_began(line: Line, reader: Reader) -> Began:
    maximize = line["direction"] == "maximize"
    budget = line.get("steps"), line.get("runtime")
    what = line.get("objective", ""), line.get("inputs", "")
    return Began(maximize, line["fresh"], *budget, *what)


def _write_started(event: Started, writer: Writer) -> Line:
    candidate = event.candidate
    seconds = candidate.expected_seconds
    return {
        "id": candidate.id,
        "type": candidate.type.value,
        "point": writer.codec.encode(candidate.point),
        **_unless_empty(
            unfit=isinstance(candidate.point, Misfit),
            screening=[to_json(each) for each in candidate.screening or ()],
        ),
        **({} if seconds is None else {"expected_seconds": seconds}),
        **_unless_empty(redrawn=event.redrawn, dequeued=event.dequeued, holder=event.holder),
    }


def _read_started(line: Line, reader: Reader) -> Started:
    screening = line.get("screening")
    candidate = Candidate(
        line["id"],
        CandidateType(line["type"]),
        NOT_BUILT,
        _read_point(line, reader),
        None if screening is None else Screening(*(from_json(each) for each in screening)),
        line.get("expected_seconds"),
    )
    redrawn, dequeued = line.get("redrawn", 0), line.get("dequeued", 0)
    return Started(candidate, redrawn, dequeued, line.get("holder", ""))


def _read_point(line: Line, reader: Reader) -> Point:
    point = reader.point(line["point"])
    return Misfit(point) if line.get("unfit") else point


def _write_ended(event: Ended, writer: Writer) -> Line:
    outcome = _write_outcome(event.outcome)
    return {"id": event.job_id, **outcome, **_unless_empty(slot=event.slot)}


def _read_ended(line: Line, reader: Reader) -> Ended:
    return Ended(line["id"], _read_outcome(line), line.get("slot", ""))


def _write_known(event: Known, writer: Writer) -> Line:
    point = event.candidate.point
    unfit = _unless_empty(unfit=isinstance(point, Misfit))
    return {"point": writer.codec.encode(point), **_write_outcome(event.outcome), **unfit}


def _read_known(line: Line, reader: Reader) -> Known:
    point = _read_point(line, reader)
    candidate = Candidate(-1, CandidateType.MANUALLY_ADDED, NOT_BUILT, point)
    return Known(candidate, _read_outcome(line))


def _write_outcome(outcome: Outcome) -> Line:
    entries: Line = {"status": outcome.status.value}
    if outcome.status is Status.DONE:
        entries["value"] = outcome.value
    if outcome.metrics is not None:
        entries["metrics"] = to_json(outcome.metrics)
    return entries | _unless_empty(
        estimates=[to_json(estimate) for estimate in outcome.estimates],
        reason=outcome.reason,
        details=outcome.details,
        misuse=outcome.misuse,
    )


def _read_outcome(line: Line) -> Outcome:
    return Outcome(
        Status(line["status"]),
        float(line.get("value", math.nan)),
        from_json(line.get("metrics")),
        tuple(float(from_json(estimate)) for estimate in line.get("estimates", ())),
        line.get("reason", ""),
        line.get("details", ""),
        line.get("misuse", False),
    )


def _write_forgotten(event: Forgotten, writer: Writer) -> Line:
    return {"point": None if event.point is None else writer.codec.encode(event.point)}


def _read_forgotten(line: Line, reader: Reader) -> Forgotten:
    return Forgotten(None if line["point"] is None else reader.point(line["point"]))


def _write_totals(event: Totals, writer: Writer) -> Line:
    return {
        "started": event.started,
        "ended": event.ended,
        "duplicates": event.duplicates,
        "base": event.before_budget,
        "stale": event.unimproved,
        "tallies": {kind.value: _write_tally(tally) for kind, tally in event.tallies.items()},
        "void": event.before_success,
    }


def _read_totals(line: Line, reader: Reader) -> Totals:
    tallies = {kind: Tally() for kind in CandidateType}
    tallies |= {CandidateType(kind): _read_tally(t) for kind, t in line["tallies"].items()}
    return Totals(
        line["started"],
        line["ended"],
        line["duplicates"],
        Used(*line["base"]),
        Unimproved(*line["stale"]),
        tallies,
        Used(*line.get("void", ())),
    )


def _write_tally(tally: Tally) -> Line:
    return {
        "counts": {status.value: count for status, count in tally.counts.items()},
        "times": {status.value: seconds for status, seconds in tally.times.items()},
        "seconds": tally.seconds,
        "best": to_json(tally.best),
    }


def _read_tally(entries: Line) -> Tally:
    tally = Tally(seconds=entries["seconds"], best=float(from_json(entries["best"])))
    tally.counts.update({Status(name): count for name, count in entries["counts"].items()})
    tally.times.update({Status(name): time for name, time in entries.get("times", {}).items()})
    return tally


FORMATS = {
    "run": Format(Began, _write_began, _read_began),
    "queued": Format(
        Queued,
        write=lambda event, writer: {"guess": writer.codec.encode_partial(event.guess)},
        read=lambda line, reader: Queued(reader.guess(line["guess"])),
    ),
    "known": Format(Known, _write_known, _read_known),
    "started": Format(Started, _write_started, _read_started),
    "restarted": Format(
        Restarted,
        write=lambda event, _: {"id": event.job_id, **_unless_empty(holder=event.holder)},
        read=lambda line, _: Restarted(line["id"], line.get("holder", "")),
    ),
    "reported": Format(
        Reported,
        write=lambda event, writer: {
            "id": event.job_id,
            "step": len(writer.running[event.job_id].estimates),
            "estimate": to_json(event.estimate),
        },
        read=lambda line, _: Reported(line["id"], float(from_json(line["estimate"]))),
    ),
    "ended": Format(Ended, _write_ended, _read_ended),
    "dropped": Format(
        Dropped,
        write=lambda event, _: {"redrawn": event.redrawn, "dequeued": event.dequeued},
        read=lambda line, _: Dropped(line["redrawn"], line["dequeued"]),
    ),
    "forgotten": Format(Forgotten, _write_forgotten, _read_forgotten),
    "totals": Format(Totals, _write_totals, _read_totals),
    "alive": Format(Alive, write=lambda event, _: {}, read=lambda line, _: Alive()),
}
"""Every kind of line that tells of an event, by what stands in the line under ``event``."""

_KINDS = {form.event: kind for kind, form in FORMATS.items()}

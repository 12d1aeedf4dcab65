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
from pyhopper.journal import checks
from pyhopper.journal.codec import CodecError, PointCodec, to_json
from pyhopper.journal.file import Line
from pyhopper.objectives import Objectives, parse_objectives
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
        ``point(data, whole)`` reads a point; a whole one has a legal value for each parameter.
    guess : callable
        Reads a guess.
    """

    def __init__(
        self,
        point: Callable[[dict[str, Any], bool], Point],
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
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            kind = type(error).__name__
            raise CodecError(f"this line cannot be understood ({kind}: {error})") from error
        except RecursionError:
            raise CodecError("this line is nested too deep") from None


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
    return Stamp(checks.seconds(line.get("elapsed")), checks.moment(line.get("time")))


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
    what = _unless_empty(objective=event.objective, inputs=event.inputs, command=event.command)
    asked = event.objectives
    several = _unless_empty(
        objectives=asked.directions if asked.names else None,
        limits={
            limit.name: [None if math.isinf(end) else end for end in limit[1:]]
            for limit in asked.limits
        },
    )
    return {"direction": direction, "fresh": event.fresh, **budget, **what, **several}


def _read_began(line: Line, reader: Reader) -> Began:
    maximize = {"maximize": True, "minimize": False}[line["direction"]]
    steps, runtime = line.get("steps"), line.get("runtime")
    return Began(
        maximize,
        checks.truth(line["fresh"]),
        None if steps is None else checks.whole(steps, 1),
        None if runtime is None else checks.seconds(runtime),
        checks.text(line.get("objective", "")),
        checks.text(line.get("inputs", "")),
        checks.entries(line["command"]) if "command" in line else None,
        _read_objectives(maximize, line),
    )


def _read_objectives(maximize: bool, line: Line) -> Objectives | None:
    named, limited = line.get("objectives"), line.get("limits")
    if named is None and limited is None:
        return None
    limits = {
        checks.text(name): tuple(None if end is None else checks.number(end) for end in ends)
        for name, ends in checks.entries(limited or {}).items()
    }
    direction = "max" if maximize else "min"
    objectives = parse_objectives(direction if named is None else checks.entries(named), limits)
    if objectives.maximize[0] is not maximize:
        raise CodecError("the direction is not that of the first objective")
    return objectives


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
    expected = line.get("expected_seconds")
    candidate = Candidate(
        checks.whole(line["id"]),
        CandidateType(line["type"]),
        NOT_BUILT,
        _read_point(line, reader),
        _read_screening(line.get("screening")),
        None if expected is None else checks.seconds(expected),
    )
    redrawn, dequeued = checks.whole(line.get("redrawn", 0)), checks.whole(line.get("dequeued", 0))
    return Started(candidate, redrawn, dequeued, checks.text(line.get("holder", "")))


def _read_screening(data: Any) -> Screening | None:
    if data is None:
        return None
    proposals, mean, sd = data
    return Screening(checks.whole(proposals), checks.any_number(mean), checks.any_number(sd))


def _read_point(line: Line, reader: Reader) -> Point:
    unfit = checks.truth(line.get("unfit", False))
    point = reader.point(checks.entries(line["point"]), not unfit)
    return Misfit(point) if unfit else point


def _write_ended(event: Ended, writer: Writer) -> Line:
    outcome = _write_outcome(event.outcome)
    return {"id": event.job_id, **outcome, **_unless_empty(slot=event.slot)}


def _read_ended(line: Line, reader: Reader) -> Ended:
    slot = checks.text(line.get("slot", ""))
    return Ended(checks.whole(line["id"]), _read_outcome(line), slot)


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
    if outcome.status is Status.DONE and not math.isnan(outcome.value):
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
    status = Status(line["status"])
    return Outcome(
        status,
        _read_value(line) if status is Status.DONE else math.nan,
        checks.metrics(line.get("metrics")),
        tuple(checks.any_number(estimate) for estimate in line.get("estimates", ())),
        checks.text(line.get("reason", "")),
        checks.text(line.get("details", "")),
        checks.truth(line.get("misuse", False)),
    )


def _read_value(line: Line) -> float:
    if line["event"] == "known" and "metrics" in line and "value" not in line:
        return math.nan  # it was told before the objectives were known
    return checks.number(line["value"])


def _write_forgotten(event: Forgotten, writer: Writer) -> Line:
    return {"point": None if event.point is None else writer.codec.encode(event.point)}


def _read_forgotten(line: Line, reader: Reader) -> Forgotten:
    point = line["point"]
    return Forgotten(None if point is None else reader.point(checks.entries(point), False))


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
    count, since = line["stale"]
    return Totals(
        checks.whole(line["started"]),
        checks.whole(line["ended"]),
        checks.whole(line["duplicates"]),
        _read_used(line["base"]),
        Unimproved(checks.whole(count), checks.seconds(since)),
        tallies,
        _read_used(line["void"]) if "void" in line else Used(),
    )


def _read_used(data: Any) -> Used:
    started, ended, elapsed = data
    return Used(checks.whole(started), checks.whole(ended), checks.seconds(elapsed))


def _write_tally(tally: Tally) -> Line:
    return {
        "counts": {status.value: count for status, count in tally.counts.items()},
        "times": {status.value: seconds for status, seconds in tally.times.items()},
        "seconds": tally.seconds,
        "best": to_json(tally.best),
    }


def _read_tally(entries: Line) -> Tally:
    counts, times = entries["counts"], entries.get("times", {})
    tally = Tally(
        seconds=checks.seconds(entries["seconds"]), best=checks.any_number(entries["best"])
    )
    tally.counts.update({Status(name): checks.whole(count) for name, count in counts.items()})
    tally.times.update({Status(name): checks.seconds(time) for name, time in times.items()})
    return tally


FORMATS = {
    "run": Format(Began, _write_began, _read_began),
    "queued": Format(
        Queued,
        write=lambda event, writer: {"guess": writer.codec.encode_partial(event.guess)},
        read=lambda line, reader: Queued(reader.guess(checks.entries(line["guess"]))),
    ),
    "known": Format(Known, _write_known, _read_known),
    "started": Format(Started, _write_started, _read_started),
    "restarted": Format(
        Restarted,
        write=lambda event, _: {"id": event.job_id, **_unless_empty(holder=event.holder)},
        read=lambda line, _: Restarted(
            checks.whole(line["id"]), checks.text(line.get("holder", ""))
        ),
    ),
    "reported": Format(
        Reported,
        write=lambda event, writer: {
            "id": event.job_id,
            "step": len(writer.running[event.job_id].estimates),
            "estimate": to_json(event.estimate),
        },
        read=lambda line, _: Reported(
            checks.whole(line["id"]), checks.any_number(line["estimate"])
        ),
    ),
    "ended": Format(Ended, _write_ended, _read_ended),
    "dropped": Format(
        Dropped,
        write=lambda event, _: {"redrawn": event.redrawn, "dequeued": event.dequeued},
        read=lambda line, _: Dropped(checks.whole(line["redrawn"]), checks.whole(line["dequeued"])),
    ),
    "forgotten": Format(Forgotten, _write_forgotten, _read_forgotten),
    "totals": Format(Totals, _write_totals, _read_totals),
    "alive": Format(Alive, write=lambda event, _: {}, read=lambda line, _: Alive()),
}
"""Every kind of line that tells of an event, by what stands in the line under ``event``."""

_KINDS = {form.event: kind for kind, form in FORMATS.items()}

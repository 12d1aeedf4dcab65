"""Time: how long a search lasts, in which phase it is, and whether another evaluation fits."""

from __future__ import annotations

import math
import numbers
import os
import re
import time
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from pyhopper.errors import ArgumentError

_UNITS = {
    604800: "w week weeks",
    86400: "d day days",
    3600: "h hr hrs hour hours",
    60: "m min mins minute minutes",
    1: "s sec secs second seconds",
}
_SECONDS = {word: seconds for seconds, words in _UNITS.items() for word in words.split()}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)\s*")
_EXAMPLES = 'write it like "1h 30min", "2d 12h", "1:30" (minutes:seconds), 90 or "until 08:00"'

_MARGIN = 30.0
"""Seconds before the end of its job at which a search ends."""


class Clock(Protocol):
    """Where time comes from; tests use :class:`pyhopper.testing.FakeClock`."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def time(self) -> float:
        """Seconds since the epoch."""


class SystemClock:
    """The clock of this machine."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


def parse_runtime(runtime: float | str, now: float | None = None) -> float:
    """Turn a duration into seconds.

    Parameters
    ----------
    runtime : float or str
        Seconds, or text: ``"1h 30min"``, ``"1h30"``, ``"4d 12h"``, ``"2 weeks"``, ``"1.5h"``,
        ``"1:30"`` (minutes and seconds), ``"1:01:30"``, ``"90"``, ``"until 08:00"`` for the next
        such time of day, or ``"until end of job"`` for 30 seconds less than the time that is left
        to the job of Slurm in which this process runs.
    now : float, optional
        The present time in seconds since the epoch, for ``until``; by default the system's.

    Returns
    -------
    float
        Seconds, more than 0.

    Raises
    ------
    ArgumentError
        If the text cannot be read, or the duration is not positive and finite.

    Examples
    --------
    >>> import pyhopper
    >>> pyhopper.parse_runtime("1h 30min"), pyhopper.parse_runtime("1:30")
    (5400.0, 90.0)
    """
    if now is not None and not _is_moment(now):
        raise ArgumentError("now", now, "must be a time in seconds since the epoch")
    try:
        seconds = _seconds(runtime, now)
    except ArgumentError:
        raise
    except (ValueError, OverflowError):  # more digits than a float can hold, or Python reads
        seconds = math.inf
    if seconds is None:
        raise ArgumentError("runtime", runtime, f"not a duration; {_EXAMPLES}")
    if not (math.isfinite(seconds) and seconds > 0):
        raise ArgumentError("runtime", runtime, f"must be more than 0 seconds; {_EXAMPLES}")
    return seconds


def _seconds(runtime: object, now: float | None) -> float | None:
    if isinstance(runtime, numbers.Real) and not isinstance(runtime, bool):
        return float(runtime)
    if isinstance(runtime, timedelta):
        return runtime.total_seconds()
    if not isinstance(runtime, str):
        return None
    text = runtime.strip().lower()
    if until := re.fullmatch(r"until\s+(\d{1,2}):(\d{2})", text):
        return _until(int(until[1]), int(until[2]), now)
    if re.fullmatch(r"until\s+end\s+of\s+job", text):
        return _until_end_of_job(now)
    if re.fullmatch(r"\d+(\.\d*)?|\.\d+", text):
        return float(text)
    if re.fullmatch(r"\d+(:[0-5]?\d){1,2}", text):
        total = 0
        for part in text.split(":"):
            total = total * 60 + int(part)
        return float(total)
    total_seconds, place = 0.0, 0
    while place < len(text):
        found = _PART.match(text, place)
        if found is None or found[2] not in _SECONDS:
            return None
        unit = _SECONDS[found[2]]
        total_seconds += float(found[1]) * unit
        place = found.end()
        if found[0][-1] != " " and (rest := re.fullmatch(r"(\d{1,2})", text[place:])):
            # "1h30" is 1 h 30 min: a last number without a unit has the next smaller one.
            smaller = [each for each in _UNITS if each < unit]
            return total_seconds + int(rest[1]) * smaller[0] if smaller else None
    return total_seconds if place else None


def _is_moment(now: object) -> bool:
    try:
        datetime.fromtimestamp(float(now)).astimezone()  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return False
    return True


def _until_end_of_job(now: float | None) -> float:
    """Seconds until Slurm ends the job in which this process runs, and a little less."""
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    if not end.isdigit():
        end = _end_of_job()
    if not end:
        problem = "this process does not run in a job of Slurm that has a time limit"
        raise ArgumentError("runtime", "until end of job", problem)
    left = int(end) - (time.time() if now is None else now) - _MARGIN
    if left <= 0:
        raise ArgumentError("runtime", "until end of job", "the job ends within 30 seconds")
    return left


def _end_of_job() -> str:
    """When the job ends, in seconds since the epoch, by squeue: old Slurms set no variable."""
    import subprocess

    command = ["squeue", "-h", "-j", os.environ.get("SLURM_JOB_ID", ""), "-o", "%e"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return str(int(datetime.fromisoformat(done.stdout.strip()).astimezone().timestamp()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


def _until(hour: int, minute: int, now: float | None) -> float | None:
    if hour > 23 or minute > 59:
        return None
    present = datetime.fromtimestamp(time.time() if now is None else float(now)).astimezone()
    wall = present.replace(tzinfo=None)
    end = wall.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if end <= wall:
        end += timedelta(days=1)
    # Through timestamps, so that a night with a clock change has its true length.
    return end.timestamp() - present.timestamp()


class Stamp(NamedTuple):
    """When something happened.

    Attributes
    ----------
    elapsed : float
        Seconds that the search has run, all its runs together.
    time : float
        Seconds since the epoch.
    """

    elapsed: float
    time: float


class Stopwatch:
    """Counts the seconds that a search runs, by a clock that never goes back.

    It stands still until it is started, and between the runs of a search.

    Parameters
    ----------
    clock : Clock
        Where time comes from.
    elapsed : float
        Seconds that have been counted already.
    """

    def __init__(self, clock: Clock, elapsed: float = 0.0) -> None:
        self.clock = clock
        self._elapsed = elapsed
        self._since: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds counted so far."""
        if self._since is None:
            return self._elapsed
        return self._elapsed + self.clock.monotonic() - self._since

    def start(self, elapsed: float | None = None) -> None:
        """Count from now on, if asked to from another number of seconds."""
        self._elapsed = self.elapsed if elapsed is None else elapsed
        self._since = self.clock.monotonic()

    def stop(self, elapsed: float | None = None) -> None:
        """Stand still, if asked to at another number of seconds."""
        self._elapsed, self._since = self.elapsed if elapsed is None else elapsed, None

    def stamp(self) -> Stamp:
        """The present moment."""
        return Stamp(self.elapsed, self.clock.time())


class SharedTime:
    """Counts the time of a search that several processes share: all of them count the same time.

    Parameters
    ----------
    stopwatch : Stopwatch
        This process's.
    """

    def __init__(self, stopwatch: Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._last_turn = -math.inf

    def count(self, last: Stamp, *, by_others: bool, runs: bool) -> None:
        """Let time count from now on.

        Parameters
        ----------
        last : Stamp
            When the last event was written.
        by_others : bool
            Whether another process wrote it.
        runs : bool
            Whether something has run since then.
        """
        stopwatch = self._stopwatch
        now = stopwatch.clock.monotonic()
        if by_others or math.isinf(self._last_turn):
            # Only the wall clock can tell how long ago that was. It may have been set meanwhile,
            # but it was not before this process looked last.
            ago = max(0.0, stopwatch.clock.time() - last.time) if runs else 0.0
            stopwatch.start(last.elapsed + min(ago, now - self._last_turn))
        else:
            stopwatch.start()
        self._last_turn = now


class Phase(NamedTuple):
    """Where in its schedule a search is.

    Attributes
    ----------
    seeding : bool
        True in the first phase (random search), False in the second (local moves).
    temperature : float
        Falls linearly from the start to the end temperature over the second phase.
    spent : float
        Share of the budget used, in [0, 1]; 0 without an end.
    """

    seeding: bool
    temperature: float
    spent: float


@dataclass(frozen=True)
class Schedule:
    """What the user asked for: the end of the search, its phases and temperatures.

    With neither ``runtime`` (seconds) nor ``steps`` the search is endless. The first phase is as
    long as ``seeding_steps`` or ``seeding_runtime`` says, else the share ``seeding_ratio``. Where
    ``ends_at_time_of_day`` is true, ``runtime`` counts from now on, else from the beginning.
    """

    runtime: float | None = None
    steps: int | None = None
    seeding_ratio: float = 0.25
    seeding_steps: int | None = None
    seeding_runtime: float | None = None
    start_temperature: float = 1.0
    end_temperature: float = 0.2
    ends_at_time_of_day: bool = False

    @property
    def seeds(self) -> bool:
        """Whether there is a first phase, however short."""
        if self.seeding_steps is not None:
            return self.seeding_steps > 0
        return self.seeding_runtime is not None or self.seeding_ratio > 0

    def phase(self, elapsed: float, started: int, u: float, before: float = 0.0) -> Phase:
        """The phase of the next candidate.

        Parameters
        ----------
        elapsed : float
            Seconds used.
        started : int
            Candidates started so far.
        u : float
            A random number in [0, 1); without an end it chooses phase and temperature.
        before : float
            Seconds that the start took. The phases share what is left then: after a slow start
            there would be no first phase otherwise.
        """
        if self.runtime is not None:
            left = self.runtime - before
            spent = (elapsed - before) / left if left > 0 else 1.0
        elif self.steps is not None:
            spent = started / self.steps if self.steps else 1.0
        else:
            return self._endless(elapsed, started, u)
        spent = min(max(spent, 0.0), 1.0)
        share = self._seeding_share()
        if share is None:
            seeding = self._counted_seeding(elapsed, started)
            share = min(spent, self.seeding_ratio)
        else:
            seeding = spent < share
        cooled = 0.0 if share >= 1 else max(0.0, (spent - share) / (1 - share))
        return Phase(seeding, self._temperature(cooled), spent)

    def _seeding_share(self) -> float | None:
        """Length of the first phase as a share of the budget, None if it is in another unit."""
        if self.seeding_steps is not None:
            return self.seeding_steps / self.steps if self.steps else None
        if self.seeding_runtime is not None:
            return None if self.runtime is None else self.seeding_runtime / self.runtime
        return self.seeding_ratio

    def _counted_seeding(self, elapsed: float, started: int) -> bool:
        if self.seeding_steps is not None:
            return started < self.seeding_steps
        return self.seeding_runtime is not None and elapsed < self.seeding_runtime

    def _endless(self, elapsed: float, started: int, u: float) -> Phase:
        if self.seeding_steps is None and self.seeding_runtime is None:
            seeding = u < self.seeding_ratio
            rest = 1 - self.seeding_ratio
            u = (u - self.seeding_ratio) / rest if rest > 0 else 0.0
        else:
            seeding = self._counted_seeding(elapsed, started)
        return Phase(seeding, self._temperature(min(max(u, 0.0), 1.0)), 0.0)

    def _temperature(self, cooled: float) -> float:
        return self.start_temperature + (self.end_temperature - self.start_temperature) * cooled


_COLD_START = 60.0
"""Seconds that imports, the start of CUDA and the loading of data may take, with no other sign."""


class Forecast:
    """How long the next evaluation takes, judged by the last ones.

    The upper quartile of the last 32 durations: with equal durations exact, with scattered ones
    rather too long than too short. The first evaluation in a slot is left out, because imports, the
    start of CUDA and the loading of data may have been most of it. As long as there is no other, up
    to a minute of it, or half of it if that is more, is taken to have been such a start.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []
        self._shortest_first = math.inf

    def add_first(self, seconds: float) -> None:
        """Tell how long the first evaluation in a slot took."""
        self._shortest_first = min(self._shortest_first, seconds)

    def add(self, seconds: float) -> None:
        """Tell how long an evaluation took that was not the first in its slot."""
        self._recent.append(seconds)
        insort(self._sorted, seconds)
        if len(self._recent) > 32:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]

    def seconds(self) -> float:
        """Expected duration in seconds; 0 if nothing is known."""
        if not self._sorted:
            return self._warm()
        return self._sorted[(3 * len(self._sorted)) // 4]

    def typical(self) -> float:
        """The median of the last durations in seconds; 0 if only first ones are known."""
        return self._sorted[len(self._sorted) // 2] if self._sorted else 0.0

    def shortest(self) -> float:
        """The shortest of the last durations in seconds; 0 if nothing is known."""
        return self._sorted[0] if self._sorted else self._warm()

    def _warm(self) -> float:
        """What may be left of a first evaluation without its cold start, in seconds."""
        first = self._shortest_first
        return 0.0 if math.isinf(first) else max(0.0, min(first - _COLD_START, first / 2))


class Budget:
    """A schedule as it is used up.

    Parameters
    ----------
    schedule : Schedule
        What the user asked for.
    stopwatch : Stopwatch
        Counts the seconds of the search.
    began : float
        What it showed when this budget began.
    """

    def __init__(self, schedule: Schedule, stopwatch: Stopwatch, began: float = 0.0) -> None:
        self.schedule = schedule
        self.stopwatch = stopwatch
        self.forecast = Forecast()
        self.first_end: float | None = None
        """When the first evaluation of this budget had ended, in seconds of the budget."""
        self._began = began

    @classmethod
    def resumed(cls, schedule: Schedule, stopwatch: Stopwatch, began: float, used: float) -> Budget:
        """A budget of which ``used`` seconds were used by earlier runs."""
        if schedule.runtime is not None and schedule.ends_at_time_of_day:
            schedule = replace(schedule, runtime=schedule.runtime + used)
        return cls(schedule, stopwatch, began)

    @property
    def elapsed(self) -> float:
        """Seconds used."""
        return self.stopwatch.elapsed - self._began

    @property
    def remaining(self) -> float:
        """Seconds left; infinite if the schedule is not bounded by time."""
        runtime = self.schedule.runtime
        return math.inf if runtime is None else runtime - self.elapsed

    def phase(self, started: int, u: float) -> Phase:
        """The phase of the next candidate, see :meth:`Schedule.phase`."""
        before = 0.0
        if self.first_end is not None:
            # Only what a slow start took beyond an evaluation, once their durations are known.
            before = max(0.0, self.first_end - self.forecast.typical())
        return self.schedule.phase(self.elapsed, started, u, before)

    def expected(self, choosy: bool = False) -> float:
        """Seconds that the next evaluation is expected to take; see :meth:`may_start`."""
        return self.forecast.shortest() if choosy else self.forecast.seconds()

    def may_start(self, started: int, choosy: bool = False) -> bool:
        """Whether another candidate may start: steps are left, and it is expected to end in time.

        Parameters
        ----------
        started : int
            How many have started.
        choosy : bool
            Whether the candidate will be chosen by its expected duration, so that it is enough if
            the shortest one would end in time.
        """
        if self.schedule.steps is not None and started >= self.schedule.steps:
            return False
        if self.schedule.steps == 0:  # not even what ran when an earlier process ended
            return False
        left = self.remaining
        return left > 0 and self.expected(choosy) <= left

"""Time: durations, phases, and twelve hours that pass in a moment."""

import os
import time
from datetime import datetime

import pytest

import pyhopper
from pyhopper.budget import Budget, Forecast, Schedule, Stopwatch, parse_runtime
from pyhopper.events import CandidateType
from pyhopper.testing import FakeClock, ScriptedExecutor


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h 30min", 5400),
        ("4d 12h", 388800),
        ("2w", 1209600),
        ("1:30", 90),
        ("1:01:30", 3690),
        ("90", 90),
        ("1.5h", 5400),
        ("30s", 30),
        ("30sec", 30),
        ("5m", 300),
        ("1h30min", 5400),
        (" 2 h ", 7200),
        (".5h", 1800),
        ("90.5", 90.5),
        (45, 45),
        (0.25, 0.25),
        ("100:00", 6000),
    ],
)
def test_parse_runtime(text, seconds):
    """Durations as people write them."""
    assert parse_runtime(text) == seconds


def test_until():
    """The next such time of day, today or tomorrow."""
    now = datetime(2026, 3, 3, 22, 0).timestamp()  # noqa: DTZ001 - local time is the point
    assert parse_runtime("until 23:30", now) == 5400
    assert parse_runtime("until 08:00", now) == 36000
    assert parse_runtime("until 22:00", now) == 86400


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its time zone")
def test_until_over_a_clock_change():
    """A night in which clocks are put forward is an hour shorter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Vienna"
    time.tzset()
    try:
        now = datetime(2026, 3, 28, 22, 0).timestamp()  # noqa: DTZ001 - local time is the point
        assert parse_runtime("until 08:00", now) == 9 * 3600
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def test_twelve_hours(clock):
    """A night on two slots: 25% random search, then falling temperatures, and an end in time.

    Evaluations take 10 minutes, and nothing starts that would not end within 12 hours.
    """
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (600, job.params["x"]), slots=2)
    search.run(lambda p: p["x"], "max", runtime="12h", executor=executor, quiet=True)
    starts = [moment for moment, _ in executor.started]
    kinds = [each.type for each in sorted(search.history.evaluations)]
    assert starts == [600 * (i // 2) for i in range(144)]
    assert max(starts) == 12 * 3600 - 600
    assert clock.monotonic() == 12 * 3600
    assert kinds[0] is CandidateType.INIT
    expected = [
        CandidateType.RANDOM_SEEDING if moment < 3 * 3600 else CandidateType.LOCAL_SAMPLING
        for moment in starts
    ]
    assert kinds[1:] == expected[1:]
    schedule = Schedule(runtime=12 * 3600)
    temperatures = [schedule.phase(moment, 0, 0.5).temperature for moment in starts]
    assert temperatures[:36] == [1.0] * 36
    assert temperatures[36] == 1.0
    assert temperatures[90] == pytest.approx(1 - 0.8 * (7.5 - 3) / 9)
    assert temperatures[-1] == pytest.approx(0.2 + 0.8 * (600 / (9 * 3600)))
    assert sorted(temperatures, reverse=True) == temperatures


@pytest.mark.parametrize(("seconds", "last"), [(700, 60 * 700), (3600, 11 * 3600), (50000, 0)])
def test_last_start(seconds, last, clock):
    """The last candidate starts when its expected end still lies within the budget."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (seconds, 1.0))
    search.run(lambda p: 1.0, "max", runtime="12h", executor=executor, quiet=True)
    assert executor.started[-1][0] == last
    assert executor.closed


@pytest.mark.parametrize(
    ("schedule", "seeding", "temperatures"),
    [
        (Schedule(steps=8), 2, [1, 1, 1, 0.8667, 0.7333, 0.6, 0.4667, 0.3333]),
        (Schedule(steps=8, seeding_ratio=0), 0, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]),
        (Schedule(steps=4, seeding_ratio=1), 4, [1, 1, 1, 1]),
        (Schedule(steps=4, seeding_steps=3), 3, [1, 1, 1, 1]),
        (Schedule(steps=4, seeding_steps=9), 4, [1, 1, 1, 1]),
        (Schedule(steps=4, start_temperature=0.5, end_temperature=0.5), 1, [0.5] * 4),
    ],
)
def test_phases_by_steps(schedule, seeding, temperatures):
    """With steps, the phase depends on the count alone."""
    phases = [schedule.phase(1e9 * step, step, 0.5) for step in range(len(temperatures))]
    assert [phase.seeding for phase in phases] == [step < seeding for step in range(len(phases))]
    assert [round(phase.temperature, 4) for phase in phases] == temperatures


def test_phases_by_other_units():
    """The first phase may have its own unit."""
    by_time = Schedule(steps=100, seeding_runtime=60)
    assert by_time.phase(59, 50, 0.5).seeding
    assert not by_time.phase(61, 1, 0.5).seeding
    by_count = Schedule(runtime=100, seeding_steps=5)
    assert by_count.phase(99, 4, 0.5).seeding
    assert not by_count.phase(1, 5, 0.5).seeding


def test_endless_mode_mixes():
    """Without an end, phase and temperature are drawn: a quarter random, all temperatures."""
    schedule = Schedule()
    phases = [schedule.phase(0, 0, (i + 0.5) / 1000) for i in range(1000)]
    local = [phase.temperature for phase in phases if not phase.seeding]
    assert len(local) == 750
    assert min(local) == pytest.approx(0.2, abs=0.01)
    assert max(local) == pytest.approx(1, abs=0.01)


def test_forecast():
    """Only the last 32 durations count, and rather the longer ones of them."""
    forecast = Forecast()
    assert forecast.seconds() == 0
    for _ in range(100):
        forecast.add(500)
    for seconds in range(32):
        forecast.add(seconds)
    assert forecast.seconds() == 24


def test_budget_carries_over():
    """Time used by an earlier part counts."""
    clock = FakeClock()
    stopwatch = Stopwatch(clock, 100)
    budget = Budget(Schedule(runtime=100), stopwatch, began=70)
    clock.advance(5)
    assert budget.elapsed == 30
    stopwatch.start()
    clock.advance(10)
    assert budget.elapsed == 40
    assert budget.remaining == 60
    assert stopwatch.stamp().elapsed == 110

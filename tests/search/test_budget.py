"""Time: durations, twelve hours that pass in a moment, and what ends a search."""

import os
import time
from datetime import datetime

import numpy as np
import pytest
from helpers import (
    search_of_x,
    x_of,
)

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
    kinds = [each.type for each in sorted(search.history.evaluations, key=lambda each: each.id)]
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


def bowl(params):
    return -((params["x"] - 0.3) ** 2)


def test_runtime_is_kept():
    """A run with a short budget comes back, having done something."""
    search = search_of_x(seed=0)
    start = time.monotonic()
    search.run(bowl, "max", runtime=0.2, quiet=True)
    assert len(search.history) > 10
    assert time.monotonic() - start < 20


def at_hour(hour):
    return datetime(2026, 3, 3, hour, 0).timestamp()  # noqa: DTZ001 - local time is the point


def test_run_until_a_time_of_day(tmp_path):
    """A run from ten in the evening ends at eight, also if it is interrupted in between."""
    path = tmp_path / "run.ckpt"

    def run(hour, last):
        clock = FakeClock(at_hour(hour))
        search = search_of_x(clock=clock)
        calls = []

        def script(job):
            calls.append(job.id)
            if job.id == last:
                raise KeyboardInterrupt
            return 3600.0, job.params["x"]

        search.run(
            x_of,
            runtime="until 22:00",
            executor=ScriptedExecutor(clock, script),
            checkpoint_path=path,
            quiet=True,
        )
        return calls, clock.monotonic()

    assert run(10, 3) == ([0, 1, 2, 3], 3 * 3600)
    assert run(15, None) == ([3, 4, 5, 6, 7, 8, 9], 7 * 3600)


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (0.9, "target 0.9"),
        ({"value": 0.9}, "target 0.9"),
        ({"patience": 10}, "no better value in 10 evaluations"),
        ({"patience": "1h", "value": 2}, "no better value in 3600 seconds"),
    ],
)
def test_stop(stop, reason, clock, capsys):
    """A search ends early once any condition is met, and says which."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (60, min(job.params["x"], 0.95)))
    search.run(bowl, "max", steps=10_000, stop=stop, executor=executor)
    assert len(search.history) < 2000
    assert reason in capsys.readouterr().out


def test_stop_when_minimizing():
    """The search stops when the value has come down to the target."""
    search = search_of_x(seed=0)
    search.run(x_of, "min", steps=10_000, stop=0.25, quiet=True)
    assert search.best_f <= 0.25 < min(search.history.fs[:-1])


def test_endless_mode_ends_by_its_stop(capsys):
    search = search_of_x(seed=0)
    search.run(x_of, endless_mode=True, stop={"patience": 40})
    assert len(search.history) > 40
    best = int(np.argmax(search.history.fs))
    assert len(search.history) == best + 41
    assert "no better value in 40 evaluations" in capsys.readouterr().out


@pytest.mark.parametrize("stop", [0.4, {"patience": 5}])
def test_a_search_that_has_stopped_stays_so(stop, tmp_path):
    """Started again, it returns its result at once."""
    lengths = []
    for _ in range(3):
        search = search_of_x(seed=1)
        search.run(
            lambda params: 0.5, steps=50, stop=stop, quiet=True, checkpoint_path=tmp_path / "a.ckpt"
        )
        lengths.append(len(search.history))
    assert lengths[0] == lengths[1] == lengths[2] < 50

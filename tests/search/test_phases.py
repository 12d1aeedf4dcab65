"""The two phases of a search, and the temperature of its moves."""

import pytest
from helpers import (
    INIT,
    LOCAL,
    RANDOM,
    Calls,
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper.budget import Schedule
from pyhopper.testing import ScriptedExecutor


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


@pytest.mark.parametrize(
    ("arguments", "random"),
    [
        ({"seeding_steps": 5}, 5),
        ({"seeding_steps": 0}, 1),
        ({"seeding_ratio": 0.5}, 6),
        ({"seeding_runtime": "10s"}, 5),
        ({"seeding_runtime": 7}, 4),
        ({}, 3),
    ],
)
def test_length_of_the_first_phase(arguments, random, clock):
    """In candidates, as a share, or in time: each takes two seconds here; the first is no draw."""
    hooks = Calls()
    search = search_of_x(seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (2.0, job.params["x"]))
    search.run(x_of, steps=12, executor=executor, callbacks=hooks, quiet=True, **arguments)
    assert hooks.types() == [INIT, *[RANDOM] * (random - 1), *[LOCAL] * (12 - random)]


def temperatures_of(template, move_at, steps, **arguments):
    """The temperatures with which values were moved in a search."""
    seen = []

    def move(value, temperature, rng):
        seen.append(temperature)
        return (value + 1) % move_at

    search = pyhopper.Search(template(move), seed=0)
    search.run(lambda p: 0.0, steps=steps, quiet=True, **arguments)
    return seen


def number(move):
    return pyhopper.custom(lambda rng: int(rng.integers(1000)), move)


def test_start_and_end_temperature():
    """It falls in a line from the one to the other over the second phase."""
    seen = temperatures_of(
        lambda move: {"n": number(move)},
        1000,
        50,
        seeding_ratio=0,
        start_temperature=0.5,
        end_temperature=0.1,
    )
    by_step = sorted(set(seen), reverse=True)
    assert seen == sorted(seen, reverse=True)
    assert by_step == pytest.approx([0.5 - 0.4 * step / 50 for step in range(1, 50)])


def test_options_are_annealed_like_everything_else():
    """A parameter inside of an option is moved with the same falling temperature."""
    seen = temperatures_of(
        lambda move: {"opt": pyhopper.choice({"deep": [number(move)]}, {"other": number(move)})},
        1000,
        50,
    )
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 0.7
    assert seen[-1] < 0.3


def test_duplicates_leave_the_temperature_as_it_is():
    """Where most moves are duplicates the temperature still only falls."""
    hooks = Calls()
    seen = temperatures_of(lambda move: {"n": number(move)}, 3, 40, callbacks=hooks)
    assert len(hooks.of("on_duplicate_sampled")) > 20
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.25


def test_duplicates_do_not_raise_the_temperature():
    """Rejected duplicates leave phase and temperature as they are."""
    hooks = Calls()
    search = pyhopper.Search(x=pyhopper.int(0, 600), seed=3)
    search.run(lambda p: -p["x"], "max", steps=100, quiet=True, callbacks=hooks)
    assert hooks.types()[25:] == [LOCAL] * 75
    assert len(hooks.of("on_duplicate_sampled")) > 5

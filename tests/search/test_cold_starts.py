"""First evaluations that are slow: imports, CUDA, data. They say little about the next."""

import time
from collections import Counter

import pytest

import pyhopper
from pyhopper.testing import FakeClock, ScriptedExecutor


def types(search):
    return Counter(each.type.value for each in search.history.evaluations)


def run(clock, seconds_of, slots=1, **more):
    """A search whose evaluations take ``seconds_of(id)``."""

    def script(job):
        return seconds_of(job.id), -(job.params["x"] ** 2)

    search = pyhopper.Search(x=pyhopper.float(-1, 1), clock=clock)
    executor = ScriptedExecutor(clock, script, slots)
    search.run(lambda params: 0.0, "max", executor=executor, **more)
    return search


@pytest.mark.parametrize("cold", [0.3, 4, 8, 13, 19])
@pytest.mark.parametrize("slots", [1, 2])
def test_a_slow_start_does_not_end_the_search(cold, slots):
    """What is left of the runtime is used, and both phases get their part of it."""
    clock = FakeClock()
    search = run(clock, lambda i: cold if i < slots else 0.3, slots, runtime=20, quiet=True)
    assert clock.monotonic() >= 20 - 0.3 * 2
    found = types(search)
    assert len(search.history) >= slots * (20 - cold - 0.7) / 0.3
    assert found["random seeding"] >= 1
    if cold < 18:
        share = found["random seeding"] / len(search.history)
        assert 0.1 < share < 0.4
        assert found["local sampling"] > found["random seeding"]


def test_long_evaluations_still_end_in_time():
    """A start is at most half of the first evaluation: nothing begins in what is left then."""
    clock = FakeClock()
    search = run(clock, lambda i: 3600, runtime="85min", quiet=True)
    assert len(search.history) == 1
    assert clock.monotonic() == 3600


def test_lateness_has_a_bound():
    """Where a start was taken for cold and was not, the end is at most a minute late."""
    for seconds in (1, 10, 50, 70, 100):
        for runtime in range(seconds + 1, 4 * seconds, max(1, seconds // 7)):
            clock = FakeClock()
            run(clock, lambda i, s=seconds: s, runtime=runtime, quiet=True)
            assert clock.monotonic() <= runtime + max(60, seconds / 2)


@pytest.mark.parametrize("steps", [3, 4, 5, 8])
def test_few_steps_have_both_phases(steps):
    """After the first candidate there is a draw from the whole space, and a local one."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(lambda p: p["x"], "max", steps=steps, quiet=True)
    found = types(search)
    assert found["random seeding"] >= 1
    assert found["local sampling"] >= 1


def test_guesses_leave_room_for_a_draw():
    """Guesses that fill most of the budget do not push out the random phase."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.sweep("x", [i / 16 for i in range(8)])
    search.run(lambda p: p["x"], "max", steps=12, quiet=True)
    assert types(search)["random seeding"] >= 1


def test_no_seeding_stays_no_seeding():
    """Who asks for none gets none."""
    for more in ({"seeding_steps": 0}, {"seeding_ratio": 0}):
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.run(lambda p: p["x"], "max", steps=6, quiet=True, **more)
        assert types(search)["random seeding"] == 0


def test_the_summary_says_what_was_expected(capsys):
    """Time that is left over is named, and how long an evaluation was expected to take."""
    clock = FakeClock()
    run(clock, lambda i: 300, runtime=1000)
    assert (
        "budget used; 1 min 40 s were left, and the next evaluation was expected to take 5 min 0 s"
        in " ".join(capsys.readouterr().out.split())
    )


def test_real_processes_with_a_slow_start(tmp_path):
    """Two workers whose first evaluation takes 2.5 of 8 seconds: the rest is used."""
    seen = {}

    def train(params):
        time.sleep(0.1 if seen else 2.5)
        seen["warm"] = True
        return params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(train, "max", runtime=8, n_jobs=2, isolation="slot", quiet=True)
    assert len(search.history) > 12
    assert types(search)["random seeding"] >= 1
    assert types(search)["local sampling"] >= 1

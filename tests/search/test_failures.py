"""Failed evaluations and interrupted runs: what is lost, and what the user is told."""

import contextlib

import pytest
from helpers import count, search_of_x

import pyhopper
from pyhopper.events import Status
from pyhopper.testing import FakeClock


def test_failures_are_survived():
    """An exception costs one candidate, not the night."""

    def objective(params):
        if params["x"] > 0.6:
            raise MemoryError("too large")
        return params["x"]

    search = search_of_x(seed=0)
    search.run(objective, "max", steps=60, quiet=True)
    assert count(search, Status.FAILED) > 3
    failed = [e for e in search.history.evaluations if e.status is Status.FAILED]
    assert failed[0].reason == "MemoryError: too large"
    assert search.best_f == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(("seconds", "most"), [(0, 20), (20, 5), (8, 8)])
def test_nothing_ever_succeeds(seconds, most):
    """A bug stops the search, with the first traceback: the sooner the longer evaluations take."""
    calls, clock = [], FakeClock()

    def objective(params):
        calls.append(params)
        clock.advance(seconds)
        return params["typo"]

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0, clock=clock)
    with pytest.raises(pyhopper.SearchFailedError) as caught:
        search.run(objective, "max", steps=1000, quiet=True)
    assert len(calls) == most
    assert "KeyError: 'typo'" in str(caught.value)
    assert 'return params["typo"]' in str(caught.value)
    assert caught.value.params == {"x": 0.5}


def test_a_space_in_which_few_candidates_succeed():
    """Nine tenths of it fail, so 20 random draws do in 12% of cases; of five seeds all: 3e-5."""
    for seed in range(5):
        search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=seed)

        def objective(params):
            if params["x"] + params["y"] > 0.45:
                raise MemoryError
            return params["x"] * params["y"]

        with contextlib.suppress(pyhopper.SearchFailedError):
            search.run(objective, "max", steps=60, quiet=True)
            assert search.best_f > 0.045
            return
    pytest.fail("five times, none of 20 succeeded")


def test_all_fail_in_few_steps():
    """With fewer steps than that, the error comes at the end."""
    with pytest.raises(pyhopper.SearchFailedError, match="2 evaluations failed"):
        search_of_x(seed=0).run(lambda p: 1 / 0, "max", steps=2, quiet=True)


def test_on_error_raise():
    """The first failure ends the search, and what was computed stays."""

    def objective(params):
        if params["x"] != 0.5:
            raise ValueError("no")
        return 1.0

    search = search_of_x(seed=0)
    with pytest.raises(pyhopper.EvaluationError, match="ValueError: no"):
        search.run(objective, "max", steps=10, on_error="raise", quiet=True)
    assert search.best == {"x": 0.5}


def test_late_misuse_is_a_failure():
    """Returning nothing after hours of success loses one candidate only."""
    search = search_of_x(seed=0)
    search.run(lambda p: None if p["x"] > 0.7 else p["x"], "max", steps=40, quiet=True)
    assert count(search, Status.FAILED) > 0
    assert search.best_f <= 0.7


def test_keyboard_interrupt(capsys):
    """Ctrl-C stops at once, prints and returns the best so far; the search can go on later."""
    calls = []

    def objective(params):
        calls.append(params)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return params["x"]

    search = search_of_x(seed=0)
    best = search.run(objective, "max", steps=10)
    assert best == search.best
    assert len(search.history) == 3
    assert "interrupted" in capsys.readouterr().out
    search.run(objective, "max", steps=2, quiet=True)
    assert len(search.history) == 5


def test_a_run_without_evaluations_is_no_failure(capsys):
    """A second run of an exhausted space, in which one candidate had failed."""
    search = pyhopper.Search(x=pyhopper.choice(1, 2), seed=1)
    for _ in range(2):
        search.run(lambda p: 1 / (p["x"] - 1), steps=5)
    out = " ".join(capsys.readouterr().out.split())
    assert "1 evaluation failed or had no value: 1 x ZeroDivisionError" in out
    assert "Every evaluation" not in out


def test_a_known_result_shows_that_the_objective_can_succeed():
    """So the first failures do not end the search."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.add({"x": 0.25}, 0.25)
    search.run(lambda p: 1 / 0, "max", steps=5, quiet=True)
    assert search.best == {"x": 0.25}
    assert len(search.history.evaluations) == 6

"""How long candidates take is learned from their parameters, and decides what may still start."""

import numpy as np
import pytest

import pyhopper
from pyhopper.kernels.coordinates import Coordinates
from pyhopper.kernels.model.duration import durations_of
from pyhopper.testing import ScriptedExecutor

PLAIN = Coordinates.continuous(3)


def seconds_of(rows, rng, noise=0.1):
    """Parameters multiply: from 1 to 60 seconds."""
    exponent = 3 * rows[:, 0] + rows[:, 1] + noise * rng.standard_normal(len(rows))
    return np.exp(exponent)


def test_forecast_follows_the_parameters(rng):
    """Three of four durations stay below what is expected at most, and it is close to them."""
    rows, fresh = rng.random((40, 3)), rng.random((2000, 3))
    durations = durations_of(PLAIN, rows, seconds_of(rows, rng))
    taken = seconds_of(fresh, rng)
    # 40 rows leave an error of about 0.1 / sqrt(10) in the quartile: +-0.12 is more than 4 sd.
    assert abs(np.mean(taken <= durations.seconds(fresh)) - 0.75) < 0.15
    assert np.median(np.abs(np.log(taken / durations.seconds(fresh)))) < 0.2


def test_durations_that_follow_from_nothing(rng):
    """In pure chance a rule is found a few times in 200 at most; a real rule is always found."""
    found = 0
    for _ in range(200):
        rows = rng.random((20, 3))
        found += durations_of(PLAIN, rows, np.exp(rng.standard_normal(20))) is not None
        assert durations_of(PLAIN, rows, seconds_of(rows, rng)) is not None
    assert found <= 10  # each with probability below 1 %: false alarm below 1e-4


def test_unfinished_evaluations_do_not_count(rng):
    rows = rng.random((30, 3))
    seconds = seconds_of(rows, rng)
    broken = seconds.copy()
    broken[::3] = np.nan
    assert durations_of(PLAIN, rows[:9], np.full(9, np.nan)) is None
    whole = ~np.isnan(broken)
    again = durations_of(PLAIN, rows[whole], seconds[whole])
    assert durations_of(PLAIN, rows, broken).weights == pytest.approx(again.weights)


def test_doubt_grows_away_from_what_was_seen(rng):
    """The same error means more where no evaluation has been."""
    rows = 0.4 + 0.2 * rng.random((40, 3))
    durations = durations_of(PLAIN, rows, seconds_of(rows, rng))
    near, far = np.full((1, 3), 0.5), np.ones((1, 3))
    margin = [
        (np.log(durations.seconds(row)) - durations.log_seconds(row)).item() for row in (near, far)
    ]
    assert margin[1] > 2 * margin[0] > 0


def search_with(clock, slots, seconds, **more):
    """A search on the fake clock: how long a candidate takes is up to ``seconds``."""
    search = pyhopper.Search(size=pyhopper.float(1, 100, log=True), seed=0, clock=clock)
    # The best are the largest, so that nothing but time speaks for small ones.
    executor = ScriptedExecutor(clock, lambda job: (seconds(job), job.params["size"]), slots)
    search.run(lambda params: 0, "max", executor=executor, **{"quiet": True, **more})
    return search


@pytest.mark.parametrize("slots", [1, 4])
def test_only_what_fits_starts_near_the_end(slots, clock):
    """The budget is used to its end and not exceeded, although most evaluations are longer."""
    search = search_with(clock, slots, lambda job: 6 * job.params["size"], runtime=3600)
    evaluations = search.history.evaluations
    # What is forecast from the parameters is not exact.
    assert 3500 < max(each.elapsed for each in evaluations) < 3601
    tail = [each for each in evaluations if each.elapsed - each.seconds > 3000]
    assert min(each.seconds for each in tail) < 400
    assert search.best_f > 90


def test_the_user_is_told_when_the_forecast_was_wrong(clock, capsys):
    """The last candidate takes a hundred times longer than all before."""

    def seconds(job):
        return 6000 if job.id == 20 else 60

    search = search_with(clock, 1, seconds, runtime="21min", quiet=False)
    text = " ".join(capsys.readouterr().out.split())
    assert "late: candidate 20 took 1 h 40 min instead of at most 1 min 0 s as expected" in text
    assert len(search.history) == 21


def test_the_forecast_is_kept(clock, tmp_path):
    path = tmp_path / "run.ckpt"
    search_with(clock, 1, lambda job: 6 * job.params["size"], runtime=3600, checkpoint_path=path)
    search = pyhopper.Search(size=pyhopper.float(1, 100, log=True))
    search.load(path)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = search.history.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    known = table[table.id > 10]
    assert (known.seconds <= known.expected_seconds * 1.3).mean() > 0.7
    steps = pyhopper.Search(x=pyhopper.float(0, 1))
    steps.run(lambda params: 1, steps=3, quiet=True)
    assert steps.history.to_pandas().expected_seconds.isna().all()


def test_cheap_candidates_are_chosen_by_what_fits_too(clock):
    """Also where the model costs too much time and the step proposes without it."""
    search = pyhopper.Search(size=pyhopper.float(1, 100, log=True), seed=0, clock=clock)

    def seconds(job):
        # Thinking takes time here: 5 ms a proposal, of evaluations that take no longer.
        clock.advance(0.005)
        return 1e-4 * job.params["size"]

    executor = ScriptedExecutor(clock, lambda job: (seconds(job), job.params["size"]))
    search.run(lambda params: 0, "max", executor=executor, runtime=3.0, quiet=True)
    ends = [each.elapsed for each in search.history.evaluations]
    assert 2.9 < max(ends) < 3.01

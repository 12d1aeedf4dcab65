"""The pruner that finds out by itself what estimates say of the final value."""

import json
import math
import shutil

import numpy as np
import pytest
from helpers import count

import pyhopper
from pyhopper.events import Status
from pyhopper.executors import InlineExecutor
from pyhopper.history.endings import Line, Scale
from pyhopper.pruners import AutoPruner, QuantilePruner

STEPS = 20


def falling(quality, rng=None, noise=0.0):
    """A loss that falls to ``quality`` and is ordered from the first step on."""
    for step in range(1, STEPS + 1):
        yield quality + 1 / step + (noise * rng.normal() if noise else 0.0)


def play(pruner, curves, direction="min"):
    """Ask and tell a pruner one curve after the other; after how many steps each has ended."""
    pruner.direction = direction
    ends = []
    for curve in curves:
        seen = []
        for value in curve:
            seen.append(value)
            if pruner.should_prune(list(seen)):
                break
        whole = len(seen) == len(curve)
        pruner.observe(list(seen), seen[-1] if whole else math.nan)
        ends.append(len(seen))
    return ends


def test_the_first_curves_are_never_pruned():
    """However bad the later of them are."""
    curves = [list(falling(10.0**index)) for index in range(8)]
    assert play(AutoPruner(), curves) == [STEPS] * 8


@pytest.mark.parametrize("direction", ["min", "max"])
def test_most_of_what_is_clearly_bad_is_pruned_at_once(rng, direction):
    """What ends as the best goes on to its end, whatever came before it."""
    sign = 1 if direction == "min" else -1
    qualities = [*rng.uniform(0.5, 1.5, 60), 0.1]
    curves = [[sign * value for value in falling(quality)] for quality in qualities]
    ends = play(AutoPruner(), curves, direction)
    bad = [end for end, quality in zip(ends[8:], qualities[8:], strict=True) if quality > 1]
    assert np.mean(np.array(bad) <= 2) > 0.7
    assert ends[-1] == STEPS


def test_exploding_losses_do_not_hide_the_differences_between_good_ones(rng):
    qualities = [*rng.uniform(0.5, 1.5, 8), 1e200, *rng.uniform(0.5, 1.5, 50), 0.1]
    curves = [list(falling(quality)) for quality in qualities]
    curves[12] = [math.nan] * STEPS
    ends = play(AutoPruner(), curves)
    assert ends[12] == 1, "NaN is as bad as can be"
    assert ends[-1] == STEPS
    assert np.mean(ends[9:]) < STEPS / 2


def test_hardly_anything_is_pruned_where_noise_dominates(rng):
    """Estimates say nothing of the final value, so few steps can be saved.

    In 60 other trials of 40 curves the share of steps that were trained was 0.73 with a standard
    deviation of 0.14, with the median rule 0.44 and 0.05. So the mean of ten trials lies below 0.55
    once in 40,000.
    """
    trials = [[list(rng.normal(size=STEPS)) for _ in range(40)] for _ in range(10)]
    trained = np.mean([play(AutoPruner(), curves) for curves in trials]) / STEPS
    control = np.mean([play(QuantilePruner(0.5), curves) for curves in trials]) / STEPS
    assert control < 0.55 < trained


def crossing(quality):
    """The better a curve ends, the worse it begins; they cross half-way."""
    for step in range(STEPS):
        share = step / (STEPS - 1)
        yield share * quality + (1 - share) * (1 - quality)


def test_curves_that_cross_are_not_pruned_before_they_do(rng):
    curves = [list(crossing(quality)) for quality in rng.uniform(0, 1, 60)]
    assert min(play(AutoPruner(), curves)) > STEPS / 2
    assert min(play(QuantilePruner(0.5), curves)) == 1, "the control"


def test_estimates_that_get_worse(rng):
    """What counts is the value at the end, as with overfitting."""
    curves = [[q + step * q / STEPS for step in range(STEPS)] for q in rng.uniform(0.5, 1.5, 60)]
    ends = play(AutoPruner(), [*curves, [0.1 + step / 1e3 for step in range(STEPS)]])
    assert np.mean(ends[8:-1]) < STEPS / 2
    assert ends[-1] == STEPS


def test_different_lengths(rng):
    """Curves that are shorter or longer than all others are no error."""
    lengths = rng.integers(1, 2 * STEPS, 60)
    curves = [
        [quality + 1 / step for step in range(1, length + 1)]
        for quality, length in zip(rng.uniform(0, 1, 60), lengths, strict=True)
    ]
    ends = play(AutoPruner(), [*curves, [0.0] * 4 * STEPS])
    assert np.sum(ends[:-1]) < np.sum(lengths)
    assert ends[-1] == 4 * STEPS, "nobody got as far, so nothing is known there"


def test_something_goes_on_to_its_end_again_and_again(rng):
    """Also if all that comes is far from the best."""
    curves = [list(falling(quality)) for quality in [*rng.uniform(0, 0.1, 10), *range(5, 205)]]
    ends = play(AutoPruner(), curves)
    assert 3 <= ends[10:].count(STEPS) <= 30


def test_equal_curves_are_not_pruned():
    assert play(AutoPruner(), [[0.5] * 5] * 20) == [5] * 20


def repeated(params, rng):
    return pyhopper.wrap_n_times(lambda p: p["x"] + 0.2 * rng.normal(), STEPS)(params)


def test_repeats_are_given_up_the_later_the_closer_they_are(rng):
    """Of noisy results running means are known."""
    qualities = rng.uniform(0, 1, 80)
    curves = [[float(mean) for mean in repeated({"x": quality}, rng)] for quality in qualities]
    ends = np.array(play(AutoPruner(), curves))
    assert ends[10:][qualities[10:] > 0.7].mean() < 0.6 * ends[10:][qualities[10:] < 0.3].mean()


def train(params):
    yield from falling(params["x"])


def test_auto_is_a_pruner_by_name():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(train, "min", steps=60, pruner="auto", quiet=True)
    assert count(search, Status.PRUNED) > 20
    assert search.best["x"] < 0.05


def test_nothing_is_said_if_there_are_no_estimates(capsys):
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda params: params["x"], "min", steps=5, pruner="auto")
    assert "pruner" not in capsys.readouterr().out
    search.run(lambda params: params["x"], "min", steps=5, pruner=QuantilePruner(0.5))
    assert "pruner was never asked" in capsys.readouterr().out.replace("\n", " ")


def test_another_word_is_an_error():
    with pytest.raises(pyhopper.ArgumentError, match=r'^pruner=.*"auto"'):
        pyhopper.Search(x=pyhopper.float(0, 1)).run(train, "min", steps=1, pruner="automatic")


def test_the_value_counts_and_not_the_last_estimate():
    """The final value is what the objective returns."""
    pruner = AutoPruner()
    pruner.direction = "min"
    for index in range(20):
        pruner.observe([float(index)] * 3, -float(index))
    assert not pruner.should_prune([19.5]), "high estimates end well here"


def test_a_resumed_search_decides_as_one_that_was_not_interrupted(tmp_path):
    """The copy of the checkpoint is what a kill in the middle of an evaluation leaves."""
    whole, cut = tmp_path / "whole.ckpt", tmp_path / "cut.ckpt"
    calls = []

    def objective(params):
        calls.append(params)
        for step, value in enumerate(falling(params["x"] + params["y"])):
            if len(calls) == 30 and step == 0:
                shutil.copy(whole, cut)
            yield value

    def run(path):
        search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=3)
        search.run(objective, "min", steps=60, pruner="auto", checkpoint_path=path, quiet=True)
        return [(each.status, each.estimates) for each in search.history.evaluations]

    expected = run(whole)
    assert run(cut) == expected
    assert len(calls) == 60 + 31
    assert {status for status, _ in expected[30:]} == {"done", "pruned"}


def test_state_survives_json(rng):
    pruner = AutoPruner()
    curves = [list(falling(quality)) for quality in rng.uniform(0, 1, 50)]
    play(pruner, curves)
    copy = AutoPruner()
    copy.direction = "min"
    copy.load_state_dict(json.loads(json.dumps(pruner.state_dict())))
    more = [list(falling(quality)) for quality in rng.uniform(0, 1, 50)]
    assert play(copy, more) == play(pruner, more)


class Slots(InlineExecutor):
    """Runs in this process what it has taken three at a time, the newest first."""

    slots = 3

    def wait(self, timeout):
        self._queue.reverse()
        return super().wait(timeout)


def test_several_slots():
    """Estimates of several evaluations at once are kept apart, and the outcome repeats itself."""

    def run():
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        search.run(train, "min", steps=60, pruner="auto", executor=Slots(), quiet=True)
        return [(each.status, each.estimates) for each in search.history.evaluations]

    first = run()
    assert first == run()
    assert sum(status == "pruned" for status, _ in first) > 20
    assert [status for status, _ in first[:8]] == ["done"] * 8


def test_the_chance_to_end_below_a_target(rng):
    """Of curves that end with normal noise around a line, predictions hold.

    The share of 4,000 curves that end below the target has a standard deviation of at most 0.008
    around the mean chance if the ends were independent, and not over 0.014 with ten for each line:
    off by 0.06 once in 50,000.
    """
    hits, chances = [], []
    for _ in range(400):
        estimates = rng.normal(size=12)
        finals = 3 + estimates + 0.5 * rng.normal(size=12)
        line = Line.fit(list(estimates + 10), list(finals))
        for estimate in rng.normal(size=10):
            hits.append(3 + estimate + 0.5 * rng.normal() < 3)
            chances.append(line.chance(estimate + 10, 3.0))
    assert np.mean(hits) == pytest.approx(np.mean(chances), abs=0.06)


def test_scale():
    """Differences near the best count, and what exploded is as bad as what is infinite."""
    scale = Scale.of([1.0, 2.0, 5.0, math.inf])
    assert scale.at(1.0) == 0
    assert scale.at(0.5) < 0 < scale.at(1.5) < scale.at(2.0) < scale.at(50.0)
    assert scale.at(1e300) == scale.at(math.inf) == scale.at(math.nan)
    assert Scale.of([math.nan]) is None

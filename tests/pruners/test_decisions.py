"""What pruners decide from the estimates of other evaluations."""

import json

import pytest

import pyhopper
from pyhopper.pruners import QuantilePruner, TopKPruner


def filled(pruner, *evaluations, direction="max"):
    pruner.direction = direction
    for estimates in evaluations:
        pruner.append(list(estimates), False)
    return pruner


def test_quantile_gives_up_the_worst_share():
    pruner = filled(QuantilePruner(0.5), *([float(i)] for i in range(10)))
    assert [pruner.should_prune([x]) for x in (0.5, 4.5, 5.5, 20.0)] == [True, False, False, False]
    strict = filled(QuantilePruner(80), *([float(i)] for i in range(10)))
    assert strict.q == 0.8
    assert [strict.should_prune([x]) for x in (6.5, 7.5, 9.5)] == [True, False, False]


def test_quantile_in_the_other_direction():
    pruner = filled(QuantilePruner(0.5), *([float(i)] for i in range(10)), direction="min")
    assert [pruner.should_prune([x]) for x in (8.5, 5.5, 4.5, -3.0)] == [True, True, False, False]


def test_quantile_waits_for_the_warmup():
    pruner = filled(QuantilePruner(0.5, warmup=3), [1.0], [1.0])
    assert not pruner.should_prune([-9.0])
    pruner.append([1.0], False)
    assert pruner.should_prune([-9.0])


@pytest.mark.parametrize("pruner", [QuantilePruner(0.5, warmup=2), TopKPruner(2)])
def test_compares_at_equal_steps(pruner):
    """Long and short evaluations mix: the second estimate is held against second estimates."""
    filled(pruner, [0.1, 0.9], [0.2, 0.8, 0.95, 0.99], [0.15, 0.85], [0.3])
    assert not pruner.should_prune([0.3])
    assert pruner.should_prune([0.3, 0.5])
    assert not pruner.should_prune([0.3, 0.5, 0.1]), "only one candidate has got that far"


def test_what_was_pruned_counts_as_worse_later():
    """Otherwise the few that get far would only be compared with each other."""
    pruner = filled(QuantilePruner(0.5, warmup=2), [5.0, 5.0], [6.0, 6.0], [7.0, 7.0])
    for _ in range(10):
        pruner.append([1.0], True)
    assert pruner.should_prune([0.0])
    assert not pruner.should_prune([5.5, 5.5])


def test_equal_estimates_are_never_pruned():
    pruner = filled(QuantilePruner(0.9), *([0.1] for _ in range(20)))
    assert not pruner.should_prune([0.1])


def test_nan_is_worse_than_everything():
    for pruner in (QuantilePruner(0.5, warmup=2), TopKPruner(2)):
        filled(pruner, [1.0], [2.0])
        assert pruner.should_prune([float("nan")])


def test_top_k():
    pruner = filled(TopKPruner(3), *([float(i)] for i in range(10)))
    assert [pruner.should_prune([x]) for x in (6.5, 7.0, 8.5)] == [True, False, False]
    assert not filled(TopKPruner(3), [1.0], [2.0]).should_prune([0.0])


@pytest.mark.parametrize("make", [lambda: QuantilePruner(0.5, warmup=2), lambda: TopKPruner(2)])
def test_state_survives_json(make):
    pruner = filled(make(), [1.0, 2.0], [3.0, 4.0])
    pruner.append([0.5], True)
    copy = make()
    copy.load_state_dict(json.loads(json.dumps(pruner.state_dict())))
    for estimates in ([0.0], [2.0], [5.0], [9.0, 1.0], [9.0, 3.5], [9.0, 9.0]):
        assert copy.should_prune(estimates) == pruner.should_prune(estimates)


@pytest.mark.parametrize("q", [0, 1, 100, -0.5, "0.5", True, float("nan")])
def test_a_bad_quantile_is_named(q):
    with pytest.raises(pyhopper.ArgumentError, match=r"^q="):
        QuantilePruner(q)


def test_other_bad_arguments_are_named():
    with pytest.raises(pyhopper.ArgumentError, match=r"^warmup="):
        QuantilePruner(0.5, warmup=0)
    with pytest.raises(pyhopper.ArgumentError, match=r"^k="):
        TopKPruner(0)
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(pyhopper.ArgumentError, match=r"^pruner=.*create one"):
        search.run(lambda p: 0.0, steps=1, pruner=QuantilePruner)

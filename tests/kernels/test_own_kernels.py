"""A kernel of one's own, and a parameter of one's own that the model sees."""

import functools

import numpy as np
import pytest

import pyhopper
from pyhopper.events import CandidateType
from pyhopper.kernels import Kernel, Proposal, Proposer
from pyhopper.kernels.encoding import Encoding
from pyhopper.parameters import Columns, ListColumns


class Mirror(Kernel):
    """Proposes the best point, mirrored in the middle of the space."""

    def __init__(self):
        self.observed, self.dropped = [], []

    def propose(self, rng, state, phase, left):
        if phase.seeding or state.best is None:
            return []
        point = tuple(1 - value for value in state.best.point)
        return [Proposal(point, CandidateType.LOCAL_SAMPLING)]

    def observe(self, evaluation, state):
        self.observed.append(evaluation.id)

    def drop(self, candidate_id):
        self.dropped.append(candidate_id)


def search_with(kernel, monkeypatch):
    """A search of two numbers that asks the kernel before the built-in ones."""
    asking = functools.partialmethod(Proposer.__init__, kernels=[kernel])
    monkeypatch.setattr(Proposer, "__init__", asking)
    return pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=3)


def test_own_kernel(monkeypatch):
    """It is asked for every candidate and told of every evaluation; else the chain proposes."""
    kernel, seen = Mirror(), []
    search = search_with(kernel, monkeypatch)
    search.run(
        lambda p: seen.append((p["x"], p["y"])) or p["x"] + p["y"],
        steps=20,
        seeding_steps=10,
        quiet=True,
    )
    assert kernel.observed == list(range(20))
    # Nothing in the first phase, where the chain draws, and duplicates later on.
    assert set(range(1, 10)) <= set(kernel.dropped)
    best = max(seen[:10], key=sum)
    assert seen[10] == tuple(1 - value for value in best)


def test_own_kernel_under_a_constraint(monkeypatch):
    """What it proposes and is not allowed is dropped, and the chain proposes instead."""
    kernel, seen = Mirror(), []
    search = search_with(kernel, monkeypatch)
    search.constrain(lambda p: p["x"] + p["y"] > 1)
    search.run(lambda p: seen.append(p) or p["x"] + p["y"], steps=20, seeding_steps=10, quiet=True)
    assert len(seen) == 20
    assert all(p["x"] + p["y"] > 1 for p in seen)
    assert set(range(11, 20)) <= set(kernel.dropped)


def test_a_kernel_that_does_not_apply_is_not_asked(monkeypatch):
    class Never(Mirror):
        def applies(self, effort, state):
            return False

        def propose(self, rng, state, phase, left):
            raise AssertionError

    search_with(Never(), monkeypatch).run(lambda p: p["x"], steps=15, quiet=True)


# Columns -----------------------------------------------------------------------------------------


class Blind(pyhopper.Parameter):
    """Four numbers from 0 to 1 in a tuple, moved one at a time."""

    def sample(self, rng):
        return tuple(rng.random(4).tolist())

    def mutate(self, value, temperature, rng):
        moved, index = list(value), int(rng.integers(4))
        moved[index] = min(max(moved[index] + temperature * rng.normal() / 2, 0.0), 1.0)
        return tuple(moved)


class Seen(Blind):
    """The same, and how a model sees them."""

    def columns(self):
        return Columns(4, encode=list, decode=lambda numbers: tuple(numbers.tolist()))


def best_of(kind, seed):
    """The search after 50 steps on a bowl."""
    search = pyhopper.Search(p=kind(), seed=seed)

    def bowl(params):
        return sum((value - 0.3) ** 2 for value in params["p"])

    search.run(bowl, "min", steps=50, quiet=True)
    return search


def test_the_model_sees_own_parameters():
    """Each of four searches with columns ends better than the best of sixty without.

    If columns made no difference, the four would be the best of all 64 by chance once in 635,376
    cases: a false alarm rate of 1.6e-6.
    """
    blind = [best_of(Blind, seed).best_f for seed in range(60)]
    for seed in range(4):
        search = best_of(Seen, seed)
        assert search.best_f < min(blind)
        assert all(type(value) is float for value in search.best["p"])
        screened = [each.screening is not None for each in search.history.evaluations]
        assert sum(screened) > 35
    assert all(each.screening is None for each in best_of(Blind, 0).history.evaluations)


class Odd(pyhopper.Parameter):
    """An odd number below 10."""

    def sample(self, rng):
        return 2 * int(rng.integers(5)) + 1

    def mutate(self, value, temperature, rng):
        return value - 2 if value > 1 else value + 2

    def columns(self):
        return Columns(1, lambda value: value // 2, lambda level: 2 * int(level[0]) + 1, levels=5)


class Bag(pyhopper.Parameter):
    """One to three odd numbers."""

    def sample(self, rng):
        return [Odd().sample(rng) for _ in range(int(rng.integers(1, 4)))]

    def mutate(self, value, temperature, rng):
        return self.sample(rng)

    def columns(self):
        return ListColumns(Odd().columns(), 1, 3)


def test_own_columns_anywhere(rng):
    """In a list, under an option and as a list of one's own, each value comes back from its row."""
    space = pyhopper.Search(
        odd=Odd(),
        some=pyhopper.list(Odd(), 0, 3),
        pick=pyhopper.choice("none", {"inner": Odd()}),
        bag=Bag(),
    )._log.space
    encoding = Encoding(space)
    assert not encoding.others
    assert encoding.coordinates.levels.tolist() == [5, 4, 5, 5, 5, 2, 5, 3, 5, 5, 5]
    for _ in range(100):
        point = space.sample(rng)
        assert encoding.decode(encoding.encode(point), None, rng) == point


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ({"count": 0}, "count"),
        ({"levels": -1}, "levels"),
        ({"categorical": True}, "categorical"),
        ({"levels": 2, "weights": [1]}, "weights"),
        ({"levels": 2, "weights": [1, 0]}, "weights"),
        ({"count": 2, "levels": 2, "weights": [1, 1]}, "weights"),
    ],
)
def test_columns_that_make_no_sense(more, argument):
    with pytest.raises(pyhopper.ArgumentError) as caught:
        Columns(**{"count": 1, "encode": list, "decode": list, **more})
    assert caught.value.argument == argument
    with pytest.raises(pyhopper.ArgumentError):
        ListColumns(Odd().columns(), 3, 2)


def test_an_encode_that_returns_too_much_is_named():
    class Wrong(Blind):
        def columns(self):
            return Columns(3, encode=list, decode=tuple)

    search = pyhopper.Search(p=Wrong(), seed=0)
    with pytest.raises(pyhopper.ArgumentError, match="as 3 numbers"):
        search.run(lambda params: np.sum(params["p"]), steps=5, quiet=True)

"""Values of any type: custom() and subclasses, through every part."""

import copy
import itertools
import json
import random
from collections import Counter

import numpy as np
import pytest

import pyhopper
from pyhopper.callbacks import SaveBestOnDisk
from pyhopper.events import CandidateType, Status
from pyhopper.executors import InlineExecutor
from pyhopper.pruners import TopKPruner


def tour(rng):
    return rng.permutation(8).tolist()


def two_opt(value, temperature, rng):
    i, j = sorted(rng.choice(len(value) + 1, size=2, replace=False).tolist())
    value[i:j] = value[i:j][::-1]
    return value


def disorder(params):
    value = params["tour"]
    return sum(abs(a - b) for a, b in itertools.pairwise(value))


class Slots(InlineExecutor):
    """Two at a time, the newest first."""

    slots = 2

    def wait(self, timeout):
        self._queue.reverse()
        return super().wait(timeout)


class Even(pyhopper.Parameter):
    """An even number; the constructor of the base class is not called."""

    def __init__(self, most):
        self.most = most
        self.temperatures = []

    def sample(self, rng):
        return 2 * int(rng.integers(self.most // 2 + 1))

    def mutate(self, value, temperature, rng):
        self.temperatures.append(temperature)
        step = 2 if rng.random() < 0.5 else -2
        return min(max(value + step, 0), self.most)


class Checked(Even):
    """The same, with a check of its own."""

    def check(self, value):
        if value % 2:
            raise pyhopper.CandidateError("", value, "must be even")
        return value


class Money:
    """A value that has no hash and no JSON, but equality."""

    def __init__(self, cents):
        self.cents = cents

    def __eq__(self, other):
        return isinstance(other, Money) and self.cents == other.cents

    __hash__ = None

    def __repr__(self):
        return f"Money({self.cents})"


def test_a_move_in_place(rng):
    """It works on a copy; without seeding_fn the init is drawn."""

    def swap(order, rng):
        i, j = rng.integers(len(order), size=2)
        order[i], order[j] = order[j], order[i]
        return order

    param = pyhopper.custom(mutation_fn=swap, init=[0, 1, 2, 3])
    assert sorted(param.sample(rng)) == [0, 1, 2, 3]
    value = [0, 1, 2, 3]
    for _ in range(20):
        param.mutate(value, 0.5, rng)
    assert value == [0, 1, 2, 3]
    assert param.start(rng) == [0, 1, 2, 3]


def test_custom_with_init_only():
    """Without seeding_fn the random phase moves the init."""
    start = [7, 0, 6, 1, 5, 2, 4, 3]
    param = pyhopper.custom(mutation_fn=two_opt, init=start)
    search = pyhopper.Search(tour=param, seed=0)
    search.run(disorder, "min", steps=40, seeding_ratio=1.0, quiet=True)
    assert search.history[0] == {"tour": start}
    assert len(search.history) == 40
    assert start == [7, 0, 6, 1, 5, 2, 4, 3]


def test_custom_of_one_argument_and_without_rng():
    param = pyhopper.custom(lambda: random.choice("abc"), lambda value: value + "x")
    search = pyhopper.Search(word=param)
    search.run(lambda p: len(p["word"]), "max", steps=30, quiet=True)
    assert search.best["word"].endswith("x")


def test_a_function_that_forgets_its_return_is_named(rng):
    """Such as a move that changes the value in place."""
    param = pyhopper.custom(seeding_fn=lambda: [1], mutation_fn=lambda v: v.append(1))
    with pytest.raises(pyhopper.CandidateError, match=r"mutation_fn.*return"):
        param.mutate([1], 0.5, rng)
    search = pyhopper.Search(x=pyhopper.custom(lambda: None, lambda value: value))
    with pytest.raises(pyhopper.CandidateError, match=r"seeding_fn.*return missing"):
        search.run(lambda p: 0.0, steps=5, quiet=True)


def test_values_stay_what_they_were():
    """Neither the objective nor a mutation that works in place reaches an older value."""

    def spoil(params):
        value = disorder(params)
        params["tour"].reverse()
        params["tour"].append(99)
        return value

    search = pyhopper.Search(tour=pyhopper.custom(tour, two_opt), seed=0)
    search.run(spoil, "min", steps=100, quiet=True)
    assert all(sorted(value) == list(range(8)) for value in search.history["tour"])
    values = [disorder({"tour": value}) for value in search.history["tour"]]
    assert values == list(search.history.fs)


@pytest.mark.parametrize("executor", [InlineExecutor, Slots])
def test_a_permutation_is_sorted_by_two_opt_moves(executor):
    search = pyhopper.Search(tour=pyhopper.custom(tour, two_opt), seed=0)
    best = search.run(disorder, "min", steps=600, executor=executor(), quiet=True)
    assert search.best_f == 7
    assert best["tour"] in (list(range(8)), list(range(7, -1, -1)))
    seen = [tuple(value) for value in search.history["tour"]]
    assert len(seen) == len(set(seen)), "no tour is evaluated twice"


def test_an_exhausted_set_of_permutations_ends_the_search():
    search = pyhopper.Search(
        tour=pyhopper.custom(lambda rng: rng.permutation(3).tolist(), two_opt), seed=0
    )
    search.run(disorder, "min", steps=100, quiet=True)
    assert len(search.history) == 6


def test_values_without_hash_or_json(tmp_path):
    rng = np.random.default_rng(0)
    param = pyhopper.custom(
        lambda: Money(int(rng.integers(5))), lambda value: Money(value.cents + 1)
    )
    search = pyhopper.Search(price=param, x=pyhopper.int(0, 2), seed=0)
    path = tmp_path / "best.json"
    search.run(
        lambda p: p["price"].cents + p["x"], "max", steps=40,
        callbacks=[SaveBestOnDisk(path)], quiet=True,
    )  # fmt: skip
    pairs = [(c["price"].cents, c["x"]) for c in (search.history[i] for i in range(40))]
    assert len(set(pairs)) == 40, "duplicates are found by their content"
    assert json.loads(path.read_text())["params"]["price"] == repr(search.best["price"])


def test_custom_values_in_tables_and_trackers():
    pytest.importorskip("pandas", reason="pandas is not installed")
    search = pyhopper.Search({"a": {"tour": pyhopper.custom(tour, two_opt)}}, seed=0)
    search.run(lambda p: disorder(p["a"]), "min", steps=20, quiet=True)
    table = search.history.to_pandas()
    assert table["a.tour"].tolist() == search.history["a.tour"]


def test_custom_values_with_noise_and_pruner():
    noise = random.Random(0)
    search = pyhopper.Search(tour=pyhopper.custom(tour, two_opt), seed=0)
    wrapped = pyhopper.wrap_n_times(lambda p: disorder(p) + noise.gauss(0, 3), 4)
    search.run(wrapped, "min", steps=150, pruner=TopKPruner(10), quiet=True)
    ends = Counter((each.type, each.status) for each in search.history.evaluations)
    assert sum(ends[kind, Status.PRUNED] for kind in CandidateType) > 20
    assert ends[CandidateType.REEVALUATION, Status.DONE] == 30
    assert disorder(search.best) < disorder(search.history[0])


def test_guesses_for_custom_values():
    search = pyhopper.Search(tour=pyhopper.custom(tour, two_opt), x=pyhopper.int(0, 9), seed=0)
    perfect = {"tour": list(range(8))}
    search += copy.deepcopy(perfect)
    search.run(disorder, "min", steps=3, quiet=True)
    assert search.best["tour"] == perfect["tour"]


def test_a_subclass_is_a_full_citizen():
    even = Checked(40)
    search = pyhopper.Search({"a": {"n": even}, "m": pyhopper.choice({"k": Even(6)}, 0)}, seed=1)
    search += {"a": {"n": 6}}
    with pytest.raises(pyhopper.CandidateError, match=r"a\.n.*must be even"):
        search += {"a": {"n": 7}}
    search.run(lambda p: -abs(p["a"]["n"] - 22), "max", steps=60, quiet=True)
    assert search.best["a"]["n"] == 22
    assert search.history.best_f == 0
    assert all(value % 2 == 0 for value in search.history["a.n"])
    assert even.temperatures == sorted(even.temperatures, reverse=True)
    assert search.free_param_count == 3
    repeat = pyhopper.Search(
        {"a": {"n": Checked(40)}, "m": pyhopper.choice({"k": Even(6)}, 0)}, seed=1
    )
    repeat += {"a": {"n": 6}}
    repeat.run(lambda p: -abs(p["a"]["n"] - 22), "max", steps=60, quiet=True)
    assert list(repeat.history.fs) == list(search.history.fs)


def test_subclasses_that_take_no_rng(rng):
    """Their methods may call each other and those of their base."""

    class Coin(pyhopper.Parameter):
        def sample(self):
            return random.random() < 0.5

        def mutate(self, value, temperature):
            return not value if temperature else self.sample()

    class Dice(Coin):
        def sample(self, sides=6):
            return super().sample() + sides

        def mutate(self, value):
            return self.sample(12)

    class Mixed(Drawing, pyhopper.Parameter):
        def mutate(self, value, temperature, rng):
            return value + 1

    assert Coin().sample(rng) in (True, False)
    assert Coin().mutate(True, 0.5, rng) is False
    assert Dice().sample(rng) in (6, 7)
    assert Dice().mutate(3, 0.5, rng) in (12, 13)
    assert Mixed().sample(rng) == 7
    assert Mixed(init=3).start(rng) == 3
    assert Mixed().mutate(1, 0.5, rng) == 2


class Drawing:
    def sample(self):
        return 7


def test_a_subclass_of_a_built_in_kind_draws_its_own_values():
    class Seven(pyhopper.int):
        def sample(self, rng):
            return 7

        def mutate(self, value, temperature, rng):
            return 8

    search = pyhopper.Search(n=Seven(0, 100), x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], steps=20, quiet=True)
    assert set(search.history["n"]) == {50, 7, 8}

"""Which kernel proposes, what the model sees of a space, and what thinking may cost."""

import math
from collections import Counter

import numpy as np
import pytest
from helpers import running

import pyhopper
from pyhopper.budget import Budget, Schedule
from pyhopper.events import CandidateType
from pyhopper.kernels.coordinates import switch_off, uniform
from pyhopper.kernels.effort import Effort, Thinking
from pyhopper.kernels.encoding import Encoding
from pyhopper.kernels.steps import kernel as steps_kernel
from pyhopper.kernels.steps.lines import Lines
from pyhopper.testing import ScriptedExecutor


def mixed(seed=0, **more):
    return pyhopper.Search(
        {
            "lr": pyhopper.float(1e-5, 1e-1, "0.1g"),
            "n": pyhopper.int(1, 1000, log=True),
            "x": pyhopper.float(0, 1),
            "w": pyhopper.int(0, 3, shape=(2, 2)),
            "pick": pyhopper.choice("a", "b", weights=[9, 1]),
            "size": pyhopper.choice([1, 10, 100], is_ordinal=True),
            "opt": pyhopper.choice("sgd", {"name": "adam", "beta": pyhopper.float(0, 1, "0.1f")}),
            "order": pyhopper.custom(lambda rng: rng.permutation(4).tolist()),
        },
        seed=seed,
        **more,
    )


def test_rows_and_points(rng):
    """A row becomes a legal point, and the row of that point gives it back."""
    space = mixed()._log.space
    encoding = Encoding(space)
    coordinates = encoding.coordinates
    assert coordinates.dimension == 11
    assert [space.leaves[index].name for index in encoding.others] == ["order"]
    for row in switch_off(coordinates, uniform(rng, coordinates, 300)):
        point = encoding.decode(row, None, rng)
        space.read_all(space.build(point))
        again = encoding.decode(encoding.encode(point), point, rng)
        assert space.key(again[3:]) == space.key(point[3:])
        assert again[:2] == point[:2]
        assert again[2] == pytest.approx(point[2])


def test_rows_of_lists(rng):
    """A list has a column for its length, which switches on those of its items."""
    space = pyhopper.Search(
        layers=pyhopper.list(pyhopper.int(16, 512, power_of=2), 1, 4),
        blocks=pyhopper.list(pyhopper.choice("a", "b", "c", weights=[1, 2, 3]), 0, 2),
        pair=pyhopper.list(pyhopper.float(0, 1), 2),
        opt=pyhopper.choice("sgd", {"betas": pyhopper.list(pyhopper.int(9), 1, 2)}),
        free=pyhopper.list(pyhopper.int(9), 1, 2, seeding_fn=lambda: [1]),
    )._log.space
    encoding = Encoding(space)
    coordinates = encoding.coordinates
    assert coordinates.dimension == (1 + 4) + (1 + 2) + (1 + 2) + 1 + (1 + 2)
    assert [space.leaves[index].name for index in encoding.others] == ["free"]
    lengths = Counter()
    for row in switch_off(coordinates, uniform(rng, coordinates, 1000)):
        point = encoding.decode(row, None, rng)
        params = space.build(point)
        space.read_all(params)
        again = encoding.decode(encoding.encode(point), point, rng)
        assert space.key(again) == space.key(point)
        assert np.isnan(row[1:5]).sum() == 4 - len(params["layers"])
        lengths[len(params["layers"])] += 1
    # Each of four lengths 250 times, within six standard deviations.
    assert all(abs(lengths[n] - 250) < 6 * 14 for n in range(1, 5))


def test_screening_sees_lists():
    """Layers of a network: the model finds length and widths that random search does not."""

    def objective(params):
        widths = [np.log2(width) for width in params["layers"]]
        wanted = [9, 7, 5]
        off = sum(abs(a - b) for a, b in zip(widths, wanted, strict=False))
        return off + 4 * abs(len(widths) - 3) + 0.1 * (params["act"] != "tanh")

    def search(seed):
        return pyhopper.Search(
            layers=pyhopper.list(pyhopper.int(4, 512, power_of=2), 1, 5),
            act=pyhopper.choice("relu", "tanh", "gelu"),
            seed=seed,
        )

    random = []
    for seed in range(5):
        space, rng = search(seed)._log.space, np.random.default_rng(seed)
        random.append(min(objective(space.build(space.sample(rng))) for _ in range(80)))
    for seed in range(3):
        found = search(seed)
        found.run(objective, "min", steps=80, quiet=True)
        assert found.best_f < min(random)
        assert found.best_f <= 1.1


def test_weights_reach_the_model(rng):
    """Draws for the model keep the weights of a choice: 9 to 1, within six standard deviations."""
    encoding = Encoding(mixed()._log.space)
    rows = uniform(rng, encoding.coordinates, 10_000)
    picks = Counter(encoding.decode(row, None, rng)[4] for row in rows)
    assert abs(picks[1] - 1000) < 6 * 30


def objective(params):
    value = (
        (np.log10(params["lr"]) + 3) ** 2 + (params["x"] - 0.7) ** 2 + abs(params["w"] - 2).sum()
    )
    return value + 0.1 * (params["opt"] == "sgd") + 0.1 * params["order"][0]


def test_screening_finds_better_parameters_sooner():
    """With a model every seed ends better than the median of random searches as long."""
    random = []
    for seed in range(5):
        search = mixed(seed)
        rng = np.random.default_rng(seed)
        points = [search._log.space.build(search._log.space.sample(rng)) for _ in range(60)]
        random.append(min(objective(point) for point in points))
    for seed in range(3):
        search = mixed(seed)
        search.run(objective, "min", steps=60, quiet=True)
        assert search.best_f < np.median(random)


def test_history_says_why():
    """Screened candidates say out of how many they were picked and what was expected of them."""
    search = mixed()
    search.run(objective, "min", steps=80, quiet=True)
    evaluations = search.history.evaluations
    screened = [each for each in evaluations if each.screening is not None]
    assert len(screened) > 20
    assert all(each.screening.proposals >= 300 for each in screened)
    assert all(each.screening.sd >= 0 for each in screened)
    assert {each.type for each in screened} == {
        CandidateType.RANDOM_SEEDING,
        CandidateType.LOCAL_SAMPLING,
    }


def test_expectation_has_the_sign_of_the_objective():
    """Also when maximizing, the expected value is in the objective's units."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0)
    search.run(lambda p: 100 - (p["x"] - 0.3) ** 2, "max", steps=30, quiet=True)
    last = search.history.evaluations[-1]
    assert last.screening.mean == pytest.approx(100, abs=0.5)


def test_regions_that_fail_are_left():
    """Where trainings run out of memory, few more are started."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=0)

    def fails(params):
        if params["x"] > 0.6:
            raise MemoryError
        return params["x"] + params["y"]

    search.run(fails, "max", steps=60, quiet=True)
    late = [each for each in search.history.evaluations if each.id >= 30]
    assert sum(each.status.value == "failed" for each in late) < 15
    assert search.best_f > 1.5


def test_constraints_hold_for_screened_candidates():
    """The model's favourite is passed over where a constraint forbids it."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1), seed=0)
    search.constrain(lambda p: p["x"] + p["y"] < 1)
    seen = []
    search.run(lambda p: seen.append(p) or p["x"] + p["y"], "max", steps=40, quiet=True)
    assert all(p["x"] + p["y"] < 1 for p in seen)
    assert search.best_f > 0.9


def test_many_dimensions_learn_a_step():
    """An array of 300 numbers is no case for a model, and still gets better and better."""
    search = pyhopper.Search(w=pyhopper.float(-1, 1, shape=300), seed=0)
    search.run(lambda p: float(((p["w"] - 0.5) ** 2).sum()), "min", steps=1500, quiet=True)
    assert all(each.screening is None for each in search.history.evaluations)
    assert search.best_f < 0.3 * 300 * 0.25


def test_the_default_call_is_modelled():
    """Also without a seed and where an evaluation takes no time; but for the first and the last."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1))
    search.run(lambda p: p["x"] * p["y"], "max", steps=60, quiet=True)
    assert sum(each.screening is not None for each in search.history.evaluations) > 40


@pytest.mark.parametrize(
    ("schedule", "seconds", "slots", "most"),
    [
        (Schedule(runtime=20), 0.010, 1, 4.0),
        (Schedule(runtime=20), 0.010, 2, 8.0),
        (Schedule(runtime=20), 0.010, 8, 10.0),
        (Schedule(steps=900), 0.0, 1, 10.0),
        (Schedule(steps=10**5), 1e-5, 1, 10.05),
        (Schedule(), 1e-5, 1, 10.05),
        (Schedule(steps=2000), 10.0, 1, math.inf),
    ],
)
def test_thinking_stays_within_its_share(schedule, seconds, slots, most, clock):
    """Proposals that cost 15 ms; what is allowed is used, unless all candidates are modelled."""
    thinking = Thinking(Budget(schedule, running(clock)), slots, repeatable=False)
    used, modelled, count = 0.0, 0, 0
    while clock.monotonic() < (schedule.runtime or math.inf) and count < (schedule.steps or 5000):
        effort = thinking.next()
        cost = 0.015 if effort is Effort.MODEL else 0.0
        used, modelled, count = used + cost, modelled + (cost > 0), count + 1
        if effort is Effort.MODEL:
            thinking.modelled(cost)
        clock.advance(cost + seconds / slots)
        thinking.evaluated(seconds)
    assert used <= most
    assert used > 0.9 * most or modelled == count


@pytest.mark.parametrize("steps", [100, 5000, 10**6])
def test_with_a_seed_the_clock_does_not_matter(steps, clock):
    """The number of evaluations alone decides."""
    thinking = Thinking(Budget(Schedule(steps=steps), running(clock)), slots=1, repeatable=True)
    for count, effort in ((100, Effort.MODEL), (899, Effort.MODEL), (1, Effort.STEP)):
        for seconds in (0.0, 1e-6, 3600.0):
            thinking.evaluated(seconds, 0)
            thinking.modelled(100.0)
        thinking.evaluated(0.0, count)
        assert thinking.next() is effort


def test_candidates_in_flight_are_all_different(clock):
    """Eight slots, and the model knows what runs."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.int(0, 50), seed=0, clock=clock)
    executor = ScriptedExecutor(clock, lambda job: (60 + job.id % 7, job.params["x"]), slots=8)
    search.run(lambda p: 0, "max", steps=60, executor=executor, quiet=True)
    points = [(job.params["x"], job.params["y"]) for _, job in executor.started]
    assert len(set(points)) == 60
    assert search.best_f > 0.95


def test_no_move_is_lost_with_several_slots(clock, monkeypatch):
    """A move that was drawn ahead and put aside comes later, or its block would never end."""
    made = []

    class Watched(Lines):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(steps_kernel, "Lines", Watched)
    search = pyhopper.Search(w=pyhopper.float(-1, 1, shape=100), seed=1, clock=clock)

    def script(job):
        return 1 + job.id % 3, float(np.square(job.params["w"] - 0.3).sum())

    executor = ScriptedExecutor(clock, script, slots=4)
    search.run(lambda params: 0, "min", steps=1200, executor=executor, quiet=True)
    (lines,) = made
    assert search.best_f < 10
    # Those in flight, and what they wait for.
    assert len(lines.blocks) <= 8

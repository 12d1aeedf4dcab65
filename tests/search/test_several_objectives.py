"""Several objectives, and limits on what is measured."""

import math

import numpy as np
import pytest

import pyhopper
from pyhopper.errors import ArgumentError, ObjectiveError
from pyhopper.history.front import knee, nondominated

BOTH = {"accuracy": "max", "latency_ms": "min"}


def train(params):
    """A trade-off: wide is accurate and slow, and depth costs without any use."""
    width, depth = params["width"], params["depth"]
    return {
        "accuracy": 1 - 1 / width - 0.1 * depth,
        "latency_ms": width / 10 + depth,
        "memory_mb": 30.0 * width,
    }


def new(seed=1):
    return pyhopper.Search(
        width=pyhopper.float(1, 100, log=True), depth=pyhopper.float(0, 5), seed=seed
    )


def searched(steps=40, **options):
    search = new()
    search.run(train, BOTH, steps=steps, quiet=True, **options)
    return search


def test_the_front_is_what_no_other_beats():
    """By its definition, among all evaluations; and it is sorted, the best of the first first."""
    search = searched()
    every = [(-e.metrics["accuracy"], e.metrics["latency_ms"]) for e in search.history.evaluations]
    expected = [
        a for a in every if not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in every)
    ]
    found = [(-e.values["accuracy"], e.values["latency_ms"]) for e in search.front]
    assert found == sorted(expected)
    assert 5 < len(found) < 40


def test_run_returns_the_compromise():
    """Nearest to the best of each objective, after the front was scaled."""
    search = new()
    best = search.run(train, BOTH, steps=30, quiet=True)
    assert best == search.best == search.front.best.params == search.front.pick().params
    losses = np.array([[-e.values["accuracy"], e.values["latency_ms"]] for e in search.front])
    scaled = (losses - losses.min(axis=0)) / np.ptp(losses, axis=0)
    assert search.front[int(np.argmin((scaled**2).sum(axis=1)))].params == best
    assert search.best_f == search.front.best.values["accuracy"]


def test_pick_by_target_and_by_weight():
    """A target is reached as cheaply as can be; a weight draws towards its objective."""
    front = searched().front
    fast = front.pick(accuracy=0.8)
    reached = [e for e in front if e.values["accuracy"] >= 0.8]
    assert fast.values["latency_ms"] == min(e.values["latency_ms"] for e in reached)
    accurate = front.pick(weights={"accuracy": 5})
    assert accurate.values["accuracy"] > front.best.values["accuracy"]
    accurate = front.pick(weights={"latency_ms": 0})
    assert accurate.values["accuracy"] == max(e.values["accuracy"] for e in front)
    with pytest.raises(ArgumentError, match=r"no candidate reaches accuracy 2; alone, the best"):
        front.pick(accuracy=2)
    with pytest.raises(ArgumentError, match="is no objective; the search has accuracy, latency_ms"):
        front.pick(loss=1)
    with pytest.raises(ArgumentError, match=r"weights=\['accuracy'\]: must be a dict of numbers"):
        front.pick(weights=["accuracy"])


def test_one_entry_is_an_ordinary_search():
    """The same candidates as with the value alone, and the number under its own name."""
    named, plain = new(), new()
    best = named.run(train, {"accuracy": "max"}, steps=30, quiet=True)
    plain.run(lambda p: train(p)["accuracy"], "max", steps=30, quiet=True)
    assert best == plain.best
    assert named.history.fs == plain.history.fs
    assert len(named.front) == 1
    assert named.front[0].values == {"accuracy": plain.best_f}


@pytest.mark.parametrize("direction", [BOTH, {"accuracy": "max"}])
def test_limits_hold(direction):
    """Nothing outside is the best or on the front; and most of what is tried is inside."""
    search = new()
    search.run(train, direction, steps=40, quiet=True, limits={"memory_mb": (60, 600)})
    inside = [60 <= e.metrics["memory_mb"] <= 600 for e in search.history.evaluations]
    assert len(inside) == 40
    assert all(60 <= entry.metrics["memory_mb"] <= 600 for entry in search.front)
    assert train(search.best)["memory_mb"] <= 600
    # Of draws from the whole space half are inside.
    assert sum(inside[20:]) > 14


def test_a_value_with_a_limit():
    """The plain value has limits too, under its usual key."""
    search = new()
    search.run(
        lambda p: {"value": p["width"], "size": p["width"] * p["depth"]},
        "max",
        steps=40,
        quiet=True,
        limits={"size": 20},
    )
    best = search.history.evaluations[search.history.fs.index(search.best_f)]
    assert best.metrics["size"] <= 20
    assert search.best_f > 80


def test_nothing_inside_yet():
    """The search moves towards the limit, which random draws meet once in ten thousand."""
    search = pyhopper.Search({f"x{i}": pyhopper.float(0, 1) for i in range(4)}, seed=3)

    def objective(p):
        far = sum(abs(p[f"x{i}"] - 0.8) for i in range(4))
        return {"a": p["x0"], "b": 1 - p["x0"] + p["x1"], "far": far}

    search.run(objective, {"a": "min", "b": "min"}, steps=60, quiet=True, limits={"far": 0.2})
    assert len(search.front) > 0


def test_the_models_find_the_front_that_random_draws_miss():
    """Control: with the second phase left out, the front is far from the true one."""

    def objective(p):
        x = np.array([p[f"x{i}"] for i in range(6)])
        g = 1 + 9 * x[1:].mean()
        return {"a": float(x[0]), "b": float(g * (1 - math.sqrt(x[0] / g)))}

    def gap(**options):
        search = pyhopper.Search({f"x{i}": pyhopper.float(0, 1) for i in range(6)}, seed=1)
        search.run(objective, {"a": "min", "b": "min"}, steps=60, quiet=True, **options)
        return np.mean([e.values["b"] - (1 - math.sqrt(e.values["a"])) for e in search.front])

    assert gap() < 0.3
    drawn = pyhopper.Search({f"x{i}": pyhopper.float(0, 1) for i in range(6)}, seed=1)
    rng = np.random.default_rng(1)
    for _ in range(60):
        params = {f"x{i}": float(rng.random()) for i in range(6)}
        drawn.add(params, objective(params))
    drawn.run(objective, {"a": "min", "b": "min"}, steps=1, quiet=True)
    assert np.mean([e.values["b"] - (1 - math.sqrt(e.values["a"])) for e in drawn.front]) > 0.6


def test_many_dimensions():
    """The step that learns has a front, too: at cheap objectives with large arrays."""
    search = pyhopper.Search(x=pyhopper.float(0, 1, shape=80), seed=1)

    def objective(p):
        x = p["x"]
        g = 1 + 9 * float(x[1:].mean())
        return {"a": float(x[0]), "b": g * (1 - math.sqrt(float(x[0]) / g))}

    search.run(objective, {"a": "min", "b": "min"}, steps=1200, quiet=True)
    # Random draws have g = 5.5 with a standard deviation of 0.3.
    assert min(e.values["b"] / (1 - math.sqrt(e.values["a"]) + 1e-9) for e in search.front) < 4.5
    assert len(search.front) > 10


# Files, the caller's own loop, what is known before -----------------------------------------------


def test_a_resume_goes_on_exactly(tmp_path):
    """Stopped by the budget of an earlier call, or not at all: the same front."""
    path = tmp_path / "run.ckpt"
    limits = {"memory_mb": 2000}

    def until(count):
        calls = []

        def train_(params):
            calls.append(1)
            if len(calls) > count:
                raise KeyboardInterrupt
            return train(params)

        train_.__qualname__ = "train"
        return train_

    options = {"steps": 30, "quiet": True, "limits": limits}
    new().run(until(17), BOTH, checkpoint_path=path, **options)
    again = new()
    again.run(until(99), BOTH, checkpoint_path=path, **options)
    whole = new()
    whole.run(until(99), BOTH, **options)
    assert [e.values for e in again.front] == [e.values for e in whole.front]
    assert again.best == whole.best
    seen = new()
    seen.load(path)
    assert [e.values for e in seen.front] == [e.values for e in whole.front]
    saved = tmp_path / "saved.ckpt"
    again.save(saved)
    copy = new()
    copy.load(saved)
    assert [e.params for e in copy.front] == [e.params for e in whole.front]


def test_other_objectives_are_refused_and_other_limits_are_not(tmp_path):
    """What was measured can be judged by other limits, not by other objectives."""
    path = tmp_path / "run.ckpt"
    search = searched(steps=15, checkpoint_path=path)
    other = new()
    with pytest.raises(ArgumentError, match="the results so far are for max accuracy, min latency"):
        other.run(train, {"accuracy": "max"}, steps=20, quiet=True, checkpoint_path=path)
    with pytest.raises(ArgumentError, match="make a new Search"):
        new().run(train, "max", steps=20, quiet=True, checkpoint_path=path)
    assert any(entry.metrics["memory_mb"] > 900 for entry in search.front)
    again = new()
    again.run(train, BOTH, steps=16, quiet=True, checkpoint_path=path, limits={"memory_mb": 900})
    assert all(entry.metrics["memory_mb"] <= 900 for entry in again.front)


def test_ask_and_tell():
    """The caller's own loop has the same front as a run."""
    search = new()
    limits = {"memory_mb": 2000}
    for _ in range(25):
        candidate = search.ask(BOTH, steps=25, limits=limits)
        search.tell(candidate, train(candidate.params))
    assert search.ask(BOTH, steps=25, limits=limits) is None
    other = new()
    other.run(train, BOTH, steps=25, quiet=True, limits=limits)
    assert [e.values for e in search.front] == [e.values for e in other.front]
    more = new()
    candidate = more.ask(BOTH)
    with pytest.raises(ArgumentError, match="told a dict without 'latency_ms'"):
        more.tell(candidate, {"accuracy": 1})
    with pytest.raises(ArgumentError, match="instead of a dict with a number under"):
        more.tell(candidate, 0.5)
    more.tell(candidate, pyhopper.PRUNED)


def test_known_results():
    """Told before the first run, when nobody knows the objectives, and after it."""
    search = new()
    search.add({"width": 50.0, "depth": 0.0}, train({"width": 50.0, "depth": 0.0}))
    search.add({"width": 2.0, "depth": 5.0}, {"unrelated": 3})
    search.run(train, BOTH, steps=5, quiet=True)
    search.add({"width": 20.0, "depth": 0.0}, {"accuracy": 0.95, "latency_ms": 2.0})
    kept = [entry.params["width"] for entry in search.front]
    assert 50.0 in kept
    assert 20.0 in kept
    assert 2.0 not in kept
    with pytest.raises(ArgumentError, match="must be a dict with accuracy, latency_ms"):
        search.add({"width": 3.0, "depth": 0.0}, 1.0)


def test_a_noisy_front_is_checked():
    """In the last fifth members run again, and stand with the mean of what is not their luck."""
    rng = np.random.default_rng(5)

    def noisy(params):
        found = train(params)
        return {**found, "accuracy": found["accuracy"] + 0.05 * rng.standard_normal()}

    search = new()
    search.run(pyhopper.wrap_n_times(noisy, 2), BOTH, steps=50, quiet=True)
    types = [each.type for each in search.history.evaluations]
    assert types.count("re-evaluation") >= 5
    assert "re-evaluation" not in types[:40]


# Mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": {}}, "names no objective"),
        ({"direction": {"accuracy": "up"}}, 'must be "max" or "min"'),
        ({"direction": {3: "max"}}, "3 is no name"),
        ({"direction": ["max", "min"]}, "for several objectives a dict"),
        ({"limits": 3}, "must be a dict of what is measured"),
        ({"limits": {"memory_mb": "2GB"}}, r"must be a number \(at most\) or a pair"),
        ({"limits": {"memory_mb": (5, 1)}}, "allows nothing"),
        ({"limits": {"memory_mb": (None, None)}}, "allows everything"),
        ({"stop": 0.9}, "must have targets by name"),
        ({"stop": {"loss": 0.9}}, "must have targets by name"),
        ({"stop": {"accuracy": 0.9, "loss": 0.9}}, "must have targets by name"),
        ({"pruner": "auto"}, "judges one number, and there are several objectives"),
        (
            {"pruner": pyhopper.pruners.QuantilePruner(0.5, objective="loss")},
            "judges 'loss', which is no objective; the search has accuracy, latency_ms",
        ),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    """Each is refused before anything runs."""

    def never(params):
        raise AssertionError

    with pytest.raises(ArgumentError, match=message):
        new().run(never, **{"direction": BOTH, "steps": 5, "quiet": True, **arguments})


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"accuracy": 1}, "a dict without 'latency_ms', 'memory_mb'; it has 'accuracy'"),
        (0.5, "instead of a dict with a number under 'accuracy', 'latency_ms', 'memory_mb'"),
        (None, "is a `return` missing"),
        (
            {"accuracy": 1, "latency_ms": "fast", "memory_mb": 1},
            r"'fast' \(a str\) instead of a number$",
        ),
    ],
)
def test_results_that_lack_something(result, message):
    """A key that never comes ends the search with its name."""
    with pytest.raises(ObjectiveError, match=message):
        new().run(lambda p: result, BOTH, steps=5, quiet=True, limits={"memory_mb": 1})


def test_nan_is_a_failure_that_says_where():
    """Of one objective, or of what there is a limit on."""

    def objective(params):
        found = train(params)
        if params["width"] > 30:
            found["latency_ms"] = math.nan
        elif params["width"] > 10:
            found["memory_mb"] = math.nan
        return found

    search = new()
    search.run(objective, BOTH, steps=20, quiet=True, limits={"memory_mb": 2000})
    reasons = {each.reason for each in search.history.evaluations if each.status == "failed"}
    told = "pass ignore_nans=True to expect that"
    assert reasons <= {
        f"the objective returned nan under 'latency_ms'; {told}",
        f"the objective returned nan under 'memory_mb'; {told}",
    }
    assert reasons


def test_a_target_of_each_objective():
    """The search ends once one candidate reaches all of them."""
    search = new()
    search.run(train, BOTH, steps=200, quiet=True, stop={"accuracy": 0.9, "latency_ms": 2.0})
    assert len(search.history) < 200
    last = search.history.evaluations[-1].metrics
    assert last["accuracy"] >= 0.9
    assert last["latency_ms"] <= 2.0


def test_pruning_by_a_named_objective():
    """Estimates are of that objective, in its direction."""

    def objective(params):
        for epoch in range(1, 6):
            yield {"latency_ms": params["width"] * epoch}
        yield {"accuracy": params["depth"], "latency_ms": params["width"] * 6}

    search = new()
    pruner = pyhopper.pruners.TopKPruner(3, objective="latency_ms")
    search.run(objective, BOTH, steps=30, quiet=True, pruner=pruner)
    pruned = [e.params["width"] for e in search.history.evaluations if e.status == "pruned"]
    done = [e.params["width"] for e in search.history.evaluations if e.status == "done"]
    assert pruner.direction == "min"
    assert pruned
    assert np.mean(pruned) > np.mean(done)


# Arithmetic --------------------------------------------------------------------------------------


def test_nondominated_by_brute_force():
    """Against the definition, with many ties."""
    rng = np.random.default_rng(7)
    for count in (1, 2, 3, 4):
        rows = rng.integers(0, 5, (60, count)).astype(float)
        found = nondominated(rows)
        for index, row in enumerate(rows):
            beaten = any((other <= row).all() and (other < row).any() for other in rows)
            twin = any((rows[j] == row).all() for j in np.flatnonzero(found) if j != index)
            assert found[index] == (not beaten and not (twin and not found[index]))


def test_the_knee_of_a_front():
    """The corner of an L; of huge numbers, too."""
    front = np.array([[0.0, 10.0], [1.0, 1.0], [10.0, 0.0]])
    assert knee(front) == 1
    assert knee(front * 1e307) == 1
    assert knee(front, np.array([5.0, 1.0])) == 1
    assert knee(front, np.array([1.0, 0.0])) == 0


def test_large_arrays_of_the_whole_front_are_kept(tmp_path):
    """After a resume, a load and a save each candidate on the front has its own array."""

    def objective(params):
        x = params["x"]
        return {"a": float(x[0, 0]), "b": float(abs(x - 0.5).mean()) - float(x[0, 0])}

    def large():
        return pyhopper.Search(x=pyhopper.float(0, 1, shape=(100, 100)), seed=1)

    path, saved = tmp_path / "run.ckpt", tmp_path / "saved.ckpt"
    directions = {"a": "min", "b": "min"}
    large().run(objective, directions, steps=6, quiet=True, checkpoint_path=path)
    search = large()
    search.run(objective, directions, steps=10, quiet=True, checkpoint_path=path)
    search.save(saved)
    for file in (path, saved):
        copy = large()
        copy.load(file)
        assert len(copy.front) == len(search.front) > 1
        assert all(objective(entry.params) == entry.values for entry in copy.front)
        assert objective(copy.best)["a"] == copy.best_f

"""All kinds of parameters in one search: in workers, and after a resume."""

import numpy as np
from helpers import told
from scipy import stats

import pyhopper


class Even(pyhopper.Parameter):
    """A user's own kind: an even number."""

    def sample(self, rng):
        return 2 * int(rng.integers(500))

    def mutate(self, value, temperature, rng):
        return (value + 2 * int(rng.integers(1, 50))) % 1000


class Tour:
    """A value of a class that files know nothing of."""

    def __init__(self, stops):
        self.stops = list(stops)

    def __repr__(self):
        return f"Tour({self.stops})"

    @staticmethod
    def draw(rng):
        return Tour(rng.permutation(6).tolist())

    def swap(self, temperature, rng):
        a, b = rng.choice(6, size=2, replace=False)
        self.stops[a], self.stops[b] = self.stops[b], self.stops[a]
        return self


def every_kind(**more):
    return pyhopper.Search(
        {
            "n": pyhopper.int(0, 100, multiple_of=5),
            "power": pyhopper.int(2, 64, power_of=2),
            "lr": pyhopper.float(1e-5, 1e-1, "0.1g"),
            "free": pyhopper.float(),
            "w": pyhopper.float(-1, 1, shape=(2, 2), dtype=np.float32),
            "opt": pyhopper.choice(
                "sgd",
                {"name": "adam", "betas": [pyhopper.float(0, 1), pyhopper.bool()]},
                weights=[1, 2],
            ),
            "layers": pyhopper.list(pyhopper.choice(16, {"width": pyhopper.int(1, 9)}), 1, 3),
            "rate": pyhopper.distribution(stats.gamma(3)),
            "even": Even(),
            "tour": pyhopper.custom(
                Tour.draw,
                lambda value, temperature, rng: value.swap(temperature, rng),
                encode=lambda tour: tour.stops,
                decode=Tour,
            ),
            "hooked": pyhopper.int(
                9, seeding_fn=lambda rng: rng.integers(9), mutation_fn=lambda n: n + 1
            ),
            "data": ("constant", {"epochs": 20}),
        },
        seed=5,
        **more,
    )


def show(params):
    return {"value": params["lr"] * len(params["layers"]) + params["rate"], "seen": repr(params)}


def test_every_kind_in_workers_and_after_a_resume(tmp_path):
    """Subprocesses get what the history shows, and a later process goes on from it."""
    path = tmp_path / "run.ckpt"
    first = every_kind()
    first.run(show, steps=6, n_jobs=2, checkpoint_path=path, on_error="raise", quiet=True)
    search = every_kind()
    search.run(show, steps=16, n_jobs=2, checkpoint_path=path, on_error="raise", quiet=True)
    assert told(search)[:6] == told(first)
    seen = [each.metrics["seen"] for each in search.history.evaluations]
    assert seen == [repr(search.history[at]) for at in range(16)]
    assert len(set(seen)) == 16


def test_every_kind_is_resumed_as_if_nothing_had_happened(tmp_path):
    """An interrupted search ends with the same candidates as one that was not."""
    calls = []

    def interrupted(params):
        calls.append(params)
        if len(calls) in (5, 14):
            raise KeyboardInterrupt
        return show(params)

    whole = every_kind()
    whole.run(show, steps=20, quiet=True)
    for _ in range(3):
        search = every_kind()
        search.run(interrupted, steps=20, checkpoint_path=tmp_path / "run.ckpt", quiet=True)
    assert len(calls) == 22
    assert told(search) == told(whole)

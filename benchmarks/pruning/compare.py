"""How good a search with early stopping is after so many training steps.

python benchmarks/pruning/compare.py [--seeds 5] [--trainings 24] [--tasks net-digits ...]
    [--methods auto ...] [--out results.json]

The tasks are the recorded curves of ``curves.npz``. All methods search the same finite grid and may
use as many steps as ``--trainings`` full trainings have; a step takes a second on a fake clock.
Printed is the share of the grid that ends better than what a method calls its best, in percent,
after a third, two thirds and all of the steps (mean and standard error over the seeds), by the true
final values. Then follows how many steps pyhopper with ``pruner="auto"`` needs for what each peer
has at the end. Optuna, Ray and SMAC are included if they are installed, see ``peers.py``.
"""

import argparse
import contextlib
import functools
import itertools
import json
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import peers
from grids import CURVES, GRIDS, bowl, configurations, kind_of

import pyhopper
from pyhopper.pruners import QuantilePruner
from pyhopper.testing import FakeClock

NOISELESS = ("crossing", "noisy", "repeats")
ACCURACY = ("net-digits", "net-moons")


class Spent(Exception):
    """All steps are used."""


class Task:
    """Trainings that are looked up; keeps what was the best after how many steps."""

    def __init__(self, name: str, curves: np.ndarray, trainings: int) -> None:
        self.grid = GRIDS[kind_of(name)]
        self.curves = curves if name not in ACCURACY else -curves
        known = np.nan_to_num(self.curves[:, -1], nan=np.inf)
        if name in NOISELESS:
            known = np.array([bowl(config) for config in configurations(self.grid)])
        self.shares = 100 * np.searchsorted(np.sort(known), known) / len(known)
        self.sizes = [len(values) for values in self.grid.values()]
        self.length = curves.shape[1]
        self.budget = trainings * self.length
        self.used = 0
        self.best = math.inf
        self.found: list[tuple[int, float]] = []
        self.clock = FakeClock()

    def train(self, places: list[int]) -> Iterator[float]:
        """The losses after each step of the configuration at these places of the grid."""
        index = int(np.ravel_multi_index(places, self.sizes))
        for loss in self.curves[index]:
            if self.used >= self.budget:
                raise Spent
            self.used += 1
            self.clock.advance(1.0)
            # What has diverged is reported as a large loss by any careful script.
            value = float(loss) if math.isfinite(loss) else 1e6
            yield value
        if value < self.best:
            self.best = value
            self.found.append((self.used, float(self.shares[index])))

    def after(self, steps: float) -> float:
        """The share of the grid that is better than the best after so many steps; 100 without."""
        return next((share for used, share in reversed(self.found) if used <= steps), 100.0)


def with_pyhopper(pruner: Callable | None, task: Task, seed: int) -> None:
    # Places on the grid, so that looking up is exact.
    template = {
        name: pyhopper.int(0, size - 1) if size > 2 else pyhopper.choice(0, 1)
        for name, size in zip(task.grid, task.sizes, strict=True)
    }
    search = pyhopper.Search(template, seed=seed, clock=task.clock)

    def objective(params: dict) -> Iterator[float]:
        yield from task.train(list(params.values()))

    budget = float(task.budget)
    made = pruner and pruner()
    search.run(objective, "min", runtime=budget, pruner=made, quiet=True)


def fixed(task: Task, seed: int) -> None:
    """One step for many random configurations, then full trainings of the best of them.

    Half of the steps go to each. The second part repeats the first step of what it trains.
    """
    rng = np.random.default_rng(seed)
    count = min(task.budget // 2, len(task.curves))
    drawn = rng.permutation(len(task.curves))[:count]
    places = [[int(p) for p in np.unravel_index(i, task.sizes)] for i in drawn]
    for each in sorted(places, key=lambda each: next(task.train(each))):
        for _ in task.train(each):
            pass


METHODS: dict[str, Callable[[Task, int], None]] = {
    "pyhopper": functools.partial(with_pyhopper, None),
    "auto": functools.partial(with_pyhopper, lambda: "auto"),
    "QuantilePruner(0.5)": functools.partial(with_pyhopper, lambda: QuantilePruner(0.5)),
    "fixed": fixed,
    **peers.METHODS,
}


def table(rows: dict[str, dict[str, list[list[float]]]], marks: list[float]) -> None:
    """Print the shares by task and method, and the means over the tasks."""
    print("| task | method | " + " | ".join(f"{mark:.0f} steps" for mark in marks) + " |")
    print("| --- | --- |" + " --- |" * len(marks))
    methods = list(next(iter(rows.values())))
    for task, results in rows.items():
        for method in methods:
            shares = np.array(results[method])
            errors = shares.std(axis=0) / math.sqrt(len(shares))
            cells = [f"{m:.1f} ± {e:.1f}" for m, e in zip(shares.mean(axis=0), errors, strict=True)]
            print(f"| {task} | {method} | " + " | ".join(cells) + " |")
    for method in methods:
        mean = np.mean([np.mean(results[method], axis=0) for results in rows.values()], axis=0)
        print(f"| all | {method} | " + " | ".join(f"{each:.1f}" for each in mean) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trainings", type=int, default=24)
    parser.add_argument("--tasks", nargs="*")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--out", type=Path, help="keep the shares after each tenth training here")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    stored = np.load(CURVES)
    names = args.tasks or stored.files
    fine = np.linspace(0, 1, 49)[1:]
    found: dict[str, dict[str, list[list[float]]]] = {name: {} for name in names}
    for name, method in itertools.product(names, args.methods):
        found[name][method] = []
        for seed in range(args.seeds):
            task = Task(name, stored[name].astype(float), args.trainings)
            with contextlib.suppress(Spent):
                METHODS[method](task, seed)
            found[name][method].append([task.after(share * task.budget) for share in fine])
        print(f"{name} {method}: {np.mean(found[name][method], axis=0)[-1]:.1f}", flush=True)
        if args.out:
            args.out.write_text(json.dumps(found))
    total = args.trainings * stored[names[0]].shape[1]
    third = {
        name: {m: [[s[15], s[31], s[47]] for s in seeds] for m, seeds in methods.items()}
        for name, methods in found.items()
    }
    print()
    table(third, [total / 3, 2 * total / 3, total])
    if "auto" not in args.methods:
        return
    mean = {
        m: np.mean([np.mean(f[m], axis=0) for f in found.values()], axis=0) for m in args.methods
    }
    for method in args.methods:
        reached = np.flatnonzero(mean["auto"] <= mean[method][-1])
        steps = f"{fine[reached[0]] * total:.0f}" if len(reached) else f"more than {total}"
        print(f"auto needs {steps} steps for what {method} has after {total}")


if __name__ == "__main__":
    main()

"""How good the parameters are that a search of noisy trainings finds in a given time.

python benchmarks/noise.py [--seeds 20] [--only pyhopper]

A training takes one second on a fake clock and returns the true loss of its parameters plus noise.
All methods have the same number of seconds. Printed are the true loss of the parameters that a
method calls best (mean and standard error over the seeds), by how much the value that it reports
differs from that, and the real seconds of a search. Optuna is included if it is installed.
"""

import argparse
import importlib.util
import math
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

import pyhopper
from pyhopper.testing import FakeClock

REPEATS = 8


class Training:
    """A task; the seed determines where the best parameters are, and the noise."""

    def __init__(self, seed: int, noise: float) -> None:
        rng = np.random.default_rng(seed)
        self.rng = np.random.default_rng(seed + 10_000)
        self.best = rng.uniform(0.2, 0.8, 5)
        self.weights = rng.uniform(0.3, 3.0, 5)
        self.kind = rng.permutation(3) * 0.15
        self.noise = noise
        self.clock = FakeClock()
        self.calls = 0

    def loss(self, params: dict) -> float:
        """The true loss."""
        x = [params["width"] / 100, (math.log10(params["lr"]) + 5) / 4]
        x += [params["drop"], params["decay"], params["warm"]]
        bowl = float((self.weights * (np.array(x) - self.best) ** 2).sum())
        return bowl + float(self.kind["abc".index(params["opt"])])

    def __call__(self, params: dict) -> float:
        """One training."""
        self.clock.advance(1.0)
        self.calls += 1
        return self.loss(params) + self.noise * float(self.rng.normal())


def template() -> dict:
    return {
        "width": pyhopper.int(0, 100),
        "lr": pyhopper.float(1e-5, 1e-1, log=True),
        "drop": pyhopper.float(0, 1),
        "decay": pyhopper.float(0, 1),
        "warm": pyhopper.float(0, 1),
        "opt": pyhopper.choice("a", "b", "c"),
    }


def with_pyhopper(repeats: int, pruner: Callable | None) -> Callable:
    def method(task: Training, budget: int, seed: int) -> tuple[dict, float]:
        objective = pyhopper.wrap_n_times(task, repeats) if repeats > 1 else task
        search = pyhopper.Search(template(), seed=seed, clock=task.clock)
        best = search.run(objective, "min", runtime=budget, pruner=pruner and pruner(), quiet=True)
        return best, search.best_f

    return method


def with_optuna(repeats: int, pruner: str | None) -> Callable:
    def method(task: Training, budget: int, seed: int) -> tuple[dict, float]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)

        def objective(trial: "optuna.Trial") -> float:
            params = {
                "width": trial.suggest_int("width", 0, 100),
                "lr": trial.suggest_float("lr", 1e-5, 1e-1, log=True),
                "opt": trial.suggest_categorical("opt", ["a", "b", "c"]),
                **{name: trial.suggest_float(name, 0, 1) for name in ("drop", "decay", "warm")},
            }
            values = []
            for step in range(repeats):
                if task.calls >= budget:
                    trial.study.stop()
                    raise optuna.TrialPruned
                values.append(task(params))
                mean = statistics.fmean(values)
                trial.report(values[-1] if pruner == "WilcoxonPruner" else mean, step)
                if trial.should_prune():
                    if pruner == "WilcoxonPruner":
                        return mean  # as its documentation says
                    raise optuna.TrialPruned
            return mean

        chosen = getattr(optuna.pruners, pruner)() if pruner else optuna.pruners.NopPruner()
        sampler = optuna.samplers.TPESampler(seed=seed)
        study = optuna.create_study(sampler=sampler, pruner=chosen, direction="minimize")
        study.optimize(objective, n_trials=budget + 1)
        return study.best_params, study.best_value

    return method


QUANTILE = pyhopper.pruners.QuantilePruner
METHODS = {
    "pyhopper, one training each": with_pyhopper(1, None),
    f"pyhopper, wrap_n_times({REPEATS})": with_pyhopper(REPEATS, None),
    "  + QuantilePruner(0.5)": with_pyhopper(REPEATS, lambda: QUANTILE(0.5)),
    "  + QuantilePruner(0.8)": with_pyhopper(REPEATS, lambda: QUANTILE(0.8)),
    "  + TopKPruner(5)": with_pyhopper(REPEATS, lambda: pyhopper.pruners.TopKPruner(5)),
    "optuna, one training each": with_optuna(1, None),
    f"optuna, mean of {REPEATS}": with_optuna(REPEATS, None),
    "  + MedianPruner": with_optuna(REPEATS, "MedianPruner"),
    "  + WilcoxonPruner": with_optuna(REPEATS, "WilcoxonPruner"),
}


def measure(method: Callable, noise: float, budget: int, seeds: int) -> str:
    found, off, start = [], [], time.perf_counter()
    for seed in range(seeds):
        task = Training(seed, noise)
        best, value = method(task, budget, seed)
        found.append(task.loss(best))
        off.append(value - found[-1])
    error = statistics.stdev(found) / math.sqrt(seeds)
    wall = (time.perf_counter() - start) / seeds
    return (
        f"{statistics.fmean(found):.3f} ± {error:.3f} | {statistics.fmean(off):+.3f} | {wall:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Searches of noisy trainings in equal time.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budgets", type=int, nargs="+", default=[200, 800])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.05, 0.3])
    parser.add_argument("--only", default="", help="methods of one tool")
    args = parser.parse_args()
    tool = ""
    for noise in args.noise:
        for budget in args.budgets:
            print(f"\nnoise {noise} (standard deviation), {budget} trainings, {args.seeds} seeds\n")
            print(
                "| method | true loss | reported minus true | seconds a search |\n|---|---|---|---|"
            )
            for name, method in METHODS.items():
                tool = tool if name.startswith(" ") else name.split(",")[0]
                if args.only and tool != args.only:
                    continue
                if tool == "optuna" and importlib.util.find_spec("optuna") is None:
                    print(f"| {name} | not installed | | |")
                    continue
                print(f"| {name} | {measure(method, noise, budget, args.seeds)} |", flush=True)


if __name__ == "__main__":
    main()

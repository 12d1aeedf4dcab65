"""Shares of importance compared with known ones, and with Optuna's evaluators.

python benchmarks/importance.py

Needs optuna and scikit-learn for the comparison; without them only pyhopper is measured. Each
evaluator gets the same random evaluations, or with ``--search`` those of a search. Printed is the
sum of the errors of all parameters' shares, each set of shares scaled to a sum of 1 since PED-ANOVA
and fANOVA of Optuna know parameters only; and for pyhopper how often a true share of a parameter or
a pair lay in its 90% range.
"""

import argparse
import itertools
import math
import time
from typing import Any

import numpy as np
from tabulate import tabulate

import pyhopper
from pyhopper.history.importance import importance

Params = dict[str, Any]
Truth = dict[tuple[str, ...], float]

G = (0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0)


def ishigami(p: Params) -> float:
    x, y, z = p["x"], p["y"], p["z"]
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


def sobol_g(p: Params) -> float:
    return math.prod((abs(4 * p[f"x{i}"] - 2) + a) / (1 + a) for i, a in enumerate(G))


def mixed(p: Params) -> float:
    line = (math.log10(p["lr"]) + 3) / 2
    return "abc".index(p["kind"]) + 2 * line + 0.5 * p["depth"] + line * (p["kind"] == "c")


def shares_of_g() -> Truth:
    parts = [1 / (3 * (1 + a) ** 2) for a in G]
    whole = math.prod(1 + part for part in parts) - 1
    single = {(f"x{i}",): part / whole for i, part in enumerate(parts)}
    pairs = itertools.combinations(enumerate(parts), 2)
    return single | {(f"x{i}", f"x{j}"): a * b / whole for (i, a), (j, b) in pairs}


def shares_of_ishigami() -> Truth:
    one, two = (1 + 0.1 * math.pi**4 / 5) ** 2 / 2, 49 / 8
    both = 8 * 0.01 * math.pi**8 / 225
    whole = one + two + both
    return {("x",): one / whole, ("y",): two / whole, ("z",): 0.0, ("x", "z"): both / whole}


def shares_of_mixed() -> Truth:
    # The line is uniform on [-1, 1]: its own part is 2 + 1/3 times it, the rest goes to the pair.
    lr, kind, depth = (7 / 3) ** 2 / 3, 2 / 3, 0.25 * 15 / 12
    pair = (2 / 9) / 3
    whole = lr + kind + depth + pair
    found = {("lr",): lr, ("kind",): kind, ("depth",): depth, ("lr", "kind"): pair}
    return {name: part / whole for name, part in found.items()} | {("idle",): 0.0}


PROBLEMS = {
    "Ishigami": (
        lambda: {name: pyhopper.float(-math.pi, math.pi) for name in "xyz"},
        ishigami,
        shares_of_ishigami(),
    ),
    "Sobol's g": (
        lambda: {f"x{i}": pyhopper.float(0, 1) for i in range(len(G))},
        sobol_g,
        shares_of_g(),
    ),
    "mixed": (
        lambda: {
            "lr": pyhopper.float(1e-5, 1e-1, log=True),
            "kind": pyhopper.choice("a", "b", "c"),
            "depth": pyhopper.int(0, 3),
            "idle": pyhopper.bool(),
        },
        mixed,
        shares_of_mixed(),
    ),
}


def evaluated(problem: str, count: int, seed: int) -> pyhopper.Search:
    """A search with so many evaluations of its own."""
    template, function, _ = PROBLEMS[problem]
    search = pyhopper.Search(template(), seed=seed)
    search.run(function, "min", steps=count, quiet=True)
    return search


def drawn(problem: str, count: int, seed: int) -> pyhopper.Search:
    """A search that knows so many random evaluations."""
    template, function, _ = PROBLEMS[problem]
    search = pyhopper.Search(template(), seed=seed)
    rng, space = np.random.default_rng(seed), search._log.space
    for _ in range(count):
        params = space.build(space.sample(rng))
        search.add(params, function(params))
    search._log.state.set_direction(False)
    return search


def by_optuna(search: pyhopper.Search, problem: str, kind: str) -> dict[str, float]:
    """Shares by one of Optuna's evaluators."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {}
    for name, param in PROBLEMS[problem][0]().items():
        if name in ("kind", "idle"):
            options = ("a", "b", "c") if name == "kind" else (False, True)
            distributions[name] = optuna.distributions.CategoricalDistribution(options)
        elif name == "depth":
            distributions[name] = optuna.distributions.IntDistribution(0, 3)
        else:
            low, high = param.bounds.low, param.bounds.high
            log = name == "lr"
            distributions[name] = optuna.distributions.FloatDistribution(low, high, log=log)
    study = optuna.create_study(direction="minimize")
    for each in search.history.evaluations:
        trial = optuna.trial.create_trial(
            params=each.params, distributions=distributions, value=each.value
        )
        study.add_trial(trial)
    evaluators = {
        "fANOVA": lambda: optuna.importance.FanovaImportanceEvaluator(seed=0),
        "PED-ANOVA": optuna.importance.PedAnovaImportanceEvaluator,
    }
    return optuna.importance.get_param_importances(study, evaluator=evaluators[kind]())


def error(found: dict[str, float], truth: Truth) -> float:
    """The sum of the errors of the parameters' shares, both scaled to a sum of 1."""
    single = {name[0]: share for name, share in truth.items() if len(name) == 1}
    whole, total = sum(single.values()), sum(found.values()) or 1.0
    return sum(abs(found.get(n, 0.0) / total - share / whole) for n, share in single.items())


def measure(problem: str, count: int, searched: bool, seeds: int, kinds: list[str]) -> list[Any]:
    """A row of the table."""
    truth = PROBLEMS[problem][2]
    errors, inside, seconds = {kind: [] for kind in ("pyhopper", *kinds)}, [], 0.0
    for seed in range(seeds):
        search = (evaluated if searched else drawn)(problem, count, seed)
        start = time.perf_counter()
        result = importance(search.history.sheet())
        seconds += time.perf_counter() - start
        shares = {share.parameters: share for share in result}
        single = {name[0]: s.share for name, s in shares.items() if len(name) == 1}
        errors["pyhopper"].append(error(single, truth))
        for name, share in truth.items():
            told = shares.get(name) or shares.get(name[::-1])
            if share > 0.01:
                # Ends are rounded to a percent, as they are printed.
                inside.append(told and told.low - 0.005 <= share <= told.high + 0.005)
        for kind in kinds:
            errors[kind].append(error(by_optuna(search, problem, kind), truth))
    means = [f"{np.mean(each):.2f}" for each in errors.values()]
    hits = np.mean([bool(each) for each in inside])
    return [problem, count, *means, f"{100 * hits:.0f}%", f"{seconds / seeds:.1f} s"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Shares of importance against known ones.")
    parser.add_argument("--search", action="store_true", help="evaluations of a search")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="+", default=[30, 100, 200])
    args = parser.parse_args()
    kinds = ["fANOVA", "PED-ANOVA"]
    try:
        import optuna  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as missing:
        print(f"without Optuna's evaluators: {missing}")
        kinds = []
    rows = [
        measure(problem, count, args.search, args.seeds, kinds)
        for problem in PROBLEMS
        for count in args.counts
    ]
    headers = ["function", "evaluations", "pyhopper", *kinds, "in 90% range", "time"]
    print(tabulate(rows, headers, "simple", disable_numparse=True))


if __name__ == "__main__":
    main()

"""How much a search loses when several candidates run at once, compared with other packages.

Evaluations have random durations on a simulated clock, so that every solver is told the results in
the order in which they would come in, but nobody waits. Run this once in each peer's environment
(see README.md; ``ray-…`` also need ``pip install "ray[tune]"``), then print the table:

    python parallel.py run "pyhopper (this)" --out parallel.jsonl
    venv-optuna/bin/python parallel.py run optuna-tpe --out parallel.jsonl
    venv-ray/bin/python parallel.py run ray-optuna --out parallel.jsonl
    python parallel.py table parallel.jsonl
"""

from __future__ import annotations

import argparse
import collections
import heapq
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import score
import tasks

BUDGET = 200
TASKS = (
    [f"HPOBench/{n}" for n in ("car", "segment")]
    + ["HPOLib/protein_structure", "NASBench201/cifar10"]
    + [f"bbob/f{f}/d{d}/i1" for d in (2, 5, 20) for f in (1, 8, 15)]
    + [f"mixint/f{f}/d{d}/i1" for d in (5, 10) for f in (1, 8)]
)
Point = list[Any]
Ask = Callable[[], tuple[Any, Point]]
Tell = Callable[[Any, float], None]


def seconds(task: str, seed: int) -> Callable[[], float]:
    """A generator of durations; most are between half and twice the median of 1 s."""
    rng = np.random.default_rng([seed, sum(task.encode())])
    return lambda: float(np.exp(0.4 * rng.standard_normal()))


def play(task: str, seed: int, slots: int, ask: Ask, tell: Tell) -> list[tuple[float, float]]:
    """Keep the slots busy until the budget is used: (seen, true) values as they come in."""
    problem, lasts = tasks.make(task, seed), seconds(task, seed)
    running: list[tuple[float, int, Any, float, float]] = []
    now, started = 0.0, 0
    results = []
    while started < BUDGET or running:
        while started < BUDGET and len(running) < slots:
            handle, point = ask()
            value, truth = problem.observe(point), problem.truth(point)
            heapq.heappush(running, (now + lasts(), started, handle, value, truth))
            started += 1
        now, _, handle, value, truth = heapq.heappop(running)
        tell(handle, value)
        results.append((value, truth))
    return results


def ours(task: str, seed: int, slots: int) -> list[tuple[float, float]]:
    """Run this package on a fake clock."""
    from run_pyhopper import parameter

    import pyhopper
    from pyhopper.testing import FakeClock, ScriptedExecutor

    problem, lasts, clock = tasks.make(task, seed), seconds(task, seed), FakeClock()
    truths = {}

    def script(job: Any) -> tuple[float, float]:
        point = [job.params[p.name] for p in problem.params]
        truths[job.id] = problem.truth(point)
        return lasts(), problem.observe(point)

    template = {p.name: parameter(p) for p in problem.params}
    search = pyhopper.Search(template, seed=seed, clock=clock)
    executor = ScriptedExecutor(clock, script, slots)
    search.run(lambda _: 0, "min", steps=BUDGET, executor=executor, quiet=True)
    table = search.history.to_pandas()
    return [(v, truths[i]) for i, v in zip(table.id, table.value, strict=True)]


def random(task: str, seed: int, slots: int) -> list[tuple[float, float]]:
    """Draw every candidate from the whole space, which is also the default of Ray Tune."""
    rng = np.random.default_rng(seed)
    params = tasks.make(task, seed).params

    def ask() -> tuple[None, Point]:
        units = [
            rng.integers(p.levels) if p.kind == "categorical" else rng.random() for p in params
        ]
        return None, [p.decode(unit) for p, unit in zip(params, units, strict=True)]

    return play(task, seed, slots, ask, lambda _, value: None)


def optuna(task: str, seed: int, slots: int, liar: bool = False) -> list[tuple[float, float]]:
    """Optuna's TPE, through ask and tell."""
    import optuna as package
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    package.logging.set_verbosity(package.logging.ERROR)
    params = tasks.make(task, seed).params
    space: dict[str, Any] = {}
    for p in params:
        if p.kind == "categorical":
            space[p.name] = CategoricalDistribution(list(p.values))
        elif p.kind == "ordinal":
            space[p.name] = IntDistribution(0, len(p.values) - 1)
        elif p.kind == "int":
            space[p.name] = IntDistribution(int(p.low), int(p.high))
        else:
            space[p.name] = FloatDistribution(p.low, p.high, log=p.log)
    study = package.create_study(sampler=package.samplers.TPESampler(seed=seed, constant_liar=liar))

    def ask() -> tuple[Any, Point]:
        trial = study.ask(space)
        return trial, [
            p.values[trial.params[p.name]] if p.kind == "ordinal" else trial.params[p.name]
            for p in params
        ]

    return play(task, seed, slots, ask, lambda trial, value: study.tell(trial, value) and None)


def optuna_liar(task: str, seed: int, slots: int) -> list[tuple[float, float]]:
    """Optuna's TPE with the option that its documentation recommends for parallel runs."""
    return optuna(task, seed, slots, liar=True)


def ray(task: str, seed: int, slots: int, tool: str) -> list[tuple[float, float]]:
    """A search algorithm of Ray Tune, called as its controller does for each trial."""
    from ray import tune

    params = tasks.make(task, seed).params
    space: dict[str, Any] = {}
    for p in params:
        if p.kind == "categorical":
            space[p.name] = tune.choice(list(p.values))
        elif p.kind == "ordinal":
            space[p.name] = tune.randint(0, len(p.values))
        elif p.kind == "int":
            space[p.name] = tune.randint(int(p.low), int(p.high) + 1)
        else:
            space[p.name] = (tune.loguniform if p.log else tune.uniform)(p.low, p.high)
    search: Any
    if tool == "optuna":
        from ray.tune.search.optuna import OptunaSearch

        search = OptunaSearch(metric="loss", mode="min", seed=seed)
    else:
        from ray.tune.search.hyperopt import HyperOptSearch

        search = HyperOptSearch(metric="loss", mode="min", random_state_seed=seed)
    search.set_search_properties("loss", "min", space)
    names = iter(range(BUDGET))

    def ask() -> tuple[str, Point]:
        name = f"trial{next(names)}"
        config = search.suggest(name)
        return name, [
            p.values[config[p.name]] if p.kind == "ordinal" else config[p.name] for p in params
        ]

    def tell(name: str, value: float) -> None:
        search.on_trial_complete(name, {"loss": value, "training_iteration": 1})

    return play(task, seed, slots, ask, tell)


SOLVERS: dict[str, Callable[[str, int, int], list[tuple[float, float]]]] = {
    "pyhopper (this)": ours,
    "random": random,
    "optuna-tpe": optuna,
    "optuna-tpe-liar": optuna_liar,
    "ray-optuna": lambda *run: ray(*run, tool="optuna"),
    "ray-hyperopt": lambda *run: ray(*run, tool="hyperopt"),
}


def run(arguments: argparse.Namespace) -> None:
    """Run one solver on all tasks, without the runs that are in the output file already."""
    done = {(r["peer"], r["task"], r["seed"]) for r in score.read([arguments.out])}
    for task in TASKS:
        for seed in range(arguments.seeds):
            for slots in arguments.slots:
                name = f"{arguments.solver} x{slots}"
                if (name, task, seed) in done:
                    continue
                start = time.process_time()
                results = SOLVERS[arguments.solver](task, seed, slots)
                took = time.process_time() - start
                seen = np.array([value for value, _ in results])
                truths = [truth for _, truth in results]
                at = {n: truths[int(np.argmin(seen[:n]))] for n in range(1, len(seen) + 1)}
                record = {"peer": name, "task": task, "seed": seed, "budget": BUDGET, "at": at}
                record |= {"n": len(seen), "wall": took, "overhead": took, "err": None}
                with arguments.out.open("a") as file:
                    file.write(json.dumps(record) + "\n")


def needed(records: list[dict[str, Any]], one: str, many: str) -> float:
    """How many evaluations one slot needs to reach the final value of several; median of tasks."""
    curves: dict[tuple[str, str], list[list[float]]] = collections.defaultdict(list)
    for record in records:
        curves[record["peer"], record["task"]].append([*record["at"].values()])
    counts = []
    for (peer, task), mine in curves.items():
        if peer == many and (one, task) in curves:
            goal = float(np.mean([curve[-1] for curve in mine]))
            mean = np.mean(curves[one, task], axis=0)
            counts.append(int(np.argmax(mean <= goal)) + 1 if (mean <= goal).any() else BUDGET)
    return float(np.median(counts)) if counts else float("nan")


def table(arguments: argparse.Namespace) -> None:
    """Print ranks, and how many evaluations one slot needs for the same result."""
    records = score.read(arguments.files)
    header, rows = score.table(records, BUDGET)
    print("| " + " | ".join([*header, f"one at a time needs, of {BUDGET}"]) + " |")
    print("|" + "---|" * (len(header) + 1))
    for name, *cells in rows:
        one = name.rsplit(" x", 1)[0] + " x1"
        equal = f"{needed(records, one, name):.0f}" if one != name else ""
        print("| " + " | ".join([name, *(f"{cell:.2f}" for cell in cells), equal]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run")
    runs.add_argument("solver", choices=sorted(SOLVERS))
    runs.add_argument("--out", type=Path, required=True)
    runs.add_argument("--seeds", type=int, default=3)
    runs.add_argument("--slots", type=int, nargs="+", default=[1, 4, 16])
    runs.set_defaults(function=run)
    shows = commands.add_parser("table")
    shows.add_argument("files", type=Path, nargs="+")
    shows.set_defaults(function=table)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()

"""Run one peer on the tasks of many dimensions, and write results as JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import wide_tasks

CHECKPOINTS = (100, 200, 500, 1000, 2000, 3000, 5000, 10000)


def nevergrad(dimension: int, budget: int, seed: int, value: Callable[[Any], float]) -> None:
    """Nevergrad's (1+1) evolution strategy."""
    import nevergrad as ng

    array = ng.p.Array(init=np.zeros(dimension)).set_bounds(-1.0, 1.0)
    array.random_state.seed(seed)
    solver = ng.optimizers.OnePlusOne(parametrization=array, budget=budget)
    for _ in range(budget):
        candidate = solver.ask()
        solver.tell(candidate, value(candidate.value))


def sepcma(dimension: int, budget: int, seed: int, value: Callable[[Any], float]) -> None:
    """Separable CMA-ES of the package cmaes."""
    from cmaes import SepCMA

    bounds = np.tile([-1.0, 1.0], (dimension, 1))
    solver = SepCMA(mean=np.zeros(dimension), sigma=0.3, bounds=bounds, seed=seed)
    spent = 0
    while spent < budget:
        batch = []
        for _ in range(solver.population_size):
            x = solver.ask()
            batch.append((x, value(x)))
        spent += len(batch)
        solver.tell(batch)


PEERS: dict[str, Callable[[int, int, int, Callable[[Any], float]], None]] = {
    "nevergrad-oneplusone": nevergrad,
    "cmaes-sep": sepcma,
}


def recorder(function: Callable[[Any], float], values: list[float]) -> Callable[[Any], float]:
    """Return a function that also appends what it returns to ``values``."""

    def wrapped(x: Any) -> float:
        values.append(function(np.asarray(x, dtype=float)))
        return values[-1]

    return wrapped


def pending(names: list[str], seeds: int, done: set[Any], peer: str) -> Iterator[tuple[str, int]]:
    """Yield the runs that are not done."""
    for name in names:
        for seed in range(seeds):
            if (peer, name, seed) not in done:
                yield name, seed


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=list(wide_tasks.DEVELOPMENT))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=int, default=5000)
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"]))
    for name, seed in pending(arguments.tasks, arguments.seeds, done, arguments.peer):
        task, values = wide_tasks.make(name), []
        start = time.perf_counter()
        run = PEERS[arguments.peer]
        run(task.dimension, arguments.budget, seed, recorder(task.value, values))
        best = np.minimum.accumulate(values)
        at = {str(c): best[c - 1] for c in CHECKPOINTS if c <= len(best)}
        record = {"peer": arguments.peer, "task": name, "seed": seed, "budget": arguments.budget,
                  "at": at, "n": len(values), "wall": time.perf_counter() - start}  # fmt: skip
        with arguments.out.open("a") as file:
            file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()

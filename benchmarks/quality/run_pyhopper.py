"""Run pyhopper on the tasks through its public interface, and write results as JSON lines.

The budget is a number of evaluations, for the usual tasks (``--set``) or those of many dimensions
(``--wide``), or it is a time (``--clock 20 --cost 0.01``). Then an evaluation counts as ``--cost``
seconds without waiting for them, while the time that the search itself takes is real. The search
gets no seed, as most users give it none; the seed of a run decides on the noise of its task. Runs
that are in the output file already are skipped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tasks
import wide_tasks
from problems import Param

import pyhopper

CHECKPOINTS = (*range(1, 101), *tasks.CHECKPOINTS[tasks.CHECKPOINTS.index(150) :])
WIDE_CHECKPOINTS = (100, 200, 500, 1000, 2000, 3000, 5000, 10000)


class Clock:
    """A clock for the search: its own processor time, plus the nominal cost of the evaluations."""

    def __init__(self, cost: float) -> None:
        self.cost = cost
        self.inside = 0.0
        self.count = 0
        self._start = time.process_time()

    def monotonic(self) -> float:
        return self.own() + self.cost * self.count

    def time(self) -> float:
        return self.monotonic()

    def own(self) -> float:
        """Seconds that the search took for itself."""
        return time.process_time() - self._start - self.inside

    def timed(self, function: Callable[[Any], float]) -> Callable[[Any], float]:
        """The function, whose real duration the clock leaves out."""

        def call(params: Any) -> float:
            begin = time.process_time()
            try:
                return function(params)
            finally:
                self.inside += time.process_time() - begin
                self.count += 1

        return call


def parameter(param: Param) -> pyhopper.Parameter:
    """A task's parameter as one of pyhopper."""
    if param.kind == "float":
        return pyhopper.float(param.low, param.high, log=param.log)
    if param.kind == "int":
        return pyhopper.int(int(param.low), int(param.high))
    return pyhopper.choice(list(param.values), is_ordinal=param.kind == "ordinal")


def run(task: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One run with a budget of evaluations or of time."""
    problem = tasks.make(task, seed)
    names = [param.name for param in problem.params]
    values: list[float] = []
    truths: list[float] = []

    def objective(params: dict[str, Any]) -> float:
        point = [params[name] for name in names]
        values.append(problem.observe(point))
        truths.append(problem.truth(point))
        return values[-1]

    clock = Clock(arguments.cost)
    template = {param.name: parameter(param) for param in problem.params}
    budget = {"runtime": arguments.clock} if arguments.clock else {"steps": arguments.budget}
    search = pyhopper.Search(template, clock=clock)
    search.run(clock.timed(objective), "min", quiet=True, **budget)
    seen = np.minimum.accumulate(np.asarray(values))
    looked_best = np.maximum.accumulate(np.where(values == seen, np.arange(len(values)), 0))
    at = {str(c): truths[looked_best[c - 1]] for c in CHECKPOINTS if c <= len(values)}
    at["end"] = truths[looked_best[-1]]
    return {"at": at, "n": len(values), "wall": clock.own() + clock.inside, "overhead": clock.own()}


def run_wide(task: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One run of a task of many dimensions, with all of them in one array."""
    wide = wide_tasks.make(task)
    values: list[float] = []

    def objective(params: dict[str, Any]) -> float:
        values.append(wide.value(params["x"]))
        return values[-1]

    clock = Clock(0.0)
    search = pyhopper.Search(x=pyhopper.float(-1, 1, shape=wide.dimension), clock=clock)
    search.run(clock.timed(objective), "min", steps=arguments.budget, quiet=True)
    best = np.minimum.accumulate(values)
    at = {str(c): best[c - 1] for c in WIDE_CHECKPOINTS if c <= len(best)}
    return {"at": at, "n": len(values), "wall": clock.own() + clock.inside, "overhead": clock.own()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="pyhopper (this)")
    parser.add_argument("--set", default="development", choices=sorted(tasks.SETS))
    parser.add_argument("--match", default="", help="only tasks whose name contains this")
    parser.add_argument("--wide", action="store_true", help="the tasks of many dimensions")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--clock", type=float, default=0.0, help="seconds instead of evaluations")
    parser.add_argument("--cost", type=float, default=0.0, help="seconds of an evaluation")
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"], record.get("cost")))
    cost = arguments.cost or None
    every = [*wide_tasks.DEVELOPMENT, *wide_tasks.HOLDOUT] if arguments.wide else None
    if arguments.wide and arguments.match in wide_tasks.LARGE:
        every = [arguments.match]
    for task in tasks.SETS[arguments.set] if every is None else every:
        for seed in range(arguments.seeds):
            if arguments.match not in task or (arguments.name, task, seed, cost) in done:
                continue
            record = {"peer": arguments.name, "task": task, "seed": seed, "cost": cost}
            record |= {"budget": arguments.budget, "clock": arguments.clock or None, "err": None}
            record |= (run_wide if arguments.wide else run)(task, seed, arguments)
            with arguments.out.open("a") as file:
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()

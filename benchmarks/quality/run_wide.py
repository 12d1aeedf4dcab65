"""Run the learned step on the tasks of many dimensions; resumable JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import numpy as np
import wide_tasks

from kernels.coordinates import Coordinates
from kernels.stepping import Stepper

CHECKPOINTS = (100, 200, 500, 1000, 2000, 3000, 5000, 10000)


def search(task: wide_tasks.Wide, budget: int, seed: int, slots: int) -> tuple[list[float], float]:
    """Return the values in the order of evaluation, and the seconds spent on proposing."""
    middle = np.full(task.dimension, 0.5)
    values = [task.value(2.0 * middle - 1.0)]
    stepper = Stepper(Coordinates.continuous(task.dimension), middle, values[0], seed)
    flying: deque[tuple[object, float]] = deque()
    own = 0.0
    for index in range(1, budget):
        start = time.process_time()
        spent = index / budget
        move = stepper.propose(np.random.default_rng([seed, index]), 1.0 - 0.8 * spent)
        own += time.process_time() - start
        values.append(task.value(2.0 * move.row - 1.0))
        flying.append((move, values[-1]))
        # With several slots a value comes back only after others have been proposed.
        if len(flying) >= slots:
            start = time.process_time()
            stepper.observe(*flying.popleft())
            own += time.process_time() - start
    return values, own


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="pyhopper-stepping")
    parser.add_argument("--tasks", nargs="+", default=list(wide_tasks.DEVELOPMENT))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=int, default=5000)
    parser.add_argument("--slots", type=int, default=1)
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"]))
    for name in arguments.tasks:
        for seed in range(arguments.seeds):
            if (arguments.name, name, seed) in done:
                continue
            task, start = wide_tasks.make(name), time.process_time()
            values, own = search(task, arguments.budget, seed, arguments.slots)
            best = np.minimum.accumulate(values)
            record = {
                "peer": arguments.name, "task": name, "seed": seed, "budget": arguments.budget,
                "at": {str(c): best[c - 1] for c in CHECKPOINTS if c <= len(best)},
                "n": len(values), "wall": time.process_time() - start, "overhead": own,
            }  # fmt: skip
            with arguments.out.open("a") as file:
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()

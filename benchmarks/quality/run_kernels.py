"""Run the kernels on tasks; resumable: a run that is in the output file is not repeated."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import engine
import numpy as np
import tasks

CHECKPOINTS = (*range(1, 101), 150, 200, 300, 500, 750, 1000)


def at_checkpoints(values: list[float], truths: list[float]) -> dict[str, float]:
    """Return the true value of the candidate that looked best after each number of evaluations."""
    result = {}
    for count in CHECKPOINTS:
        if count <= len(values):
            seen = np.asarray(values[:count], dtype=float)
            result[str(count)] = truths[int(np.nanargmin(seen))]
    return result


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="pyhopper-kernels")
    parser.add_argument("--set", default="development", choices=sorted(tasks.SETS))
    parser.add_argument("--match", default="", help="only tasks whose name contains this")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--options", type=json.loads, default={})
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"], record["budget"]))
    for task in tasks.SETS[arguments.set]:
        for seed in range(arguments.seeds):
            key = (arguments.name, task, seed, arguments.budget)
            if arguments.match not in task or key in done:
                continue
            start = time.process_time()
            problem = tasks.make(task, seed)
            result = engine.run(problem, arguments.budget, seed, arguments.options, arguments.slots)
            record = {
                "peer": arguments.name, "task": task, "seed": seed, "budget": arguments.budget,
                "at": at_checkpoints(result["values"], result["truths"]),
                "n": len(result["values"]), "wall": time.process_time() - start,
                "overhead": result["overhead"], "err": None,
            }  # fmt: skip
            with arguments.out.open("a") as file:
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()

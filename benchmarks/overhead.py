"""The time that pyhopper itself takes: for its import, and per candidate of a trivial objective.

python benchmarks/overhead.py
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import pyhopper


def import_time(code: str) -> float:
    """Seconds that an import takes with compiled files in the cache, as after an installation."""
    program = (
        f"import time, sys, numpy; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", program]
        runs = [
            subprocess.run(command, capture_output=True, check=True, env=environment)
            for _ in range(6)
        ]
    return statistics.median(float(run.stdout) for run in runs[1:])


def per_candidate(search: pyhopper.Search, steps: int, *, keep_history: bool = True) -> float:
    """Seconds a candidate; without a history there is no model."""
    start = time.process_time()
    options = {"steps": steps, "quiet": True, "keep_history": keep_history}
    search.run(lambda params: params["x0"], "max", **options)
    return (time.process_time() - start) / steps


def main() -> None:
    for what in ("import pyhopper", "from pyhopper import *", "import pyhopper.executors.worker"):
        print(f"{what} on top of numpy: {import_time(what) * 1e3:.0f} ms")
    floats = {f"x{i}": pyhopper.float(0, 1) for i in range(10)}
    for keep, model in ((True, ""), (False, ", no model")):
        for steps in (1_000, 10_000, 100_000):
            costs = [
                per_candidate(pyhopper.Search(floats), steps, keep_history=keep) for _ in range(3)
            ]
            print(f"10 floats, {steps:6} evaluations{model}: {min(costs) * 1e6:.0f} µs a candidate")
    entries, rng = 10**6, np.random.default_rng(0)
    start = time.process_time()
    for _ in range(15):
        rng.standard_normal(entries)
    normals = (time.process_time() - start) / 15
    search = pyhopper.Search(x0=0, weights=pyhopper.float(-1, 1, shape=entries), seed=0)
    cost = per_candidate(search, 60)
    print(
        f"one array of {entries} floats: {cost * 1e3:.1f} ms a candidate, "
        f"{cost / normals:.1f} times as long as NumPy draws as many normals"
    )


if __name__ == "__main__":
    main()

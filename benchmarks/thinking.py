"""How long the model takes on idle and busy cores, with one BLAS thread and with NumPy's default.

pip install . && python benchmarks/thinking.py

Prints a table of milliseconds per candidate: median, mean, and processor time of all cores. Each
run is a process of its own that proposes 40 candidates in 8 dimensions, with 300 known results.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time

import numpy as np


def measure(threads: str) -> None:
    """Print the median, mean and processor time in milliseconds between evaluations."""
    import pyhopper
    from pyhopper.kernels.model import kernel

    if threads == "many":
        kernel.one_thread = contextlib.nullcontext
    names = [f"x{i}" for i in range(8)]
    search = pyhopper.Search({name: pyhopper.float(0, 1) for name in names}, seed=1)
    rng = random.Random(0)
    for _ in range(300):
        params = {name: rng.random() for name in names}
        search.add(params, sum((value - 0.3) ** 2 for value in params.values()))
    times = []

    def objective(params: dict[str, float]) -> float:
        times.append(time.perf_counter())
        return sum((value - 0.3) ** 2 for value in params.values())

    search.run(objective, "min", steps=41, seeding_ratio=0, quiet=True)
    spans = np.diff(times) * 1e3
    print(np.median(spans), spans.mean(), time.process_time() * 1e3 / len(spans))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--measure", choices=("one", "many"))
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    if args.measure:
        measure(args.measure)
        return
    print("cores   threads   median ms   mean ms   CPU ms")
    for load in ("idle", "busy"):
        loop = [sys.executable, "-c", "while True: pass"]
        cores = os.cpu_count() if load == "busy" else 0
        burners = [subprocess.Popen(loop) for _ in range(cores or 0)]
        try:
            figures: dict[str, list[list[float]]] = {"one": [], "many": []}
            for _ in range(args.repeats):
                for threads, rows in figures.items():
                    command = [sys.executable, __file__, "--measure", threads]
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    rows.append([float(part) for part in done.stdout.split()])
        finally:
            for burner in burners:
                burner.kill()
        medians = {threads: np.median(rows, axis=0) for threads, rows in figures.items()}
        for threads, (median, mean, cpu) in medians.items():
            print(f"{load:8}{threads:10}{median:9.1f}{mean:10.1f}{cpu:9.1f}")
        ratio = medians["many"] / medians["one"]
        print(f"{load:8}{'ratio':10}" + "{:9.1f}{:10.1f}{:9.1f}".format(*ratio))


if __name__ == "__main__":
    main()

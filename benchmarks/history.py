"""Memory and time that a history of 100,000 evaluations with 20 parameters takes.

python benchmarks/history.py
"""

import argparse
import resource
import sys
import time

import pyhopper


def megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of a long history.")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--no-history", action="store_true", help="with keep_history=False")
    args = parser.parse_args()
    template = {f"p{i}": pyhopper.float(0, 1) for i in range(20)}
    search = pyhopper.Search(template, seed=0)
    before, start = megabytes(), time.perf_counter()
    search.run(
        lambda p: -sum((x - 0.3) ** 2 for x in p.values()),
        steps=args.steps,
        keep_history=not args.no_history,
        quiet=True,
    )
    took = time.perf_counter() - start
    print(f"{args.steps} evaluations: {took:.1f} s, {1e6 * took / args.steps:.0f} µs each")
    print(f"peak memory: {before:.0f} MB before, {megabytes():.0f} MB after")
    history = search.history
    for name, call in {
        "first marginal": lambda: history["p3"],
        "next marginal": lambda: history["p7"],
        "values": lambda: history.fs,
        "best values": lambda: history.best_fs,
        "one candidate": lambda: history[-1] if len(history) else None,
        "length": lambda: len(history),
    }.items():
        start = time.perf_counter()
        call()
        print(f"{name}: {1000 * (time.perf_counter() - start):.2f} ms")


if __name__ == "__main__":
    main()

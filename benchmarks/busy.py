"""How busy two slots are, and how exactly a search keeps its runtime.

pip install . && python benchmarks/busy.py
"""

import argparse
import statistics
import time
from typing import Any

import pyhopper

Params = dict[str, Any]


def busy(seconds: float, steps: int) -> float:
    """The share of time in which two slots evaluate, leaving out start and end of the search."""

    def objective(params: Params) -> dict[str, float]:
        begin = time.time()
        time.sleep(seconds)
        return {"value": params["x"], "begin": begin, "end": time.time()}

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(objective, steps=steps, n_jobs=2, quiet=True, isolation="slot")
    spans = [each.metrics for each in search._log.state.evaluations if each.metrics]
    low = sorted(span["begin"] for span in spans)[2]
    high = sorted(span["end"] for span in spans)[-3]
    used = sum(max(0, min(span["end"], high) - max(span["begin"], low)) for span in spans)
    return float(used / (2 * (high - low)))


def overshoot(runtime: float) -> float:
    """How many seconds late a search with ``deadline="kill"`` returns, if evaluations never end."""

    def objective(params: Params) -> float:
        time.sleep(0.1 if params["x"] == 0.5 else 600)
        return float(params["x"])

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    start = time.monotonic()
    search.run(objective, runtime=runtime, deadline="kill", n_jobs=2, quiet=True)
    return time.monotonic() - start - runtime


def error(runtime: float) -> float:
    """How many seconds after its runtime a search of short evaluations ends; negative if before."""

    def objective(params: Params) -> float:
        time.sleep(0.1)
        return float(params["x"])

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    start = time.monotonic()
    search.run(objective, runtime=runtime, n_jobs=2, quiet=True)
    return time.monotonic() - start - runtime


def show(name: str, values: list[float]) -> None:
    parts = (min(values), statistics.median(values), max(values))
    print(f"{name}: least {parts[0]:+.3f} s, median {parts[1]:+.3f} s, most {parts[2]:+.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--runtime", type=float, default=3.0)
    args = parser.parse_args()
    print(f"two slots are busy for {busy(0.1, 200):.1%} of the time with evaluations of 100 ms")
    show(
        f'past a deadline of {args.runtime:g} s with deadline="kill"',
        [overshoot(args.runtime) for _ in range(args.runs)],
    )
    show(
        f"past a runtime of {args.runtime:g} s, evaluations of 100 ms",
        [error(args.runtime) for _ in range(args.runs)],
    )


if __name__ == "__main__":
    main()

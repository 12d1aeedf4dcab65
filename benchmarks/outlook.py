"""How often the outlook is right: forecasts on recorded runs, compared with what happened.

python benchmarks/outlook.py runs.jsonl ...

The files are what ``benchmarks/quality/run_pyhopper.py --budget 200`` and ``peers/run_peer.py``
write, gzipped or not. At several moments of every run the gain until a later moment is forecast
from the record up to then. Printed is how often the truth lay in the 80% range and above it, and
which chance of a gain was forecast and how often there was one.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
from tabulate import tabulate

from pyhopper.history.outlook import forecast

MOMENTS = ((20, 30), (20, 40), (20, 100), (50, 75), (50, 100), (50, 200), (100, 150), (100, 200))


def runs(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The number of evaluations and the best loss until then, of each run in a file."""
    found = []
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        for line in file:
            at = json.loads(line).get("at") or {}
            counts = np.array(sorted(int(count) for count in at if count.isdigit()), float)
            losses = np.array([at[str(int(count))] for count in counts])
            found.append((counts, np.minimum.accumulate(losses)))
    return found


def compare(recorded: list[tuple[np.ndarray, np.ndarray]]) -> list[list[str]]:
    """A row of the table for each pair of moments."""
    rows, everything = [], []
    for start, end in MOMENTS:
        told = []
        for counts, losses in recorded:
            if start not in counts or end not in counts:
                continue
            known = counts <= start
            found = forecast(counts[known], losses[known], end - start)
            if found is not None:
                gain = losses[known][-1] - losses[counts == end][0]
                inside = found.low <= gain <= found.high
                told.append((inside, gain > found.high, found.chance, gain > 0))
        if told:
            rows.append([f"{start} -> {end}", *summary(told)])
            everything += told
    return [*rows, ["all", *summary(everything)]] if everything else []


def summary(told: list[tuple[bool, bool, float, bool]]) -> list[str]:
    return [str(len(told)), *(f"{100 * mean:.0f}%" for mean in np.mean(told, axis=0))]


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the outlook is right.")
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files
    if not files:
        print("skipped: no recorded runs were given; benchmarks/quality writes them")
    for path in files:
        if not path.exists():
            print(f"{path}: skipped, there is no such file")
            continue
        headers = ["evaluations", "forecasts", "in range", "above", "chance", "gained"]
        print(f"\n{path.name}\n{tabulate(compare(runs(path)), headers, 'simple')}")


if __name__ == "__main__":
    main()

"""Tables of ranks, printed by this command and used by `report.py`.

The score is the rank of every (solver, seed) result within its task, scaled to 0 (best) … 1 (worst)
and averaged over the tasks of a suite.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tasks


def read(paths: list[Path]) -> list[dict[str, Any]]:
    """Return the results in files of JSON lines, gzipped or not; missing files are skipped."""
    records = []
    for path in paths:
        if not path.exists():
            continue
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt") as file:
            records += [json.loads(line) for line in file]
    return records


def ranks(records: list[dict[str, Any]], count: int | str) -> dict[tuple[str, str], float]:
    """Return the mean scaled rank of each (solver, task).

    `count` is a number of evaluations, or "end" for runs of equal time.
    """
    by_task = collections.defaultdict(list)
    for record in records:
        value = record["at"].get(str(count))
        if value is not None:
            by_task[record["task"]].append((record["peer"], value))
    result = {}
    for task, entries in by_task.items():
        values = np.array([value for _, value in entries])
        # Ties share the mean of their ranks.
        below = (values[:, None] > values[None, :]).sum(axis=1)
        equal = (values[:, None] == values[None, :]).sum(axis=1)
        scaled = (below + (equal - 1) / 2.0) / max(len(values) - 1, 1)
        groups = collections.defaultdict(list)
        for (peer, _), rank in zip(entries, scaled, strict=True):
            groups[peer].append(rank)
        for peer, group in groups.items():
            result[peer, task] = float(np.mean(group))
    return result


def table(records: list[dict[str, Any]], count: int | str) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: a row per solver, a column per suite, then the mean and `ms`.

    `ms` is the solver's own time per candidate, in milliseconds.
    """
    scaled = ranks(records, count)
    suites = sorted({tasks.suite_of(task) for _, task in scaled}, key=lambda s: (len(s), s))
    rows = []
    for peer in sorted({peer for peer, _ in scaled}):
        cells: list[Any] = []
        for suite in suites:
            mine = [v for (p, t), v in scaled.items() if p == peer and tasks.suite_of(t) == suite]
            cells.append(float(np.mean(mine)) if mine else float("nan"))
        own = [r["overhead"] / r["n"] * 1000 for r in records if r["peer"] == peer and r["n"]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append([peer, *cells, float(np.nanmean(cells)), float(np.mean(own))])
    rows.sort(key=lambda row: row[-2])
    return ["solver", *suites, "mean", "ms"], rows


def figure(value: float) -> str:
    """Return a number with three digits that count, and zeros instead of an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def wide_table(
    records: list[dict[str, Any]], count: int = 5000
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the tasks of many dimensions: a row per task, mean of the seeds."""
    groups: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for record in records:
        if str(count) in record["at"]:
            groups[record["task"], record["peer"]].append(record["at"][str(count)])
    peers = list(dict.fromkeys(peer for _, peer in groups))
    rows = [
        [name, *(figure(float(np.mean(groups[name, peer]))) for peer in peers)]
        for name in dict.fromkeys(task for task, _ in groups)
    ]
    return ["task", *peers], rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--at", type=int, nargs="+", default=[30, 50, 100])
    parser.add_argument("--only", nargs="*", help="solvers to keep")
    arguments = parser.parse_args()
    records = read(arguments.results)
    if arguments.only:
        records = [r for r in records if r["peer"] in arguments.only]
    for count in arguments.at:
        header, rows = table(records, count)
        print(f"\nafter {count} evaluations")
        print("  ".join(f"{h:>9}" if i else f"{h:<24}" for i, h in enumerate(header)))
        for row in rows:
            print(f"{row[0]:<24}  " + "  ".join(f"{cell:>9.2f}" for cell in row[1:]))


if __name__ == "__main__":
    main()

"""Write a report on result files: tables in `report.md`, and pictures as PNG files."""

from __future__ import annotations

import argparse
import collections
from pathlib import Path
from typing import Any

import numpy as np
import pictures
from score import read, table, wide_table


def markdown(header: list[str], rows: list[list[Any]], digits: int = 2) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        cells = [c if isinstance(c, str) else f"{c:.{digits}f}" for c in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def median_at(records: list[dict[str, Any]], peer: str, task: str, count: int) -> float:
    """Return the median over seeds of a solver's value after `count` evaluations."""
    values = [
        r["at"][str(count)]
        for r in records
        if r["peer"] == peer and r["task"] == task and str(count) in r["at"]
    ]
    return float(np.median(values)) if values else float("nan")


def evaluations_to(records: list[dict[str, Any]], solver: str, reference: str) -> dict[str, float]:
    """Return, per task, how many evaluations `solver` needs for `reference`'s value at 100.

    The median over seeds is compared at every number of evaluations for which the solver has a
    result. The first one that is good enough counts, so the figure may be too high, not too low.
    """
    result = {}
    counts = sorted(
        {int(c) for r in records if r["peer"] == solver for c in r["at"] if c.isdigit()}
    )
    for task in sorted({r["task"] for r in records if r["peer"] == solver}):
        goal = median_at(records, reference, task, 100)
        if np.isnan(goal):
            continue
        reached = [c for c in counts if median_at(records, solver, task, c) <= goal]
        result[task] = float(min(reached)) if reached else float("inf")
    return result


def clock_table(records: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return the mean scaled rank at the end of runs of equal wall-clock time."""
    costs = sorted({r["cost"] for r in records})
    cells: dict[tuple[str, float], list[str]] = {}
    order: dict[str, list[float]] = collections.defaultdict(list)
    for cost in costs:
        mine = [r for r in records if r["cost"] == cost and "end" in r["at"]]
        _, rows = table(mine, "end")
        for peer, *_, mean, _ in rows:
            runs = [r for r in mine if r["peer"] == peer]
            count = np.mean([r["n"] for r in runs])
            cells[peer, cost] = [f"{mean:.2f}", f"{count:.0f} in {len(runs)} runs"]
            order[peer].append(mean)
    header = ["solver"]
    for cost in costs:
        header += [f"{1000 * cost:g} ms: rank", "evaluations"]
    peers = sorted(order, key=lambda peer: float(np.mean(order[peer])))
    blank = ["", ""]
    return header, [
        [peer, *(cell for cost in costs for cell in cells.get((peer, cost), blank))]
        for peer in peers
    ]


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="results at equal evaluations")
    parser.add_argument("--wide", type=Path, nargs="*", default=[])
    parser.add_argument("--clock", type=Path, nargs="*", default=[])
    parser.add_argument("--solver", default="pyhopper (this)")
    parser.add_argument("--reference", default="optuna-tpe")
    parser.add_argument("--to", type=Path, required=True, help="folder of the report")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    records = read(arguments.results)
    about = "Scaled rank, 0 is best; `ms` is the solver's own time per candidate."
    parts = ["# Search quality\n\n" + about]
    parts += [
        f"## After {count} evaluations\n\n" + markdown(*table(records, count))
        for count in (30, 50, 100)
    ]
    needed = evaluations_to(records, arguments.solver, arguments.reference)
    if needed:
        median = float(np.median(list(needed.values())))
        parts.append(
            f"## Evaluations to reach {arguments.reference}'s value at 100\n\n"
            f"Median task: {median:g}.\n\n"
            + markdown(["task", "evaluations"], [[t, f"{n:g}"] for t, n in needed.items()])
        )
    if arguments.wide:
        parts.append("## Many dimensions\n\n" + markdown(*wide_table(read(arguments.wide))))
    if arguments.clock:
        parts.append("## Equal wall-clock time\n\n" + markdown(*clock_table(read(arguments.clock))))
    (arguments.to / "report.md").write_text("\n\n".join(parts) + "\n")
    pictures.ranks_over_evaluations(records, arguments.to / "rank_over_evaluations.png")
    pictures.rank_per_task(records, arguments.to / "rank_per_task.png")
    pictures.best_so_far(records, arguments.to / "best_so_far.png")
    if arguments.clock:
        pictures.ranks_over_time(read(arguments.clock), arguments.to / "rank_over_time.png")


if __name__ == "__main__":
    main()

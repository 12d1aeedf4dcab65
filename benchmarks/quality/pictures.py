"""The pictures of the report, drawn with matplotlib."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from score import ranks, table

mpl.use("Agg")
import matplotlib.pyplot as plt

COUNTS = (5, 10, 20, 30, 50, 75, 100)
SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 14.0, 20.0)
OURS = "pyhopper (this)"
SHOWN = (
    "NASBench201/cifar10", "HPOLib/protein_structure", "HPOBench/segment", "mixint/f8/d10/i1",
    "bbob/f8/d5/i1", "bbob/f10/d20/i1", "bbob/f15/d5/i1", "bbob/f17/d20/i1", "bbob/f21/d2/i1",
)  # fmt: skip
Record = dict[str, Any]


def styles(peers: list[str]) -> dict[str, dict[str, Any]]:
    """Color and line of each solver, the same in all pictures; pyhopper is thick and black."""
    others = [peer for peer in sorted(peers) if peer != OURS]
    colors = plt.get_cmap("tab10").colors  # type: ignore[attr-defined]
    looks = {
        peer: {"color": colors[i % len(colors)], "linewidth": 1.2, "zorder": 2}
        for i, peer in enumerate(others)
    }
    looks[OURS] = {"color": "black", "linewidth": 2.8, "zorder": 3}
    return looks


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _means(records: list[Record], count: int) -> dict[str, float]:
    return {row[0]: row[-2] for row in table(records, count)[1]}


def ranks_over_evaluations(records: list[Record], path: Path) -> None:
    """Draw the mean scaled rank over evaluations, with a band for the range of single seeds."""
    looks = styles(list({r["peer"] for r in records}))
    lines = {count: _means(records, count) for count in COUNTS}
    apart = [{**r, "peer": f"{r['peer']}#{r['seed']}"} for r in records]
    single = {count: _means(apart, count) for count in COUNTS}
    figure, axes = plt.subplots(figsize=(8.5, 5.2))
    order = sorted(lines[COUNTS[-1]], key=lambda peer: lines[COUNTS[-1]][peer])
    for peer in order:
        points = [(count, lines[count][peer]) for count in COUNTS if peer in lines[count]]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=peer, **looks[peer])
        seeds = sorted({r["seed"] for r in records if r["peer"] == peer})
        if len(seeds) > 1:
            names = [f"{peer}#{seed}" for seed in seeds]
            each = [[single[c].get(name, np.nan) for c, _ in points] for name in names]
            low, high = np.nanmin(each, axis=0), np.nanmax(each, axis=0)
            color = looks[peer]["color"]
            axes.fill_between([c for c, _ in points], low, high, color=color, alpha=0.12, lw=0)
    axes.set_xlabel("evaluations")
    axes.set_ylabel("scaled rank, mean of suites (0 is best)")
    axes.set_xscale("log")
    axes.set_xticks(COUNTS, [str(c) for c in COUNTS])
    axes.minorticks_off()
    axes.legend(fontsize=8, bbox_to_anchor=(1.01, 1), loc="upper left")
    _save(figure, path)


def rank_per_task(records: list[Record], path: Path, count: int = 100) -> None:
    """Draw the scaled rank of every solver on every task."""
    scaled = ranks(records, count)
    peers = [row[0] for row in table(records, count)[1]]
    names = sorted({task for _, task in scaled})
    grid = np.array([[scaled.get((peer, task), np.nan) for peer in peers] for task in names])
    figure, axes = plt.subplots(figsize=(1.5 + 0.6 * len(peers), 1.5 + 0.2 * len(names)))
    picture = axes.imshow(grid, aspect="auto", cmap="viridis_r", vmin=0, vmax=1)
    axes.set_xticks(range(len(peers)), peers, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    figure.colorbar(picture, label=f"scaled rank after {count} evaluations")
    _save(figure, path)


def best_so_far(records: list[Record], path: Path) -> None:
    """Draw the value of the best so far on some tasks: median and range of the seeds."""
    looks = styles(list({r["peer"] for r in records}))
    figure, grid = plt.subplots(3, 3, figsize=(11, 9))
    for axes, task in zip(grid.flat, SHOWN, strict=True):
        groups: dict[str, list[Record]] = collections.defaultdict(list)
        for record in records:
            if record["task"] == task:
                groups[record["peer"]].append(record["at"])
        # The values of BBOB are positive and differ by orders of magnitude.
        logarithmic = task.startswith("bbob")
        for peer, runs in groups.items():
            counts = [c for c in COUNTS if all(str(c) in run for run in runs)]
            values = np.array([[run[str(c)] for c in counts] for run in runs])
            if not counts:
                continue
            values = np.maximum(values, 1e-8) if logarithmic else values
            axes.plot(counts, np.median(values, axis=0), label=peer, **looks[peer])
            color = looks[peer]["color"]
            axes.fill_between(
                counts, values.min(axis=0), values.max(axis=0), color=color, alpha=0.1, lw=0
            )
        axes.set_title(task, fontsize=9)
        axes.set_xscale("log")
        axes.set_xticks(COUNTS, [str(c) for c in COUNTS], fontsize=7)
        axes.minorticks_off()
        axes.tick_params(axis="y", labelsize=7)
        if logarithmic:
            axes.set_yscale("log")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.supxlabel("evaluations", fontsize=9)
    figure.supylabel("true value of the best so far (lower is better)", fontsize=9)
    figure.legend(handles, labels, loc="upper center", ncols=5, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _value_at(record: Record, seconds: float) -> float | None:
    """A run's value after so many seconds, its own time spread evenly over its evaluations."""
    each = record["cost"] + record["overhead"] / max(record["n"], 1)
    if seconds >= SECONDS[-1]:
        return float(record["at"]["end"])
    reached = [int(c) for c in record["at"] if c.isdigit() and int(c) * each <= seconds]
    return float(record["at"][str(max(reached))]) if reached else None


def ranks_over_time(records: list[Record], path: Path) -> None:
    """Draw the mean scaled rank over wall-clock time, for each cost of an evaluation."""
    costs = sorted({r["cost"] for r in records})
    looks = styles(list({r["peer"] for r in records}))
    figure, grid = plt.subplots(1, len(costs), figsize=(4.2 * len(costs), 4.4), sharey=True)
    for axes, cost in zip(np.atleast_1d(grid), costs, strict=True):
        lines: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
        for seconds in SECONDS:
            now = []
            for record in records:
                value = _value_at(record, seconds) if record["cost"] == cost else None
                if value is not None:
                    now.append({**record, "at": {"0": value}})
            for peer, mean in _means(now, 0).items() if now else ():
                lines[peer].append((seconds, mean))
        for peer, points in lines.items():
            axes.plot(
                *zip(*points, strict=True), marker="o", markersize=3, label=peer, **looks[peer]
            )
        axes.set_title(f"an evaluation costs {1000 * cost:g} ms", fontsize=9)
        axes.set_xscale("log")
        axes.set_xticks(SECONDS, [f"{s:g}" for s in SECONDS], fontsize=7)
        axes.minorticks_off()
        axes.set_xlabel("seconds")
    first = np.atleast_1d(grid)[0]
    first.set_ylabel("scaled rank, mean of suites (0 is best)")
    first.legend(fontsize=7)
    _save(figure, path)

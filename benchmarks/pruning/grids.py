"""The grids of configurations whose learning curves are recorded."""

import itertools
from pathlib import Path

import numpy as np

CURVES = Path(__file__).with_name("curves.npz")

NET = {
    "lr": list(np.geomspace(0.002, 3, 8)),
    "width": [4, 12, 36],
    "batch": [25, 100],
    "momentum": [0.0, 0.8, 0.95],
    "decay": [0.0, 0.003],
    "schedule": ["constant", "cosine"],
}
TREES = {
    "lr": list(np.geomspace(0.02, 1, 6)),
    "depth": [1, 2, 3, 6],
    "leaf": [1, 6, 24],
    "subsample": [0.3, 0.6, 1.0],
    "features": [0.3, 1.0],
}
FORMULA = {name: list(range(5)) for name in "abcd"}
GRIDS = {"net": NET, "trees": TREES, "formula": FORMULA}


def kind_of(task: str) -> str:
    """The key of a task's grid."""
    kind = task.split("-", maxsplit=1)[0]
    return kind if kind in GRIDS else "formula"


def configurations(grid: dict) -> list[dict]:
    """All of a grid, in the order in which their curves are stored."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def bowl(config: dict) -> float:
    """The true final loss of the formulas, from 0 on."""
    at = np.array([config[name] for name in "abcd"]) / 4
    return float(((at - [0.25, 0.5, 0.75, 0.5]) ** 2 * [1.0, 0.7, 0.5, 0.3]).sum())

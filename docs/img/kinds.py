"""Draw what each kind of parameter gives, draws and moves: python docs/img/kinds.py."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import scipy.stats

import pyhopper

DRAWS = 10_000
TEMPERATURES = {1.0: "#8fb8d8", 0.5: "#3f7fb0", 0.2: "#12395a"}
"""Colours of moves: the colder, the darker."""

RC = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}


def swap(order: list[int], temperature: float, rng: np.random.Generator) -> list[int]:
    """Swap two places of an order, or more of them while it is hot."""
    for _ in range(rng.geometric(1 - temperature / 2)):
        i, j = rng.choice(len(order), 2, replace=False)
        order[i], order[j] = order[j], order[i]
    return order


NUMBERS: dict[str, tuple[Any, Any, bool]] = {
    "int": (pyhopper.int(100, 120), 108, False),
    "multiple_of": (pyhopper.int(100, 500, multiple_of=100), 300, False),
    "power_of": (pyhopper.int(2, 64, power_of=2), 16, True),
    "int-log": (pyhopper.int(1, 10000, log=True), 100, True),
    "float": (pyhopper.float(0, 1), 0.4, False),
    "precision": (pyhopper.float(0, 1, "0.1f"), 0.4, False),
    "float-log": (pyhopper.float(1e-5, 1e-1, log=True), 1e-3, True),
    "float-log-digit": (pyhopper.float(1e-3, 1e-1, "0.1g"), 1e-2, True),
    "unbounded": (pyhopper.float(), 0.5, False),
    "distribution": (pyhopper.distribution(scipy.stats.beta(2, 6)), 0.4, False),
}
"""Parameter, the value to move from, and whether the axis is logarithmic."""

OPTIONS: dict[str, tuple[Any, Any, list[Any], Callable[[Any], Any]]] = {
    "choice": (
        pyhopper.choice("adam", "sgd", "lion", "rmsprop"),
        "sgd",
        ["adam", "sgd", "lion", "rmsprop"],
        str,
    ),
    "ordinal": (
        pyhopper.choice([1, 2, 5, 10, 20, 50], is_ordinal=True),
        10,
        [1, 2, 5, 10, 20, 50],
        int,
    ),
    "weights": (
        pyhopper.choice("relu", "gelu", "tanh", weights=[6, 3, 1]),
        "gelu",
        ["relu", "gelu", "tanh"],
        str,
    ),
    "bool": (pyhopper.bool(), True, [False, True], bool),
    "list": (pyhopper.list(pyhopper.int(1, 9), 1, 4), [5, 5], [1, 2, 3, 4], len),
    "custom": (
        pyhopper.custom(lambda rng: rng.permutation(4).tolist(), swap),
        [0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        lambda order: sum(place != item for place, item in enumerate(order)),
    ),
}
"""Parameter, the value to move from, the labels of the axis, and the label of a value."""

LABELS = {"list": "number of items", "custom": "items out of their order"}


def numbers(name: str, left: Any, right: Any, rng: np.random.Generator) -> None:
    parameter, start, log = NUMBERS[name]
    draws = np.array([parameter.sample(rng) for _ in range(DRAWS)], dtype=float)
    moves = {
        heat: np.array([parameter.mutate(start, heat, rng) for _ in range(DRAWS)], dtype=float)
        for heat in TEMPERATURES
    }
    values = np.unique(np.concatenate([draws, *moves.values()]))
    if len(values) <= 40:
        positions = np.arange(len(values))
        left.bar(positions, [np.mean(draws == value) for value in values], color="#999999")
        for n, (heat, drawn) in enumerate(moves.items()):
            shares = [np.mean(drawn == value) for value in values]
            right.bar(positions + 0.27 * (n - 1), shares, 0.27, color=TEMPERATURES[heat])
        step = max(1, len(values) // 7)
        for ax in (left, right):
            ax.set_xticks(positions[::step], [f"{value:g}" for value in values[::step]])
        at = float(np.flatnonzero(values == start)[0])
    else:
        low, high = (draws.min(), draws.max()) if name != "unbounded" else (-4, 4)
        edges = np.geomspace(low, high, 40) if log else np.linspace(low, high, 40)
        weights = np.full(DRAWS, 1 / DRAWS)
        left.hist(draws, edges, color="#999999", weights=weights)
        for heat, drawn in moves.items():
            right.hist(
                drawn, edges, histtype="step", weights=weights, color=TEMPERATURES[heat], lw=1.4
            )
        if log:
            left.set_xscale("log")
            right.set_xscale("log")
        at = start
    right.axvline(at, color="#d1603d", lw=1, ls="--")


def options(name: str, left: Any, right: Any, rng: np.random.Generator) -> None:
    parameter, start, labels, label = OPTIONS[name]
    positions = np.arange(len(labels))
    count = Counter(label(parameter.sample(rng)) for _ in range(DRAWS))
    left.bar(positions, [count[each] / DRAWS for each in labels], color="#999999")
    for n, heat in enumerate(TEMPERATURES):
        moved = (parameter.mutate(parameter.copy(start), heat, rng) for _ in range(DRAWS // 4))
        count = Counter(label(each) for each in moved)
        shares = [4 * count[each] / DRAWS for each in labels]
        right.bar(positions + 0.27 * (n - 1), shares, 0.27, color=TEMPERATURES[heat])
    for ax in (left, right):
        ax.set_xticks(positions, [str(each) for each in labels])
        ax.set_xlabel(LABELS.get(name, ""))
    right.axvline(labels.index(label(start)), color="#d1603d", lw=1, ls="--")


def array(left: Any, right: Any, rng: np.random.Generator) -> None:
    """Two entries of an array; each move starts from the cross."""
    parameter = pyhopper.float(-1, 1, shape=2)
    start = np.array([0.3, -0.2])
    draws = np.stack([parameter.sample(rng) for _ in range(400)])
    left.plot(*draws.T, ".", color="#999999", ms=3)
    for heat, colour in TEMPERATURES.items():
        moved = np.stack([parameter.mutate(start, heat, rng) for _ in range(200)])
        right.plot(*moved.T, ".", color=colour, ms=3)
    right.plot(*start, "+", color="#d1603d", ms=10, mew=1.5)
    for ax in (left, right):
        ax.set_xlabel("first entry")
        ax.set_ylabel("second entry")
        ax.set_xlim(-1.05, 1.05)
        ax.set_ylim(-1.05, 1.05)


def main() -> None:
    rng, folder = np.random.default_rng(1), Path(__file__).parent
    for name in [*NUMBERS, *OPTIONS, "array"]:
        with plt.rc_context(RC):
            height = 2.6 if name == "array" else 1.7
            figure, (left, right) = plt.subplots(1, 2, figsize=(7, height), layout="constrained")
            if name == "array":
                array(left, right, rng)
            else:
                (numbers if name in NUMBERS else options)(name, left, right, rng)
                for ax in (left, right):
                    ax.set_yticks([])
                    ax.spines["left"].set_visible(False)
            left.set_title("draws")
            right.set_title("moves")
            handles = [
                mpl.patches.Patch(color=colour, label=f"temperature {heat:g}")
                for heat, colour in TEMPERATURES.items()
            ]
            if name in ("int", "array"):
                right.legend(handles=handles, fontsize=6, edgecolor="none", loc="upper right")
            figure.savefig(folder / f"kind-{name}.png", dpi=90)
            plt.close(figure)


if __name__ == "__main__":
    main()

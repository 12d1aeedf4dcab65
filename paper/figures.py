"""Make every figure of the paper: python paper/figures.py.

Figures come from searches that this script runs, or from results in ``paper/results`` and
``benchmarks/results``. ``paper/figures/made.json`` says with which versions they were made, and
when.
"""

import datetime as dt
import importlib.metadata
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

import pyhopper

HERE = Path(__file__).parent
ROOT = HERE.parent
TARGET = HERE / "figures"
FIRST, SECOND = "#d1603d", "#12395a"


def himmelblau(x: Any, y: Any) -> Any:
    """A function with four minima of the same depth, on [-5, 5]²."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def searched(seed: int, steps: int) -> pyhopper.Search:
    search = pyhopper.Search(x=pyhopper.float(-5, 5), y=pyhopper.float(-5, 5), seed=seed)
    search.run(lambda p: himmelblau(p["x"], p["y"]), "min", steps=steps, quiet=True)
    return search


def landscape(ax: Any) -> None:
    axis = np.linspace(-5, 5, 200)
    x, y = np.meshgrid(axis, axis)
    ax.contourf(x, y, np.log1p(himmelblau(x, y)), 12, cmap="Greys", alpha=0.45)
    ax.set_xlabel("x")
    ax.set_ylabel("y")


def phases(path: Path) -> None:
    """Where the first phase and the beginning and end of the second phase sample (Figure 2)."""
    ended = searched(1, 120).history.evaluations
    first = [each for each in ended if each.type in ("initial", "random seeding")]
    second = [each for each in ended if each.type == "local sampling"]
    half = len(second) // 2
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    parts = (
        ("first phase", first, FIRST),
        ("second phase, first half", second[:half], SECOND),
        ("second phase, second half", second[half:], SECOND),
    )
    for ax, (title, part, colour) in zip(axes, parts, strict=True):
        landscape(ax)
        ax.plot(
            [each.params["x"] for each in part],
            [each.params["y"] for each in part],
            "o",
            color=colour,
            ms=3.5,
        )
        ax.set_title(f"{title} ({len(part)})", fontsize=10)
        ax.label_outer()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def cooling(path: Path) -> None:
    """How far candidates lie from the best one so far, over the budget (Figure 3)."""
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    steps = 200
    for seed in range(1, 6):
        best, value = None, float("inf")
        for number, each in enumerate(searched(seed, steps).history.evaluations):
            point = np.array([each.params["x"], each.params["y"]]) / 10
            if best is not None:
                colour = SECOND if each.type == "local sampling" else FIRST
                far = float(np.abs(point - best).max())
                ax.plot(number / steps, max(far, 1e-5), ".", color=colour, ms=3)
            if each.value < value:
                best, value = point, each.value
    share = np.linspace(0.25, 1, 50)
    ax.plot(share, (1 - 0.8 * (share - 0.25) / 0.75) / 2, "--", color="#777777", lw=1.2)
    ax.set_yscale("log")
    ax.set_xlabel("share of the budget")
    ax.set_ylabel("distance from the best,\nshare of the range")
    handles = [
        mpl.lines.Line2D([], [], color=FIRST, marker=".", ls="", label="first phase"),
        mpl.lines.Line2D([], [], color=SECOND, marker=".", ls="", label="second phase"),
        mpl.lines.Line2D([], [], color="#777777", ls="--", label="half of the temperature"),
    ]
    ax.legend(handles=handles, fontsize=8, loc="lower left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def moves(path: Path) -> None:
    """Which values a search of real trainings tried, in order (Figure 6)."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run.ckpt"
        command = [sys.executable, str(ROOT / "docs" / "img" / "train.py"), str(checkpoint)]
        subprocess.run(command, check=True, capture_output=True)
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
        for ax, name in zip(axes, ("lr", "batch"), strict=True):
            pyhopper.plot.moves(checkpoint, name, ax=ax)
        figure.savefig(path, dpi=110)
        plt.close(figure)


def trainings(path: Path) -> None:
    """Best error so far of each package, mean and range of the seeds."""
    names = [each for each in ("walker2d", "reviews") if (HERE / f"results/{each}.jsonl").exists()]
    figure, axes = plt.subplots(
        1, len(names), figsize=(5 * len(names), 3.4), squeeze=False, layout="constrained"
    )
    colours = {"pyhopper": "black", "optuna": "#3f7fb0", "hyperopt": "#d1603d", "ray": "#6a9f58"}
    for ax, name in zip(axes[0], names, strict=True):
        text = (HERE / f"results/{name}.jsonl").read_text(encoding="utf-8")
        records = [json.loads(line) for line in text.splitlines()]
        for tool, colour in colours.items():
            runs = [each["values"] for each in records if each["tool"] == tool]
            if not runs:
                continue
            best = np.minimum.accumulate(np.array(runs), axis=1)
            steps = np.arange(1, best.shape[1] + 1)
            width = 2.2 if tool == "pyhopper" else 1.3
            ax.plot(steps, best.mean(axis=0), color=colour, lw=width, label=tool)
            ax.fill_between(steps, best.min(axis=0), best.max(axis=0), color=colour, alpha=0.12)
        ax.set_title({"walker2d": "LSTM, Walker2D", "reviews": "Transformer, reviews"}[name])
        ax.set_xlabel("candidates")
        ax.set_ylabel("best error in validation")
        ax.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def quality(path: Path) -> None:
    """Ranks of all solvers over the number of evaluations, on tasks that were kept aside."""
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks" / "quality")]
    import pictures

    from benchmarks.tables import ranked

    pictures.ranks_over_evaluations(ranked("holdout"), path)


FIGURES = {
    "phases": phases,
    "cooling": cooling,
    "moves": moves,
    "trainings": trainings,
    "quality": quality,
}


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    chosen = sys.argv[1:] or list(FIGURES)
    for name in chosen:
        FIGURES[name](TARGET / f"{name}.png")
        print(f"made {name}", flush=True)
    made_path = TARGET / "made.json"
    made = json.loads(made_path.read_text(encoding="utf-8")) if made_path.exists() else {}
    for name in chosen:
        made[name] = {
            "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
            "python": platform.python_version(),
            "pyhopper": pyhopper.__version__,
            **{each: importlib.metadata.version(each) for each in ("numpy", "matplotlib")},
        }
    made_path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Make the pictures of the documentation: python docs/img/make.py."""

import math
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import pyhopper
from pyhopper.testing import FakeClock


def search_of_a_training() -> pyhopper.Search:
    """A search of a made-up training, which takes no time."""
    clock, rng = FakeClock(), np.random.default_rng(1)
    search = pyhopper.Search(
        {
            "lr": pyhopper.float(1e-5, 1e-1, log=True),
            "batch": pyhopper.int(16, 256, power_of=2),
            "depth": pyhopper.int(1, 6),
            "opt": pyhopper.choice("adam", "sgd", "lion"),
            "dropout": pyhopper.float(0, 0.6, precision=2),
        },
        seed=4,
        clock=clock,
    )

    def objective(params: dict) -> float:
        if params["batch"] == 256 and params["depth"] > 4:
            raise MemoryError("out of memory")
        far = math.log10(params["lr"]) + 3 - 0.15 * (params["opt"] == "sgd")
        error = 0.06 + 0.05 * far**2 + 0.01 * (params["depth"] - 4) ** 2
        error += 0.2 * (params["dropout"] - 0.2) ** 2 + 0.02 * (params["opt"] == "lion")
        clock.advance(60 + 30 * params["depth"])
        return 1 - error + 0.003 * rng.standard_normal()

    search.run(objective, "max", steps=150, quiet=True)
    return search


def phases(path: Path) -> None:
    """Where the two phases of a search sampled, on a function of two parameters."""
    search = pyhopper.Search(x=pyhopper.float(-3, 3), y=pyhopper.float(-3, 3), seed=2)

    def objective(params: dict) -> float:
        return himmelblau(params["x"] * 5 / 3, params["y"] * 5 / 3)

    search.run(objective, "min", steps=80, quiet=True)
    figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
    axis = np.linspace(-3, 3, 200)
    x, y = np.meshgrid(axis, axis)
    ax.contourf(x, y, np.log1p(himmelblau(x * 5 / 3, y * 5 / 3)), 12, cmap="Greys", alpha=0.5)
    for kind, colour, label in (
        ("random seeding", "#d1603d", "first phase"),
        ("local sampling", "#12395a", "second phase"),
    ):
        points = [each.params for each in search.history.evaluations if each.type == kind]
        where = [p["x"] for p in points], [p["y"] for p in points]
        ax.plot(*where, "o", color=colour, ms=4, label=label)
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    ax.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def himmelblau(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A function with four minima of the same depth (Himmelblau 1972)."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def main() -> None:
    search, folder = search_of_a_training(), Path(__file__).parent
    phases(folder / "phases.png")
    for example in ("tsp", "cartpole"):
        program = Path(__file__).parents[2] / "examples" / f"{example}.py"
        picture = folder / f"{example}.png"
        command = [sys.executable, program, "--runtime", "20s", "--seed", "1", "--picture", picture]
        subprocess.run([str(each) for each in command], check=True)
    plot = pyhopper.plot
    pictures = {
        "progress": lambda: plot.progress(search),
        "importance": lambda: plot.importance(search),
        "contour": lambda: plot.contour(search, "lr", "depth"),
        "parallel": lambda: plot.parallel(search).axes[0],
    }
    for name, draw in pictures.items():
        for style, suffix in (("default", ""), ("dark_background", "-dark")):
            if suffix and name != "progress":
                continue
            with plt.style.context(style):
                figure = draw().figure
                figure.savefig(folder / f"{name}{suffix}.png", dpi=72, bbox_inches="tight")
                plt.close(figure)


if __name__ == "__main__":
    main()

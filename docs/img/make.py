"""Make the pictures of the documentation: python docs/img/make.py."""

import math
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


def main() -> None:
    search, folder = search_of_a_training(), Path(__file__).parent
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

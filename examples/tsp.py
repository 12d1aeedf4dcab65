"""The travelling salesman: find a short tour, a custom value that changes by 2-opt moves.

python examples/tsp.py --runtime 30s --picture tour.png
"""

import argparse
from typing import Any

import numpy as np

import pyhopper


def draw(count: int, rng: np.random.Generator) -> list[int]:
    return [0, *(1 + rng.permutation(count - 1)).tolist()]


def two_opt(tour: list[int], temperature: float, rng: np.random.Generator) -> list[int]:
    """Reverse a part of the tour, or more than one to leave a local optimum."""
    for _ in range(rng.geometric(1 - temperature / 2)):
        start, end = sorted(rng.choice(np.arange(1, len(tour) + 1), size=2, replace=False))
        tour[start:end] = tour[start:end][::-1]
    return tour


def length(params: dict[str, Any], cities: np.ndarray) -> float:
    stops = cities[params["tour"]]
    return float(np.linalg.norm(stops - np.roll(stops, 1, axis=0), axis=1).sum())


def save_picture(path: str, cities: np.ndarray, tour: list[int], history: Any) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    stops = cities[[*tour, tour[0]]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    left.plot(*stops.T, "-", color="tab:blue", linewidth=1.5)
    left.plot(*cities.T, "o", color="tab:orange")
    left.set_title(f"Tour of {len(cities)} cities, length {history.best_f:.2f}")
    left.set_aspect("equal")
    right.plot(history.seconds, history.fs, ".", color="lightgray", markersize=2, label="tried")
    right.plot(history.seconds, history.best_fs, color="tab:blue", label="best")
    right.set_xlabel("seconds")
    right.set_ylabel("length")
    right.set_title("Length over time")
    right.legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description="Find a short round trip through random cities.")
    parser.add_argument("--cities", type=int, default=30)
    parser.add_argument("--runtime", default="30s", help='how long to search, such as "2min"')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", help="where to save a picture (needs matplotlib)")
    parser.add_argument("--short", action="store_true", help="a few seconds, to try it out")
    args = parser.parse_args()
    if args.short:
        args.cities, args.runtime = 12, "2s"

    cities = np.random.default_rng(args.seed).random((args.cities, 2))
    tour = pyhopper.custom(lambda rng: draw(args.cities, rng), two_opt)
    search = pyhopper.Search(tour=tour, seed=args.seed)
    best = search.run(
        length,
        "min",
        runtime=args.runtime,
        seeding_ratio=0.05,  # random tours are hardly ever good
        kwargs={"cities": cities},
    )
    if best is None:
        print("No tour could be evaluated in this time.")
        return
    first = search.history.fs[0]
    print(f"\nFrom length {first:.2f} to {search.best_f:.2f} in {len(search.history)} tours.")
    if args.picture:
        save_picture(args.picture, cities, best["tour"], search.history)
        print(f"Picture: {args.picture}")


if __name__ == "__main__":
    main()

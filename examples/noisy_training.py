"""Tune a training with random results: good candidates are trained five times, poor ones less.

python examples/noisy_training.py --runtime 30s
"""

import argparse
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import pyhopper

TEMPLATE = {
    "hidden": pyhopper.int(8, 64, power_of=2),
    "lr": pyhopper.float(1e-4, 1e-1, "0.1g"),
    "alpha": pyhopper.float(1e-6, 1e-1, "0.1g"),
    "batch": pyhopper.choice([16, 32, 64, 128], is_ordinal=True),
    "activation": pyhopper.choice("relu", "tanh"),
}


def train(params: dict[str, Any], images: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy after a short training; the initial weights and the split are random."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    train_x, test_x, train_y, test_y = train_test_split(images, labels, test_size=0.3)
    model = MLPClassifier(
        hidden_layer_sizes=(params["hidden"],),
        learning_rate_init=params["lr"],
        alpha=params["alpha"],
        batch_size=params["batch"],
        activation=params["activation"],
        max_iter=5,
    )
    return float(model.fit(train_x, train_y).score(test_x, test_y))


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune a training with random results.")
    parser.add_argument("--runtime", default="30s", help='how long to search, such as "2min"')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="a few candidates, to try it out")
    args = parser.parse_args()

    images, labels = load_digits(return_X_y=True)
    images = images[:600] / 16.0
    labels = labels[:600]
    search = pyhopper.Search(TEMPLATE, seed=args.seed)
    best = search.run(
        pyhopper.wrap_n_times(train, 5),
        "max",
        runtime=None if args.short else args.runtime,
        steps=8 if args.short else None,
        pruner=pyhopper.pruners.QuantilePruner(0.5),
        kwargs={"images": images, "labels": labels},
    )
    if best is None:
        print("No candidate could be evaluated in this time.")
        return
    again = [train(best, images, labels) for _ in range(3 if args.short else 20)]
    print(f"\nThe search says {search.best_f:.4f}; {len(again)} new trainings give", end=" ")
    print(f"{np.mean(again):.4f} ± {np.std(again):.4f}")


if __name__ == "__main__":
    main()

"""Tune a classifier of handwritten digits, and compare it with the defaults.

python examples/digits.py --runtime 30s
"""

import argparse
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import pyhopper

# Three kinds of models, each with parameters of its own.
TEMPLATE = {
    "scale": pyhopper.bool(),
    "model": pyhopper.choice(
        {
            "kind": "svm",
            "C": pyhopper.float(1e-2, 1e3, "0.2g"),
            "gamma": pyhopper.float(1e-5, 1e-1, "0.2g"),
        },
        {
            "kind": "forest",
            "n_estimators": pyhopper.int(10, 200, multiple_of=10),
            "max_features": pyhopper.float(0.05, 0.5, precision=2),
            "min_samples_leaf": pyhopper.int(1, 8),
        },
        {"kind": "logistic", "C": pyhopper.float(1e-4, 1e2, "0.2g")},
    ),
}


def make_model(params: dict[str, Any]) -> ClassifierMixin:
    settings = dict(params["model"])
    kind = settings.pop("kind")
    makers = {
        "svm": SVC,
        "forest": partial(RandomForestClassifier, random_state=0),
        "logistic": partial(LogisticRegression, max_iter=300),
    }
    model = makers[kind](**settings)
    return make_pipeline(StandardScaler(), model) if params["scale"] else model


def accuracy(params: dict[str, Any], images: np.ndarray, labels: np.ndarray) -> float:
    warnings.simplefilter("ignore", ConvergenceWarning)  # a poor model has a low accuracy anyway
    return float(cross_val_score(make_model(params), images, labels, cv=3).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune a classifier of handwritten digits.")
    parser.add_argument("--runtime", help='how long to search, such as "30s" or "10min"')
    parser.add_argument("--steps", help="how many candidates to evaluate")
    parser.add_argument("--n_jobs", default=1, help="how many evaluations at the same time")
    parser.add_argument("--seed", type=int, help="for a repeatable search")
    args = parser.parse_args()
    if args.runtime is None and args.steps is None:
        args.runtime = "30s"

    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=0.4, random_state=0, stratify=labels
    )
    search = pyhopper.Search(TEMPLATE, seed=args.seed)
    best = search.run(
        accuracy,
        "max",
        runtime=args.runtime,
        steps=args.steps,
        n_jobs=args.n_jobs,
        kwargs={"images": train_x, "labels": train_y},
    )

    if best is None:
        print("No candidate could be evaluated in this time.")
        return

    defaults = {
        "svm with defaults": SVC(),
        "forest with defaults": RandomForestClassifier(random_state=0),
        "logistic with defaults": LogisticRegression(max_iter=300),
    }
    print("\nAccuracy on held-out digits")
    for name, model in {**defaults, "found": make_model(best)}.items():
        print(f"  {name:24} {model.fit(train_x, train_y).score(test_x, test_y):.4f}")


if __name__ == "__main__":
    main()

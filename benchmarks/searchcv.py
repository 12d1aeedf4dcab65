"""SearchCV against other searches for scikit-learn, at equal time, on six of its data sets.

    pip install ".[sklearn]" optuna-integration scikit-optimize
    OMP_NUM_THREADS=1 python benchmarks/searchcv.py --seconds 15 --seeds 2

Prints for each data set and method the best mean score over five folds, and how long it took to
reach what RandomizedSearchCV had reached at the end. All use one process and the same folds. Where
a class knows no budget in time, it is called again and again with other seeds. What SearchCV gave
up is evaluated to its end afterwards, to see how often that was a mistake.
"""

import argparse
import json
import math
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn import datasets
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pyhopper.integrations.sklearn import SearchCV

MACHINE = {"svc__C": loguniform(1e-3, 1e4), "svc__gamma": loguniform(1e-6, 1)}
FOREST = {
    "n_estimators": randint(2, 60),
    "max_features": uniform(0.05, 0.95),
    "min_samples_leaf": randint(1, 20),
    "criterion": ["gini", "entropy"],
}
BOOSTING = {
    "learning_rate": loguniform(0.005, 0.5),
    "n_estimators": randint(10, 100),
    "max_depth": randint(1, 7),
    "subsample": uniform(0.3, 0.7),
    "min_samples_leaf": randint(1, 30),
}
RIDGE = {
    "kernelridge__alpha": loguniform(1e-4, 1e3),
    "kernelridge__gamma": loguniform(1e-4, 10),
    "kernelridge__kernel": ["rbf", "laplacian"],
}
TASKS = {
    "digits": (make_pipeline(StandardScaler(), SVC()), MACHINE),
    "breast_cancer": (
        make_pipeline(StandardScaler(), PCA(random_state=0), SVC()),
        {**MACHINE, "pca__n_components": randint(1, 30), "pca__whiten": [False, True]},
    ),
    "wine": (RandomForestClassifier(random_state=0), FOREST),
    "iris": (
        make_pipeline(StandardScaler(), SVC()),
        {**MACHINE, "svc__kernel": ["rbf", "poly", "sigmoid"], "svc__degree": randint(2, 6)},
    ),
    "diabetes": (GradientBoostingRegressor(random_state=0), BOOSTING),
    "linnerud": (make_pipeline(StandardScaler(), KernelRidge()), RIDGE),
}

Task = tuple[Any, dict[str, Any]]
"""An estimator and its space."""

Curve = list[tuple[float, float]]
"""When a candidate ended, in seconds, and its mean score."""


def random(task: Task, data: Any, seconds: float, seed: int) -> Curve:
    estimator, space = task
    curve, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds:
        state = seed * 100_000 + len(curve)
        search = RandomizedSearchCV(estimator, space, n_iter=1, random_state=state, refit=False)
        score = search.fit(*data).cv_results_["mean_test_score"][0]
        curve.append((time.perf_counter() - start, score))
    return curve


def halving(task: Task, data: Any, seconds: float, seed: int) -> Curve:
    estimator, space = task
    curve, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds:
        state = seed * 100_000 + len(curve)
        search = HalvingRandomSearchCV(estimator, space, random_state=state, refit=False)
        best = clone(estimator).set_params(**search.fit(*data).best_params_)
        # Its scores are of parts of the data.
        score = cross_val_score(best, *data).mean()
        curve.append((time.perf_counter() - start, score))
    return curve


def optuna(task: Task, data: Any, seconds: float, seed: int) -> Curve:
    estimator, space = task
    import optuna as package
    from optuna_integration import OptunaSearchCV

    package.logging.set_verbosity(package.logging.ERROR)
    kinds = package.distributions
    converted = {}
    for name, each in space.items():
        if isinstance(each, list):
            converted[name] = kinds.CategoricalDistribution(each)
            continue
        low, high = map(float, each.support())
        if each.dist.name == "randint":
            converted[name] = kinds.IntDistribution(int(low), int(high))
        else:
            converted[name] = kinds.FloatDistribution(low, high, log=each.dist.name != "uniform")
    settings = {"n_trials": 10**6, "timeout": seconds, "random_state": seed, "refit": False}
    search = OptunaSearchCV(estimator, converted, cv=5, **settings)
    began = time.time()
    search.fit(*data)
    ended = [t for t in search.trials_ if t.value is not None]
    return [(t.datetime_complete.timestamp() - began, t.value) for t in ended]


def bayes(task: Task, data: Any, seconds: float, seed: int) -> Curve:
    estimator, space = task
    from skopt import BayesSearchCV
    from skopt.space import Categorical, Integer, Real

    converted = {}
    for name, each in space.items():
        if isinstance(each, list):
            converted[name] = Categorical(each)
            continue
        low, high = map(float, each.support())
        if each.dist.name == "randint":
            converted[name] = Integer(int(low), int(high))
        else:
            prior = "uniform" if each.dist.name == "uniform" else "log-uniform"
            converted[name] = Real(low, high, prior)
    times, start = [], time.perf_counter()

    def tick(result: Any) -> bool:
        times.append(time.perf_counter() - start)
        return times[-1] > seconds

    search = BayesSearchCV(estimator, converted, n_iter=10**4, cv=5, random_state=seed, refit=False)
    search.fit(*data, callback=tick)
    scores = search.cv_results_["mean_test_score"]
    return list(zip(times, scores, strict=False))


FOLDS: list[dict] = []
"""Of each search of this package: what pruning did."""


def pyhopper(task: Task, data: Any, seconds: float, seed: int) -> Curve:
    estimator, space = task
    search = SearchCV(estimator, space, runtime=seconds, random_state=seed, cv=5, refit=False)
    search.fit(*data)
    done = [r for r in search.search_.history.evaluations if r.status == "done"]
    wrong = 0
    pruned = [r for r in search.search_.history.evaluations if r.status == "pruned"]
    for record in pruned:
        before = max(r.value for r in done if r.elapsed <= record.elapsed)
        whole = cross_val_score(clone(estimator).set_params(**record.params), *data, cv=5).mean()
        wrong += bool(whole > before)
    facts = {"evaluated": len(done) + len(pruned), "given_up": len(pruned), "wrongly": wrong}
    FOLDS.append({**facts, "seconds_saved": search.seconds_saved_})
    return [(r.elapsed, r.value) for r in done]


METHODS = {
    "SearchCV": pyhopper,
    "RandomizedSearchCV": random,
    "HalvingRandomSearchCV": halving,
    "OptunaSearchCV": optuna,
    "BayesSearchCV": bayes,
}


def reached(curve: Curve, target: float, seconds: float) -> float:
    """When a curve reached a score; infinite if it did not within the budget."""
    return next((t for t, s in curve if s >= target and t <= seconds), math.inf)


def best(curve: Curve, seconds: float) -> float:
    """The best score within the budget, and a little for what ran at its end."""
    return max(
        (s for t, s in curve if t <= seconds * 1.02 and not math.isnan(s)), default=-math.inf
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--output", default="searchcv.json")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    seconds, results = arguments.seconds, {}
    for name, task in TASKS.items():
        data = getattr(datasets, f"load_{name}")(return_X_y=True)
        for seed in range(arguments.seeds):
            curves = {method: run(task, data, seconds, seed) for method, run in METHODS.items()}
            target = best(curves["RandomizedSearchCV"], seconds)
            for method, curve in curves.items():
                found = best(curve, seconds), reached(curve, target, seconds), len(curve)
                results.setdefault(name, {}).setdefault(method, []).append(found)
                print(name, seed, method, *found, flush=True)
        facts = {"results": results, "folds": FOLDS, "seconds": seconds}
        Path(arguments.output).write_text(json.dumps(facts, default=float), encoding="utf-8")
    print("\n| data | " + " | ".join(METHODS) + " |\n|---" * 1 + "|---" * len(METHODS) + "|")
    for name, methods in results.items():
        cells = []
        for method in METHODS:
            runs = methods[method]
            score = statistics.mean(run[0] for run in runs)
            times = statistics.median(run[1] for run in runs)
            text = "not reached" if math.isinf(times) else f"{times:.1f} s"
            cells.append("none" if math.isinf(score) else f"{score:.4f}, {text}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    total = {key: sum(each[key] for each in FOLDS) for key in FOLDS[0]}
    print(f"\nGiven up: {total} ({np.mean([e['seconds_saved'] for e in FOLDS]):.1f} s a search)")


if __name__ == "__main__":
    main()

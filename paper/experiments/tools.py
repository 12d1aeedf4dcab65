"""One search with each of four packages, as its documentation shows, with its defaults.

A space is a dict of :class:`Step`, :class:`Log` and :class:`OneOf`, translated for each package.
Every function returns the values of all candidates in the order in which they ended, lower is
better, and how long the search took, without the start of the package.
"""

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

FAILED = 1e9
"""The value of a training that has diverged, for packages that know no failed evaluations."""


@dataclass(frozen=True)
class Step:
    """Numbers at equal distances, both bounds included."""

    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Log:
    """Numbers between two bounds, loguniform."""

    low: float
    high: float


@dataclass(frozen=True)
class OneOf:
    """One of some options, which may have an order."""

    options: tuple[Any, ...]
    is_ordered: bool = False


Space = dict[str, Step | Log | OneOf]
Objective = Callable[[dict[str, Any]], float]
Result = tuple[list[float], float]


def with_pyhopper(
    objective: Objective, space: Space, candidates: int, slots: int, seed: int
) -> Result:
    import pyhopper

    def parameter(row: Step | Log | OneOf) -> Any:
        if isinstance(row, Log):
            return pyhopper.float(row.low, row.high, log=True)
        if isinstance(row, OneOf):
            return pyhopper.choice(list(row.options), is_ordinal=row.is_ordered)
        if isinstance(row.step, int):
            return pyhopper.int(row.low, row.high, multiple_of=row.step)
        return pyhopper.float(row.low, row.high, precision=1)

    search = pyhopper.Search({key: parameter(row) for key, row in space.items()}, seed=seed)
    start = time.perf_counter()
    search.run(objective, "min", steps=candidates, n_jobs=slots, quiet=True)
    return [float(value) for value in search.history.fs], time.perf_counter() - start


def with_optuna(
    objective: Objective, space: Space, candidates: int, slots: int, seed: int
) -> Result:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def suggest(trial: Any, key: str, row: Step | Log | OneOf) -> Any:
        if isinstance(row, Log):
            return trial.suggest_float(key, row.low, row.high, log=True)
        if isinstance(row, OneOf):
            return trial.suggest_categorical(key, row.options)
        if isinstance(row.step, int):
            return trial.suggest_int(key, row.low, row.high, step=row.step)
        return trial.suggest_float(key, row.low, row.high, step=row.step)

    def evaluate(trial: Any) -> float:
        return objective({key: suggest(trial, key, row) for key, row in space.items()})

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    start = time.perf_counter()
    study.optimize(evaluate, n_trials=candidates, n_jobs=slots)
    took = time.perf_counter() - start
    trials = sorted(study.trials, key=lambda trial: trial.datetime_complete)
    return [float(trial.value) for trial in trials], took


def with_hyperopt(
    objective: Objective, space: Space, candidates: int, slots: int, seed: int
) -> Result:
    from hyperopt import Trials, fmin, hp, tpe

    def parameter(key: str, row: Step | Log | OneOf) -> Any:
        if isinstance(row, Log):
            return hp.loguniform(key, math.log(row.low), math.log(row.high))
        if isinstance(row, OneOf):
            return hp.choice(key, row.options)
        return hp.quniform(key, row.low, row.high, row.step)

    def evaluate(params: dict[str, Any]) -> float:
        whole = [k for k, row in space.items() if isinstance(row, Step) and row.step >= 1]
        return objective({**params, **{key: int(params[key]) for key in whole}})

    trials = Trials()
    start = time.perf_counter()
    fmin(
        evaluate,
        {key: parameter(key, row) for key, row in space.items()},
        algo=tpe.suggest,
        max_evals=candidates,
        trials=trials,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
        verbose=False,
    )
    return [float(value) for value in trials.losses()], time.perf_counter() - start


def with_ray(objective: Objective, space: Space, candidates: int, slots: int, seed: int) -> Result:
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    import ray
    from ray import tune

    def parameter(row: Step | Log | OneOf) -> Any:
        if isinstance(row, Log):
            return tune.loguniform(row.low, row.high)
        if isinstance(row, OneOf):
            return tune.choice(list(row.options))
        if isinstance(row.step, int):
            return tune.qrandint(row.low, row.high, row.step)
        return tune.quniform(row.low, row.high, row.step)

    def trainable(params: dict[str, Any]) -> dict[str, float]:
        return {"loss": objective(params)}

    ray.init(
        num_cpus=slots,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    np.random.seed(seed)  # noqa: NPY002 - that is how its default search is seeded
    start = time.perf_counter()
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={key: parameter(row) for key, row in space.items()},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=candidates,
            reuse_actors=True,  # else each candidate has a new process, which imports PyTorch
        ),
        run_config=tune.RunConfig(verbose=0),
    ).fit()
    took = time.perf_counter() - start
    ended = sorted((each.metrics for each in results), key=lambda each: each["timestamp"])
    ray.shutdown()
    return [float(each["loss"]) for each in ended], took


TOOLS: dict[str, Callable[..., Result]] = {
    "pyhopper": with_pyhopper,
    "optuna": with_optuna,
    "hyperopt": with_hyperopt,
    "ray": with_ray,
}

"""Early stopping of other packages, for those that are installed: Optuna, Ray, SMAC."""

import functools
import importlib.util
import itertools
import math
import tempfile
import types
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np


class Task(Protocol):
    """What is searched, see ``compare.py``."""

    grid: dict[str, list[Any]]
    sizes: list[int]
    length: int

    def train(self, places: list[int]) -> Iterator[float]:
        """The losses after each step."""


Stops = Callable[[int, int, float], bool]
"""Is told the number of a training, its step and its loss; answers whether to give it up."""


def asha(task: Task) -> Stops:
    """Ray's ASHAScheduler with its defaults, told what Ray Tune would tell it."""
    from ray.tune.schedulers import ASHAScheduler

    scheduler = ASHAScheduler("step", "loss", "min", max_t=task.length)

    def stops(number: int, step: int, loss: float) -> bool:
        trial = types.SimpleNamespace(trial_id=str(number))
        if step == 1:
            scheduler.on_trial_add(None, trial)
        result = {"step": step, "loss": loss}
        return bool(scheduler.on_trial_result(None, trial, result) == ASHAScheduler.STOP)

    return stops


def with_random(rule: Callable[[Task], Stops], task: Task, seed: int) -> None:
    """A rule with random configurations, as Ray Tune draws them by default."""
    rng, stops = np.random.default_rng(seed), rule(task)
    for number in itertools.count():
        places = [int(rng.integers(size)) for size in task.sizes]
        for step, loss in enumerate(task.train(places), 1):
            if step < task.length and stops(number, step, loss):
                break


def with_optuna(name: str, task: Task, seed: int) -> None:
    """TPE with a pruner of Optuna's, or with Ray's rule."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rule = asha(task) if name == "ASHA" else None
    kwargs = {"max_resource": task.length} if name == "HyperbandPruner" else {}
    pruner = optuna.pruners.NopPruner() if rule else getattr(optuna.pruners, name)(**kwargs)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(sampler=sampler, pruner=pruner)

    def objective(trial: optuna.Trial) -> float:
        places = [
            trial.suggest_int(key, 0, size - 1)
            if size > 2
            else trial.suggest_categorical(key, [0, 1])
            for key, size in zip(task.grid, task.sizes, strict=True)
        ]
        value = math.nan
        for step, value in enumerate(task.train(places), 1):
            trial.report(value, step)
            stop = rule(trial.number, step, value) if rule else trial.should_prune()
            if step < task.length and stop:
                raise optuna.TrialPruned
        return value

    study.optimize(objective, n_trials=100_000)


def with_smac(task: Task, seed: int) -> None:
    """SMAC's MultiFidelityFacade: random forests and Hyperband, asked and told.

    A configuration that is given more steps goes on where it stopped, which costs it nothing twice.
    """
    import ConfigSpace
    import smac
    from smac.runhistory import TrialValue

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for key, size in zip(task.grid, task.sizes, strict=True):
        few = size <= 2
        space.add(
            ConfigSpace.Categorical(key, [0, 1]) if few else ConfigSpace.Integer(key, (0, size - 1))
        )
    with tempfile.TemporaryDirectory() as folder:
        scenario = smac.Scenario(
            space,
            n_trials=100_000,
            min_budget=1,
            max_budget=task.length,
            seed=seed,
            deterministic=True,
            output_directory=folder,
        )
        facade = smac.MultiFidelityFacade(
            scenario, lambda config, seed, budget: 0.0, logging_level=False
        )
        running: dict[tuple[int, ...], tuple[Iterator[float], list[float]]] = {}
        idle = 0
        # In a finite grid it may ask only for what it knows; that costs no steps and has no end.
        while idle < 100:
            info = facade.ask()
            places = [int(info.config[key]) for key in task.grid]
            training, losses = running.setdefault(tuple(places), (task.train(places), []))
            steps = task.length if info.budget is None else round(info.budget)
            idle += 1
            for loss in training:
                idle = 0
                losses.append(loss)
                # The last one is asked for once more, so that the training is known to have ended.
                if len(losses) == steps < task.length:
                    break
            reached = losses[min(steps, len(losses)) - 1]
            facade.tell(info, TrialValue(cost=reached))


METHODS: dict[str, Callable[[Any, int], None]] = {}
if importlib.util.find_spec("optuna"):
    for short in ("Nop", "Median", "SuccessiveHalving", "Hyperband"):
        METHODS[f"TPE {short}"] = functools.partial(with_optuna, f"{short}Pruner")
if importlib.util.find_spec("ray"):
    METHODS["random ASHA"] = functools.partial(with_random, asha)
if importlib.util.find_spec("ray") and importlib.util.find_spec("optuna"):
    METHODS["TPE ASHA"] = functools.partial(with_optuna, "ASHA")
if importlib.util.find_spec("smac"):
    METHODS["SMAC"] = with_smac

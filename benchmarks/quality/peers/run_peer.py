"""Run one peer on the tasks through its own package, and write results as JSON lines.

Each peer has a virtual environment of its own (see README.md), so packages are imported only where
they are used. Runs that are in the output file already are skipped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import tasks
from problems import Param

Objective = Callable[[list[Any]], float]


def _value(p: Param, drawn: Any) -> Any:
    """The value of a parameter whose ordered values were drawn by their index."""
    if p.kind == "ordinal":
        return p.values[int(drawn)]
    return int(drawn) if p.kind == "int" else drawn


def random_search(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Draw every candidate from the whole space."""
    rng = np.random.default_rng(seed)
    for _ in range(budget):
        objective(
            [
                p.decode(rng.integers(p.levels) if p.kind == "categorical" else rng.random())
                for p in params
            ]
        )


def _optuna(sampler: Any, params: tuple[Param, ...], budget: int, objective: Objective) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def run(trial: Any) -> float:
        point: list[Any] = []
        names = [p.name for p in params]
        for p in params:
            if p.parent:
                at = names.index(p.parent)
                if point[at] != params[at].values[p.option]:
                    point.append(None)
                    continue
            if p.kind == "categorical":
                point.append(trial.suggest_categorical(p.name, list(p.values)))
            elif p.kind == "ordinal":
                point.append(p.values[trial.suggest_int(p.name, 0, len(p.values) - 1)])
            elif p.kind == "int":
                point.append(trial.suggest_int(p.name, int(p.low), int(p.high)))
            else:
                point.append(trial.suggest_float(p.name, p.low, p.high, log=p.log))
        return objective(point)

    optuna.create_study(sampler=sampler).optimize(run, n_trials=budget)


def optuna_tpe(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Optuna's default sampler."""
    import optuna

    _optuna(optuna.samplers.TPESampler(seed=seed), params, budget, objective)


def optuna_gp(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Optuna's Gaussian process."""
    import optuna

    _optuna(optuna.samplers.GPSampler(seed=seed), params, budget, objective)


def optuna_cmaes(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Optuna's CMA-ES."""
    import optuna

    _optuna(optuna.samplers.CmaEsSampler(seed=seed), params, budget, objective)


def nevergrad(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Nevergrad's NGOpt, which picks an algorithm for the space and the budget."""
    import nevergrad as ng

    leaves: dict[str, Any] = {}
    for p in params:
        if p.kind == "categorical":
            leaves[p.name] = ng.p.Choice(list(p.values))
        elif p.kind == "ordinal":
            leaves[p.name] = ng.p.TransitionChoice(list(p.values))
        elif p.kind == "int":
            leaves[p.name] = ng.p.Scalar(lower=p.low, upper=p.high).set_integer_casting()
        elif p.log:
            leaves[p.name] = ng.p.Log(lower=p.low, upper=p.high)
        else:
            leaves[p.name] = ng.p.Scalar(lower=p.low, upper=p.high)
    space = ng.p.Dict(**leaves)
    space.random_state.seed(seed)
    solver = ng.optimizers.NGOpt(parametrization=space, budget=budget)
    for _ in range(budget):
        candidate = solver.ask()
        solver.tell(candidate, objective([candidate.value[p.name] for p in params]))


def hyperopt(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """HyperOpt's TPE."""
    from hyperopt import fmin, hp, tpe

    space = {}
    for p in params:
        if p.kind == "categorical":
            space[p.name] = hp.choice(p.name, list(p.values))
        elif p.kind == "ordinal":
            space[p.name] = hp.uniformint(p.name, 0, len(p.values) - 1)
        elif p.kind == "int":
            space[p.name] = hp.uniformint(p.name, int(p.low), int(p.high))
        elif p.log:
            space[p.name] = hp.loguniform(p.name, math.log(p.low), math.log(p.high))
        else:
            space[p.name] = hp.uniform(p.name, p.low, p.high)

    def run(drawn: dict[str, Any]) -> float:
        return objective([_value(p, drawn[p.name]) for p in params])

    fmin(
        run, space, algo=tpe.suggest, max_evals=budget, rstate=np.random.default_rng(seed),
        show_progressbar=False, verbose=False,
    )  # fmt: skip


def smac(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """SMAC3 with its facade for hyperparameters."""
    import tempfile

    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
    from smac import HyperparameterOptimizationFacade, Scenario

    space = ConfigurationSpace(seed=seed)
    for p in params:
        if p.kind == "categorical":
            space.add(Categorical(p.name, list(p.values)))
        elif p.kind == "ordinal":
            space.add(Integer(p.name, (0, len(p.values) - 1)))
        elif p.kind == "int":
            space.add(Integer(p.name, (int(p.low), int(p.high))))
        else:
            space.add(Float(p.name, (p.low, p.high), log=p.log))

    def run(configuration: Any, seed: int = 0) -> float:
        return objective([_value(p, configuration[p.name]) for p in params])

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            space, deterministic=True, n_trials=budget, seed=seed, output_directory=Path(folder)
        )
        HyperparameterOptimizationFacade(scenario, run, overwrite=True, logging_level=50).optimize()


def flaml(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """FLAML's BlendSearch."""
    from flaml import tune

    space = {}
    for p in params:
        if p.kind == "categorical":
            space[p.name] = tune.choice(list(p.values))
        elif p.kind == "ordinal":
            space[p.name] = tune.randint(0, len(p.values))
        elif p.kind == "int":
            space[p.name] = tune.randint(int(p.low), int(p.high) + 1)
        elif p.log:
            space[p.name] = tune.loguniform(p.low, p.high)
        else:
            space[p.name] = tune.uniform(p.low, p.high)

    def run(drawn: dict[str, Any]) -> dict[str, float]:
        return {"loss": objective([_value(p, drawn[p.name]) for p in params])}

    np.random.seed(seed)
    tune.run(run, config=space, metric="loss", mode="min", num_samples=budget, verbose=0)


def pyhopper(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Run the released PyHopper."""
    import pyhopper as hopper

    np.random.seed(seed)
    space = {}
    for p in params:
        if p.kind == "categorical":
            space[p.name] = hopper.choice(list(p.values))
        elif p.kind == "ordinal":
            space[p.name] = hopper.choice(list(p.values), is_ordinal=True)
        elif p.kind == "int":
            space[p.name] = hopper.int(int(p.low), int(p.high))
        else:
            space[p.name] = hopper.float(p.low, p.high, log=p.log)
    search = hopper.Search(space)
    search.run(
        lambda drawn: objective([drawn[p.name] for p in params]),
        direction="min", steps=budget, quiet=True,
    )  # fmt: skip


def ax(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """Ax."""
    from ax_client import minimize

    minimize(params, budget, seed, lambda point: [objective(point)], losses=1)


def hebo(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """HEBO."""
    import torch
    from hebo.design_space.design_space import DesignSpace
    from hebo.optimizers.hebo import HEBO

    np.random.seed(seed)
    torch.manual_seed(seed)
    space: list[dict[str, Any]] = []
    for p in params:
        if p.kind == "categorical":
            space.append({"name": p.name, "type": "cat", "categories": list(p.values)})
        elif p.kind == "ordinal":
            space.append({"name": p.name, "type": "int", "lb": 0, "ub": len(p.values) - 1})
        elif p.kind == "int":
            space.append({"name": p.name, "type": "int", "lb": int(p.low), "ub": int(p.high)})
        else:
            kind = "pow" if p.log else "num"
            space.append({"name": p.name, "type": kind, "lb": p.low, "ub": p.high})
    solver = HEBO(DesignSpace().parse(space), scramble_seed=seed)
    for _ in range(budget):
        drawn = solver.suggest(1)
        point = [_value(p, drawn[p.name].iloc[0]) for p in params]
        solver.observe(drawn, np.array([[objective(point)]]))


def vizier(params: tuple[Param, ...], budget: int, seed: int, objective: Objective) -> None:
    """OSS Vizier's default, a Gaussian process bandit."""
    from vizier import algorithms
    from vizier import pyvizier as vz
    from vizier._src.algorithms.designers.gp_bandit import VizierGPBandit

    problem = vz.ProblemStatement()
    root = problem.search_space.root
    for p in params:
        if p.kind == "categorical":
            root.add_categorical_param(p.name, [str(index) for index in range(len(p.values))])
        elif p.kind == "ordinal":
            root.add_int_param(p.name, 0, len(p.values) - 1)
        elif p.kind == "int":
            root.add_int_param(p.name, int(p.low), int(p.high))
        else:
            scale = vz.ScaleType.LOG if p.log else vz.ScaleType.LINEAR
            root.add_float_param(p.name, p.low, p.high, scale_type=scale)
    goal = vz.ObjectiveMetricGoal.MINIMIZE
    problem.metric_information.append(vz.MetricInformation("loss", goal=goal))
    solver = VizierGPBandit.from_problem(problem, seed=seed)
    for number in range(1, budget + 1):
        trial = solver.suggest(1)[0].to_trial(number)
        point = []
        for p in params:
            value = trial.parameters[p.name].value
            indexed = p.kind == "categorical"
            point.append(p.values[int(value)] if indexed else _value(p, value))
        loss = float(objective(point))
        trial.complete(vz.Measurement(metrics={"loss": loss}))
        solver.update(algorithms.CompletedTrials([trial]), algorithms.ActiveTrials())


PEERS: dict[str, Callable[[tuple[Param, ...], int, int, Objective], None]] = {
    "random": random_search,
    "optuna-tpe": optuna_tpe,
    "optuna-gp": optuna_gp,
    "optuna-cmaes": optuna_cmaes,
    "nevergrad": nevergrad,
    "hyperopt": hyperopt,
    "smac": smac,
    "flaml": flaml,
    "ax": ax,
    "hebo": hebo,
    "vizier": vizier,
    "pyhopper": pyhopper,
}


class OutOfTime(Exception):
    """The clock of an equal-time run has ended."""


def run_one(
    peer: str, task: str, seed: int, budget: int, cost: float = 0.0, clock: float = math.inf
) -> dict[str, Any]:
    """Run a peer once, and return its record.

    Parameters
    ----------
    peer, task, seed, budget
        What to run.
    cost
        Seconds that every evaluation is made to last; they are counted, not slept.
    clock
        Seconds after which the run ends, evaluations counted at `cost`.
    """
    problem = tasks.make(task, seed)
    values: list[float] = []
    truths: list[float] = []
    inside = 0.0
    start = time.process_time()

    def objective(point: list[Any]) -> float:
        nonlocal inside
        before = time.process_time()
        thought = before - start - inside
        if thought + cost * (len(values) + 1) > clock:
            raise OutOfTime
        values.append(problem.observe(point))
        truths.append(problem.truth(point))
        inside += time.process_time() - before
        return values[-1]

    error = None
    try:
        PEERS[peer](problem.params, budget, seed, objective)
    except OutOfTime:
        pass
    except Exception as problem_seen:  # a peer that breaks is a result too
        error = repr(problem_seen)[:200]
    wall = time.process_time() - start
    at = {}
    # A solver that ends before its budget does, since it counts duplicates, keeps what it has.
    reached = budget if error is None and clock == math.inf and values else len(values)
    for count in tasks.CHECKPOINTS:
        if count <= reached:
            at[str(count)] = truths[int(np.nanargmin(np.asarray(values[:count])))]
    if clock < math.inf and values:
        at["end"] = truths[int(np.nanargmin(np.asarray(values)))]
    return {"peer": peer, "task": task, "seed": seed, "budget": budget, "at": at, "n": len(values),
            "wall": wall, "overhead": wall - inside, "cost": cost, "err": error}  # fmt: skip


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", default="development", choices=sorted(tasks.SETS))
    parser.add_argument("--match", nargs="*", default=[""], help="only tasks that contain one")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--cost", type=float, default=0.0, help="seconds an evaluation counts for")
    parser.add_argument("--clock", type=float, default=math.inf, help="seconds a run may last")
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"], record.get("cost", 0.0)))
    if arguments.clock < math.inf:
        run_one(arguments.peer, tasks.SETS[arguments.set][0], 0, 12)  # imports are not thinking
    for task in tasks.SETS[arguments.set]:
        for seed in range(arguments.seeds):
            wanted = any(part in task for part in arguments.match)
            if wanted and (arguments.peer, task, seed, arguments.cost) not in done:
                record = run_one(
                    arguments.peer, task, seed, arguments.budget, arguments.cost, arguments.clock
                )
                with arguments.out.open("a") as file:
                    file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()

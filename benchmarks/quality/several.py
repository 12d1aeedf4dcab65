"""Several objectives and limits: run a solver on the tasks, and print tables of hypervolumes.

    python several.py run pyhopper --out results.jsonl --budget 200 --seeds 5
    python several.py run optuna-tpe --out results.jsonl --budget 200 --seeds 5
    python several.py score results.jsonl

Every solver is called as a user would write it, with its defaults; pyhopper gets no seed. What is
stored of a run are the fronts after some numbers of evaluations (:data:`COUNTS`): the candidates
within the limits that look non-dominated to the solver, by their true objectives. The score is the
hypervolume of a front (package moocore), relative to that of the best known one: the true front,
where it is known, together with all results. Its reference point is a tenth of that front's range
beyond its worst numbers.
"""

from __future__ import annotations

import argparse
import collections
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import several_tasks
from several_tasks import Several

Objective = Callable[[list[Any]], np.ndarray]

COUNTS = (30, 50, 100, 200)
"""Numbers of evaluations after which the front is stored."""


# Solvers ---------------------------------------------------------------------------------------


def pyhopper_(task: Several, budget: int, seed: int, objective: Objective) -> None:
    """Run pyhopper."""
    import pyhopper

    kinds = {"float": lambda p: pyhopper.float(p.low, p.high)}
    kinds["ordinal"] = lambda p: pyhopper.choice(list(p.values), is_ordinal=True)
    kinds["categorical"] = lambda p: pyhopper.choice(list(p.values))
    template = {p.name: kinds[p.kind](p) for p in task.params}
    directions = {f"f{j}": "min" for j in range(task.objectives)}
    limits = {f"g{j}": 0.0 for j in range(task.limits)}

    def run(params: dict[str, Any]) -> dict[str, float]:
        numbers = objective([params[p.name] for p in task.params]).tolist()
        return dict(zip([*directions, *limits], numbers, strict=True))

    # Thinking time is measured in processor time, since other programs may be running.
    search = pyhopper.Search(template, clock=Clock())
    search.run(run, directions, steps=budget, limits=limits or None, quiet=True)


class Clock:
    """A clock that counts the time of this process."""

    def monotonic(self) -> float:
        return time.process_time()

    def time(self) -> float:
        return time.process_time()


def _optuna(name: str, task: Several, budget: int, seed: int, objective: Objective) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def run(trial: Any) -> list[float]:
        point: list[Any] = []
        for p in task.params:
            if p.kind == "categorical":
                point.append(trial.suggest_categorical(p.name, list(p.values)))
            elif p.kind == "ordinal":
                point.append(p.values[trial.suggest_int(p.name, 0, len(p.values) - 1)])
            else:
                point.append(trial.suggest_float(p.name, p.low, p.high))
        numbers = objective(point).tolist()
        for index, number in enumerate(numbers[task.objectives :]):
            trial.set_constraint(f"g{index}", number)
        return numbers[: task.objectives]

    sampler = getattr(optuna.samplers, name)(seed=seed)
    study = optuna.create_study(directions=["minimize"] * task.objectives, sampler=sampler)
    study.optimize(run, n_trials=budget)


def nevergrad(task: Several, budget: int, seed: int, objective: Objective) -> None:
    """Nevergrad's pick for the problem."""
    import nevergrad as ng

    def variable(p: Any) -> Any:
        if p.kind == "categorical":
            return ng.p.Choice(list(p.values))
        if p.kind == "ordinal":
            return ng.p.TransitionChoice(list(p.values))
        return ng.p.Scalar(lower=p.low, upper=p.high)

    space = ng.p.Tuple(*(variable(p) for p in task.params))
    space.random_state.seed(seed)
    optimizer = ng.optimizers.NGOpt(parametrization=space, budget=budget)
    optimizer.num_objectives = task.objectives
    for _ in range(budget):
        candidate = optimizer.ask()
        numbers = objective(list(candidate.value))
        values, limits = numbers[: task.objectives], numbers[task.objectives :]
        outside = [np.maximum(limits, 0.0)] if task.limits else []
        optimizer.tell(candidate, values, *outside)


def pymoo_nsga2(task: Several, budget: int, seed: int, objective: Objective) -> None:
    """NSGA-II of pymoo."""
    from pymoo.algorithms.moo.nsga2 import NSGA2, RankAndCrowding
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.core.variable import Choice, Integer, Real
    from pymoo.optimize import minimize

    mixed = any(p.kind != "float" for p in task.params)

    def variable(p: Any) -> Any:
        if p.kind == "categorical":
            return Choice(options=list(p.values))
        if p.kind == "ordinal":
            return Integer(bounds=(0, len(p.values) - 1))
        return Real(bounds=(p.low, p.high))

    class Wrapped(ElementwiseProblem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: Any, *args: Any, **more: Any) -> None:
            if mixed:
                point = [
                    p.values[x[p.name]] if p.kind == "ordinal" else x[p.name] for p in task.params
                ]
            else:
                point = list(x)
            numbers = objective(point)
            out["F"] = numbers[: task.objectives]
            if task.limits:
                out["G"] = numbers[task.objectives :]

    sizes = {"n_obj": task.objectives, "n_ieq_constr": task.limits}
    if mixed:
        problem = Wrapped(vars={p.name: variable(p) for p in task.params}, **sizes)
        algorithm: Any = MixedVariableGA(pop_size=20, survival=RankAndCrowding())
    else:
        low, high = [p.low for p in task.params], [p.high for p in task.params]
        problem = Wrapped(n_var=len(low), xl=np.array(low), xu=np.array(high), **sizes)
        algorithm = NSGA2(pop_size=20)
    minimize(problem, algorithm, ("n_eval", budget), seed=seed, verbose=False)


def ax(task: Several, budget: int, seed: int, objective: Objective) -> None:
    """Ax."""
    from peers.ax_client import minimize

    minimize(task.params, budget, seed, objective, task.objectives, task.limits)


def random(task: Several, budget: int, seed: int, objective: Objective) -> None:
    """Draw every candidate from the whole space."""
    rng = np.random.default_rng(seed)
    for _ in range(budget):
        objective(
            [
                p.decode(rng.integers(p.levels) if p.kind == "categorical" else rng.random())
                for p in task.params
            ]
        )


def _sampler(name: str) -> Callable[[Several, int, int, Objective], None]:
    def solve(task: Several, budget: int, seed: int, objective: Objective) -> None:
        _optuna(name, task, budget, seed, objective)

    return solve


SOLVERS = {
    "pyhopper": pyhopper_,
    "optuna-tpe": _sampler("TPESampler"),
    "optuna-nsga2": _sampler("NSGAIISampler"),
    "optuna-nsga3": _sampler("NSGAIIISampler"),
    "optuna-gp": _sampler("GPSampler"),
    "nevergrad": nevergrad,
    "pymoo-nsga2": pymoo_nsga2,
    "ax": ax,
    "random": random,
}


def run(arguments: argparse.Namespace) -> None:
    """Run a solver on all tasks that are not in the file yet."""
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"]))
    name = arguments.name or arguments.solver
    for seed in range(arguments.first, arguments.seeds):
        for task in several_tasks.TASKS:
            wanted = not arguments.match or any(part in task for part in arguments.match)
            if not wanted or (name, task, seed) in done:
                continue
            try:
                problem = several_tasks.make(task, seed)
            except ImportError as error:
                print(f"{task} is skipped: {error}")
                continue
            seen: list[np.ndarray] = []
            true: list[np.ndarray] = []
            inside = [0.0]

            def objective(point: list[Any]) -> np.ndarray:
                begin = time.process_time()
                numbers = problem.observe(point)  # noqa: B023 - used up within this turn
                seen.append(numbers)  # noqa: B023
                true.append(problem.truth(point))  # noqa: B023
                inside[0] += time.process_time() - begin  # noqa: B023
                return numbers

            begin = time.process_time()
            SOLVERS[arguments.solver](problem, arguments.budget, seed, objective)
            own = time.process_time() - begin - inside[0]
            record = {"peer": name, "task": task, "seed": seed, "overhead": own, "n": len(seen)}
            counts = [count for count in COUNTS if count <= len(seen)]
            fronts = {c: front(problem.objectives, seen[:c], true[:c]) for c in counts}
            record["fronts"] = fronts
            with arguments.out.open("a") as file:
                file.write(json.dumps(record) + "\n")


# Scores ----------------------------------------------------------------------------------------


def _nondominated(rows: np.ndarray) -> np.ndarray:
    import moocore

    return np.asarray(moocore.is_nondominated(rows, keep_weakly=True))


def front(objectives: int, seen: list[np.ndarray], true: list[np.ndarray]) -> list[list[float]]:
    """The true objectives of what looks best of some evaluations."""
    measured, truth = np.array(seen, dtype=float), np.array(true, dtype=float)
    inside = (measured[:, objectives:] <= 1e-9).all(axis=1)
    measured, truth = measured[inside, :objectives], truth[inside, :objectives]
    rows = truth[_nondominated(measured)] if len(truth) else truth
    return [[float(f"{each:.4g}") for each in row] for row in rows]


Found = dict[tuple[str, str, int], dict[int, float]]
"""The hypervolume of each (solver, task, seed) by the number of evaluations."""


def hypervolumes(records: list[dict[str, Any]]) -> Found:
    """All hypervolumes, relative to the best known."""
    import moocore

    result: Found = {}
    for task in dict.fromkeys(record["task"] for record in records):
        mine = [record for record in records if record["task"] == task]
        known = several_tasks.front(task)
        parts = [np.array(rows) for each in mine for rows in each["fronts"].values() if rows]
        best = np.vstack([*parts, *([] if known is None else [known])])
        best = best[_nondominated(best)]
        low, high = best.min(axis=0), best.max(axis=0)
        width = np.where(high > low, high - low, 1.0)
        reference = np.full(len(low), 1.1)

        def volume(rows: Any) -> float:
            if not len(rows):
                return 0.0
            inner = (np.asarray(rows) - low) / width  # noqa: B023
            inner = inner[(inner < reference).all(axis=1)]  # noqa: B023
            return float(moocore.hypervolume(inner, ref=reference)) if len(inner) else 0.0  # noqa: B023

        whole = volume(best)
        for record in mine:
            key = record["peer"], task, record["seed"]
            fronts = record["fronts"]
            result[key] = {int(count): volume(rows) / whole for count, rows in fronts.items()}
    return result


def table(
    records: list[dict[str, Any]], found: Found, count: int
) -> tuple[list[str], list[list[Any]]]:
    """A row for each solver: hypervolume and rank by suite, their means, its own milliseconds."""
    import score as ranking

    rows = [
        {"peer": peer, "task": task, "at": {str(count): -at[count]}}
        for (peer, task, _), at in found.items()
        if count in at
    ]
    ranks = ranking.ranks(rows, count)
    suites = list(dict.fromkeys(task.split("/")[0] for _, task, _ in found))
    lines: list[list[Any]] = []
    for peer in dict.fromkeys(peer for peer, _ in ranks):
        cells: list[Any] = []
        for suite in suites:
            mine = [task for p, task in ranks if p == peer and task.split("/")[0] == suite]
            volumes = [
                at[count] for (p, task, _), at in found.items()
                if p == peer and task in mine and count in at
            ]  # fmt: skip
            rank = float(np.mean([ranks[peer, task] for task in mine])) if mine else np.nan
            cells.append((float(np.mean(volumes)) if volumes else np.nan, rank))
        mean = tuple(float(each) for each in np.nanmean(np.array(cells), axis=0))
        own = [each["overhead"] / each["n"] * 1000 for each in records if each["peer"] == peer]
        lines.append([peer, *cells, mean, float(np.mean(own))])
    return ["solver", *suites, "mean", "ms"], sorted(lines, key=lambda line: line[-2][1])


def common(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs of tasks and seeds that all solvers have."""
    runs = collections.defaultdict(set)
    for each in records:
        runs[each["peer"]].add((each["task"], each["seed"]))
    shared = set.intersection(*runs.values())
    return [each for each in records if (each["task"], each["seed"]) in shared]


def score(arguments: argparse.Namespace) -> None:
    """Print mean relative hypervolumes and ranks."""
    import score as ranking

    records = ranking.read(arguments.results)
    if arguments.only:
        records = [record for record in records if record["peer"] in arguments.only]
    if arguments.common:
        records = common(records)
    found = hypervolumes(records)
    for count in arguments.at:
        header, lines = table(records, found, count)
        print(f"\nafter {count} evaluations: relative hypervolume, and rank (0 is best)")
        print(f"{header[0]:<16}" + "".join(f"{each:>16}" for each in header[1:-1]) + "     ms")
        for peer, *cells, own in lines:
            texts = "".join(f"{volume:>10.3f} {rank:>5.2f}" for volume, rank in cells)
            print(f"{peer:<16}{texts}{own:>7.1f}")
    last, target = arguments.at[-1], arguments.target
    print(f"\nshare of the tasks on which the mean is at least that of {target} after {last}:")
    for peer, shares in reached(found, target, last).items():
        print(f"{peer:<16}", ", ".join(f"{count}: {share:.2f}" for count, share in shares.items()))


def reached(found: Found, target: str, last: int) -> dict[str, dict[int, float]]:
    """On which share of the tasks a solver's mean is that of another after `last` evaluations."""
    means: dict[str, dict[str, dict[int, float]]] = collections.defaultdict(dict)
    runs = collections.defaultdict(list)
    for (peer, task, _), at in found.items():
        runs[peer, task].append(at)
    for (peer, task), all_at in runs.items():
        counts = set.intersection(*map(set, all_at))
        means[peer][task] = {c: float(np.mean([at[c] for at in all_at])) for c in sorted(counts)}
    goals = {task: at[last] for task, at in means[target].items() if last in at}
    shares: dict[str, dict[int, float]] = {}
    for peer, tasks in means.items():
        common = [task for task in tasks if task in goals]
        counts = sorted({count for task in common for count in tasks[task]})
        shares[peer] = {
            count: float(
                np.mean([tasks[t][count] >= goals[t] for t in common if count in tasks[t]])
            )
            for count in counts
        }
    return shares


def main() -> None:
    """Run a solver, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run")
    runs.add_argument("solver", choices=sorted(SOLVERS))
    runs.add_argument("--out", type=Path, required=True)
    runs.add_argument("--name", default="", help="what to call the solver in the results")
    runs.add_argument("--budget", type=int, default=200)
    runs.add_argument("--seeds", type=int, default=5)
    runs.add_argument("--first", type=int, default=0, help="the first seed")
    runs.add_argument("--match", nargs="*", help="only tasks whose name contains one of these")
    runs.set_defaults(command=run)
    scores = commands.add_parser("score")
    scores.add_argument("results", type=Path, nargs="+")
    scores.add_argument("--at", type=int, nargs="+", default=[30, 50, 100, 200])
    scores.add_argument("--only", nargs="*", help="solvers to keep")
    scores.add_argument("--common", action="store_true", help="tasks that all solvers have")
    scores.add_argument("--target", default="optuna-tpe")
    scores.set_defaults(command=score)
    arguments = parser.parse_args()
    arguments.command(arguments)


if __name__ == "__main__":
    main()

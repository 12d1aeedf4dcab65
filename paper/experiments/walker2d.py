"""The paper's second experiment: an LSTM that predicts a simulated walker's next state.

python paper/experiments/walker2d.py --data walker2d.npz

The data are 400 walks of Walker2D: ``rollouts`` (all steps one after the other, 17 numbers each)
and ``lengths`` (steps of each walk). Split, space and model are those of the paper
(arXiv:2210.04728, Section 4): 15% of the walks for testing and 10% for validation; sequences of 64
steps, where each step is dropped with probability 0.1 and the time since the last kept step is a
further input; 30 candidates. The paper trains for 200 epochs on a GPU. ``--epochs`` shortens the
trainings, with their warm-up and decay, and ``--walks`` uses a part of the data. Every tool is
called as its documentation shows, with its defaults; tools that are not installed are skipped.

For each tool the table has the lowest validation error and the seconds of the search, beside the
error and the minutes that the paper reports.
"""

import argparse
import importlib.util
import math
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pyhopper

LENGTH, STRIDE, DROPPED = 64, 16, 0.1
PAPER_EPOCHS = 200
PAPER = {
    "optuna": (0.863, 42),
    "hyperopt": (1.956, 42),
    "ray": (0.897, 23),
    "pyhopper": (0.878, 20),
}
DECAY_EVERY = [5, 10, 20, 50]


def sequences(walks: list[np.ndarray], rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Inputs with the time since the last kept step, and the next states."""
    inputs, targets = [], []
    for walk in walks:
        for start in range(0, len(walk) - LENGTH, STRIDE):
            kept = np.flatnonzero(rng.random_sample(LENGTH + 1) >= DROPPED)
            # The next steps of the walk make up for the dropped ones.
            more = np.arange(LENGTH + 1, len(walk) - start)
            kept = np.concatenate([kept, more])[: LENGTH + 1]
            if len(kept) < LENGTH + 1:
                continue
            states = walk[start + kept]
            waited = np.diff(kept, prepend=kept[0] - 1).astype(np.float32)
            inputs.append(np.concatenate([states[:-1], waited[:-1, None]], axis=1))
            targets.append(states[1:])
    return np.stack(inputs), np.stack(targets)


def load(path: Path, walks: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    stored = np.load(path)
    parts = np.split(stored["rollouts"], np.cumsum(stored["lengths"])[:-1])
    rng = np.random.RandomState(125487)
    rng.shuffle(order := np.arange(len(parts)))
    test, valid = int(0.15 * len(parts)), int(0.1 * len(parts))
    share = walks / len(parts)
    chosen = {
        "valid": order[test : test + max(2, round(share * valid))],
        "train": order[test + valid :][: max(2, round(share * (len(parts) - test - valid)))],
    }
    return {name: sequences([parts[i] for i in ids], rng) for name, ids in chosen.items()}


def train(config: dict[str, Any], path: str, walks: int, epochs: int) -> Any:
    """Yield the validation error after each epoch."""
    import torch

    torch.set_num_threads(1)  # one core a slot, for every tool
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = load(Path(path), walks)
    (x, y), (valid_x, valid_y) = (
        tuple(torch.from_numpy(a).to(device) for a in data[name]) for name in ("train", "valid")
    )
    lstm = torch.nn.LSTM(x.shape[-1], int(config["size"]), batch_first=True).to(device)
    head = torch.nn.Linear(int(config["size"]), y.shape[-1]).to(device)
    weights = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=config["lr"], weight_decay=config["weight_decay"])
    scale = epochs / PAPER_EPOCHS
    warmup = max(1.0, config["warmup"] * scale)
    every = max(1, round(config["decay_every"] * scale))
    batch, step = 32, 0
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            step += 1
            rate = config["lr"] * min(1.0, step / warmup) * config["decay"] ** (epoch // every)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = torch.nn.functional.mse_loss(head(lstm(x[rows])[0]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
        with torch.no_grad():
            errors = [
                torch.nn.functional.mse_loss(head(lstm(a)[0]), b, reduction="sum").item()
                for a, b in zip(valid_x.split(256), valid_y.split(256), strict=True)
            ]
        yield sum(errors) / valid_y.numel()


def final(config: dict[str, Any], **task: Any) -> float:
    *_, error = train(config, **task)
    return error if math.isfinite(error) else 1e9


def with_pyhopper(task: dict[str, Any], candidates: int, jobs: int, seed: int) -> float:
    search = pyhopper.Search(
        size=pyhopper.int(64, 512, multiple_of=64),
        lr=pyhopper.float(1e-4, 1e-2, log=True),
        decay=pyhopper.float(0.2, 1.0, precision=1),
        warmup=pyhopper.int(100, 500, multiple_of=100),
        decay_every=pyhopper.choice(DECAY_EVERY, is_ordinal=True),
        weight_decay=pyhopper.float(1e-6, 1e-4, log=True),
        seed=seed,
    )
    search.run(final, "min", steps=candidates, n_jobs=jobs, kwargs=task, quiet=True)
    assert search.best_f is not None
    return search.best_f


def with_optuna(task: dict[str, Any], candidates: int, jobs: int, seed: int) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: Any) -> float:
        config = {
            "size": trial.suggest_int("size", 64, 512, step=64),
            "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
            "decay": trial.suggest_float("decay", 0.2, 1.0, step=0.1),
            "warmup": trial.suggest_int("warmup", 100, 500, step=100),
            "decay_every": trial.suggest_categorical("decay_every", DECAY_EVERY),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-4, log=True),
        }
        return final(config, **task)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=candidates, n_jobs=jobs)
    return float(study.best_value)


def with_hyperopt(task: dict[str, Any], candidates: int, jobs: int, seed: int) -> float:
    from hyperopt import Trials, fmin, hp, tpe

    space = {
        "size": hp.quniform("size", 64, 512, 64),
        "lr": hp.loguniform("lr", math.log(1e-4), math.log(1e-2)),
        "decay": hp.quniform("decay", 0.2, 1.0, 0.1),
        "warmup": hp.quniform("warmup", 100, 500, 100),
        "decay_every": hp.choice("decay_every", DECAY_EVERY),
        "weight_decay": hp.loguniform("weight_decay", math.log(1e-6), math.log(1e-4)),
    }
    trials = Trials()
    fmin(
        partial(final, **task),
        space,
        algo=tpe.suggest,
        max_evals=candidates,
        trials=trials,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
    )
    return float(min(trials.losses()))


def with_ray(task: dict[str, Any], candidates: int, jobs: int, seed: int) -> float:
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    import ray
    from ray import tune

    space = {
        "size": tune.qrandint(64, 512, 64),
        "lr": tune.loguniform(1e-4, 1e-2),
        "decay": tune.quniform(0.2, 1.0, 0.1),
        "warmup": tune.qrandint(100, 500, 100),
        "decay_every": tune.choice(DECAY_EVERY),
        "weight_decay": tune.loguniform(1e-6, 1e-4),
    }

    def trainable(config: dict[str, Any]) -> dict[str, float]:
        return {"loss": final(config, **task)}

    ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
    np.random.seed(seed)  # noqa: NPY002 - that is how its default search is seeded
    settings = tune.TuneConfig(metric="loss", mode="min", num_samples=candidates)
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space,
        tune_config=settings,
        run_config=tune.RunConfig(verbose=0),
    ).fit()
    best = float(results.get_best_result().metrics["loss"])
    ray.shutdown()
    return best


TOOLS: dict[str, Callable[..., float]] = {
    "optuna": with_optuna,
    "hyperopt": with_hyperopt,
    "ray": with_ray,
    "pyhopper": with_pyhopper,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Repeat the paper's second experiment.")
    parser.add_argument("--data", type=Path, default=Path("data/walker2d.npz"))
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=PAPER_EPOCHS)
    parser.add_argument("--walks", type=int, default=400, help="how many walks to use")
    parser.add_argument("--n_jobs", type=int, default=1, help="slots, where the tool has them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="a few seconds, to try it out")
    args = parser.parse_args()
    if args.short:
        args.candidates, args.epochs, args.walks = 3, 1, 8
    if importlib.util.find_spec("torch") is None:
        sys.exit("skipped: PyTorch is not installed")
    if not args.data.exists():
        sys.exit(f"skipped: there is no {args.data}; give --data")

    task = {
        "path": str(args.data.resolve()),
        "walks": args.walks,
        "epochs": args.epochs,
    }
    print(f"{args.candidates} candidates, {args.epochs} epochs, {args.walks} walks, ", end="")
    print(f"{args.n_jobs} slots\n\n| tool | error | seconds | paper: error | minutes |")
    print("|---|---|---|---|---|")
    for name in args.tools:
        error, minutes = PAPER[name]
        if importlib.util.find_spec(name) is None:
            print(f"| {name} | not installed | | {error} | {minutes} |")
            continue
        start = time.perf_counter()
        best = TOOLS[name](task, args.candidates, args.n_jobs, args.seed)
        took = time.perf_counter() - start
        print(f"| {name} | {best:.3f} | {took:.0f} | {error} | {minutes} |", flush=True)


if __name__ == "__main__":
    main()

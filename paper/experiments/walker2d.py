"""The paper's second experiment: an LSTM that predicts a simulated walker's next state.

The data are 400 walks of Walker2D: ``rollouts`` (all steps one after the other, 17 numbers each)
and ``lengths`` (steps of each walk). Split, space and model are those of the PyHopper paper
(arXiv:2210.04728, Section 4): 15% of the walks for testing and 10% for validation; sequences of 64
steps, where each step is dropped with probability 0.1 and the time since the last kept step is a
further input. The paper trains for 200 epochs on a GPU.
"""

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
from tools import FAILED, Log, OneOf, Space, Step

DATA = "walker2d.npz"
MEASURE = "validation error"
LENGTH, STRIDE, DROPPED = 64, 16, 0.1
PAPER_EPOCHS = 200
PAPER = {"optuna": 0.863, "hyperopt": 1.956, "ray": 0.897, "pyhopper": 0.878}

SCALES: dict[str, dict[str, Any]] = {
    "paper": {"epochs": 200, "walks": 400, "width": 64},
    "two-cores": {"epochs": 5, "walks": 24, "width": 8},
    "try-out": {"epochs": 1, "walks": 8, "width": 8},
}
"""``width`` is the smallest LSTM and the distance of its sizes; the largest is eight times that."""


def space(scale: dict[str, Any]) -> Space:
    """That of the paper's Table 3."""
    width = scale["width"]
    return {
        "size": Step(width, 8 * width, width),
        "lr": Log(1e-4, 1e-2),
        "decay": Step(0.2, 1.0, 0.1),
        "warmup": Step(100, 500, 100),
        "decay_every": OneOf((5, 10, 20, 50), is_ordered=True),
        "weight_decay": Log(1e-6, 1e-4),
    }


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


@functools.lru_cache(maxsize=1)
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


def train(params: dict[str, Any], path: Path, scale: dict[str, Any]) -> float:
    """Train an LSTM; its mean squared error on the walks for validation."""
    import torch

    torch.set_num_threads(1)  # one core a slot, for every tool
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data, epochs = load(path, scale["walks"]), scale["epochs"]
    (x, y), (valid_x, valid_y) = (
        tuple(torch.from_numpy(a).to(device) for a in data[name]) for name in ("train", "valid")
    )
    lstm = torch.nn.LSTM(x.shape[-1], params["size"], batch_first=True).to(device)
    head = torch.nn.Linear(params["size"], y.shape[-1]).to(device)
    weights = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=params["lr"], weight_decay=params["weight_decay"])
    shorter = epochs / PAPER_EPOCHS
    warmup = max(1.0, params["warmup"] * shorter)
    every = max(1, round(params["decay_every"] * shorter))
    step = 0
    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(32):
            step += 1
            rate = params["lr"] * min(1.0, step / warmup) * params["decay"] ** (epoch // every)
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
    error = sum(errors) / valid_y.numel()
    return error if math.isfinite(error) else FAILED

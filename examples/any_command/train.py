"""A training script with argparse that knows nothing of pyhopper; it needs PyTorch.

::

    pyhopper run --max --runtime 2min --n-jobs 2 --value accuracy --pruner auto -- \
        python train.py --lr 'float(1e-4, 1, "0.1g")' --width 'int(4, 64, power_of=2)' \
        --optimizer 'choice("adam", "sgd")' --batch-norm 'switch()'
"""

import argparse
import json

import torch
from torch import nn


def spirals(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two spirals around each other, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    radius = torch.rand(count, generator=generator)
    angle = 7 * radius + torch.pi * labels
    points = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return points + 0.03 * torch.randn(count, 2, generator=generator), labels


def main() -> None:
    """Train a small network; a line with its accuracy after each epoch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--optimizer", choices=("adam", "sgd"), default="adam")
    parser.add_argument("--batch-norm", action="store_true")
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    norm = [nn.BatchNorm1d(args.width)] if args.batch_norm else []
    layers = [nn.Linear(2, args.width), *norm, nn.ReLU(), nn.Linear(args.width, args.width)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(args.width, 2))
    kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = kinds[args.optimizer](model.parameters(), lr=args.lr)
    points, labels = spirals(1000, seed=1)
    unseen, answers = spirals(1000, seed=2)
    for epoch in range(args.epochs):
        model.train()
        for batch in torch.randperm(len(points)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(points[batch]), labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(unseen).argmax(1) == answers).float().mean().item()
        print(json.dumps({"epoch": epoch, "accuracy": accuracy}))


if __name__ == "__main__":
    main()

"""Tune a small network on all GPUs of this machine, with one candidate on each at a time.

pip install . torch && python examples/torch_gpu.py --runtime 2min
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import pyhopper

TEMPLATE = {
    "layers": pyhopper.list(pyhopper.int(16, 256, power_of=2), 1, 3),
    "lr": pyhopper.float(1e-4, 1e-1, "0.1g"),
    "dropout": pyhopper.float(0, 0.5, precision=2),
    "optimizer": pyhopper.choice("Adam", "SGD", "RMSprop"),
    "epochs": 10,
}


def two_spirals(count: int, seed: int) -> Any:
    """Points on two spirals that wind around each other, and the number of each point's spiral."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    angle = 10 * torch.rand(count, generator=generator).sqrt()
    turned = angle + torch.pi * labels
    points = torch.stack([angle * turned.cos(), angle * turned.sin()], dim=1) / 10
    return points + 0.01 * torch.randn(count, 2, generator=generator), labels


def train(params: dict[str, Any], device: str) -> Iterator[float]:
    """Yield the accuracy on test points after each epoch."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers: list[nn.Module] = []
    width = 2
    for size in params["layers"]:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(params["dropout"])]
        width = size
    model = nn.Sequential(*layers, nn.Linear(width, 2)).to(device)
    optimizer = getattr(torch.optim, params["optimizer"])(model.parameters(), lr=params["lr"])
    points, labels = (tensor.to(device) for tensor in two_spirals(4096, seed=0))
    test_points, test_labels = (tensor.to(device) for tensor in two_spirals(1024, seed=1))
    for _ in range(params["epochs"]):
        model.train()
        for batch in torch.randperm(len(points), device=device).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(points[batch]), labels[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = model(test_points).argmax(1) == test_labels
        yield float(hits.float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune a small network on every GPU.")
    parser.add_argument("--runtime", help='how long to search, such as "2min"')
    parser.add_argument("--steps", help="how many candidates to evaluate")
    parser.add_argument("--n_jobs", default="per-gpu", help="per-gpu, 2x per-gpu, or processes")
    args = parser.parse_args()
    if args.runtime is None and args.steps is None:
        args.runtime = "2min"
    device = "cuda" if "gpu" in args.n_jobs else "cpu"
    search = pyhopper.Search(TEMPLATE)
    try:
        search.run(
            train,
            "max",
            runtime=args.runtime,
            steps=args.steps,
            n_jobs=args.n_jobs,
            kwargs={"device": device},
        )
    except pyhopper.ArgumentError as error:
        if error.argument != "n_jobs":
            raise
        print(f"{error}\nTo run on the CPU: python {sys.argv[0]} --n_jobs 2")
        return
    print(f"Accuracy {search.best_f}")


if __name__ == "__main__":
    main()

"""Repeat an experiment of the PyHopper paper with several packages and seeds.

    python paper/experiments/run.py walker2d --data walker2d.npz --slots 2

Each finished search is a line of ``paper/results/walker2d.jsonl``, with the versions of the
packages, the date and the machine. A search that has its line is skipped, so the command can be
interrupted and repeated. Packages take turns, seed by seed, so that a slow hour of the machine
slows all of them.
"""

import argparse
import datetime as dt
import functools
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tools import TOOLS

RESULTS = Path(__file__).parents[1] / "results"


def machine() -> str:
    """What the searches ran on."""
    name = platform.machine()
    if importlib.util.find_spec("torch") is not None:
        import torch

        if torch.cuda.is_available():
            return f"{torch.cuda.get_device_name()}, {os.cpu_count()} cores"
    return f"{os.cpu_count()} {name} cores, no GPU"


def finished(path: Path) -> list[dict[str, Any]]:
    """The searches in a file of results."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", choices=["walker2d", "reviews"])
    parser.add_argument("--data", type=Path, help="the file with the data")
    parser.add_argument("--scale", choices=["paper", "two-cores", "try-out"], default="two-cores")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--slots", type=int, default=2, help="at once, where the package can")
    parser.add_argument("--out", type=Path, help="by default a file in paper/results")
    args = parser.parse_args()
    experiment = importlib.import_module(args.experiment)
    data = args.data or Path(experiment.DATA)
    if importlib.util.find_spec("torch") is None:
        sys.exit("skipped: PyTorch is not installed")
    if not data.exists():
        sys.exit(f"skipped: there is no {data}; give --data")

    out = args.out or RESULTS / f"{args.experiment}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    scale = experiment.SCALES[args.scale]
    for seed in args.seeds:
        for tool in args.tools:
            if importlib.util.find_spec(tool) is None:
                print(f"{tool} is not installed", flush=True)
                continue
            run = {
                "experiment": args.experiment,
                "scale": args.scale,
                "tool": tool,
                "seed": seed,
                "candidates": args.candidates,
                "slots": 1 if tool == "hyperopt" else args.slots,
            }
            if any(run.items() <= done.items() for done in finished(out)):
                continue
            objective = functools.partial(experiment.train, path=data.resolve(), scale=scale)
            values, seconds = TOOLS[tool](
                objective, experiment.space(scale), args.candidates, args.slots, seed
            )
            packages = ["pyhopper", "numpy", "torch", tool]
            run |= {
                "values": values,
                "seconds": round(seconds, 1),
                "settings": scale,
                "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
                "machine": machine(),
                "python": platform.python_version(),
                "versions": {name: version(name) for name in dict.fromkeys(packages)},
            }
            with out.open("a") as file:
                file.write(json.dumps(run) + "\n")
            print(f"{tool}, seed {seed}: {min(values):.4g} in {seconds:.0f} s", flush=True)


def version(package: str) -> str:
    """Of an installed package, or of this repository if it is imported from there."""
    if package == "pyhopper":
        import pyhopper

        return pyhopper.__version__
    return importlib.metadata.version(package)


if __name__ == "__main__":
    main()

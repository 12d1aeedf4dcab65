"""Time per candidate with a checkpoint, by length of history, and time to reopen it.

Compares this package with Optuna's journal and SQLite storages and with pyhopper 1.2, each in an
environment of its own:

    python benchmarks/journal.py --optuna /tmp/optuna/bin/python --old /tmp/old/bin/python

where these have been made with ``pip install optuna`` and ``pip install pyhopper==1.2.3``. The
objective costs nothing; the time at n is the mean over the candidates from n to n + 5 %, and at
least 20.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ENGINES = ("pyhopper", "pyhopper without checkpoint", "optuna journal", "optuna sqlite", "old")


def marks(sizes: list[int]) -> dict[int, int]:
    """Where to start and stop the clock."""
    return {n: n + max(20, n // 20) for n in sizes}


class Watch:
    """An objective that costs nothing and notes when it was called."""

    def __init__(self, sizes: list[int]) -> None:
        self.spans = marks(sizes)
        self.wanted = {*self.spans, *self.spans.values()}
        self.calls = 0
        self.at: dict[int, float] = {}

    def __call__(self) -> float:
        if self.calls in self.wanted:
            self.at[self.calls] = time.perf_counter()
        self.calls += 1
        return 1 / self.calls

    def result(self) -> dict[Any, float]:
        return {n: (self.at[end] - self.at[n]) / (end - n) for n, end in self.spans.items()}


def pyhopper_run(sizes: list[int], folder: Path, checkpoint: bool) -> dict[Any, float]:
    import pyhopper

    watch = Watch(sizes)

    def search() -> pyhopper.Search:
        return pyhopper.Search(
            lr=pyhopper.float(1e-5, 1e-1, log=True),
            size=pyhopper.int(1, 10**6),
            drop=pyhopper.float(0, 1),
            opt=pyhopper.choice("adam", "sgd", "rmsprop"),
        )

    path = str(folder / "run.ckpt") if checkpoint else None
    steps = max(watch.wanted) + 1
    search().run(lambda _: watch(), "min", steps=steps, quiet=True, checkpoint_path=path)
    result = watch.result()
    if checkpoint:
        start = time.perf_counter()
        search().load(path)
        result["reopen"] = time.perf_counter() - start
        result["bytes"] = Path(path).stat().st_size
    return result


def optuna_run(sizes: list[int], folder: Path, storage: str) -> dict[Any, float]:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    watch = Watch(sizes)

    def objective(trial: Any) -> float:
        trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        trial.suggest_int("size", 1, 10**6)
        trial.suggest_float("drop", 0, 1)
        trial.suggest_categorical("opt", ["adam", "sgd", "rmsprop"])
        return watch()

    def study() -> Any:
        if storage == "sqlite":
            where = f"sqlite:///{folder}/run.db"
        else:
            where = JournalStorage(JournalFileBackend(f"{folder}/run.log"))
        # Random sampling, so that the storage is measured and not the sampler.
        return optuna.create_study(
            storage=where,
            study_name="s",
            load_if_exists=True,
            sampler=optuna.samplers.RandomSampler(),
        )

    study().optimize(objective, n_trials=max(watch.wanted) + 1)
    result = watch.result()
    start = time.perf_counter()
    _ = study().best_value
    result["reopen"] = time.perf_counter() - start
    return result


def old_run(sizes: list[int], folder: Path) -> dict[Any, float]:
    import pyhopper

    watch = Watch(sizes)
    search = pyhopper.Search(
        lr=pyhopper.float(1e-5, 1e-1, log=True),
        size=pyhopper.int(1, 10**6),
        drop=pyhopper.float(0, 1),
        opt=pyhopper.choice("adam", "sgd", "rmsprop"),
    )
    path = str(folder / "run.ckpt")
    # It counts duplicates as steps, without evaluating them.
    steps = int(max(watch.wanted) * 1.2) + 100
    search.run(lambda _: watch(), "min", steps=steps, quiet=True, checkpoint_path=path)
    return watch.result()


def worker(engine: str, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if engine == "old":
            result = old_run(sizes, folder)
        elif engine.startswith("optuna"):
            result = optuna_run(sizes, folder, engine.split()[1])
        else:
            result = pyhopper_run(sizes, folder, engine == "pyhopper")
    print("RESULT", json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per candidate with a checkpoint.")
    parser.add_argument("--optuna", help="a Python with optuna")
    parser.add_argument("--old", help="a Python with pyhopper 1.2")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 3000, 100_000])
    parser.add_argument("--largest-of-others", type=int, default=3000)
    parser.add_argument("--worker", choices=ENGINES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker, args.sizes)
        return
    for engine in ENGINES:
        own = engine.startswith("pyhopper")
        python = sys.executable if own else args.old if engine == "old" else args.optuna
        if python is None:
            continue
        sizes = [n for n in args.sizes if own or n <= args.largest_of_others]
        command = [python, __file__, "--worker", engine, "--sizes", *map(str, sizes)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
        if not found:
            print(f"{engine}: failed\n{done.stderr[-2000:]}")
            continue
        result = json.loads(found[0].removeprefix("RESULT"))
        times = [f"{n:>7}: {result[str(n)] * 1000:9.3f} ms" for n in sizes]
        extra = [f"reopen {result['reopen']:.2f} s"] if "reopen" in result else []
        extra += [f"{result['bytes'] / 1e6:.0f} MB"] if "bytes" in result else []
        print(f"{engine:28}", "  ".join(times + extra), flush=True)


if __name__ == "__main__":
    main()

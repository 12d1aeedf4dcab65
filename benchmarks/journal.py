"""Time per candidate with a checkpoint for histories of several lengths, and time to reopen it.

Compares this package with Optuna's journal and SQLite storages and with pyhopper 1.2, each in an
environment of its own:

    python benchmarks/journal.py --optuna /tmp/optuna/bin/python --old /tmp/old/bin/python

where the environments have been made with ``pip install optuna`` and ``pip install
pyhopper==1.2.3``. The objective takes no time. The time at n is the mean over the candidates from n
to n + 5%, and at least 20. Histories that the other packages would take hours to make are filled:
Optuna's with copies of real trials in its own format, that of 1.2 by a run without a checkpoint.
Then 20 candidates are timed.
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
    """Numbers of the candidates at which timing starts, and for each where it stops."""
    return {n: n + max(20, n // 20) for n in sizes}


class Watch:
    """An objective that takes no time and stores the times of the calls that are asked for."""

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


def fill_sqlite(path: Path, n: int) -> None:
    """Copy the last trial until there are n."""
    import sqlite3

    base = sqlite3.connect(path)
    columns = {
        "trials": "study_id, state, datetime_start, datetime_complete",
        "trial_params": "param_name, param_value, distribution_json",
        "trial_values": "objective, value, value_type",
    }
    last, count = base.execute("select max(trial_id), count(*) from trials").fetchone()
    ids = [(last + 1 + i, count + i) for i in range(n - count)]
    for table, names in columns.items():
        number = "number, " if table == "trials" else ""
        value = "?, " if number else ""
        base.executemany(
            f"insert into {table} (trial_id, {number}{names}) "
            f"select ?, {value}{names} from {table} where trial_id = {last}",
            [each if number else each[:1] for each in ids],
        )
    base.commit()
    base.close()


def fill_journal(backend: Any, n: int) -> None:
    """Copy the lines of the last trial until there are n."""
    logs = list(backend.read_logs(0))
    create = max(i for i, log in enumerate(logs) if log["op_code"] == 4)  # CREATE_TRIAL
    count = sum(log["op_code"] == 4 for log in logs)
    copies = []
    for trial in range(count, n):
        copies.append(logs[create])
        copies += [{**log, "trial_id": trial} for log in logs[create + 1 :]]
    backend.append_logs(copies)


def optuna_run(sizes: list[int], folder: Path, storage: str, filled: bool) -> dict[Any, float]:
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

    if filled:
        study().optimize(objective, n_trials=2)
        if storage == "sqlite":
            fill_sqlite(folder / "run.db", sizes[0])
        else:
            fill_journal(JournalFileBackend(f"{folder}/run.log"), sizes[0])
        assert len(study().trials) == sizes[0]
        watch.calls, watch.spans = sizes[0], {sizes[0]: sizes[0] + 20}
        watch.wanted = {sizes[0], sizes[0] + 20}
        study().optimize(objective, n_trials=21)
    else:
        study().optimize(objective, n_trials=max(watch.wanted) + 1)
    result = watch.result()
    start = time.perf_counter()
    _ = study().best_value
    result["reopen"] = time.perf_counter() - start
    return result


def old_run(sizes: list[int], folder: Path, filled: bool) -> dict[Any, float]:
    import pyhopper

    watch = Watch(sizes)
    search = pyhopper.Search(
        lr=pyhopper.float(1e-5, 1e-1, log=True),
        size=pyhopper.int(1, 10**6),
        drop=pyhopper.float(0, 1),
        opt=pyhopper.choice("adam", "sgd", "rmsprop"),
    )
    path = str(folder / "run.ckpt")
    # 1.2 counts duplicates as steps, although it does not evaluate them.
    steps = int(max(watch.wanted) * 1.2) + 100
    if filled:
        search.run(lambda _: 1.0, "min", steps=steps, quiet=True)
        watch.calls, watch.spans = sizes[0], {sizes[0]: sizes[0] + 20}
        watch.wanted, steps = {sizes[0], sizes[0] + 20}, 50
    search.run(lambda _: watch(), "min", steps=steps, quiet=True, checkpoint_path=path)
    return watch.result()


def worker(engine: str, sizes: list[int], filled: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if engine == "old":
            result = old_run(sizes, folder, filled)
        elif engine.startswith("optuna"):
            result = optuna_run(sizes, folder, engine.split()[1], filled)
        else:
            result = pyhopper_run(sizes, folder, engine == "pyhopper")
    print("RESULT", json.dumps(result))


def show(engine: str, python: str, sizes: list[int], filled: bool) -> None:
    """Run an engine in a process of its own and print its times."""
    command = [python, __file__, "--worker", engine, "--sizes", *map(str, sizes)]
    command += ["--filled"] * filled
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not found:
        print(f"{engine}: failed\n{done.stderr[-2000:]}")
        return
    result = json.loads(found[0].removeprefix("RESULT"))
    times = [f"{n:>7}: {result[str(n)] * 1000:9.3f} ms" for n in sizes]
    extra = [f"reopen {result['reopen']:.2f} s"] if "reopen" in result else []
    extra += [f"{result['bytes'] / 1e6:.0f} MB"] if "bytes" in result else []
    print(f"{engine:28}", "  ".join(times + extra), "(filled)" * filled, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time per candidate with a checkpoint.")
    parser.add_argument("--optuna", help="a Python with optuna")
    parser.add_argument("--old", help="a Python with pyhopper 1.2")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 3000, 100_000])
    parser.add_argument("--largest-of-others", type=int, default=3000, help="larger are filled")
    parser.add_argument("--filled", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=ENGINES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker, args.sizes, args.filled)
        return
    for engine in ENGINES:
        own = engine.startswith("pyhopper")
        python = sys.executable if own else args.old if engine == "old" else args.optuna
        if python is None:
            continue
        grown = [n for n in args.sizes if own or n <= args.largest_of_others]
        show(engine, python, grown, filled=False)
        for n in args.sizes:
            if n not in grown:
                show(engine, python, [n], filled=True)


if __name__ == "__main__":
    main()

"""What each engine costs: start, a task, a killed worker, a cancellation, a timeout, an estimate.

    pip install ".[clusters]" && python benchmarks/clusters.py        # all that are installed
    python benchmarks/clusters.py dask ray

Each figure is the median of some tries on this machine, with two slots. "Killed worker" is the time
until the search knows that the engine's own process has died, "timeout" how much later than its
limit of one second an evaluation ends, "estimate" the way of an estimate to the pruner and back.
The Slurm of two nodes is the one of the tests.
"""

import contextlib
import importlib.util
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pyhopper
from pyhopper.events import Ended, Lost
from pyhopper.executors import Executor, Job
from pyhopper.executors.local import LocalExecutor
from pyhopper.objective import Objective

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "clusters"))
Params = dict[str, Any]
Found = dict[str, float]

COLUMNS = ("start", "task", "killed worker", "cancel", "timeout", "estimate")


def value(params: Params) -> float:
    return float(params["x"])


def hang(params: Params) -> Iterator[float]:
    yield 0.0
    time.sleep(600)


def round_trips(params: Params) -> Iterator[float]:
    start = time.perf_counter()
    for _ in range(20):
        yield 0.0
    yield (time.perf_counter() - start) / 20


def kill_worker(params: Params) -> None:
    from evaluations import parent_of

    os.kill(parent_of(os.getppid()), 9)
    time.sleep(600)


class Timer:
    """Times jobs of an executor."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.count = 0

    def submit(self, function: Callable[[Params], Any], **options: Any) -> int:
        self.count += 1
        self.executor.submit(Job(self.count, Objective(function), {"x": 1.0}, **options))
        return self.count

    def wait(self, kinds: Any = (Ended, Lost)) -> Any:
        while True:
            for event in self.executor.wait(60):
                if isinstance(event, kinds):
                    return event

    def timed(self, action: Callable[[], float | None], tries: int) -> float:
        times = []
        for _ in range(tries):
            start = time.perf_counter()
            took = action()
            times.append(time.perf_counter() - start if took is None else took)
        return statistics.median(times)

    def task(self) -> None:
        self.submit(value)
        self.wait()

    def cancel(self) -> float:
        number = self.submit(hang)
        self.wait(object)
        start = time.perf_counter()
        self.executor.cancel(number, "enough")
        self.wait()
        return time.perf_counter() - start

    def timeout(self) -> float:
        self.submit(hang, timeout=1.0)
        self.wait(object)
        start = time.perf_counter()
        self.wait()
        return time.perf_counter() - start - 1

    def estimate(self) -> float:
        self.submit(round_trips)
        return float(self.wait().outcome.value)

    def killed(self) -> None:
        self.submit(kill_worker)
        self.wait()


def measure(start: Callable[[], Executor], kills: bool = True) -> Found:
    """The figures of one engine; ``start`` makes an executor."""
    begin = time.perf_counter()
    executor = start()
    timer = Timer(executor)
    try:
        timer.task()
        found = {"start": time.perf_counter() - begin}
        found["task"] = timer.timed(timer.task, 9)
        found["cancel"] = timer.timed(timer.cancel, 3)
        found["timeout"] = timer.timed(timer.timeout, 3)
        found["estimate"] = timer.timed(timer.estimate, 3)
        if kills:
            found["killed worker"] = timer.timed(timer.killed, 1)
    finally:
        executor.close()
    return found


def local() -> Found:
    return measure(lambda: LocalExecutor(2, isolation="candidate"), kills=False)


def pool() -> Found:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as each:
        return measure(lambda: pyhopper.executors.Futures(each))


def loky() -> Found:
    import loky

    with loky.ProcessPoolExecutor(2) as each:
        return measure(lambda: pyhopper.executors.Futures(each))


def dask() -> Found:
    import distributed

    with contextlib.ExitStack() as stack:

        def start() -> Executor:
            options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
            return pyhopper.executors.Dask(stack.enter_context(distributed.LocalCluster(**options)))

        return measure(start)


def ray() -> Found:
    import ray

    def start() -> Executor:
        options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        ray.init(num_cpus=2, object_store_memory=10**8, **options)
        return pyhopper.executors.Ray()

    try:
        return measure(start)
    finally:
        ray.shutdown()


def submitit() -> Found:
    with tempfile.TemporaryDirectory() as folder:
        options = {"cluster": "local", "folder": folder}
        return measure(lambda: pyhopper.executors.Slurm(2, **options), kills=False)


def slurm() -> Found:
    import slurm_cluster

    if why := slurm_cluster.missing():
        raise ImportError(why)
    folder = Path(tempfile.mkdtemp())
    with slurm_cluster.Cluster(folder):
        options = {"partition": "ci", "folder": folder, "time": "5min"}
        return measure(lambda: pyhopper.executors.Slurm(2, **options), kills=False)


def mpi() -> Found:
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        raise ImportError("there is no mpiexec beside this Python: pip install mpich")
    command = [str(launcher), "-n", "3", sys.executable, "-m", "mpi4py.futures", __file__]
    done = subprocess.run(
        [*command, "inside-mpi"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def inside_mpi() -> None:
    print(json.dumps(measure(pyhopper.executors.MPI, kills=False)))


ENGINES = {
    "local": (local, "pyhopper"),
    "pool": (pool, "pyhopper"),
    "loky": (loky, "loky"),
    "dask": (dask, "distributed"),
    "ray": (ray, "ray"),
    "mpi": (mpi, "mpi4py"),
    "submitit": (submitit, "submitit"),
    "slurm": (slurm, "submitit"),
}


def main(names: list[str]) -> None:
    print("| engine | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name in names or ENGINES:
        run, package = ENGINES[name]
        try:
            if importlib.util.find_spec(package) is None:
                raise ImportError(f"{package} is not installed")
            found = run()
        except ImportError as error:
            print(f"{name}: skipped, {error}", file=sys.stderr)
            continue
        cells = [f"{found[c] * 1000:.0f} ms" if c in found else "-" for c in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["inside-mpi"]:
        inside_mpi()
    else:
        main(sys.argv[1:])

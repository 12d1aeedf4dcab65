"""How long it takes to send an evaluation to a process and get its value back.

pip install . loky joblib && python benchmarks/dispatch.py

Prints microseconds per evaluation: medians of several rounds of evaluations that do nothing, in two
processes that have started already. The first lines compare pyhopper's executor alone with
concurrent.futures, loky and joblib, which do the same work. The last three lines are about whole
searches: an evaluation, an estimate that a running evaluation reports, and an evaluation in a
process of its own.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Any

import pyhopper
from pyhopper.events import Ended
from pyhopper.executors import Job
from pyhopper.executors.local import LocalExecutor
from pyhopper.objective import Objective

Params = dict[str, Any]


def nothing(params: Params) -> float:
    return float(params["x"])


def timed(work: Callable[[int], None], count: int, rounds: int) -> float:
    """Seconds for one evaluation."""
    work(20)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work(count)
        times.append((time.perf_counter() - start) / count)
    return statistics.median(times)


def show(name: str, seconds: float) -> None:
    print(f"{name:48} {seconds * 1e6:8.0f} us")


def with_futures(pool: Executor) -> Callable[[int], None]:
    """Start a new evaluation whenever one has ended, as a search does."""

    def work(count: int) -> None:
        running = {pool.submit(nothing, {"x": 1.0}) for _ in range(2)}
        started = 2
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                if started < count:
                    running.add(pool.submit(nothing, {"x": 1.0}))
                    started += 1

    return work


def with_pyhopper(executor: LocalExecutor) -> Callable[[int], None]:
    objective = Objective(nothing)

    def work(count: int) -> None:
        started = ended = 0
        while ended < count:
            while started < count and started - ended < executor.slots:
                executor.submit(Job(started, objective, {"x": 1.0}))
                started += 1
            ended += sum(isinstance(event, Ended) for event in executor.wait(None))

    return work


def with_joblib(count: int) -> None:
    from joblib import Parallel, delayed

    # In batches of one, since a search needs each value before it can propose the next candidate.
    parallel = Parallel(n_jobs=2, batch_size=1, pre_dispatch=2, return_as="generator_unordered")
    for _ in parallel(delayed(nothing)({"x": 1.0}) for _ in range(count)):
        pass


def search(count: int, **options: Any) -> None:
    each = pyhopper.Search(x=pyhopper.float(0, 1))
    each.run(nothing, steps=count, quiet=True, **options)


def estimates(count: int) -> None:
    def objective(params: Params) -> Any:
        for _ in range(count):
            yield params["x"]

    each = pyhopper.Search(x=pyhopper.float(0, 1))
    each.run(objective, steps=1, isolation="slot", quiet=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    count, rounds = args.count, args.rounds

    executor = LocalExecutor(2)
    show("pyhopper", timed(with_pyhopper(executor), count, rounds))
    executor.close()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        show("concurrent.futures", timed(with_futures(pool), count, rounds))
    try:
        from loky import get_reusable_executor

        show("loky", timed(with_futures(get_reusable_executor(2)), count, rounds))
        show("joblib", timed(with_joblib, count, rounds))
    except ImportError as error:
        print(error)

    short, long = (timed(lambda n: search(n, n_jobs=2), n, 3) * n for n in (count, 2 * count))
    show("search, 2 processes, without the start", (long - short) / count)
    short, long = (timed(estimates, n, 3) * n for n in (count, 2 * count))
    show("an estimate from a running evaluation", (long - short) / count)
    fresh = timed(lambda n: search(n, isolation="candidate"), 20, 1)
    show("search, a fresh process for each candidate", fresh)


if __name__ == "__main__":
    main()

"""How a search scales to more slots than this machine has, by simulation.

    python benchmarks/scale.py                       # 1, 10, 100, 1,000 and 10,000 slots
    python benchmarks/scale.py --slots 1000 --rounds 10

Evaluations are played in the time of a fake clock: their durations are lognormal with a mean of one
minute (the longest of a thousand takes about 15), and one in a hundred is lost with its node. What
the search itself takes is real: the clock advances by the processor time between two waits, during
which no slot gets new work. "Needed" is how many proposals a second keep all slots busy, "had" how
many the search makes, "busy" the share of the slots' time in which they evaluate, until the last
new candidate starts. "Gap" is the value found (0 is perfect) beside that of one slot with as many
evaluations, up to 2,000, on Rosenbrock's function in five dimensions.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import time
from typing import Any

import numpy as np

import pyhopper
from pyhopper.events import Ended, JobEvent, Lost, Outcome, Status
from pyhopper.executors import Job
from pyhopper.testing import FakeClock

MEAN_SECONDS = 60.0
SIGMA = 1.0
LOST = 0.01
_MOST_FOR_ONE = 2000
"""One slot has time for a model with each evaluation, so that a simulation of more takes long."""


def rosenbrock(params: dict[str, Any]) -> float:
    x = [params[f"x{i}"] for i in range(5)]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x))


class Clock(FakeClock):
    """A fake clock that also moves by the time for which this process computes."""

    def monotonic(self) -> float:
        return super().monotonic() + time.process_time()

    def time(self) -> float:
        return super().time() + time.process_time()


class Simulated:
    """Plays evaluations in the time of a fake clock, and counts what the search takes."""

    def __init__(self, clock: FakeClock, slots: int, seed: int) -> None:
        self.slots = slots
        self.clock = clock
        self.rng = np.random.default_rng(seed)
        self.queue: list[tuple[float, int, Job]] = []
        self.spans: list[tuple[float, float]] = []
        self.submitted = 0
        self.lost = 0
        self.last_start = 0.0
        self.newest = -1
        self.thought = 0.0
        self.start = clock.monotonic()

    def submit(self, job: Job) -> None:
        seconds = MEAN_SECONDS * math.exp(SIGMA * self.rng.normal() - SIGMA**2 / 2)
        now = self.clock.monotonic()
        self.submitted += 1
        if job.id > self.newest:
            self.newest, self.last_start = job.id, now
        self.spans.append((now, now + seconds))
        heapq.heappush(self.queue, (now + seconds, self.submitted, job))

    def wait(self, timeout: float | None) -> list[JobEvent]:
        events: list[JobEvent] = []
        if self.queue:
            self.clock.advance(max(0.0, self.queue[0][0] - self.clock.monotonic()))
        while self.queue and self.queue[0][0] <= self.clock.monotonic():
            _, _, job = heapq.heappop(self.queue)
            if self.rng.random() < LOST:
                self.lost += 1
                events.append(Lost(job.id, "its node has failed"))
            else:
                value = rosenbrock(job.params)
                events.append(Ended(job.id, Outcome(Status.DONE, value)))
        return events

    def busy(self) -> float:
        """Share of the time of all slots in which they evaluate, until the last start."""
        end = self.last_start
        evaluating = sum(min(stop, end) - start for start, stop in self.spans)
        return evaluating / (self.slots * (end - self.start))

    def cancel(self, job_id: int, reason: str) -> None:
        pass

    def close(self) -> None:
        pass


def run(slots: int, steps: int, seed: int) -> tuple[Simulated, float]:
    clock = Clock()
    space = {f"x{i}": pyhopper.float(-2, 2) for i in range(5)}
    search = pyhopper.Search(space, clock=clock)
    executor = Simulated(clock, slots, seed)
    before = time.process_time()
    search.run(rosenbrock, "min", steps=steps, executor=executor, quiet=True)
    executor.thought = time.process_time() - before
    assert search.best_f is not None
    assert len(search.history) == steps
    return executor, search.best_f


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 10, 100, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=10, help="evaluations per slot")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    print("| slots | evaluations | lost | needed/s | had/s | busy | gap | gap with one slot |")
    print("|---|---|---|---|---|---|---|---|")
    for slots in args.slots:
        steps = max(100, slots * args.rounds)
        seeds = range(args.seeds if slots <= 1000 else 1)
        runs = [run(slots, steps, seed) for seed in seeds]
        single = (
            f"{np.median([run(1, steps, seed)[1] for seed in seeds]):.2g}"
            if steps <= _MOST_FOR_ONE
            else "-"
        )
        busy = np.median([executor.busy() for executor, _ in runs])
        had = np.median([executor.submitted / executor.thought for executor, _ in runs])
        lost = sum(executor.lost for executor, _ in runs)
        gap = np.median([gap for _, gap in runs])
        print(
            f"| {slots} | {steps} | {lost} | {slots / MEAN_SECONDS:.2f} | {had:.0f} | {busy:.1%} "
            f"| {gap:.2g} | {single} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

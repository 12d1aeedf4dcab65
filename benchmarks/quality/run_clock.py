"""Run the kernels with a wall-clock budget; resumable JSON lines.

Every evaluation counts for `--cost` seconds, without being slept. Thinking is real time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import numpy as np
import tasks
from engine import centre, coordinates_of

from kernels.coordinates import keys
from kernels.covariance import Hyper
from kernels.screening import Effort, Seen, rank
from kernels.seeding import design_point, design_size, whole_space
from kernels.stepping import Move, Stepper

# Screening may take this share of the time so far; what is left belongs to the learned step.
SHARE = 0.05
# After so many repeats in a row the next candidate comes from the whole space.
MOST_REPEATS = 50


class Clock:
    """Time as it would have passed with evaluations of the given cost."""

    def __init__(self, cost: float) -> None:
        self.start, self.cost, self.inside, self.count = time.process_time(), cost, 0.0, 0

    def now(self) -> float:
        """Return the seconds since the start."""
        return time.process_time() - self.start - self.inside + self.cost * self.count


class Search:
    """The kernels under a clock: a short design, then screening and the learned step in turn.

    Parameters
    ----------
    task, seed
        What to run.
    clock
        The time that passes.
    limit
        Seconds of the whole run.
    share
        The share of the time so far that screening may have taken.
    """

    def __init__(self, task: str, seed: int, clock: Clock, limit: float, share: float) -> None:
        self.problem, self.seed = tasks.make(task, seed), seed
        self.coordinates = coordinates_of(self.problem.params)
        self.clock, self.limit, self.share = clock, limit, share
        self.rows = np.empty((4096, len(self.problem.params)))
        self.values = np.empty(4096)
        self.truths: list[float] = []
        self.cache: dict[bytes, float] = {}
        self.screened = 0.0
        self.hyper: Hyper | None = None
        self.stepper: Stepper | None = None

    def next(self) -> tuple[np.ndarray, Move | None]:
        """Return the next row and the move of the learned step that it belongs to, if any."""
        count, size = len(self.truths), design_size(self.coordinates) - 1
        if count == 0:
            return centre(self.coordinates), None
        if count <= size:
            return design_point(self.seed, self.coordinates, count - 1, size), None
        if self.screened <= self.share * self.clock.now():
            return self.screen(count), None
        return self.step(count)

    def screen(self, count: int) -> np.ndarray:
        """Return the most promising of many proposals."""
        begun = self.clock.now()
        spent = begun / self.limit
        ranking = rank(
            np.random.default_rng([self.seed, count]),
            self.coordinates,
            Seen(self.rows[:count], self.values[:count], self.rows[:0]),
            1.0 - 0.8 * max(0.0, (spent - 0.25) / 0.75),
            spent < 0.25,
            self.hyper,
            Effort(replay=False),
        )
        self.hyper = ranking.hyper
        self.screened += self.clock.now() - begun
        if len(ranking.rows):
            return ranking.rows[0]
        # All proposals were seen: the neighbourhood is used up.
        return whole_space(np.random.default_rng([self.seed, count, 1]), self.coordinates, 1)[0]

    def step(self, count: int) -> tuple[np.ndarray, Move | None]:
        """Return a move of the learned step that is not a repeat."""
        if self.stepper is None:
            best = int(np.nanargmin(self.values[:count]))
            start = self.rows[best], float(self.values[best])
            self.stepper = Stepper(self.coordinates, *start, self.seed)
        for repeat in range(MOST_REPEATS):
            rng = np.random.default_rng([self.seed, count, repeat])
            move = self.stepper.propose(rng, 1.0 - 0.8 * self.clock.now() / self.limit)
            known = self.cache.get(keys(move.row[None, :])[0])
            if known is None:
                return move.row, move
            # A repeat costs nothing: the chain is told what is known.
            self.stepper.observe(move, known)
        rng = np.random.default_rng([self.seed, count, MOST_REPEATS])
        return whole_space(rng, self.coordinates, 1)[0], None

    def evaluate(self, row: np.ndarray, move: Move | None) -> None:
        """Evaluate a row outside the clock, let the clock count it, and learn from it."""
        before = time.process_time()
        point = [p.decode(u) for p, u in zip(self.problem.params, row, strict=True)]
        value = self.problem.observe(point)
        self.truths.append(self.problem.truth(point))
        self.clock.inside += time.process_time() - before
        self.clock.count += 1
        count = len(self.truths)
        if count > len(self.rows):
            self.rows = np.vstack([self.rows, self.rows])
            self.values = np.append(self.values, self.values)
        self.rows[count - 1], self.values[count - 1] = row, value
        self.cache[keys(row[None, :])[0]] = value
        if self.stepper is not None and move is not None:
            self.stepper.observe(move, value)
        elif self.stepper is not None:
            self.stepper.adopt(row, value)


def run(task: str, seed: int, cost: float, limit: float, share: float) -> dict[str, Any]:
    """Run once and return the record without its name."""
    clock = Clock(cost)
    search = Search(task, seed, clock, limit, share)
    while clock.now() + cost <= limit:
        search.evaluate(*search.next())
    count = len(search.truths)
    best = int(np.nanargmin(search.values[:count]))
    return {
        "task": task,
        "seed": seed,
        "budget": 0,
        "at": {"end": search.truths[best]},
        "n": count,
        "wall": clock.now(),
        "overhead": clock.now() - cost * count,
        "cost": cost,
        "err": None,
    }


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="pyhopper-kernels")
    parser.add_argument("--set", default="development", choices=sorted(tasks.SETS))
    parser.add_argument("--match", nargs="*", default=[""], help="only tasks that contain one")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cost", type=float, required=True)
    parser.add_argument("--clock", type=float, default=20.0)
    parser.add_argument("--share", type=float, default=SHARE)
    arguments = parser.parse_args()
    done = set()
    if arguments.out.exists():
        for line in arguments.out.read_text().splitlines():
            record = json.loads(line)
            done.add((record["peer"], record["task"], record["seed"], record.get("cost", 0.0)))
    for task in tasks.SETS[arguments.set]:
        for seed in range(arguments.seeds):
            key = (arguments.name, task, seed, arguments.cost)
            if key in done or not any(part in task for part in arguments.match):
                continue
            record = run(task, seed, arguments.cost, arguments.clock, arguments.share)
            with arguments.out.open("a") as file:
                file.write(json.dumps({"peer": arguments.name, **record}) + "\n")


if __name__ == "__main__":
    main()

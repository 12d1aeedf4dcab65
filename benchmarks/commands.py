"""What a command costs beyond its own time: ``pyhopper run`` beside xargs and GNU parallel.

Each program runs the same command, which prints a number, so many times on so many slots, with the
same kinds of values in its arguments. xargs and parallel only start it; ``pyhopper run`` also draws
its arguments from a model of all values so far, reads the value, and writes a checkpoint. The start
is what a run of one command on each slot takes beside these commands; the overhead is what each
further command takes beyond its own time.

::

    python benchmarks/commands.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple


class Took(NamedTuple):
    """Seconds from the start to the end, and of the processor."""

    wall: float
    cpu: float


def seconds(command: list[str], folder: str, given: str = "") -> Took:
    """How long a command takes, with all that it starts."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr}")
    now = os.times()
    used = now.children_user + now.children_system
    before_used = before.children_user + before.children_system
    return Took(time.perf_counter() - began, used - before_used)


def commands(script: str, count: int, slots: int) -> dict[str, tuple[list[str], str]]:
    """What each program is started with, and what it reads."""
    given = "".join(f"{n / count}\n" for n in range(count))
    run = [sys.executable, "-m", "pyhopper", "run", "--max", "--quiet", "--steps", str(count)]
    jobs = str(slots)
    found = {
        "xargs": (["xargs", "-P", jobs, "-n", "1", script], given),
        "parallel": (["parallel", "--will-cite", "-j", jobs, script], given),
        "pyhopper run": ([*run, "--n-jobs", jobs, "--", script, "float(0, 1)"], ""),
        "  with a checkpoint": (
            [*run, "--n-jobs", jobs, "--checkpoint", "run.ckpt", "--", script, "float(0, 1)"],
            "",
        ),
    }
    return {name: each for name, each in found.items() if shutil.which(each[0][0])}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print(f"{args.count} commands on {args.slots} slots, the fastest of {args.repeats} runs")
    titles = f"{'a command takes':>15}  {'start':>8}  {'overhead per command':>20}  {'of CPU':>10}"
    print(f"{'':20}  {titles}")
    for length in (0.0, 0.2):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "command.sh")
            pause = f"sleep {length}\n" if length else ""
            script.write_text(f"#!/bin/sh\n{pause}echo $1\n")
            script.chmod(0o755)
            tries = [seconds([str(script), "0"], folder) for _ in range(20)]
            alone = Took(min(t.wall for t in tries), sum(t.cpu for t in tries) / len(tries))
            counts = args.slots, args.count
            best: dict[tuple[str, int], Took] = {}
            # In turns, so that a busy moment of the machine hits all of them.
            for count in counts * args.repeats:
                for name, (command, given) in commands(str(script), count, args.slots).items():
                    Path(folder, "run.ckpt").unlink(missing_ok=True)
                    took = seconds(command, folder, given)
                    least = zip(took, best.get((name, count), took), strict=True)
                    best[name, count] = Took(*(min(pair) for pair in least))
            for name in commands(str(script), 1, 1):
                few, many = best[name, args.slots], best[name, args.count]
                start, more = few.wall - alone.wall, args.count - args.slots
                each = (many.wall - few.wall) * args.slots / more - alone.wall
                cpu = (many.cpu - few.cpu) / more - alone.cpu
                cells = f"{1e3 * alone.wall:12.1f} ms  {start:6.2f} s  {1e3 * each:17.1f} ms"
                print(f"{name:20}  {cells}  {1e3 * cpu:7.1f} ms", flush=True)


if __name__ == "__main__":
    main()

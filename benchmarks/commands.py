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
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(command: list[str], folder: str, given: str = "") -> float:
    """How long a command takes from its start to its end."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr}")
    return time.perf_counter() - began


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
    print(f"{'':20}  {'a command takes':>15}  {'start':>8}  {'overhead per command':>20}")
    for length in (0.0, 0.2):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "command.sh")
            pause = f"sleep {length}\n" if length else ""
            script.write_text(f"#!/bin/sh\n{pause}echo $1\n")
            script.chmod(0o755)
            alone = min(seconds([str(script), "0"], folder) for _ in range(10))
            counts = args.slots, args.count
            best: dict[tuple[str, int], float] = {}
            # In turns, so that a busy moment of the machine hits all of them.
            for count in counts * args.repeats:
                for name, (command, given) in commands(str(script), count, args.slots).items():
                    Path(folder, "run.ckpt").unlink(missing_ok=True)
                    took = seconds(command, folder, given)
                    best[name, count] = min(took, best.get((name, count), took))
            for name in commands(str(script), 1, 1):
                few, many = best[name, args.slots], best[name, args.count]
                start = few - alone
                each = (many - few) * args.slots / (args.count - args.slots) - alone
                print(f"{name:20}  {1e3 * alone:12.1f} ms  {start:6.2f} s  {1e3 * each:17.1f} ms")


if __name__ == "__main__":
    main()

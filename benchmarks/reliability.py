"""What kills and cuts cost: a search, its workers and its checkpoint are damaged on purpose.

python benchmarks/reliability.py
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyhopper

PROGRAM = """
import sys, time
import pyhopper

def train(params):
    time.sleep(0.02)
    return -(params["x"] - 0.3) ** 2

search = pyhopper.Search(x=pyhopper.float(0, 1), n=pyhopper.int(1, 9), seed=1)
search.run(train, "max", steps=int(sys.argv[2]), checkpoint_path=sys.argv[1], quiet=True,
           n_jobs=int(sys.argv[3]))
"""


def start(folder: Path, steps: int, jobs: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, "run.ckpt", str(steps), str(jobs)]
    root = str(Path(pyhopper.__file__).parents[1])
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": root})


def history(path: Path) -> list[tuple[int, str, float]]:
    search = pyhopper.Search()
    search.load(path)
    return [(each.id, repr(each.params), each.value) for each in search.history.evaluations]


def below(mark: str) -> int:
    """How many processes work in a folder."""
    found = 0
    for entry in Path("/proc").glob("[1-9]*"):
        with contextlib.suppress(OSError):
            found += str((entry / "cwd").resolve()).startswith(mark)
    return found


def killed_search(rng: random.Random, kills: int, jobs: int) -> tuple[int, int, int, int, bool]:
    """Kill a search at random moments, starting it again each time, until it is complete.

    How many kills that were, at most `kills`; evaluations lost and doubled; processes left behind;
    and whether its history is that of one that was not killed.
    """
    steps, done, left = 100, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder, other = Path(name), Path(name) / "other"
        while done < kills:
            with start(folder, steps, jobs) as process:
                # From before the first evaluation to some time after it.
                time.sleep(rng.uniform(0.3, 1.6))
                if process.poll() is not None:
                    break
                process.send_signal(signal.SIGKILL)
            done += 1
            limit = time.monotonic() + 10
            while below(name) and time.monotonic() < limit:
                time.sleep(0.1)
            left += below(name)
        other.mkdir()
        for each in (folder, other):
            with start(each, steps, jobs) as process:
                process.wait()
        ended = history(folder / "run.ckpt")
        same = history(other / "run.ckpt") == ended
    numbers = {each[0] for each in ended}
    return done, len(set(range(steps)) - numbers), len(ended) - len(numbers), left, same


def killed_searches(kills: int, jobs: int) -> tuple[str, str]:
    """Kill searches until there were so many kills."""
    rng, found = random.Random(1), []
    while (done := sum(each[0] for each in found)) < kills:
        found.append(killed_search(rng, kills - done, jobs))
    _, lost, doubled, left = (sum(each[i] for each in found) for i in range(4))
    text = f"{lost} evaluations lost, {doubled} doubled, {left} processes left behind"
    if jobs == 1:
        same = all(each[4] for each in found)
        text += f"; history {'equal to' if same else 'DIFFERENT FROM'} that without kills"
    return f"{kills} times kill -9 of the search, {jobs} slot{'s' * (jobs > 1)}", text


def killed_workers(count: int) -> tuple[str, str]:
    def train(params: dict[str, Any]) -> float:
        if params["n"] % 5 == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(params["n"])

    search = pyhopper.Search(n=pyhopper.int(1, count), seed=1)
    search.run(train, "max", steps=count, n_jobs=2, quiet=True)
    states = [each.status.value for each in search.history.evaluations]
    failed = states.count("failed")
    return (
        f"kill -9 of the worker in each fifth of {count} evaluations",
        (
            f"{failed} failed with the name of the signal, {states.count('done')} done, best "
            f"{'found' if search.best == {'n': count - 1} else 'MISSED'}"
        ),
    )


def cut_files(cuts: int) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "run.ckpt"
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        search.run(lambda p: p["x"], "max", steps=60, quiet=True, checkpoint_path=path)
        whole = path.read_bytes()
        ends = [json.loads(line).get("event") == "ended" for line in whole.splitlines()]
        first = len(whole.splitlines(keepends=True)[0])
        opened = lost = 0
        for number in range(cuts):
            at = first + (len(whole) - first) * number // cuts
            cut = Path(name) / "cut.ckpt"
            cut.write_bytes(whole[:at])
            complete = whole[:at].count(b"\n")
            found = pyhopper.Search()
            found.load(cut)
            opened += 1
            lost += sum(ends[:complete]) - len(found.history.evaluations)
    return f"checkpoint cut at {cuts} places", f"{opened} opened, {lost} whole lines lost"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=200)
    args = parser.parse_args()
    print("| what was done | what came of it |\n|---|---|")
    for what, result in (
        killed_searches(args.kills, 1),
        killed_searches(args.kills, 2),
        killed_workers(50),
        cut_files(args.cuts),
    ):
        print(f"| {what} | {result} |", flush=True)


if __name__ == "__main__":
    main()

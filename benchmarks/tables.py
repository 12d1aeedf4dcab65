"""Put measured figures into the README, the docs and the paper: ``python -m benchmarks.tables``.

A table stands between the comments ``<!-- begin NAME -->`` and ``<!-- end NAME -->``, and comes
from the results in ``benchmarks/results`` and ``paper/results``. With ``--check`` nothing is
written, and the exit code is 1 if a table is not up to date.
"""

import argparse
import collections
import functools
import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.report import HERE, ROOT, by_tasks, equal_time, named, summaries

FILES = ("README.md", "docs/performance.md", "docs/several_objectives.md", "paper/paper.md")
OURS = "pyhopper (this)"
COUNTS = (30, 50, 100)


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ranked(name: str) -> list[dict[str, Any]]:
    """Runs of ``quality`` on a set of tasks, by solvers that ran on all of them."""
    import score
    import tasks

    runs = score.read([HERE / "results" / f"{each}.jsonl.gz" for each in ("peers", "pyhopper")])
    return [named(each) for each in runs if each["task"] in tasks.SETS[name]]


def several() -> str:
    """Hypervolumes and ranks with several objectives: a table of all tasks, then of samples."""
    import score
    import several

    parts = []
    for title, records, counts in by_tasks(score.read([HERE / "results" / "several.jsonl.gz"])):
        found = several.hypervolumes(records)
        cells: dict[str, list[str]] = collections.defaultdict(list)
        own: dict[str, str] = {}
        for count in counts:
            for peer, *_, (volume, rank), ms in several.table(records, found, count)[1]:
                cells[peer].append(f"{volume:.2f}, {rank:.2f}")
                own[peer] = f"{score.figure(ms)} ms"
        rows = [[peer, *row, own[peer]] for peer, row in cells.items()]
        tasks = len({each["task"] for each in records})
        seeds = len({each["seed"] for each in records})
        runs = f"{seeds} runs" if seeds > 1 else "one run"
        header = [title, *(f"{count} evaluations" for count in counts), "own time"]
        parts.append(f"{tasks} tasks, {runs} of each:\n\n{markdown(header, rows)}")
    return "\n\n".join(parts)


def scores(
    records: list[dict[str, Any]], counts: Sequence[int] = COUNTS
) -> tuple[dict[str, dict[int, float]], dict[str, float]]:
    """Mean scaled rank of each solver after some numbers of evaluations; its own milliseconds."""
    import score

    means, own = collections.defaultdict(dict), {}
    for count in counts:
        for row in score.table(records, count)[1]:
            means[row[0]][count] = row[-2]
            own[row[0]] = row[-1]
    return dict(means), own


def quality(
    records: list[dict[str, Any]], title: str = "solver", counts: Sequence[int] = COUNTS
) -> str:
    """Ranks of all solvers."""
    import score

    means, own = scores(records, counts)
    rows = [
        [name, *(f"{means[name][count]:.2f}" for count in counts), f"{score.figure(own[name])} ms"]
        for name in sorted(means, key=lambda name: np.mean(list(means[name].values())))
    ]
    return markdown([title, *(f"{count} evaluations" for count in counts), "own time"], rows)


def sample() -> str:
    """Ranks on the tasks of solvers that are too slow for all of them."""
    import score

    slow = score.read([HERE / "results" / "sample.jsonl.gz"])
    parts = []
    for peer in dict.fromkeys(each["peer"] for each in slow):
        mine = [each for each in slow if each["peer"] == peer]
        kept = {each["task"] for each in mine}
        records = [*mine, *(each for each in ranked("holdout") if each["task"] in kept)]
        counts = [c for c in COUNTS if all(str(c) in each["at"] for each in mine)]
        parts.append(quality(records, f"{len(kept)} tasks", counts))
    return "\n\n".join(parts)


def suites(name: str) -> str:
    """Ranks after 100 evaluations by suite."""
    import score

    header, rows = score.table(ranked(name), 100)
    return markdown(header[:-1], [[row[0], *(f"{cell:.2f}" for cell in row[1:-1])] for row in rows])


def clock() -> str:
    """Ranks at the end of equal times."""
    import score

    header, rows = equal_time(score.read([HERE / "results" / "clock.jsonl.gz"]))
    return markdown(header, [[row[0], *(f"{rank:.2f}" for rank in row[1:])] for row in rows])


def wide() -> str:
    """Values reached in many dimensions."""
    import score

    return markdown(*score.wide_table(score.read([HERE / "results" / "wide.jsonl.gz"])))


def searches(name: str) -> list[dict[str, Any]]:
    """The searches of one of the paper's trainings, once there are three of each package."""
    path = ROOT / "paper" / "results" / f"{name}.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    counts = collections.Counter(each["tool"] for each in records)
    if len(counts) < 4 or min(counts.values()) < 3:
        raise FileNotFoundError(path)
    return records


def training(name: str) -> str:
    """What the packages reach in one of the paper's trainings."""
    records = searches(name)
    header = ["package", "version", "slots", "seeds", "mean of best", "sd", "range"]
    return markdown(header, [[str(cell) for cell in row[:-1]] for row in summaries(records)])


def printed(name: str) -> str:
    """What a script has printed, if that is a table."""
    path = HERE / "results" / f"{name}.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["output"]).strip()


def block(name: str) -> str:
    """What a script has printed, as it stood in the terminal."""
    return f"```text\n{printed(name)}\n```"


def trainings_rows() -> list[list[str]]:
    """The rows of the highlights for the trainings that were run."""
    found = []
    for name, what in (("walker2d", "LSTM on Walker2D"), ("reviews", "Transformer on reviews")):
        try:
            records = searches(name)
        except FileNotFoundError:
            continue
        rows = [[row[0], f"{row[4]} ± {row[5]}"] for row in summaries(records)]
        ours = next(text for tool, text in rows if tool == "pyhopper")
        others = ", ".join(f"{tool} {text}" for tool, text in rows if tool != "pyhopper")
        count = records[0]["candidates"]
        text = f"{what}: error after {count} trainings, mean ± sd of 3 runs"
        found.append([text, ours, others, "[paper](paper/README.md)"])
    return found


def highlights() -> str:
    """The few figures of the README."""
    records = ranked("holdout")
    means, _ = scores(records)
    others = {name: each for name, each in means.items() if not name.startswith("pyhopper")}
    second = min(others, key=lambda name: np.mean(list(others[name].values())))
    ranks = [" / ".join(f"{means[name][c]:.2f}" for c in COUNTS) for name in (OURS, second)]
    tasks = len({each["task"] for each in records})
    lines = [line.strip("|").split("|") for line in printed("reliability").splitlines()[2:]]
    kills = sum(int(line[0].split()[0]) for line in lines if "of the search" in line[0])
    lost = sum(int(line[1].split()[0]) for line in lines if "of the search" in line[0])
    rows = [
        [
            (
                f"rank among {len(means)} solvers after {' / '.join(map(str, COUNTS))} evaluations"
                f" of {tasks} tasks on which it was not developed (0 best, 1 worst)"
            ),
            ranks[0],
            f"{second} {ranks[1]}",
            "[benchmarks/quality](benchmarks/quality/README.md)",
        ],
        *trainings_rows(),
        [
            f"evaluations lost by {kills} times `kill -9`",
            str(lost),
            "",
            "[benchmarks/reliability.py](benchmarks/reliability.py)",
        ],
    ]
    return markdown(["measured", "pyhopper", "others", "by"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "highlights": highlights,
    "quality": lambda: quality(ranked("holdout")),
    "suites": lambda: suites("holdout"),
    "development": lambda: quality(ranked("development")),
    "development-suites": lambda: suites("development"),
    "sklearn": lambda: quality(ranked("sklearn")),
    "sample": sample,
    "clock": clock,
    "wide": wide,
    "several": several,
    "walker2d": lambda: training("walker2d"),
    "reviews": lambda: training("reviews"),
    "reliability": lambda: printed("reliability"),
    **{name: functools.partial(block, name) for name in ("arrays", "overhead", "busy", "dispatch")},
}


def filled(text: str) -> str:
    """A text whose tables are up to date."""

    def fill(match: re.Match[str]) -> str:
        try:
            table = TABLES[match[2]]()
        except FileNotFoundError:
            table = "(There are not enough results yet.)"
        except ImportError as error:
            print(f"{match[2]} stays as it is: {error}")
            return match[0]
        return f"{match[1]}\n\n{table}\n\n{match[3]}"

    pattern = r"(<!-- begin (\S+) -->)\n.*?(<!-- end \2 -->)"
    return re.sub(pattern, fill, text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()
    old = []
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new != text:
            old.append(name)
            if not args.check:
                path.write_text(new, encoding="utf-8")
    if old and args.check:
        sys.exit(f"not up to date: {', '.join(old)}; run python -m benchmarks.tables")
    print("up to date" if not old else f"filled {', '.join(old)}")


if __name__ == "__main__":
    main()

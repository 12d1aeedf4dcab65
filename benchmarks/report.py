"""All results of benchmarks on one HTML page: ``python -m benchmarks.report``.

It collects what is in ``benchmarks/results`` and ``paper/results``: runs of ``quality`` (JSON lines
with ranks), trainings of the paper, and what the other scripts have printed. ``--run`` runs some of
these first (those of :data:`SHORT` without names) and stores what they print, with the versions,
the machine and the date. Needs matplotlib for the pictures.
"""

import argparse
import base64
import collections
import contextlib
import datetime as dt
import html
import importlib.metadata
import io
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import pyhopper

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "quality"))

SHORT: dict[str, list[str]] = {
    "arrays": [],
    "busy": ["--runs", "5", "--runtime", "2"],
    "dispatch": ["--count", "500", "--rounds", "3"],
    "overhead": [],
    "reliability": [],
}
"""Scripts that take minutes, with their arguments."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b2530; background: #fff }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-top: 1px solid #d8dee6; padding-top: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e4e8ee }
th:first-child, td:first-child { text-align: left } tr.ours { font-weight: 600 }
div.wide { overflow-x: auto } pre { background: #f5f7f9; padding: .8rem; overflow-x: auto }
p.made { color: #5c6773; font-size: .85rem } img { max-width: 100% }
@media (prefers-color-scheme: dark) {
  body { color: #dbe2ea; background: #12181f } h2 { border-color: #34404c }
  th, td { border-color: #2a343f } pre { background: #1a232d } p.made { color: #93a0ad }
  img { background: #fff; border-radius: 4px } }
"""


def run(name: str, folder: Path) -> None:
    """Run a script, and keep what it prints."""
    command = [sys.executable, str(HERE / f"{name}.py"), *SHORT.get(name, [])]
    start = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    kept = {
        "command": " ".join(["python", f"benchmarks/{name}.py", *SHORT.get(name, [])]),
        "output": done.stdout,
        "seconds": round(time.monotonic() - start),
        "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "machine": f"{os.cpu_count()} {platform.machine()} cores, load {os.getloadavg()[0]:.1f}",
        "versions": {
            "pyhopper": pyhopper.__version__,
            "python": platform.python_version(),
            "numpy": importlib.metadata.version("numpy"),
        },
    }
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def table(header: list[str], rows: list[list[Any]], ours: str = "pyhopper") -> str:
    """An HTML table; numbers with two decimals."""

    def cell(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else html.escape(str(value))

    head = "".join(f"<th>{html.escape(each)}</th>" for each in header)
    lines = []
    for row in rows:
        mark = ' class="ours"' if str(row[0]).startswith(ours) else ""
        lines.append(f"<tr{mark}>{''.join(f'<td>{cell(each)}</td>' for each in row)}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def picture(draw: Any) -> str:
    """What a function draws into a file, inside of the page."""
    target = io.BytesIO()
    draw(target)
    return (
        f'<p><img src="data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}"></p>'
    )


def quality(records: list[dict[str, Any]]) -> str:
    """Ranks of all solvers after some numbers of evaluations."""
    import score

    parts = [("<p>Scaled rank, 0 best and 1 worst, averaged over tasks and seeds of each suite. The"
             " value of a run is the <em>true</em> value of its best candidate. <code>ms</code> is"
             " a solver's own time per candidate.</p>")]  # fmt: skip
    for count in (30, 50, 100):
        header, rows = score.table(records, count)
        header[0] = f"after {count} evaluations"
        parts.append(table(header, rows, "pyhopper (this)"))
    with contextlib.suppress(ImportError):
        import pictures

        parts.append(picture(lambda file: pictures.ranks_over_evaluations(records, file)))
    return "".join(parts)


def equal_time(records: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Ranks at the end of runs of equal time: a column for that and what an evaluation takes."""
    import score

    settings = sorted({(each["clock"], each["cost"]) for each in records})
    cells: dict[str, list[float]] = collections.defaultdict(list)
    for setting in settings:
        mine = [each for each in records if (each["clock"], each["cost"]) == setting]
        for row in score.table(mine, "end")[1]:
            cells[row[0]].append(row[-2])
    header = ["solver", *(f"{seconds:g} s of {1000 * cost:g} ms" for seconds, cost in settings)]
    order = sorted(cells, key=lambda peer: sum(cells[peer]))
    return header, [[peer, *cells[peer]] for peer in order]


def several_objectives(records: list[dict[str, Any]]) -> str:
    """Hypervolumes of all solvers; those that ran few tasks have tables of their own."""
    import several

    parts = [("<p>Hypervolume relative to the best known front, and rank (0 best, 1 worst),"
              " averaged over the tasks of each family.</p>")]  # fmt: skip
    for title, kept, counts in by_tasks(records):
        found = several.hypervolumes(kept)
        for count in counts:
            header, rows = several.table(kept, found, count)
            cells = [[cell if isinstance(cell, str | float) else f"{cell[0]:.2f}, {cell[1]:.2f}"
                      for cell in row] for row in rows]  # fmt: skip
            header[0] = f"{title}, after {count} evaluations"
            parts.append(table(header, cells, "pyhopper"))
    return "".join(parts)


def by_tasks(records: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]], list[int]]]:
    """Runs with several objectives: all tasks, then what was run of a sample, each with counts."""
    import several

    runs = collections.Counter(each["peer"] for each in records)
    whole = {peer for peer, count in runs.items() if count == max(runs.values())}
    groups = [("all tasks", [each for each in records if each["peer"] in whole])]
    groups += [
        (f"tasks of {peer}", several.common([e for e in records if e["peer"] in {*whole, peer}]))
        for peer in runs
        if peer not in whole
    ]
    return [
        (title, kept, sorted(set.intersection(*({int(c) for c in e["fronts"]} for e in kept))))
        for title, kept in groups
    ]


def named(record: dict[str, Any]) -> dict[str, Any]:
    """A run of ``quality`` in which the released package has its version in its name."""
    return {**record, "peer": "pyhopper 1.2.3"} if record["peer"] == "pyhopper" else record


def summaries(records: list[dict[str, Any]]) -> list[list[Any]]:
    """A row per package: best value of each seed as mean, standard deviation and range."""
    groups: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for record in records:
        groups[record["tool"]].append(record)
    rows = []
    for tool, runs in groups.items():
        bests = [min(each["values"]) for each in runs]
        spread = float(np.std(bests, ddof=1)) if len(bests) > 1 else float("nan")
        rows.append(
            [
                tool,
                runs[0]["versions"][tool],
                runs[0]["slots"],
                len(bests),
                f"{np.mean(bests):.4g}",
                f"{spread:.2g}",
                f"{min(bests):.4g} to {max(bests):.4g}",
                f"{np.mean([each['seconds'] for each in runs]):.0f}",
            ]
        )
    return sorted(rows, key=lambda row: float(row[4]))


TRAININGS = ["package", "version", "slots", "seeds", "mean of best", "sd", "range", "seconds"]


def made(record: dict[str, Any], more: str = "") -> str:
    """The line below a result that says where it comes from."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    text = f"{record['date']}; {record['machine']}; {versions}{more}"
    return f'<p class="made">{html.escape(text)}</p>'


def printed(record: dict[str, Any]) -> str:
    """What a script has printed; tables in Markdown as tables."""
    parts: list[str] = []
    lines = record["output"].strip("\n").split("\n")
    while lines:
        is_table = lines[0].startswith("|")
        block = []
        while lines and lines[0].startswith("|") == is_table:
            block.append(lines.pop(0))
        if is_table and len(block) > 2:
            cells = [[each.strip() for each in line.strip("|").split("|")] for line in block]
            parts.append(table(cells[0], cells[2:]))
        elif any(line.strip() for line in block):
            text = "\n".join(block).strip("\n")
            parts.append(f"<pre>{html.escape(text)}</pre>")
    command = f"<p><code>{html.escape(record['command'])}</code></p>"
    return command + "".join(parts) + made(record, f"; took {record['seconds']} s")


def page(folders: list[Path]) -> str:
    """The whole page."""
    import score
    import tasks

    sections: list[tuple[str, str]] = []
    ranked: list[dict[str, Any]] = []
    timed: list[dict[str, Any]] = []
    wide: list[dict[str, Any]] = []
    fronts: list[dict[str, Any]] = []
    trainings: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for path in sorted(each for folder in folders for each in folder.glob("*.json*")):
        if path.suffix == ".json":
            record = json.loads(path.read_text(encoding="utf-8"))
            sections.append((path.stem.capitalize(), printed(record)))
            continue
        for record in score.read([path]):
            if "fronts" in record:
                fronts.append(record)
            elif record.get("clock"):
                timed.append(record)
            elif path.name.startswith("sample."):
                pass  # a solver that ran on a few tasks, whose ranks say something on these alone
            elif path.name.startswith("wide."):
                wide.append(record)
            elif "peer" in record:
                ranked.append(named(record))
            else:
                trainings[f"{record['experiment']} ({record['scale']})"].append(record)
    for name, records in trainings.items():
        count = records[0]["candidates"]
        text = f"<p>{count} candidates, lower is better; settings {records[0]['settings']}.</p>"
        body = text + table(TRAININGS, summaries(records)) + made(records[-1])
        sections.insert(0, (f"Training: {name}", body))
    if fronts:
        try:
            text = several_objectives(fronts)
        except ImportError as error:
            text = f"<p>Left out: {html.escape(str(error))}</p>"
        sections.insert(0, ("Several objectives", text))
    if wide:
        body = table(*score.wide_table(wide))
        sections.insert(0, ("Values reached in many dimensions", body))
    if timed:
        body = table(*equal_time(timed), "pyhopper (this)")
        sections.insert(0, ("Quality of the search in equal time", body))
    for name, title in (
        ("sklearn", "trainings with scikit-learn that it was developed on"),
        ("development", "tasks it was developed on"),
        ("holdout", "other tasks"),
    ):
        runs = [each for each in ranked if each["task"] in tasks.SETS[name]]
        if runs:
            sections.insert(0, (f"Quality of the search, {title}", quality(runs)))
    body = "".join(f"<h2>{html.escape(title)}</h2>{text}" for title, text in sections)
    today = dt.datetime.now(dt.timezone.utc).date().isoformat()
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Benchmarks of pyhopper</title><style>{STYLE}</style>"
        f"<h1>Benchmarks of pyhopper {pyhopper.__version__}</h1>"
        f'<p class="made">Collected {today} by python -m benchmarks.report</p>{body}</html>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run", nargs="*", metavar="SCRIPT", help="run these first; all short ones"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks.html"))
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    if args.run is not None:
        for name in args.run or SHORT:
            print(f"running {name}", flush=True)
            run(name, args.results)
    args.output.write_text(page([args.results, ROOT / "paper" / "results"]), encoding="utf-8")
    print(f"Wrote {args.output}")


if __name__ == "__main__":
    main()

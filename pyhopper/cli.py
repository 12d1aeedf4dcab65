"""Looking into checkpoints from the command line, also of a search that runs.

::

    python -m pyhopper show run.ckpt             # budget, best, table of evaluations
    python -m pyhopper best run.ckpt             # the best candidate as JSON (or --yaml)
    python -m pyhopper export run.ckpt all.csv   # also .jsonl and .parquet

Nothing here takes a lock, writes to a checkpoint or runs code from it.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from pyhopper.display.text import duration, number, outline
from pyhopper.errors import CheckpointError, PyhopperError
from pyhopper.journal.file import read
from pyhopper.journal.table import Row, Table

_WIDTH = 80

_OLD_SPACE = "This was evaluated before the space was changed, and may not fit any more."


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        Instead of those of the process.

    Returns
    -------
    int
        The exit code: 0, or 1 if the checkpoint could not be read.
    """
    args = _parser().parse_args(arguments)
    try:
        lines, lost = read(Path(args.checkpoint), args.recover)
        table = Table(lines)
        args.command(table, args)
        sys.stdout.flush()
    except PyhopperError as error:
        print(f"pyhopper: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except BrokenPipeError:
        # The reader, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if lost:
        print(f"{lost} damaged or missing lines were left out", file=sys.stderr)  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyhopper", description="Look into checkpoints, also of a search that runs."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Table, Any], None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("checkpoint", help="the file given as checkpoint_path")
        added.add_argument(
            "--recover", action="store_true", help="leave damaged lines out instead of stopping"
        )
        added.set_defaults(command=command)
        return added

    show = add("show", _show, "Show budget, best and the last and best evaluations.")
    show.add_argument("-n", type=_count, default=5, help="how many of each (5)")
    best = add("best", _best, "Print the best candidate.")
    best.add_argument("--yaml", action="store_true", help="as YAML instead of JSON (needs pyyaml)")
    export = add("export", _export, "Write all evaluations to a file.")
    export.add_argument("output", help="a file that ends in .csv, .jsonl or .parquet; - for CSV")
    return parser


def _count(text: str) -> int:
    """A number of rows."""
    if not text.isdigit() or text == "0":
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows, at least 1")
    return int(text)


def _show(table: Table, args: Any) -> None:
    from tabulate import tabulate

    say = _say
    running = len(table.running)
    counts = ", ".join(f"{count} {name}" for name, count in table.counts().items())
    say(f"{args.checkpoint}: seed {table.seed}, written by pyhopper {table.version}")
    say(f"{len(table.rows)} evaluations ({counts or 'none'}), {running} open")
    budget = "no end" if table.steps is None else f"{table.steps} steps"
    budget = budget if table.runtime is None else duration(table.runtime)
    used = duration(table.elapsed)
    say(f"budget {budget}, {used} used, last sign of life {_when(table.time)}")
    if table.left_out:
        say(f"{table.left_out} large points were not kept; only the best and open ones are.")
    best = table.best
    if best is None:
        say("no value yet")
        return
    say(f"\nBest value {number(best.value)} ({table.direction}), evaluation {best.id}, with")
    say(outline(table.nested(best), _WIDTH))
    if table.is_of_another_space(best):
        say(_OLD_SPACE)
    for title, rows in (
        (f"Best {args.n}", table.ranked()[: args.n]),
        (f"Last {args.n}", table.rows[-args.n :]),
    ):
        cells = [[r.id, r.status, number(r.value), duration(r.seconds), _brief(r)] for r in rows]
        headers = ("id", "status", "value", "time", "parameters")
        text = tabulate(cells, headers, tablefmt="simple", disable_numparse=True)
        say(f"\n{title}\n{text}")


def _brief(row: Row) -> str:
    """The parameters of an evaluation, or why it failed, on one line."""
    named = {name: _short(value) for name, value in row.params.items()}
    # What is inside of an option stands behind it.
    params = " ".join(f"{name}={text}" for name, text in named.items() if text[:1] != "{")
    text = row.reason or params
    return text if len(text) <= 44 else f"{text[:41]}..."


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _best(table: Table, args: Any) -> None:
    best = table.best
    if best is None:
        raise CheckpointError(args.checkpoint, "has no evaluation with a value yet")
    params = table.nested(best)
    if table.is_of_another_space(best):
        print(_OLD_SPACE, file=sys.stderr)  # noqa: T201
    if not args.yaml:
        _say(json.dumps(params, indent=2))
        return
    try:
        import yaml
    except ImportError:
        raise CheckpointError(args.checkpoint, "--yaml needs pip install pyyaml") from None
    _say(yaml.safe_dump(params, sort_keys=False, allow_unicode=True).rstrip())


def _export(table: Table, args: Any) -> None:
    records = table.records()
    kind = Path(args.output).suffix.lower()
    if kind == ".parquet":
        _parquet(records, args.output)
        return
    if kind not in ("", ".csv", ".jsonl") or (kind == "" and args.output != "-"):
        raise CheckpointError(args.output, "must end in .csv, .jsonl or .parquet")
    text = io.StringIO()
    if kind == ".jsonl":
        for record in records:
            text.write(json.dumps(_without_nan(record)) + "\n")
    else:
        columns = list(dict.fromkeys(key for record in records for key in record))
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in r.items()} for r in records)
    if args.output == "-":
        _say(text.getvalue().rstrip("\n"))
    else:
        Path(args.output).write_text(text.getvalue(), encoding="utf-8")


def _parquet(records: list[dict[str, Any]], output: str) -> None:
    try:
        import pandas as pd

        frame = pd.DataFrame([{k: _cell(v) for k, v in record.items()} for record in records])
        for name in frame.columns:
            # A column of a table has one type, an option of a choice may have any.
            if len({type(value) for value in frame[name].dropna()}) > 1:
                frame[name] = frame[name].map(lambda value: None if value is None else str(value))
        frame.to_parquet(output)
    except ImportError:
        raise CheckpointError(output, "Parquet needs pip install pandas pyarrow") from None


def _cell(value: Any) -> Any:
    """A value for a table: what is nested becomes JSON."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _without_nan(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }


def _say(text: str) -> None:
    print(text)  # noqa: T201 - that is what the commands are for

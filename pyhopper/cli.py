"""Looking into checkpoints from the command line, also of a search that runs.

::

    python -m pyhopper show run.ckpt             # budget, best, table of evaluations
    python -m pyhopper show run.ckpt --watch     # the same, again and again
    python -m pyhopper best run.ckpt             # the best candidate as JSON (or --yaml)
    python -m pyhopper export run.ckpt all.csv   # or .jsonl, .parquet; columns as in to_pandas
    python -m pyhopper report run.ckpt -o run.html         # one page with everything; or several

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
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pyhopper._version import __version__
from pyhopper.budget import parse_runtime
from pyhopper.display.checkpoint import OLD_SPACE, best_line, show, watch
from pyhopper.display.text import is_terminal, printable
from pyhopper.errors import CheckpointError, PyhopperError
from pyhopper.files import write_whole
from pyhopper.history.front_view import FrontView
from pyhopper.history.table import Columns, frame
from pyhopper.journal.table import Table, plain

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With these a formula begins, also in their full-width forms."""


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
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        table = Table(Path(args.checkpoint), args.recover)
        args.command(table, args)
        sys.stdout.flush()
    except PyhopperError as error:
        _complain(f"pyhopper: {error}")
        return 1
    except BrokenPipeError:
        # The reader, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if table.lost:
        _complain(f"{table.lost} damaged or missing lines were left out")
    if table.skipped:
        _complain(f"{table.skipped} lines that cannot be understood were left out")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyhopper", description="Look into checkpoints, also of a search that runs."
    )
    parser.add_argument("--version", action="version", version=f"pyhopper {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, command: Callable[[Table, Any], None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("checkpoint", help="the file given as checkpoint_path")
        added.add_argument(
            "--recover", action="store_true", help="leave damaged lines out instead of stopping"
        )
        added.set_defaults(command=command)
        return added

    shows = add("show", _show, "Show budget, best and the last and best evaluations.")
    shows.add_argument("-n", type=_count, default=5, help="how many of each (5)")
    shows.add_argument(
        "--importance", action="store_true", help="which parameters matter, by their share"
    )
    shows.add_argument("--watch", action="store_true", help="go on until Ctrl-C, drawn in place")
    shows.add_argument(
        "--every", type=_seconds, default=2.0, metavar="TIME", help="how often to look (2s)"
    )
    best = add("best", _best, "Print the best candidate.")
    best.add_argument(
        "--pick", action="append", default=[], metavar="NAME=NUMBER", type=_target,
        help="of several objectives: what it has to reach, as in accuracy=0.9",
    )  # fmt: skip
    best.add_argument("--yaml", action="store_true", help="as YAML instead of JSON (needs pyyaml)")
    export = add("export", _export, "Write all evaluations to a file.")
    export.add_argument("output", help="a file that ends in .csv, .jsonl or .parquet; - for CSV")
    report = add("report", _report, "Write one HTML page that opens without a server.")
    report.add_argument("more", nargs="*", help="further checkpoints, to compare them")
    report.add_argument("-o", "--output", default="report.html", help="the page (report.html)")
    return parser


def _count(text: str) -> int:
    """A number of rows."""
    if not text.isdigit() or text == "0":
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows, at least 1")
    return int(text)


def _target(text: str) -> tuple[str, float]:
    """A number that an objective has to reach."""
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like accuracy=0.9") from None


def _seconds(text: str) -> float:
    """A duration."""
    try:
        return parse_runtime(text)
    except PyhopperError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _show(table: Table, args: Any) -> None:
    def render(table: Table) -> Iterator[str]:
        return show(table, args.checkpoint, args.n, args.importance)

    if not args.watch:
        for text in render(table):
            _say(text)
        return
    path, recover = Path(args.checkpoint), args.recover
    in_place = is_terminal(sys.stdout)
    watch(path, lambda: Table(path, recover), render, _put, args.every, in_place)


def _put(text: str) -> None:
    """Write text with what moves the cursor, at once."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _best(table: Table, args: Any) -> None:
    best = table.state.best
    if best is None:
        raise CheckpointError(args.checkpoint, "has no evaluation with a value yet")
    # Not among the output, which is for programs.
    if args.pick:
        entry = FrontView(table.state, None).pick(dict(args.pick))
        best = entry.evaluation
        _complain(f"Picked from the front: {entry!r}")
    else:
        _complain(best_line(table))
    params = table.params(best)
    if table.is_of_another_space(best):
        _complain(OLD_SPACE)
    if not args.yaml:
        _say(json.dumps(params, indent=2))
        return
    try:
        import yaml
    except ImportError:
        raise CheckpointError(args.checkpoint, "--yaml needs pip install pyyaml") from None
    _say(yaml.safe_dump(params, sort_keys=False, allow_unicode=True).rstrip())


def _export(table: Table, args: Any) -> None:
    kind = Path(args.output).suffix.lower()
    if kind not in ("", ".csv", ".jsonl", ".parquet") or (kind == "" and args.output != "-"):
        raise CheckpointError(args.output, "must end in .csv, .jsonl or .parquet")
    columns = {name: [plain(value) for value in each] for name, each in table.columns().items()}
    if kind == ".parquet":
        _parquet(columns, args.output)
        return
    text = io.StringIO()
    rows = zip(*columns.values(), strict=True)
    if kind == ".jsonl":
        for row in rows:
            entries = zip(columns, map(_json_value, row), strict=True)
            text.write(json.dumps(dict(entries)) + "\n")
    else:
        text.write(_csv_line([_cell(name) for name in columns]))
        text.writelines(_csv_line([_cell(value) for value in row]) for row in rows)
    if args.output == "-":
        text.seek(0)
        _print(text.read().rstrip("\n"))
        return
    data = text.getvalue().encode("utf-8", "backslashreplace")
    _write(args.output, data)


def _report(table: Table, args: Any) -> None:
    from pyhopper.report import write

    others = [Table(Path(each), args.recover) for each in args.more]
    try:
        write([table, *others], args.output)
    except OSError as error:
        raise CheckpointError(args.output, f"cannot be written: {error.strerror}") from None
    _complain(f"Wrote {args.output}")


def _write(output: str, data: bytes) -> None:
    try:
        write_whole(Path(output), data)
    except OSError as error:
        raise CheckpointError(output, f"cannot be written: {error.strerror}") from None


def _csv_line(cells: list[Any]) -> str:
    """A line of a CSV file, in which a cell with any line break has quotes around it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()[:-2] + "\n"


def _parquet(columns: Columns, output: str) -> None:
    for name, values in columns.items():
        columns[name] = cells = [_nested_as_json(value) for value in values]
        # A column of a Parquet file has one type, while the options of a choice may have several.
        if len({type(value) for value in cells if value is not None}) > 1:
            columns[name] = [None if value is None else str(value) for value in cells]
    data = io.BytesIO()
    try:
        frame(columns).to_parquet(data)
    except ImportError:
        raise CheckpointError(output, "Parquet needs pip install pandas pyarrow") from None
    except (ValueError, TypeError, OverflowError) as error:
        raise CheckpointError(output, f"Parquet cannot hold this: {error}") from None
    _write(output, data.getvalue())


def _nested_as_json(value: Any) -> Any:
    """A value without lists and dicts, and text without halves of characters."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return json.dumps(value) if isinstance(value, list | dict) else value


def _cell(value: Any) -> Any:
    """A value in a CSV file: what is nested becomes JSON, and NaN an empty cell.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    if isinstance(value, str):
        value = value.replace("\0", "\\x00")
        is_formula = value.lstrip().startswith(_FORMULA) and not _is_number(value)
        return f"'{value}" if is_formula else value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and math.isnan(value):
        return None
    return _nested_as_json(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "\t" not in text and "\r" not in text


def _json_value(value: Any) -> Any:
    """A value in a JSON file, which knows neither times nor NaN and infinity."""
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _say(text: str) -> None:
    """Print what a person reads, also of a checkpoint that somebody else has made."""
    _print(printable(text))


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201


def _complain(text: str) -> None:
    print(printable(text, sys.stderr), file=sys.stderr)  # noqa: T201

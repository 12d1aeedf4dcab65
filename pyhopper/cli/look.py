"""The commands that look into checkpoints, also of a search that runs."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pyhopper.cli.command import Command
from pyhopper.cli.texts import complain, put, say, write_out
from pyhopper.cli.words import DIR, FILES, places
from pyhopper.display.checkpoint import OLD_SPACE, best_line, show, watch
from pyhopper.display.text import is_terminal, number
from pyhopper.errors import CheckpointError
from pyhopper.extras import require
from pyhopper.files import write_whole
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.front_view import FrontView
from pyhopper.history.table import Columns, frame
from pyhopper.journal.table import Table, plain

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With these a formula begins, also in their full-width forms."""


def look(table: Table, args: Any) -> None:
    """``show`` and ``watch``."""

    def render(table: Table) -> Iterator[str]:
        return show(table, args.checkpoint, args.n, args.importance)

    if not args.watch:
        for text in render(table):
            say(text)
        return
    path, recover = Path(args.checkpoint), args.recover
    in_place = is_terminal(sys.stdout)
    watch(path, lambda: Table(path, recover), render, put, args.every, in_place)


def best(table: Table, args: Any) -> None:
    """``best``."""
    best = table.state.best
    if best is None:
        raise CheckpointError(args.checkpoint, "has no evaluation with a value yet")
    # Not among the output, which is for programs.
    if args.pick:
        entry = FrontView(table.state, None).pick(dict(args.pick))
        best = entry.evaluation
        complain(f"Picked from the front: {entry!r}")
    else:
        complain(best_line(table))
    params = table.params(best)
    if table.is_of_another_space(best):
        complain(OLD_SPACE)
    if args.flags:
        command = _command(table, args.checkpoint)
        say(command.typed(params, best.id))
        if set(places(command.words)) & {DIR, *FILES} and not command.work_dir:
            hint = "It reads files of the candidate, which pyhopper replay makes again"
            complain(f"{hint}: pyhopper replay {args.checkpoint} best")
        return
    if not args.yaml:
        say(json.dumps(params, indent=2))
        return
    yaml = require("yaml", "cli", "--yaml")
    say(yaml.safe_dump(params, sort_keys=False, allow_unicode=True).rstrip())


def _command(table: Table, path: str) -> Command:
    """The command that a checkpoint was written with."""
    run = table.run
    if run is None or run.command is None:
        name = "an objective" if run is None or not run.objective else run.objective
        problem = (
            f"was written by {name} in Python, not by pyhopper run; there, search.load(path) and "
            "search.replay(number, objective) do this"
        )
        raise CheckpointError(path, problem)
    return Command.described(run.command)


def replay(table: Table, args: Any) -> int:
    """``replay``."""
    command = _command(table, args.checkpoint)
    state, text = table.state, args.candidate
    found: Any = None
    if text == "best":
        found = state.best
    elif text.isdigit():
        known: list[Any] = [
            *state.evaluations,
            *(each.candidate for each in state.running.values()),
        ]
        found = next((each for each in known if each.id == int(text)), None)
    if found is None or found.id < 0:
        problem = f'has no candidate {text}; there are 0 to {state.started - 1}, and "best"'
        raise CheckpointError(args.checkpoint, problem)
    params = table.params(found)
    complain(f"Candidate {found.id}: {command.typed(params, found.id)}")
    if isinstance(found, Evaluation):
        ended = number(found.value) if found.status.value == "done" else found.status.value
        complain(f"In the search: {ended}{f', {found.reason}' if found.reason else ''}")
    if args.dry_run:
        return 0
    folder = str(Path(command.work_dir, f"{found.id:05d}")) if command.work_dir else None
    code = command.foreground(params, folder)
    return code if code >= 0 else 128 - code


def export(table: Table, args: Any) -> None:
    """``export``."""
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
        write_out(text.read().rstrip("\n"))
        return
    data = text.getvalue().encode("utf-8", "backslashreplace")
    _write(args.output, data)


def report(table: Table, args: Any) -> None:
    """``report``."""
    from pyhopper.report import write

    others = [Table(Path(each), args.recover) for each in args.more]
    try:
        write([table, *others], args.output)
    except OSError as error:
        raise CheckpointError(args.output, f"cannot be written: {error.strerror}") from None
    complain(f"Wrote {args.output}")


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

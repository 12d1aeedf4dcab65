"""What the command line shows of a checkpoint, once or again and again while a search runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pyhopper.display.progress import standing_of
from pyhopper.display.summary import front_table
from pyhopper.display.text import duration, number, outline, printable, width
from pyhopper.errors import plural
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.importance import importance
from pyhopper.journal.table import Table

_BESIDE = 36
"""Columns of a table beside the parameters."""

OLD_SPACE = "This was evaluated before the space was changed, and may not fit any more."


def show(table: Table, name: str, rows: int, shares: bool = False) -> Iterator[str]:
    """Budget, best and the best and last evaluations, as lines.

    Parameters
    ----------
    table : Table
        The checkpoint.
    name : str
        What to call it.
    rows : int
        How many evaluations of each kind.
    shares : bool
        Whether to tell which parameters matter.
    """
    from tabulate import tabulate

    state, run = table.state, table.run
    yield f"{name}: seed {table.seed}, written by pyhopper {table.version}"
    yield _counts(table)
    budget = "no end" if run is None or run.steps is None else plural(run.steps, "step")
    budget = budget if run is None or run.runtime is None else duration(run.runtime)
    used = duration(state.elapsed)
    yield f"budget {budget}, {used} used, last sign of life {_when(state.time)}"
    if table.left_out:
        yield f"Not kept: {plural(table.left_out, 'large point')}; only the best and open ones are."
    best = state.best
    if best is None:
        yield "no best value yet"
        return
    if state.objectives.several:
        yield "\n" + "\n".join(front_table(state, width(), 2 * rows))
    yield f"\n{best_line(table)}, with"
    yield outline(table.params(best), width())
    if table.is_of_another_space(best):
        yield OLD_SPACE
    listed = {} if state.objectives.several else {f"Best {rows}": table.ranked()[:rows]}
    listed[f"Last {rows}"] = state.evaluations[-rows:]
    for title, evaluations in listed.items():
        cells = [
            ["" if e.id < 0 else e.id, e.status.value, number(e.value), duration(e.seconds), text]
            for e, text in ((each, _brief(table, each)) for each in evaluations)
        ]
        headers = ("id", "status", "value", "time", "parameters")
        text = tabulate(cells, headers, tablefmt="simple", disable_numparse=True)
        yield f"\n{title}\n{text}"
    if shares:
        yield f"\nShare of the variation that parameters explain\n{importance(table.sheet())}"


def best_line(table: Table) -> str:
    """The best value, its direction and where it comes from, in words."""
    best = table.state.best
    assert best is not None
    objectives = table.state.objectives
    side = "highest" if table.state.maximize else "lowest"
    which = "known before the search" if best.id < 0 else f"evaluation {best.id}"
    if objectives.several:
        return f"Compromise of the front: {standing_of(best, objectives)}, {which}"
    return f"Best ({side}) value {number(best.value)}, {which}"


def _counts(table: Table) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in table.counts().items())
    evaluations, running = len(table.state.evaluations), len(table.state.running)
    return f"{plural(evaluations, 'evaluation')} ({counts or 'none'}), {running} open"


def _brief(table: Table, evaluation: Evaluation) -> str:
    """Why an evaluation failed, or else its parameters, on one line."""
    row = table.row(evaluation)
    text = evaluation.reason or " ".join(
        f"{name}={_short(value)}" for name, value in row.items() if value is not None
    )
    text = printable(" ".join(text.split()))
    most = max(20, width() - _BESIDE)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _when(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OSError, OverflowError, ValueError):
        return "at an unknown time"


def watch(
    path: Path,
    read: Callable[[], Table],
    render: Callable[[Table], Iterator[str]],
    write: Callable[[str], None],
    every: float,
    in_place: bool,
) -> None:
    """Show a checkpoint whenever it has changed, until Ctrl-C.

    Parameters
    ----------
    path : Path
        The checkpoint.
    read : callable
        Reads it.
    render : callable
        The lines of the whole picture.
    write : callable
        Writes text as it is.
    every : float
        How many seconds to wait before another look.
    in_place : bool
        Whether to draw over the last picture; else there is a single line for each change.
    """
    before, drawn = None, 0
    try:
        while True:
            stat = path.stat() if path.exists() else None
            now = None if stat is None else (stat.st_size, stat.st_mtime_ns)
            if now is None or now != before:
                table, before = read(), now
                if in_place:
                    drawn = _redraw(render(table), drawn, write)
                else:
                    best = table.state.best
                    value = "no best value yet"
                    if best is not None:
                        value = f"best {standing_of(best, table.state.objectives)}"
                    used = duration(table.state.elapsed)
                    write(f"{_when(table.state.time)}: {_counts(table)}, {value}, {used} used\n")
            time.sleep(every)
    except KeyboardInterrupt:
        return


def _redraw(lines: Iterator[str], drawn: int, write: Callable[[str], None]) -> int:
    """Draw over the last so many lines of a terminal; returns how many there are now."""
    columns, rows = shutil.get_terminal_size()
    fitting = [line[: columns - 1] for line in "\n".join(lines).split("\n")]
    if len(fitting) >= rows:
        # What has scrolled away could not be drawn over.
        fitting = [*fitting[: max(1, rows - 3)], "... (more with a higher terminal)"]
    back = f"\x1b[{drawn}F\x1b[J" if drawn else ""
    write(back + "".join(f"{printable(line)}\n" for line in fitting))
    return len(fitting)

"""What a run ends with: a table of what was evaluated, and the best parameters."""

from __future__ import annotations

import math

from pyhopper.callbacks.text import duration, number, outline
from pyhopper.events import Status
from pyhopper.history import State
from pyhopper.notes import Tally
from pyhopper.parameters import Omitted
from pyhopper.space import Space

_COLUMNS = ("", "Best", "Evaluated", "Pruned", "NaN", "Failed", "Time")


def summary(state: State, space: Space, elapsed: float, reason: str) -> str:
    """The summary of a search as text of at most 80 columns.

    Parameters
    ----------
    state : State
        What the search knows.
    space : Space
        Where its points lie.
    elapsed : float
        Seconds that the run took.
    reason : str
        Why it ended.

    Returns
    -------
    str
        Lines without a newline at the end.
    """
    from tabulate import tabulate

    rows = [_row(kind.value.capitalize(), tally) for kind, tally in state.tallies.items()]
    total = Tally()
    for tally in state.tallies.values():
        total.seconds += tally.seconds
        for status, count in tally.counts.items():
            total.counts[status] += count
    if state.best is not None:
        total.best = state.best.value
    duplicates = ["Duplicates (not run)", "", str(state.duplicates), "", "", "", ""]
    table = tabulate(
        [*rows, duplicates, _row("Total", total)],
        headers=_COLUMNS,
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(_COLUMNS) - 1)),
    )
    lines = [f"Search ended after {duration(elapsed)}: {reason}", "", table, ""]
    if state.best is None:
        lines.append("No evaluation has returned a value.")
    else:
        lines += [
            f"Best value {number(state.best.value)} with",
            outline(space.build(state.best.point)),
        ]
    if space.is_large:
        left_out = sum(any(isinstance(v, Omitted) for v in e.point) for e in state.evaluations)
        if left_out:
            lines += ["", f"Arrays of {left_out} other evaluations were not kept (over 64 KiB)."]
    return "\n".join(lines)


def _row(name: str, tally: Tally) -> list[str]:
    counts = [tally.counts[status] for status in (Status.PRUNED, Status.NAN, Status.FAILED)]
    best = "-" if math.isnan(tally.best) else number(tally.best)
    evaluated = str(tally.evaluated)
    return [name, best, evaluated, *(str(count) for count in counts), duration(tally.seconds)]

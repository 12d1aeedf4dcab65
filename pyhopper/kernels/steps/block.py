"""What a chain of lines is made of: moves on lines, and blocks of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyhopper.kernels.coordinates import Floats, Ints

# The two kinds of block: single parameters, or all parameters at once.
ONE, ALL = 0, 1


@dataclass(eq=False)
class Line:
    """One direction from the start of a block: the entries `where` move by `amount`.

    Attributes
    ----------
    where, amount
        The step to best + u.
    both
        Whether best - u is evaluated as well.
    column
        The column of a line that moves a single parameter, else -1.
    learns
        Whether the line tells something about others of its kind; that along the path does not.
    """

    where: Ints | slice
    amount: Floats
    both: bool
    column: int = -1
    learns: bool = True
    plus: float = np.nan
    minus: float = np.nan
    asked: int = 0
    told: int = 0

    @property
    def tries(self) -> int:
        """How many evaluations the line takes."""
        return 2 if self.both else 1


@dataclass(eq=False)
class Block:
    """Moves from one start, and the step that they add up to.

    Attributes
    ----------
    kind
        `ONE` parameter a move, or `ALL`.
    start, value
        Where the lines start, and the value there.
    columns
        The parameters that are moved one at a time.
    count, lines
        How many lines there will be, and those that have begun.
    step
        What the lines add up to; None before all are evaluated.
    base, reference, predicted
        Where the step is added, the value there, and the gain that is expected of it.
    stage
        What to propose next: "lines", the "step", or the corrected step "again".
    returned, gained
        Evaluations so far, and by how much they have improved the best value together.
    """

    kind: int
    start: Floats
    value: float
    columns: Ints
    count: int
    lines: list[Line] = field(default_factory=list)
    step: Floats | None = None
    base: Floats | None = None
    reference: float = 0.0
    predicted: float = 0.0
    stage: str = "lines"
    returned: int = 0
    gained: float = 0.0


@dataclass(frozen=True, eq=False)
class Move:
    """A move: the point to evaluate, and which part of which block it is.

    Attributes
    ----------
    row
        The legal point, inactive entries NaN.
    point
        The same before rounding to levels.
    block, line, sign
        Which move of which block; line -1 is the block's last step.
    """

    row: Floats
    point: Floats
    block: Block
    line: int
    sign: int

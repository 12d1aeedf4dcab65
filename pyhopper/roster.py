"""Which candidates run in this process, and which have to be started again first."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path

from pyhopper.errors import CheckpointError
from pyhopper.history.state import State
from pyhopper.journal import Holder, is_abandoned

_LOOK_SECONDS = 30.0
"""How often a process that shares a checkpoint looks at it, and tells the time."""

MOST_ATTEMPTS = 3
"""How often a candidate is started whose machine or worker has gone each time."""


class Roster:
    """The candidates of one run.

    Parameters
    ----------
    state : State
        The search's.
    shared : bool
        Whether other processes run candidates of the same search.

    Attributes
    ----------
    holder : str
        Stands for this process in a shared checkpoint; else empty.
    mine : set of int
        What runs here.
    look_every : float
        After how many seconds to look for what others have done; infinite without others.
    orphans : deque of int
        What ran when its process ended, or was lost; it runs first.
    """

    def __init__(self, state: State, *, shared: bool) -> None:
        self._state = state
        self._shared = shared
        self._losses: dict[int, int] = {}
        self.holder = Holder.me().text() if shared else ""
        self.look_every = _LOOK_SECONDS if shared else math.inf
        self.mine: set[int] = set()
        self.orphans: deque[int] = deque()

    def find_orphans(self) -> None:
        """Look for candidates that nobody runs."""
        self.orphans = deque(
            number
            for number, each in self._state.running.items()
            if number not in self.mine
            and (not self._shared or number in self._losses or is_abandoned(each.holder))
        )

    def refuse_other(self, state: State, path: Path | None) -> None:
        """Refuse a state that has taken the place of the one which is followed here.

        Raises
        ------
        CheckpointError
            If it has.
        """
        if state is not self._state:
            problem = "another process has written it anew; start this one again"
            raise CheckpointError(path, problem)

    def lose(self, number: int) -> bool:
        """A candidate was lost by no fault of its own; whether it will be started again."""
        losses = self._losses[number] = self._losses.get(number, 0) + 1
        if losses >= MOST_ATTEMPTS:
            return False
        self.mine.discard(number)
        self.orphans.append(number)
        return True

"""What workers print, on its way to the user."""

from __future__ import annotations

from collections.abc import Callable

_LONGEST = 1 << 16
"""Most bytes of a line; a longer one is shown in parts."""


class Output:
    """Shows what workers print, or says once where it is.

    Parameters
    ----------
    prefixed : bool
        Whether to show each line, with the name of its slot in front.
    folder : str or None
        Where the folders of candidates are, in each of which there is a file of the output.
    say : callable
        Prints a line of a worker.
    tell : callable
        Prints a line of ours.
    """

    def __init__(
        self,
        prefixed: bool,
        folder: str | None,
        say: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> None:
        self._prefixed = prefixed
        self._folder = folder
        self._say = say
        self._tell = tell
        self._told = False
        self._unfinished: dict[str, bytes] = {}

    def take(self, slot: str, data: bytes) -> None:
        """A worker has printed something."""
        if self._prefixed:
            *lines, rest = (self._unfinished.pop(slot, b"") + data).split(b"\n")
            for line in lines:
                self._show(slot, line)
            if len(rest) > _LONGEST:
                self._show(slot, rest)
            elif rest:
                self._unfinished[slot] = rest
        elif not self._told:
            self._told = True
            where = "is kept for failures"
            if self._folder is not None:
                where = f"is in the folders of {self._folder}"
            self._tell(f'Output of the processes {where}; output="prefix" shows it.')

    def end_line(self, slot: str) -> None:
        """Show what a worker has left of an unfinished line."""
        if rest := self._unfinished.pop(slot, b""):
            self._show(slot, rest)

    def _show(self, slot: str, line: bytes) -> None:
        # Of a bar that was drawn again and again in one line, what was there last.
        text = line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        self._say(f"[{slot}] {text}")

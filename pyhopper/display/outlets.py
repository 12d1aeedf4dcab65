"""Where progress is shown: as a bar in a terminal, in a notebook's page, or as lines of text."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Protocol
from weakref import WeakSet

from pyhopper.display.text import is_terminal, printable

_WIDE = 80
"""Columns of a terminal from which on there is room for the bar beside the text."""

_WITH_BAR = "{percentage:3.0f}%|{bar:20}| {desc}"
_WITHOUT_BAR = "{percentage:3.0f}% {desc}"


class Outlet(Protocol):
    """Where progress is shown.

    Attributes
    ----------
    live : bool
        Whether :meth:`show` replaces what it showed before, so that it may be called often.
    shows_best : bool
        Whether :meth:`show` has the best candidate too, so that it needs no line.
    """

    live: bool
    shows_best: bool

    def show(self, share: float | None, text: str, best: str) -> None:
        """Show the present state: the share of the budget, and what there is to say of it."""

    def line(self, text: str) -> None:
        """Print a line that stays."""

    def close(self) -> None:
        """Leave what was shown last."""


def outlet() -> Outlet:
    """What fits where this process runs."""
    if in_notebook():
        return Page()
    if is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
        return Bar()
    return Lines()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(interactive, "kernel")


def columns() -> int:
    """How many columns a line on standard error may have."""
    if in_notebook() or not is_terminal(sys.stderr):
        return 200
    return shutil.get_terminal_size().columns


def tell(text: str) -> None:
    """Print a line beside the progress; a stream that is closed or broken raises no error.

    It goes to standard error, but not in a notebook, where that is red.
    """
    stream = sys.stdout if in_notebook() else sys.stderr
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(printable(text, stream), file=stream, flush=True)


class Lines:
    """Lines of text on standard error, for files and pipes."""

    live = shows_best = False

    def show(self, share: float | None, text: str, best: str) -> None:
        """See :class:`Outlet`."""
        self.line(text)

    def line(self, text: str) -> None:
        """See :class:`Outlet`."""
        tell(text)

    def close(self) -> None:
        """See :class:`Outlet`."""


class Page:
    """A bar in the output of a notebook's cell; the file keeps what it showed last."""

    live = shows_best = True

    def __init__(self) -> None:
        from IPython.display import display

        self._shown: tuple[Any, ...] = ()
        self._handle: Any = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, share: float | None, text: str, best: str) -> None:
        """See :class:`Outlet`."""
        if (share, text, best) == self._shown:
            return
        import html

        self._shown = share, text, best
        percent = "" if share is None else f"{100 * share:.0f}% "
        bar = "" if share is None else f'<progress value="{share:.4f}"></progress> {percent}'
        below = f"<br><small>{html.escape(best)}</small>" if best else ""
        data = {
            "text/plain": "\n".join(each for each in (f"{percent}{text}", best) if each),
            "text/html": f"<div>{bar}{html.escape(text)}{below}</div>",
        }
        self._handle.update(data, raw=True)

    def line(self, text: str) -> None:
        """See :class:`Outlet`."""
        tell(text)

    def close(self) -> None:
        """See :class:`Outlet`."""


class Bar:
    """A bar in a terminal, apart from what the objective prints."""

    live = True
    shows_best = False

    def __init__(self) -> None:
        from tqdm.std import tqdm

        class Apart(tqdm):  # type: ignore[type-arg]
            # Not counted with the bars of the objective, which would stand below it.
            _instances: ClassVar[WeakSet[Any]] = WeakSet()

        self._bar: Any = Apart(
            total=1, bar_format="{desc}", dynamic_ncols=True, file=sys.stderr, leave=True
        )
        self._streams = contextlib.ExitStack()
        self._streams.enter_context(_around(self._bar))

    def show(self, share: float | None, text: str, best: str) -> None:
        """See :class:`Outlet`."""
        if any(getattr(each, "in_a_line", False) for each in (sys.stdout, sys.stderr)):
            return
        room = shutil.get_terminal_size().columns - 1
        if share is not None:
            self._bar.n = share
            wide = room + 1 >= _WIDE
            self._bar.bar_format = _WITH_BAR if wide else _WITHOUT_BAR
            room -= len("100%|") + 20 + len("| ") if wide else len("100% ")
        # Whole parts are left out, so that no number is cut.
        while len(text) > room and ", " in text:
            text = text.rpartition(", ")[0]
        self._bar.set_description_str(text, refresh=True)

    def line(self, text: str) -> None:
        """See :class:`Outlet`. It is left out while the objective's last line is unfinished."""
        if not any(getattr(each, "in_a_line", False) for each in (sys.stdout, sys.stderr)):
            tell(text)

    def close(self) -> None:
        """See :class:`Outlet`."""
        self._streams.close()
        self._bar.refresh()
        self._bar.close()


class _Around:
    """A stream to the terminal that clears the bar before the objective's output is written.

    Attributes
    ----------
    in_a_line : bool
        Whether the last line written is unfinished, so that the bar would overwrite it.
    """

    def __init__(self, stream: Any, bar: Any) -> None:
        self._stream = stream
        self._bar = bar
        self._process = os.getpid()
        self.in_a_line = False

    def write(self, text: str) -> int:
        """See :class:`io.TextIOBase`."""
        if os.getpid() != self._process:
            # In a forked child the lock may be held for ever by a thread that was not forked.
            return int(self._stream.write(text))
        with self._bar.get_lock():
            if text and not self.in_a_line:
                self._bar.clear(nolock=True)
            if text:
                # A bar of the objective that disappears leaves a line of blanks.
                is_wiped = text.endswith("\r") and not text.strip()
                self.in_a_line = not (text.endswith("\n") or is_wiped)
            return int(self._stream.write(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """See :class:`io.IOBase`."""
        for line in lines:
            self.write(line)

    def end_line(self) -> None:
        """Finish the last line, if it is unfinished."""
        if self.in_a_line:
            with contextlib.suppress(OSError, ValueError):
                self.write("\n")

    def __enter__(self) -> _Around:  # noqa: PYI034 - typing.Self comes with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _around(bar: Any) -> Iterator[None]:
    """Keep what the objective prints and logs on lines of its own, apart from the bar."""
    before = sys.stdout, sys.stderr
    around = [_Around(each, bar) if is_terminal(each) else each for each in before]
    sys.stdout, sys.stderr = around
    moved = []
    for handler in logging.root.handlers:
        stream = getattr(handler, "stream", None)
        if isinstance(handler, logging.StreamHandler) and stream in before:
            handler.setStream(around[before.index(stream)])
            moved.append((handler, stream))
    try:
        yield
    finally:
        for each in around:
            if isinstance(each, _Around):
                each.end_line()
        # If the objective has replaced a stream, its own one stays.
        if sys.stdout is around[0]:
            sys.stdout = before[0]
        if sys.stderr is around[1]:
            sys.stderr = before[1]
        for handler, stream in moved:
            try:
                handler.setStream(stream)
            except (OSError, ValueError):  # noqa: PERF203 - the old stream cannot be flushed
                handler.stream = stream

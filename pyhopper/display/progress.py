"""The progress of a run: a bar in a terminal or notebook, lines of text anywhere else."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from pyhopper.budget import Budget
from pyhopper.display.text import clock, is_terminal, number
from pyhopper.events import Status
from pyhopper.history.state import State

# Seconds between two drawings of the bar, between two lines, and between two lines if there is a
# new best value.
_BAR_EVERY = 0.25
_LINE_EVERY = 60.0
_LINE_ON_BEST_EVERY = 5.0

_WIDE = 80
"""Columns of a terminal from which on there is room for the bar beside the text."""

_WITH_BAR = "{percentage:3.0f}%|{bar:20}| {desc}"
_WITHOUT_BAR = "{percentage:3.0f}% {desc}"


class Progress:
    """Shows the progress of a run on standard error, from its entry as a context to the exit.

    A separate thread updates the display at fixed intervals. So it is up to date during long
    evaluations, and does not slow down short ones.

    Parameters
    ----------
    state : State
        What the search knows.
    budget : Budget
        The budget of the run.
    """

    def __init__(self, state: State, budget: Budget) -> None:
        self._state = state
        self._budget = budget
        self._offset = state.before_budget.ended
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._bar: Any = None
        self._last_line = 0.0
        self._last_best = state.best
        self._streams = contextlib.ExitStack()

    def __enter__(self) -> Progress:  # noqa: PYI034 - typing.Self comes with Python 3.11
        self._bar = _bar(self._budget)
        self._last_line = self._budget.elapsed
        if self._bar is not None:
            self._streams.enter_context(_around(self._bar))
        self._show()
        thread = threading.Thread(target=self._tick, name="pyhopper progress", daemon=True)
        with contextlib.suppress(RuntimeError):  # Python in a browser may have no threads
            thread.start()
            self._thread = thread
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        self._streams.close()
        if self._bar is not None:
            self._show()
            self._bar.close()
        elif self._state.best is not self._last_best:
            self._print()

    def _tick(self) -> None:
        while not self._done.wait(_BAR_EVERY):
            self._show()

    def _show(self) -> None:
        if self._bar is None:
            waited = self._budget.elapsed - self._last_line
            news = self._state.best is not self._last_best
            if waited >= (_LINE_ON_BEST_EVERY if news else _LINE_EVERY):
                self._print()
            return
        if any(getattr(each, "in_a_line", False) for each in (sys.stdout, sys.stderr)):
            return
        total = self._bar.total
        if total is not None:
            self._bar.n = min(self._used(), total)
            wide = shutil.get_terminal_size().columns >= _WIDE
            self._bar.bar_format = _WITH_BAR if wide else _WITHOUT_BAR
        self._bar.set_description_str(self._text(), refresh=True)

    def _print(self) -> None:
        self._last_line, self._last_best = self._budget.elapsed, self._state.best
        print(self._text(), file=sys.stderr, flush=True)  # noqa: T201 - this is the display

    def _used(self) -> float:
        if self._budget.schedule.steps is not None:
            return self._state.ended - self._offset
        return self._budget.elapsed

    def _text(self) -> str:
        """The progress in one line, the most important part first."""
        schedule, state = self._budget.schedule, self._state
        elapsed = self._budget.elapsed
        ended = state.ended - self._offset
        if schedule.steps is not None:
            parts = [f"{ended}/{schedule.steps}", clock(elapsed)]
        elif schedule.runtime is not None:
            parts = [f"{clock(elapsed)}/{clock(schedule.runtime)}"]
        else:
            parts = [clock(elapsed)]
        parts.append("no value yet" if state.best is None else f"best {number(state.best.value)}")
        if schedule.steps is None:
            parts.append(f"{ended} done")
        names = {Status.PRUNED: "pruned", Status.NAN: "no value", Status.FAILED: "failed"}
        for status, name in names.items():
            if count := state.count(status):
                parts.append(f"{count} {name}")
        if ended and elapsed > 0:
            parts.append(_rate(ended / elapsed))
        return ", ".join(parts)


def _rate(per_second: float) -> str:
    if per_second >= 1:
        return f"{per_second:.3g}/s" if per_second < 1000 else f"{per_second:.0f}/s"
    if per_second >= 1 / 60:
        return f"{per_second * 60:.2g}/min"
    return f"{per_second * 3600:.2g}/h"


def _bar(budget: Budget) -> Any:
    """A tqdm bar in a terminal or notebook, else None."""
    with warnings.catch_warnings():
        # tqdm warns if a notebook lacks ipywidgets; the bar is then drawn as text.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

    notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    if not notebook and not is_terminal(sys.stderr):
        return None
    schedule = budget.schedule
    total = schedule.runtime if schedule.steps is None else schedule.steps
    layout = "{desc}" if total is None else _WITH_BAR
    return tqdm(total=total, bar_format=layout, dynamic_ncols=True, file=sys.stderr)


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
            self.in_a_line = not text.endswith("\n") if text else self.in_a_line
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

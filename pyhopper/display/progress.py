"""The progress of a run: a bar in a terminal or notebook, lines where output goes to a file."""

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

_BAR_EVERY = 0.25
_LINE_EVERY = 60.0
_LINE_ON_BEST_EVERY = 5.0

_WIDE = 80
_WITH_BAR = "{percentage:3.0f}%|{bar:20}| {desc}"
_WITHOUT_BAR = "{percentage:3.0f}% {desc}"


class Progress:
    """Shows how far a run is, while it is entered as a context.

    A thread of its own redraws by time, so that the display also moves during long evaluations and
    costs fast ones nothing.

    Parameters
    ----------
    state : State
        The search's.
    budget : Budget
        The run's.
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
        self._beside = contextlib.ExitStack()

    def __enter__(self) -> Progress:  # noqa: PYI034 - typing.Self comes with Python 3.11
        self._bar = _bar(self._budget)
        self._last_line = self._budget.elapsed
        if self._bar is not None:
            self._beside.enter_context(_set_aside(self._bar))
        self._show()
        thread = threading.Thread(target=self._tick, name="pyhopper progress", daemon=True)
        with contextlib.suppress(RuntimeError):  # no threads in some browsers' Python
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
        self._beside.close()
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
        """The state of things in one line, the most important first."""
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
        for status in (Status.PRUNED, Status.NAN, Status.FAILED):
            if count := state.count(status):
                parts.append(f"{count} {status.value}")
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
    """A tqdm bar if there is something to draw it on, else None."""
    with warnings.catch_warnings():
        # Without its widgets a notebook gets plain text, which is no reason to worry.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm

    notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    if not notebook and not is_terminal(sys.stderr):
        return None
    schedule = budget.schedule
    total = schedule.runtime if schedule.steps is None else schedule.steps
    layout = "{desc}" if total is None else _WITH_BAR
    return tqdm(total=total, bar_format=layout, dynamic_ncols=True, file=sys.stderr)


class _Beside:
    """A stream to the terminal on which the bar stands: what is written gets lines of its own.

    Attributes
    ----------
    in_a_line : bool
        Whether the last line is not at its end, so that a bar would overwrite it.
    """

    def __init__(self, stream: Any, bar: Any) -> None:
        self._stream = stream
        self._bar = bar
        self._process = os.getpid()
        self.in_a_line = False

    def write(self, text: str) -> int:
        """See :class:`io.TextIOBase`."""
        if os.getpid() != self._process:
            # A forked child may have inherited the lock as it was held.
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
        """Go to a new line, unless there is one."""
        if self.in_a_line:
            with contextlib.suppress(OSError, ValueError):
                self.write("\n")

    def __enter__(self) -> _Beside:  # noqa: PYI034 - typing.Self comes with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _set_aside(bar: Any) -> Iterator[None]:
    """Within, what the objective prints and logs does not run into the bar."""
    before = sys.stdout, sys.stderr
    beside = [_Beside(each, bar) if is_terminal(each) else each for each in before]
    sys.stdout, sys.stderr = beside
    moved = []
    for handler in logging.root.handlers:
        stream = getattr(handler, "stream", None)
        if isinstance(handler, logging.StreamHandler) and stream in before:
            handler.setStream(beside[before.index(stream)])
            moved.append((handler, stream))
    try:
        yield
    finally:
        for each in beside:
            if isinstance(each, _Beside):
                each.end_line()
        # The objective may have put others in their place, which stay.
        if sys.stdout is beside[0]:
            sys.stdout = before[0]
        if sys.stderr is beside[1]:
            sys.stderr = before[1]
        for handler, stream in moved:
            try:
                handler.setStream(stream)
            except (OSError, ValueError):  # noqa: PERF203 - it cannot be flushed any more
                handler.stream = stream

"""Ctrl-C and SIGTERM during a run: the first one ends it in order, the second at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from pyhopper.executors import Executor

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Handles signals while it is entered as a context, in the main thread.

    An executor with a method ``interrupt`` is told to return from its wait. Others evaluate in this
    very process, so there KeyboardInterrupt is raised, but only out of a wait: never while an event
    is half taken in.

    Parameters
    ----------
    executor : Executor
        What the run waits for.
    """

    def __init__(self, executor: Executor) -> None:
        self.signum: int | None = None
        """The signal that came, if one did."""
        self.waiting = False
        self._wake = getattr(executor, "interrupt", None)
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:  # noqa: PYI034 - typing.Self comes with Python 3.11
        if threading.current_thread() is threading.main_thread():
            for signum in _SIGNALS:
                previous = signal.getsignal(signum)
                # One that is ignored stays so (nohup), one that C code handles cannot be put back.
                if previous not in (signal.SIG_IGN, None):
                    self._previous[signum] = previous
                    signal.signal(signum, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        again = self.signum is not None
        self.signum = signum
        if again or (self._wake is None and self.waiting):
            raise KeyboardInterrupt
        if self._wake is not None:
            self._wake()

    def pass_on(self) -> None:
        """After the end of everything let a SIGTERM do what it would have done."""
        if self.signum == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)

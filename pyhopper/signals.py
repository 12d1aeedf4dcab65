"""Ctrl-C and SIGTERM during a run: the first one ends it in an orderly way, the second at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, TypeVar

from pyhopper.executors import Executor

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_T = TypeVar("_T")


class FirstInterrupt(KeyboardInterrupt):
    """Raised for the first signal by what may be left, see :meth:`Interrupts.leave`."""


class Interrupts:
    """Handles SIGINT (Ctrl-C) and SIGTERM while it is entered as a context, in the main thread.

    The first signal is kept in :attr:`signum`, for the loop of the search to see, and the executor
    is told to return from its ``wait``. What :meth:`leave` calls is left at once. A custom executor
    without a method ``interrupt`` is left by KeyboardInterrupt instead, but only while the search
    waits for it: raised elsewhere, it could leave an event half processed. The second signal raises
    KeyboardInterrupt anywhere.

    In other threads Python delivers no signals, so there nothing is handled.

    Parameters
    ----------
    executor : Executor, optional
        What the run waits for, see :meth:`attach`.
    """

    def __init__(self, executor: Executor | None = None) -> None:
        self.signum: int | None = None
        """The last signal that came, if any did."""
        self.waiting = False
        """Whether the search is inside the executor's ``wait``; set by the loop of the search."""
        self._leaving = False
        self._previous: dict[int, Any] = {}
        self.attach(executor)

    def attach(self, executor: Executor | None) -> None:
        """From now on tell this executor of signals."""
        self._interrupt = getattr(executor, "interrupt", None)

    def leave(self, function: Callable[[], _T]) -> _T:
        """Call a function that changes nothing that lasts, so that it can be left at any moment.

        Raises
        ------
        FirstInterrupt
            At the first signal, also if that came before the call.
        """
        self._leaving = True
        try:
            if self.signum is not None:
                raise FirstInterrupt
            return function()
        finally:
            self._leaving = False

    def __enter__(self) -> Interrupts:  # noqa: PYI034 - typing.Self comes with Python 3.11
        if threading.current_thread() is threading.main_thread():
            for signum in _SIGNALS:
                previous = signal.getsignal(signum)
                # A signal that is ignored stays ignored, as nohup wants. One that is handled by C
                # code (None) stays as it is, since Python could not restore its handler.
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
        if again or (self._interrupt is None and self.waiting):
            raise KeyboardInterrupt
        if self._leaving:
            raise FirstInterrupt
        if self._interrupt is not None:
            self._interrupt()

    def pass_on(self) -> None:
        """After a run that SIGTERM has ended, raise it again, so that it ends the process too."""
        if self.signum == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)


@contextlib.contextmanager
def handled() -> Iterator[Interrupts]:
    """Handle signals from the first moment of a run; SIGTERM ends the process afterwards."""
    interrupts = Interrupts()
    try:
        with interrupts:
            yield interrupts
    finally:
        interrupts.pass_on()

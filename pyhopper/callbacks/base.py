"""What happens in a search, told to the user's code."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pyhopper.errors import ArgumentError
from pyhopper.events import ParamInfo

if TYPE_CHECKING:
    from pyhopper.search import Search


class Callback:
    """Base class of callbacks; every method does nothing unless overridden.

    For each candidate ``on_evaluate_start`` comes first. Then one of ``on_evaluate_end``,
    ``on_evaluate_pruned``, ``on_evaluate_nan`` and ``on_evaluate_failed`` follows, and
    ``on_new_best`` after ``on_evaluate_end`` where the value is the best so far. ``candidate`` is
    the dict that the objective got.
    """

    def on_search_start(self, search: Search) -> None:
        """Before the first candidate of a run."""

    def on_evaluate_start(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """A candidate is about to be evaluated."""

    def on_evaluate_end(self, candidate: dict[str, Any], f: float, info: ParamInfo) -> None:
        """An evaluation ended with the value ``f``."""

    def on_evaluate_pruned(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """An evaluation was pruned."""

    def on_evaluate_nan(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """An evaluation ended with NaN, and ``ignore_nans`` is set."""

    def on_evaluate_failed(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """An evaluation raised or died."""

    def on_duplicate_sampled(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """A candidate that was evaluated before was drawn, and thrown away."""

    def on_new_best(self, candidate: dict[str, Any], f: float, info: ParamInfo) -> None:
        """A value is better than all before."""

    def on_search_end(self) -> None:
        """After the last candidate of a run, also of one that was interrupted."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should keep of this callback."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""


class Callbacks:
    """Calls a hook on every callback; one that raises is reported once, then left out."""

    def __init__(self, callbacks: Iterable[Callback], quiet: bool) -> None:
        self._active = list(callbacks)
        self._quiet = quiet

    def __bool__(self) -> bool:
        return bool(self._active)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call the method named ``hook`` on each."""
        for callback in list(self._active):
            try:
                getattr(callback, hook)(*arguments)
            except Exception:  # noqa: PERF203 - each callback fails on its own
                self._active.remove(callback)
                if not self._quiet:
                    name = type(callback).__name__
                    text = f"the callback {name} raised in {hook} and is not called any more"
                    warnings.warn(f"{text}\n{traceback.format_exc()}", RuntimeWarning, 2)


def as_callbacks(callbacks: Any) -> list[Callback]:
    """The ``callbacks`` argument as a list.

    Raises
    ------
    ArgumentError
        If something in it is no callback.
    """
    if callbacks is None:
        return []
    listed = [callbacks] if isinstance(callbacks, Callback) else callbacks
    if not isinstance(listed, list | tuple):
        raise ArgumentError("callbacks", callbacks, "must be a list of pyhopper.callbacks.Callback")
    for each in listed:
        if not isinstance(each, Callback):
            hint = "; put () behind the class" if isinstance(each, type) else ""
            problem = f"must be a pyhopper.callbacks.Callback{hint}"
            raise ArgumentError("callbacks", each, problem)
    return list(listed)

"""What happens in a search, told to the user's code."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Iterable
from typing import Any

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, class_name
from pyhopper.events import Candidate, CandidateType, Outcome, ParamInfo, Status
from pyhopper.forks import end_in_child_of
from pyhopper.history.evaluation import Evaluation
from pyhopper.parameters import Point
from pyhopper.parameters.space import Space


class Callback:
    """Base class of callbacks; every method does nothing unless overridden.

    For each candidate ``on_evaluate_start`` comes first. Then one of ``on_evaluate_end``,
    ``on_evaluate_pruned``, ``on_evaluate_nan`` and ``on_evaluate_failed`` follows, and
    ``on_new_best`` after ``on_evaluate_end`` where the value is the best so far. ``candidate`` is
    a dict like the one that the objective got, and the callback's own.

    Examples
    --------
    >>> import pyhopper
    >>> class Improvements(pyhopper.callbacks.Callback):
    ...     def on_new_best(self, candidate, f, info):
    ...         print(candidate, f)
    >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
    >>> settings = {"callbacks": [Improvements()], "quiet": True}
    >>> _ = search.run(lambda params: -params["layers"], "max", steps=3, **settings)
    {'layers': 2} -2.0
    {'layers': 1} -1.0
    """

    def on_search_start(self, search: Any) -> None:
        """Before the first candidate of a run; ``search`` is the :class:`pyhopper.Search`."""

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
    """Tells every callback what happens; one that raises is reported once, then left out.

    Parameters
    ----------
    callbacks : iterable of Callback
        In the order in which they are told.
    space : Space
        Turns points into the dicts that callbacks get.
    quiet : bool
        Do not report.
    """

    def __init__(self, callbacks: Iterable[Callback], space: Space, quiet: bool) -> None:
        self._active = list(callbacks)
        self._space = space
        self._quiet = quiet
        self._infos: dict[int, ParamInfo] = {}

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """A candidate runs."""
        if self._active:
            info = self._infos[candidate.id] = ParamInfo(candidate.type, now.time)
            self._call_with(candidate.point, "on_evaluate_start", info)

    def ended(self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None) -> None:
        """An evaluation has ended."""
        info = self._infos.pop(evaluation.id, None)
        if info is None:
            return
        status = evaluation.status
        info.finished_at = evaluation.finished_at
        info.is_pruned, info.is_nan = status is Status.PRUNED, status is Status.NAN
        info.estimates, info.reason = evaluation.estimates, evaluation.reason
        info.metrics = None if evaluation.metrics is None else dict(evaluation.metrics)
        if status is Status.DONE:
            self._call_with(evaluation.point, "on_evaluate_end", evaluation.value, info)
        elif status is not Status.CANCELLED:
            self._call_with(evaluation.point, f"on_evaluate_{status.value}", info)
        if new_best is not None:
            # After a re-evaluation this may be another candidate than the one that has ended.
            self._call_with(new_best.point, "on_new_best", new_best.value, info)

    def duplicate(self, point: Point, kind: CandidateType, time: float) -> None:
        """A point that was evaluated before was drawn at some time, and thrown away."""
        if self._active:
            info = ParamInfo(kind, time)
            self._call_with(point, "on_duplicate_sampled", info)

    def _call_with(self, point: Point, hook: str, *arguments: Any) -> None:
        """Call the method named ``hook`` on each, with a dict of its own."""
        for callback in list(self._active):
            self._call(callback, hook, self._space.build(point), *arguments)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call the method named ``hook`` on each."""
        for callback in list(self._active):
            self._call(callback, hook, *arguments)

    def _call(self, callback: Callback, hook: str, *arguments: Any) -> Any:
        pid = os.getpid()
        try:
            answer = getattr(callback, hook)(*arguments)
        except Exception as error:
            end_in_child_of(pid, error)
            self._active.remove(callback)
            if not self._quiet:
                name = type(callback).__name__
                text = f"the callback {name} raised in {hook} and is not called any more"
                warnings.warn(f"{text}\n{traceback.format_exc()}", RuntimeWarning, 3)
            return None
        end_in_child_of(pid)
        return answer

    def state_dicts(self) -> list[list[Any]]:
        """What a checkpoint should keep: pairs of the class's name and the state."""
        return [
            [class_name(callback), state]
            for callback in list(self._active)
            if type(callback).state_dict is not Callback.state_dict
            and (state := self._call(callback, "state_dict"))
        ]

    def load_state_dicts(self, states: list[list[Any]]) -> None:
        """Give each callback the state that the one of its class had, in their order."""
        waiting = list(states)
        for callback in list(self._active):
            name = class_name(callback)
            found = next((pair for pair in waiting if pair[0] == name), None)
            if found is not None:
                waiting.remove(found)
                self._call(callback, "load_state_dict", found[1])


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

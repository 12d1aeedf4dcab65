"""The base class of the callbacks for experiment trackers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pyhopper.callbacks.base import Callback
from pyhopper.events import ParamInfo
from pyhopper.parameters.names import numbers_and_texts


class Tracker(Callback):
    """Calls :meth:`record` once for each evaluation, however it ended.

    Evaluations are numbered over all runs of a search and over resumes.

    Attributes
    ----------
    run_id : str
        The tracker's own id of its run, by which it goes on with that run after a resume; empty
        before the first call of :meth:`open`.
    """

    def __init__(self) -> None:
        self._search: Any = None
        self.run_id = ""
        self._step = 0
        self._counts = {"pruned": 0, "nan": 0, "failed": 0}

    @abstractmethod
    def open(self) -> None:
        """Start the tracker's own run, or continue the one with :attr:`run_id`."""

    @abstractmethod
    def close(self) -> None:
        """End or pause the tracker's own run, with everything written."""

    @abstractmethod
    def record(
        self,
        step: int,
        numbers: dict[str, float],
        params: dict[str, float],
        texts: dict[str, str],
    ) -> None:
        """Log one evaluation.

        Parameters
        ----------
        step : int
            Its number, from 0, in the order in which evaluations end.
        numbers : dict
            ``value`` if it has one, ``best`` (the best value so far), ``seconds`` (its duration),
            ``front`` (how many candidates are on it, with several objectives),
            metrics as ``metrics.name``; for one without a value how many ended in the same way.
        params : dict
            The candidate's parameters that are numbers, by dotted name.
        texts : dict
            Everything that is not a number, by dotted name.
        """

    def on_search_start(self, search: Any) -> None:
        """See :class:`Callback`."""
        self._search = search
        self.open()

    def on_search_end(self) -> None:
        """See :class:`Callback`."""
        self.close()
        self._search = None

    def on_evaluate_end(self, candidate: dict[str, Any], f: float, info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._write(candidate, info, {"value": f})

    def on_evaluate_pruned(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._counts["pruned"] += 1
        last = {"last_estimate": info.estimates[-1]} if info.estimates else {}
        self._write(candidate, info, {"pruned": self._counts["pruned"], **last})

    def on_evaluate_nan(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._counts["nan"] += 1
        self._write(candidate, info, {"nan": self._counts["nan"]})

    def on_evaluate_failed(self, candidate: dict[str, Any], info: ParamInfo) -> None:
        """See :class:`Callback`."""
        self._counts["failed"] += 1
        self._write(candidate, info, {"failed": self._counts["failed"]})

    def _write(self, candidate: dict[str, Any], info: ParamInfo, found: dict[str, float]) -> None:
        params, texts = numbers_and_texts(candidate)
        metrics, more = numbers_and_texts(info.metrics or {})
        numbers = {f"metrics.{name}": value for name, value in metrics.items()}
        texts.update({f"metrics.{name}": text for name, text in more.items()})
        if info.finished_at is not None:
            numbers["seconds"] = info.finished_at - info.sampled_at
        if self._search is not None and self._search.best_f is not None:
            numbers["best"] = self._search.best_f
            if len(self._search.front.directions) > 1:
                numbers["front"] = len(self._search.front)
        texts["type"] = info.type.value
        if info.reason:
            texts["reason"] = info.reason
        self.record(self._step, {**numbers, **found}, params, texts)
        self._step += 1

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Callback`."""
        return {"step": self._step, "counts": dict(self._counts), "run_id": self.run_id}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        self.run_id = str(state["run_id"])
        self._step = int(state["step"])
        self._counts = {name: int(count) for name, count in state["counts"].items()}

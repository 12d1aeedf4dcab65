"""What the callbacks for training frameworks have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pyhopper.errors import ArgumentError, UnknownNameError
from pyhopper.objective import PruneEvaluation, should_prune

Monitor = str | Callable[[Mapping[str, Any]], float]
"""The name of a metric, or a function that makes one number of all of them."""


class Judge:
    """Reports a metric of a training to the search, and remembers that it is to be given up.

    Parameters
    ----------
    monitor : str or callable
        The name of the metric, or a function of all metrics that returns a number.

    Raises
    ------
    ArgumentError
        If it is neither.

    Attributes
    ----------
    pruned : bool
        Whether the search has said to give the training up.
    """

    def __init__(self, monitor: Monitor) -> None:
        if not isinstance(monitor, str) and not callable(monitor):
            raise ArgumentError("monitor", monitor, "must be the name of a metric, or a function")
        self.monitor = monitor
        self.pruned = False

    def report(self, metrics: Mapping[str, Any]) -> bool:
        """Report the metric among all; whether to give the training up.

        Raises
        ------
        UnknownNameError
            If it is not among them.
        """
        self.pruned |= should_prune(float(self._value(metrics)))
        return self.pruned

    def _value(self, metrics: Mapping[str, Any]) -> Any:
        if not isinstance(self.monitor, str):
            return self.monitor(metrics)
        if self.monitor in metrics:
            return metrics[self.monitor]
        # The metric alone, where only one data set has it.
        found = [name for name in metrics if name.endswith(f"-{self.monitor}")]
        if len(found) != 1:
            raise UnknownNameError(self.monitor, list(metrics))
        return metrics[found[0]]

    def end(self) -> None:
        """Raise PruneEvaluation if the training was given up."""
        if self.pruned:
            self.pruned = False
            raise PruneEvaluation


def by_data_set(results: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The last values by ``data-metric``, of curves by data set and by metric."""
    return dict(_last(results))


def _last(results: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    for data, metrics in results.items():
        for metric, curve in metrics.items():
            value = curve[-1]
            # In a cross-validation a mean and its standard deviation.
            yield f"{data}-{metric}", float(value[0] if isinstance(value, tuple) else value)


def is_turn(iteration: int, every: int) -> bool:
    """Whether to report after an iteration, counted from 0."""
    return (iteration + 1) % every == 0


def check_every(every: Any) -> int:
    """The argument ``every``.

    Raises
    ------
    ArgumentError
        If it is no integer from 1.
    """
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise ArgumentError("every", every, "must be an integer, at least 1")
    return every

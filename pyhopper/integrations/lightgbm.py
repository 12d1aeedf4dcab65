"""Pruning for LightGBM."""

from __future__ import annotations

from typing import Any

from pyhopper.extras import require
from pyhopper.integrations.monitor import Judge, check_every, is_turn

require("lightgbm", "lightgbm", __name__)


class Pruning:
    """Reports a metric after boosting rounds, and gives the training up if the search says so.

    Outside of a search it does nothing.

    Parameters
    ----------
    monitor : str
        The metric, such as ``"valid_0-auc"``: the data set's name and the metric's. The metric's
        name is enough if only one data set has it.
    every : int
        Report after every so many rounds.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; in the training, if there is no such metric.

    Examples
    --------
    >>> import lightgbm  # doctest: +SKIP
    >>> from pyhopper.integrations.lightgbm import Pruning  # doctest: +SKIP
    >>> lightgbm.train(params, data, valid_sets=[test], callbacks=[Pruning("auc")])
    ... # doctest: +SKIP
    """

    order = 40
    """After LightGBM's own callbacks, which print and which stop early."""

    before_iteration = False

    def __init__(self, monitor: str, every: int = 1) -> None:
        self._judge = Judge(monitor)
        self._every = check_every(every)

    def __call__(self, env: Any) -> None:
        """Report; raise PruneEvaluation to end the training."""
        if is_turn(env.iteration, self._every):
            results = env.evaluation_result_list or ()
            self._judge.report({f"{data}-{metric}": value for data, metric, value, *_ in results})
            self._judge.end()

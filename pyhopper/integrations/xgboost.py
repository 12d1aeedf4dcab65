"""Pruning for XGBoost."""

from __future__ import annotations

from typing import Any

from pyhopper.extras import require
from pyhopper.integrations.monitor import Judge, by_data_set, check_every, is_turn

xgboost = require("xgboost", "xgboost", __name__)


class Pruning(xgboost.callback.TrainingCallback):  # type: ignore[name-defined]
    """Reports a metric after boosting rounds, and gives the training up if the search says so.

    The training ends in the way of early stopping, then PruneEvaluation is raised, so that
    callbacks before this one in the list have ended. Outside of a search it does nothing.

    Parameters
    ----------
    monitor : str
        The metric, such as ``"validation_0-logloss"``: the data set's name and the metric's. The
        metric's name is enough if only one data set has it.
    every : int
        Report after every so many rounds.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; in the training, if there is no such metric.

    Examples
    --------
    >>> import xgboost  # doctest: +SKIP
    >>> from pyhopper.integrations.xgboost import Pruning  # doctest: +SKIP
    >>> xgboost.train(params, data, evals=[(test, "test")], callbacks=[Pruning("test-auc")])
    ... # doctest: +SKIP
    """

    def __init__(self, monitor: str, every: int = 1) -> None:
        super().__init__()
        self._judge = Judge(monitor)
        self._every = check_every(every)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report; True ends the training."""
        prune = is_turn(epoch, self._every) and self._judge.report(by_data_set(evals_log))
        if hasattr(model, "cvfolds"):  # a cross-validation cannot end early without a best round
            self._judge.end()
        return prune

    def after_training(self, model: Any) -> Any:
        """Raise PruneEvaluation if the training was given up."""
        self._judge.end()
        return model

"""Pruning for CatBoost."""

from __future__ import annotations

from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.extras import require
from pyhopper.integrations.monitor import Judge, by_data_set, check_every, is_turn

require("catboost", "catboost", __name__)


class Pruning:
    """Reports a metric after boosting rounds, and gives the training up if the search says so.

    CatBoost turns whatever a callback raises into an error of its own. So this one is also a
    context, which ends the training in the way of early stopping, and raises PruneEvaluation or
    what is wrong at its own end. Outside of a search it does nothing.

    Parameters
    ----------
    monitor : str
        The metric, such as ``"validation-AUC"``: the data set's name and the metric's. The metric's
        name is enough if only one data set has it.
    every : int
        Report after every so many rounds.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; at the end of the context, if there is no such metric; in the
        training, within CatBoostError, without ``with``.

    Examples
    --------
    >>> from pyhopper.integrations.catboost import Pruning  # doctest: +SKIP
    >>> with Pruning("AUC") as pruning:  # doctest: +SKIP
    ...     model.fit(x, y, eval_set=(x_test, y_test), callbacks=[pruning])
    """

    def __init__(self, monitor: str, every: int = 1) -> None:
        self._judge = Judge(monitor)
        self._every = check_every(every)
        self._entered = False
        self._error: Exception | None = None

    def __enter__(self) -> Pruning:  # noqa: PYI034 - typing.Self comes with Python 3.11
        self._entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._entered = False
        error, self._error = self._error, None
        if error is not None:
            raise error
        if kind is None:
            self._judge.end()

    def after_iteration(self, info: Any) -> bool:
        """Report; False ends the training."""
        if not self._entered:
            problem = "write `with Pruning(...) as pruning:` around fit, and pass pruning to it"
            raise ArgumentError("callbacks", self, problem)
        if not is_turn(info.iteration - 1, self._every):
            return True
        try:
            return not self._judge.report(by_data_set(info.metrics))
        except Exception as error:
            self._error = error
            return False

"""Pruning for Keras 3."""

from __future__ import annotations

from typing import Any

from pyhopper.extras import require
from pyhopper.integrations.monitor import Judge

keras = require("keras", "keras", __name__)


class Pruning(keras.callbacks.Callback):  # type: ignore[name-defined]
    """Reports a metric after each epoch, and gives the training up if the search says so.

    The training ends in the way of early stopping, then PruneEvaluation is raised. Give it as the
    last callback, so that all others have ended in an orderly way. Outside of a search it does
    nothing.

    Parameters
    ----------
    monitor : str
        The metric, such as ``"val_accuracy"``.

    Raises
    ------
    ArgumentError
        If ``monitor`` is no text; in the training, if there is no such metric.

    Examples
    --------
    >>> from pyhopper.integrations.keras import Pruning  # doctest: +SKIP
    >>> model.fit(x, y, validation_split=0.2, callbacks=[Pruning("val_accuracy")])
    ... # doctest: +SKIP
    """

    def __init__(self, monitor: str = "val_loss") -> None:
        super().__init__()
        self._judge = Judge(monitor)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report, and stop the training if the search says so."""
        if self._judge.report(logs or {}):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Raise PruneEvaluation if the training was given up."""
        self._judge.end()

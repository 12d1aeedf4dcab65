"""Pruning for PyTorch Lightning."""

from __future__ import annotations

import importlib.util
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.extras import require
from pyhopper.integrations.monitor import Judge
from pyhopper.objective import PruneEvaluation

_NAME = "lightning.pytorch" if importlib.util.find_spec("lightning") else "pytorch_lightning"
_lightning = require(_NAME, "lightning", __name__)


class Pruning(_lightning.Callback):  # type: ignore[name-defined]
    """Reports a metric of each epoch, and gives the training up if the search says so.

    Lightning then closes its loggers and tears down the strategy, and a process group of
    ``torch.distributed`` is ended, so that the next candidate in the same process finds none. With
    several processes to one training, the one of rank 0 is that of the search: it asks, and
    PruneEvaluation is raised in all of them. Outside of a search it does nothing.

    Parameters
    ----------
    monitor : str
        The metric, as it is logged by ``self.log``.
    on : {"validation", "train"}
        Whether the metric is one of the validation or of the training epoch.

    Raises
    ------
    ArgumentError
        If an argument makes no sense; in the training, if there is no such metric.

    Examples
    --------
    >>> from pyhopper.integrations.lightning import Pruning  # doctest: +SKIP
    >>> trainer = Trainer(max_epochs=20, callbacks=[Pruning("val_acc")])  # doctest: +SKIP
    """

    def __init__(self, monitor: str, on: str = "validation") -> None:
        super().__init__()
        if on not in ("validation", "train"):
            raise ArgumentError("on", on, 'must be "validation" or "train"')
        self._judge = Judge(monitor)
        self._on = on

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Report a metric of the validation."""
        if self._on == "validation" and not trainer.sanity_checking:
            self._ask(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Report a metric of the training."""
        if self._on == "train":
            self._ask(trainer)

    def _ask(self, trainer: Any) -> None:
        if trainer.world_size == 1:
            self._judge.report(trainer.callback_metrics)
            self._judge.end()
            return
        prune = trainer.is_global_zero and self._judge.report(trainer.callback_metrics)
        self._judge.pruned = trainer.strategy.broadcast(prune)
        trainer.should_stop |= self._judge.pruned

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End the process group of a training that was given up."""
        if isinstance(exception, PruneEvaluation):
            _end_group()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Raise PruneEvaluation, once all processes of a training that was given up have ended."""
        if self._judge.pruned:
            _end_group()
        self._judge.end()


def _end_group() -> None:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()

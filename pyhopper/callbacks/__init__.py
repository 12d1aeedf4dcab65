"""Callbacks: the base class for a user's own, and those that come with pyhopper.

Those save the best candidate, collect a history, keep a report up to date, or log to TensorBoard,
MLflow, Weights & Biases or Aim. The progress bar and the summary are not callbacks; see
:mod:`pyhopper.display`.
"""

import importlib
from typing import Any

from pyhopper.callbacks.base import Callback
from pyhopper.callbacks.disk import SaveBestOnDisk
from pyhopper.callbacks.history import History
from pyhopper.callbacks.report import Report

_TRACKERS = ("aim", "mlflow", "tensorboard", "wandb")

__all__ = ["Callback", "History", "Report", "SaveBestOnDisk"]


def __getattr__(name: str) -> Any:
    """Import the module of a tracker when it is first used, since few searches need one."""
    if name in _TRACKERS:
        return importlib.import_module(f"pyhopper.callbacks.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

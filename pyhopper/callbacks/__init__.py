"""Callbacks: hooks for the user's own code, and what is built on them."""

import importlib
from typing import Any

from pyhopper.callbacks.base import Callback
from pyhopper.callbacks.disk import SaveBestOnDisk
from pyhopper.callbacks.history import History

_TRACKERS = ("aim", "mlflow", "tensorboard", "wandb")

__all__ = ["Callback", "History", "SaveBestOnDisk"]


def __getattr__(name: str) -> Any:
    """Import the modules of trackers when they are used, which few searches do."""
    if name in _TRACKERS:
        return importlib.import_module(f"pyhopper.callbacks.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

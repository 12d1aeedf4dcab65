"""Callbacks: hooks for the user's own code, and what is built on them."""

from pyhopper.callbacks import aim, mlflow, tensorboard, wandb
from pyhopper.callbacks.base import Callback
from pyhopper.callbacks.disk import SaveBestOnDisk
from pyhopper.callbacks.history import History

__all__ = ["Callback", "History", "SaveBestOnDisk", "aim", "mlflow", "tensorboard", "wandb"]

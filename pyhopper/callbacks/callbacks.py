"""The callbacks under the name that they had in version 1.2."""

from pyhopper.callbacks.base import Callback
from pyhopper.callbacks.disk import SaveBestOnDisk
from pyhopper.callbacks.history import History
from pyhopper.events import ParamInfo

__all__ = ["Callback", "History", "ParamInfo", "SaveBestOnDisk"]

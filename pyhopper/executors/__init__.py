"""Where evaluations run."""

from pyhopper.executors.base import Executor, InlineExecutor, Job
from pyhopper.executors.local import LocalExecutor
from pyhopper.executors.process import Slot

__all__ = ["Executor", "InlineExecutor", "Job", "LocalExecutor", "Slot"]

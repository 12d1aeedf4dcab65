"""Where evaluations run; subprocesses are in :mod:`pyhopper.executors.local`."""

from pyhopper.executors.base import Executor, InlineExecutor, Job

__all__ = ["Executor", "InlineExecutor", "Job"]

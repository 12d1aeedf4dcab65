"""Where evaluations run."""

from pyhopper.executors.base import Executor, InlineExecutor, Job

__all__ = ["Executor", "InlineExecutor", "Job"]

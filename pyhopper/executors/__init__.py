"""Where evaluations run: the protocol, and the executor that evaluates in this process.

The one for subprocesses is in :mod:`pyhopper.executors.local`, which is imported only when it is
used.
"""

from pyhopper.executors.base import Executor, InlineExecutor, Job, sends_shared

__all__ = ["Executor", "InlineExecutor", "Job", "sends_shared"]

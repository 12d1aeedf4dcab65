"""The conformance suite over the executors of the package."""

from pyhopper.executors import Executor, InlineExecutor
from pyhopper.executors.local import LocalExecutor
from pyhopper.testing import ExecutorSuite


class TestInlineExecutor(ExecutorSuite):
    """Evaluations in this process."""

    in_this_process = True

    def make_executor(self) -> Executor:
        return InlineExecutor()


class TestLocalExecutor(ExecutorSuite):
    """Evaluations in two subprocesses."""

    def make_executor(self) -> Executor:
        return LocalExecutor(2)


class TestFreshProcesses(ExecutorSuite):
    """Every evaluation in a subprocess of its own."""

    def make_executor(self) -> Executor:
        return LocalExecutor(1, isolation="candidate")

"""The conformance suite over the executors of the package."""

from pyhopper.executors import Executor, InlineExecutor
from pyhopper.testing import ExecutorSuite


class TestInlineExecutor(ExecutorSuite):
    """Evaluations in this process."""

    def make_executor(self) -> Executor:
        return InlineExecutor()

"""What the tests of executors share."""

import os

import pytest
from processes import descendants

from pyhopper.executors.local import LocalExecutor


@pytest.fixture
def nothing_left():
    """No process that the test has started may be there after it.

    Some packages, and multiprocessing itself, keep one until Python ends: those do not count.
    """
    before = descendants(os.getpid())
    yield
    assert descendants(os.getpid()) <= before


@pytest.fixture
def executor(nothing_left):
    executor = LocalExecutor(1)
    yield executor
    executor.close()
    executor.close()

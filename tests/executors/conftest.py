"""What the tests of executors share."""

import os

import pytest
from processes import descendants

from pyhopper.executors.local import LocalExecutor


@pytest.fixture
def executor():
    executor = LocalExecutor(1)
    yield executor
    executor.close()
    executor.close()
    assert descendants(os.getpid()) == set()

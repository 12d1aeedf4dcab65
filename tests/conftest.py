"""What several test modules share."""

import signal

import numpy as np
import pytest

from pyhopper.testing import FakeClock

# A shell starts what it runs in the background with Ctrl-C ignored, which all processes below
# inherit, also those that a test presses Ctrl-C in.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng():
    """A generator with a fixed seed, so that no test fails by chance."""
    return np.random.default_rng(20221)


@pytest.fixture
def clock():
    """Time that only moves when told to."""
    return FakeClock()

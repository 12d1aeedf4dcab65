"""What several test modules share."""

import numpy as np
import pytest

from pyhopper.testing import FakeClock


@pytest.fixture
def rng():
    """A generator with a fixed seed, so that no test fails by chance."""
    return np.random.default_rng(20221)


@pytest.fixture
def clock():
    """Time that only moves when told to."""
    return FakeClock()

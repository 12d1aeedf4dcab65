"""Optuna's own tests for samplers, run with ours."""

import pytest

suite = pytest.importorskip("optuna.testing.pytest_samplers")
bridge = pytest.importorskip("pyhopper.integrations.optuna")

pytestmark = pytest.mark.slow


class TestPyHopperSampler(
    suite.BasicSamplerTestCase, suite.RelativeSamplerTestCase, suite.SingleOnlySamplerTestCase
):
    """All of them but those for several objectives, which the sampler refuses."""

    @pytest.fixture
    def sampler(self):
        """What makes a sampler."""
        return bridge.PyHopperSampler

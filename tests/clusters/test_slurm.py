"""Evaluations in jobs of submitit on this machine, and of a real Slurm where it is installed."""

import pytest

from pyhopper.executors import Slurm
from pyhopper.testing import ExecutorSuite

pytest.importorskip("submitit")
pytestmark = pytest.mark.heavy


class TestLocalJobs(ExecutorSuite):
    """The laws of executors, in jobs on this machine."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        yield
        assert not list(tmp_path.iterdir()), "files are left"

    def make_executor(self):
        return Slurm(2, cluster="local", folder=self.folder)

"""Evaluations on a Dask cluster, which the tests start."""

import pytest

from pyhopper.executors import Dask
from pyhopper.testing import ExecutorSuite

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


class TestDask(ExecutorSuite):
    """The laws of executors, on one cluster for all tests."""

    @pytest.fixture(autouse=True)
    def _client(self, client):
        self.client = client
        yield
        assert client.submit(int, "3").result(60) == 3

    def make_executor(self):
        return Dask(self.client)

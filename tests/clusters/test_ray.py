"""Evaluations on a Ray cluster, which the tests start."""

import pytest

from pyhopper.executors import Ray
from pyhopper.testing import ExecutorSuite

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    ray.init(
        num_cpus=2,
        num_gpus=2,
        include_dashboard=False,
        object_store_memory=10**8,
        log_to_driver=False,
        _temp_dir=str(tmp_path_factory.mktemp("ray")),
    )
    yield
    ray.shutdown()


class TestRay(ExecutorSuite):
    """The laws of executors, in one session for all tests, which stays open."""

    @pytest.fixture(autouse=True)
    def _session(self, session):
        yield
        assert ray.get(ray.remote(lambda: 3).remote(), timeout=60) == 3

    def make_executor(self):
        return Ray(num_gpus=1)

"""Evaluations on a Ray cluster, which the tests start."""

import evaluations
import pytest
from engine_suite import EngineSuite

import pyhopper
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


class TestSearches(EngineSuite):
    """Searches in one session of two CPUs, which belongs to the tests."""

    @pytest.fixture(autouse=True)
    def _session(self, session):
        pass

    def make_executor(self, **options):
        return Ray(**options)


def test_by_name_with_gpus(session):
    """A text names the cluster, and the session that is open is used; each has its GPU."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(
        evaluations.gpu, steps=8, n_jobs="ray:auto", gpus_per_job=1, quiet=True, on_error="raise"
    )
    assert {each.metrics["gpu"] for each in search.history.evaluations} == {"0", "1"}
    assert ray.is_initialized()


def test_more_than_any_node_has(session):
    """Ray itself would wait for ever."""
    with pytest.raises(pyhopper.ArgumentError, match=r"no node .* has .*3 GPU"):
        Ray(num_gpus=3)
    with pytest.raises(pyhopper.ArgumentError, match="at least 0"):
        Ray(num_gpus=-1)


def test_an_address_where_nothing_listens(monkeypatch):
    """An error at once; Ray itself tries for many minutes."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(pyhopper.ArgumentError, match=r"address='127\.0\.0\.1:1': no Ray cluster"):
        Ray("127.0.0.1:1")

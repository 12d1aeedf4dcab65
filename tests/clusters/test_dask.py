"""Evaluations on a Dask cluster, which the tests start."""

import os
import signal
import subprocess
import sys
import threading
import time

import evaluations
import pytest
from engine_suite import EngineSuite

import pyhopper
from pyhopper.executors import Dask
from pyhopper.executors import dask as module
from pyhopper.testing import ExecutorSuite

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
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


class TestSearches(EngineSuite):
    """Searches on a cluster of two workers, which belongs to the tests."""

    @pytest.fixture(autouse=True)
    def _client(self, client):
        self.client = client

    def make_executor(self, **options):
        return Dask(self.client, **options)


def test_workers_that_join_are_used(tmp_path):
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:

        def grow():
            while not list(tmp_path.glob("mark-*")):
                time.sleep(0.05)
            cluster.scale(2)

        thread = threading.Thread(target=grow)
        thread.start()
        search = pyhopper.Search(x=pyhopper.float(0, 1))
        search.run(
            evaluations.meets,
            steps=2,
            executor=Dask(cluster),
            kwargs={"folder": tmp_path, "count": 2},
            quiet=True,
            on_error="raise",
        )
        thread.join()
    assert len(search.history) == 2


@pytest.fixture
def by_hand(tmp_path):
    """A scheduler and two workers with a resource, as one starts them by hand."""
    file = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(file)]
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    processes = {}

    def start(name, module, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.{module}", *common, *arguments]
        with (tmp_path / f"{name}.log").open("w") as log:
            processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    start("scheduler", "dask_scheduler", *options)
    for i in range(2):
        own = ["--nthreads", "1", "--resources", "GPU=1", "--memory-limit", "0", "--no-dashboard"]
        os.environ["CUDA_VISIBLE_DEVICES"] = str(i)
        start(f"worker{i}", "dask_worker", *own, "--local-directory", str(tmp_path / "w"))
        del os.environ["CUDA_VISIBLE_DEVICES"]
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    with distributed.Client(scheduler_file=str(file), set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield file, processes
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.wait(30)


def test_by_name_with_gpus(by_hand):
    """A text names the cluster; each candidate sees the GPU of its worker."""
    file, _ = by_hand
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(
        evaluations.gpu,
        steps=8,
        n_jobs=f"dask:{file}",
        gpus_per_job=1,
        quiet=True,
        on_error="raise",
    )
    assert {each.metrics["gpu"] for each in search.history.evaluations} == {"0", "1"}
    with pytest.raises(pyhopper.ArgumentError, match="no worker has these"):
        search.run(evaluations.gpu, steps=9, n_jobs=f"dask:{file}", gpus_per_job=2, quiet=True)


def test_scheduler_that_dies(by_hand, tmp_path, monkeypatch, capfd):
    """The search ends, says what was lost, and returns its best; the same command goes on."""
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 2.0)
    file, processes = by_hand
    marks = tmp_path / "marks"
    marks.mkdir()

    def kill():
        while len(list(marks.glob("mark-*"))) < 6:
            time.sleep(0.05)
        processes["scheduler"].send_signal(signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    checkpoint = tmp_path / "run.ckpt"
    options = {"kwargs": {"folder": marks}, "checkpoint_path": checkpoint, "steps": 500}
    best = search.run(evaluations.slow, executor=Dask(file), **options)
    thread.join()
    assert best is not None
    output = capfd.readouterr()
    assert "the Dask cluster is gone" in output.out + output.err
    found = len(search.history)
    again = pyhopper.Search(x=pyhopper.float(0, 1))
    again.run(evaluations.slow, **{**options, "steps": found + 3}, quiet=True)
    assert len(again.history) == found + 3


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers"),
        ("nowhere.json", "no such scheduler file"),
        (3, "must be a Client"),
    ],
)
def test_clusters_that_are_none(cluster, message, monkeypatch):
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 1.0)
    with pytest.raises(pyhopper.ArgumentError, match=message):
        Dask(cluster)

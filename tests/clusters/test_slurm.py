"""Evaluations in jobs of submitit on this machine, and of a real Slurm where it is installed."""

import os
import subprocess
import sys
import time

import pytest
import slurm_cluster
from helpers import ROOT

import pyhopper
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


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if why := slurm_cluster.missing():
        pytest.skip(why)
    with slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


class TestJobs(ExecutorSuite):
    """The laws of executors, in jobs of a real Slurm."""

    @pytest.fixture(autouse=True)
    def _folder(self, slurm, tmp_path):
        self.folder = tmp_path
        yield
        assert not list(tmp_path.iterdir()), "files are left"

    def make_executor(self):
        return Slurm(2, partition="ci", gpus=1, time="5min", folder=self.folder)


def whereabouts(params):
    return {
        "value": params["x"],
        "node": os.environ["SLURMD_NODENAME"],
        "job": os.environ["SLURM_JOB_ID"],
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }


def test_each_candidate_has_its_gpus(slurm, tmp_path):
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    cluster = Slurm(4, partition="ci", gpus=2, time="5min", folder=tmp_path)
    search.run(whereabouts, "max", steps=4, executor=cluster, quiet=True, on_error="raise")
    metrics = [each.metrics for each in search.history.evaluations]
    assert {each["gpus"] for each in metrics} == {"0,1"}
    assert {each["node"] for each in metrics} <= {"ci1", "ci2"}
    assert len({each["job"] for each in metrics}) == 4


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
    return found


class Searching:
    """A search in a process of its own, that is started and looked at."""

    def __init__(self, tmp_path, slots=1, steps=2):
        self.folder = tmp_path
        script = tmp_path / "search.py"
        script.write_text(SCRIPT.format(slots=slots, steps=steps, folder=str(tmp_path)))
        self.popen = subprocess.Popen(
            [sys.executable, script],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def started(self, count=1):
        """The jobs in which an evaluation has started, once there are so many."""

        def marks():
            assert self.popen.poll() is None, self.popen.stdout.read()
            found = sorted(self.folder.glob("mark-*"))
            return found if len(found) >= count else None

        return wait_for(marks)

    def go_on(self):
        (self.folder / "go").touch()

    def output(self):
        out, _ = self.popen.communicate(timeout=120)
        return out


SCRIPT = """
import os, pathlib, time
import pyhopper

folder = pathlib.Path({folder!r})


def train(params):
    (folder / ("mark-" + os.environ["SLURM_JOB_ID"])).touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    return params["x"]


if __name__ == "__main__":
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    cluster = pyhopper.executors.Slurm({slots}, partition="ci", folder=folder)
    search.run(train, "max", steps={steps}, executor=cluster, checkpoint_path=folder / "run.ckpt")
    print("statuses:", *[each.status.value for each in search.history.evaluations])
"""


def job_of(mark):
    return mark.name.removeprefix("mark-")


def test_cancelled_by_somebody(slurm, tmp_path):
    """A job that is cancelled in Slurm is a failed candidate, and not tried again."""
    searching = Searching(tmp_path)
    slurm.query("scancel", job_of(searching.started()[0]))
    searching.started(2)
    searching.go_on()
    output = searching.output()
    assert "statuses: failed done" in output
    assert (
        "cancelled in Slurm"
        in subprocess.run(
            [sys.executable, "-m", "pyhopper", "show", tmp_path / "run.ckpt"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=True,
        ).stdout
    )


def test_requeued(slurm, tmp_path):
    """A job that Slurm starts again does not evaluate twice: the search submits another one."""
    searching = Searching(tmp_path, steps=1)
    first = searching.started()[0]
    slurm.query("scontrol", "requeue", job_of(first))
    searching.started(2)
    searching.go_on()
    output = searching.output()
    assert "is started again" in output
    assert "statuses: done" in output
    assert len(list(tmp_path.glob("mark-*"))) == 2


def test_lost_node(slurm, tmp_path):
    """The candidate of a node that does not answer runs again on another one."""
    searching = Searching(tmp_path, steps=1)
    job = job_of(searching.started()[0])
    node = slurm.query("squeue", "-h", "-j", job, "-o", "%N").strip()
    slurm.stop(node)
    # What happens when the controller has waited for SlurmdTimeout.
    slurm.query("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    try:
        searching.started(2)
        searching.go_on()
        assert "statuses: done" in searching.output()
    finally:
        slurm.start(node)
        slurm.query("scontrol", "update", f"NodeName={node}", "State=RESUME")


def test_controller_restarts(slurm, tmp_path):
    """The search waits for a controller that is away."""
    searching = Searching(tmp_path, steps=1)
    searching.started()
    slurm.stop("slurmctld")
    searching.go_on()
    assert "statuses: done" in searching.output()
    slurm.start("slurmctld")
    wait_for(lambda: slurm.query("sinfo", "-h", "-N", "-o", "%t").split().count("idle") == 2)


STEPS = """
import os

import pyhopper


def train(params):
    return {"value": params["x"], "step": os.environ["SLURM_STEP_ID"],
            "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "node": os.environ["SLURMD_NODENAME"]}


if __name__ == "__main__":
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    cluster = pyhopper.executors.Slurm(steps=True, gpus=1)
    print("slots", cluster.slots)
    search.run(train, "max", runtime="until end of job", stop={"patience": 6}, executor=cluster,
               checkpoint_path="run.ckpt", on_error="raise")
    metrics = [each.metrics for each in search.history.evaluations]
    print("each in a step of its own:", len({each["step"] for each in metrics}) == len(metrics))
    print("gpus", *sorted({each["gpus"] for each in metrics}))
    print("nodes", *sorted({each["node"] for each in metrics}))
"""


def sbatch(folder, *options):
    """Submit the search in a folder as a job; what sbatch prints."""
    done = subprocess.run(
        ["sbatch", *options, f"--output={folder}/out", f"--wrap={sys.executable} search.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return done.stdout.strip()


def test_steps_of_one_job(slurm, tmp_path):
    """A search inside an allocation starts steps in it, until the allocation ends."""
    (tmp_path / "search.py").write_text(STEPS)
    sbatch(tmp_path, "--wait", "-N2", "-n4", "--gpus-per-node=2", "-t2")
    output = (tmp_path / "out").read_text()
    assert "slots 4" in output
    assert "each in a step of its own: True" in output, output
    assert "gpus 0 1" in output
    assert "nodes ci1 ci2" in output
    assert "no better value in" in output


def test_search_in_a_job_that_is_requeued(slurm, tmp_path):
    """The same command goes on from its checkpoint, after Slurm has started its job again."""
    (tmp_path / "search.py").write_text(
        "import pathlib, time, pyhopper\n"
        "def train(params):\n"
        "    time.sleep(0.3)\n"
        "    return params['x']\n"
        "search = pyhopper.Search(x=pyhopper.float(0, 1))\n"
        "search.run(train, steps=20, checkpoint_path='run.ckpt')\n"
        "pathlib.Path('ended').write_text(str(len(search.history)))\n"
    )
    job = sbatch(tmp_path, "--parsable", "--requeue", "--open-mode=append")
    checkpoint = tmp_path / "run.ckpt"
    wait_for(lambda: checkpoint.exists() and checkpoint.read_text().count("\n") > 6)
    slurm.query("scontrol", "requeue", job)
    ended = tmp_path / "ended"
    wait_for(lambda: ended.exists() and ended.read_text() == "20", 120)
    assert (tmp_path / "out").read_text().count("Maximizing") == 2

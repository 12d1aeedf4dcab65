"""Evaluations in the ranks of an MPI job, which the tests start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT
from processes import run_python

pytest.importorskip("mpi4py")
pytestmark = pytest.mark.heavy

SUITE = """
import sys
import traceback
import unittest

from mpi4py.futures import MPIPoolExecutor

from pyhopper.executors import MPI
from pyhopper.testing import ExecutorSuite

if __name__ == "__main__":
    with MPIPoolExecutor() as pool:

        class Suite(ExecutorSuite):
            def make_executor(self):
                return MPI(pool)

        suite, failed = Suite(), []
        names = [name for name in dir(Suite) if name.startswith("test_")]
        for name in names:
            try:
                getattr(suite, name)()
            except unittest.SkipTest:
                raise
            except BaseException:
                traceback.print_exc()
                failed.append(name)
        assert pool.submit(int, "3").result() == 3
    print(len(names), "tests; failed:", failed)
"""


def mpiexec(script, folder, ranks=3, timeout=240):
    """Run a program on some ranks, the first of which is the search."""
    program = Path(folder, "search.py")
    program.write_text(script)
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("there is no mpiexec beside this Python: pip install mpich")
    command = [str(launcher), "-n", str(ranks), sys.executable, "-m", "mpi4py.futures", program]
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    env = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def test_laws(tmp_path):
    """The conformance suite inside an MPI job."""
    done = mpiexec(SUITE, tmp_path)
    assert "18 tests; failed: []" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.glob("pyhopper-*")), "the folder of messages is left"


KILLED = """
import os
import signal
from pathlib import Path

import pyhopper


def train(params):
    # The third evaluation takes its rank down, and so the whole job, in the first run.
    number = len(list(Path.cwd().glob("mark-*")))
    Path(f"mark-{number}-{os.getpid()}").touch()
    if number == 2:
        import evaluations
        os.kill(evaluations.parent_of(os.getppid()), signal.SIGKILL)
    return params["x"]


if __name__ == "__main__":
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    cluster = pyhopper.executors.MPI()
    search.run(train, steps=6, executor=cluster, checkpoint_path="run.ckpt")
    print("evaluations:", len(search.history))
"""


def test_a_rank_that_dies(tmp_path):
    """MPI ends the whole job; the same command goes on from the checkpoint."""
    first = mpiexec(KILLED, tmp_path)
    assert first.returncode != 0
    second = mpiexec(KILLED, tmp_path)
    assert "evaluations: 6" in second.stdout, second.stdout + second.stderr


def test_without_the_module_of_mpi4py():
    """Each rank would be a search of its own, and start processes of its own."""
    code = "from pyhopper.executors import MPI; MPI()"
    done = run_python(["-c", code])
    assert "start it by mpiexec -n 3 python -m mpi4py.futures search.py" in done.stderr

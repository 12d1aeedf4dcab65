"""The recipes of docs/clusters.md, as a user would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import slurm_cluster
from helpers import ROOT

DOCS = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"<!-- recipe: (\w+) -->\n```python\n(.*?)```", DOCS, re.DOTALL))


def run(name, folder, *before):
    """Run a recipe in a folder; what its checkpoint says afterwards."""
    (folder / "search.py").write_text(RECIPES[name])
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*before, sys.executable]
    command += ["-m", "mpi4py.futures", "search.py"] if before else ["search.py"]
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Best (highest) value" in done.stdout


@pytest.mark.slow
def test_pool(tmp_path):
    run("pool", tmp_path)


@pytest.mark.heavy
def test_dask(tmp_path):
    pytest.importorskip("distributed")
    text = re.search(r"## Dask.*?```sh\n(.*?)```", DOCS, re.DOTALL)[1]
    python = f'dask() {{ "{sys.executable}" -m dask "$@"; }}\n'
    with subprocess.Popen(
        ["bash", "-c", f"{python}{text}\nwait"],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as shell:
        try:
            while not (tmp_path / "scheduler.json").exists():
                assert shell.poll() is None
            run("dask", tmp_path)
        finally:
            os.killpg(shell.pid, 15)


@pytest.mark.heavy
def test_ray(tmp_path):
    pytest.importorskip("ray")
    run("ray", tmp_path)


@pytest.mark.heavy
def test_slurm(tmp_path, tmp_path_factory):
    pytest.importorskip("submitit")
    if why := slurm_cluster.missing():
        pytest.skip(why)
    with slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm")):
        run("slurm", tmp_path)


@pytest.mark.heavy
def test_mpi(tmp_path):
    pytest.importorskip("mpi4py")
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        pytest.skip("there is no mpiexec beside this Python: pip install mpich")
    run("mpi", tmp_path, str(launcher), "-n", "3")


def test_all_recipes_have_a_test():
    assert set(RECIPES) == {"dask", "ray", "slurm", "mpi", "pool"}

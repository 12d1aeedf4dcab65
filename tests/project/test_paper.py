"""The paper's experiments: skipped with a reason, or run on a tiny stand-in for the data."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

SCRIPT = ROOT / "paper" / "experiments" / "walker2d.py"


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )


def test_what_is_missing_is_named(tmp_path):
    done = run("--data", str(tmp_path / "nothing.npz"))
    assert done.returncode == 1
    assert done.stderr.startswith("skipped: ")
    assert "PyTorch" in done.stderr or "nothing.npz" in done.stderr


def test_walker2d(tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    lengths = np.full(40, 140)
    phase = np.arange(lengths.sum())[:, None] / 10 + np.arange(17)
    data = tmp_path / "walks.npz"
    np.savez(data, rollouts=np.sin(phase).astype(np.float32), lengths=lengths)
    done = run("--data", str(data), "--short", "--tools", "pyhopper")
    assert done.returncode == 0, done.stderr
    row = done.stdout.strip().splitlines()[-1].split("|")
    assert row[1].strip() == "pyhopper"
    assert 0 < float(row[2]) < 10

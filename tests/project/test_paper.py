"""The paper's experiments: skipped with a reason, or run on a tiny stand-in for the data."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT

SCRIPT = ROOT / "paper" / "experiments" / "run.py"


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), "walker2d", *arguments]
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
    out = tmp_path / "results.jsonl"
    arguments = ["--scale", "try-out", "--tools", "pyhopper", "--seeds", "1", "--candidates", "3"]
    for _ in range(2):  # what has its line is not run again
        done = run("--data", str(data), "--out", str(out), *arguments)
        assert done.returncode == 0, done.stderr
    (line,) = out.read_text().splitlines()
    assert len(json.loads(line)["values"]) == 3

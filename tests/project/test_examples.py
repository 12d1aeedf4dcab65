"""The examples run as they stand, made short."""

import os
import re
import subprocess
import sys

import pytest
from helpers import ROOT

EXAMPLES = ROOT / "examples"


def run_example(name, *arguments, env=None):
    """Run an example as a user does; what it printed."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_digits():
    """The found parameters are at least as good as the worst defaults after a few candidates."""
    pytest.importorskip("sklearn", reason="scikit-learn is in the extra `examples`")
    printed = run_example("digits.py", "--steps", "6", "--seed", "1", "--n_jobs", "1")
    found = float(re.search(r"found +([\d.]+)", printed)[1])
    defaults = [float(value) for value in re.findall(r"with defaults +([\d.]+)", printed)]
    assert len(defaults) == 3
    assert found >= min(defaults)


def test_torch_gpu_without_a_gpu():
    """A message that says what was looked at, and how to go on."""
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    printed = run_example("torch_gpu.py", "--steps", "1", env=hidden)
    assert "no GPU found (CUDA_VISIBLE_DEVICES is '')" in printed
    assert "--n_jobs 2" in printed


def test_torch_gpu_on_the_cpu():
    """The example's network learns."""
    pytest.importorskip("torch", reason="the example needs PyTorch")
    printed = run_example("torch_gpu.py", "--steps", "3", "--n_jobs", "2")
    assert float(re.search(r"Accuracy ([\d.]+)", printed)[1]) > 0.5

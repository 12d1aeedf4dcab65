"""The examples run as a user would run them, made short."""

import importlib.util
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


@pytest.mark.slow
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


def run_short(name, *arguments, packages=()):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    # Other packages' warnings at import are no concern of the example.
    if packages:
        environment["PYTHONWARNINGS"] = "default"
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), "--short", *arguments],
        capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_tsp():
    out = run_short("tsp.py", "--seed", "1")
    before, after = [float(w) for w in out.split("From length ")[1].split()[:3:2]]
    assert after < 0.8 * before


def test_tsp_picture(tmp_path):
    picture = tmp_path / "tour.png"
    run_short("tsp.py", "--picture", str(picture), packages=["matplotlib"])
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_cartpole(tmp_path):
    picture = tmp_path / "cartpole.png"
    out = run_short("cartpole.py", "--picture", str(picture), packages=["gymnasium", "matplotlib"])
    assert "Mean reward in 5 new episodes" in out
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_noisy_training():
    out = run_short("noisy_training.py", packages=["sklearn"])
    assert "3 new trainings give 0." in out

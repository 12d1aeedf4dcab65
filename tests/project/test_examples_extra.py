"""The examples run as a user would run them, with the flag that makes them short."""

import importlib.util
import os
import subprocess
import sys

import pytest
from helpers import ROOT

EXAMPLES = ROOT / "examples"


def run(name, *arguments, packages=()):
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
    out = run("tsp.py", "--seed", "1")
    before, after = [float(w) for w in out.split("From length ")[1].split()[:3:2]]
    assert after < 0.8 * before


def test_tsp_picture(tmp_path):
    picture = tmp_path / "tour.png"
    run("tsp.py", "--picture", str(picture), packages=["matplotlib"])
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_cartpole(tmp_path):
    picture = tmp_path / "cartpole.png"
    out = run("cartpole.py", "--picture", str(picture), packages=["gymnasium", "matplotlib"])
    assert "Mean reward in 5 new episodes" in out
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_noisy_training():
    out = run("noisy_training.py", packages=["sklearn"])
    assert "3 new trainings give 0." in out

"""The examples and the documentation of `pyhopper run`, as a user would run them."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from helpers import ROOT

EXAMPLES = ROOT / "examples" / "any_command"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts of a Unix shell")


def best(shell):
    return json.loads(shell("best", "run.ckpt").stdout)


def test_shell_script(shell):
    """Text is smaller with other parameters of xz than the default ones; a constraint holds."""
    if shutil.which("xz") is None:
        pytest.skip("xz is not installed")
    (shell.folder / "data").write_bytes((ROOT / "README.md").read_bytes())
    arguments = [EXAMPLES / "xz.json", "--min", "--steps", 25, "--seed", 1, "--n-jobs", 2]
    places = [f"{{{name}}}" for name in ("lc", "lp", "pb", "nice", "mf")]
    command = [EXAMPLES / "compress.sh", "data", *places]
    shell("run", *arguments, "--checkpoint", "run.ckpt", "--", *command)
    values = [each["value"] for each in shell.lines("ended")]
    assert min(values) < values[0] < 0.6 * (shell.folder / "data").stat().st_size
    assert all(each["point"]["lc"] + each["point"]["lp"] <= 4 for each in shell.lines("started"))


def test_c_program(shell):
    """The factor that is found is the one of the theory."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no compiler")
    source = [str(EXAMPLES / "relax.c"), "-lm"]
    subprocess.run([compiler, "-O2", "-o", "relax", *source], cwd=shell.folder, check=True)
    arguments = ["--min", "--steps", 25, "--seed", 1, "--value", "sweeps"]
    command = ["./relax", "--omega=float(1, 1.99)"]
    shell("run", *arguments, "--checkpoint", "run.ckpt", "--", *command)
    assert best(shell)["omega"] == pytest.approx(1.826, abs=0.05)


@pytest.mark.heavy
def test_pytorch_script(shell):
    """The network learns, and poor candidates are ended early."""
    pytest.importorskip("torch", reason="the example needs PyTorch")
    arguments = ["--max", "--steps", 14, "--seed", 1, "--value", "accuracy", "--n-jobs", 2]
    arguments += ["--pruner", "quantile=0.5", "--checkpoint", "run.ckpt", "--"]
    text = EXAMPLES.joinpath("train.py").read_text(encoding="utf-8")
    flags = re.findall(r"(--(?:lr|width|optimizer|batch-norm)) '([^']*)'", text.split('"""')[1])
    assert len(flags) == 4
    words = [word for flag in flags for word in flag]
    shell("run", *arguments, sys.executable, EXAMPLES / "train.py", *words)
    ended = shell.lines("ended")
    assert max(each["value"] for each in ended if each["status"] == "done") > 0.8
    assert any(each["status"] == "pruned" and len(each["estimates"]) < 20 for each in ended)


FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = r"<!-- a test runs this -->\n```sh\n(.*?)```"
BLOCKS = [
    pytest.param(
        text,
        id=f"{path.name}-{number}",
        marks=[pytest.mark.slow] if path.name == "any_command.md" else [],
    )
    for path in FILES
    for number, text in enumerate(re.findall(BLOCK, path.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks(block, shell):
    """What a block of the documentation says after a command is what the command prints."""
    tools = {"python": "", "pyhopper": "-m pyhopper"}
    (shell.folder / "bin").mkdir()
    for name, more in tools.items():
        shell.script(f"bin/{name}", f'#!/bin/sh\nexec "{sys.executable}" {more} "$@"\n')
    path = f"{shell.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", block],
        cwd=shell.folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for shown in re.findall(r"--flags +# (python .*)", block):
        assert done.stdout.strip().endswith(shown)


def test_all_blocks_are_found():
    """The control: one in the README or on its way there, one in the page."""
    assert len(BLOCKS) == 2

"""The blocks of docs/integrations.md run as they stand."""

import importlib.util
import re

import pytest
from helpers import ROOT
from processes import run_python

TEXT = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
HEAVY = {"ray", "wandb", "xgboost"}


def needs(block):
    """The packages that a block imports."""
    return set(re.findall(r"^(?:from|import) (\w+)", block, re.MULTILINE)) - {"pyhopper"}


def marked(block):
    heavy = needs(block) & HEAVY
    return pytest.param(block, marks=[pytest.mark.heavy] if heavy else [], id=min(needs(block)))


@pytest.mark.parametrize("block", [marked(block) for block in BLOCKS if needs(block)])
def test_blocks_run(block, tmp_path):
    """Each one on its own, in an empty folder."""
    for package in needs(block):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    program = tmp_path / "mine.py"
    program.write_text(block, encoding="utf-8")
    done = run_python([program], tmp_path)
    assert done.returncode == 0, done.stderr


def test_all_blocks_are_found():
    """The control: none is left out for the way in which it is written."""
    assert len(BLOCKS) == TEXT.count("```python") == 6

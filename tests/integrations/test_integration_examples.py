"""The examples of integrations run as a user would run them, made short."""

import re

import pytest
from helpers import ROOT
from processes import run_python

EXAMPLES = ROOT / "examples"


def test_sklearn_search(tmp_path):
    pytest.importorskip("sklearn", "1.6")
    done = run_python([EXAMPLES / "sklearn_search.py", "--steps", "4"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(re.search(r"accuracy on new digits ([\d.]+)", done.stdout)[1]) > 0.8

"""Stored results of benchmarks make the page of all results, and the tables of the documentation.

Whether the tables are up to date is checked where the packages are installed that they need.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of benchmarks."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_page_of_all_results(tmp_path):
    page = tmp_path / "page.html"
    done = run("benchmarks.report", "-o", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    for title in ("Quality of the search", "Several objectives", "Training: walker2d", "Busy"):
        assert title in text


@pytest.mark.heavy
def test_tables_are_up_to_date():
    for package in ("moocore", "pymoo"):
        pytest.importorskip(package, reason="hypervolumes need it")
    done = run("benchmarks.tables", "--check")
    assert done.returncode == 0, done.stderr

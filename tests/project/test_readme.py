"""The blocks of the README run as they stand, and the first one prints what is shown below it."""

import re

import pytest
from helpers import ROOT
from processes import run_python

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path):
    """Run a program as a file of its own, in an empty folder."""

    def call(program):
        path = tmp_path / "mine.py"
        path.write_text(program, encoding="utf-8")
        done = run_python([path], tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def without_times(text):
    """What is printed, less what depends on the machine."""
    text = re.sub(r"[\d.]+ (ms|s|min)( \d+ s)?\b", "TIME", text)
    return [re.sub(r"[ -]+", " ", line).strip() for line in text.strip().splitlines()]


def test_the_first_block_prints_what_is_shown(run):
    shown = re.search(r"<!-- output of the first block -->\n```text\n(.*?)```", README, re.DOTALL)[
        1
    ]
    assert without_times(run(BLOCKS[0])) == without_times(shown)


@pytest.mark.parametrize("number", range(1, len(BLOCKS)))
def test_blocks_run(number, run):
    """Each one on its own, after the import that the first one has."""
    run(f"import pyhopper\n{BLOCKS[number]}")


def test_all_blocks_are_found():
    """The control: none is left out for the way in which it is written."""
    assert len(BLOCKS) == README.count("```python") >= 6

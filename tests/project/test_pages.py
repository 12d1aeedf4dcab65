"""The README and every page of the docs run as they stand, and print what they show.

A page is one program: its blocks of Python, one after the other, and its blocks of shell commands
(``sh``), in an empty folder. A ``text`` block after the comment ``<!-- output -->`` is what the
program prints at that place. Blocks marked ``console`` or ``text`` are not run, such as commands
that install something. A comment at the top of a page says what it needs, and whether it is heavy::

    <!-- test: heavy, needs torch ray -->

Pages that need a cluster, or a framework for each block, are run by the test that they name::

    <!-- test: tests/clusters/test_recipes_of_clusters.py -->
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT
from processes import environment

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(?P<fence>```|~~~)(?P<kind>\S*)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
MARKS = re.compile(r"<!-- test: (?P<heavy>heavy)?,? ?(?:needs (?P<needs>.*?))? ?-->")
ELSEWHERE = re.compile(r"<!-- test: (tests/\S+) -->")
SHELL = """import os, subprocess, sys
def _sh(commands):
    sys.stdout.flush()
    done = subprocess.run(["sh", "-ec", _START + commands], stdin=subprocess.DEVNULL)
    assert done.returncode == 0, commands
_START = 'python() { "$PYTHON" "$@"; }\\npyhopper() { "$PYTHON" -m pyhopper "$@"; }\\n'
"""


def program(text):
    """The blocks of a page as one program, whose lines have their numbers in the page."""
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text[: block.start("text")].count("\n")
        inside = block["text"].split("\n")[:-1]
        if block["kind"] == "python":
            lines[first : first + len(inside)] = inside
        elif block["kind"] == "sh":
            lines[first] = f"_sh({block['text']!r})"
    if any("_sh(" in line for line in lines):
        lines[0] = f"exec({SHELL!r})"
    return "\n".join(lines)


def outputs(text):
    """What a page says its program prints."""
    return re.findall(r"<!-- output -->\n+```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def without_times(text):
    """What is printed, less what depends on the machine."""
    text = re.sub(r"\d[\d.]* (ms|s|min)( \d+ s)?\b", "TIME", text)
    return [line for each in text.splitlines() if (line := re.sub(r"[ -]+", " ", each).strip())]


def cases():
    """Pages with something to run; the heavy ones with their mark."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if ("```python" in text or "```sh" in text) and not ELSEWHERE.search(text):
            marks = MARKS.search(text)
            heavy = [pytest.mark.heavy] if marks and marks["heavy"] else []
            name = str(page.relative_to(ROOT))
            yield pytest.param(
                page, ((marks and marks["needs"]) or "").split(), id=name, marks=heavy
            )


@pytest.mark.parametrize(("page", "needs"), list(cases()))
def test_page(page, needs, tmp_path):
    for package in needs:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    text = page.read_text(encoding="utf-8")
    script = tmp_path / page.with_suffix(".py").name
    script.write_text("import pyhopper; " + program(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment(PYTHON=sys.executable, MPLBACKEND="agg", WANDB_MODE="offline"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    printed = without_times(done.stdout + "\n" + done.stderr)
    for shown in outputs(text):
        wanted = without_times(shown)
        starts = [i for i, line in enumerate(printed) if line == wanted[0]]
        assert any(printed[i : i + len(wanted)] == wanted for i in starts), done.stdout


def test_pages_that_are_run_elsewhere():
    for page in PAGES:
        for test in ELSEWHERE.findall(page.read_text(encoding="utf-8")):
            assert page.name in (ROOT / test).read_text(encoding="utf-8")


def test_all_blocks_are_found():
    """The control: none is left out for the way in which it is written."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = [block["kind"] for block in BLOCK.finditer(text)]
        assert text.count("```python") == found.count("python"), page
        assert text.count("```sh\n") == found.count("sh"), page
        known = {"python", "py", "sh", "console", "text", "json", "yaml", "{eval-rst}", "{toctree}"}
        assert set(found) <= known, page
    assert len(PAGES) > 5


def test_outputs_are_compared():
    """The control: a page that shows something else than it prints would be found."""
    page = '```python\nprint("a")\n```\n\n<!-- output -->\n```text\nb\n```\n'
    assert outputs(page) == ["b\n"]
    assert program(page).splitlines()[1] == 'print("a")'
    assert without_times("took 3.4 s") == without_times("took 12 ms")
    assert os.sep in str(Path.cwd())

"""The site builds without a warning, and its pages open from a folder."""

import re
import subprocess
import sys

import pytest
from helpers import ROOT


@pytest.mark.heavy
def test_site(tmp_path):
    for package in ("sphinx", "furo", "myst_parser", "sphinx_copybutton"):
        pytest.importorskip(package, reason="it is in the extra `docs`")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "docs", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        # Nothing comes from another host, and no link needs a server.
        loaded = re.findall(r'<(?:script|img|link)[^>]* (?:src|href)="([^"]+)"', text)
        assert not [each for each in loaded if each.startswith(("http", "//"))], page


def test_links():
    """Links of the README and the pages lead to files that exist."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = 0
    for page in pages:
        text = re.sub(
            r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for target in re.findall(r"\]\(([^)#\s]+)\)", text):
            if not target.startswith(("http", "mailto:")):
                assert (page.parent / target).exists(), f"{page}: {target}"
                links += 1
        for target in re.findall(r"\{doc\}`([^`<]+)`", text):
            assert (page.parent / f"{target}.md").exists(), f"{page}: {target}"
            links += 1
    assert links > 50

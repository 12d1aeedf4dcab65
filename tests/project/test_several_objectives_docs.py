"""The code of the page on several objectives runs as it stands."""

import re

from helpers import ROOT


def test_the_blocks_run():
    """All blocks, one after the other, as a reader would paste them."""
    text = (ROOT / "docs" / "several_objectives.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(block, names)
    assert names["accurate"].values["accuracy"] >= 0.99
    assert all(entry.metrics["memory_mb"] <= 2000 for entry in names["search"].front)

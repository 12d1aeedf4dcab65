"""Each candidate's folder, and what it prints, wherever it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import (
    search_of_x,
)

import pyhopper


def talk(params):
    print("loss", params["x"])
    print("warning", file=sys.stderr)
    (Path(os.environ["PYHOPPER_CANDIDATE_DIR"]) / "weights").write_text("w")
    if params["x"] == 0.5:
        raise ValueError("no luck")
    if "isolated" in params:
        subprocess.run(["echo", "from a program"], check=True)
    return params["x"]


@pytest.mark.parametrize("isolation", ["auto", "slot", "candidate"])
def test_output_of_each_candidate(isolation, tmp_path, capsys):
    """Each folder has its own lines, of failed ones too; "auto" runs in this process."""
    more = {} if isolation == "auto" else {"isolated": True}
    search = pyhopper.Search({"x": pyhopper.float(0, 1), **more}, seed=0)
    search.run(talk, "max", steps=4, work_dir=tmp_path, isolation=isolation, quiet=True)
    for number, candidate in enumerate(search.history.evaluations):
        folder = tmp_path / f"{number:05d}"
        text = (folder / "output.log").read_text()
        assert text.count("loss") == 1
        assert f"loss {candidate.params['x']}" in text
        assert "warning" in text
        assert ("from a program" in text) is (bool(more) and number > 0)
        assert (folder / "weights").read_text() == "w"
        assert json.loads((folder / "config.json").read_text())["x"] == candidate.params["x"]
    assert json.loads((tmp_path / "00000" / "value.json").read_text())["status"] == "failed"
    assert json.loads((tmp_path / "best" / "value.json").read_text())["value"] == search.best_f


def test_a_resumed_candidate_finds_its_folder(tmp_path):
    """What it wrote before the interruption is still there; others do not see it."""
    found = []

    def train(params):
        saved = Path(os.environ["PYHOPPER_CANDIDATE_DIR"]) / "epoch"
        epoch = int(saved.read_text()) if saved.exists() else 0
        found.append((saved.parent.name, epoch))
        saved.write_text("7")
        if len(found) == 2:
            raise KeyboardInterrupt
        return params["x"]

    for _ in range(2):
        search = search_of_x(seed=0)
        search.run(
            train,
            steps=3,
            checkpoint_path=tmp_path / "run.ckpt",
            work_dir=tmp_path / "runs",
            quiet=True,
        )
    assert found == [("00000", 0), ("00001", 0), ("00001", 7), ("00002", 0)]
    config = json.loads((tmp_path / "runs" / "00001" / "config.json").read_text())
    assert config == search.history[1]
    assert "PYHOPPER_CANDIDATE_DIR" not in os.environ

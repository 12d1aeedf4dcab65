"""Watching a checkpoint while a search writes to it."""

from pathlib import Path

import pytest

import pyhopper
from pyhopper.cli import main
from pyhopper.display.checkpoint import show, watch
from pyhopper.journal.table import Table


def test_it_draws_again_only_when_the_file_has_changed(tmp_path, monkeypatch):
    """In place, over as many lines as there were; and it ends with Ctrl-C."""
    path, written, looks = tmp_path / "run.ckpt", [], []

    def more():
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        steps = 3 + len(looks) // 2
        search.run(lambda p: p["x"], steps=steps, checkpoint_path=path, quiet=True)

    def pause(seconds):
        looks.append(seconds)
        if len(looks) == 4:
            raise KeyboardInterrupt
        if len(looks) % 2 == 0:
            more()

    more()
    monkeypatch.setattr("time.sleep", pause)
    watch(Path(path), lambda: Table(path), lambda t: show(t, "run", 2), written.append, 7.0, True)
    assert looks == [7.0] * 4
    assert len(written) == 2
    lines = written[0].count("\n")
    assert written[1].startswith(f"\x1b[{lines}F\x1b[J")
    assert "4 evaluations" in written[1]


def test_without_a_terminal_there_is_a_line_a_change(tmp_path, capsys, monkeypatch):
    path = tmp_path / "run.ckpt"
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], steps=3, checkpoint_path=path, quiet=True)

    def stop(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", stop)
    assert main(["show", str(path), "--watch", "--every", "5s"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "3 evaluations (3 done), 0 open, best" in line
    assert "\x1b" not in line


def test_importance_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], steps=20, checkpoint_path=path, quiet=True)
    assert main(["show", str(path), "--importance"]) == 0
    assert "90% range" in capsys.readouterr().out


def test_a_bad_interval_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["show", str(tmp_path), "--watch", "--every", "soon"])
    assert "not a duration" in capsys.readouterr().err

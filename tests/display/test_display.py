"""What the user sees: in a terminal, in a file, and nothing under ``quiet``."""

import contextlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import (
    search_of_x,
    x_of,
)
from processes import in_terminal

import pyhopper
from pyhopper.display.text import clock as clock_text
from pyhopper.display.text import duration, outline
from pyhopper.events import Outcome, Status
from pyhopper.testing import FakeClock, ScriptedExecutor

PROGRAM = """
import math, pyhopper
search = pyhopper.Search(
    lr=pyhopper.float(1e-5, 1e-1, "0.1g", init=0.1),
    a_parameter_with_a_very_long_name=pyhopper.choice("a rather long option " * 5, "another"),
    model={"depth": pyhopper.int(1, 8), "gain": pyhopper.float(0, 1, shape=(30, 30))},
    seed=0,
)
def objective(params):
    if params["lr"] > 0.05: raise ValueError
    if params["lr"] > 0.03: return math.nan
    if params["lr"] > 0.01: raise pyhopper.PruneEvaluation
    return params["lr"]
search.run(objective, "max", steps=40, ignore_nans=True, quiet=QUIET)
"""


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_terminal(columns):
    """A bar, then the summary; neither wraps."""
    written = in_terminal(["-c", PROGRAM.replace("QUIET", "False")], columns)
    bars = [part for part in re.split(r"[\r\n]", written) if re.match(r"\x1b?\S* *\d+%", part)]
    assert bars
    assert max(len(part.replace("\x1b[A", "")) for part in bars) <= columns
    assert "40/40" in bars[-1]
    assert "best 0.0" in bars[-1]
    assert ("|" in bars[-1]) is (columns >= 80)
    table = written[written.index("Search ended") :].replace("\r", "")
    lines = [line for line in table.splitlines() if not line.startswith("As Python: ")]
    assert max(map(len, lines)) <= columns
    rows = {line.split("  ")[0]: line.split()[-6:] for line in table.splitlines() if "  " in line}
    assert [name for name in rows if name.strip("-")] == [
        "Initial",
        "Random seeding",
        "Local sampling",
        "Total",
    ]
    if columns < 80:
        return
    evaluated, pruned, nan, failed = (
        int(n) for n in re.findall(r"\d+", table.split("Total")[1])[2:6]
    )
    assert evaluated == 40
    assert min(pruned, nan, failed) >= 1


PRINTS = """
import logging, time, pyhopper
logging.basicConfig(format="%(message)s")
search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0)
def objective(params):
    print("epoch", end="", flush=True)
    time.sleep(0.6)
    print(" ended")
    logging.warning("logged")
    time.sleep(0.3)
    return params["x"]
search.run(objective, "max", steps=2)
"""


def test_what_the_objective_prints_stands_on_lines_of_its_own():
    """A bar that was there is wiped before, and none comes into the middle of a line."""
    written = in_terminal(["-c", PRINTS], 100)
    lines = [line.split("\r")[-1] for line in written.replace("\r\n", "\n").split("\n")]
    assert lines.count("epoch ended") == 2
    assert lines.count("logged") == 2
    assert "50%|" in written


def test_file():
    """Where output goes to a file there are whole lines and no control characters."""
    command = [sys.executable, "-c", PROGRAM.replace("QUIET", "False")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for text in (done.stdout, done.stderr):
        assert "\r" not in text
        assert "\x1b" not in text
    assert "40/40" in done.stderr
    assert "Best (highest) value 0.0" in done.stdout


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet(terminal):
    """Nothing at all is printed."""
    program = PROGRAM.replace("QUIET", "True")
    if terminal:
        assert in_terminal(["-c", program], 80) == ""
        return
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_long_runs_print_a_line_a_minute(clock, capsys):
    """Without a terminal an hour of silence would worry; a line for a new best comes sooner."""
    from helpers import running

    from pyhopper.budget import Budget, Schedule
    from pyhopper.display.progress import Progress

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0, clock=clock)
    search.run(lambda p: p["x"], "max", steps=1, quiet=True)
    budget = Budget(Schedule(runtime=3600), running(clock))
    progress = Progress(search._log.state, search._log.space, budget)
    with progress:
        clock.advance(59)
        progress._show()
        assert capsys.readouterr().err == ""
        clock.advance(1)
        progress._show()
        assert capsys.readouterr().err.startswith("1:00/1:00:00, best 0.5")
        search.run(lambda p: p["x"], "max", steps=9, quiet=True)
        clock.advance(6)
        progress._show()
        assert f"best {search.best_f:.6g}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.085, "85 ms"),
        (0.9999, "1.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (192, "3 min 12 s"),
        (7500, "2 h 5 min"),
        (200000, "2 d 7 h"),
    ],
)
def test_duration(seconds, text):
    """Time spans as people say them."""
    assert duration(seconds) == text


def test_clock_text():
    """Time spans as clocks show them."""
    assert [clock_text(s) for s in (7, 750, 3750)] == ["0:07", "12:30", "1:02:30"]


def test_outline_of_anything():
    """Nested and large values stay readable within the width."""
    params = {
        "lr": 0.001,
        "text": "word " * 60,
        "path": "x" * 200,
        "empty": {},
        "opt": {"name": "sgd", "deep": {"list": list(range(100)), "none": None}},
        "array": np.linspace(0, 1, 5000).reshape(50, 100),
        "small": np.array([1, 2, 3]),
        "function": outline,
    }
    text = outline(params, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 60
    assert "lr: 0.001" in text
    assert "    name" not in text
    assert "  name: sgd" in text


@pytest.mark.parametrize(
    ("deed", "left"),
    [
        ('print("the last part", end="")', "the last part"),
        ("sys.stderr.close()", ""),
        ("sys.stdout.close()", ""),
        ("sys.stdout = None", ""),
        ('pid = os.fork() or (print("child"), sys.stdout.flush(), os._exit(0))', ""),
    ],
)
def test_streams_that_the_objective_spoils_cost_no_result(deed, left):
    """What it closes is not written to, and its unfinished last line is not overwritten."""
    program = f"""
import logging, os, sys, pyhopper
logging.basicConfig()
search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0)
def objective(params):
    {deed}
    return params["x"]
assert search.run(objective, "max", steps=1)
"""
    written = in_terminal(["-c", program], 100)
    lines = [line.split("\r")[-1] for line in written.replace("\r\n", "\n").split("\n")]
    assert not left or left in lines


def test_the_summary_of_a_resumed_run_has_the_earlier_part(tmp_path, capsys):
    """Counts, time and best are those of all the search."""
    values = {1: 9.0, 2: pyhopper.PRUNED, 13: pyhopper.FAILED}
    for steps, quiet in ((10, True), (25, False)):
        clock = FakeClock()

        def script(job):
            value = values.get(job.id, 1.0)
            if isinstance(value, Status):
                value = Outcome(value, reason="no luck")
            return 60.0, value

        search = search_of_x(seed=0, clock=clock)
        search.run(
            x_of,
            steps=steps,
            executor=ScriptedExecutor(clock, script),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=quiet,
        )
    out = capsys.readouterr().out
    rows = {text[:20].strip(): text[20:].split() for text in out.splitlines()}
    assert rows["Total"][:4] == ["9", "25", "1", "1"]
    assert rows["Total"][4:] == ["25", "min", "0", "s"]
    assert rows["Initial"][:2] == ["1", "1"]
    assert "Search ended after 25 min 0 s" in out
    assert "Best (highest) value 9 with" in out


def test_a_summary_that_nobody_reads_costs_no_result(monkeypatch):
    """The terminal may be gone, or the reader of a pipe."""
    end, other = os.pipe()
    os.close(end)
    gone = os.fdopen(other, "w")
    monkeypatch.setattr(sys, "stdout", gone)
    assert pyhopper.Search(x=pyhopper.float(0, 1)).run(lambda p: 1.0, steps=2)
    monkeypatch.undo()
    with contextlib.suppress(BrokenPipeError):
        gone.close()

"""The recipe for spot instances and the example for one's own loop, as a user would run them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers import ROOT

from pyhopper.journal import read

TRAIN = """
import os, sys, time
import pyhopper

def objective(params):
    with open("pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
    with open("pids") as file:
        found = file.read().split()
    # The first three programs wait in their third evaluation until they are ended.
    if len(set(found)) < 4 and found.count(found[-1]) == 3:
        time.sleep(600)
    return -params["x"] ** 2

search = pyhopper.Search(x=pyhopper.float(-1, 1), seed=1)
search.run(objective, "max", steps=30, checkpoint_path="run.ckpt", work_dir="runs")
"""


class Ended:
    """Ends a shell and everything that it has started."""

    def __init__(self, shell):
        self.shell = shell

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.shell.pid, signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="a loop of the shell")
def test_spot_instances(tmp_path):
    """The loop of the docs, whose command is ended three times, in both ways."""
    text = (ROOT / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    loop = re.search(r"<!-- recipe.*?```console\n(.*?)```", text, re.DOTALL)[1]
    (tmp_path / "train.py").write_text(TRAIN)
    path, pids = tmp_path / "run.ckpt", tmp_path / "pids"
    python = f'python() {{ "{sys.executable}" "$@"; }}\nsleep() {{ :; }}\n'
    out = tmp_path / "out"
    with (
        out.open("w") as file,
        subprocess.Popen(
            ["sh", "-c", python + loop],
            cwd=tmp_path,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
        # A program that always fails would be started for ever.
        contextlib.closing(Ended(shell)),
    ):
        limit = time.monotonic() + 180
        killed = []
        for kind in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            while True:
                assert time.monotonic() < limit, out.read_text()
                found = pids.read_text().split() if pids.exists() else []
                if found and found[-1] not in killed and found.count(found[-1]) >= 3:
                    break
                threading.Event().wait(0.005)
            killed.append(found[-1])
            os.kill(int(found[-1]), kind)
        assert shell.wait(60) == 0, out.read_text()
    records, _ = read(path)
    ended = [record["id"] for record in records if record["event"] == "ended"]
    assert ended == list(range(30))
    assert len(set(pids.read_text().split())) == 4
    assert out.read_text().count("Going on from") == 3
    config = json.loads((tmp_path / "runs" / "00029" / "config.json").read_text())
    assert set(config) == {"x"}
    best = json.loads((tmp_path / "runs" / "best" / "value.json").read_text())
    assert best["value"] == max(r["value"] for r in records if r["event"] == "ended")


@pytest.mark.slow
def test_ask_tell_example(tmp_path):
    """Many processes of the example, some at once: every candidate once, then nothing left."""
    pytest.importorskip("sklearn")
    command = [sys.executable, str(ROOT / "examples" / "ask_tell.py"), "--steps", "3"]
    children = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [child.communicate(timeout=120)[0] for child in children]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        outputs.append(done.stdout)
    assert [child.returncode for child in children] == [0, 0]
    taken = sorted(output.split(":")[0] for output in outputs[:3])
    assert taken == [f"candidate {number}" for number in range(3)]
    assert outputs[3].startswith("Nothing left to do")
    values = [
        json.loads((tmp_path / "ask_tell_runs" / f"{n:05d}" / "value.json").read_text())["value"]
        for n in range(3)
    ]
    assert max(values) > 0.8

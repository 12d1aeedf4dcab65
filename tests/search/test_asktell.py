"""Ask and tell: the caller's own loop, in one process and in several."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime

import pytest

import pyhopper
from pyhopper.journal.file import read
from pyhopper.testing import FakeClock


def make(seed=1, **more):
    return pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 9), seed=seed, **more)


def value_of(params):
    return params["n"] - params["x"] ** 2


def test_asking_is_the_same_search_as_running():
    """One at a time, ask and tell give the candidates that run gives."""
    plain = make()
    plain.run(value_of, steps=30, quiet=True)
    asked = make()
    while (candidate := asked.ask(steps=30)) is not None:
        asked.tell(candidate, value_of(candidate.params))
    assert [e.params for e in asked.history.evaluations] == [
        e.params for e in plain.history.evaluations
    ]
    assert asked.best == plain.best


def test_several_open_at_once_and_told_in_any_order():
    search = make()
    open_ones = [search.ask("min") for _ in range(10)]
    assert [candidate.id for candidate in open_ones] == list(range(10))
    assert len({repr(candidate.params) for candidate in open_ones}) == 10
    for candidate in reversed(open_ones):
        search.tell(candidate, value_of(candidate.params))
    assert search.best_f == min(value_of(candidate.params) for candidate in open_ones)


def test_every_kind_of_result():
    search = make()
    for value in (1.0, {"value": 2.0, "loss": 0.5}, pyhopper.PRUNED, pyhopper.FAILED, float("nan")):
        search.tell(search.ask().id, value)
    evaluations = search.history.evaluations
    assert [e.status for e in evaluations] == [
        "done", "done", "pruned", "failed", "failed",
    ]  # fmt: skip
    assert evaluations[1].metrics == {"loss": 0.5}
    assert search.best_f == 2.0


def test_mistakes_are_named():
    search = make()
    candidate = search.ask()
    with pytest.raises(pyhopper.ArgumentError, match="value='good'"):
        search.tell(candidate, "good")
    search.tell(candidate, 1)
    with pytest.raises(pyhopper.ArgumentError, match="candidate=0: it is not open"):
        search.tell(candidate, 1)
    with pytest.raises(pyhopper.ArgumentError, match="candidate=7"):
        search.tell(7, 1)
    with pytest.raises(pyhopper.ArgumentError, match="minimize"):
        search.ask("min")
    with pytest.raises(pyhopper.ArgumentError, match="work_dir"):
        search.candidate_dir(candidate)


def test_a_finite_space_ends():
    search = pyhopper.Search(n=pyhopper.int(0, 3))
    taken = [search.ask() for _ in range(5)]
    assert taken[4] is None
    assert sorted(candidate.params["n"] for candidate in taken[:4]) == [0, 1, 2, 3]


def test_time_counts_while_a_candidate_is_open():
    clock = FakeClock()
    search = make(clock=clock)
    for _ in range(3):
        candidate = search.ask(runtime="1h")
        clock.advance(1000)
        search.tell(candidate, 1)
        clock.advance(100_000)
    candidate = search.ask(runtime="1h")
    assert candidate is None, "the fourth is not expected to end in time"
    assert search.history.seconds == [1000, 2000, 3000]


def test_going_on_in_another_process(tmp_path):
    """An open candidate is told by its number; a script that runs again gets a new one."""
    path = tmp_path / "run.ckpt"
    first = make()
    one, two = (first.ask(checkpoint_path=path) for _ in range(2))
    first.tell(one, 1)
    second = make(None)
    three = second.ask(checkpoint_path=path)
    assert three.id == 2
    assert second.best_f == 1
    second.tell(two.id, 5)
    first.tell(second.ask().id, 7)
    assert first.best_f == 7
    with pytest.raises(pyhopper.ArgumentError, match="candidate=1"):
        first.tell(two, 5)
    with pytest.raises(pyhopper.CheckpointError, match=f"process {os.getpid()}"):
        make().run(value_of, steps=10, quiet=True, checkpoint_path=path)
    second.tell(three, 0)
    search = make()
    search.run(value_of, steps=10, quiet=True, checkpoint_path=path)
    assert [e.id for e in search.history.evaluations] == [0, 1, 3, 2, *range(4, 10)]


CHILD = """
import sys
import pyhopper

search = pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 9), seed=1)
held = []
for _ in range(int(sys.argv[2])):
    candidate = search.ask(checkpoint_path=sys.argv[1])
    print(candidate.id, repr(candidate.params["x"]), flush=True)
    held.append(candidate)
    if len(held) == 3:
        done = held.pop(candidate.id % 3)
        search.tell(done, done.params["n"] - done.params["x"] ** 2)
for done in held:
    search.tell(done, done.params["n"] - done.params["x"] ** 2)
"""


def start(script, *arguments, **more):
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)


@pytest.mark.slow
def test_two_processes_share_a_file(tmp_path):
    """500 each: no candidate twice, none lost, and both know of all."""
    path = tmp_path / "run.ckpt"
    children = [start(CHILD, path, 500) for _ in range(2)]
    outputs = [child.communicate(timeout=120)[0].splitlines() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert [len(output) for output in outputs] == [500, 500]
    ids = Counter(int(line.split()[0]) for output in outputs for line in output)
    assert sorted(ids) == list(range(1000))
    assert set(ids.values()) == {1}
    records, lost = read(path)
    assert lost == 0
    events = Counter(record["event"] for record in records)
    assert events["started"] == events["ended"] == 1000
    search = make()
    search.load(path)
    assert len(search.history) == 1000
    assert not (tmp_path / "run.ckpt.lock").exists()


KILLED = """
import os, signal, sys
import pyhopper

search = pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 9), seed=1)
candidate = search.ask(checkpoint_path=sys.argv[1])
print(candidate.id, repr(candidate.params["x"]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_what_a_dead_process_held_is_handed_out_again(tmp_path):
    path = tmp_path / "run.ckpt"
    search = make()
    mine = search.ask(checkpoint_path=path)
    child = start(KILLED, path)
    told = child.communicate(timeout=60)[0].split()
    again = search.ask()
    assert [str(again.id), repr(again.params["x"])] == told
    assert search.ask().id == 2
    assert mine.id == 0


LOCKED = """
import os, signal, sys
from pathlib import Path
import pyhopper

write = os.write
def dies(file, data):
    if b'"started"' in data:
        write(file, data[:40])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, data)
os.write = dies
search = pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 9), seed=1)
search.ask(checkpoint_path=sys.argv[1])
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_process_that_dies_in_the_middle_of_a_line_stops_nobody(tmp_path):
    path = tmp_path / "run.ckpt"
    search = make()
    search.ask(checkpoint_path=path)
    child = start(LOCKED, path)
    child.communicate(timeout=60)
    assert child.returncode == -9
    assert (tmp_path / "run.ckpt.lock").exists()
    assert search.ask().id == 1
    assert not (tmp_path / "run.ckpt.lock").exists()
    assert read(path)[1] == 0


def test_work_dir(tmp_path):
    search = make()
    for value in (1.0, 3.0, 2.0):
        candidate = search.ask(work_dir=tmp_path / "runs")
        folder = search.candidate_dir(candidate)
        assert json.loads((folder / "config.json").read_text()) == candidate.params
        search.tell(candidate, {"value": value, "epochs": 3})
    assert folder.name == "00002"
    assert json.loads((folder / "value.json").read_text())["metrics"] == {"epochs": 3}
    assert json.loads((tmp_path / "runs" / "best" / "value.json").read_text())["value"] == 3.0


def test_asking_after_a_run_has_a_budget_of_its_own():
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda p: p["x"], steps=5, quiet=True)
    for _ in range(3):
        candidate = search.ask(steps=3)
        search.tell(candidate, candidate.params["x"])
    assert search.ask(steps=3) is None
    assert len(search.history) == 8


def seconds_since_epoch(hour, minute=0):
    return datetime(2026, 3, 5, hour, minute).astimezone().timestamp()


def test_the_end_at_a_time_of_day_stays_where_it_is():
    """Asked from 07:00 on, the budget ends at 08:00, also if nothing is open for a while."""
    clock = FakeClock(seconds_since_epoch(7))
    search = pyhopper.Search(x=pyhopper.float(0, 1), clock=clock)
    last = clock.time()
    for minute in range(200):
        candidate = search.ask("min", runtime="until 08:00")
        if candidate is None:
            break
        last = clock.time()
        clock.advance(60)
        search.tell(candidate, minute)
        clock.advance(120)
    assert seconds_since_epoch(7, 56) < last < seconds_since_epoch(8)
    assert search.ask("min", runtime="until 08:00") is None


class WorkingClock(FakeClock):
    """Every look at it takes a tenth of a millisecond, as if the process had worked."""

    def monotonic(self):
        self.advance(1e-4)
        return super().monotonic()


def test_thinking_is_part_of_the_time():
    """With evaluations that take no time, asking ends when its own time has used up the budget."""
    clock = WorkingClock()
    search = pyhopper.Search(x=pyhopper.float(-5, 5), y=pyhopper.float(-5, 5), clock=clock)
    began, asked = clock.time(), 0
    while (candidate := search.ask("min", runtime=3)) is not None:
        asked += 1
        assert asked < 50_000, "it goes on without end"
        search.tell(candidate, candidate.params["x"] ** 2 + candidate.params["y"] ** 2)
    # What is between a tell and the next ask does not count, here a few looks at the clock.
    assert 2.5 < clock.time() - began < 4.5
    assert asked > 500


def test_a_wall_clock_that_is_set_does_not_change_the_budget():
    """Time is counted by a clock that never goes back."""
    for jump in (-86_400, 86_400):
        clock = FakeClock()
        search = pyhopper.Search(x=pyhopper.float(0, 1), clock=clock)
        asked = 0
        while (candidate := search.ask("min", runtime=100)) is not None:
            asked += 1
            assert asked < 50
            clock.advance(10)
            clock._now += jump * (asked == 3)
            search.tell(candidate, asked)
        assert asked == 10

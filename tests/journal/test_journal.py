"""The checkpoint file: damage of every kind, and resuming from any moment."""

import json
import os
import pickle
import random
import time
from typing import get_args

import pytest
from helpers import (
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.events import Event, SpaceChanged
from pyhopper.journal.file import Journal, pack, read, unpack
from pyhopper.journal.formats import FORMATS

STEPS = 24


def make(seed=3):
    search = pyhopper.Search(
        x=pyhopper.float(-1, 1, precision=1),
        model=pyhopper.choice(
            {"kind": "a", "C": pyhopper.float(1, 10, log=True)},
            {"kind": "b", "C": pyhopper.int(0, 5)},
        ),
        w=pyhopper.float(0, 1, shape=3),
        sizes=pyhopper.list(pyhopper.int(1, 4), 0, 3),
        seed=seed,
    )
    search += {"x": 0.5}
    search += {"model": {"kind": "b", "C": 2}}
    return search


def objective(params):
    value = params["model"]["C"] - params["x"] ** 2 + params["w"].sum()
    if params["x"] == 0.1:
        raise ValueError("no luck")
    yield value / 2
    yield {"value": value, "length": len(params["sizes"])}


def run(search, path=None, steps=STEPS, **more):
    return search.run(objective, "max", steps=steps, quiet=True, checkpoint_path=path, **more)


def story(search):
    """Everything of a history that must not depend on interruptions."""
    state = search._log.state
    told = [
        (e.id, e.type, repr(e.point), e.status, repr(e.value), e.metrics, e.estimates, e.reason)
        for e in state.evaluations
    ]
    best = None if state.best is None else state.best.id
    return told, best, state.duplicates, state.started, state.ended, sorted(map(repr, state.seen))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished search: its checkpoint's bytes, and its story."""
    path = tmp_path_factory.mktemp("whole") / "run.ckpt"
    search = make()
    run(search, path)
    plain = make()
    run(plain)
    assert story(plain) == story(search), "a checkpoint changes nothing"
    assert search.checkpoint_path == str(path)
    return path.read_bytes(), story(search)


def test_every_line_is_json_with_a_checksum(whole):
    for number, line in enumerate(whole[0].decode().splitlines()):
        entries = json.loads(line)
        assert entries["n"] == number
        assert set(entries) >= {"event", "crc"}
        assert unpack(line.encode()) is not None


def test_every_event_has_a_format():
    # A changed space is a line of its own kind, which begins with the space's description.
    assert {form.event for form in FORMATS.values()} == set(get_args(Event)) - {SpaceChanged}


def test_a_checkpoint_only_grows(tmp_path):
    """Each evaluation adds its own few lines; what was written before is not touched again."""
    path = tmp_path / "run.ckpt"
    sizes, start = [], [b""]

    class Watch(Callback):
        def on_evaluate_end(self, candidate, f, info):
            data = path.read_bytes()
            assert data.startswith(start[0])
            sizes.append(len(data) - len(start[0]))
            start[0] = data

    search = search_of_x()
    search.run(x_of, steps=300, callbacks=Watch(), checkpoint_path=path, quiet=True)
    assert len(sizes) == 300
    assert all(0 < size < 2000 for size in sizes[1:])
    assert sum(sizes[200:]) < 1.5 * sum(sizes[100:200])


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_resume_from_every_line(whole, tmp_path, stride):
    """Killed between any two lines, a search ends with the same history."""
    data, told = whole
    path = tmp_path / "run.ckpt"
    lines = data.splitlines(keepends=True)
    for count in {*range(0, len(lines) + 1, stride), *range(8), len(lines)}:
        path.write_bytes(b"".join(lines[:count]))
        search = make(3 if count < 1 else None)
        run(search, path)
        assert story(search) == told, count
        again, _ = read(path)
        ends = [line["id"] for line in again if line["event"] == "ended"]
        assert sorted(ends) == list(range(STEPS)), "each is evaluated once"


def test_cut_at_every_byte(tmp_path):
    """A file cut anywhere opens to its whole lines."""
    path = tmp_path / "run.ckpt"
    run(make(), path, steps=6)
    data = path.read_bytes()
    lines = [unpack(raw) for raw in data.splitlines()]
    for line in lines:
        del line["n"]
    end = 0
    for size in range(len(data)):
        path.write_bytes(data[:size])
        end = data[:size].count(b"\n")
        if end:
            assert read(path) == (lines[:end], 0)
        else:
            with pytest.raises(pyhopper.CheckpointError, match="nothing has been written"):
                read(path)
        if size % 23:
            continue
        journal = Journal(path)
        assert journal.catch_up() == lines[:end]
        journal.append({"event": "header"})
        journal.close()
        assert read(path) == ([*lines[:end], {"event": "header"}], 0)


@pytest.mark.parametrize("cuts", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_resume_after_cuts_inside_of_lines(whole, tmp_path, cuts):
    data, told = whole
    path = tmp_path / "run.ckpt"
    for size in random.Random(1).sample(range(1, len(data)), cuts):
        path.write_bytes(data[:size])
        search = make()
        run(search, path)
        assert story(search) == told, size


def _corrupt(data, rng):
    """Damage of one of the kinds that disks and people do."""
    at, length = rng.randrange(len(data)), rng.choice([1, 1, 1, 2, 20, 500, 5000])
    kind = rng.choice(["flip", "random", "zero", "remove", "insert", "repeat", "line out", "swap"])
    lines = data.splitlines(keepends=True)
    number = rng.randrange(len(lines) - 1)
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    if kind == "random":
        return data[:at] + rng.randbytes(length) + data[at + length :]
    if kind == "zero":
        return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]
    if kind == "remove":
        return data[:at] + data[at + length :]
    if kind == "insert":
        return data[:at] + rng.randbytes(length) + data[at:]
    if kind == "repeat":
        return data[:at] + data[at : at + length] + data[at:]
    if kind == "line out":
        return b"".join(lines[:number] + lines[number + 1 :])
    lines[number], lines[number + 1] = lines[number + 1], lines[number]
    return b"".join(lines)


def test_corruptions(whole, tmp_path):
    """Any damage gives a prefix or a clear error, never a wrong value or a traceback."""
    data, told = whole
    truth = {entry[0]: entry for entry in told[0]}
    rng = random.Random(7)
    path = tmp_path / "run.ckpt"
    refused = 0
    for _ in range(300):
        bad = _corrupt(data, rng)
        path.write_bytes(bad)
        search = make(None)
        try:
            search.load(path)
        except pyhopper.CheckpointError as error:
            refused += 1
            assert str(path) in str(error)
            if bad.startswith(b'{"n":0,"event":"header"') and unpack(bad.split(b"\n")[0]):
                assert error.line is not None
                assert "recover=True" in str(error)
                search = make(None)
                search.load(path, recover=True)
        got = story(search)[0]
        assert all(truth[entry[0]] == entry for entry in got)
    assert 100 < refused < 300


def test_recovering(whole, tmp_path, capsys):
    """All lines but the damaged one are read, and the search goes on in another file."""
    data, told = whole
    lines = data.splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if b'"event":"ended","id":5,' in line]
    lines[ends[0]] = lines[ends[0]].replace(b'"status"', b'"Status"')
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"".join(lines))
    with pytest.raises(pyhopper.CheckpointError, match=f"line {ends[0] + 1}: this line is damaged"):
        run(make(), path)
    assert path.read_bytes() == b"".join(lines), "a damaged file is not touched"
    search = make()
    search.load(path, recover=True)
    assert "1 damaged or missing line;" in capsys.readouterr().out
    assert [entry[0] for entry in story(search)[0]] == [i for i in range(STEPS) if i != 5]
    run(search, tmp_path / "other.ckpt")
    assert sorted(entry[0] for entry in story(search)[0]) == list(range(STEPS))
    assert {e[0]: e for e in story(search)[0]} == {e[0]: e for e in told[0]}


def test_not_a_checkpoint(tmp_path):
    path = tmp_path / "thesis.txt"
    for content in ("my thesis\n", "x", '{"n":0}\n', "{}\n{}\n"):
        path.write_text(content)
        for overwrite in (False, True):
            with pytest.raises(pyhopper.CheckpointError, match="not a checkpoint"):
                run(make(), path, overwrite_checkpoint=overwrite)
        with pytest.raises(pyhopper.CheckpointError, match="not a checkpoint"):
            make().load(path)
        assert path.read_text() == content
    path.write_bytes(pickle.dumps({"history": [1, 2]}))
    with pytest.raises(pyhopper.CheckpointError, match="but a pickle"):
        run(make(), path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        make().load(tmp_path / "nothing.ckpt")
    with pytest.raises(pyhopper.ArgumentError, match="checkpoint_path"):
        run(make(), 3.5)


def test_later_version(whole, tmp_path):
    path = tmp_path / "run.ckpt"
    header = unpack(whole[0].split(b"\n")[0])
    del header["n"]
    path.write_bytes(pack(0, {**header, "format": 99, "version": "9.0"}))
    with pytest.raises(pyhopper.CheckpointError, match=r"pyhopper 9\.0"):
        run(make(), path)


def test_unknown_keys_and_events_are_left_alone(whole, tmp_path):
    """A later version may add to the format without a new number."""
    path = tmp_path / "run.ckpt"
    lines = []
    for raw in whole[0].splitlines():
        line = unpack(raw)
        del line["n"]
        lines += [{**line, "device": "GPU-1", "expected": 0.5}, {"event": "news", "elapsed": 1}]
    path.write_bytes(b"".join(pack(n, line) for n, line in enumerate(lines)))
    search = make()
    search.load(path)
    assert story(search) == whole[1]


def test_disk_full(tmp_path, monkeypatch):
    """A line that the disk has no room for is taken back; what was there stays readable."""
    path = tmp_path / "run.ckpt"
    journal = Journal(path)
    journal.append({"event": "header"})
    write = os.write

    def full(file, data):
        if len(data) < 30:
            raise OSError(28, "No space left on device")
        return write(file, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(pyhopper.CheckpointError, match="No space left"):
        journal.append({"event": "alive", "more": "x" * 50})
    monkeypatch.undo()
    journal.append({"event": "alive"})
    journal.close()
    assert [line["event"] for line in read(path)[0]] == ["header", "alive"]


def test_interrupted_between_writing_and_counting(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    journal = Journal(path)
    journal.append({"event": "header"})
    write = os.write

    def interrupted(file, data):
        write(file, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append({"event": "alive"})
    monkeypatch.undo()
    journal.append({"event": "alive"})
    journal.close()
    assert len(read(path)[0]) == 3


def test_a_second_writer_is_noticed(tmp_path):
    """When a lock was deleted by hand, the first process stops and the file stays whole."""
    path = tmp_path / "run.ckpt"
    first = Journal(path)
    first.append({"event": "header"})
    second = Journal(path)
    second.catch_up()
    second.append({"event": "alive"})
    with pytest.raises(pyhopper.CheckpointError, match="another process has written"):
        first.append({"event": "alive"})
    first.close()
    second.close()
    assert len(read(path)[0]) == 2


def test_a_long_evaluation_shows_that_it_is_alive(tmp_path, monkeypatch):
    """A kill then loses at most half a minute of the time that was used."""
    monkeypatch.setattr("pyhopper.journal.file._SYNC_EVERY", 0.002)
    path = tmp_path / "run.ckpt"

    def waits(params):
        limit = time.monotonic() + 30
        while b'"alive"' not in path.read_bytes():
            assert time.monotonic() < limit
        return 1

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(waits, steps=1, quiet=True, checkpoint_path=path)
    assert [line["event"] for line in read(path)[0]][-2:] == ["alive", "ended"]

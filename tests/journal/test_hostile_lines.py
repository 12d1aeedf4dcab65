"""Checkpoints whose lines are well-formed and have wrong contents, and what a reader makes of them.

A mutation replaces one value anywhere in a line, removes it, or repeats a line; numbers and
checksums are right again afterwards. Run this file as a program for more of them::

    python tests/journal/test_hostile_lines.py 10000
"""

import contextlib
import copy
import csv
import io
import json
import random
import sys
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import pyhopper
from pyhopper.cli import main
from pyhopper.journal.file import pack, unpack

HOSTILE = [
    None, True, False, 0, -1, 1, 7, 2**53, 2**64, 10**400, -(10**400), 0.5, -0.0, 1e18, -1e18,
    1e308, "", "x", "\x1b[31m", "\ud800", "../../x", "a" * 3000, [], [1], [None], [[]], {},
    {"a": 1}, {"": {}}, {"$float": "nan"}, {"$float": "inf"}, {"$float": []}, {"$tuple": 3},
    {"$array": {"dtype": "|O", "shape": [1], "base64": ""}}, {"$array": {"dtype": "<f8"}},
    {"$array": {"dtype": "<f8", "shape": [-1], "base64": "AAAAAAAA8D8="}},
    {"$omitted": ["a", "b"]}, {"$omitted": []}, {"$dict": [[[], 1]]}, {"$dict": [[1, 2], [3, 4]]},
    {"$pickle": "gASVBQAAAAAAAABLAS4="}, {"$leaf": "x"}, {"$leaf": []}, {"$choice": "x"},
    {"$choice": "model", "options": []}, {"$choice": {}, "options": 3}, "header", "space", "ended",
    "done", "failed", "maximize", "minimize", "000000001.json", list(range(50)), [1.5, 2.5, 3.5],
]  # fmt: skip


DEPTHS = {f"<{depth} deep>": "[" * depth + "]" * depth for depth in (300, 450, 900)}
HOSTILE += list(DEPTHS)


def template(large):
    return {
        "x": pyhopper.float(0, 1),
        "n": pyhopper.int(1, 100, log=True),
        "model": pyhopper.choice(
            {"kind": "a", "C": pyhopper.float(1, 10, log=True)},
            {"kind": "b", "C": pyhopper.int(0, 5)},
            "none",
        ),
        "w": pyhopper.float(0, 1, shape=(100, 90) if large else 3),
        "sizes": pyhopper.list(pyhopper.int(1, 4), 0, 3),
        "own": pyhopper.custom(lambda rng: [int(rng.integers(9)), (1, 2)]),
        "free": pyhopper.float(),
    }


class Counting(pyhopper.callbacks.Callback):
    def __init__(self):
        self.count = 0

    def on_evaluate_end(self, candidate, f, info):
        self.count += 1

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = int(state["count"])


def objective(params):
    if params["x"] < 0.1:
        raise ValueError("no luck")
    yield params["x"] / 2
    yield {"value": params["x"] + params["n"] + float(params["w"].mean()), "name": "cat", "k": 3}


def run(search, path, steps):
    search.run(
        objective,
        "max",
        steps=steps,
        quiet=True,
        checkpoint_path=path,
        callbacks=[Counting()],
        pruner=pyhopper.pruners.QuantilePruner(0.2, 3),
    )


def make(large, seed=None):
    return pyhopper.Search(template(large), seed=seed)


def lines_of(path):
    lines = []
    for raw in path.read_bytes().splitlines():
        line = unpack(raw)
        del line["n"]
        lines.append(line)
    return lines


def sources(folder):
    """Real checkpoints: of runs with small and large points, saved, and of a changed space."""
    found = {}
    for name, large in (("run", False), ("arrays", True)):
        search, path = make(large, 3), folder / f"{name}.ckpt"
        space = search._log.space
        search.add(space.build(space.start(np.random.default_rng(0))), 1)
        search += {"x": 0.5}
        search += {"x": 0.25, "n": 3}
        run(search, path, 14)
        lines = lines_of(path)
        last = max(n for n, line in enumerate(lines) if line["event"] == "started")
        found[name] = large, lines[: last + 1]  # the last one is open
        search.save(folder / f"{name}-saved.ckpt")
        found[f"{name}, saved"] = large, lines_of(folder / f"{name}-saved.ckpt")
    path = folder / "changed.ckpt"
    write(path, found["run"][1])
    other = {**template(False), "x": pyhopper.float(0, 0.9), "new": pyhopper.int(1, 5, init=2)}
    with contextlib.redirect_stdout(io.StringIO()):
        run(pyhopper.Search(other), path, 16)
    found["changed"] = False, lines_of(path)
    return found


def write(path, lines):
    text = b""
    for number, line in enumerate(lines):
        raw = pack(number, line)
        if b" deep>" in raw:
            body = json.dumps(line, ensure_ascii=True, separators=(",", ":"))
            for mark, nested in DEPTHS.items():
                body = body.replace(f'"{mark}"', nested)
            raw = packed(number, body[1:-1])
        text += raw
    path.write_bytes(text)


def packed(number, text):
    """A line whose text is not what a JSON encoder would write."""
    body = f'{{"n":{number},{text}'.encode()
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def places(value, path=()):
    """All places in a line."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def mutated(lines, rng):
    """The lines with one to three mutations, and what these are."""
    lines, told = copy.deepcopy(lines), []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        # Lines of each kind are equally likely.
        kinds = sorted({line["event"] for line in lines if isinstance(line.get("event"), str)})
        kind = rng.choice(kinds)
        index = rng.choice([n for n, line in enumerate(lines) if line.get("event") == kind])
        line = lines[index]
        act = rng.choice(["replace"] * 7 + ["remove", "repeat", "drop", "add"])
        place = rng.choice(list(places(line)))
        told.append((act, index, kind, place))
        if act == "repeat":
            lines.insert(rng.randrange(1, len(lines) + 1), copy.deepcopy(line))
            continue
        if act == "drop" and index:
            del lines[index]
            continue
        inner = line
        for key in place[:-1]:
            inner = inner[key]
        if act == "remove":
            del inner[place[-1]]
        elif act == "add" and isinstance(inner, dict):
            inner[rng.choice(["large", "unfit", "id", "x", "again", "void"])] = rng.choice(HOSTILE)
        else:
            inner[place[-1]] = rng.choice(HOSTILE)
    return lines, told


EXPECTED = (pyhopper.CheckpointError, pyhopper.ArgumentError)


def attack(path, large, lines):
    """Do everything that can be done with a checkpoint; returns how often it was refused."""
    refused = Counter()
    write(path, lines)
    for recover in (False, True):
        search = make(large)
        try:
            search.load(path, recover=recover)
        except EXPECTED:
            refused["load", recover] += 1
        else:
            list(search.history.evaluations)
            search.history.to_pandas()
            search.save(path.with_name("saved.ckpt"))
            make(large).load(path.with_name("saved.ckpt"))
        more = ["--recover"] if recover else []
        exported = str(path.with_name("out.csv"))
        for command in (["show"], ["best"], ["export", exported]):
            arguments = [command[0], str(path), *command[1:], *more]
            refused[command[0], recover] += main(arguments)
    before = path.read_bytes()
    search = make(large)
    try:
        run(search, path, 20)
    except EXPECTED:
        refused["run", False] += 1
        if not path.read_bytes().startswith(before):
            raise AssertionError("a file that is refused was changed") from None
    except pyhopper.SearchFailedError:
        pass  # the objective may fail for what it gets
    return refused


def attacks(folder, count, seed):
    """Attack with mutations; returns how many there were, and how often what was refused."""
    found, rng, refused = sources(folder), random.Random(seed), Counter()
    path = folder / "hostile.ckpt"
    for number in range(count):
        name = rng.choice(sorted(found))
        large, lines = found[name]
        bad, told = mutated(lines, rng)
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                refused += attack(path, large, bad)
        except Exception as error:
            raise AssertionError(f"mutation {number} of {name}: {told}") from error
        shown = (out.getvalue() + err.getvalue()).replace("\n", "").replace("\t", "")
        assert shown.isprintable() or "\x1b" not in shown, told
    return refused


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_mutations(tmp_path, count):
    """Each is refused with the name of the file, or does no harm."""
    pytest.importorskip("pandas")
    refused = attacks(tmp_path, count, 7)
    for what in ("load", "show", "run"):
        assert count / 4 < refused[what, False] < count
    assert refused["load", True] < refused["load", False]


@pytest.mark.parametrize(
    "text",
    [
        '"event":"state","pruner":' + "[" * 100_000 + "]" * 100_000,
        '"event":"alive","elapsed":1,"time":Infinity',
        '"event":"alive","elapsed":1,"time":1e999',
        '"event":"alive","elapsed":{},"time":1',
        '"event":"ended","id":0,"status":"done","value":NaN,"elapsed":1,"time":1',
        '"event":"alive","elapsed":1,"time":' + "1" * 10_000,
    ],
    ids=["deep", "infinity", "1e999", "object", "NaN", "digits"],
)
def test_a_line_that_no_encoder_writes(text, tmp_path, capsys):
    """The error names the line, and all others can be read."""
    search, path = make(False, 3), tmp_path / "run.ckpt"
    run(search, path, 5)
    lines = lines_of(path)
    raw = [pack(number, line) for number, line in enumerate(lines)]
    path.write_bytes(b"".join([*raw, packed(len(raw), text), pack(len(raw) + 1, lines[-1])]))
    with pytest.raises(pyhopper.CheckpointError, match=rf"line {len(raw) + 1}: this line"):
        make(False).load(path)
    with pytest.raises(pyhopper.CheckpointError, match=rf"line {len(raw) + 1}: this line"):
        run(make(False), path, 9)
    assert main(["show", str(path)]) == 1
    assert f"line {len(raw) + 1}" in capsys.readouterr().err
    assert main(["show", str(path), "--recover"]) == 0
    again = make(False)
    again.load(path, recover=True)
    assert len(again.history.evaluations) == 5


@pytest.mark.parametrize(
    "change", [{"leaves": None}, {"leaves": [{}]}, {"template": 3}, {"seed": {}}]
)
def test_a_header_that_cannot_be_understood(change, tmp_path, capsys):
    search, path = make(False, 3), tmp_path / "run.ckpt"
    run(search, path, 2)
    lines = lines_of(path)
    write(path, [{**lines[0], **change}, *lines[1:]])
    refused = main(["show", str(path)]), main(["show", str(path), "--recover"])
    error = capsys.readouterr().err
    if "seed" not in change:
        assert refused == (1, 1)
        assert "line 1: this line cannot be used" in error
    if "template" not in change:
        for recover in (False, True):
            with pytest.raises(pyhopper.CheckpointError, match=r"line 1: "):
                make(False).load(path, recover=recover)


# What is shown and exported -----------------------------------------------------------------------

TEXTS = [
    "a\rb",
    "=1+1",
    "+cmd",
    "-cmd",
    "@x",
    "\t=1",
    "\r=1",
    "-5",
    "\ud800",
    "a\0b",
    "\uff1d1",
    "x",
]


def texts(path):
    """A checkpoint with nasty texts in options, metrics and reasons."""
    search = pyhopper.Search({"t": pyhopper.choice(TEXTS), "=k": pyhopper.int(-5, 5)}, seed=1)

    def objective(params):
        if params["t"] == "x":
            raise ValueError("\x1b[2J\u202egone\x9b1m")
        return {"value": -1.5, "m": params["t"], "n": -2}

    search.run(objective, "max", steps=80, quiet=True, checkpoint_path=path)
    return search


def test_exported_texts(tmp_path, capsys):
    """No cell breaks the file or is a formula; numbers stay numbers."""
    path, output = tmp_path / "run.ckpt", tmp_path / "all.csv"
    search = texts(path)
    assert main(["export", str(path), str(output)]) == 0
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(search.history.evaluations) == 80
    shown = {row["t"] for row in rows}
    assert {"a\rb", "'=1+1", "'+cmd", "'-cmd", "'@x", "'\t=1", "'\r=1", "-5", "\\ud800"} <= shown
    assert not any(cell.lstrip().startswith(("=", "@", "+", "\uff1d")) for cell in shown)
    assert {row["value"] for row in rows} == {"-1.5", ""}
    assert {row["metrics.n"] for row in rows} == {"-2", ""}
    assert "'=k" in rows[0]
    assert main(["export", str(path), "-"]) == 0
    assert main(["export", str(path), str(tmp_path / "all.jsonl")]) == 0
    kept = [json.loads(line)["t"] for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert set(kept) == set(TEXTS)


def test_a_terminal_gets_no_commands(tmp_path, capsys):
    """Neither from a checkpoint that is shown nor from one that goes on."""
    path = tmp_path / "run.ckpt"
    texts(path)
    capsys.readouterr()
    assert main(["show", str(path), "-n", "80"]) == 0
    assert main(["best", str(path)]) == 0
    lines = lines_of(path)
    write(path, [{**lines[0], "version": "\x1b[2J", "format": 7}, *lines[1:]])
    assert main(["show", str(path)]) == 1
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert text.replace("\n", "").isprintable()
    assert "\\x1b[2J" in shown.err


if __name__ == "__main__":
    import tempfile

    warnings.simplefilter("ignore")
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        print(count, "mutations, refused:", dict(attacks(Path(folder), count, seed)))

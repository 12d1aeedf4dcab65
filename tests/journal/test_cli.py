"""Looking into a checkpoint, and the one of an earlier version that must stay readable."""

import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import DATA

import pyhopper
from pyhopper.cli import main
from pyhopper.journal.table import Table

GOLDEN = DATA / "format-1.ckpt"


def make_golden():
    """The search that wrote the golden file, with every kind of parameter."""
    search = pyhopper.Search(
        {
            "lr": pyhopper.float(1e-4, 1e-1, "0.1g"),
            "layers": pyhopper.list(pyhopper.int(8, 64, power_of=2), 1, 3),
            "model": pyhopper.choice(
                {"kind": "svm", "C": pyhopper.float(1, 10)},
                {"kind": "net", "act": pyhopper.choice("relu", None)},
                "constant",
            ),
            "mask": pyhopper.bool(),
            "w": pyhopper.float(-1, 1, shape=(2, 2), dtype=np.float32),
            "own": pyhopper.custom(lambda rng: (int(rng.integers(9)), b"x"), init=(1, b"y")),
            "fixed": {"epochs": 20, "name": "ü"},
        },
        seed=11,
    )
    search.add(
        {**search._log.space.build(search._log.space.start(np.random.default_rng(0)))}, 0.125
    )
    search += {"lr": 0.01}
    search += {"lr": 0.02}
    return search


OBJECTIVE = """
def golden_objective(params):
    if params["mask"]:
        raise ValueError("no masks")
    if params["lr"] > 0.05:
        raise pyhopper.PruneEvaluation
    yield params["lr"]
    yield {"value": params["lr"] + params["w"].sum(), "layers": len(params["layers"])}
"""
# Compiled from text, so that tracebacks in the file name no folder of the machine that wrote it.
exec(compile(OBJECTIVE, "train.py", "exec"))


def write_golden():
    """Run this once for a new format: the first 15 of 20 evaluations, one of them open."""
    search = make_golden()
    search.run(globals()["golden_objective"], "max", steps=20, quiet=True, checkpoint_path=GOLDEN)
    lines = GOLDEN.read_bytes().splitlines(keepends=True)
    started = [n for n, line in enumerate(lines) if b'"event":"started","id":15,' in line]
    GOLDEN.write_bytes(b"".join(lines[: started[0] + 1]))
    search = make_golden()
    search.load(GOLDEN)
    GOLDEN.with_suffix(".txt").write_text(told(search), encoding="utf-8")


@pytest.fixture
def golden(tmp_path):
    """A copy of the golden file."""
    return Path(shutil.copy(GOLDEN, tmp_path / "run.ckpt"))


def told(search):
    """What the golden file says, as text."""

    def plain(point):
        return [v.tolist() if isinstance(v, np.ndarray) else v for v in point]

    lines = [f"queue {list(search._log.state.queue)!r}"]
    for each in search._log.state.evaluations:
        point, more = plain(each.point), (each.metrics, each.estimates, each.reason)
        lines.append(f"{each.id} {each.type.name} {each.status.name} {each.value!r} {point} {more}")
    opened = [running.candidate for running in search._log.state.running.values()]
    return "\n".join([*lines, *(f"{each.id} open {plain(each.point)}" for each in opened)]) + "\n"


def test_this_version_reads_the_first_format(golden):
    """Every value is what it was for the version that wrote the file."""
    search = make_golden()
    search.load(golden)
    assert told(search) == GOLDEN.with_suffix(".txt").read_text(encoding="utf-8")


def test_this_version_goes_on_from_the_first_format(golden, capsys):
    search = make_golden()
    search.run(globals()["golden_objective"], "max", steps=20, checkpoint_path=golden)
    out = capsys.readouterr().out
    assert "Going on from" in out
    assert "The space is not" not in out
    assert [each.id for each in search.history.evaluations] == [-1, *range(20)]


def test_show(golden, capsys):
    before = golden.read_bytes()
    assert main(["show", str(golden)]) == 0
    out = capsys.readouterr().out
    assert "seed 11" in out
    assert "1 open" in out
    assert "budget 20 steps" in out
    assert "Best 5" in out
    assert "no masks" in out
    assert max(map(len, out.splitlines()[1:])) <= 80
    assert golden.read_bytes() == before
    assert [each.name for each in golden.parent.iterdir()] == ["run.ckpt"]


def test_best_is_what_the_objective_got(golden, capsys):
    search = make_golden()
    search.load(golden)
    capsys.readouterr()
    assert main(["best", str(golden)]) == 0
    shown = json.loads(capsys.readouterr().out)
    best = search.best
    best["w"], best["own"] = best["w"].tolist(), [best["own"][0], repr(best["own"][1])]
    assert shown == best
    yaml = pytest.importorskip("yaml")
    assert main(["best", str(golden), "--yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == shown


def test_export(golden, capsys, tmp_path):
    search = make_golden()
    search.load(golden)
    values = [e.value for e in search.history.evaluations]
    assert main(["export", str(golden), str(tmp_path / "all.csv")]) == 0
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_array_equal([float(row["value"] or "nan") for row in rows], values)
    assert rows[1]["lr"] == repr(search.history.evaluations[1].params["lr"])
    assert {"metrics.layers", "reason", "model.kind", "model.C"} <= set(rows[0])
    assert main(["export", str(golden), str(tmp_path / "all.jsonl")]) == 0
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["status"] for row in rows] == [e.status.value for e in search.history.evaluations]
    capsys.readouterr()
    assert main(["export", str(golden), "-"]) == 0
    assert capsys.readouterr().out == (tmp_path / "all.csv").read_text()
    assert main(["export", str(golden), "all.xlsx"]) == 1
    assert "must end in .csv" in capsys.readouterr().err


def test_export_to_parquet(golden, tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    assert main(["export", str(golden), str(tmp_path / "all.parquet")]) == 0
    assert len(pd.read_parquet(tmp_path / "all.parquet")) == 16


def test_bad_files(golden, capsys, tmp_path):
    assert main(["show", str(tmp_path / "nothing")]) == 1
    assert "no such file" in capsys.readouterr().err
    lines = golden.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b"1", b"2")
    golden.write_bytes(b"".join(lines))
    assert main(["show", str(golden)]) == 1
    assert "line 8" in capsys.readouterr().err
    assert main(["show", str(golden), "--recover"]) == 0
    assert "1 damaged" in capsys.readouterr().err


def test_looking_in_while_it_runs(tmp_path):
    """From another process, in the middle of an evaluation."""
    path = tmp_path / "run.ckpt"
    shown = []

    def objective(params):
        command = [sys.executable, "-m", "pyhopper", "show", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        shown.append(done.stdout)
        return params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1))
    search.run(objective, steps=2, quiet=True, checkpoint_path=path)
    assert "0 evaluations (none), 1 open" in shown[0]
    assert "1 evaluation (1 done), 1 open" in shown[1]


def test_the_best_of_a_noisy_search_is_that_of_the_run(tmp_path, capsys):
    """The mean of a confirmed candidate, not the luckiest value."""
    path, noise = str(tmp_path / "run.ckpt"), random.Random(1)
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    wrapped = pyhopper.wrap_n_times(lambda p: -abs(p["x"] - 0.3) + noise.gauss(0, 0.3), 3)
    best = search.run(wrapped, "max", steps=60, checkpoint_path=path, quiet=True)
    assert search.best_f < max(search.history.fs)
    assert main(["best", path]) == 0
    assert json.loads(capsys.readouterr().out) == best
    assert main(["show", path]) == 0
    assert f"value {search.best_f:.6g}, evaluation" in capsys.readouterr().out


def test_a_best_of_another_space_is_marked(tmp_path, capsys):
    path = str(tmp_path / "run.ckpt")
    for most, steps in ((20, 5), (5, 8)):
        search = pyhopper.Search(x=pyhopper.float(0, most), seed=1)
        search.run(lambda p: p["x"], "max", steps=steps, checkpoint_path=path, quiet=True)
    main(["best", path])
    assert "before the space was changed" in capsys.readouterr().err


def test_what_still_fits_a_changed_space_is_kept(tmp_path, capsys):
    """Bounds become wider and an option moves; then bounds become narrower."""

    def run(high, options, steps):
        search = pyhopper.Search(
            x=pyhopper.float(0, high),
            w=pyhopper.float(0, high, shape=2),
            opt=pyhopper.choice(options),
        )
        search.run(value, "max", steps=steps, checkpoint_path=path, quiet=True)
        return Table(path).sheet()

    def value(params):
        return params["x"] + params["w"].sum() + (params["opt"] == "sgd")

    path = tmp_path / "run.ckpt"
    run(1.0, ["adam", "sgd"], 30)
    sheet = run(2.0, ["rmsprop", "sgd", "adam"], 32)
    assert not any(None in axis.values for axis in sheet.axes)
    names, found = sheet.axes[-1].options, sheet.axes[-1].values
    for row, each in enumerate(sheet.evaluations[:30]):
        before = ["adam", "sgd"][each.point[0]["opt"]]
        assert names[found[row]] == before
    main(["show", str(path), "--importance"])
    out = capsys.readouterr()
    assert "Too few" not in out.out
    assert "space was changed" not in out.out + out.err
    sheet = run(0.5, ["rmsprop", "sgd", "adam"], 34)
    kept = [known for known in sheet.axes[0].values if known is not None]
    assert 0 < len(kept) < 34
    assert max(kept) <= 0.5


@pytest.mark.parametrize("count", ["0", "-3", "x"])
def test_numbers_of_rows(count, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["show", str(tmp_path / "run.ckpt"), "-n", count])
    assert "is no number of rows" in capsys.readouterr().err

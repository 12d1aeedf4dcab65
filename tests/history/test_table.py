"""The history of a search as a table."""

import math

import numpy as np
import pytest

import pyhopper
from pyhopper.events import Outcome, Status
from pyhopper.journal.table import Table, plain
from pyhopper.testing import FakeClock, ScriptedExecutor

TEMPLATE = {
    "lr": pyhopper.float(0, 1),
    "opt": {"name": pyhopper.choice("adam", "sgd"), "decay": [pyhopper.float(0, 1), 5]},
    "model": pyhopper.choice(
        {"kind": "tree", "depth": pyhopper.int(1, 9)},
        {"kind": "net", "layers": pyhopper.list(pyhopper.int(8, 64), 1, 3)},
        "linear",
    ),
    "w": pyhopper.float(-1, 1, shape=(2,)),
    "value": pyhopper.int(0, 5),
    "epochs": 20,
}


def scripted(steps=40, runs=1, template=TEMPLATE, **arguments):
    """A search in fake time whose evaluations end in all ways."""
    clock = FakeClock(now=1000.0)
    search = pyhopper.Search(template, seed=3, clock=clock)

    def script(job):
        kinds = {3: Status.FAILED, 5: Status.PRUNED, 7: Status.NAN}
        status = kinds.get(job.id % 10, Status.DONE)
        value = job.params["lr"] if status is Status.DONE else math.nan
        metrics = {"acc": 0.5, "detail": {"fold": 1}} if status is Status.DONE else None
        estimates = (0.25, 0.5) if status is Status.PRUNED else ()
        reason = "boom" if status is Status.FAILED else ""
        return 60.0, Outcome(status, value, metrics, estimates, reason)

    for _ in range(runs):
        executor = ScriptedExecutor(clock, script)
        search.run(
            lambda p: 0.0, "max", steps=steps, executor=executor, ignore_nans=True, quiet=True,
            **arguments,
        )  # fmt: skip
    return search


def test_to_pandas():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    search = scripted(runs=2)
    table = search.history.to_pandas()
    assert len(table) == 80
    assert list(table.columns[:4]) == ["id", "type", "status", "value"]
    assert list(table["id"]) == list(range(80))
    assert dict(table["status"].value_counts()) == {"done": 56, "failed": 8, "pruned": 8, "nan": 8}
    assert set(table["type"]) == {"initial", "random seeding", "local sampling"}
    done = table[table["status"] == "done"]
    assert list(done["lr"]) == list(done["value"]) == search.history["lr"]
    assert list(done["opt.name"]) == search.history["opt.name"]
    assert table["lr"].dtype == float
    assert set(done["metrics.acc"]) == {0.5}
    assert set(done["metrics.detail.fold"]) == {1.0}
    assert table["w"][0].shape == (2,), "an array stays one entry"
    assert isinstance(table[table["model.kind"] == "net"]["model.layers"].iloc[0], list)
    assert table[table["model.kind"] == "net"]["model.depth"].isna().all()
    assert table["model.depth"].dtype == "Int64", "of a branch, too"
    assert (table["model"].dropna() == "linear").all()
    assert "params.value" in table.columns, "a parameter does not hide a column"
    assert "epochs" not in table.columns
    assert (table["seconds"] == 60).all()
    assert table["elapsed"].iloc[-1] == 80 * 60
    assert table["sampled_at"].iloc[0] == pd.Timestamp(1000, unit="s", tz="UTC")
    assert table["finished_at"].iloc[0] == pd.Timestamp(1060, unit="s", tz="UTC")
    pruned = table[table["status"] == "pruned"]
    assert set(pruned["estimates"]) == {2}
    assert set(pruned["last_estimate"]) == {0.5}
    assert set(table[table["status"] == "failed"]["reason"]) == {"boom"}
    assert "slot" in table.columns


def test_to_pandas_of_a_flat_space_and_of_nothing():
    pytest.importorskip("pandas", reason="pandas is not installed")
    template = {"lr": pyhopper.float(0, 1), "a": {"b": [pyhopper.int(0, 9), pyhopper.bool()]}}
    table = scripted(template=template).history.to_pandas()
    assert table["a.b.0"].dtype == int
    assert table["a.b.1"].dtype == bool
    empty = pyhopper.Search(template).history.to_pandas()
    assert len(empty) == 0
    assert {"lr", "a.b.0", "value"} <= set(empty.columns)


EVERY_KIND = {
    **TEMPLATE,
    "a.b": {"c": pyhopper.choice({"d.e": 1, 2: pyhopper.int(0, 5)}, [pyhopper.bool(), "x"])},
    7: [pyhopper.choice((1, 2), (3, 4)), {"deep": pyhopper.choice(pyhopper.choice(0, 0.5), "no")}],
    "constant": pyhopper.choice({"array": np.arange(2), "n": pyhopper.int(0, 1)}, {}),
    "metrics": {"acc": pyhopper.float(0, 1)},
    "pairs": pyhopper.list(pyhopper.choice({"n": 1}, {"n": 2}), 1, 3),
    "big": pyhopper.choice(10**30, None, True),
    "own": pyhopper.choice({"x": 1}, {"x": 2}, seeding_fn=lambda: {"x": 2}),
}


def test_every_name_of_a_column_is_one_of_the_history(tmp_path):
    """In the table of the history and in that of an exported checkpoint."""
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    search = scripted(template=EVERY_KIND, checkpoint_path=tmp_path / "run.ckpt")
    table = search.history.to_pandas()
    exported = Table(tmp_path / "run.ckpt").columns()
    assert list(exported) == list(table.columns)
    first, last = table.columns.get_loc("value") + 1, table.columns.get_loc("metrics.acc")
    names = list(table.columns[first:last])
    assert {"a.b.c.d.e", "a.b.c.2", "a.b.c.0", "7.0.1", "7.1.deep", "constant.array"} < set(names)
    assert {"params.value", "params.metrics.acc", "constant", "pairs", "own", "big"} < set(names)
    done = table["status"] == "done"
    for name in names:
        known = plain(search.history[name])
        if name in {each.rpartition(".")[0] for each in names}:
            # What is in an option that is a dict or list is in columns of its own.
            known = [None if isinstance(v, dict | list) and v else v for v in known]
        values = [None if np.ndim(v) == 0 and pd.isna(v) else v for v in table[name][done]]
        assert repr(plain(values)) == repr(known), name
        # A checkpoint has constants that are no JSON as text, and in a list the index of an option.
        if name not in ("constant.array", "pairs"):
            shown = [v for v, is_done in zip(exported[name], done, strict=True) if is_done]
            assert repr(shown) == repr(known), name
    for name in ("id", "type", "seconds", "elapsed", "estimates", "finished_at", "metrics.acc"):
        assert list(exported[name]) == [None if pd.isna(v) else v for v in table[name]], name
    for wrong in ("params.width", "a.x", "7.2", "lr.0", "opt.name.x", ""):
        with pytest.raises(KeyError):
            search.history[wrong]


def test_without_pandas_the_way_out_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pyhopper\[pandas\]"):
        scripted(3).history.to_pandas()


def test_halves_of_characters():
    """Also where Arrow, which cannot hold them, is installed."""
    pytest.importorskip("pandas")
    search = pyhopper.Search({"\ud800k": pyhopper.choice("a", "\ud800")}, seed=1)
    search.run(lambda p: {"value": 1.0, "\ud800m": "\ud800"}, steps=2, quiet=True)
    table = search.history.to_pandas()
    assert sorted(table["\ud800k"]) == ["a", "\ud800"]
    assert list(table["metrics.\ud800m"]) == ["\ud800", "\ud800"]

"""SaveBestOnDisk: the best of a search in a file."""

import json
import math
import os

import numpy as np
import pytest
from helpers import Calls, search_of_x

import pyhopper
from pyhopper import CandidateType, ParamInfo
from pyhopper.callbacks import SaveBestOnDisk

TEMPLATE = {
    "opt": {"lr": pyhopper.float(0, 1), "name": pyhopper.choice("adam", "sgd")},
    "weights": pyhopper.float(-1, 1, shape=(2, 2)),
    "layers": pyhopper.list(pyhopper.int(1, 9), 1, 3),
    "size": (3, 4),
    "activation": math.tanh,
}


def rate(params):
    return params["opt"]["lr"]


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_the_best_is_on_disk(tmp_path, suffix):
    if suffix == "json":
        read = json.loads
    else:
        read = pytest.importorskip("yaml", reason="PyYAML is not installed").safe_load
    path = tmp_path / "new" / "folder" / f"best.{suffix}"
    search = pyhopper.Search(TEMPLATE, seed=0)
    search.run(rate, "max", steps=20, callbacks=[SaveBestOnDisk(path)], quiet=True)
    saved = read(path.read_text())
    assert saved["value"] == search.best_f
    params = saved["params"]
    assert params["opt"] == search.best["opt"]
    assert np.array_equal(params["weights"], search.best["weights"])
    assert params["layers"] == search.best["layers"]
    assert params["size"] == [3, 4]
    assert "tanh" in params["activation"]
    assert list(path.parent.iterdir()) == [path], "nothing else is left"


def test_each_best_in_a_folder(tmp_path):
    hooks = Calls()
    search = pyhopper.Search(TEMPLATE, seed=0)
    saver = SaveBestOnDisk(dir=tmp_path / "best")
    search.run(rate, "max", steps=30, callbacks=[saver, hooks], quiet=True)
    files = sorted((tmp_path / "best").iterdir())
    values = [json.loads(path.read_text())["value"] for path in files]
    assert values == [call[2] for call in hooks.calls if call[0] == "on_new_best"]
    assert len(values) > 1
    assert [path.name for path in files[:2]] == ["best_00001.json", "best_00002.json"]
    other = SaveBestOnDisk(dir=tmp_path / "best")
    pyhopper.Search(TEMPLATE, seed=0).run(rate, steps=1, callbacks=[other], quiet=True)
    assert len(list((tmp_path / "best").iterdir())) == len(files) + 1, "nothing is overwritten"


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "best.json"
    saver = SaveBestOnDisk(path)
    info = ParamInfo(CandidateType.INIT, 0.0)
    saver.on_new_best({"x": 1}, 1.0, info)
    before = path.read_text()

    def full(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        saver.on_new_best({"x": 2}, 2.0, info)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_scalars_of_numpy_are_plain_in_files(tmp_path):
    path = tmp_path / "best.yaml"
    pytest.importorskip("yaml", reason="PyYAML is not installed")
    params = {"a": np.float64(0.5), "b": np.int64(3), "c": np.bool_(True), "d": None, 5: "five"}
    SaveBestOnDisk(path).on_new_best(params, np.float64(1), ParamInfo(CandidateType.INIT, 0.0))
    text = path.read_text()
    assert text.split("\n") == [
        "value: 1.0", "params:", "  a: 0.5", "  b: 3", "  c: true", "  d: null", "  '5': five", ""
    ]  # fmt: skip


def test_where_to_save_must_be_clear():
    for arguments in ({}, {"filename": "a", "dir": "b"}):
        with pytest.raises(pyhopper.ArgumentError, match="either filename"):
            SaveBestOnDisk(**arguments)


def test_best_on_disk_with_workers_and_after_a_resume(tmp_path):
    """A worse value of a later process does not replace the file."""
    path = tmp_path / "best.json"
    for steps, sign in ((3, 1), (6, -1)):
        search = search_of_x(seed=0)
        search.run(
            lambda p, sign: sign * (1 + p["x"]),
            steps=steps,
            n_jobs=2,
            kwargs={"sign": sign},
            callbacks=SaveBestOnDisk(path),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
    assert json.loads(path.read_text()) == {"value": search.best_f, "params": search.best}
    assert search.best_f > 1

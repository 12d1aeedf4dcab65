"""Trackers write into a local folder, and each package's own reader reads it back.

What a package warns of inside is its own affair; a callback of ours that raises is not.
"""

import json
import math
import os
import struct
import subprocess
import sys

import pytest
from helpers import Records, search_of_x, x_of
from processes import eventually

import pyhopper
from pyhopper.callbacks.aim import AimCallback
from pyhopper.callbacks.mlflow import MLflowCallback
from pyhopper.callbacks.tensorboard import TensorboardCallback
from pyhopper.callbacks.tracker import Tracker
from pyhopper.callbacks.wandb import WandbCallback
from pyhopper.extras import require
from pyhopper.parameters.names import numbers_and_texts

TEMPLATE = {
    "opt": {"lr": pyhopper.float(1e-4, 1, "0.1g"), "name": pyhopper.choice("adam", "sgd")},
    "w": pyhopper.float(-1, 1, shape=(3, 3)),
    "layers": pyhopper.list(pyhopper.int(1, 9), 2),
    "kind": pyhopper.choice("good", "prune", "fail", "nan"),
}


def objective(params):
    kind = params["kind"]
    if kind == "prune":
        yield 0.125
        raise pyhopper.PruneEvaluation
    if kind == "fail":
        raise ValueError("broken")
    value = math.nan if kind == "nan" else params["opt"]["lr"]
    yield {"value": value, "acc": 0.5, "note": "fine"}


def searched(callback):
    """A search of 8 evaluations in two runs, whose first ones end in all four ways."""
    search = pyhopper.Search(TEMPLATE, seed=1)
    search.sweep("kind", ["good", "prune", "fail", "nan"])
    problems = []
    call = pyhopper.callbacks.base.Callbacks.call

    def strict(self, hook, *arguments):
        before = list(self._active)
        call(self, hook, *arguments)
        problems.extend((c, hook) for c in before if c not in self._active)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pyhopper.callbacks.base.Callbacks, "call", strict)
        for _ in range(2):
            search.run(
                objective, "max", steps=6, callbacks=[callback], ignore_nans=True, quiet=True
            )
    assert problems == []
    return search


def expected(search):
    """Steps and values of the evaluations with a value, and steps and numbers of the rest."""
    evaluations = search.history.evaluations
    values = {i: e.value for i, e in enumerate(evaluations) if e.status.value == "done"}
    rates = {i: e.params["opt"]["lr"] for i, e in enumerate(evaluations)}
    return values, rates


def test_numbers_and_texts():
    import numpy as np

    found, texts = numbers_and_texts(
        {
            "a": {"b": 1, "c": [2.5, {"d": True}]},
            "w": np.array([1.0, 3.0]),
            "long": list(range(100)),
            "s": "text",
            "none": None,
            "f": np.float32(0.5),
            "empty": np.zeros(0),
            "names": np.array(["x"]),
        }
    )
    assert found == {
        "a.b": 1.0, "a.c.0": 2.5, "a.c.1.d": 1.0, "f": 0.5,
        "w.mean": 2.0, "w.std": 1.0, "w.min": 1.0, "w.max": 3.0,
        "long.mean": 49.5, "long.std": pytest.approx(28.866, abs=1e-3),
        "long.min": 0.0, "long.max": 99.0,
    }  # fmt: skip
    assert texts["s"] == "text"
    assert texts["none"] == "None"
    assert set(texts) == {"s", "none", "empty", "names"}


def test_a_missing_package_is_explained():
    with pytest.raises(ImportError, match=r'pip install "pyhopper\[tensorboard\]"'):
        require("a_package_that_nobody_has", "tensorboard", "this callback")


class Memory(Tracker):
    """A tracker of one's own."""

    def __init__(self):
        super().__init__()
        self.records = []

    def open(self):
        self.records.append("open")

    def close(self):
        self.records.append("close")

    def record(self, step, numbers, params, texts):
        self.records.append((step, numbers, params, texts))


def test_what_trackers_get():
    memory = Memory()
    search = searched(memory)
    assert [r for r in memory.records if isinstance(r, str)] == ["open", "close"] * 2
    records = [r for r in memory.records if not isinstance(r, str)]
    assert [r[0] for r in records] == list(range(12))
    values, rates = expected(search)
    assert {r[0]: r[1]["value"] for r in records if "value" in r[1]} == values
    assert {r[0]: r[2]["opt.lr"] for r in records} == rates
    good = next(r for r in records if "value" in r[1])
    assert {"w.mean", "layers.0", "layers.1"} <= set(good[2])
    assert good[1]["metrics.acc"] == 0.5
    assert good[3]["metrics.note"] == "fine"
    assert good[3]["opt.name"] in {"adam", "sgd"}
    pruned = next(r for r in records if "pruned" in r[1])
    assert pruned[1]["last_estimate"] == 0.125
    assert next(r for r in records if "failed" in r[1])[3]["reason"] == "ValueError: broken"
    assert sum("nan" in r[1] for r in records) >= 1
    assert records[-1][1]["best"] == search.best_f


def test_the_step_survives_a_checkpoint():
    memory = Memory()
    searched(memory)
    other = Memory()
    other.load_state_dict(memory.state_dict())
    searched(other)
    assert [r[0] for r in other.records if not isinstance(r, str)] == list(range(12, 24))


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard's reader is not installed",
    )
    search = searched(TensorboardCallback(tmp_path))
    events = reader.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    values, rates = expected(search)
    read = {e.step: e.value for e in events.Scalars("value")}
    assert read == {step: pytest.approx(value) for step, value in values.items()}
    read = {e.step: e.value for e in events.Scalars("params/opt.lr")}
    assert read == {step: pytest.approx(rate) for step, rate in rates.items()}
    tags = events.Tags()
    assert {"best", "seconds", "metrics.acc", "params/w.mean", "pruned"} <= set(tags["scalars"])
    assert events.Scalars("best")[-1].value == pytest.approx(search.best_f)
    texts = [t.tensor_proto.string_val[0] for t in events.Tensors("opt.name/text_summary")]
    assert set(texts) <= {b"adam", b"sgd"}
    hparams = reader.EventAccumulator(str(tmp_path / f"{min(values):05d}")).Reload()
    assert hparams.Scalars("hparam/value")[0].value == pytest.approx(values[min(values)])


def tensorboard_records(path):
    """Payloads of an event file; each has a length, a checksum and a checksum behind it."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield data[12 : 12 + length]
        data = data[12 + length + 4 :]


def test_tensorboard_by_the_protocol_of_its_own_package(tmp_path):
    """The writer ships no reader, but the definition of what it writes."""
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    from tensorboardX.proto.event_pb2 import Event

    search = searched(TensorboardCallback(tmp_path))
    found = {}
    for path in sorted(tmp_path.glob("events.*")):
        for record in tensorboard_records(path):
            event = Event.FromString(record)
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    values, rates = expected(search)
    assert found["value"] == {step: pytest.approx(value) for step, value in values.items()}
    assert found["params/opt.lr"] == {step: pytest.approx(rate) for step, rate in rates.items()}
    assert {"best", "seconds", "metrics.acc", "params/w.mean", "pruned"} <= set(found)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    search = searched(MLflowCallback("tuning", "night", tracking_uri=uri))
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("tuning")
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    (parent,) = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    assert parent.info.run_name == "night"
    assert parent.info.status == "FINISHED"
    values, rates = expected(search)
    read = client.get_metric_history(parent.info.run_id, "value")
    assert {m.step: m.value for m in read} == values
    assert parent.data.metrics["best"] == search.best_f
    children = {r.info.run_name: r for r in runs if r is not parent}
    assert len(children) == 12
    assert {float(r.data.params["opt.lr"]) for r in children.values()} == set(rates.values())
    first = children[f"{min(values):05d}"]
    assert first.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert first.data.metrics["value"] == values[min(values)]
    assert first.data.params["opt.name"] in {"adam", "sgd"}
    assert "w.mean" in first.data.params


def wandb_records(path):
    """Payloads of a file of Weights & Biases: a log in blocks, as LevelDB writes it."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, parts = 7, b""
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_wandb(tmp_path, monkeypatch):
    """The package reads its files in a compiled program; its own protocol is in Python."""
    pytest.importorskip("wandb", reason="Weights & Biases is not installed")
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_SILENT", "true")
    search = searched(WandbCallback("project", name="night", dir=str(tmp_path), mode="offline"))

    def read():
        rows, names = {}, set()
        for path in tmp_path.glob("wandb/offline-run-*/*.wandb"):
            for data in wandb_records(path):
                record = Record.FromString(data)
                if record.HasField("run"):
                    names.add((record.run.project, record.run.display_name))
                if record.HasField("history"):
                    items = record.history.item
                    row = {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in items}
                    rows[row["_step"]] = row
        return rows, names

    values, rates = expected(search)
    # On a busy machine its own process is still writing.
    eventually(lambda: read()[0].keys() == rates.keys(), 60)
    rows, names = read()
    assert names == {("project", "night")}
    assert {step: row["value"] for step, row in rows.items() if "value" in row} == values
    assert {step: row["params.opt.lr"] for step, row in rows.items()} == rates
    assert rows[max(rows)]["best"] == search.best_f
    assert rows[0]["opt.name"] in {"adam", "sgd"}
    assert "params.w.mean" in rows[0]


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_aim(tmp_path):
    aim = pytest.importorskip("aim", reason="Aim is not installed")
    from aim.sdk.index_manager import RepoIndexManager

    search = searched(AimCallback("tuning", repo=tmp_path))
    repo = aim.Repo(str(tmp_path))
    (name,) = repo.list_all_runs()
    RepoIndexManager.get_index_manager(repo).index(name)  # what `aim up` does first
    (run,) = list(repo.iter_runs())
    assert run.experiment == "tuning"
    found = {}
    for metric in run.metrics():
        table = metric.dataframe().sort_values("step")
        found[metric.name] = dict(zip(table["step"], table["value"], strict=True))
    values, rates = expected(search)
    assert found["value"] == values
    assert found["params.opt.lr"] == rates
    assert {"best", "metrics.acc", "params.w.mean", "pruned"} <= set(found)
    assert list(found["best"].values())[-1] == search.best_f


def ends_of_all_kinds(params):
    kind = params["kind"]
    if kind == "prune":
        raise pyhopper.PruneEvaluation
    if kind == "fail":
        raise ValueError("broken")
    return {"value": math.nan if kind == "nan" else params["n"], "pid": os.getpid()}


def kinds():
    search = pyhopper.Search(
        kind=pyhopper.choice("good", "prune", "fail", "nan"), n=pyhopper.int(0, 10**6), seed=0
    )
    search.grid(kind=["good", "prune", "fail", "nan"], n=[1, 2])
    search += {"kind": "good", "n": 500_000}
    return search


def test_trackers_with_workers_and_after_a_resume(tmp_path):
    """A new process goes on with the next step, and counts on."""
    seen = []
    for steps in (5, 9):
        tracker = Records()
        search = kinds()
        search.run(
            ends_of_all_kinds,
            steps=steps,
            n_jobs=2,
            callbacks=tracker,
            checkpoint_path=tmp_path / "run.ckpt",
            ignore_nans=True,
            quiet=True,
        )
        seen += tracker.records
    assert [record.step for record in seen] == list(range(9))
    values = [record.numbers["value"] for record in seen if "value" in record.numbers]
    assert sorted(values) == [1, 2, 500_000]
    for name in ("pruned", "nan", "failed"):
        assert [r.numbers[name] for r in seen if name in r.numbers] == [1, 2]
    assert seen[-1].numbers["best"] == search.best_f == 500_000


def scalars(folder, tag):
    """Steps and values of a scalar in the event files of TensorBoard: length, checksum, data."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in folder.glob("events.*"):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[12 + length + 4 :]
            for value in event.summary.value:
                if value.tag == tag:
                    found[event.step] = value.simple_value
    return found


def test_tensorboard_with_workers_and_after_a_resume(tmp_path):
    """Both processes' evaluations are in one history of steps."""
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    for steps in (3, 6):
        search = search_of_x(seed=0)
        search.run(
            x_of,
            steps=steps,
            n_jobs=2,
            callbacks=pyhopper.callbacks.tensorboard.TensorboardCallback(tmp_path / "board"),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
    found = scalars(tmp_path / "board", "value")
    assert [found[step] for step in range(6)] == pytest.approx(search.history.fs)


TRACKERS = {
    "tensorboard.TensorboardCallback": "tensorboardX",
    "mlflow.MLflowCallback": "mlflow",
    "wandb.WandbCallback": "wandb",
    "aim.AimCallback": "aim",
}


def test_trackers_import_their_package_when_used():
    """Importing the module of a tracker does not import the tracker's package."""
    modules = [f"pyhopper.callbacks.{name.split('.')[0]}" for name in TRACKERS]
    program = (
        f"import sys, {', '.join(modules)}\n"
        f"print([name for name in {list(TRACKERS.values())} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_without_its_package_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, TRACKERS[name], None)
    module, kind = name.split(".")
    callback = getattr(getattr(pyhopper.callbacks, module), kind)
    with pytest.raises(ImportError, match=rf'pip install "pyhopper\[{module}\]"'):
        callback()

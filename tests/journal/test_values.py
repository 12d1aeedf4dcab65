"""What a checkpoint holds: values of every type, large arrays, states; and what it refuses."""

import http
import json
import math

import numpy as np
import pytest

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.testing import FakeClock, ScriptedExecutor

VALUES = [
    None, True, 3, -(10**30), 0.1, -0.0, math.inf, -math.inf, "ü\u2028\ud800", [1, [2.5]],
    {"a": {}}, (1, (2, [3])), b"\x00\xff", {1: 2, "b": (3,)}, {"$array": 1}, {}, [],
    np.arange(6).reshape(2, 3), np.zeros((0, 2)), np.array(2.5), np.float32(0.1), np.int64(5),
    np.array([True, False]), np.array([1 + 2j]), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype=">i4"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_survive_exactly(value):
    from pyhopper.journal.codec import from_json, to_json

    again = from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))
    assert type(again) is type(value) or np.ndim(value) == 0
    if isinstance(value, np.ndarray):
        assert again.dtype == value.dtype
        assert again.shape == value.shape
        assert np.array_equal(again, value)
    else:
        assert repr(again) == repr(value)


def test_nan_survives():
    from pyhopper.journal.codec import from_json, to_json

    assert math.isnan(from_json(to_json(math.nan)))


@pytest.mark.parametrize(
    "data",
    [
        {"$pickle": "gASVBQAAAAAAAABLAS4="},
        {"$array": {"dtype": "|O", "shape": [1], "base64": "AAAAAAAAAAA="}},
        {"$array": {"dtype": "<f8", "shape": [2], "base64": "AAAA"}},
        {"$array": 3},
        {"$code": "import os"},
        {"$float": "abc"},
    ],
    ids=str,
)
def test_a_strangers_file_runs_no_code(data):
    from pyhopper.journal.codec import CodecError, from_json

    with pytest.raises(CodecError):
        from_json(data)


def test_metrics_of_odd_types(tmp_path):
    """They are written in a plain form; a training is not lost over them."""

    def objective(params):
        return {
            "value": params["x"],
            "name": np.array(["cat"])[0],
            "code": http.HTTPStatus.OK,
            "huge": 10**5000,
            "repeats": None,
            "repeat_std": "a",
        }

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(objective, steps=3, quiet=True, checkpoint_path=tmp_path / "run.ckpt")
    metrics = search.history.evaluations[0].metrics
    assert (metrics["name"], metrics["code"], metrics["repeats"]) == ("cat", 200, None)


def make(**more):
    return pyhopper.Search(x=pyhopper.float(-1, 1), n=pyhopper.int(0, 99), **more)


class Net:
    """A value that JSON cannot hold."""

    def __init__(self, layers):
        self.layers = layers

    def __eq__(self, other):
        return self.layers == other.layers

    def __hash__(self):
        return hash(tuple(self.layers))


def _net(rng):
    return Net(rng.integers(9, size=3).tolist())


@pytest.mark.parametrize(
    "more",
    [
        {"allow_pickle": True},
        {"encode": lambda net: net.layers, "decode": Net},
    ],
    ids=["pickle", "encode"],
)
def test_custom_values(tmp_path, more):
    path = tmp_path / "run.ckpt"

    def run(steps):
        search = pyhopper.Search(net=pyhopper.custom(_net, **more), seed=1)
        search.run(lambda p: sum(p["net"].layers), steps=steps, quiet=True, checkpoint_path=path)
        return search

    first = run(5)
    assert [e.params for e in run(8).history.evaluations[:5]] == [
        e.params for e in first.history.evaluations
    ]
    if "allow_pickle" in more:
        stranger = pyhopper.Search(net=pyhopper.custom(_net), seed=1)
        with pytest.raises(pyhopper.CheckpointError, match=r"net.*allow_pickle"):
            stranger.load(path)


def test_custom_value_that_cannot_be_written_is_an_error_at_the_begin(tmp_path):
    calls = []
    inner = pyhopper.choice(1, {"net": pyhopper.custom(_net)})
    search = pyhopper.Search(a=inner, seed=1)
    with pytest.raises(pyhopper.CheckpointError, match=r"a\[1\]\.net: .*encode= and decode="):
        search.run(calls.append, steps=3, quiet=True, checkpoint_path=tmp_path / "run.ckpt")
    assert not calls


def test_state_that_cannot_be_written_is_an_error_at_the_begin(tmp_path):
    class Odd(Callback):
        def state_dict(self):
            return {"open": object()}

    calls = []
    with pytest.raises(pyhopper.CheckpointError, match="state_dict"):
        make().run(
            calls.append,
            steps=3,
            quiet=True,
            checkpoint_path=tmp_path / "a.ckpt",
            callbacks=[Odd()],
        )
    assert not calls


class Killed(BaseException):
    """Stands for the end of the process."""


def test_large_arrays(tmp_path):
    """Kept for the best and open ones only: in memory, in the file and beside it."""
    path = tmp_path / "run.ckpt"
    folder = tmp_path / "run.ckpt.large"
    shape = (100, 100)

    def make_large():
        return pyhopper.Search(
            w=pyhopper.float(0, 1, shape=shape), b=pyhopper.float(0, 1, shape=200), seed=1
        )

    def mean(params):
        return float(params["w"].mean() + params["b"][0])

    def dies_at_ten(job):
        if job.id == 10:
            raise Killed
        return 1, mean(job.params)

    plain = make_large()
    plain.run(mean, steps=20, quiet=True)
    search = make_large()
    executor = ScriptedExecutor(FakeClock(), dies_at_ten)
    with pytest.raises(Killed):
        search.run(mean, steps=20, quiet=True, checkpoint_path=path, executor=executor)
    search = make_large()
    search.run(mean, steps=20, quiet=True, checkpoint_path=path)
    # In so many dimensions the step learns, and learns anew after the kill.
    assert search.history.fs[:11] == plain.history.fs[:11]
    assert len(search.history) == 20
    bests = {search._log.state.best.id, plain._log.state.best.id}
    for mine, other in zip(
        search._log.state.evaluations[:11], plain._log.state.evaluations, strict=False
    ):
        assert mine.id in bests or mine.point == other.point
    assert "not kept" in repr(search.history[0]["w"])
    assert len(list(folder.iterdir())) == 1
    assert path.stat().st_size < 20 * 3000
    loaded = make_large()
    loaded.load(path)
    assert np.array_equal(loaded.best["w"], search.best["w"])
    assert loaded._log.state.seen == search._log.state.seen
    loaded.save(tmp_path / "saved.ckpt")
    again = make_large()
    again.load(tmp_path / "saved.ckpt")
    assert np.array_equal(again.best["w"], search.best["w"])
    next(folder.iterdir()).unlink()
    with pytest.raises(pyhopper.CheckpointError, match="large point is missing"):
        make_large().load(path)

"""Guesses, grids and known results."""

import math

import pytest
from helpers import (
    Calls,
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper import CandidateError


def test_first_candidate_is_init():
    """Candidate 0 has every init value, or the middle."""
    seen = []
    search = pyhopper.Search(
        {"a": pyhopper.int(0, 100, init=7), "b": pyhopper.float(0, 1), "c": pyhopper.bool(True)}
    )
    search.run(lambda p: seen.append(p) or 1.0, "max", steps=2, quiet=True)
    assert seen[0] == {"a": 7, "b": 0.5, "c": True}


def test_guesses_run_first():
    """Queued guesses are completed from the best so far; the init of the template comes next."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), y=pyhopper.float(0, 1, init=0.25), seed=0)
    search += {"x": 0.125}
    search.enqueue({"y": 0.75, "x": 0.0})
    assert search.manual_queue_count == 2
    search.run(lambda p: p["x"] + p["y"], "max", steps=3, quiet=True)
    assert search.history["x"] == [0.125, 0.0, 0.5]
    assert search.history["y"] == [0.25, 0.75, 0.25]
    assert search.manual_queue_count == 0
    search += {"x": 1.0}
    search.run(lambda p: p["x"] + p["y"], "max", steps=1, quiet=True)
    assert search.best == {"x": 1.0, "y": 0.75}


def test_guesses_off_the_grid():
    """The nearest legal values are tried, and a warning names each change."""
    search = pyhopper.Search(
        lr=pyhopper.float(1e-3, 1, "0.1g"),
        n=pyhopper.int(1, 8, power_of=2),
        w=pyhopper.float(0, 1, shape=2),
        opt=pyhopper.choice(
            {"name": "adam", "eps": pyhopper.float(0, 1)},
            {"name": "sgd", "rate": pyhopper.float(0, 1)},
        ),
        epochs=20,
    )
    guess = {"lr": 0.0333, "n": 100, "w": [0.5, 7], "opt": {"name": "sgd", "rate": -1}}
    with pytest.warns(UserWarning, match="instead") as warned:
        search += guess
    texts = [str(each.message) for each in warned]
    assert [text.split(":")[0] for text in texts] == ["lr", "n", "w", "opt.rate"]
    assert texts[0] == "lr: 0.03 is tried instead of 0.0333, which is not in " + repr(search["lr"])
    assert all(each.filename == __file__ for each in warned)
    search.run(lambda p: 1.0, steps=1, quiet=True)
    found = search.history[0]
    assert found.pop("w").tolist() == [0.5, 1.0]
    opt = {"name": "sgd", "rate": 0.0}
    assert found == {"lr": 0.03, "n": 8, "opt": opt, "epochs": 20}


def test_nested_guesses_are_completed_from_the_best():
    """Also inside of dicts, lists and the active option."""
    search = pyhopper.Search(
        a={
            "x": pyhopper.int(0, 9, init=1),
            "y": [pyhopper.int(0, 9, init=2), pyhopper.int(0, 9, init=3)],
        },
        opt=pyhopper.choice(
            "none", {"n": pyhopper.int(0, 9, init=4), "m": pyhopper.int(0, 9, init=5)}
        ),
    )
    search += {"a": {"x": 9}}
    search += {"opt": {"n": 8}}
    search.enqueue({"a": {"y": [7, 3]}})
    values = iter([2.0, 3.0, 1.0, 0.0])
    search.run(lambda p: next(values), steps=4, quiet=True)
    assert search.history[:4] == [
        {"a": {"x": 9, "y": [2, 3]}, "opt": "none"},
        {"a": {"x": 9, "y": [2, 3]}, "opt": {"n": 8, "m": 5}},
        {"a": {"x": 9, "y": [7, 3]}, "opt": {"n": 8, "m": 5}},
        {"a": {"x": 1, "y": [2, 3]}, "opt": "none"},
    ]


def objective(params):
    return params["x"]


def fresh():
    return pyhopper.Search(
        x=pyhopper.float(0, 1), opt={"lr": pyhopper.float(1e-3, 1, log=True), "c": 5}, seed=0
    )


GUESSES = [
    ({"y": 1}, "y: got 1: the template has no such key"),
    ({"opt": {"z": 1}}, "opt.z: got 1"),
    ({"opt": 3}, "opt: got 3: the template has a dict here"),
    ({"x": {"lr": 3}}, "x: got {'lr': 3}: must be a number"),
    ({"x": "0.5"}, "x: got '0.5': must be a number"),
    ({"x": math.nan}, "x: got nan: must be finite"),
    ([("x", 1)], "a guess must be a dict; queue several one by one"),
    ({"x": 10**400}, "x: got"),
    ({"x": True}, "x: got True: must be a number"),
]


@pytest.mark.parametrize(("guess", "message"), GUESSES)
def test_guesses(guess, message):
    """A guess that does not fit is refused when it is queued, and the queue stays as it was."""
    search = fresh()
    with pytest.raises(CandidateError) as caught:
        search.enqueue(guess)
    assert message in str(caught.value)
    assert search.manual_queue_count == 0


def test_missing_values_of_a_known_result():
    """A known result must be complete."""
    with pytest.raises(CandidateError, match=r"opt\.lr"):
        fresh().add({"x": 0.5}, 1.0)


def test_guesses_that_break_a_constraint():
    """A complete guess is refused at once; a partial one, or one of a grid, is left out."""
    search = pyhopper.Search(a=pyhopper.float(0, 1), b=pyhopper.float(0, 1), seed=0)
    search.constrain(lambda p: p["a"] + p["b"] < 1)
    with pytest.raises(pyhopper.CandidateError, match="breaks a constraint"):
        search += {"a": 0.9, "b": 0.9}
    search += {"a": 1.0}
    search.grid(a=[0.1, 0.9], b=[0.2, 0.3])
    search.add({"a": 0.9, "b": 0.9}, 100)
    search.run(lambda p: p["a"] + p["b"], "max", steps=8, quiet=True)
    types = [each.type.value for each in search.history.evaluations[1:]]
    assert types[:3] == ["manual", "manual", "random seeding"]
    assert [search.history[i] for i in (1, 2)] == [{"a": 0.1, "b": 0.2}, {"a": 0.1, "b": 0.3}]
    assert all(search.history[i]["a"] + search.history[i]["b"] < 1 for i in range(1, 9))
    assert search.best_f < 1


def test_a_guess_that_is_the_init_is_no_duplicate_for_ever():
    search = pyhopper.Search(x=pyhopper.float(0, 1, init=0.25), seed=1)
    search += {"x": 0.25}
    hooks = Calls()
    search.run(lambda p: p["x"], steps=20, quiet=True, callbacks=hooks)
    assert not hooks.of("on_duplicate_sampled")


def test_sweep_and_grid():
    """Values and products of values are queued, nested ones by dotted name."""
    search = pyhopper.Search(a=pyhopper.int(9), b={"c": pyhopper.choice("x", "y"), "d": 1})
    search.sweep("a", [1, 2])
    search.grid({"b.c": ["x", "y"]}, a=[3, 4])
    search.run(lambda p: 1.0, "max", steps=6, quiet=True)
    rows = list(zip(search.history["a"], search.history["b.c"], strict=True))
    assert rows == [(1, "x"), (2, "x"), (3, "x"), (4, "x"), (3, "y"), (4, "y")]


def test_keys_with_dots():
    search = pyhopper.Search({"a.b": pyhopper.float(1), "c": {"d": pyhopper.float(1)}})
    search.grid({"a.b": [0.25, 0.75], "c.d": [0.5]})
    search.run(lambda params: params["a.b"], steps=3, seeding_ratio=1, quiet=True)
    assert search.history["a.b"][:2] == [0.25, 0.75]
    assert search.history["c.d"][:2] == [0.5, 0.5]


def bowl(params):
    return -((params["x"] - 0.3) ** 2)


def test_add():
    """Known results count as history, are not run and use no budget."""
    calls = []
    search = search_of_x(seed=0)
    search.add({"x": 0.30001}, -1e-10, metrics={"loss": 3})
    search.add({"x": 0.5}, math.nan)
    assert search.best is None
    search.run(lambda p: calls.append(p["x"]) or bowl(p), "max", steps=5, quiet=True)
    assert len(calls) == 5
    assert 0.5 not in calls
    assert search.best == {"x": 0.30001}
    assert len(search.history) == 6


def test_metrics_of_a_known_result(tmp_path):
    """They are in the table and in the checkpoint, and the result has used no budget."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    path = tmp_path / "run.ckpt"
    search = search_of_x(seed=0)
    search.add({"x": 0.25}, 3.0, metrics={"acc": 0.75, "from": "paper"})
    search.run(x_of, steps=2, checkpoint_path=path, quiet=True)
    again = search_of_x()
    again.load(path)
    for each in (search, again):
        table = each.history.to_pandas()
        assert table["value"].tolist() == each.history.fs
        assert table.loc[0, ["x", "value", "metrics.acc", "metrics.from"]].tolist() == [
            0.25, 3.0, 0.75, "paper",
        ]  # fmt: skip
        assert (len(table), each.best) == (3, {"x": 0.25})

"""Constraints that raise, and errors that travel between processes."""

import pickle

import numpy as np
import pytest

import pyhopper


def momentum_is_low(params):
    return params["opt"]["m"] < 0.5


def conditional():
    options = {"name": "adam"}, {"name": "sgd", "m": pyhopper.float(0, 1)}
    return pyhopper.Search(opt=pyhopper.choice(*options))


def test_a_constraint_that_raises_is_named():
    """The message has its name, the candidate and the user's own line; the cause is kept."""
    search = conditional()
    search.constrain(momentum_is_low)
    calls = []
    with pytest.raises(pyhopper.ConstraintError) as caught:
        search.run(calls.append, steps=20, quiet=True)
    text = str(caught.value)
    assert "the constraint momentum_is_low raised KeyError: 'm'" in text
    assert f'{__file__}, line 12: return params["opt"]["m"] < 0.5' in text
    assert "candidate: {'opt': {'name': 'adam'}}" in text
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.params == {"opt": {"name": "adam"}}
    assert not calls


@pytest.mark.parametrize("use", ["ask", "enqueue", "add", "grid", "load"])
def test_it_is_named_wherever_it_is_called(use, tmp_path):
    """Also by guesses, known results and files."""
    saved = conditional()
    saved.run(lambda p: 1.0, steps=3, quiet=True)
    saved.save(tmp_path / "saved.ckpt")
    search, params = conditional(), {"opt": {"name": "adam"}}
    search.constrain(momentum_is_low)
    call = {
        "ask": search.ask,
        "enqueue": lambda: search.enqueue(params),
        "add": lambda: search.add(params, 1.0),
        "grid": lambda: search.grid(opt=[params["opt"]]),
        "load": lambda: search.load(tmp_path / "saved.ckpt"),
    }[use]
    with pytest.raises(pyhopper.ConstraintError, match="the constraint momentum_is_low raised"):
        call()


def test_a_constraint_that_returns_an_array_is_named():
    """It is neither true nor false."""
    search = pyhopper.Search(x=pyhopper.float(0, 1, shape=3))
    search.constrain(lambda p: p["x"] < 0.5)
    with pytest.raises(pyhopper.ConstraintError, match=r"truth value of an array.*\n.*< 0\.5"):
        search.run(lambda p: 1.0, steps=20, quiet=True)


def test_errors_survive_a_pickle():
    """As they do when they come back from a worker."""
    for error in (
        pyhopper.ArgumentError("steps", -1, "must be positive"),
        pyhopper.CandidateError("a.b", np.zeros(2), "must be a number"),
        pyhopper.ConstraintError(3),
        pyhopper.CheckpointError("run.ckpt", "is damaged", 3),
        pyhopper.EvaluationError({"x": 1}, "killed"),
        pyhopper.SearchFailedError(3, {"x": 1}, "killed", "Traceback"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert repr(vars(again)) == repr(vars(error))

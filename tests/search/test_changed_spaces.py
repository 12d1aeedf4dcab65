"""Going on from a checkpoint after the space was changed."""

import pytest
from helpers import statuses

import pyhopper
from pyhopper.events import Status
from pyhopper.testing import FakeClock, ScriptedExecutor


def _first(path, template):
    search = pyhopper.Search(template, seed=1)
    search.run(_score, steps=30, quiet=True, checkpoint_path=path)
    return search


def _score(params):
    lr = params.get("lr", 0.5)
    return lr - (0 if params.get("opt", "a") == "a" else 0.25)


def _again(path, template, steps=30, quiet=True):
    search = pyhopper.Search(template)
    search.run(_score, steps=steps, quiet=quiet, checkpoint_path=path)
    return search


def test_narrowed_bounds(tmp_path, capsys):
    """Evaluations outside stay in the history, but are not the best any more."""
    path = tmp_path / "run.ckpt"
    opt = pyhopper.choice("a", "b")
    _first(path, {"lr": pyhopper.float(0, 1), "opt": opt})
    search = _again(path, {"lr": pyhopper.float(0, 0.5), "opt": opt}, quiet=False)
    out = capsys.readouterr().out
    assert "~ lr: float(0.0, 1.0) -> float(0.0, 0.5)" in out
    misfits = [e for e in search.history.evaluations if not e.fits]
    assert misfits
    assert all(e.params["lr"] > 0.5 for e in misfits)
    assert f"{len(misfits)} of 30 evaluations do not fit" in out
    assert search.best["lr"] <= 0.5
    assert len(search.history) == 30
    assert max(search.history["lr"]) > 0.5
    # And so on after the next kill, and in what is saved.
    search = _again(path, {"lr": pyhopper.float(0, 0.5), "opt": opt}, steps=40, quiet=False)
    assert "~ lr" not in capsys.readouterr().out
    assert sum(not e.fits for e in search.history.evaluations) == len(misfits)
    assert all(e.params["lr"] <= 0.5 for e in search.history.evaluations[30:])
    search.save(tmp_path / "saved.ckpt")
    loaded = pyhopper.Search({"lr": pyhopper.float(0, 0.5), "opt": opt})
    loaded.load(tmp_path / "saved.ckpt")
    assert sum(not e.fits for e in loaded.history.evaluations) == len(misfits)
    wide = pyhopper.Search({"lr": pyhopper.float(0, 1), "opt": opt})
    wide.load(path)
    assert sum(e.fits for e in wide.history.evaluations) == 40, "nothing is lost for good"


def test_options_by_what_they_are(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    lr = pyhopper.float(0, 1)
    nested = {"kind": "x", "depth": pyhopper.int(1, 9)}
    first = _first(path, {"lr": lr, "opt": pyhopper.choice("a", "b", nested)})
    wider = {"kind": "x", "depth": pyhopper.int(1, 20)}
    search = _again(path, {"opt": pyhopper.choice("new", wider, "a"), "lr": lr}, quiet=False)
    assert "~ opt: choice('a', 'b'" in capsys.readouterr().out
    before = [e.params["opt"] for e in first.history.evaluations]
    evaluations = search.history.evaluations
    for old, each in zip(before, evaluations, strict=True):
        assert each.fits == (old != "b")
        if each.fits:
            assert each.params["opt"] == old
    assert search.history["lr"] == first.history["lr"]
    assert len(search.history) == 30
    search.history[0], search.history["opt"]


def test_new_and_dropped_parameters(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    first = _first(path, {"lr": pyhopper.float(0, 1), "old": pyhopper.int(0, 9)})
    template = {"lr": pyhopper.float(0, 1), "new": pyhopper.int(0, 9, init=4)}
    search = _again(path, template, quiet=False)
    out = capsys.readouterr().out
    assert "+ new: int(0, 9) (earlier evaluations count with its init 4)" in out
    assert "- old: int(0, 9)" in out
    assert search.best == {"lr": first.best["lr"], "new": 4}
    search = _again(path, {"lr": pyhopper.float(0, 1), "newer": pyhopper.int(0, 9)}, steps=31)
    assert [e.fits for e in search.history.evaluations] == [False] * 30 + [True]
    assert search.best == search.history[30]
    assert search.history["newer"][:30] == [None] * 30


def test_another_kind_is_refused_by_name(tmp_path):
    path = tmp_path / "run.ckpt"
    _first(path, {"lr": pyhopper.float(0, 1)})
    before = path.read_bytes()
    for other in (pyhopper.choice("a", "b"), pyhopper.float(0, 1, shape=3)):
        with pytest.raises(pyhopper.ArgumentError, match=r"lr=.*was float\(0\.0, 1\.0\)"):
            _again(path, {"lr": other})
    assert path.read_bytes().startswith(before)
    assert (
        _again(path, {"lr": pyhopper.int(0, 1)}).history["lr"]
        == _first(path, {"lr": pyhopper.float(0, 1)}).history["lr"]
    )


class Killed(BaseException):
    """Stands for the end of the process."""


def test_open_candidates_and_guesses_in_a_changed_space(tmp_path):
    path = tmp_path / "run.ckpt"

    def dies(params):
        if params["lr"] == 0.75:
            raise Killed
        return params["lr"]

    search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    for lr in (0.25, 0.75, 0.9, 0.3):
        search += {"lr": lr}
    executor = ScriptedExecutor(FakeClock(), lambda job: (1, dies(job.params)))
    with pytest.raises(Killed):
        search.run(dies, steps=9, quiet=True, checkpoint_path=path, executor=executor)
    narrow = pyhopper.Search(lr=pyhopper.float(0, 0.5))
    narrow.run(lambda p: p["lr"], steps=9, quiet=True, checkpoint_path=path)
    assert statuses(narrow)[1] is Status.CANCELLED
    assert [e.params["lr"] for e in narrow.history.evaluations if e.id in (0, 2)] == [0.25, 0.3]


def test_new_constraint(tmp_path, capsys):
    """What breaks a constraint that is new stays in the history and cannot be the best."""
    path = tmp_path / "run.ckpt"
    stopped = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)

    def interrupted(params):
        if len(stopped.history) == 10:
            raise KeyboardInterrupt
        return params["x"]

    stopped.run(interrupted, steps=20, quiet=True, checkpoint_path=path)
    open_one = stopped.history.evaluations[-1]
    assert stopped.best_f > 0.6

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    limit = min(0.5, open_one.params["x"] - 1e-3)
    search.constrain(lambda params: params["x"] < limit)
    search.run(lambda params: params["x"], steps=20, checkpoint_path=path)
    assert "evaluations do not fit any more" in capsys.readouterr().out
    fs = search.history.fs
    assert max(fs[:10]) > 0.6
    assert limit > search.best_f == max(f for f in fs if f < limit)
    assert all(x < limit for x in search.history["x"][11:])


@pytest.mark.parametrize(
    ("now", "kept"), [(pyhopper.float(0, 0.3, shape=20_000), False), ("wider", True)]
)
def test_large_arrays_in_a_changed_space(now, kept, tmp_path):
    """Whether they still fit is known of the best, whose arrays are kept, and of no other."""
    path = tmp_path / "run.ckpt"

    def run(x, steps):
        search = pyhopper.Search(x=x, seed=1)
        search.run(lambda p: float(p["x"].mean()), steps=steps, checkpoint_path=path, quiet=True)
        return search

    first = run(pyhopper.float(0, 1, shape=20_000), 20)
    search = run(pyhopper.float(0, 2, shape=20_000) if now == "wider" else now, 20)
    assert (search.best_f == first.best_f) is kept
    assert kept or search.best is None
    search = run(pyhopper.float(0, 2, shape=20_000) if now == "wider" else now, 30)
    assert search.best["x"].max() <= (2 if kept else 0.3)


def test_a_pruner_forgets_what_does_not_fit(tmp_path):
    """Else everything would be pruned in favour of a candidate that cannot be the best."""

    def train(params):
        for _ in range(3):
            yield params["x"]

    for low, steps in ((5, 4), (0, 8)):
        search = pyhopper.Search(x=pyhopper.float(low, low + 1), seed=1)
        search.run(
            train,
            "max",
            steps=steps,
            pruner=pyhopper.pruners.TopKPruner(1),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=True,
        )
    assert search.best is not None

"""Several objectives, wherever they are shown: texts, tables, pictures, commands, Optuna."""

import json

import numpy as np
import pytest

import pyhopper
from pyhopper.cli import main
from pyhopper.display.progress import Trend
from pyhopper.history.front import hypervolume

BOTH = {"accuracy": "max", "latency_ms": "min"}


def train(params):
    width = params["width"]
    return {"accuracy": 1 - 1 / width, "latency_ms": width / 10, "memory_mb": 30.0 * width}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A search with a checkpoint."""
    search = pyhopper.Search(width=pyhopper.int(1, 100), seed=1)
    path = tmp_path_factory.mktemp("front") / "run.ckpt"
    limits = {"memory_mb": 2000}
    search.run(train, BOTH, steps=20, quiet=True, limits=limits, checkpoint_path=path)
    return search, path


def test_the_summary_has_the_front(capsys):
    """A line for each of a few candidates, the compromise with a mark, in 80 columns."""
    search = pyhopper.Search(width=pyhopper.int(1, 100), seed=1)
    search.run(train, BOTH, steps=20, limits={"memory_mb": 2000})
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert "Optimizing train (max accuracy, min latency_ms, memory_mb <= 2000)" in text
    assert f"Front of {len(search.front)} candidates" in text
    marked = [line for line in text.splitlines() if line.startswith("*")]
    assert len(marked) == 1
    assert f"width: {search.best['width']}" in text
    assert max(map(len, shown.out.splitlines())) <= 80


def test_nothing_within_the_limits(capsys):
    """The summary says which limit the nearest candidate breaks, and by how much."""
    search = pyhopper.Search(width=pyhopper.int(10, 100), seed=1)
    assert search.run(train, BOTH, steps=8, limits={"memory_mb": 200}) is None
    shown = capsys.readouterr()
    assert "breaks memory_mb <= 200, by 100" in " ".join((shown.out + shown.err).split())
    assert len(search.front) == 0
    assert search.best is None


def test_the_trend_of_a_front():
    """The volume that was gained since four fifths of the evaluations."""
    search = pyhopper.Search(width=pyhopper.int(1, 100), seed=1)
    trend = Trend()

    class Look(pyhopper.callbacks.Callback):
        def on_evaluate_end(self, candidate, f, info):
            state = search._log.state
            self.text = trend.text(state.leaders, state.ended)

    look = Look()
    search.run(train, BOTH, steps=20, quiet=True, callbacks=[look])
    assert look.text.startswith("front 20 (volume +")


def test_hypervolume_against_a_grid():
    """Counted in unit cells, for two and for three objectives."""
    rng = np.random.default_rng(3)
    for count in (2, 3):
        front = rng.integers(0, 8, (9, count)).astype(float)
        cells = np.stack(np.meshgrid(*[np.arange(8.0)] * count), axis=-1).reshape(-1, count)
        dominated = (cells[:, None] >= front[None]).all(axis=2).any(axis=1)
        assert hypervolume(front, np.full(count, 8.0)) == dominated.sum()


def test_the_command_line_picks(found, capsys):
    """What a search in memory picks, from its checkpoint."""
    search, path = found
    assert main(["best", str(path), "--pick", "accuracy=0.9"]) == 0
    assert json.loads(capsys.readouterr().out) == search.front.pick(accuracy=0.9).params
    assert main(["best", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == search.best
    assert main(["best", str(path), "--pick", "accuracy=7"]) == 1
    assert "no candidate reaches accuracy 7" in capsys.readouterr().err
    assert main(["show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert f"Front of {len(search.front)} candidates" in shown
    assert "Compromise of the front: accuracy" in shown
    assert "Best 5" not in shown  # by the first objective alone, and with what breaks a limit


def test_the_best_of_one_objective_are_within_the_limits(tmp_path, capsys):
    path = tmp_path / "run.ckpt"
    search = pyhopper.Search(width=pyhopper.int(1, 9), seed=1)
    objective = lambda p: {"value": p["width"], "memory_mb": p["width"]}  # noqa: E731
    limits = {"memory_mb": 5}
    search.run(objective, "max", steps=9, limits=limits, checkpoint_path=path, quiet=True)
    main(["show", str(path)])
    best = capsys.readouterr().out.partition("Best 5")[2].splitlines()
    assert best[3].split()[-1] == "width=5"


def test_as_a_table(found):
    """All objectives have their columns."""
    pytest.importorskip("pandas")
    search, _ = found
    table = search.history.to_pandas()
    assert table["metrics.accuracy"].tolist() == table["value"].tolist()
    assert (table["metrics.latency_ms"] == table["width"] / 10).all()


def test_as_a_study(found):
    """Optuna finds the same front, without what is outside the limits."""
    optuna = pytest.importorskip("optuna")
    search, _ = found
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = search.to_optuna()
    assert [each.name for each in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    ours = [list(entry.values.values()) for entry in search.front]
    assert sorted(trial.values for trial in study.best_trials) == sorted(ours)


@pytest.mark.parametrize("count", [2, 3])
def test_the_picture(found, count, tmp_path):
    """Two objectives as axes, a third as colour; also from a checkpoint."""
    pytest.importorskip("matplotlib").use("Agg")
    search, source = found
    if count == 3:
        source = search = pyhopper.Search(width=pyhopper.int(1, 100), seed=1)
        search.run(train, {**BOTH, "memory_mb": "min"}, steps=12, quiet=True)
    ax = pyhopper.plot.front(source)
    assert ax.get_xlabel() == "accuracy (higher is better)"
    assert ax.get_ylabel() == "latency_ms (lower is better)"
    texts = [each.get_text() for each in ax.get_legend().get_texts()]
    assert f"front ({len(search.front)})" in texts
    ax.figure.savefig(tmp_path / "front.png")
    plain = pyhopper.Search(width=pyhopper.int(1, 9), seed=1)
    plain.run(lambda p: p["width"], steps=3, quiet=True)
    with pytest.raises(pyhopper.ArgumentError, match="has one objective"):
        pyhopper.plot.front(plain)

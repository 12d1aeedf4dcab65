"""What users may write: the members of a search and of its history."""

import functools

import pytest
from helpers import (
    search_of_x,
    x_of,
)

import pyhopper
from pyhopper.callbacks import Callback
from pyhopper.events import Outcome, Status
from pyhopper.testing import FakeClock, ScriptedExecutor

# Search ------------------------------------------------------------------------------------------


def test_dicts_and_keyword_arguments_are_merged():
    search = pyhopper.Search(
        {"a": 1, "b": {"c": pyhopper.int(1, 1)}}, {"b": {"d": 2}}, e=pyhopper.float(2, 2)
    )
    search.run(lambda p: 1.0, steps=1, quiet=True)
    assert search.best == {"a": 1, "b": {"c": 1, "d": 2}, "e": 2.0}
    assert type(search.best) is dict


def test_constants_reach_the_objective_unchanged():
    data, inner = object(), {"deep": object()}
    template = {"data": data, "parts": (inner["deep"], [pyhopper.float(0, 1), inner]), "none": None}

    def objective(params):
        assert params["data"] is data
        assert params["parts"][0] is inner["deep"]
        assert params["parts"][1][1] is inner
        assert params["none"] is None
        return params["parts"][1][0]

    pyhopper.Search(template).run(objective, steps=5, on_error="raise", quiet=True)


def test_a_parameter_called_seed():
    """In the dict it is a parameter; the argument makes the search repeatable."""
    found = []
    for _ in range(2):
        search = pyhopper.Search({"seed": pyhopper.int(0, 10**6)}, seed=3)
        search.run(lambda p: p["seed"], steps=10, quiet=True)
        found.append(search.history["seed"])
    assert found[0] == found[1]
    assert search.free_param_count == 1


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


def test_metrics_of_a_known_result(tmp_path):
    """They are kept in the table and in a checkpoint, and the result has used no budget."""
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


def test_checkpoint_path_is_that_of_the_last_run(tmp_path):
    search = search_of_x()
    assert search.checkpoint_path is None
    search.run(x_of, steps=1, checkpoint_path=tmp_path / "run.ckpt", quiet=True)
    assert search.checkpoint_path == str(tmp_path / "run.ckpt")


PUBLIC = (
    "Search int float choice bool custom list distribution Parameter merge_dicts parse_runtime "
    "ParamInfo CandidateType PruneEvaluation should_prune wrap_n_times PRUNED FAILED __version__ "
    "pruners.Pruner pruners.QuantilePruner pruners.TopKPruner callbacks.Callback "
    "callbacks.History callbacks.SaveBestOnDisk callbacks.tensorboard.TensorboardCallback "
    "callbacks.mlflow.MLflowCallback callbacks.wandb.WandbCallback callbacks.aim.AimCallback"
)


@pytest.mark.parametrize("name", PUBLIC.split())
def test_public_names(name):
    """Each can be reached from the package."""
    found = functools.reduce(getattr, name.split("."), pyhopper)
    assert isinstance(found, str) if name == "__version__" else found is not None


# History -----------------------------------------------------------------------------------------


def test_history_of_nested_parameters_and_of_pruned_ones():
    """Dotted names lead to values and constants, of evaluations that were pruned as well."""
    search = pyhopper.Search(
        {
            "opt": {"lr": pyhopper.float(0, 1), "name": "adam", "steps": [pyhopper.int(9), 5]},
            "epochs": 20,
        },
        seed=0,
    )

    def objective(params):
        if params["opt"]["lr"] < 0.3:
            raise pyhopper.PruneEvaluation
        return params["opt"]["lr"]

    search.run(objective, steps=30, seeding_ratio=1.0, quiet=True)
    history = search.history
    assert history["opt.lr"] == history.fs
    pruned = history.get_pruned_marginal("opt.lr")
    assert len(pruned) == 30 - len(history) > 0
    assert max(pruned) < 0.3 <= min(history["opt.lr"])
    assert set(history["opt.name"]) == {"adam"}
    assert set(history["opt.steps.1"]) == {5}
    assert set(history.get_pruned_marginal("epochs")) == {20}
    assert history["opt.steps.0"] == [history[at]["opt"]["steps"][0] for at in range(len(history))]


@pytest.mark.parametrize("name", ["typo", "opt.typo", "opt.lr.typo.more", "epochs.typo", ""])
def test_unknown_names_are_key_errors(name):
    """Whether anything was evaluated or not."""
    search = pyhopper.Search({"opt": {"x": pyhopper.float(0, 1)}, "epochs": 20})
    for _ in range(2):
        for read in (search.history.get_marginal, search.history.get_pruned_marginal):
            with pytest.raises(KeyError):
                read(name)
        with pytest.raises(KeyError):
            search.history[name]
        search.run(lambda p: 1.0, steps=2, quiet=True)


# Faults that must not come back ------------------------------------------------------------------


def test_a_checkpoint_only_grows(tmp_path):
    """Each evaluation adds its own few lines; what was written before is not touched again."""
    path = tmp_path / "run.ckpt"
    sizes, start = [], [b""]

    class Watch(Callback):
        def on_evaluate_end(self, candidate, f, info):
            data = path.read_bytes()
            assert data.startswith(start[0])
            sizes.append(len(data) - len(start[0]))
            start[0] = data

    search = search_of_x()
    search.run(x_of, steps=300, callbacks=Watch(), checkpoint_path=path, quiet=True)
    assert len(sizes) == 300
    assert all(0 < size < 2000 for size in sizes[1:])
    assert sum(sizes[200:]) < 1.5 * sum(sizes[100:200])


def test_the_summary_of_a_resumed_run_has_the_earlier_part(tmp_path, capsys):
    """Counts, time and best are those of all the search."""
    values = {1: 9.0, 2: pyhopper.PRUNED, 13: pyhopper.FAILED}
    for steps, quiet in ((10, True), (25, False)):
        clock = FakeClock()

        def script(job):
            value = values.get(job.id, 1.0)
            if isinstance(value, Status):
                value = Outcome(value, reason="no luck")
            return 60.0, value

        search = search_of_x(seed=0, clock=clock)
        search.run(
            x_of,
            steps=steps,
            executor=ScriptedExecutor(clock, script),
            checkpoint_path=tmp_path / "run.ckpt",
            quiet=quiet,
        )
    out = capsys.readouterr().out
    rows = {text[:20].strip(): text[20:].split() for text in out.splitlines()}
    assert rows["Total"][:5] == ["9", "25", "1", "0", "1"]
    assert rows["Total"][5:] == ["25", "min", "0", "s"]
    assert rows["Initial"][:2] == ["1", "1"]
    assert "Search ended after 25 min 0 s" in out
    assert "Best value 9 with" in out


def test_names_below_a_parameter():
    """A dotted name that no candidate can have is an error, one that some have is not."""
    search = pyhopper.Search(
        model=pyhopper.choice("lin", {"depth": pyhopper.int(9), "kind": "tree"}),
        lr=pyhopper.float(1),
        layers=pyhopper.list(pyhopper.int(9), 1, 2),
        nothing=None,
        seed=0,
    )
    search.run(lambda params: params["lr"], steps=8, quiet=True)
    for name in ("model.typo", "lr.typo", "layers.typo", "nothing.typo"):
        with pytest.raises(KeyError, match="typo"):
            search.history[name]
        with pytest.raises(KeyError, match="typo"):
            search.history.get_pruned_marginal(name)
    assert set(search.history["model.kind"]) == {None, "tree"}
    assert list(search.history["nothing"]) == [None] * 8
    assert search.history["layers.0"][0] == search.history[0]["layers"][0]


def test_a_parameter_called_clock():
    search = pyhopper.Search(clock=pyhopper.int(1, 5))
    assert set(search.run(lambda params: params["clock"], steps=3, quiet=True)) == {"clock"}


def test_keys_with_dots():
    search = pyhopper.Search({"a.b": pyhopper.float(1), "c": {"d": pyhopper.float(1)}})
    search.grid({"a.b": [0.25, 0.75], "c.d": [0.5]})
    search.run(lambda params: params["a.b"], steps=3, seeding_ratio=1, quiet=True)
    assert search.history["a.b"][:2] == [0.25, 0.75]
    assert search.history["c.d"][:2] == [0.5, 0.5]

"""The bridge to Optuna: exported studies, imported ones, and the sampler."""

import math
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers import ROOT

import pyhopper
from pyhopper.errors import ArgumentError

optuna = pytest.importorskip("optuna")
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState  # noqa: E402

from pyhopper.integrations.define_by_run import Branch  # noqa: E402
from pyhopper.integrations.optuna import PyHopperSampler, import_study  # noqa: E402


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


TEMPLATE = {
    "lr": pyhopper.float(1e-5, 1e-1, log=True),
    "units": pyhopper.int(8, 128, multiple_of=8),
    "batch": pyhopper.int(2, 256, power_of=2),
    "dropout": pyhopper.float(0, 0.8, "0.2f"),
    "decay": pyhopper.float(1e-3, 10, "0.2g"),
    "normal": pyhopper.float(),
    "opt": {"name": pyhopper.choice("adam", "sgd"), "momentum": [pyhopper.float(0, 1), 5]},
    "flag": pyhopper.bool(),
    "reg": pyhopper.choice(0, pyhopper.float(1e-6, 1, log=True)),
    "model": pyhopper.choice(
        {"kind": "tree", "depth": pyhopper.int(1, 9)},
        {"kind": "net", "layers": pyhopper.list(pyhopper.int(8, 64), 1, 3)},
        "linear",
    ),
    "mixed": pyhopper.choice(1, True, None, "a"),
    "w": pyhopper.float(-1, 1, shape=(2, 2)),
    "epochs": 20,
}


def objective(params):
    """Ends in all ways."""
    yield 1.0
    if params["units"] > 100:
        raise ValueError("too many units")
    if params["flag"] and params["units"] < 60:
        raise pyhopper.PruneEvaluation
    yield {"value": params["dropout"] - abs(math.log10(params["lr"]) + 3), "top1": 0.5}


def journal(folder):
    """A storage in a file, quicker than a database where disks are slow."""
    backend = optuna.storages.journal.JournalFileBackend(f"{folder}/study.log")
    return optuna.storages.JournalStorage(backend)


def searched(template=TEMPLATE, steps=40):
    """A search that has run."""
    search = pyhopper.Search(template, seed=1)
    search.run(objective, "max", steps=steps, quiet=True)
    return search


def test_a_study_has_all_of_a_search(tmp_path):
    """What is read from a file is what the search knows."""
    search = searched()
    search.to_optuna(journal(tmp_path), "mine")
    study = optuna.load_study(storage=journal(tmp_path), study_name="mine")
    states = {"done": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    assert {each.state for each in study.trials} == set(states.values())
    assert study.best_value == search.best_f
    for trial, record in zip(study.trials, search.history.evaluations, strict=True):
        assert trial.state is states[record.status]
        assert tuple(trial.intermediate_values.values()) == record.estimates
        assert trial.datetime_start.timestamp() == pytest.approx(record.sampled_at, abs=1e-3)
        assert trial.duration.total_seconds() >= 0
        params, attributes = record.params, trial.user_attrs
        assert trial.params["lr"] == params["lr"]
        assert trial.params["opt.momentum.0"] == params["opt"]["momentum"][0]
        assert trial.params["w.1.0"] == params["w"][1, 0]
        assert trial.params.get("model.depth") == (
            params["model"]["depth"] if trial.params["model"] == "tree" else None
        )
        assert attributes.get("top1") == record.metrics.get("top1")
        assert attributes["pyhopper.type"] == record.type
        assert attributes.get("pyhopper.reason", "") == record.reason
    kinds = study.trials[0].distributions
    assert kinds["lr"] == FloatDistribution(1e-5, 1e-1, log=True)
    assert kinds["units"] == IntDistribution(8, 128, step=8)
    assert kinds["dropout"] == FloatDistribution(0, 0.8, step=0.01)
    assert kinds["opt.name"] == CategoricalDistribution(("adam", "sgd"))


def test_a_database(tmp_path):
    """As it opens in optuna-dashboard."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    search.run(lambda params: params["x"], "max", steps=3, quiet=True)
    storage = f"sqlite:///{tmp_path}/study.db"
    search.to_optuna(storage=storage, study_name="mine")
    study = optuna.load_study(storage=storage, study_name="mine")
    assert [each.params["x"] for each in study.trials] == search.history["x"]
    assert study.best_value == search.best_f


def test_a_study_of_what_is_no_parameter_in_optuna():
    """Large arrays and own values are summarised, and what the space does not hold is kept."""
    template = {
        "x": pyhopper.float(0, 1, "0.1f"),
        "big": pyhopper.float(0, 1, shape=(100,)),
        "own": pyhopper.custom(lambda: "text", lambda value: value),
    }
    search = pyhopper.Search(template, seed=1)
    search.run(lambda params: params["x"], "min", steps=5, quiet=True)
    search["x"] = pyhopper.float(0.25, 0.75, log=True)
    study = search.to_optuna()
    assert study.trials[0].params == {"x": 0.5}
    assert study.trials[0].user_attrs["pyhopper.params.big.mean"] == pytest.approx(0.5)
    assert study.trials[0].user_attrs["pyhopper.params.own"] == "text"


def test_what_cannot_be_exported():
    """A study needs a direction, and a name of its own."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(ArgumentError, match="has not run"):
        search.to_optuna()
    search.run(lambda params: params["x"], steps=2, quiet=True)
    storage = optuna.storages.InMemoryStorage()
    search.to_optuna(storage, "mine")
    with pytest.raises(ArgumentError, match=r"study_name='mine'.*choose another"):
        search.to_optuna(storage, "mine")


def test_there_and_back():
    """A study that was exported gives the same evaluations."""
    search = searched()
    other = pyhopper.Search(TEMPLATE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_study(search.to_optuna(), other) == 40
    pairs = zip(search.history.evaluations, other.history.evaluations, strict=True)
    for before, after in pairs:
        assert repr(after.params) == repr(before.params)
        assert after.estimates == before.estimates
        assert after.status == ("nan" if before.status == "failed" else before.status)
        assert after.metrics == before.metrics
    other.run(lambda _: -100.0, "max", steps=1, quiet=True)
    assert other.best_f == search.best_f


def foreign(*rows, state=TrialState.COMPLETE):
    """A study with some trials of these parameters."""
    study = optuna.create_study()
    for value, row in enumerate(rows):
        distributions = {name: FloatDistribution(0, 100) for name in row}
        study.add_trial(
            optuna.create_trial(
                params=row,
                distributions=distributions,
                state=state,
                value=float(value) if state is TrialState.COMPLETE else None,
            )
        )
    return study


def test_trials_that_do_not_fit():
    """They are counted, and the parameters that are the reason are named."""
    study = foreign(
        {"x": 0.5, "opt.lr": 1.0, "epochs": 20.0},
        {"x": 5.0, "opt.lr": 1.0},
        {"opt.lr": 1.0},
        {"x": 0.5, "opt.lr": 1.0, "epochs": 10.0},
        {"x": 0.25, "opt.lr": 1.0, "extra": 3.0},
    )
    template = {"x": pyhopper.float(0, 1), "opt": {"lr": pyhopper.float(0, 2)}, "epochs": 20}
    search = pyhopper.Search(template)
    with pytest.warns(UserWarning, match="template") as caught:
        assert import_study(study, search) == 2
    texts = [str(each.message) for each in caught]
    assert texts[0] == (
        "3 of 5 trials do not fit the template and were left out, because of x (2x), epochs (1x)"
    )
    assert texts[1] == "the template has no extra (1x); the trials count without"
    assert [each.value for each in search.history.evaluations] == [0.0, 4.0]


def test_a_missing_parameter_gets_its_init():
    """As after a resume with a new parameter."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), new=pyhopper.int(1, 9, init=3))
    assert import_study(foreign({"x": 0.5}), search) == 1
    assert search.history[0] == {"x": 0.5, "new": 3}


def test_studies_that_cannot_be_imported():
    """Several objectives, and the other direction."""
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(ArgumentError, match="several objectives"):
        import_study(optuna.create_study(directions=["minimize", "maximize"]), search)
    search.run(lambda params: params["x"], "max", steps=1, quiet=True)
    with pytest.raises(ArgumentError, match="other direction"):
        import_study(foreign({"x": 0.5}), search)


# The sampler ---------------------------------------------------------------------------------


def conditional(trial):
    """Two kinds of models with parameters of their own; the best value is 0."""
    if trial.suggest_categorical("kind", ["tree", "net"]) == "tree":
        return 1 + abs(trial.suggest_int("depth", 1, 20) - 7)
    lr = trial.suggest_float("lr", 1e-5, 1, log=True)
    momentum = trial.suggest_float("momentum", 0, 0.9, step=0.1)
    return (math.log10(lr) + 2.6) ** 2 + (momentum - 0.8) ** 2


def best(sampler, direction="minimize", trials=30):
    """The best value that a sampler finds of the conditional function."""
    sign = 1 if direction == "minimize" else -1
    study = optuna.create_study(sampler=sampler, direction=direction)
    study.optimize(lambda trial: sign * conditional(trial), n_trials=trials)
    return sign * study.best_value


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_learns_conditional_parameters(direction):
    """With fixed seeds; the control draws at random."""
    assert max(best(PyHopperSampler(seed), direction) for seed in range(3)) < 0.01
    assert min(best(optuna.samplers.RandomSampler(seed), direction) for seed in range(3)) > 0.01


def trial_of(**params):
    """A complete trial with categories 0 and 1."""
    kinds = dict.fromkeys(params, CategoricalDistribution((0, 1)))
    return optuna.create_trial(params=params, distributions=kinds, value=0.0)


def structure(*rows):
    """What the sampler finds out from trials with these parameters."""
    trials = [trial_of(**row) for row in rows]
    names = sorted({name for row in rows for name in row})
    return Branch.of(trials, names, dict.fromkeys(names, CategoricalDistribution((0, 1))))


def test_what_depends_on_what():
    """Options in options are recognized; what follows no option is left to random draws."""
    rows = [{"a": 0}, {"a": 1, "b": 0}, {"a": 1, "b": 1, "c": 0}]
    inner = Branch(["b"], {"b": [Branch([]), Branch(["c"])]})
    assert structure(*rows) == Branch(["a"], {"a": [Branch([]), inner]})
    assert structure({"a": 0}, {"a": 0, "b": 0}, {"a": 0}).names() == {"a"}


def test_a_new_parameter_joins_the_space():
    """When it has been there often enough; before it is drawn at random."""
    old, new = {"a": 0}, {"a": 0, "b": 0}
    assert structure(*[old] * 5, *[new] * 9).names() == {"a"}
    assert structure(*[old] * 5, *[new] * 10).names() == {"a", "b"}


def test_repeatable_and_picklable():
    """The same seed gives the same trials, also through a pickle in the middle."""

    def params(interrupted):
        study = optuna.create_study(sampler=PyHopperSampler(seed=5))
        study.optimize(conditional, n_trials=8)
        if interrupted:
            study.sampler = pickle.loads(pickle.dumps(study.sampler))
        study.sampler.reseed_rng()
        study.optimize(conditional, n_trials=4)
        return [each.params for each in study.trials]

    assert params(interrupted=False) == params(interrupted=True)


SPACE = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}


def known(seed):
    """A study of a wavy function with some complete trials."""
    study = optuna.create_study(sampler=PyHopperSampler(seed))
    for x, y in np.random.default_rng(0).random((12, 2)):
        value = math.sin(9 * x) + math.cos(7 * y) + x * y
        params = {"x": x, "y": y}
        study.add_trial(optuna.create_trial(params=params, distributions=SPACE, value=value))
    return study


def closest(trials):
    """The smallest distance between any two."""
    points = np.array([[trial.params["x"], trial.params["y"]] for trial in trials])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    return float(distances[np.triu_indices(len(points), 1)].min())


def test_running_trials_count():
    """Proposals keep away from what runs; with fixed seeds.

    The control does not know of what runs, and proposes nearly the same again and again.
    """
    study = known(seed=1)
    together = [study.ask(SPACE) for _ in range(5)]
    alone = [known(seed).ask(SPACE) for seed in range(1, 6)]
    assert closest(together) > 10 * closest(alone)


def test_it_avoids_what_fails():
    """With a fixed seed; half of all random draws would fail."""

    def fails(trial):
        x = trial.suggest_float("x", 0, 1)
        if x < 0.5:
            raise ValueError
        return (x - 0.6) ** 2

    study = optuna.create_study(sampler=PyHopperSampler(seed=1))
    study.optimize(fails, n_trials=40, catch=ValueError)
    assert sum(each.state is TrialState.FAIL for each in study.trials[20:]) <= 6
    assert study.best_value < 1e-3


def test_pruned_trials_count():
    """They are poor, as their intermediate values say."""

    def pruned(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, step=0)
        if x > 0.3:
            raise optuna.TrialPruned
        return x

    study = optuna.create_study(sampler=PyHopperSampler(seed=1))
    study.optimize(pruned, n_trials=30)
    assert study.best_value < 0.01


def test_a_finite_space_does_not_end():
    """Every value comes before any comes twice, and then it goes on."""
    study = optuna.create_study(sampler=PyHopperSampler(seed=1))
    study.optimize(lambda trial: trial.suggest_int("n", 0, 3), n_trials=8)
    assert {each.params["n"] for each in study.trials[:5]} == {0, 1, 2, 3}


def test_what_it_refuses():
    """Seeds that are none, and several objectives."""
    with pytest.raises(ArgumentError, match="seed=-1"):
        PyHopperSampler(seed=-1)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=PyHopperSampler())
    with pytest.raises(ArgumentError, match="several objectives"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0), n_trials=1)


WORKER = """
import sys, optuna
from pyhopper.integrations.optuna import PyHopperSampler
backend = optuna.storages.journal.JournalFileBackend(sys.argv[1])
storage = optuna.storages.JournalStorage(backend)
study = optuna.load_study(storage=storage, study_name="shared", sampler=PyHopperSampler(seed=1))
study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2, n_trials=10, n_jobs=2)
"""


def test_workers_share_a_storage(tmp_path):
    """Processes and threads of one seed on one file never try the same."""
    study = optuna.create_study(storage=journal(tmp_path), study_name="shared")
    command = [sys.executable, "-c", WORKER, f"{tmp_path}/study.log"]
    workers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [each.wait(timeout=120) for each in workers] == [0, 0]
    xs = [each.params["x"] for each in study.trials]
    assert len(xs) == len(set(xs)) == 20
    assert study.best_value < 1e-3

"""The sweeper for Hydra, as programs use it, with the launchers of this process and of joblib."""

import os
import sys

import pytest
from helpers import ROOT
from processes import run_python

import pyhopper
from pyhopper.errors import ArgumentError
from pyhopper.journal import read

pytest.importorskip("hydra")
pytest.importorskip("omegaconf")

pytestmark = pytest.mark.heavy

PROGRAM = """
import os

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=None, config_name="config")
def train(config: DictConfig) -> float:
    if config.model.units > 90:
        raise ValueError("too many units")
    with open(os.path.join(FOLDER, "log"), "a") as file:
        file.write(f"{hydra.core.hydra_config.HydraConfig.get().job.num} {os.getpid()}\\n")
    assert isinstance(config.model.units, int)
    bonus = {"adam": 0, "sgd": 1}[config.opt]
    return abs(config.lr - 0.01) + config.model.units / 100 + bonus + config.shift


from hydra.core.config_store import ConfigStore

ConfigStore.instance().store(
    "config", {"lr": 0.1, "model": {"units": 8}, "opt": "adam", "shift": 0, "depth": 1}
)
train()
"""

SPACE = [
    "lr=tag(log, interval(1e-4, 1))", "model.units=int(interval(4, 100))", "opt=adam,sgd",
    "depth=range(1, 9, 2)", "shift=2",
]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Run the program with some overrides; what it printed."""
    program = tmp_path / "train.py"
    program.write_text(f"FOLDER = {str(tmp_path)!r}\n{PROGRAM}")

    def call(*overrides, fails=False):
        common = ["--multirun", "hydra/sweeper=pyhopper", f"hydra.sweep.dir={tmp_path}/out"]
        done = run_python([program, *common, *overrides], tmp_path)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


def jobs(folder):
    """Numbers and processes of the jobs that ran."""
    return [tuple(map(int, line.split())) for line in (folder / "log").read_text().splitlines()]


def test_a_sweep(run, tmp_path):
    """All kinds of sweeps; failed jobs, the results, and a second call that goes on."""
    import yaml

    out = run("hydra.sweeper.steps=12", "hydra.sweeper.seed=1", *SPACE)
    results = yaml.safe_load((tmp_path / "out" / "optimization_results.yaml").read_text())
    assert set(results["best_params"]) == {"lr", "model.units", "opt", "depth"}
    assert 2 < results["best_value"] < 3
    assert f"Best value: {results['best_value']}" in out
    records, _ = read(tmp_path / "out" / "pyhopper.ckpt")
    ended = [record["id"] for record in records if record["event"] == "ended"]
    assert ended == list(range(12))
    before = jobs(tmp_path)
    assert (tmp_path / "out" / "11" / ".hydra" / "overrides.yaml").exists()
    run("hydra.sweeper.steps=14", "hydra.sweeper.seed=1", *SPACE)
    assert [number for number, _ in jobs(tmp_path)[len(before) :]] == [12, 13]


def test_joblib(run, tmp_path):
    """Two jobs at a time, in processes of joblib; a space in the config, a budget in time, more."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    common = (
        "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2", "opt=sgd",
        "model.units=4", "+hydra.sweeper.params.lr='interval(0.001, 0.1)'", "shift=1,2",
    )  # fmt: skip
    run("hydra.sweeper.runtime=4s", *common)
    found = jobs(tmp_path)
    assert len(found) >= 2
    assert sorted(number for number, _ in found) == list(range(len(found)))
    assert os.getpid() not in {process for _, process in found}
    run(f"hydra.sweeper.steps={len(found) + 2}", *common)
    assert sorted(number for number, _ in jobs(tmp_path)) == list(range(len(found) + 2))
    results = (tmp_path / "out" / "optimization_results.yaml").read_text()
    assert "\n  shift: 1\n" in results, "a number, as the task got it"


def test_submitit(run, tmp_path):
    """Its local executor stands for a cluster; a second call goes on."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    for steps in (2, 3):
        run(
            "hydra/launcher=submitit_local", "hydra.sweeper.n_jobs=2",
            f"hydra.sweeper.steps={steps}", "lr=interval(0.001, 0.1)",
        )  # fmt: skip
        assert sorted(number for number, _ in jobs(tmp_path)) == list(range(steps))


def test_mistakes(run):
    """No budget, no sweep, and a task that always fails."""
    assert "needs a budget: hydra.sweeper.steps=50" in run("lr=interval(0, 1)", fails=True)
    assert "nothing to search for" in run("hydra.sweeper.steps=3", "lr=1", fails=True)
    out = run("hydra.sweeper.steps=9", "lr=interval(0, 1)", "model.units=95", fails=True)
    assert "5 evaluations failed and none has ever succeeded" in out
    assert "too many units" in out


def test_overrides():
    """What each kind of sweep becomes."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from pyhopper.integrations.hydra import read_overrides

    def one(text):
        space, _ = read_overrides(OverridesParser.create().parse_overrides([f"a={text}"]))
        return repr(space["a"])

    assert one("interval(0, 1)") == repr(pyhopper.float(0, 1))
    assert one("tag(log, interval(1e-5, 1e-1))") == repr(pyhopper.float(1e-5, 1e-1, log=True))
    assert one("int(interval(1, 8))") == repr(pyhopper.int(1, 8))
    assert one("tag(log, int(interval(1, 8)))") == repr(pyhopper.int(1, 8, log=True))
    assert one("range(0, 10, 2)") == repr(pyhopper.int(0, 8, multiple_of=2))
    assert one("range(1, 8, 3)") == repr(pyhopper.choice(1, 4, 7, is_ordinal=True))
    assert one("range(0, 1, 0.25)") == repr(pyhopper.float(0, 0.75, multiple_of=0.25))
    assert one("choice(a, 'b c', 1)") == repr(pyhopper.choice("a", r"b\ c", "1"))
    assert one("tag(ordinal, choice(1, 3))") == repr(pyhopper.choice("1", "3", is_ordinal=True))
    parse = OverridesParser.create().parse_overrides
    space, fixed = read_overrides(parse(["a=1", "a=x,y", "+b=2", "c=choice(5)"]))
    assert list(space) == ["a"]
    assert fixed == ["+b=2", "c=5"]
    with pytest.raises(ArgumentError, match="nothing to search for"):
        read_overrides(parse(["a=1"]))


def test_it_is_found():
    """By Hydra's own discovery, and it is part of the wheel."""
    assert (ROOT / "hydra_plugins" / "pyhopper_sweeper" / "__init__.py").exists()
    program = (
        "from hydra.core.plugins import Plugins; from hydra.plugins.sweeper import Sweeper;"
        "print([each.__name__ for each in Plugins.instance().discover(Sweeper)])"
    )
    done = run_python(["-c", program], ROOT)
    assert "PyHopperSweeper" in done.stdout, (done.stderr, sys.path)

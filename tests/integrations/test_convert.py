"""Spaces of other packages, read as templates."""

import pytest
from scipy.stats import beta, lognorm, loguniform, norm, randint, truncnorm, uniform

import pyhopper
from pyhopper import choice, distribution
from pyhopper.errors import ArgumentError
from pyhopper.integrations.convert import space

YAML = """
method: bayes
metric: {name: loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  momentum: {min: 0.0, max: 1.0}
  layers: {min: 1, max: 8}
  units: {values: [16, 32, 64]}
  opt: {values: [adam, sgd], probabilities: [0.75, 0.25]}
  epochs: {value: 20}
  width: {distribution: q_uniform, min: 0, max: 64, q: 8}
  noise: {distribution: normal, mu: 0, sigma: 2}
  model:
    parameters:
      depth: {distribution: int_uniform, min: 1, max: 4}
"""


def same(found, **expected):
    """Whether a template is the expected one; parameters compare by their text."""
    assert {key: repr(value) for key, value in found.items()} == {
        key: repr(value) for key, value in expected.items()
    }
    pyhopper.Search(found, seed=1).run(lambda params: 0.0, steps=3, quiet=True)


def test_scipy():
    same(
        space(
            {
                "C": loguniform(0.01, 100), "u": uniform(2, 3), "n": randint(1, 9),
                "kernel": ["rbf", "poly"], "degree": range(2, 5), "b": beta(2, 5), "tol": 0.1,
            }
        ),
        C=pyhopper.float(0.01, 100.0, log=True), u=pyhopper.float(2.0, 5.0), n=pyhopper.int(1, 8),
        kernel=choice("rbf", "poly"), degree=choice(2, 3, 4, is_ordinal=True),
        b=distribution(beta(2, 5)), tol=0.1,
    )  # fmt: skip


def test_a_sweep_of_wandb(tmp_path):
    """From its dict, from text and from a file."""
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "sweep.yaml"
    path.write_text(YAML)
    for source in (YAML, path, str(path), yaml.safe_load(YAML)):
        same(
            space(source),
            lr=pyhopper.float(0.0001, 0.1, log=True), momentum=pyhopper.float(0.0, 1.0),
            layers=pyhopper.int(1, 8), units=choice(16, 32, 64, is_ordinal=True),
            opt=choice("adam", "sgd", weights=[0.75, 0.25]), epochs=20,
            width=pyhopper.int(0, 64, multiple_of=8), noise=distribution(norm(0.0, 2.0)),
            model={"depth": pyhopper.int(1, 4)},
        )  # fmt: skip
    with pytest.raises(ArgumentError, match=r"a=.*the entry 'max' is missing"):
        space({"parameters": {"a": {"min": 1}}})
    with pytest.raises(ArgumentError, match=r"a='inv_log_uniform'.*take one of beta"):
        space({"parameters": {"a": {"distribution": "inv_log_uniform", "min": 0, "max": 1}}})


def test_numbers_as_people_write_them():
    """1e-5 without a dot is text in YAML 1.1; products of steps have rounding errors."""
    pytest.importorskip("yaml")
    same(
        space(
            "parameters:\n"
            "  lr: {values: [1e-5, 1e-4, 1.5E+2]}\n"
            "  tol: {value: 1e-3}\n"
            "  name: {value: 1e-3a}\n"
            "  momentum: {distribution: q_uniform, min: 0.5, max: 0.95, q: 0.05}\n"
        ),
        lr=choice(1e-5, 1e-4, 150.0, is_ordinal=True), tol=0.001, name="1e-3a",
        momentum=pyhopper.float(0.5, 0.95, multiple_of=0.05),
    )  # fmt: skip


def test_optuna():
    optuna = pytest.importorskip("optuna")
    kinds = optuna.distributions
    same(
        space(
            {
                "lr": kinds.FloatDistribution(1e-5, 1e-1, log=True),
                "p": kinds.FloatDistribution(0, 1, step=0.25),
                "q": kinds.FloatDistribution(0.1, 0.5, step=0.2),
                "n": kinds.IntDistribution(1, 9),
                "m": kinds.IntDistribution(8, 64, step=8),
                "k": kinds.IntDistribution(1, 7, step=3),
                "one": kinds.IntDistribution(3, 3),
                "opt": kinds.CategoricalDistribution(("adam", None)),
            }
        ),
        lr=pyhopper.float(1e-5, 1e-1, log=True), p=pyhopper.float(0.0, 1.0, multiple_of=0.25),
        q=choice(0.1, 0.3, 0.5, is_ordinal=True), n=pyhopper.int(1, 9),
        m=pyhopper.int(8, 64, multiple_of=8), k=choice(1, 4, 7, is_ordinal=True), one=3,
        opt=choice("adam", None),
    )  # fmt: skip


@pytest.mark.heavy
def test_hyperopt():
    hyperopt = pytest.importorskip("hyperopt")
    hp, scope = hyperopt.hp, hyperopt.pyll.scope
    same(
        space(
            {
                "lr": hp.loguniform("lr", -5, 0), "x": hp.uniform("x", -1, 1),
                "q": hp.quniform("q", 0, 10, 2), "n": scope.int(hp.quniform("n", 1, 9, 1)),
                "r": hp.randint("r", 5), "g": hp.normal("g", 0, 1), "l": hp.lognormal("l", 0, 1),
                "i": hp.uniformint("i", 1, 4), "fixed": 3,
                "opt": hp.choice("opt", ["sgd", {"kind": "adam", "b": hp.uniform("b", 0, 1)}]),
                "w": hp.pchoice("w", [(0.25, "a"), (0.75, "b")]),
            }
        ),
        lr=pyhopper.float(0.006737946999085467, 1.0, log=True), x=pyhopper.float(-1.0, 1.0),
        q=pyhopper.float(0.0, 10.0, multiple_of=2), n=pyhopper.int(1, 9), r=pyhopper.int(0, 4),
        g=distribution(norm(0.0, 1.0)), l=distribution(lognorm(1.0, scale=1.0)),
        i=pyhopper.int(1, 4), fixed=3,
        opt=choice("sgd", {"b": pyhopper.float(0.0, 1.0), "kind": "adam"}),
        w=choice("a", "b", weights=[0.25, 0.75]),
    )  # fmt: skip
    with pytest.raises(ArgumentError, match=r"z='hp.qnormal'.*no counterpart"):
        space({"z": hp.qnormal("z", 0, 1, 2)})
    with pytest.raises(ArgumentError, match="put the expression under a key"):
        space(hp.uniform("x", 0, 1))


@pytest.mark.heavy
def test_ray():
    tune = pytest.importorskip("ray.tune")
    same(
        space(
            {
                "lr": tune.loguniform(1e-4, 1e-1), "x": tune.uniform(0, 1),
                "q": tune.quniform(0, 10, 0.5), "n": tune.randint(1, 9),
                "m": tune.qrandint(8, 64, 8), "g": tune.randn(0, 2),
                "opt": tune.choice(["adam", {"name": "sgd", "m": tune.uniform(0, 1)}]),
                "grid": tune.grid_search([1, 2, 3]), "inner": {"a": [tune.uniform(0, 1), 5]},
            }
        ),
        lr=pyhopper.float(1e-4, 1e-1, log=True), x=pyhopper.float(0.0, 1.0),
        q=pyhopper.float(0.0, 10.0, multiple_of=0.5), n=pyhopper.int(1, 8),
        m=pyhopper.int(8, 64, multiple_of=8), g=distribution(norm(0.0, 2.0)),
        opt=choice("adam", {"name": "sgd", "m": pyhopper.float(0.0, 1.0)}),
        grid=choice(1, 2, 3, is_ordinal=True), inner={"a": [pyhopper.float(0.0, 1.0), 5]},
    )  # fmt: skip
    with pytest.raises(ArgumentError, match=r"f=.*pyhopper\.custom"):
        space({"f": tune.sample_from(lambda spec: 1), "x": tune.uniform(0, 1)})


@pytest.mark.heavy
def test_configspace():
    package = pytest.importorskip("ConfigSpace")
    whole = package.ConfigurationSpace()
    opt = package.Categorical("opt", ["adam", "sgd"], weights=[3, 1])
    momentum = package.Float("momentum", (0.0, 1.0))
    whole.add(
        opt, momentum, package.Float("lr", (1e-4, 1e-1), log=True), package.Integer("n", (1, 9)),
        package.OrdinalHyperparameter("size", ["s", "m", "l"]), package.Constant("c", 5),
        package.NormalFloatHyperparameter("g", 0.0, 1.0, lower=-2.0, upper=2.0),
        package.EqualsCondition(momentum, opt, "sgd"),
    )  # fmt: skip
    branches = [{"opt": "adam"}, {"opt": "sgd", "momentum": pyhopper.float(0.0, 1.0)}]
    found = space(whole)
    same(
        dict(sorted(found.items())),
        c=5, g=distribution(truncnorm(-2.0, 2.0, loc=0.0, scale=1.0)),
        lr=pyhopper.float(1e-4, 1e-1, log=True), n=pyhopper.int(1, 9),
        opt=choice(*branches, weights=[0.75, 0.25]), size=choice("s", "m", "l", is_ordinal=True),
    )  # fmt: skip
    size = whole["size"]
    whole.add(package.ForbiddenEqualsClause(size, "l"))
    with pytest.raises(ArgumentError, match=r"Search\.constrain"):
        space(whole)


def test_what_is_no_space():
    optuna = pytest.importorskip("optuna")
    inner = {"lr": {"distribution": "log_uniform_values", "min": 0, "max": 1}}
    with pytest.raises(ArgumentError, match=r"model\.lr: log=True: needs positive bounds"):
        space({"parameters": {"model": {"parameters": inner}}})
    with pytest.raises(ArgumentError, match="source=3"):
        space(3)
    with pytest.raises(ArgumentError, match="objects of optuna and scipy"):
        space({"a": uniform(0, 1), "b": optuna.distributions.IntDistribution(0, 1)})
    with pytest.raises(ArgumentError, match=r"a=.*no options"):
        space({"a": []})

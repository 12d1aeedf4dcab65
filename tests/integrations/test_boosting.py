"""Pruning in XGBoost, LightGBM and CatBoost."""

import numpy as np
import pytest
import trainings

from pyhopper.errors import ArgumentError

pytestmark = pytest.mark.heavy

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = (X[:, 0] + 0.3 * rng.normal(size=200) > 0).astype(int)
ROUNDS = 12


def xgboost(params, monitor="test-logloss"):
    import xgboost

    from pyhopper.integrations.xgboost import Pruning

    results = {}
    data, test = xgboost.DMatrix(X[:100], Y[:100]), xgboost.DMatrix(X[100:], Y[100:])
    settings = {"eta": params.get("lr", 0.3), "objective": "binary:logistic", "nthread": 1}
    xgboost.train(
        settings, data, ROUNDS, evals=[(data, "train"), (test, "test")], evals_result=results,
        callbacks=[Pruning(monitor)], verbose_eval=False,
    )  # fmt: skip
    return results["test"]["logloss"][-1]


def lightgbm(params, monitor="binary_logloss"):
    import lightgbm

    from pyhopper.integrations.lightgbm import Pruning

    data = lightgbm.Dataset(X[:100], Y[:100])
    settings = {"learning_rate": params.get("lr", 0.3), "objective": "binary", "num_threads": 1}
    booster = lightgbm.train(
        {**settings, "verbosity": -1}, data, ROUNDS,
        valid_sets=[lightgbm.Dataset(X[100:], Y[100:], reference=data)],
        callbacks=[Pruning(monitor), lightgbm.early_stopping(100, verbose=False)],
    )  # fmt: skip
    return booster.best_score["valid_0"]["binary_logloss"]


def catboost(params, monitor="validation-Logloss"):
    from catboost import CatBoostClassifier

    from pyhopper.integrations.catboost import Pruning

    model = CatBoostClassifier(
        iterations=ROUNDS, learning_rate=params.get("lr", 0.3), thread_count=1, verbose=False,
        allow_writing_files=False,
    )  # fmt: skip
    with Pruning(monitor) as pruning:
        model.fit(X[:100], Y[:100], eval_set=(X[100:], Y[100:]), callbacks=[pruning])
    return model.best_score_["validation"]["Logloss"]


OBJECTIVES = {each.__name__: each for each in (xgboost, lightgbm, catboost)}


@pytest.fixture(params=OBJECTIVES)
def objective(request):
    pytest.importorskip(request.param)
    return OBJECTIVES[request.param]


def test_pruning_and_resume(objective, tmp_path):
    trainings.check_pruning(objective, tmp_path, ROUNDS)


def test_at_once(objective):
    """In this process, after one round; outside of a search nothing happens."""
    assert trainings.pruned(objective)
    assert 0 < objective({}) < 0.7


def test_unknown_metrics(objective):
    """The message has those that there are."""
    message = trainings.fails(lambda params: objective(params, "nothing"))
    assert "The first failure: pyhopper.errors.UnknownNameError: there is no 'nothing'" in message
    assert "ogloss" in message
    if objective is xgboost:
        assert "there is no 'logloss'" in trainings.fails(lambda p: xgboost(p, "logloss"))


def test_every(objective):
    """Only each so many rounds."""
    module = pytest.importorskip(f"pyhopper.integrations.{objective.__name__}")
    with pytest.raises(ArgumentError, match="every=0"):
        module.Pruning("loss", every=0)
    with pytest.raises(ArgumentError, match="monitor=3"):
        module.Pruning(3)


def test_catboost_without_with():
    """Says what to write."""
    catboost = pytest.importorskip("catboost")
    from pyhopper.integrations.catboost import Pruning

    model = catboost.CatBoostClassifier(iterations=2, verbose=False, allow_writing_files=False)
    with pytest.raises(catboost.CatBoostError, match=r"write `with Pruning\(...\) as pruning:`"):
        model.fit(X, Y, eval_set=(X, Y), callbacks=[Pruning("Logloss")])


def test_sklearn_interfaces_and_cross_validation():
    """Names of data sets as the classes give them, and means of folds."""
    xgboost = pytest.importorskip("xgboost")
    lightgbm = pytest.importorskip("lightgbm")
    from pyhopper.integrations import lightgbm as ours_lightgbm
    from pyhopper.integrations import xgboost as ours_xgboost

    def by_class(params):
        model = xgboost.XGBClassifier(
            n_estimators=3, n_jobs=1, callbacks=[ours_xgboost.Pruning("validation_0-logloss")]
        )
        model.fit(X, Y, eval_set=[(X, Y)], verbose=False)

    def by_folds(params):
        pruning = ours_xgboost.Pruning("test-logloss")
        settings = {"objective": "binary:logistic", "nthread": 1}
        xgboost.cv(settings, xgboost.DMatrix(X, Y), 3, callbacks=[pruning])

    def by_folds_of_lightgbm(params):
        pruning = ours_lightgbm.Pruning("binary_logloss")
        settings = {"objective": "binary", "num_threads": 1, "verbosity": -1}
        lightgbm.cv(settings, lightgbm.Dataset(X, Y), 3, callbacks=[pruning])

    assert trainings.pruned(by_class)
    assert trainings.pruned(by_folds)
    assert trainings.pruned(by_folds_of_lightgbm)

"""SearchCV: in the place of RandomizedSearchCV, with folds that are given up."""

import importlib.util
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from helpers import ROOT
from processes import run_python

import pyhopper
from pyhopper.errors import ArgumentError

sklearn = pytest.importorskip("sklearn", "1.6")
from scipy.stats import expon, loguniform, randint  # noqa: E402
from sklearn import config_context  # noqa: E402
from sklearn.base import BaseEstimator, ClassifierMixin, clone  # noqa: E402
from sklearn.datasets import load_iris, make_classification  # noqa: E402
from sklearn.exceptions import FitFailedWarning  # noqa: E402
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
from sklearn.metrics import accuracy_score, make_scorer  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from pyhopper.integrations.races import FoldRace  # noqa: E402
from pyhopper.integrations.sklearn import SearchCV  # noqa: E402

IRIS = load_iris(return_X_y=True)
TREE = {"max_depth": [1, 2, 3, 5], "min_samples_leaf": randint(1, 40)}


class Scored(ClassifierMixin, BaseEstimator):
    """A classifier whose accuracy is what its parameter says, plus what its fold adds."""

    def __init__(self, skill=0.5, broken=False):
        self.skill = skill
        self.broken = broken

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.broken:
            raise ValueError("told to fail")
        return self

    def score(self, X, y):
        return self.skill + X[0, 0] / 100 + 0.001 * (hash((self.skill, X[0, 0])) % 7)


FOLDS = (np.repeat(np.arange(5.0), 4)[:, None], np.tile([0, 1], 10))
"""Five folds of four rows each, in order; the fifth is easiest."""


def in_turn(skills, **settings):
    """A search through some values of ``skill`` in this order."""
    search = SearchCV(
        Scored(), {"skill": list(skills)}, guesses=[{"skill": each} for each in skills],
        steps=len(skills), cv=KFold(5), **settings,
    )  # fmt: skip
    return search.fit(*FOLDS)


def test_a_drop_in():
    """The same script with the other class: results have the same entries and mean the same."""
    settings = {"cv": 3, "random_state": 0, "return_train_score": True}
    theirs = RandomizedSearchCV(DecisionTreeClassifier(random_state=0), TREE, n_iter=4, **settings)
    ours = SearchCV(DecisionTreeClassifier(random_state=0), TREE, steps=8, **settings)
    theirs.fit(*IRIS)
    ours.fit(*IRIS)
    assert set(ours.cv_results_) == {*theirs.cv_results_, "n_splits"}
    for key, column in theirs.cv_results_.items():
        assert type(ours.cv_results_[key]) is type(column)
    public = {name for name in vars(theirs) if name.endswith("_")}
    assert public <= set(vars(ours))
    best = ours.best_index_
    assert ours.cv_results_["rank_test_score"][best] == 1
    scores = cross_val_score(clone(ours.estimator).set_params(**ours.best_params_), *IRIS, cv=3)
    assert scores.tolist() == [ours.cv_results_[f"split{i}_test_score"][best] for i in range(3)]
    assert ours.best_score_ == pytest.approx(scores.mean())
    assert ours.predict(IRIS[0]).shape == (150,)
    assert ours.score(*IRIS) > 0.9


def test_the_space():
    """SciPy's distributions, lists, parameters of this package and single values."""
    space = {
        "svc__C": loguniform(1e-2, 1e2),
        "svc__gamma": pyhopper.float(1e-3, 1, log=True),
        "svc__kernel": ["linear", "rbf"],
        "svc__coef0": expon(),
        "svc__max_iter": 200,
        "standardscaler": [None, StandardScaler()],
    }
    search = SearchCV(make_pipeline(StandardScaler(), SVC()), space, steps=8, cv=2, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(*IRIS)
    assert search.best_estimator_["svc"].max_iter == 200
    kernels = set(search.cv_results_["param_svc__kernel"])
    assert kernels == {"linear", "rbf"}


def test_several_spaces():
    """Each candidate is of one of them."""
    spaces = [
        {"kernel": ["rbf"], "gamma": loguniform(1e-3, 1)},
        {"kernel": ["linear"], "C": [1, 2]},
    ]
    search = SearchCV(SVC(), spaces, steps=10, cv=2, random_state=0).fit(*IRIS)
    kinds = {tuple(sorted(params)) for params in search.cv_results_["params"]}
    assert kinds == {("gamma", "kernel"), ("C", "kernel")}
    assert search.cv_results_["param_gamma"].mask.any()


def test_a_seed():
    """The same candidates and results again; another seed gives others."""

    def scores(seed):
        search = SearchCV(DecisionTreeClassifier(random_state=0), TREE, steps=8, random_state=seed)
        return search.fit(*IRIS).cv_results_["params"]

    assert scores(1) == scores(1) != scores(2)


def test_several_metrics():
    """The search is for the one that refit names, all are in the results."""
    scoring = {"hit": "accuracy", "loss": "neg_log_loss"}
    settings = {"scoring": scoring, "cv": 3, "steps": 6, "random_state": 0}
    search = SearchCV(DecisionTreeClassifier(), TREE, refit="loss", **settings).fit(*IRIS)
    assert search.multimetric_
    results = search.cv_results_
    assert search.best_score_ == results["mean_test_loss"].max() == search.search_.best_f
    assert np.isfinite(results["mean_test_hit"]).all()
    assert search.score(*IRIS) < 0
    without = SearchCV(DecisionTreeClassifier(), TREE, refit=False, **settings).fit(*IRIS)
    assert not hasattr(without, "best_index_")
    assert not hasattr(without, "predict")


def test_a_rule_that_picks():
    """A function as refit sees results in which what was given up is not the best."""
    search = in_turn([0.5, 0.45, 0.4, 0.1, 0.6, 0.2], refit=lambda r: r["mean_test_score"].argmax())
    assert search.n_given_up_ >= 2
    assert search.best_params_ == {"skill": 0.6}


def test_what_is_clearly_worse_is_given_up():
    """After two of five folds, compared in pairs: the folds differ more than the candidates."""
    skills = [0.5, 0.49, 0.48, 0.2, 0.51, 0.3]
    search = in_turn(skills)
    folds = search.cv_results_["n_splits"].tolist()
    assert folds[3] == folds[5] == 2
    assert folds[4] == 5
    assert search.n_given_up_ == sum(each < 5 for each in folds)
    results = search.cv_results_
    assert np.isnan(results["split2_test_score"][3])
    assert np.isfinite(results["split1_test_score"]).all()
    # What is expected of it is near to what it would have had.
    whole = in_turn(skills, prune=False)
    assert "n_splits" not in whole.cv_results_
    expected, true = results["mean_test_score"], whole.cv_results_["mean_test_score"]
    assert expected == pytest.approx(true, abs=0.01)
    assert search.best_params_ == whole.best_params_ == {"skill": 0.51}


def test_the_time_saved(capsys):
    """In an attribute."""
    assert in_turn([0.5, 0.49, 0.48, 0.2, 0.1]).seconds_saved_ > 0
    assert in_turn([0.5, 0.2], prune=False).seconds_saved_ == 0
    assert capsys.readouterr() == ("", "")


def race(best, folds=5, rivals=()):
    """A race after the best candidate, and others near to it, have ended."""
    rule = FoldRace(folds)
    for scores in (best, *rivals):
        means = np.cumsum(scores) / np.arange(1, folds + 1)
        rule.observe(means.tolist(), float(means[-1]))
    return rule


def decides(rule, *scores):
    return rule.should_prune((np.cumsum(scores) / np.arange(1, len(scores) + 1)).tolist())


def test_the_rule():
    """Differences in pairs, of at least two folds, measured by their usual spread."""
    rng = np.random.default_rng(0)
    folds = rng.normal(0.8, 0.1, 5)
    near = [folds + rng.normal(-0.005, 0.01, 5) for _ in range(5)]
    rule = race(folds, rivals=near)
    assert not decides(rule, folds[0] - 0.3)
    assert decides(rule, *(folds[:2] - 0.05))
    assert not decides(rule, *(folds[:2] - 0.002))
    assert not decides(rule, *(folds[:2] + 0.05))
    assert not decides(rule, *(folds[:5] - 0.5))
    assert not decides(race(folds), *(folds[:2] - 0.05))
    assert not decides(rule, np.nan, 0.1)
    with pytest.raises(ArgumentError, match="folds"):
        FoldRace(1)


def test_the_rule_errs_rarely():
    """Of candidates that would have become the best few are given up, of poor ones most.

    The level is 5% at each of three folds; here each of 300 rivals is equally good on average, and
    the counts are fixed by the seed.
    """
    rng = np.random.default_rng(1)
    wrong = better = stopped = poor = 0
    for _ in range(300):
        base = rng.normal(0.8, 0.05, 5)
        rule = race(base, rivals=[base + rng.normal(-0.01, 0.02, 5) for _ in range(5)])
        for shift in (0.0, -0.08):
            scores = base + rng.normal(shift, 0.02, 5)
            given_up = any(decides(rule, *scores[:k]) for k in (2, 3, 4))
            if scores.mean() > base.mean():
                better += 1
                wrong += given_up
            elif shift:
                poor += 1
                stopped += given_up
    assert wrong < 0.08 * better
    assert stopped > 0.85 * poor


def test_failed_fits():
    """They have the error score and a warning; if all fail, that is an error."""
    space = {"skill": [0.1, 0.2, 0.3], "broken": [False, True]}
    search = SearchCV(Scored(), space, steps=6, cv=KFold(5), prune=False)
    with (
        pytest.warns(FitFailedWarning, match="15 fits failed out of a total of 30"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*FOLDS)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 3
    assert search.best_params_ == {"skill": 0.3, "broken": False}
    with pytest.raises(ValueError, match=r"(?s)All the 10 fits failed.*told to fail"):
        SearchCV(Scored(), {"skill": [0.1, 0.2], "broken": [True]}, steps=2, cv=KFold(5)).fit(
            *FOLDS
        )
    with pytest.raises(ValueError, match=r"^told to fail"):
        SearchCV(Scored(), space, steps=6, error_score="raise").fit(*FOLDS)


def test_metadata():
    """Weights and groups reach fits and scores, with and without metadata routing."""
    data, target = IRIS
    more = {"groups": np.arange(150) % 5}
    tree = DecisionTreeClassifier(random_state=0)
    grid = {"max_depth": [1, 2, 3]}
    in_order = [{"max_depth": depth} for depth in grid["max_depth"]]
    settings = {"steps": 3, "cv": GroupKFold(3), "guesses": in_order, "prune": False}
    alike = SearchCV(tree, grid, **settings).fit(data, target, **more)
    more["sample_weight"] = np.where(target == 0, 1e-9, 1.0)
    plain = SearchCV(tree, grid, **settings).fit(data, target, **more)
    assert 0 not in plain.predict(data[target != 0])
    with config_context(enable_metadata_routing=True):
        estimator = clone(tree).set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        routed = SearchCV(estimator, grid, scoring=scorer, **settings).fit(data, target, **more)
    scores = [each.cv_results_["mean_test_score"] for each in (alike, plain, routed)]
    assert scores[1] == pytest.approx(scores[2])
    assert scores[0] != pytest.approx(scores[1])


def test_pickle_and_clone():
    """A fitted search survives, and a clone is as good as new."""
    search = SearchCV(DecisionTreeClassifier(random_state=0), TREE, steps=3, cv=2).fit(*IRIS)
    again = pickle.loads(pickle.dumps(search))
    assert again.best_params_ == search.best_params_
    assert (again.predict(IRIS[0]) == search.predict(IRIS[0])).all()
    assert not hasattr(clone(search), "best_params_")
    assert "SearchCV" in repr(search)


def test_a_search_in_a_cross_validation():
    """As nested cross-validation does it."""
    search = SearchCV(Ridge(), {"alpha": loguniform(1e-3, 1e3)}, steps=4, cv=3, random_state=0)
    data, target = make_classification(60, random_state=0)
    assert len(cross_val_score(search, data, target.astype(float), cv=3)) == 3


def test_processes():
    """The same results from two processes as from this one, and all folds' times with them."""
    settings = {"cv": 5, "steps": 4, "random_state": 0, "prune": False}
    tree = DecisionTreeClassifier(random_state=0)
    grid = [{"max_depth": depth} for depth in range(1, 5)]
    space = {"max_depth": list(range(1, 5))}
    here = SearchCV(tree, space, guesses=grid, **settings).fit(*IRIS)
    there = SearchCV(tree, space, guesses=grid, n_jobs=2, **settings).fit(*IRIS)
    for key, column in here.cv_results_.items():
        if "time" not in key:
            np.testing.assert_array_equal(column, there.cv_results_[key])
    assert (there.cv_results_["mean_fit_time"] > 0).all()
    slots = {record.slot for record in there.search_.history.evaluations}
    assert slots == {"process 1", "process 2"}


def test_resume(tmp_path):
    """A fit that was interrupted goes on from its checkpoint, folds that were given up included."""
    path = tmp_path / "search.ckpt"
    settings = {"cv": KFold(5), "checkpoint_path": path, "random_state": 0}
    skills = np.linspace(0.1, 0.6, 12).tolist()
    half = SearchCV(Scored(), {"skill": skills}, steps=6, **settings).fit(*FOLDS)
    whole = SearchCV(Scored(), {"skill": skills}, steps=12, **settings).fit(*FOLDS)
    assert whole.cv_results_["params"][:6] == half.cv_results_["params"]
    assert whole.cv_results_["n_splits"][:6].tolist() == half.cv_results_["n_splits"].tolist()
    assert len(whole.cv_results_["params"]) == 12
    assert whole.n_given_up_ > 0
    with pytest.raises(pyhopper.ArgumentError, match="checkpoint"):
        SearchCV(Scored(), {"skill": skills}, steps=12, **settings).fit(FOLDS[0] + 1, FOLDS[1])


def test_runtime_and_mistakes():
    """A budget in time; none, both, and arguments that make no sense."""
    search = SearchCV(DecisionTreeClassifier(), TREE, runtime="0.5s").fit(*IRIS)
    assert len(search.cv_results_["params"]) > 1
    for settings, argument in (
        ({}, "runtime"),
        ({"steps": 2, "runtime": 1}, "runtime"),
        ({"steps": "many"}, "steps"),
    ):
        with pytest.raises(ArgumentError, match=argument):
            SearchCV(DecisionTreeClassifier(), TREE, **settings).fit(*IRIS)
    for settings, argument in (({"prune": 3}, "prune"), ({"n_jobs": 0.5}, "n_jobs")):
        with pytest.raises(ValueError, match=argument):
            SearchCV(DecisionTreeClassifier(), TREE, steps=2, **settings).fit(*IRIS)
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        SearchCV(DecisionTreeClassifier(), {"depth": [1, 2]}, steps=2).fit(*IRIS)
    with pytest.raises(ArgumentError, match="space"):
        SearchCV(DecisionTreeClassifier(), [3], steps=2).fit(*IRIS)


CHECKED = {
    "classifier": (LogisticRegression(), {"C": loguniform(0.1, 1)}, {}),
    "regressor": (
        Ridge(),
        {"alpha": loguniform(0.1, 1)},
        {"check_supervised_y_2d": "RandomizedSearchCV fails it, too: the inner warning is lost"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED)
def test_estimator_checks(name):
    """Those that scikit-learn has for all estimators."""
    estimator, space, failing = CHECKED[name]
    settings = {"steps": 2, "cv": 2, "error_score": "raise", "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(SearchCV(estimator, space, **settings), expected_failed_checks=failing)


@pytest.mark.slow
def test_their_tests_of_searches():
    """All that are about what both do; see sklearn_shims.py for what is meant to differ."""
    if importlib.util.find_spec("sklearn.model_selection.tests") is None:
        pytest.skip("this scikit-learn came without its tests")
    command = [
        sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "-p",
        "sklearn_shims", str(ROOT / "tests" / "integrations" / "sklearn_shims.py"),
    ]  # fmt: skip
    paths = [str(ROOT), str(ROOT / "tests" / "integrations")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert int(done.stdout.split(" passed")[0].split()[-1]) > 100


def test_without_scikit_learn(tmp_path):
    """The error names the extra."""
    program = tmp_path / "without.py"
    program.write_text(
        "import sys\nsys.modules['sklearn'] = None\nimport pyhopper.integrations.sklearn\n"
    )
    done = run_python([program], tmp_path)
    assert 'pip install "pyhopper[sklearn]"' in done.stderr

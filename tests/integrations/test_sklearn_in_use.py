"""SearchCV as it is used at a terminal: what it prints, Ctrl-C, and what it can store."""

import pickle
import signal

import pytest

from pyhopper.errors import ArgumentError

pytest.importorskip("sklearn", "1.6")
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from pyhopper.integrations.sklearn import SearchCV

IRIS = load_iris(return_X_y=True)
SPACE = {"C": loguniform(1e-2, 1e2)}


class OnlyDraws:
    """A distribution as scikit-learn asks for it: nothing but ``rvs``."""

    def rvs(self, random_state):
        return random_state.uniform(0.1, 1)


def test_the_first_line_names_nothing_that_cannot_be_passed(capsys):
    SearchCV(SVC(), SPACE, steps=1, cv=2, verbose=1).fit(*IRIS)
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "Maximizing SVC: 1 evaluation, 1 parameter, 1 slot"


def test_no_budget():
    with pytest.raises(ArgumentError, match="steps=50, or runtime") as error:
        SearchCV(SVC(), SPACE).fit(*IRIS)
    assert "endless" not in str(error.value)


def test_ctrl_c_before_the_first_value():
    """As in every search of scikit-learn, since there is nothing to fit."""

    class Interrupting(SVC):
        def fit(self, X, y):
            signal.raise_signal(signal.SIGINT)
            return super().fit(X, y)

    with pytest.raises(KeyboardInterrupt):
        SearchCV(Interrupting(), SPACE, steps=3, cv=2).fit(*IRIS)


def test_a_distribution_that_only_draws_is_stored():
    search = SearchCV(SVC(), {"C": OnlyDraws()}, steps=2, cv=2, random_state=0).fit(*IRIS)
    assert pickle.loads(pickle.dumps(search)).best_params_ == search.best_params_


def test_the_folds_are_told_from_other_processes_too(capsys):
    SearchCV(SVC(), SPACE, steps=1, cv=2, verbose=3, n_jobs=2).fit(*IRIS)
    assert "[process 1] [CV] END" in "".join(capsys.readouterr())


def test_a_checkpoint_of_other_data(tmp_path):
    """Says what a user of scikit-learn can do, and not what ``Search.run`` takes."""
    path = tmp_path / "search.ckpt"
    SearchCV(SVC(), SPACE, steps=1, cv=2, checkpoint_path=path).fit(*IRIS)
    with pytest.raises(ArgumentError, match="other data, folds or scoring") as error:
        SearchCV(SVC(), SPACE, steps=2, cv=2, checkpoint_path=path).fit(*IRIS[:1], 1 - IRIS[1])
    assert "resume=" not in str(error.value)


def test_a_checkpoint_of_another_space(tmp_path):
    """What does not fit any more is no candidate, nor a measure for those that are given up."""
    options = {"cv": 4, "random_state": 0, "checkpoint_path": tmp_path / "search.ckpt"}
    SearchCV(SVC(), SPACE, steps=3, **options).fit(*IRIS)
    poor = {"C": loguniform(1e-5, 1e-4), "gamma": loguniform(1e-9, 1e-8)}
    search = SearchCV(SVC(), poor, steps=5, **options).fit(*IRIS)
    assert len(search.cv_results_["params"]) == 2
    assert set(search.best_params_) == {"C", "gamma"}
    with pytest.raises(ArgumentError, match="give a larger one"):
        SearchCV(SVC(), {**poor, "tol": loguniform(1e-5, 1e-4)}, steps=5, **options).fit(*IRIS)


def test_the_names_of_randomized_search():
    with pytest.raises(TypeError, match=r"SearchCV\(\) has no argument 'n_iter'.*steps=100"):
        SearchCV(SVC(), SPACE, n_iter=10)
    with pytest.raises(TypeError, match=r"'param_distributions'.*space, the second argument"):
        SearchCV(SVC(), param_distributions=SPACE, steps=10)

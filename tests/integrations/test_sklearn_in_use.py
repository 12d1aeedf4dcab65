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

"""Runs scikit-learn's own tests of its searches with SearchCV in the place of both.

``python -m pytest tests/integrations/sklearn_shims.py`` collects them from the installed package.
"""

import numpy as np
import sklearn.model_selection as selection
from sklearn.conftest import *  # noqa: F403 - the fixtures of these tests

from pyhopper.integrations.sklearn import SearchCV

ORIGINAL = selection.RandomizedSearchCV, selection.GridSearchCV


class RandomizedSearchCV(SearchCV):
    """With the arguments of the original."""

    def __init__(
        self, estimator, param_distributions, *, n_iter=10, scoring=None, n_jobs=None, refit=True,
        cv=None, verbose=0, pre_dispatch="2*n_jobs", random_state=None, error_score=np.nan,
        return_train_score=False,
    ):  # fmt: skip
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        super().__init__(
            estimator, param_distributions, steps=n_iter, scoring=scoring, n_jobs=n_jobs,
            refit=refit, cv=cv, prune=False, verbose=verbose, random_state=random_state,
            error_score=error_score, return_train_score=return_train_score,
        )  # fmt: skip
        self.pre_dispatch = pre_dispatch

    def fit(self, X, y=None, **params):
        self.space, self.steps, given = self.param_distributions, self.n_iter, self.random_state
        self.random_state = given or 0  # so that the same tests pass each time
        try:
            return super().fit(X, y, **params)
        finally:
            self.random_state = given


class GridSearchCV(SearchCV):
    """With the arguments of the original; its grid is enqueued."""

    def __init__(
        self, estimator, param_grid, *, scoring=None, n_jobs=None, refit=True, cv=None, verbose=0,
        pre_dispatch="2*n_jobs", error_score=np.nan, return_train_score=False,
    ):  # fmt: skip
        self.param_grid = param_grid
        super().__init__(
            estimator, param_grid, scoring=scoring, n_jobs=n_jobs, refit=refit, cv=cv, prune=False,
            verbose=verbose, error_score=error_score, return_train_score=return_train_score,
        )  # fmt: skip
        self.pre_dispatch = pre_dispatch

    def fit(self, X, y=None, **params):
        self.space = self.param_grid
        self.guesses = list(selection.ParameterGrid(self.param_grid))
        self.steps = len(self.guesses)
        return super().fit(X, y, **params)


selection.RandomizedSearchCV, selection.GridSearchCV = RandomizedSearchCV, GridSearchCV
try:
    import sklearn.model_selection.tests.test_search as suite
finally:
    selection.RandomizedSearchCV, selection.GridSearchCV = ORIGINAL
globals().update({k: v for k, v in vars(suite).items() if not k.startswith("__")})

OTHERWISE = {
    "test_grid_search_bad_param_grid": "a single value is a constant here, and no error",
    "test_grid_search_cv_splits_consistency": "no candidate is evaluated twice",
    "test_search_with_2d_array": "the random numbers are others",
    "test_search_cv_results_rank_tie_breaking": "a grid is searched in random order",
    "test_custom_run_search": "_run_search is not called",
    "test_search_callbacks": "callbacks of the search itself are refused",
}
"""What is meant to differ, and why."""


def pytest_collection_modifyitems(items):
    """Only as a plugin: leave out what is meant to differ."""
    items[:] = [each for each in items if not each.name.startswith(tuple(OTHERWISE))]

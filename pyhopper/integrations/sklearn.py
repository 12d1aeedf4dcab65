"""A search for scikit-learn: :class:`SearchCV`, in the place of ``RandomizedSearchCV``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

try:
    import joblib
    from sklearn.base import clone, is_classifier
    from sklearn.metrics._scorer import _MultimetricScorer
    from sklearn.model_selection import check_cv
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.model_selection._validation import (
        _check_method_params,
        _insert_error_scores,
        _warn_or_raise_about_fit_failures,
    )
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import indexable
except ImportError as error:
    problem = 'SearchCV needs scikit-learn 1.6 or later; run: pip install "pyhopper[sklearn]"'
    raise ImportError(problem) from error

from pyhopper.errors import ArgumentError, EvaluationError, SearchFailedError
from pyhopper.events import Status
from pyhopper.habits import guided
from pyhopper.history.view import Record
from pyhopper.integrations.convert.values import of_scipy
from pyhopper.integrations.folds import (
    NAME,
    CrossValidation,
    completed,
    for_sklearn,
    mean_score,
    one_of,
    parameters_of,
    read_folds,
)
from pyhopper.integrations.races import FoldRace
from pyhopper.search import Search


class SearchCV(BaseSearchCV):
    """Search over the hyperparameters of an estimator, in the place of ``RandomizedSearchCV``.

    The folds of the cross-validation are evaluated one after the other, and a candidate that is
    clearly worse than the best one on the folds so far is given up, see
    :class:`~pyhopper.integrations.races.FoldRace`.

    Parameters
    ----------
    estimator : estimator
        As in ``RandomizedSearchCV``.
    space : dict or list of dict
        For each name of a parameter (also ``step__param``) a parameter of pyhopper, a frozen
        distribution of SciPy, a list of options, or a single value that is set in every candidate.
        Of several dicts each candidate belongs to one.
    runtime : float or str, optional
        How long to search, as in :meth:`pyhopper.Search.run`. The last fit, of
        ``best_estimator_``, comes afterwards.
    steps : int, optional
        How many candidates to evaluate, instead of ``runtime``; what is called ``n_iter`` in
        ``RandomizedSearchCV``.
    scoring, refit, cv, error_score, return_train_score
        As in ``RandomizedSearchCV``. With several metrics the search is for the one that ``refit``
        names, else for the first one.
    n_jobs : int or str, optional
        How many candidates are evaluated at the same time, each in a process of its own. None and
        negative numbers mean what they mean in scikit-learn; text is passed on to
        :meth:`pyhopper.Search.run`.
    prune : bool
        Whether to give up candidates that are clearly worse.
    guesses : list of dict, optional
        What to evaluate first, also values for some of the parameters only; see
        :meth:`pyhopper.Search.enqueue`.
    verbose : int
        0 prints nothing, 1 the progress and a summary, 2 a line for every candidate, 3 and more
        also what scikit-learn prints of every fold.
    random_state : int, RandomState or None
        An integer makes a search with ``steps`` repeatable.
    checkpoint_path : str or path-like, optional
        A file in which the search is kept as it goes; with the same data and settings, ``fit``
        goes on from it. A folder gets a new file for each ``fit``.

    Attributes
    ----------
    best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, \
multimetric_, classes_, n_features_in_, feature_names_in_
        As in ``RandomizedSearchCV``.
    cv_results_ : dict of arrays
        As in ``RandomizedSearchCV``, with one entry for each candidate. With ``prune`` it also has
        ``n_splits``: how many folds were evaluated. For a candidate that was given up, the other
        folds are NaN, and its mean scores are those of the best candidate plus the mean difference
        to it on the folds that both have, so that they can be compared.
    n_given_up_ : int
        How many candidates were given up.
    seconds_saved_ : float
        How long the folds that were not evaluated would have taken, at the pace of the others of
        the same candidate.
    search_ : pyhopper.Search
        The search itself, for plots, reports and its history.

    Raises
    ------
    ArgumentError
        If neither ``runtime`` nor ``steps`` is given, or the space makes no sense.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from pyhopper.integrations.sklearn import SearchCV
    >>> space = {"C": loguniform(1e-2, 1e2), "kernel": ["linear", "rbf"]}
    >>> search = SearchCV(SVC(), space, steps=10, random_state=0)
    >>> _ = search.fit(*load_iris(return_X_y=True))
    >>> bool(search.best_score_ > 0.97)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,  # noqa: SLF001 - as its subclasses do
        "space": [dict, list, tuple],
        "runtime": [Real, str, None],
        "steps": [Integral, str, None],
        "n_jobs": [Integral, str, None],
        "prune": ["boolean"],
        "guesses": [list, tuple, None],
        "random_state": ["random_state"],
        "checkpoint_path": "no_validation",
    }

    @guided
    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        runtime: float | str | None = None,
        steps: int | str | None = None,
        scoring: Any = None,
        n_jobs: int | str | None = None,
        refit: Any = True,
        cv: Any = None,
        prune: bool = True,
        guesses: Sequence[Mapping[str, Any]] | None = None,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        checkpoint_path: Any = None,
    ) -> None:
        self.space = space
        self.runtime = runtime
        self.steps = steps
        self.prune = prune
        self.guesses = guesses
        self.random_state = random_state
        self.checkpoint_path = checkpoint_path
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def fit(self, X: Any, y: Any = None, **params: Any) -> SearchCV:  # noqa: N803
        """Search, and fit the best candidate to all data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            The target.
        **params : dict
            For the estimator's ``fit``, the scorers and the splitter (``groups``), as in
            ``RandomizedSearchCV``.

        Returns
        -------
        SearchCV
            Itself.
        """
        self._validate_params()
        if self.runtime is None and self.steps is None:
            problem = 'the search needs a budget; give steps=50, or runtime="10min"'
            raise ArgumentError("steps", None, problem)
        if callbacks := getattr(self, "_skl_callbacks", None):
            problem = "are not called by SearchCV; give them to the estimator, which calls them"
            raise ArgumentError("callbacks", callbacks, problem)
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)  # noqa: N806 - scikit-learn's name
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = self._split(X, y, routed.splitter.split)
        estimator = clone(self.estimator)
        options = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
            "return_train_score": self.return_train_score,
            "return_times": True,
            "error_score": self.error_score,
            "verbose": self.verbose if self.verbose > 2 else 0,
        }
        metric = self.refit if isinstance(self.refit, str) else None
        name = type(estimator).__name__
        if self.checkpoint_path is not None:
            # A checkpoint of other data is refused as that of another objective.
            name += f" on {joblib.hash((X, y, splits, str(estimator), str(self.scoring)))[:12]}"
        objective = CrossValidation(estimator, (X, y), splits, metric, options, name)
        results, first = self._searched(objective)
        self.multimetric_ = isinstance(first, dict)
        # What a function as `scoring` returns is only known after calling it.
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        if self.refit:
            best = clone(self.best_params_, safe=False)
            self.best_estimator_ = clone(estimator).set_params(**best)
            started = time.time()
            self.best_estimator_.fit(*((X,) if y is None else (X, y)), **routed.estimator.fit)
            self.refit_time_ = time.time() - started
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers  # noqa: SLF001
        self.cv_results_ = results
        return self

    def _split(self, X: Any, y: Any, options: Mapping[str, Any]) -> list[Any]:  # noqa: N803
        """The folds, which are the same for all candidates."""
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(X, y, **options)
        splits = list(cv.split(X, y, **options))
        if len(splits) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(splits)}"
            )
        if not splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        return splits

    def _searched(self, objective: CrossValidation) -> tuple[dict[str, Any], Any]:
        """Search; the ``cv_results_``, and the first scores in scikit-learn's form."""
        state = self.random_state
        seed = None if state is None else int(check_random_state(state).randint(2**31 - 1))
        self.search_ = Search(_template(self.space), seed=seed)
        for guess in self.guesses or ():
            self.search_.enqueue(guess if isinstance(self.space, Mapping) else {NAME: guess})
        try:
            self.search_.run(
                objective,
                "max",
                runtime=self.runtime,
                steps=self.steps,
                n_jobs=_jobs(self.n_jobs),
                pruner=FoldRace(self.n_splits_) if self.prune and self.n_splits_ > 1 else None,
                ignore_nans=True,
                on_error="raise" if self.error_score == "raise" else "continue",
                checkpoint_path=self.checkpoint_path,
                verbose=min(int(self.verbose), 2),
                output="prefix" if self.verbose > 2 else "last",
            )
        except ArgumentError as error:
            if objective.__qualname__ not in str(error):
                raise
            problem = (
                "it was written with other data, folds or scoring, or another estimator; use "
                "another file (folds that are shuffled need a random_state to be the same)"
            )
            raise ArgumentError("checkpoint_path", self.checkpoint_path, problem) from None
        except (EvaluationError, SearchFailedError):
            if objective.error is not None:
                raise objective.error from None
            raise
        known = self.search_.history.evaluations
        records = [r for r in known if r.fits and r.status is not Status.CANCELLED]
        if not records and self.search_.interrupted:
            raise KeyboardInterrupt  # there is nothing to fit
        if not records:
            problem = "its budget is used by candidates of another space; give a larger one"
            raise ArgumentError("checkpoint_path", self.checkpoint_path, problem)
        records.sort(key=lambda record: record.id)
        return self._results(records, objective.metric)

    def _results(self, records: Sequence[Record], metric: str | None) -> tuple[dict[str, Any], Any]:
        """What is known of all candidates, in scikit-learn's form."""
        known = [read_folds(record, self.n_splits_) for record in records]
        whole = [folds for folds in known if len(folds) == self.n_splits_]
        best = max(whole, key=lambda folds: np.nan_to_num(mean_score(folds, metric), nan=-np.inf))
        out = [for_sklearn(fold) for folds in known for fold in folds]
        _warn_or_raise_about_fit_failures(out, self.error_score)
        rows = [
            for_sklearn(fold)
            for folds in known
            for fold in (completed(folds, best, metric) if len(folds) < self.n_splits_ else folds)
        ]
        _insert_error_scores(rows, self.error_score)
        candidates = [parameters_of(each.params) for each in records]
        counts = [len(folds) for folds in known]
        more = {"n_splits": counts} if self.prune else {}
        results = self._format_results(candidates, self.n_splits_, rows, more)
        for key in results:
            if key.startswith("split"):
                number = int(key[len("split") : key.index("_")])
                results[key][np.array(counts) <= number] = np.nan
        self._count_savings(records, counts)
        return results, rows[0]["test_scores"]

    def _count_savings(self, records: Sequence[Record], counts: Sequence[int]) -> None:
        """Sum up how much time giving up candidates has saved."""
        folds = self.n_splits_
        given_up = [(r, count) for r, count in zip(records, counts, strict=True) if count < folds]
        self.n_given_up_ = len(given_up)
        self.seconds_saved_ = float(sum(r.seconds / n * (folds - n) for r, n in given_up))


def _template(space: Any) -> dict[str, Any]:
    """The template of a space."""
    if isinstance(space, Mapping):
        return {name: of_scipy(str(name), value) for name, value in space.items()}
    for each in space:
        if not isinstance(each, Mapping):
            raise ArgumentError("space", each, "must be a dict, or a list of dicts")
    if not space:
        raise ArgumentError("space", space, "must not be empty")
    return one_of([_template(each) for each in space])


def _jobs(n_jobs: Any) -> int | str:
    """``n_jobs`` as scikit-learn means it; the number also follows ``joblib.parallel_config``."""
    return n_jobs if isinstance(n_jobs, str) else int(joblib.effective_n_jobs(n_jobs))

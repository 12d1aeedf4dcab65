"""Tasks that train scikit-learn models on its data sets; the value is a cross-validated error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from problems import Param, Problem


def make(name: str) -> Problem:
    """Return the training of that name."""
    params, train = {
        "svc": _svc(), "mlp": _mlp(), "boosting": _boosting(), "pipeline": _pipeline(),
        "models": _models(),
    }[name]  # fmt: skip

    def value(point: list[Any]) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return train({p.name: v for p, v in zip(params, point, strict=True)})

    return Problem(params, value, value)


def _cross_validated(model: Any, data: Any, labels: Any, score: str) -> float:
    from sklearn.model_selection import KFold, cross_val_score

    folds = KFold(3, shuffle=True, random_state=0)
    return -float(np.mean(cross_val_score(model, data, labels, cv=folds, scoring=score)))


Training = tuple[tuple[Param, ...], Callable[[dict[str, Any]], float]]


def _svc() -> Training:
    """A support vector machine on 500 digits: 4 parameters."""
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    data, labels = load_digits(return_X_y=True)
    data, labels = data[:500] / 16.0, labels[:500]
    params = (
        Param("C", "float", 1e-3, 1e4, log=True),
        Param("gamma", "float", 1e-5, 1e1, log=True),
        Param("kernel", "categorical", values=("rbf", "poly", "sigmoid")),
        Param("coef0", "float", 0.0, 1.0),
    )
    return params, lambda p: _cross_validated(SVC(max_iter=5000, **p), data, labels, "accuracy")


def _mlp() -> Training:
    """A small network on the wine data, log loss: 6 parameters."""
    from sklearn.datasets import load_wine
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import scale

    data, labels = load_wine(return_X_y=True)
    data = scale(data)
    params = (
        Param("learning_rate_init", "float", 1e-4, 1.0, log=True),
        Param("alpha", "float", 1e-6, 10.0, log=True),
        Param("hidden_layer_sizes", "int", 2, 64),
        Param("batch_size", "ordinal", values=(8, 16, 32, 64, 118)),
        Param("activation", "categorical", values=("relu", "tanh", "logistic")),
        Param("beta_1", "float", 0.0, 0.99),
    )

    def train(p: dict[str, Any]) -> float:
        model = MLPClassifier(**p, max_iter=8, random_state=0)
        return _cross_validated(model, data, labels, "neg_log_loss")

    return params, train


def _boosting() -> Training:
    """Boosted trees on the diabetes data, squared error: 6 parameters."""
    from sklearn.datasets import load_diabetes
    from sklearn.ensemble import GradientBoostingRegressor

    data, target = load_diabetes(return_X_y=True)
    params = (
        Param("learning_rate", "float", 1e-3, 1.0, log=True),
        Param("max_depth", "int", 1, 6),
        Param("min_samples_leaf", "int", 1, 50),
        Param("subsample", "float", 0.2, 1.0),
        Param("max_features", "float", 0.1, 1.0),
        Param("n_estimators", "ordinal", values=(5, 10, 20, 40, 80)),
    )

    def train(p: dict[str, Any]) -> float:
        model = GradientBoostingRegressor(**p, random_state=0)
        return _cross_validated(model, data, target, "neg_mean_squared_error")

    return params, train


def _pipeline() -> Training:
    """Preprocessing and a linear classifier on the breast cancer data, log loss: 5 parameters."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.decomposition import PCA
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    data, labels = load_breast_cancer(return_X_y=True)
    scalers = {"standard": StandardScaler, "range": MinMaxScaler, "robust": RobustScaler}
    params = (
        Param("scaler", "categorical", values=tuple(scalers)),
        Param("components", "int", 1, 30),
        Param("alpha", "float", 1e-7, 1.0, log=True),
        Param("l1_ratio", "float", 0.0, 1.0),
        Param("eta0", "float", 1e-4, 10.0, log=True),
    )

    def train(p: dict[str, Any]) -> float:
        linear = SGDClassifier(
            loss="log_loss", penalty="elasticnet", alpha=p["alpha"], l1_ratio=p["l1_ratio"],
            eta0=p["eta0"], learning_rate="adaptive", max_iter=15, random_state=0,
        )  # fmt: skip
        model = make_pipeline(scalers[p["scaler"]](), PCA(p["components"], random_state=0), linear)
        return _cross_validated(model, data, labels, "neg_log_loss")

    return params, train


def _models() -> Training:
    """Which model, and its own parameters, on the breast cancer data: a conditional space."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import scale
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    data, labels = load_breast_cancer(return_X_y=True)
    data = scale(data)
    params = (
        Param("model", "categorical", values=("tree", "svc", "neighbours", "logistic")),
        Param("depth", "int", 1, 12, parent="model", option=0),
        Param("leaf", "int", 1, 60, parent="model", option=0),
        Param("svc_C", "float", 1e-3, 1e4, log=True, parent="model", option=1),
        Param("gamma", "float", 1e-5, 1e1, log=True, parent="model", option=1),
        Param("neighbours", "int", 1, 40, parent="model", option=2),
        Param("power", "float", 1.0, 4.0, parent="model", option=2),
        Param("logistic_C", "float", 1e-4, 1e4, log=True, parent="model", option=3),
    )

    def train(p: dict[str, Any]) -> float:
        if p["model"] == "tree":
            model: Any = DecisionTreeClassifier(
                max_depth=p["depth"], min_samples_leaf=p["leaf"], random_state=0
            )
        elif p["model"] == "svc":
            model = SVC(C=p["svc_C"], gamma=p["gamma"], max_iter=5000)
        elif p["model"] == "neighbours":
            model = KNeighborsClassifier(p["neighbours"], p=p["power"])
        else:
            model = LogisticRegression(C=p["logistic_C"], max_iter=200)
        return _cross_validated(model, data, labels, "balanced_accuracy")

    return params, train

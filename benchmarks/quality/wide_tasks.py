"""Tasks of 66 to 1000 dimensions, and one of 10^6: weights of small models, and test functions.

Every task is a function of a vector in [-1, 1]^d, which it scales to the range that its text names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Wide:
    """A task of many dimensions: value of a vector in [-1, 1]^d."""

    dimension: int
    value: Callable[[Floats], float]


DEVELOPMENT = ("digits", "sphere", "ellipsoid")
LARGE = ("million",)
HOLDOUT = ("rotated", "rosenbrock", "rastrigin", "network", "regression", "sparse")


def _softmax_loss(scores: Floats, labels: NDArray[np.int64]) -> float:
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(labels)), labels]).mean())


def digits() -> Wide:
    """Cross-entropy of a linear classifier on the handwritten digits: 650 weights in ±5."""
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    data = np.hstack([data / 16.0, np.ones((len(data), 1))])
    return Wide(650, lambda x: _softmax_loss(data @ (5.0 * x.reshape(65, 10)), labels))


def sphere() -> Wide:
    """Squared distance to a random point, d = 1000."""
    target = np.random.default_rng(1).uniform(-0.9, 0.9, 1000)
    return Wide(1000, lambda x: float(((x - target) ** 2).sum()))


def ellipsoid() -> Wide:
    """An axis-parallel ellipsoid of condition 1000, d = 1000."""
    rng = np.random.default_rng(2)
    target, weight = (
        rng.uniform(-0.9, 0.9, 1000),
        1000.0 ** rng.permutation(np.linspace(0, 1, 1000)),
    )
    return Wide(1000, lambda x: float((weight * (x - target) ** 2).sum()))


def rotated() -> Wide:
    """A rotated ellipsoid of condition 1000, d = 300."""
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal((300, 300)))[0]
    target, weight = rng.uniform(-0.9, 0.9, 300), 1000.0 ** np.linspace(0, 1, 300)
    return Wide(300, lambda x: float((weight * (basis @ (x - target)) ** 2).sum()))


def rosenbrock() -> Wide:
    """The banana valley, d = 400."""

    def value(x: Floats) -> float:
        z = 2.0 * x
        return float((100.0 * (z[1:] - z[:-1] ** 2) ** 2 + (1.0 - z[:-1]) ** 2).sum())

    return Wide(400, value)


def rastrigin() -> Wide:
    """A bowl with a grid of local minima, d = 500."""
    target = np.random.default_rng(4).uniform(-3.0, 3.0, 500)

    def value(x: Floats) -> float:
        z = 5.0 * x - target
        return float((z**2 + 10.0 - 10.0 * np.cos(2.0 * np.pi * z)).sum())

    return Wide(500, value)


def network() -> Wide:
    """Cross-entropy of a 13-16-3 tanh network on the wine data: 275 weights in ±3."""
    from sklearn.datasets import load_wine

    data, labels = load_wine(return_X_y=True)
    data = (data - data.mean(axis=0)) / data.std(axis=0)

    def value(x: Floats) -> float:
        w = 3.0 * x
        hidden = np.tanh(data @ w[:208].reshape(13, 16) + w[208:224])
        return _softmax_loss(hidden @ w[224:272].reshape(16, 3) + w[272:], labels)

    return Wide(275, value)


def regression() -> Wide:
    """Squared error of a linear model with products of features, diabetes data: 66 weights."""
    from sklearn.datasets import load_diabetes

    data, target = load_diabetes(return_X_y=True)
    data = data / data.std(axis=0)
    left, right = np.triu_indices(data.shape[1])
    data = np.hstack([np.ones((len(data), 1)), data, data[:, left] * data[:, right]])
    target = (target - target.mean()) / target.std()
    return Wide(data.shape[1], lambda x: float(((data @ x - target) ** 2).mean()))


def sparse() -> Wide:
    """Only 20 of 1000 entries matter."""
    rng = np.random.default_rng(5)
    which, target = rng.choice(1000, 20, replace=False), rng.uniform(-0.9, 0.9, 20)
    return Wide(1000, lambda x: float(((x[which] - target) ** 2).sum()))


def million() -> Wide:
    """An axis-parallel ellipsoid of condition 100, d = 10^6."""
    rng = np.random.default_rng(6)
    target, weight = rng.uniform(-0.9, 0.9, 10**6), 100.0 ** rng.random(10**6)

    def value(x: Floats) -> float:
        off = x - target
        return float(np.einsum("i,i,i->", weight, off, off))

    return Wide(10**6, value)


def make(name: str) -> Wide:
    """Return the task of that name."""
    return {
        "digits": digits, "sphere": sphere, "ellipsoid": ellipsoid, "rotated": rotated,
        "rosenbrock": rosenbrock, "rastrigin": rastrigin, "network": network,
        "regression": regression, "sparse": sparse, "million": million,
    }[name]()  # fmt: skip

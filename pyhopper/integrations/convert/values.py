"""Spaces that are dicts with one object for each parameter: of SciPy, Optuna and Ray Tune.

None of these packages is imported here: an object tells by itself what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import pyhopper.parameters as kinds
from pyhopper.integrations.convert.build import ascending, normal, options, real, refuse, whole
from pyhopper.parameters import Parameter


def package_of(value: object) -> str:
    """The package that defines the class of an object."""
    return type(value).__module__.split(".")[0]


def entry(name: str, value: Any, read: Callable[[str, Any], Any]) -> Any:
    """An entry of a space, in which dicts and lists may be nested.

    Parameters
    ----------
    name : str
        Its dotted name.
    value : object
        What it is. Whatever is no dict and no list goes to ``read``.
    read : callable
        ``read(name, value)`` makes a parameter of an object that is one, and returns others
        unchanged.
    """
    if isinstance(value, dict) and set(value) != {"grid_search"}:
        return {key: entry(f"{name}.{key}".strip("."), v, read) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(entry(f"{name}.{i}", v, read) for i, v in enumerate(value))
    return read(name, value)


# SciPy, as in RandomizedSearchCV ----------------------------------------------------------------


def of_scipy(name: str, value: Any) -> Any:
    """A distribution, or a list of options, as RandomizedSearchCV takes them.

    Numbers in ascending order are options with an order. Parameters of this package and single
    values, which RandomizedSearchCV does not take, are left as they are.
    """
    if isinstance(value, Parameter | str | bytes | dict):
        return value
    family = getattr(value, "dist", None)
    if family is not None and hasattr(family, "ppf"):
        return _frozen(name, value, family)
    if hasattr(value, "rvs"):
        drawn = _Drawn(value)
        return kinds.Custom(drawn.draw, drawn.move)
    if isinstance(value, Iterable):
        listed = value.tolist() if isinstance(value, np.ndarray) else list(value)
        if not listed:
            refuse(name, value, "there are no options")
        return kinds.Choice(listed, is_ordinal=ascending(listed))
    return value


def _frozen(name: str, frozen: Any, family: Any) -> Any:
    """Uniform and loguniform ones have bounds; for others there is their quantile function."""
    kind = getattr(family, "name", "")
    if kind not in ("uniform", "loguniform", "reciprocal", "randint"):
        return kinds.Distribution(frozen)
    low, high = frozen.support()
    if kind == "randint":
        return whole(name, low, high)
    return real(name, low, high, log=kind != "uniform")


class _Drawn:
    """A distribution that can only be drawn from; a local move is another draw."""

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution

    def draw(self, rng: np.random.Generator) -> Any:
        state = np.random.RandomState(int(rng.integers(2**32)))
        return self._distribution.rvs(random_state=state)

    def move(self, value: Any, rng: np.random.Generator) -> Any:
        return self.draw(rng)


# Optuna -----------------------------------------------------------------------------------------


def of_optuna(name: str, value: Any) -> Any:
    """One of Optuna's distributions; other objects are left as they are."""
    if package_of(value) != "optuna":
        return value
    kind = type(value).__name__
    if kind == "CategoricalDistribution":
        return options(name, value.choices)
    if kind in ("FloatDistribution", "IntDistribution"):
        read = real if kind == "FloatDistribution" else whole
        return read(name, value.low, value.high, log=value.log, step=value.step)
    return refuse(name, value, "is none of Float-, Int- and CategoricalDistribution")


# Ray Tune ---------------------------------------------------------------------------------------


def of_ray(name: str, value: Any) -> Any:
    """A domain of Ray Tune; other objects are left as they are."""
    if isinstance(value, dict):  # tune.grid_search
        return _ray_options(name, value["grid_search"])
    if package_of(value) != "ray":
        return value
    kind, sampler, step = type(value).__name__, value.get_sampler(), None
    if type(sampler).__name__ == "Quantized":
        sampler, step = sampler.get_sampler(), sampler.q
    drawn = type(sampler).__name__.strip("_")
    if kind == "Categorical":
        return _ray_options(name, value.categories)
    if kind == "Float" and drawn == "Normal" and step is None:
        return normal(sampler.mean, sampler.sd)
    if kind in ("Float", "Integer") and drawn in ("Uniform", "LogUniform"):
        log = drawn == "LogUniform"
        if kind == "Float":
            return real(name, value.lower, value.upper, log=log, step=step)
        # Ray's upper bound is excluded, unless there are steps.
        last = value.upper - (step in (None, 1))
        return whole(name, value.lower, last, log=log, step=step)
    problem = "has no counterpart; draw from it in a pyhopper.custom(seeding_fn, mutation_fn)"
    return refuse(name, value, problem)


def _ray_options(name: str, values: Any) -> Any:
    read = [entry(f"{name}.{i}", value, of_ray) for i, value in enumerate(values)]
    return options(name, read, ordinal=ascending(read))

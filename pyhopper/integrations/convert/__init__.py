"""Read the search spaces of other packages: :func:`space`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.integrations.convert import configspace, hyperopt, wandb
from pyhopper.integrations.convert.values import entry, of_optuna, of_ray, of_scipy, package_of

__all__ = ["space"]

_KNOWN = ("hyperopt", "optuna", "ray", "scipy")


def space(source: Any) -> dict[str, Any]:
    """Read the search space of another package as a template.

    What a space means is kept: bounds (excluded upper ones become included), logarithms, steps,
    weights, the order of options, and which parameters depend on which option.

    Parameters
    ----------
    source : object
        One of

        * a ``ConfigSpace.ConfigurationSpace``; see :mod:`.configspace` for conditions,
        * a dict of Optuna's distributions, such as ``trial.distributions``,
        * a dict of HyperOpt's ``hp`` expressions,
        * a ``param_space`` of Ray Tune,
        * a sweep of Weights & Biases: its dict, the path of its YAML file, or YAML itself,
        * a dict of SciPy's distributions and of lists, as for ``RandomizedSearchCV``.

    Returns
    -------
    dict
        A template for :class:`pyhopper.Search`.

    Raises
    ------
    ArgumentError
        If something in it has no counterpart; the message names it and a way out.
    ImportError
        For a file in YAML without the package PyYAML (extra ``yaml``).

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from pyhopper.integrations.convert import space
    >>> space({"C": loguniform(0.01, 0.5), "kernel": ["rbf", "poly"]})
    {'C': float(0.01, 0.5, log=True), 'kernel': choice('rbf', 'poly')}
    """
    if isinstance(source, str | Path):
        source = wandb.load(source)
    if package_of(source) == "ConfigSpace":
        return configspace.read(source)
    if not isinstance(source, Mapping):
        problem = "must be a dict, a ConfigurationSpace, or a sweep in YAML"
        if package_of(source) == "hyperopt":
            problem = "a template is a dict; put the expression under a key of one"
        raise ArgumentError("source", source, problem)
    if isinstance(source.get("parameters"), Mapping):
        return wandb.read(source["parameters"])
    found = sorted({package_of(each) for each in _objects(source)}.intersection(_KNOWN))
    if len(found) > 1:
        problem = f"has objects of {' and '.join(found)}; convert the parts, and merge the dicts"
        raise ArgumentError("source", source, problem)
    kind = found[0] if found else "scipy"
    if kind == "hyperopt":
        return hyperopt.read("", dict(source))  # type: ignore[no-any-return]
    if kind == "scipy":
        return {name: of_scipy(name, value) for name, value in source.items()}
    read = {"optuna": of_optuna, "ray": of_ray}[kind]
    return entry("", dict(source), read)  # type: ignore[no-any-return]


def _objects(source: Any) -> Iterator[Any]:
    """All that stands in nested dicts and lists."""
    if isinstance(source, Mapping):
        for value in source.values():
            yield from _objects(value)
    elif isinstance(source, list | tuple):
        for value in source:
            yield from _objects(value)
    else:
        yield source

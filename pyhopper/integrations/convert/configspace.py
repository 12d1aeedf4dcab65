"""Spaces of ConfigSpace, with their conditions."""

from __future__ import annotations

from typing import Any

import pyhopper.parameters as kinds
from pyhopper.integrations.convert.build import normal, options, real, refuse, whole


def read(space: Any) -> dict[str, Any]:
    """The template of a ``ConfigurationSpace``.

    A hyperparameter with conditions stands in the options of the one that they are about: these
    options are then dicts with the value under its own name, and the conditional ones beside it.
    """
    if space.forbidden_clauses:
        problem = "forbidden clauses are no part of a template; say them by Search.constrain"
        refuse("", space.forbidden_clauses[0], problem)
    conditions: dict[str, Any] = {}
    for condition in space.conditions:
        if condition.child.name in conditions or not hasattr(condition, "parent"):
            problem = "depends on several conditions, which a template cannot express"
            refuse(getattr(condition, "child", condition).name, condition, problem)
        conditions[condition.child.name] = condition
    return {name: _entry(space, conditions, name) for name in space if name not in conditions}


def _entry(space: Any, conditions: dict[str, Any], name: str) -> Any:
    children = [n for n in space if n in conditions and conditions[n].parent.name == name]
    if not children:
        return _parameter(name, space[name])
    values, weights, ordinal = _options(space[name])
    if values is None:
        problem = "others depend on it, and it is not categorical or ordinal"
        refuse(name, space[name], problem)
    branches = []
    for value in values:
        active = [c for c in children if _holds(c, conditions[c], value)]
        inner = {child: _entry(space, conditions, child) for child in active}
        branches.append({name: value, **inner})
    return options(name, branches, weights=weights, ordinal=ordinal)


def _holds(name: str, condition: Any, value: Any) -> bool:
    kind = type(condition).__name__
    if kind == "EqualsCondition":
        return bool(condition.value == value)
    if kind == "InCondition":
        return value in list(condition.values)
    if kind == "NotEqualsCondition":
        return bool(condition.value != value)
    problem = "only conditions with ==, != and `in` have a counterpart"
    return refuse(name, condition, problem)


def _options(parameter: Any) -> tuple[Any, Any, bool]:
    """The options, their weights and whether they have an order; None if it is a number."""
    kind = type(parameter).__name__
    if kind == "CategoricalHyperparameter":
        weights = getattr(parameter, "probabilities", None)
        return list(parameter.choices), weights, False
    if kind == "OrdinalHyperparameter":
        return list(parameter.sequence), None, True
    return None, None, False


def _parameter(name: str, parameter: Any) -> Any:
    kind = type(parameter).__name__
    values, weights, ordinal = _options(parameter)
    if values is not None:
        return options(name, values, weights=weights, ordinal=ordinal)
    if kind == "Constant":
        return parameter.value
    if kind == "UniformFloatHyperparameter":
        return real(name, parameter.lower, parameter.upper, log=parameter.log)
    if kind == "UniformIntegerHyperparameter":
        return whole(name, parameter.lower, parameter.upper, log=parameter.log)
    if kind == "NormalFloatHyperparameter" and not parameter.log:
        return _truncated(parameter)
    if kind == "BetaFloatHyperparameter" and not parameter.log:
        from scipy.stats import beta

        low, high = float(parameter.lower), float(parameter.upper)
        frozen = beta(parameter.alpha, parameter.beta, loc=low, scale=high - low)
        return kinds.Distribution(frozen)
    problem = "has no counterpart; take uniform bounds, or pyhopper.distribution(...)"
    return refuse(name, parameter, problem)


def _truncated(parameter: Any) -> Any:
    import math

    from scipy.stats import truncnorm

    mu, sigma = float(parameter.mu), float(parameter.sigma)
    low, high = float(parameter.lower), float(parameter.upper)
    if math.isinf(low) and math.isinf(high):
        return normal(mu, sigma)
    ends = (low - mu) / sigma, (high - mu) / sigma
    return kinds.Distribution(truncnorm(*ends, loc=mu, scale=sigma))

"""Run Ax with its defaults, with one objective or several."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from problems import Param

Measured = Callable[[list[Any]], Sequence[float]]
"""The losses of a point, and then its limits: what is not above 0 is allowed."""


def minimize(
    params: Sequence[Param], budget: int, seed: int, measure: Measured, losses: int, limits: int = 0
) -> None:
    """Minimize losses, within limits."""
    from ax.api.client import Client

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    client = Client(random_seed=seed)
    client.configure_experiment(parameters=[_parameter(p) for p in params])
    names = [f"f{j}" for j in range(losses)]
    bounded = [f"g{j}" for j in range(limits)]
    client.configure_optimization(
        objective=", ".join(f"-{name}" for name in names),
        outcome_constraints=[f"{name} <= 0" for name in bounded],
    )
    for _ in range(budget):
        for index, found in client.get_next_trials(max_trials=1).items():
            numbers = measure([_value(p, found[p.name]) for p in params])
            data = dict(zip([*names, *bounded], map(float, numbers), strict=True))
            client.complete_trial(index, raw_data=data)


def _parameter(p: Param) -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if not p.values:
        scaling = "log" if p.log else None
        kind: Any = p.kind
        bounds = (int(p.low), int(p.high)) if kind == "int" else (float(p.low), float(p.high))
        return RangeParameterConfig(
            name=p.name, parameter_type=kind, bounds=bounds, scaling=scaling
        )
    text = isinstance(p.values[0], str)
    return ChoiceParameterConfig(
        name=p.name,
        values=list(p.values) if text else [float(value) for value in p.values],
        parameter_type="str" if text else "float",
        is_ordered=p.kind == "ordinal",
    )


def _value(p: Param, found: Any) -> Any:
    return next(value for value in p.values if value == found) if p.values else found

"""The space of a sweep of Weights & Biases, as its YAML file describes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyhopper.parameters as kinds
from pyhopper.extras import require, yaml_loader
from pyhopper.integrations.convert.build import (
    ascending,
    lognormal,
    normal,
    options,
    real,
    refuse,
    whole,
)


def load(text: str | Path) -> Any:
    """The contents of a YAML file, or of text in YAML.

    Raises
    ------
    ImportError
        Without PyYAML.
    """
    yaml = require("yaml", "yaml", "a sweep in YAML")
    if isinstance(text, Path) or "\n" not in text:
        text = Path(text).read_text(encoding="utf-8")

    return yaml.load(text, yaml_loader(yaml))


def read(parameters: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """The entry ``parameters`` of a sweep as a template."""
    return {key: _parameter(f"{name}.{key}".strip("."), each) for key, each in parameters.items()}


def _parameter(name: str, given: Any) -> Any:
    if not isinstance(given, Mapping):
        return refuse(name, given, "must be a dict, such as {value: 1} or {min: 0, max: 1}")
    if "parameters" in given:
        return read(given["parameters"], name)
    kind = given.get("distribution") or _guess(given)
    maker = _KINDS.get(kind)
    if maker is None:
        return refuse(name, kind, f"has no counterpart; take one of {', '.join(sorted(_KINDS))}")
    try:
        return maker(name, given)
    except KeyError as error:
        return refuse(name, dict(given), f"the entry {error} is missing")


def _guess(given: Mapping[str, Any]) -> str:
    """The distribution that W&B takes where none is given."""
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical"
    ends = given.get("min"), given.get("max")
    return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"


def _categorical(name: str, given: Mapping[str, Any]) -> Any:
    values = list(given["values"])
    weights = given.get("probabilities")
    return options(name, values, weights=weights, ordinal=weights is None and ascending(values))


def _uniform(*, log: bool = False, exponents: bool = False, steps: bool = False) -> Any:
    def make(name: str, given: Mapping[str, Any]) -> Any:
        low, high = float(given["min"]), float(given["max"])
        if exponents:
            low, high = math.exp(low), math.exp(high)
        step = given.get("q", 1) if steps else None
        if step is not None:
            low, high = round(low / step) * step, round(high / step) * step
            low = step if log and low == 0 else low
        return (whole if isinstance(step, int) else real)(name, low, high, log=log, step=step)

    return make


def _beta(name: str, given: Mapping[str, Any]) -> Any:
    from scipy.stats import beta

    return kinds.Distribution(beta(given["a"], given["b"]))


_KINDS: dict[str, Callable[[str, Mapping[str, Any]], Any]] = {
    "constant": lambda name, given: given["value"],
    "categorical": _categorical,
    "categorical_w_probabilities": _categorical,
    "int_uniform": lambda name, given: whole(name, given["min"], given["max"]),
    "uniform": _uniform(),
    "q_uniform": _uniform(steps=True),
    "log_uniform": _uniform(log=True, exponents=True),
    "log_uniform_values": _uniform(log=True),
    "q_log_uniform": _uniform(log=True, exponents=True, steps=True),
    "q_log_uniform_values": _uniform(log=True, steps=True),
    "normal": lambda name, given: normal(given.get("mu", 0), given.get("sigma", 1)),
    "log_normal": lambda name, given: lognormal(given.get("mu", 0), given.get("sigma", 1)),
    "beta": _beta,
}

"""Spaces of HyperOpt, whose expressions are graphs of calls."""

from __future__ import annotations

import math
from typing import Any

from pyhopper.integrations.convert.build import lognormal, normal, options, real, refuse, whole


def read(name: str, node: Any) -> Any:
    """A node of HyperOpt's graph, or a dict or list of them, as an entry of a template.

    Parameters
    ----------
    name : str
        Dotted name of the entry, for messages.
    node : object
        A node, or anything else, which is left as it is.
    """
    if isinstance(node, dict):
        return {key: read(f"{name}.{key}".strip("."), value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(read(f"{name}.{i}", each) for i, each in enumerate(node))
    kind = getattr(node, "name", None)
    if not hasattr(node, "pos_args") or kind is None:
        return node
    if kind == "literal":
        return node.obj
    if kind == "dict":
        return {key: read(f"{name}.{key}".strip("."), value) for key, value in node.named_args}
    if kind == "pos_args":
        return tuple(read(f"{name}.{i}", each) for i, each in enumerate(node.pos_args))
    if kind == "switch":
        return _switch(name, node)
    as_int = kind == "int"
    while node.name in ("int", "float"):  # hp.uniform and others are float(...) of a draw
        node = node.pos_args[0]
    return _drawn(name, node, as_int)


def _switch(name: str, node: Any) -> Any:
    """``hp.choice`` or ``hp.pchoice``."""
    index, *branches = node.pos_args
    draw = _inner(index)
    weights = None
    if draw.name == "categorical":
        weights = read(name, draw.pos_args[0])
    elif draw.name != "randint":
        refuse(name, draw.name, "switches by something else than a choice of its own")
    return options(name, [read(name, each) for each in branches], weights=weights)


def _inner(node: Any) -> Any:
    """The draw behind a label."""
    return node.pos_args[1] if node.name == "hyperopt_param" else node


def _drawn(name: str, node: Any, as_int: bool = False) -> Any:
    """A number that is drawn; ``as_int`` within ``scope.int``."""
    draw = _inner(node)
    arguments = [read(name, each) for each in draw.pos_args]
    arguments += [read(name, each) for _, each in draw.named_args]
    kind, rest = draw.name, arguments
    if kind == "randint":
        low, high = (0, rest[0]) if len(rest) == 1 else rest
        return whole(name, low, high - 1)
    if kind in ("uniform", "quniform", "loguniform", "qloguniform", "uniformint"):
        log, (low, high), step = "log" in kind, rest[:2], rest[2] if len(rest) > 2 else None
        if log:
            low, high = math.exp(low), math.exp(high)
        if step is not None:
            # HyperOpt draws a number and rounds it, so that the bounds are rounded too.
            low, high = round(low / step) * step, round(high / step) * step
            low = step if log and low == 0 else low
        if as_int or kind == "uniformint":
            return whole(name, low, high, log=log, step=step)
        return real(name, low, high, log=log, step=step)
    if kind in ("normal", "lognormal") and not as_int:
        return (normal if kind == "normal" else lognormal)(*rest)
    text = f"hp.{kind}" + (" within scope.int" if as_int else "")
    problem = f"{text} has no counterpart; take bounds, as in pyhopper.float(low, high)"
    return refuse(name, text, problem)

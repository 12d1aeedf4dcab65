"""The template as JSON, so that a checkpoint can be shown without the program that wrote it.

A parameter is ``{"$leaf": key}``, and a choice whose options may hold parameters
``{"$choice": key, "options": [...]}``, with the keys of :func:`leaf_keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pyhopper.errors import short
from pyhopper.history.table import LeafName
from pyhopper.parameters import Leaf
from pyhopper.parameters.template import ChoiceNode, ContainerNode, LeafNode, Node

_LARGEST = 1 << 16
"""Most characters of a constant that is kept in any case, so that a command can be repeated."""

_MOST_ENTRIES = 200
"""Of a container that is larger as a whole, most entries that are kept, each by itself."""


def leaf_keys(leaves: tuple[Leaf, ...]) -> list[str]:
    """A different key for each leaf.

    A key is the dotted name. Parameters inside an option have the option's index in their key, as
    in ``model[1].depth``, since two options may use the same name.
    """
    keys: list[str] = []
    taken = set()
    for leaf in leaves:
        key = leaf.name
        if leaf.parent >= 0:
            inside = leaf.path[len(leaves[leaf.parent].path) :]
            key = ".".join([f"{keys[leaf.parent]}[{leaf.option}]", *(str(part) for part in inside)])
        unique, count = key, 1
        while unique in taken:
            count += 1
            unique = f"{key}#{count}"
        taken.add(unique)
        keys.append(unique)
    return keys


def skeleton(node: Node, keys: list[str]) -> Any:
    """A compiled template with the key of each parameter where the parameter stands.

    Parameters
    ----------
    node : Node
        The root of the template, or a node in it.
    keys : list of str
        The key of each leaf.
    """
    if isinstance(node, LeafNode):
        return {"$leaf": keys[node.index]}
    if isinstance(node, ChoiceNode):
        return {
            "$choice": keys[node.index],
            "options": [skeleton(option, keys) for option in node.options],
        }
    if isinstance(node, ContainerNode):
        children = dict(node.children)
        template = node.template
        if isinstance(template, dict):
            return {
                str(key): skeleton(children[key], keys) if key in children else _constant(value)
                for key, value in template.items()
            }
        return [
            skeleton(children[place], keys) if place in children else _constant(value)
            for place, value in enumerate(template)
        ]
    return _constant(node.template)


def _constant(value: Any) -> Any:
    """A constant; of what is large or no JSON, a short text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else repr(value)
    if isinstance(value, str):
        return value if len(value) <= _LARGEST else short(value)
    if isinstance(value, dict | list | tuple) and (len(value) <= _MOST_ENTRIES or _is_small(value)):
        if isinstance(value, dict):
            return {str(key): _constant(inner) for key, inner in value.items()}
        return [_constant(inner) for inner in value]
    return short(value)


def _is_small(value: Any) -> bool:
    """Whether a constant has at most about ``_LARGEST`` characters; looks at no more than these."""
    left, waiting = _LARGEST, [value]
    while waiting and left >= 0:
        each = waiting.pop()
        left -= len(each) if isinstance(each, str | dict | list | tuple) else 4
        if left >= 0 and isinstance(each, dict | list | tuple):
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return left >= 0


def fill(part: Any, point: dict[str, Any], value: Callable[[str, Any], Any]) -> Any:
    """A candidate: a skeleton filled with the values of a point.

    Parameters
    ----------
    part : object
        What :func:`skeleton` returned.
    point : dict
        A point as it stands in a line.
    value : callable
        ``value(key, data)`` turns an entry of the point into what is shown.
    """
    if isinstance(part, list):
        return [fill(inner, point, value) for inner in part]
    if not isinstance(part, dict):
        return part
    if "$leaf" in part:
        key = part["$leaf"]
        return value(key, point[key]) if key in point else None
    if "$choice" in part:
        option = point.get(part["$choice"])
        return None if option is None else fill(part["options"][option], point, value)
    return {key: fill(inner, point, value) for key, inner in part.items()}


def leaf_names(part: Any, name: str = "", is_inside: bool = False) -> Iterator[LeafName]:
    """The names of all parameters in a skeleton.

    Parameters
    ----------
    part : object
        What :func:`skeleton` returned.
    name : str
        Its dotted name.
    is_inside : bool
        Whether it stands inside an option of a choice.

    Yields
    ------
    LeafName
        In the order of the template.
    """
    if isinstance(part, dict) and "$leaf" in part:
        yield LeafName(name, False, is_inside)
    elif isinstance(part, dict) and "$choice" in part:
        yield LeafName(name, True, is_inside)
        for option in part["options"]:
            yield from leaf_names(option, name, True)
    elif isinstance(part, dict | list):
        items = part.items() if isinstance(part, dict) else enumerate(part)
        for key, inner in items:
            yield from leaf_names(inner, f"{name}.{key}" if name else str(key), is_inside)

"""The constants of a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyhopper.parameters.template import ChoiceNode, ContainerNode, LeafNode, Node, Template


def constants(node: Node) -> Iterator[Any]:
    """Iterate over the objects of a compiled template that are no parameters, also inside options.

    Candidates that are built with ``shared=True`` hold these very objects. None, booleans and
    numbers are left out.
    """
    if isinstance(node, ChoiceNode):
        for option in node.options:
            yield from constants(option)
    elif isinstance(node, LeafNode):
        inner = getattr(node.param, "template", None)
        if isinstance(inner, Template):
            yield from constants(inner.root)
    elif isinstance(node, ContainerNode):
        for child in node.nodes():
            yield from constants(child)
    elif not isinstance(node.template, bool | int | float | None):
        yield node.template

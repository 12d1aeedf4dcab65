"""The constants of a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyhopper.errors import short
from pyhopper.ownership import own
from pyhopper.parameters.base import Parameter
from pyhopper.parameters.template import (
    ChoiceNode,
    ContainerNode,
    LeafNode,
    Node,
    Template,
    has_parameters,
    same,
)


class Constant(Parameter):
    """A constant of the template for which a guess has another value.

    Draws give the template's value and moves keep the value, so that only guesses have others.

    Parameters
    ----------
    value : object
        The template's.
    """

    size = 1

    def __init__(self, value: Any) -> None:
        self.value = self.init = value

    def sample(self, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        return self.value

    def mutate(self, value: Any, temperature: float, rng: np.random.Generator) -> Any:
        """See :class:`Parameter`."""
        return value

    def copy(self, value: Any) -> Any:
        """See :class:`Parameter`."""
        return own(value)

    def describe(self) -> str:
        """See :class:`Parameter`."""
        return f"the constant {short(self.value)}"


def with_values(template: Any, guess: Any) -> Any:
    """The template in which each constant is a :class:`Constant` for which a guess has a value.

    The same object if there is none. Constants inside of the options of a choice stay what they
    are, since they tell which option is meant.
    """
    if isinstance(template, Parameter) or same(template, guess):
        return template
    if isinstance(template, dict) and isinstance(guess, Mapping):
        changed = {
            key: with_values(value, guess[key]) for key, value in template.items() if key in guess
        }
        if all(value is template[key] for key, value in changed.items()):
            return template
        return {**template, **changed}
    return template if has_parameters(template) else Constant(template)


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

"""The constants of a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyhopper.parameters.base import Branching, Parameter
from pyhopper.parameters.template import has_parameters


def constants(template: Any) -> Iterator[Any]:
    """Iterate over the objects of a template that are no parameters, also inside options.

    Candidates share them with the template. None, booleans and numbers are left out.
    """
    if isinstance(template, Branching):
        for option in template.options:
            yield from constants(option)
    elif isinstance(template, Parameter):
        return
    elif has_parameters(template):
        for inner in template.values() if isinstance(template, dict) else template:
            yield from constants(inner)
    elif not isinstance(template, bool | int | float | None):
        yield template

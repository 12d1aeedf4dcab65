"""Parameters, which are the free values of a template, and the template itself."""

from pyhopper.parameters.base import MISSING, Branching, Parameter
from pyhopper.parameters.choice import Bool, Choice, Selector, option_text
from pyhopper.parameters.columns import Columns, ListColumns
from pyhopper.parameters.constants import Constant, constants, with_values
from pyhopper.parameters.custom import Custom, Distribution, List
from pyhopper.parameters.numeric import Float, Int, Numeric
from pyhopper.parameters.template import (
    INACTIVE,
    Leaf,
    Lenience,
    Node,
    Omitted,
    Partial,
    Point,
    Template,
)

__all__ = [
    "INACTIVE",
    "MISSING",
    "Bool",
    "Branching",
    "Choice",
    "Columns",
    "Constant",
    "Custom",
    "Distribution",
    "Float",
    "Int",
    "Leaf",
    "Lenience",
    "List",
    "ListColumns",
    "Node",
    "Numeric",
    "Omitted",
    "Parameter",
    "Partial",
    "Point",
    "Selector",
    "Template",
    "constants",
    "option_text",
    "with_values",
]

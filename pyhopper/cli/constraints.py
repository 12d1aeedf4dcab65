"""Constraints between parameters as expressions, such as ``lr * layers < 1``.

The syntax is Python's, of which there are comparisons, arithmetic, ``and``, ``or``, ``not``, ``in``
and a few functions. It is parsed by :mod:`ast` and evaluated here node by node: nothing else can be
written, so an expression from anybody can be read.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyhopper.cli.grammar import pointed
from pyhopper.errors import ArgumentError
from pyhopper.parameters.names import look_up

_LONGEST = 1000
"""Most characters."""

_LARGEST = 1e300
"""Numbers are at most so large, so that no expression takes long."""

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "len": len,
    "max": max,
    "min": min,
    "sum": sum,
}

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, exponent: float(base) ** float(exponent),
}

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}

_WORDS = {"true": True, "false": False, "none": None}


class _Absent(Exception):  # noqa: N818 - a signal, not an error
    """The candidate does not have a parameter."""


class Constraint:
    """Whether a candidate is allowed, by an expression.

    Where a candidate does not have a parameter that the expression needs, it is allowed.

    Parameters
    ----------
    text : str
        The expression.
    where : str
        Where it stands, for messages.
    names : sequence of str
        The dotted names that it may use.

    Raises
    ------
    ArgumentError
        That points at what cannot be understood.
    """

    def __init__(self, text: str, where: str, names: Sequence[str]) -> None:
        self._text, self._where, self._names = text, where, names
        self.__qualname__ = text
        if len(text) > _LONGEST:
            raise pointed(where, text, 0, f"is longer than {_LONGEST} characters")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of "x is 1" and the like, which is refused below
                self._root = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            position = max(0, min((error.offset or 1) - 1, len(text) - 1))
            raise pointed(where, text, position, f"cannot be read: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError):
            raise pointed(where, text, 0, "cannot be read") from None
        if not isinstance(self._root, ast.Compare | ast.BoolOp | ast.Name | ast.Attribute) and not (
            isinstance(self._root, ast.UnaryOp) and isinstance(self._root.op, ast.Not)
        ):
            raise pointed(where, text, 0, "a constraint must compare something, as in lr < 0.1")
        try:
            self._check(self._root)
        except RecursionError:
            raise pointed(where, text, 0, "this is nested too deep") from None

    def __call__(self, params: Mapping[str, Any]) -> bool:
        """Whether a candidate is allowed.

        Raises
        ------
        ArgumentError
            If the expression makes no sense for its values.
        """
        try:
            return bool(self._value(self._root, params))
        except _Absent:
            return True
        except (TypeError, ValueError, ArithmeticError) as error:
            raise pointed(self._where, self._text, 0, f"cannot be evaluated: {error}") from None

    def _error(self, node: ast.AST, problem: str) -> ArgumentError:
        before = len(self._text) - len(self._text.lstrip())
        lines = self._text.strip().splitlines(keepends=True)
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        column = len(lines[line - 1].encode()[:column].decode(errors="replace"))
        position = before + sum(map(len, lines[: line - 1])) + column
        return pointed(self._where, self._text, position, problem)

    def _check(self, node: ast.AST) -> None:
        """Refuse everything that :meth:`_value` does not know, and unknown names."""
        if isinstance(node, ast.Name | ast.Attribute):
            self._check_name(node)
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, bool | int | float | str | None):
                raise self._error(node, "there are only numbers, text, true, false and none")
        elif isinstance(node, ast.Call):
            function = node.func
            if not isinstance(function, ast.Name) or function.id not in _FUNCTIONS:
                listed = ", ".join(_FUNCTIONS)
                raise self._error(node, f"there are only the functions {listed}")
            if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
                raise self._error(node, "arguments have neither names nor stars here")
            for each in node.args:
                self._check(each)
        else:
            self._check_operation(node)

    def _check_operation(self, node: ast.AST) -> None:
        allowed = (
            (isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC)
            or (isinstance(node, ast.Compare) and all(type(o) in _COMPARISONS for o in node.ops))
            or (isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Invert))
            or isinstance(node, ast.BoolOp | ast.List | ast.Tuple)
        )
        if not allowed:
            what = "comparisons, arithmetic, and, or, not, in"
            raise self._error(node, f"this cannot stand in a constraint; there are {what}")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._check(child)

    def _check_name(self, node: ast.Name | ast.Attribute) -> None:
        name = _dotted(node)
        if name is None:
            raise self._error(node, "only names have something behind a dot")
        inner = any(each.startswith(f"{name}.") for each in self._names)
        if name in self._names or inner or name.lower() in _WORDS:
            return
        from difflib import get_close_matches

        close = get_close_matches(name, self._names, 1, 0.6)
        listed = ", ".join(self._names[:20]) or "none"
        hint = f"did you mean {close[0]}?" if close else f"there are {listed}"
        raise self._error(node, f'there is no parameter "{name}"; {hint}')

    def _value(self, node: ast.AST, params: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name | ast.Attribute):
            return self._named(str(_dotted(node)), params)
        if isinstance(node, ast.BoolOp):
            is_or = isinstance(node.op, ast.Or)
            found: Any = not is_or
            for each in node.values:
                found = self._value(each, params)
                if bool(found) is is_or:
                    break
            return found
        if isinstance(node, ast.UnaryOp):
            value = self._value(node.operand, params)
            if isinstance(node.op, ast.Not):
                return not value
            return -value if isinstance(node.op, ast.USub) else +value
        if isinstance(node, ast.BinOp):
            return self._operated(node, params)
        if isinstance(node, ast.Compare):
            left = self._value(node.left, params)
            for op, each in zip(node.ops, node.comparators, strict=True):
                right = self._value(each, params)
                if not _COMPARISONS[type(op)](left, right):
                    return False
                left = right
            return True
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            return _FUNCTIONS[node.func.id](*(self._value(each, params) for each in node.args))
        assert isinstance(node, ast.List | ast.Tuple)
        return [self._value(each, params) for each in node.elts]

    @staticmethod
    def _named(name: str, params: Mapping[str, Any]) -> Any:
        value = look_up(params, name.split("."))
        if value is None and name.lower() in _WORDS:
            return _WORDS[name.lower()]
        if value is None:
            raise _Absent
        return value

    def _operated(self, node: ast.BinOp, params: Mapping[str, Any]) -> Any:
        left, right = self._value(node.left, params), self._value(node.right, params)
        for each in (left, right):
            if not isinstance(each, int | float):
                raise TypeError(f"{each!r} is no number")
            if abs(each) > _LARGEST:
                raise OverflowError("a number is too large")
        return _ARITHMETIC[type(node.op)](left, right)


def _dotted(node: ast.AST) -> str | None:
    """The dotted name that a node is; None if it is another expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None

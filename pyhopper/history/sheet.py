"""What pictures, importance and outlook are made from: evaluations beside their parameters.

A :class:`Sheet` holds the same for a search in memory and for a checkpoint that is read without
its template, because the axes follow from how a parameter describes itself.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyhopper.errors import ArgumentError, short
from pyhopper.events import Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.parameters import INACTIVE, Leaf, option_text
from pyhopper.parameters.space import Space

Floats = NDArray[np.float64]

SUMMARIES = ("mean", "min", "max", "norm", "length")
"""What an array or a list can be summarised by."""

_LONGEST_LABEL = 24


@dataclass(frozen=True)
class Axis:
    """One parameter and its value in every evaluation.

    Attributes
    ----------
    name : str
        Its dotted name.
    values : list
        One value an evaluation; of a choice the index of the option, and None where the parameter
        was inactive or is not known.
    options : tuple of str
        What the indices of a choice stand for; empty for any other parameter.
    ordered : bool
        Whether the options have an order.
    weights : tuple of float
        In proportion to which options are drawn; empty for equal ones.
    log : bool
        Whether it lies on a logarithmic scale.
    whole : bool
        Whether its numbers are integers.
    low, high : float or None
        Its bounds; None if it has none.
    kind : str
        ``"number"``, ``"choice"``, ``"array"``, ``"list"`` or ``"other"``.
    parent, option : int
        The index of the axis on which it depends, and for which of its options it is active; -1 if
        it is always active.
    text : str
        How the parameter describes itself, as in ``float(0.1, 1.0, log=True)``.
    """

    name: str
    values: list[Any] = field(repr=False)
    options: tuple[str, ...] = ()
    ordered: bool = False
    weights: tuple[float, ...] = ()
    log: bool = False
    whole: bool = False
    low: float | None = None
    high: float | None = None
    kind: str = "other"
    parent: int = -1
    option: int = -1
    text: str = field(default="", repr=False)

    def numbers(self, summary: str | None = None) -> Floats:
        """Its values as numbers, NaN where there is none.

        Parameters
        ----------
        summary : str, optional
            By what arrays and lists are summarised, see :meth:`summary`.
        """
        how = self.summary(summary)
        return np.array([_as_number(value, how) for value in self.values], dtype=np.float64)

    def summary(self, wanted: str | None = None) -> str:
        """By what its values are summarised; empty if they are numbers.

        Raises
        ------
        ArgumentError
            For an unknown summary.
        """
        if wanted is not None and wanted not in SUMMARIES:
            raise ArgumentError("summary", wanted, f"must be one of {', '.join(SUMMARIES)}")
        if self.kind in ("number", "choice", "other"):
            return ""
        return wanted or ("length" if self.kind == "list" else "mean")


@dataclass(frozen=True)
class Sheet:
    """The evaluations of a search, and its parameters.

    Attributes
    ----------
    maximize : bool
        The direction; minimising before the first run.
    evaluations : sequence of Evaluation
        However they ended, in the order in which they ended.
    axes : tuple of Axis
        The parameters, with their values in these evaluations.
    state : State
        What else is known.
    title : str
        What to call the search in a comparison; empty for one in memory.
    """

    maximize: bool
    evaluations: Sequence[Evaluation]
    axes: tuple[Axis, ...]
    state: State
    title: str = ""

    @property
    def values(self) -> Floats:
        """The value of each evaluation; NaN where it has none or does not fit the space."""
        return np.array(
            [e.value if e.status is Status.DONE and e.fits else math.nan for e in self.evaluations],
            dtype=np.float64,
        )

    def having(self, status: Status) -> NDArray[np.bool_]:
        """Which evaluations ended in one way."""
        return np.array([each.status is status for each in self.evaluations], dtype=np.bool_)

    def axis(self, name: str) -> Axis:
        """The parameter of this name. Several of one name in different options count as one.

        Raises
        ------
        ArgumentError
            If there is none.
        """
        found = [axis for axis in self.axes if axis.name == name]
        if not found:
            known = ", ".join(dict.fromkeys(axis.name for axis in self.axes))
            raise ArgumentError("name", name, f"is no parameter; the space has {known or 'none'}")
        # A choice comes before a parameter that is one of its options and has its name.
        alike = [axis for axis in found if axis.kind == found[0].kind != "choice"] or found[:1]
        if len(alike) == 1:
            return alike[0]
        columns = zip(*(axis.values for axis in alike), strict=True)
        merged = [next((v for v in row if v is not None), None) for row in columns]
        ends = [end for axis in alike for end in (axis.low, axis.high) if end is not None]
        low, high = (min(ends), max(ends)) if ends else (None, None)
        log = all(axis.log for axis in alike)
        return replace(alike[0], values=merged, low=low, high=high, log=log, parent=-1, option=-1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters that have more than one value, without repetitions."""
        return tuple(dict.fromkeys(axis.name for axis in self.axes if len(axis.options) != 1))

    def where(self, axis: Axis) -> str:
        """In which case a parameter is active, as in ``model=net``; empty if it always is."""
        parts = []
        while axis.parent >= 0:
            parent = self.axes[axis.parent]
            parts.append(f"{parent.name}={parent.options[axis.option]}")
            axis = parent
        return ", ".join(reversed(parts))


def sheet_of_state(state: State, space: Space) -> Sheet:
    """The sheet of a search in memory."""
    fitting = [each.fits for each in state.evaluations]
    axes = []
    for index, leaf in enumerate(space.leaves):
        points = zip(state.evaluations, fitting, strict=True)
        values = [_known(each.point[index]) if fits else None for each, fits in points]
        options = [option_text(option) for option in leaf.options]
        axes.append(read_axis(leaf.name, _text(leaf), options, values, (leaf.parent, leaf.option)))
    return Sheet(bool(state.maximize), state.evaluations, tuple(axes), state)


def _text(leaf: Leaf) -> str:
    try:
        return str(leaf.param.describe())
    except Exception:  # of a parameter of the user's own
        return ""


def _known(value: Any) -> Any:
    return None if value is INACTIVE else value


def read_axis(
    name: str, text: str, options: Sequence[str], values: list[Any], home: tuple[int, int]
) -> Axis:
    """The axis of a parameter.

    Parameters
    ----------
    name : str
        Its dotted name.
    text : str
        How it describes itself, as in ``float(0.1, 1.0, log=True)``. It may come from a file that
        somebody has made up, and is only looked at.
    options : sequence of str
        The options of a choice as text.
    values : list
        See :class:`Axis`.
    home : tuple of int
        ``parent`` and ``option``.
    """
    function, arguments, keywords = _call(text)
    if options:
        weights = keywords.get("weights") or ()
        sound = isinstance(weights, list) and len(weights) == len(options)
        return Axis(
            name,
            values,
            options=labels_of(options),
            ordered=keywords.get("ordinal") is True,
            weights=tuple(float(each) for each in weights) if sound else (),
            kind="choice",
            parent=home[0],
            option=home[1],
            text=text,
        )
    low, high = _ends(arguments)
    kind = _kind(function, keywords, values)
    return Axis(
        name,
        values,
        log=(keywords.get("log") is True or "power_of" in keywords) and (low is None or low > 0),
        whole=function == "int",
        low=low,
        high=high,
        kind=kind,
        parent=home[0],
        option=home[1],
        text=text,
    )


def _ends(arguments: list[Any]) -> tuple[float | None, float | None]:
    """The bounds; where arrays have several, the outermost."""
    try:
        low, high = (np.asarray(end, dtype=np.float64) for end in arguments[:2])
        ends = float(low.min()), float(high.max())
    except (TypeError, ValueError, OverflowError):
        return None, None
    return ends if math.isfinite(ends[0]) and ends[0] < ends[1] < math.inf else (None, None)


def _kind(function: str, keywords: dict[str, Any], values: list[Any]) -> str:
    if function in ("int", "float"):
        return "array" if "shape" in keywords else "number"
    if function == "list":
        return "list"
    kinds = {type(value) for value in values if value is not None}
    return "number" if kinds and kinds <= {int, float} else "other"


def _call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """The function, arguments and keyword arguments of a call, as far as they are literals."""
    try:
        node = ast.parse(text[:10_000], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return "", [], {}
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return "", [], {}
    keywords = {each.arg: _literal(each.value) for each in node.keywords if each.arg}
    return node.func.id, [_literal(each) for each in node.args], keywords


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None


def labels_of(options: Sequence[str]) -> tuple[str, ...]:
    """A short and different name for each option."""
    short_names = [_label(text) for text in options]
    return tuple(
        f"{label} ({number})" if short_names.count(label) > 1 else label
        for number, label in enumerate(short_names)
    )


def _label(text: str) -> str:
    """What to call an option: text without quotes; of a dict its first text, if it has one."""
    try:
        node = ast.parse(text[:10_000], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        node = None
    if isinstance(node, ast.Dict):
        texts = [each.value for each in node.values if isinstance(each, ast.Constant)]
        node = next((ast.Constant(each) for each in texts if isinstance(each, str)), node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."


def _as_number(value: Any, how: str) -> float:
    """A number, or that of an array or a list; NaN if there is none."""
    try:
        if not how:
            return float(value)
        if how == "length":
            return float(np.size(value) if isinstance(value, np.ndarray) else len(value))
        numbers = np.asarray(value, dtype=np.float64).ravel()
        if not numbers.size:
            return math.nan
        if how == "norm":
            return float(np.sqrt(np.sum(numbers**2)))
        return float(getattr(numbers, how)())
    except (TypeError, ValueError, OverflowError):
        return math.nan


def describe(axis: Axis, summary: str | None = None) -> str:
    """The name of an axis for a picture, with what its values are summarised by."""
    how = axis.summary(summary)
    name = axis.name if len(axis.name) <= 60 else short(axis.name)
    return f"{how} of {name}" if how else name

"""A checkpoint as a table, read without the search that wrote it."""

from __future__ import annotations

import ast
import functools
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pyhopper.errors import CheckpointError, PyhopperError, short
from pyhopper.events import Began, Started, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.sheet import Axis, Sheet, read_axis
from pyhopper.history.state import State, observe
from pyhopper.history.table import Columns, ParameterNames, Row, columns
from pyhopper.journal import checks
from pyhopper.journal.codec import CodecError, from_json
from pyhopper.journal.file import Line, dumps, read
from pyhopper.journal.formats import Reader, stamp
from pyhopper.journal.skeleton import fill, leaf_names
from pyhopper.parameters import Omitted

_UNUSABLE = (
    PyhopperError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What a file that somebody has made up may cause; nothing of the user's runs here."""


_INSIDE = re.compile(r"(?P<choice>.*)\[(?P<option>\d{1,6})\][^\[\]]*")
"""The key of a parameter inside an option, see :func:`pyhopper.journal.codec.leaf_keys`."""

_OPTION = re.compile(r"\[\d{1,6}\]|#\d+$")
"""What a key has beside the dotted name."""


class SavedSpace:
    """A space as a ``header`` or ``space`` line describes it.

    Parameters
    ----------
    line : dict
        The line.
    """

    def __init__(self, line: Line) -> None:
        described = checks.leaves(line)
        self._template = checks.entries(line.get("template"))
        self.names = ParameterNames(leaf_names(self._template))
        self._options = {leaf["key"]: leaf.get("options") for leaf in described}
        self._described = described
        self._leaves = {leaf["key"]: leaf for leaf in described}

    def build(self, point: dict[str, Any]) -> dict[str, Any]:
        """The candidate of a point as the objective got it, as far as JSON can hold it."""

        def value(key: str, data: Any) -> Any:
            return shown(data, self._options.get(key))

        filled: dict[str, Any] = fill(self._template, point, value)
        return filled

    def axes(self, points: list[dict[str, Any] | None]) -> Iterator[Axis]:
        """The parameters with their values in some points; None stands for one of another space."""
        index = {leaf["key"]: number for number, leaf in enumerate(self._described)}
        for leaf in self._described:
            key, options = leaf["key"], leaf.get("options") or ()
            values = [None if point is None else point.get(key) for point in points]
            if options:
                values = [value if type(value) is int else None for value in values]
            else:
                values = [None if value is None else shown(value, None) for value in values]
            name = _OPTION.sub("", key)
            yield read_axis(name, leaf["text"], options, values, self._home(key, index))

    def reread(self, point: dict[str, Any], written: SavedSpace) -> dict[str, Any] | None:
        """A point of an earlier space in terms of this one.

        Parameters
        ----------
        point : dict
            The point as it stands in the file.
        written : SavedSpace
            The space in which it was written.

        Returns
        -------
        dict or None
            None if it does not fit, or if that cannot be told without the parameters themselves.
        """
        if written is self:
            return point
        now, before = self._leaves, written._leaves
        found = {}
        for key, data in point.items():
            if key not in now or key not in before or now[key]["kind"] != before[key]["kind"]:
                return None
            found[key] = data
            if now[key]["text"] == before[key]["text"]:
                continue
            if options := before[key].get("options"):
                # What is inside of an option has the option's index in its key.
                names = now[key].get("options") or []
                if any(each.startswith(f"{key}[") for each in now) or not (
                    type(data) is int and 0 <= data < len(options) and options[data] in names
                ):
                    return None
                found[key] = names.index(options[data])
            elif not _is_within(now[key]["text"], data):
                return None
        return found

    def _home(self, key: str, index: dict[str, int]) -> tuple[int, int]:
        """The choice inside which a parameter stands, and the option; -1 if there is none."""
        inside = _INSIDE.fullmatch(key)
        parent = -1 if inside is None else index.get(inside["choice"], -1)
        if inside is None or not 0 <= parent < index[key]:
            return -1, -1
        option = int(inside["option"])
        known = self._described[parent].get("options") or ()
        return (parent, option) if option < len(known) else (-1, -1)


@functools.lru_cache
def _bounds(text: str) -> tuple[float | None, float | None]:
    """The bounds of a parameter that describes itself like this."""
    axis = read_axis("", text, (), [], (-1, -1))
    return axis.low, axis.high


def _is_within(text: str, data: Any) -> bool:
    """Whether numbers lie within the bounds of a parameter that describes itself like this."""
    low, high = _bounds(text)
    try:
        numbers = np.asarray(shown(data, None), dtype=np.float64)
    except _UNUSABLE:
        return False
    if low is None or high is None or not numbers.size:
        return False
    return bool(np.all((numbers >= low) & (numbers <= high)))


def shown(data: Any, options: list[str] | None) -> Any:
    """A value of a checkpoint without the parameter that could read it, as far as JSON can hold it.

    Parameters
    ----------
    data : object
        What stands in the file.
    options : list of str or None
        The options in full if it is the index of one.
    """
    if options is not None and type(data) is int and 0 <= data < len(options):
        return _literal(options[data])
    try:
        return plain(from_json(data))
    except CodecError:
        return "<cannot be shown>"


class Table:
    """The evaluations of a checkpoint.

    Points are kept as they stand in the file, each with its :class:`SavedSpace`; the rest of the
    state is what the search knew.

    Parameters
    ----------
    path : Path
        The checkpoint; a search may be writing to it.
    recover : bool
        Leave out lines that are damaged, and what cannot be understood without them.

    Attributes
    ----------
    seed : int
        The seed of the search.
    version : str
        The version of pyhopper that wrote the file.
    lost : int
        How many lines are damaged or missing.
    left_out : int
        How many points were too large to be kept.
    skipped : int
        How many lines were left out because they cannot be understood.
    run : Began or None
        The last run, for its budget; None before the first.
    state : State
        What the lines lead to.

    Raises
    ------
    CheckpointError
        If the file cannot be read.
    """

    def __init__(self, path: Path, recover: bool = False) -> None:
        lines, self.lost = read(path, recover)
        self.seed, self.version = short(lines[0].get("seed")), str(lines[0].get("version"))[:80]
        self.left_out = self.skipped = 0
        self.run: Began | None = None
        self.state = State(key=lambda point: dumps(point[0]))
        self._path, self._recover = path, recover
        self._number = 0
        self._space: SavedSpace | None = None
        # Guesses are counted only.
        reader = Reader(lambda data, _: (data, self._space, self._number), lambda data: {})
        for self._number, line in enumerate(lines, 1):
            self._read(line, reader)
        self._names = ParameterNames([]) if self._space is None else self._space.names

    def _read(self, line: Line, reader: Reader) -> None:
        try:
            self._observe(line, reader)
        except _UNUSABLE as error:
            if not self._recover or self._number == 1:
                raise _unusable(self._path, self._number, error) from error
            self.skipped += 1

    def _observe(self, line: Line, reader: Reader) -> None:
        if line.get("event") in ("header", "space"):
            # If it cannot be understood, neither can the points after it.
            self._space = None
            self.state.queue.clear()
            self._space = SavedSpace(line)
        event = reader.read(line)
        if event is None:
            return
        if self._space is None:
            raise CodecError("the space before it is not known")
        now = stamp(line)
        if isinstance(event, Began):
            self.run = event
        self.left_out += isinstance(event, Started) and "large" in line
        observe(self.state, event, now)

    def ranked(self) -> list[Evaluation]:
        """Evaluations with a value within the limits, the best first, of equal ones the first."""
        sign = -1 if self.state.maximize else 1
        done = [
            each
            for each in self.state.evaluations
            if each.status is Status.DONE
            and not math.isnan(each.value)
            and self.state.objectives.allow(each.metrics)
        ]
        return sorted(done, key=lambda each: sign * each.value)

    def counts(self) -> dict[str, int]:
        """How many evaluations ended in which way."""
        return dict(Counter(each.status.value for each in self.state.evaluations))

    def is_of_another_space(self, evaluation: Evaluation) -> bool:
        """Whether the space has changed so that a candidate does not fit any more."""
        return self._present(evaluation) is None

    def _present(self, evaluation: Evaluation) -> dict[str, Any] | None:
        """The point of an evaluation in terms of the present space; None if it does not fit."""
        point, written, _ = evaluation.point
        if not evaluation.fits or self._space is None:
            return None
        return self._space.reread(point, written)

    def params(self, evaluation: Evaluation) -> dict[str, Any]:
        """The candidate of an evaluation as the objective got it."""
        point, space, number = evaluation.point
        try:
            params: dict[str, Any] = space.build(point)
        except _UNUSABLE as error:
            if self._recover:
                return {}
            raise _unusable(self._path, number, error) from error
        return params

    def row(self, evaluation: Evaluation) -> Row:
        """The parameters of an evaluation by the names of their columns."""
        _, space, number = evaluation.point
        params = self.params(evaluation)
        try:
            row: Row = space.names.row(params)
        except _UNUSABLE as error:
            if self._recover:
                return {}
            raise _unusable(self._path, number, error) from error
        return row

    def sheet(self) -> Sheet:
        """The evaluations beside their parameters, for pictures, importance and outlook."""
        state, space = self.state, self._space
        points = [self._present(each) for each in state.evaluations]
        axes = () if space is None else tuple(space.axes(points))
        return Sheet(bool(state.maximize), state.evaluations, axes, state, self._path.stem)

    def columns(self) -> Columns:
        """All evaluations, with the columns of :meth:`pyhopper.history.History.to_pandas`."""
        evaluations = self.state.evaluations
        return columns(evaluations, [self.row(each) for each in evaluations], self._names)


def _unusable(path: Path, number: int, error: Exception) -> CheckpointError:
    kind = "" if isinstance(error, PyhopperError) else f"{type(error).__name__}: "
    return CheckpointError(path, f"this line cannot be used: {kind}{error}", number)


def _literal(text: str) -> Any:
    """An option, which the checkpoint keeps as text."""
    try:
        return plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def plain(value: Any) -> Any:
    """A value as JSON and tables can hold it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Omitted | bytes):
        return repr(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value

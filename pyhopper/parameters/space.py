"""The space: all candidates of a template, and those among them that the constraints allow."""

from __future__ import annotations

import itertools
import math
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyhopper.errors import (
    ArgumentError,
    CandidateError,
    ConstraintError,
    ConstraintFailedError,
    UnknownNameError,
)
from pyhopper.forks import end_in_child_of
from pyhopper.parameters import (
    INACTIVE,
    Choice,
    Leaf,
    Lenience,
    List,
    Node,
    Numeric,
    Omitted,
    Parameter,
    Partial,
    Point,
    Selector,
    Template,
    option_text,
)
from pyhopper.parameters.mistakes import check_nesting
from pyhopper.parameters.names import look_up, steps

Constraint = Callable[[dict[str, Any]], bool]

_CONSTRAINT_TRIES = 10_000
"""So many draws in a row may break a constraint before the search gives up."""

_MOST_COMBINATIONS = 10**6
"""So many guesses may be queued at once."""

LARGE_POINT = 64 * 1024
"""Points of more bytes are kept complete only while they run and while they are the best."""

LARGE_VALUE = 1024
"""Values of fewer bytes are always kept, also those of a large point."""


def merge_dicts(*dicts: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested dicts into a new one.

    Parameters
    ----------
    *dicts : dict
        Any number of dicts. Dicts under the same key are merged in turn; any other value may
        stand under a key in one of them only.

    Returns
    -------
    dict
        The keys of all, in order. The dicts themselves are not changed.

    Raises
    ------
    ArgumentError
        If a key has two values, or an argument is not a dict.

    Examples
    --------
    >>> import pyhopper
    >>> pyhopper.merge_dicts({"opt": {"lr": 0.1}}, {"opt": {"beta": 0.9}}, {"epochs": 5})
    {'opt': {'lr': 0.1, 'beta': 0.9}, 'epochs': 5}
    """
    merged: dict[str, Any] = {}
    for each in dicts:
        if not isinstance(each, Mapping):
            raise ArgumentError("dicts", each, "must be a dict")
        try:
            check_nesting(each)
        except CandidateError as error:
            raise ArgumentError(error.path or "dicts", error.value, error.problem) from None
        _merge_into(merged, each, "")
    return merged


def _merge_into(merged: dict[str, Any], other: Mapping[str, Any], path: str) -> None:
    for key, value in other.items():
        if key not in merged:
            nested = type(value) is dict
            merged[key] = merge_dicts(value) if nested else value
        elif isinstance(merged[key], dict) and isinstance(value, Mapping):
            _merge_into(merged[key], value, f"{path}{key}.")
        else:
            raise ArgumentError(f"{path}{key}", value, "this key has two values; remove one")


def nested(name: str, value: Any) -> dict[str, Any]:
    """Nested dicts for a dotted name: ``{"opt": {"lr": value}}`` for ``opt.lr``."""
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)


class Space:
    """All candidates of a template.

    Parameters
    ----------
    template : dict
        Nested dicts, lists and tuples with parameters; everything else is a constant.
    constraints : tuple of callables
        Each is called with a candidate's dict and returns whether it is allowed. None by default.
    """

    def __init__(self, template: dict[str, Any], constraints: tuple[Constraint, ...] = ()) -> None:
        self.template = template
        self.constraints = constraints
        self._compiled = Template(template)
        self.leaves: tuple[Leaf, ...] = self._compiled.leaves
        self._movable = [i for i, leaf in enumerate(self.leaves) if leaf.param.size != 1]
        self._flat = all(leaf.parent < 0 for leaf in self.leaves)
        self.size = self._size()
        # Names under which stands the value of exactly one leaf, which is no index of an option.
        names = [leaf.name for leaf in self.leaves]
        self._columns = {
            name: index
            for index, name in enumerate(names)
            if names.count(name) == 1 and not isinstance(self.leaves[index].param, Selector)
        }

        sizes = {
            index: leaf.param.entries * leaf.param.dtype.itemsize
            for index, leaf in enumerate(self.leaves)
            if isinstance(leaf.param, Numeric) and leaf.param.shape is not None
        }
        self._arrays = frozenset(i for i, size in sizes.items() if size >= LARGE_VALUE)
        self.is_large = sum(sizes.values()) > LARGE_POINT

    def _size(self) -> int | None:
        """Number of different candidates; None if it is unknown or infinite."""
        if any(leaf.param.size is None for leaf in self.leaves):
            return None
        # From the last leaf to the first, so that the size of an option is known when its choice
        # comes: sizes inside one option are multiplied, those of the options are added.
        options: dict[tuple[int, int], int] = {}
        for index in range(len(self.leaves) - 1, -1, -1):
            leaf = self.leaves[index]
            count = leaf.param.size or 1
            inner = {o: n for (parent, o), n in options.items() if parent == index}
            if inner:
                count = sum(inner.get(option, 1) for option in range(count))
            home = (leaf.parent, leaf.option)
            options[home] = options.get(home, 1) * count
        return options.get((-1, -1), 1)

    @property
    def root(self) -> Node:
        """The compiled template."""
        return self._compiled.root

    def start(self, rng: np.random.Generator) -> Point:
        """The first candidate: for each parameter its ``init``, or else the middle of its range."""
        return self._compiled.fill(lambda leaf: leaf.param.start(rng))

    def sample(self, rng: np.random.Generator) -> Point:
        """Draw from the whole space.

        Raises
        ------
        ConstraintError
            If 10,000 draws in a row break a constraint.
        """
        return self._constrained(lambda: self._compiled.sample(rng))

    def move(self, point: Point, count: int, temperature: float, rng: np.random.Generator) -> Point:
        """Move ``count`` random parameters of a point, or all if it has fewer.

        Raises
        ------
        ConstraintError
            If 10,000 moves in a row break a constraint.
        """
        active = self.active(point)

        def move() -> Point:
            if count >= len(active):
                chosen = set(active)
            elif count == 1:
                chosen = {active[int(rng.random() * len(active))]}
            else:
                chosen = {active[i] for i in rng.permutation(len(active))[:count].tolist()}
            return self._compiled.move(point, chosen, temperature, rng)

        return self._constrained(move)

    def active(self, point: Point) -> list[int]:
        """The indices of the leaves that can move: active ones with more than one legal value."""
        if self._flat:
            return self._movable
        return [i for i in self._movable if point[i] is not INACTIVE]

    def build(self, point: Point, shared: bool = False) -> dict[str, Any]:
        """The template filled with the values of a point.

        Parameters
        ----------
        point : tuple
            The values.
        shared : bool
            Whether the constants of the template stand in it themselves. By default it holds
            copies, so that whoever gets the dict may change it.
        """
        filled: dict[str, Any] = self._compiled.build(point, shared)
        return filled

    def allows(self, point: Point) -> bool:
        """Whether a point meets all constraints."""
        if not self.constraints:
            return True
        pid = os.getpid()
        for constraint in self.constraints:
            try:
                verdict = constraint(self.build(point))
                passed = bool(verdict)
                end_in_child_of(pid)
            except Exception as error:
                end_in_child_of(pid, error)
                raise ConstraintFailedError(constraint, self.build(point), error) from error
            if verdict is None:
                problem = "returned None for a candidate; is a `return` missing?"
                raise ArgumentError("constraint", constraint, problem)
            if not passed:
                return False
        return True

    def _constrained(self, draw: Callable[[], Point]) -> Point:
        for _ in range(_CONSTRAINT_TRIES):
            point = draw()
            if self.allows(point):
                return point
        raise ConstraintError(_CONSTRAINT_TRIES)

    def read(self, guess: Mapping[str, Any], lenience: Lenience | None = None) -> Partial:
        """The values that a full or partial guess sets, after a check; see :meth:`Node.read`.

        Raises
        ------
        CandidateError
            For an unknown key, a wrong nesting, or a value that is not legal.
        """
        if not isinstance(guess, Mapping):
            raise CandidateError("", guess, "a guess must be a dict; queue several one by one")
        check_nesting(guess)
        return self._compiled.read(guess, lenience)

    def read_all(self, params: Mapping[str, Any]) -> Point:
        """The point of a complete candidate.

        Raises
        ------
        CandidateError
            If something does not fit or is missing.
        """
        return self.whole(self.read(params), params)

    def read_guess(self, guess: Mapping[str, Any]) -> tuple[Partial, list[str]]:
        """The values that a guess sets, made legal where that is possible.

        Returns
        -------
        values : dict
            By the place of their leaf.
        remarks : list of str
            A sentence for each thing that was changed.

        Raises
        ------
        CandidateError
            If it does not fit the template, or is complete and breaks a constraint.
        """
        remarks: list[str] = []
        values = self.read(guess, Lenience(remarks))
        if self._is_forbidden(values, guess):
            raise CandidateError("", guess, "breaks a constraint, so it would never be evaluated")
        return values, remarks

    def combinations(self, columns: Mapping[str, Iterable[Any]]) -> Iterator[Partial]:
        """Guesses for all combinations of values that no constraint forbids.

        Parameters
        ----------
        columns : dict
            Values by key or by dotted name.
        """
        lists = {name: _listed(name, values) for name, values in columns.items()}
        if math.prod(len(values) for values in lists.values()) > _MOST_COMBINATIONS:
            problem = f"has more than {_MOST_COMBINATIONS} combinations"
            raise ArgumentError("axes", dict(columns), problem)
        for row in itertools.product(*lists.values()):
            guesses = [
                {name: value} if name in self.template else nested(name, value)
                for name, value in zip(lists, row, strict=True)
            ]
            guess = merge_dicts(*guesses)
            values = self.read(guess)
            if not self._is_forbidden(values, guess):
                yield values

    def _is_forbidden(self, values: Partial, guess: Mapping[str, Any]) -> bool:
        """Whether a guess breaks a constraint, whatever is filled in for what it leaves out."""
        if not self.constraints:
            return False
        try:
            point = self.whole(values, guess)
        except CandidateError:
            return False
        return not self.allows(point)

    def whole(self, values: Partial, guess: Mapping[str, Any]) -> Point:
        """The point whose ``values`` were read from ``guess``, which must leave nothing out.

        Raises
        ------
        CandidateError
            If something is missing.
        """

        def missing(leaf: Leaf) -> Any:
            raise CandidateError(leaf.name, guess, "this parameter has no value")

        return self._compiled.fill(missing, values)

    def complete(self, guess: Partial, base: Point | None, rng: np.random.Generator) -> Point:
        """The point of a partial guess; the rest comes from ``base``, and failing that ``init``."""
        known = {} if base is None else {i: v for i, v in enumerate(base) if v is not INACTIVE}
        return self._compiled.fill(lambda leaf: leaf.param.start(rng), {**known, **guess})

    def key(self, point: Point) -> Any:
        """A small hashable object that is equal for equal points."""
        try:
            hash(point)
        except Exception:  # an array, or an object of a foreign class
            return tuple(_frozen(value) for value in point)
        return point

    def trim(self, point: Point) -> Point:
        """The point as it is kept: without its arrays, if they have more than 64 KiB."""
        if not self.is_large:
            return point
        arrays = [i for i in self._arrays if isinstance(point[i], np.ndarray)]
        if sum(point[i].nbytes for i in arrays) <= LARGE_POINT:
            return point
        omitted = {i: Omitted.array(point[i]) for i in arrays}
        return tuple(omitted.get(index, value) for index, value in enumerate(point))

    def values(self, name: str, points: Sequence[Point]) -> list[Any]:
        """What stands under a dotted name in each of the points, None where there is nothing.

        Every name of a parameter's column in a table is known here, so ``params.`` may be in front.

        Raises
        ------
        KeyError
            If the template has no such name.
        """
        index = self._columns.get(name)
        if index is not None:
            param = self.leaves[index].param
            column = [None if point[index] is INACTIVE else point[index] for point in points]
            if not param.mutable:
                return column
            return [v if v is None or isinstance(v, Omitted) else param.copy(v) for v in column]
        if not self._knows(name):
            if name.startswith("params."):
                return self.values(name.removeprefix("params."), points)
            raise UnknownNameError(name, list(dict.fromkeys(each.name for each in self.leaves)))
        path = name.split(".")
        found = (look_up(self.build(point), path) for point in points)
        return [None if value is INACTIVE else value for value in found]

    def _knows(self, name: str) -> bool:
        """Whether some candidate has a value under this dotted name."""
        return _has(self.template, name.split("."))

    def fingerprint(self) -> str:
        """A hash of the definitions of all parameters, the same in every process: 16 hex digits."""
        lines = [
            f"{leaf.name}|{leaf.parent}|{leaf.option}|{leaf.param.describe()}"
            f"|{[option_text(option) for option in leaf.options]}"
            for leaf in self.leaves
        ]
        import hashlib

        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _listed(name: str, values: Any) -> list[Any]:
    """The values of one axis of a grid."""
    try:
        listed = list(itertools.islice(values, _MOST_COMBINATIONS + 1))
    except TypeError:
        raise ArgumentError(str(name), values, "must be a list of values") from None
    if len(listed) > _MOST_COMBINATIONS:
        raise ArgumentError(str(name), values, f"has more than {_MOST_COMBINATIONS} values")
    return listed


def _has(node: Any, path: list[str]) -> bool:
    """Whether a path of keys leads to something in a template, or in some candidate of it."""
    if not path:
        return True
    key, rest = path[0], path[1:]
    if isinstance(node, Choice):
        return any(_has(option, path) for option in node.options)
    if isinstance(node, List):
        return key.isdigit() and _has(node.item, rest)
    if isinstance(node, Parameter):
        # Values of the user's own types may have any keys.
        return not isinstance(node, Numeric)
    return any(_has(inner, rest) for inner, rest in steps(node, path))


def _frozen(value: Any) -> Any:
    """A hashable object that is equal for equal values."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return Omitted.array(value)
    try:
        if isinstance(value, list | tuple):
            return tuple(_frozen(item) for item in value)
        hash(value)
    except Exception:
        # Any other object that cannot be hashed; equal ones nearly always have equal pickles.
        return _pickled(value)
    return value


def _pickled(value: Any) -> Any:
    try:
        import hashlib

        return hashlib.blake2b(pickle.dumps(value), digest_size=16).digest()
    except Exception:
        return object()  # equal to nothing, so that no duplicate of it is found

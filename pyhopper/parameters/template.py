"""Templates: nested dicts, lists and tuples with parameters, and how to fill them with values.

A template is compiled once to an ordered tuple of *leaves*, one for each parameter at any depth.
A *point* is the tuple of their values in the same order. A choice is compiled to a leaf for the
index of the option, followed by the leaves of all its options. Of these only the leaves of the
chosen option are active; the others have the value ``INACTIVE``.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyhopper.errors import ArgumentError, CandidateError, short
from pyhopper.ownership import freeze, own
from pyhopper.parameters.base import Branching, Parameter


class Inactive(enum.Enum):
    """The type of ``INACTIVE``, the value of leaves in options that are not chosen."""

    INACTIVE = "inactive"

    def __repr__(self) -> str:
        return "INACTIVE"


INACTIVE: Final = Inactive.INACTIVE

_DIGEST_WIDTH = 2048


def _odd(first: int, count: int) -> NDArray[np.uint64]:
    """Odd pseudorandom weights modulo 2**64, made like SplitMix's gamma (Steele et al. 2014)."""
    numbers = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    numbers *= np.uint64(0x9E3779B97F4A7C15)
    numbers ^= numbers >> np.uint64(29)
    numbers |= np.uint64(1)
    return numbers


class Omitted(NamedTuple):
    """Stands for an array that was not kept, because it is large and its evaluation not the best.

    Attributes
    ----------
    kind : str
        Shape and data type of the array, as text.
    digest : str
        A hash of its entries, by which duplicates are found.
    """

    kind: str
    digest: str

    @classmethod
    def array(cls, value: NDArray[Any]) -> Omitted:
        """What stands for this array."""
        kind = f"array of shape {value.shape}, {value.dtype.str}"
        if value.nbytes < 2**14 or value.dtype.kind not in "iuf":
            import hashlib

            return cls(kind, hashlib.blake2b(value.tobytes(), digest_size=12).hexdigest())
        # A hash that takes a tenth of blake2b's time: the entries as a table, their plain sum and
        # their sum weighted by row and column.
        bits = value.reshape(-1).view(f"u{value.itemsize}")
        whole = bits.size - bits.size % _DIGEST_WIDTH
        table = bits[:whole].reshape(-1, _DIGEST_WIDTH)
        columns, rows = _odd(0, _DIGEST_WIDTH), _odd(_DIGEST_WIDTH, len(table))
        sums = (
            bits.sum(dtype=np.uint64),
            np.dot(np.dot(table, columns), rows),
            np.dot(bits[whole:], columns[: bits.size - whole]),
        )
        return cls(kind, "-".join(f"{each:x}" for each in sums))

    def __repr__(self) -> str:
        return f"<{self.kind}, not kept>"


Point = tuple[Any, ...]
Partial = dict[int, Any]
"""Values of some leaves, by their index in the point."""


@dataclass(frozen=True)
class Leaf:
    """One parameter of a template.

    Attributes
    ----------
    path : tuple
        The keys and indices that lead to it in the template.
    param : Parameter
        Its definition; for a choice the :class:`Selector` of the option's index.
    parent, option : int
        The index of the leaf on which this one depends, and the value of that leaf for which this
        one is active; both are -1 for a leaf that is always active.
    options : tuple
        The options of a choice; empty for other leaves.
    """

    path: tuple[Any, ...]
    param: Parameter
    parent: int = -1
    option: int = -1
    options: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The dotted name, such as ``opt.lr``."""
        return dotted(self.path)


def dotted(path: tuple[Any, ...]) -> str:
    """The dotted name of a path: ``opt.lr`` for ``("opt", "lr")``."""
    return ".".join(str(key) for key in path)


class Lenience(NamedTuple):
    """Lets a guess be read that does not fit exactly: nearest legal values instead of errors.

    Attributes
    ----------
    changes : list of str
        To this a sentence is added about each value of the guess that was changed.
    constants : bool
        Whether a value that differs from a constant of the template is ignored. True by default.
    """

    changes: list[str]
    constants: bool = True


class Node:
    """An entry of a compiled template. This class is for constants, its subclasses for the rest."""

    def __init__(self, path: tuple[Any, ...], template: Any) -> None:
        self.path = path
        self.template = template

    def build(self, point: Point, shared: bool = False) -> Any:
        """The value of this entry in the candidate of a point.

        Parameters
        ----------
        point : tuple
            The values of all leaves.
        shared : bool
            Whether constants stand in it themselves instead of copies.
        """
        return self.template if shared else own(self.template)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """The values of leaves that ``value`` sets, for a full or partial ``value`` of this entry.

        Raises
        ------
        CandidateError
            If it does not fit the template; with ``lenience``, if it cannot be made to fit.
        """
        if same(self.template, value):
            return {}
        name, constant = dotted(self.path), short(self.template)
        if lenience is None or not lenience.constants:
            problem = f"the template has the constant {constant} here"
            raise CandidateError(name, value, problem)
        lenience.changes.append(f"{name}: stays {constant}, a constant, instead of {short(value)}")
        return {}


class LeafNode(Node):
    """A parameter that is a single leaf."""

    def __init__(self, path: tuple[Any, ...], param: Parameter, index: int) -> None:
        super().__init__(path, param)
        self.param = param
        self.index = index

    def build(self, point: Point, shared: bool = False) -> Any:
        """See :class:`Node`. An array that was not kept stays :class:`Omitted`."""
        value = point[self.index]
        return value if isinstance(value, Inactive | Omitted) else self.param.copy(value)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """See :class:`Node`."""
        try:
            checked = self.param.check(value)
            # A copy, since the caller may change what was given.
            return {self.index: self.param.copy(checked) if self.param.mutable else checked}
        except CandidateError as error:
            name = dotted(self.path)
            problem = CandidateError(name, value, error.problem)
        if lenience is None:
            raise problem
        try:
            legal = self.param.legalize(value, name)
        except CandidateError:
            raise problem from None
        instead = f"{short(legal)} is tried instead of {short(value)}"
        lenience.changes.append(f"{name}: {instead}, which is not in {self.param!r}")
        return {self.index: legal}


class ChoiceNode(Node):
    """A choice: a leaf for the index of the option, and an entry for each option."""

    def __init__(self, path: tuple[Any, ...], choice: Branching, index: int) -> None:
        super().__init__(path, choice)
        self.choice = choice
        self.index = index
        self.options: list[Node] = []

    def build(self, point: Point, shared: bool = False) -> Any:
        """See :class:`Node`. ``INACTIVE`` if the chosen option is no longer in the space."""
        option = point[self.index]
        return option if option is INACTIVE else self.options[option].build(point, shared)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """See :class:`Node`. Chooses the first option that ``value`` fits."""
        problems: list[CandidateError] = []
        for lenient in (False,) if lenience is None else (False, True):
            problems.clear()
            for number, option in enumerate(self.options):
                changes: list[str] = []
                inside = Lenience(changes, constants=False) if lenient else None
                try:
                    found = {self.index: number, **option.read(value, inside)}
                except CandidateError as error:
                    problems.append(error)
                    continue
                if lenience is not None:
                    lenience.changes.extend(changes)
                return found
        if len(problems) == 1:
            raise problems[0]
        raise CandidateError(dotted(self.path), value, f"fits no option of {self.choice!r}")


class ContainerNode(Node):
    """A dict, list or tuple that holds parameters at any depth."""

    def __init__(self, path: tuple[Any, ...], template: Any) -> None:
        super().__init__(path, template)
        self.children: list[tuple[Any, Node]] = []
        self._other: list[tuple[Any, Node]] = []
        self.plain: list[tuple[Any, int]] = []
        """Key and leaf of each child whose value is used without a copy, since it cannot change."""
        self._mutable = [
            (key, inner)
            for key, inner in _entries(template)
            if not has_parameters(inner) and own(inner) is not inner
        ]

    def add(self, key: Any, child: Node) -> None:
        """Add the compiled entry under a key."""
        self.children.append((key, child))
        if isinstance(child, LeafNode) and not child.param.mutable:
            self.plain.append((key, child.index))
            return
        self._other.append((key, child))

    def nodes(self) -> Iterator[Node]:
        """All entries, the constants too."""
        children = dict(self.children)
        for key, inner in _entries(self.template):
            yield children.get(key) or Node((*self.path, key), inner)

    def build(self, point: Point, shared: bool = False) -> Any:
        """See :class:`Node`."""
        template = self.template
        is_tuple = isinstance(template, tuple)
        filled = list(template) if is_tuple else copy.copy(template)
        for key, index in self.plain:
            filled[key] = point[index]
        for key, child in self._other:
            filled[key] = child.build(point, shared)
        if not shared:
            for key, constant in self._mutable:
                filled[key] = own(constant)
        return getattr(template, "_make", type(template))(filled) if is_tuple else filled

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """See :class:`Node`."""
        where = dotted(self.path)
        if isinstance(self.template, dict):
            if not isinstance(value, Mapping):
                raise CandidateError(where, value, "the template has a dict here")
            unknown = [key for key in value if key not in self.template]
            if unknown:
                known = ", ".join(repr(key) for key in self.template)
                path = dotted((*self.path, unknown[0]))
                problem = f"the template has no such key; it has {known}"
                raise CandidateError(path, value[unknown[0]], problem)
        elif not isinstance(value, list | tuple) or len(value) != len(self.template):
            kind = type(self.template).__name__
            problem = f"the template has a {kind} of {len(self.template)} entries here"
            raise CandidateError(where, value, problem)
        children = dict(self.children)
        found: Partial = {}
        for key in value if isinstance(value, Mapping) else range(len(value)):
            child = children.get(key)
            if child is None:
                child = Node((*self.path, key), self.template[key])
            found.update(child.read(value[key], lenience))
        return found


class Template:
    """A compiled template.

    Attributes
    ----------
    leaves : tuple of Leaf
        All parameters in the order of the template; a choice comes before what is inside it.
    """

    def __init__(self, template: Any) -> None:
        leaves: list[Leaf] = []
        self.root = _compile(template, (), leaves, -1, -1)
        self.leaves = tuple(leaves)

    def fill(self, value_of: Callable[[Leaf], Any], known: Partial | None = None) -> Point:
        """A point in which each active leaf has its ``known`` value, or else ``value_of(leaf)``."""
        values: list[Any] = []
        for index, leaf in enumerate(self.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values.append(INACTIVE)
            elif known is not None and index in known:
                values.append(known[index])
            else:
                values.append(value_of(leaf))
        return tuple(values)

    def sample(self, rng: np.random.Generator) -> Point:
        """Draw from the whole space."""
        return self.fill(lambda leaf: leaf.param.sample(rng))

    def move(
        self, point: Point, chosen: set[int], temperature: float, rng: np.random.Generator
    ) -> Point:
        """Mutate the ``chosen`` leaves, by index; draw those that become active by a new option."""
        values = list(point)
        for index, leaf in enumerate(self.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values[index] = INACTIVE
            elif values[index] is INACTIVE:
                values[index] = leaf.param.sample(rng)
            elif index in chosen:
                values[index] = leaf.param.mutate(values[index], temperature, rng)
        return tuple(values)

    def build(self, point: Point, shared: bool = False) -> Any:
        """The template filled with the values of a point, in new dicts, lists and tuples."""
        return self.root.build(point, shared)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """The values of leaves that a full or partial candidate sets, see :meth:`Node.read`."""
        return self.root.read(value, lenience)


def _compile(
    template: Any, path: tuple[Any, ...], leaves: list[Leaf], parent: int, option: int
) -> Node:
    template = freeze(template)
    if isinstance(template, Branching) and template.branches:
        choice = ChoiceNode(path, template, len(leaves))
        leaves.append(Leaf(path, template.selector, parent, option, template.options))
        for number, inner in enumerate(template.options):
            choice.options.append(_compile(inner, path, leaves, choice.index, number))
        return choice
    if isinstance(template, Parameter):
        leaves.append(Leaf(path, template, parent, option))
        return LeafNode(path, template, len(leaves) - 1)
    if not has_parameters(template, path):
        return Node(path, template)
    container = ContainerNode(path, template)
    for key, inner in _entries(template):
        if has_parameters(inner):
            child = _compile(inner, (*path, key), leaves, parent, option)
            container.add(key, child)
    return container


def _entries(template: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(template, dict):
        return iter(template.items())
    return iter(enumerate(template))


def has_parameters(template: Any, path: tuple[Any, ...] = ()) -> bool:
    """Whether there is a parameter anywhere in nested dicts, lists and tuples.

    Raises an :class:`ArgumentError` if a parameter's ``()`` is missing, or one is in a set.
    """
    if isinstance(template, Parameter):
        return True
    if isinstance(template, type) and issubclass(template, Parameter):
        problem = "is a class; write () after it"
        raise ArgumentError(dotted(path) or "template", template, problem)
    if isinstance(template, set | frozenset) and any(isinstance(p, Parameter) for p in template):
        problem = "a set has no order, so it cannot hold parameters; use a list"
        raise ArgumentError(dotted(path) or "template", template, problem)
    if isinstance(template, dict | list | tuple):
        return any(has_parameters(inner, (*path, key)) for key, inner in _entries(template))
    return False


def same(a: Any, b: Any) -> bool:
    """Whether two objects are equal; works for arrays too, and tells True from 1."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(b, type(a)) and np.array_equal(a, b)
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    try:
        return bool(a == b)
    except Exception:  # a foreign __eq__ may raise anything; then only identity counts
        return False

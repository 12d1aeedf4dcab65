"""Templates: nested dicts, lists and tuples that hold parameters, and how values fill them.

A template is compiled once to an ordered tuple of *leaves*, one for each parameter at any depth.
A *point* is the tuple of their values in the same order. A choice whose options hold parameters
becomes a leaf for the option's index and the leaves of all its options, of which only those of the
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
from pyhopper.parameters.base import Branching, Parameter


class Inactive(enum.Enum):
    """Type of the value of a leaf whose option was not chosen."""

    INACTIVE = "inactive"

    def __repr__(self) -> str:
        return "INACTIVE"


INACTIVE: Final = Inactive.INACTIVE


_DIGEST_WIDTH = 2048


def _odd(first: int, count: int) -> NDArray[np.uint64]:
    """Odd numbers without a pattern, modulo 2**64 (Steele et al. 2014, "SplitMix")."""
    numbers = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    numbers *= np.uint64(0x9E3779B97F4A7C15)
    numbers ^= numbers >> np.uint64(29)
    numbers |= np.uint64(1)
    return numbers


class Omitted(NamedTuple):
    """Stands for a large value of an evaluation that is neither the best nor open.

    Attributes
    ----------
    kind : str
        What it was.
    digest : str
        Equal for equal values, so that duplicates are still found.
    """

    kind: str
    digest: str

    @classmethod
    def array(cls, value: NDArray[Any]) -> Omitted:
        """The mark of an array."""
        kind = f"array of shape {value.shape}, {value.dtype.str}"
        if value.nbytes < 2**14 or value.dtype.kind not in "iuf":
            import hashlib

            return cls(kind, hashlib.blake2b(value.tobytes(), digest_size=12).hexdigest())
        # Differs for different arrays, in a tenth of a byte-wise hash's time: the sum, and a sum
        # weighted by row and column of a table.
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
"""Values of some leaves, by their place in the point."""


@dataclass(frozen=True)
class Leaf:
    """One parameter of a template.

    Attributes
    ----------
    path : tuple
        Keys and indices that lead to it.
    param : Parameter
        Its definition; for a choice with parameters inside, that of the option's index.
    parent, option : int
        The leaf that switches this one on, by taking the value ``option``; -1 if always on.
    options : tuple
        What the index of an option stands for; empty for other leaves.
    """

    path: tuple[Any, ...]
    param: Parameter
    parent: int = -1
    option: int = -1
    options: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The path with dots between."""
        return dotted(self.path)


def dotted(path: tuple[Any, ...]) -> str:
    """A path as text: ``("opt", "lr")`` is ``opt.lr``."""
    return ".".join(str(key) for key in path)


class Lenience(NamedTuple):
    """How to read a guess that does not fit exactly: with the nearest value instead of an error.

    Attributes
    ----------
    notes : list of str
        Gets a sentence for each thing that was changed.
    constants : bool
        Whether another value than the template's constant is passed over.
    """

    notes: list[str]
    constants: bool = True


class Node:
    """A place in a compiled template; this class is a constant."""

    def __init__(self, path: tuple[Any, ...], template: Any) -> None:
        self.path = path
        self.template = template

    def build(self, point: Point) -> Any:
        """The value of this place for a point."""
        return self.template

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """The leaves that ``value`` sets; what it leaves out is left out.

        Raises
        ------
        CandidateError
            If the value does not fit.
        """
        if same(self.template, value):
            return {}
        name, constant = dotted(self.path), short(self.template)
        if lenience is None or not lenience.constants:
            problem = f"the template has the constant {constant} here"
            raise CandidateError(name, value, problem)
        lenience.notes.append(f"{name}: stays {constant}, a constant, instead of {short(value)}")
        return {}


class LeafNode(Node):
    """A parameter without parameters inside."""

    def __init__(self, path: tuple[Any, ...], param: Parameter, index: int) -> None:
        super().__init__(path, param)
        self.param = param
        self.index = index

    def build(self, point: Point) -> Any:
        """See :class:`Node`. A value that a checkpoint did not keep is handed on as its mark."""
        value = point[self.index]
        return value if isinstance(value, Inactive | Omitted) else self.param.copy(value)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """See :class:`Node`."""
        try:
            return {self.index: self.param.check(value)}
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
        lenience.notes.append(f"{name}: {instead}, which is not in {self.param!r}")
        return {self.index: legal}


class ChoiceNode(Node):
    """A choice: the leaf of the option's index, and the options."""

    def __init__(self, path: tuple[Any, ...], choice: Branching, index: int) -> None:
        super().__init__(path, choice)
        self.choice = choice
        self.index = index
        self.options: list[Node] = []

    def build(self, point: Point) -> Any:
        """See :class:`Node`. An option that is gone from the space gives ``INACTIVE``."""
        option = point[self.index]
        return option if option is INACTIVE else self.options[option].build(point)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """See :class:`Node`. The first option that the value fits is taken."""
        problems: list[CandidateError] = []
        for lenient in (False,) if lenience is None else (False, True):
            problems.clear()
            for number, option in enumerate(self.options):
                notes: list[str] = []
                inside = Lenience(notes, constants=False) if lenient else None
                try:
                    found = {self.index: number, **option.read(value, inside)}
                except CandidateError as error:
                    problems.append(error)
                    continue
                if lenience is not None:
                    lenience.notes.extend(notes)
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
        """Keys of children that are a value of the point as it stands, and its place."""

    def add(self, key: Any, child: Node) -> None:
        """Put a compiled node under a key."""
        self.children.append((key, child))
        if isinstance(child, LeafNode) and not child.param.mutable:
            self.plain.append((key, child.index))
            return
        self._other.append((key, child))

    def build(self, point: Point) -> Any:
        """See :class:`Node`."""
        template = self.template
        is_tuple = isinstance(template, tuple)
        filled = list(template) if is_tuple else copy.copy(template)
        for key, index in self.plain:
            filled[key] = point[index]
        for key, child in self._other:
            filled[key] = child.build(point)
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
        Every parameter, in the order of the template; a choice stands before what is in it.
    """

    def __init__(self, template: Any) -> None:
        leaves: list[Leaf] = []
        self.root = _compile(template, (), leaves, -1, -1)
        self.leaves = tuple(leaves)

    def fill(self, value_of: Callable[[Leaf], Any], known: Partial | None = None) -> Point:
        """A point whose active leaves have the ``known`` value or else ``value_of(leaf)``."""
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
        """Mutate the chosen leaves; leaves that a new option switches on are drawn."""
        values = list(point)
        for index, leaf in enumerate(self.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values[index] = INACTIVE
            elif values[index] is INACTIVE:
                values[index] = leaf.param.sample(rng)
            elif index in chosen:
                values[index] = leaf.param.mutate(values[index], temperature, rng)
        return tuple(values)

    def build(self, point: Point) -> Any:
        """The template filled with the values of a point; nothing is shared with the template."""
        return self.root.build(point)

    def read(self, value: Any, lenience: Lenience | None = None) -> Partial:
        """The values that a full or partial candidate sets; see :meth:`Node.read`."""
        return self.root.read(value, lenience)


def _compile(
    template: Any, path: tuple[Any, ...], leaves: list[Leaf], parent: int, option: int
) -> Node:
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
    """Whether a parameter stands anywhere in nested dicts, lists and tuples."""
    if isinstance(template, Parameter):
        return True
    if isinstance(template, type) and issubclass(template, Parameter):
        problem = "is a class; put () behind it"
        raise ArgumentError(dotted(path) or "template", template, problem)
    if isinstance(template, set | frozenset) and any(isinstance(p, Parameter) for p in template):
        problem = "a set has no order, so it cannot hold parameters; use a list"
        raise ArgumentError(dotted(path) or "template", template, problem)
    if isinstance(template, dict | list | tuple):
        return any(has_parameters(inner, (*path, key)) for key, inner in _entries(template))
    return False


def same(a: Any, b: Any) -> bool:
    """Equality that also works for arrays and does not take True for 1."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(b, type(a)) and np.array_equal(a, b)
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    try:
        return bool(a == b)
    except Exception:  # a foreign __eq__ may do anything; then only identity counts
        return False

"""Values to JSON and back: exactly, and without running code that is in a file.

JSON holds numbers, text, lists and dicts. What it cannot hold becomes a dict with one key that
starts with ``$``: ``$float`` (nan, inf), ``$array`` (NumPy, as dtype, shape and base64),
``$tuple``, ``$bytes``, ``$dict`` (some keys are not text), ``$omitted`` (a large value that was not
kept) and ``$pickle``, which is read back only for a parameter with ``allow_pickle=True``.
"""

from __future__ import annotations

import base64
import math
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyhopper.errors import CandidateError, PyhopperError, short
from pyhopper.journal.skeleton import leaf_keys
from pyhopper.parameters import (
    INACTIVE,
    Choice,
    Custom,
    Leaf,
    List,
    Numeric,
    Omitted,
    Parameter,
    Partial,
    Point,
    Selector,
    option_text,
)

Convert = Callable[[Any], Any]


class CodecError(PyhopperError, ValueError):
    """A value cannot be written to or read from a checkpoint."""


class Described:
    """A parameter of which only the description in a checkpoint is known.

    Attributes
    ----------
    entry : dict
        That description, see :meth:`PointCodec.signature`.
    """

    entry: dict[str, Any]


def to_json(value: Any) -> Any:
    """A value in a form that JSON can hold.

    Raises
    ------
    CodecError
        If it is of a type that could not be read back exactly.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [to_json(item) for item in value]
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: to_json(item) for key, item in value.items()}
        return {"$dict": [[to_json(key), to_json(item)] for key, item in value.items()]}
    if kind is tuple:
        return {"$tuple": [to_json(item) for item in value]}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Omitted):
        return {"$omitted": [value.kind, value.digest]}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return _array_to_json(value)
    raise CodecError(f"{short(value)} (a {kind.__name__}) cannot be written to a checkpoint")


def _array_to_json(value: Any) -> Any:
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return {"$array": {"dtype": value.dtype.str, "shape": list(value.shape), "base64": data}}


def from_json(data: Any) -> Any:
    """The value that :func:`to_json` turned into ``data``.

    Raises
    ------
    CodecError
        If :func:`to_json` cannot have returned ``data``.
    """
    if isinstance(data, list):
        return [from_json(item) for item in data]
    if not isinstance(data, dict):
        return data
    if len(data) == 1:
        ((tag, content),) = data.items()
        if tag.startswith("$"):
            reader = _READERS.get(tag)
            if reader is None:
                raise CodecError(f"the checkpoint has a value marked {tag}, which is not known")
            try:
                return reader(content)
            except RecursionError:
                raise
            except Exception as error:  # whatever NumPy has to say about a data type
                raise CodecError(f"the checkpoint has a bad value marked {tag}: {error}") from None
    return {key: from_json(item) for key, item in data.items()}


def _array_from_json(content: dict[str, Any]) -> Any:
    dtype = np.dtype(content["dtype"])
    if dtype.kind not in "biufc":
        raise ValueError(f"dtype {dtype} is not allowed")
    flat = np.frombuffer(base64.b64decode(content["base64"], validate=True), dtype)
    return flat.reshape([int(n) for n in content["shape"]]).copy()[()]


def _pickle_from_json(content: Any) -> Any:
    raise ValueError("pickles are read only for a parameter with allow_pickle=True")


_READERS: dict[str, Convert] = {
    "$float": float,
    "$tuple": lambda content: tuple(from_json(item) for item in content),
    "$dict": lambda content: {from_json(key): from_json(item) for key, item in content},
    "$bytes": lambda content: base64.b64decode(content, validate=True),
    "$array": _array_from_json,
    "$omitted": lambda content: Omitted(str(content[0]), str(content[1])),
    "$pickle": _pickle_from_json,
}


def _encoder(param: Parameter) -> Convert:
    """How values of a parameter are written."""
    if isinstance(param, Selector):
        return int
    if isinstance(param, Numeric) and param.shape is None:
        return int if param.dtype.kind == "i" else float
    if isinstance(param, List):
        item = _encoder(param.item)
        return lambda value: [item(entry) for entry in value]
    if isinstance(param, Choice):
        return WholeChoice(param).encode
    if param.allow_pickle:
        return lambda value: {"$pickle": base64.b64encode(pickle.dumps(value)).decode()}
    return lambda value: to_json(param.encode(value))


def _decoder(param: Parameter) -> Convert:
    """How values of a parameter are read."""
    if isinstance(param, Numeric) and param.shape is None and not isinstance(param, Selector):
        whole = param.dtype.kind == "i"
        return lambda data: _number(data, whole)
    if isinstance(param, Selector):
        return param.check
    if isinstance(param, Described):
        return param.decode
    if isinstance(param, Numeric):
        return lambda data: _array(param.decode(from_json(data)))
    if isinstance(param, List):
        item = _decoder(param.item)
        return lambda data: [item(entry) for entry in _typed(data, list, "a list")]
    if isinstance(param, Choice):
        return WholeChoice(param).decode
    if param.allow_pickle:
        return lambda data: _unpickled(param, data)
    return lambda data: param.decode(from_json(data))


def _number(data: Any, whole: bool) -> Any:
    data = from_json(data)
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise CodecError(f"{short(data)} is no number")
    if whole:
        return data if isinstance(data, int) or not data.is_integer() else int(data)
    return float(data)


def _array(value: Any) -> Any:
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "iuf":
        raise CodecError(f"{short(value)} is no array of numbers")
    return value


def _typed(data: Any, kind: type, name: str) -> Any:
    if not isinstance(data, kind):
        raise CodecError(f"{short(data)} is not {name}")
    return data


def _unpickled(param: Parameter, data: Any) -> Any:
    if isinstance(data, dict) and list(data) == ["$pickle"]:
        return pickle.loads(base64.b64decode(data["$pickle"]))
    return param.decode(from_json(data))


class WholeChoice:
    """Writes and reads a choice that has a ``seeding_fn`` or ``mutation_fn``.

    Such a choice is one value of the point. It is written as the index of its option, or as the
    encoded point of the choice's own template if there are parameters in the option.
    """

    def __init__(self, choice: Choice) -> None:
        self._template = choice.template
        self._codec = PointCodec(self._template.leaves)

    def encode(self, value: Any) -> Any:
        """A value as JSON can hold it."""
        known = self._template.read(value)
        point = self._template.fill(lambda leaf: INACTIVE, known)
        encoded = self._codec.encode(point)
        return encoded[""] if len(encoded) == 1 else encoded

    def decode(self, data: Any) -> Any:
        """The value that was written."""
        return self._template.build(self._codec.decode(data if type(data) is dict else {"": data}))


class PointCodec:
    """Writes and reads points of a space as dicts by key.

    Parameters
    ----------
    leaves : tuple of Leaf
        The parameters of the space.

    Attributes
    ----------
    keys : list of str
        The key of each leaf, see :func:`~pyhopper.journal.skeleton.leaf_keys`.
    large_keys : list of str
        Keys of leaves whose values may take many bytes.
    """

    def __init__(self, leaves: tuple[Leaf, ...]) -> None:
        self.leaves = leaves
        self.keys = leaf_keys(leaves)
        self.index = {key: index for index, key in enumerate(self.keys)}
        self._encoders = [_encoder(leaf.param) for leaf in leaves]
        self._decoders = [_decoder(leaf.param) for leaf in leaves]
        self._columns = list(zip(self.keys, self._encoders, strict=True))
        self.large_keys = [
            key
            for key, leaf in zip(self.keys, leaves, strict=True)
            if not isinstance(leaf.param, Selector)
            and not (isinstance(leaf.param, Numeric) and leaf.param.entries < 128)
        ]

    def encode(self, point: Point) -> dict[str, Any]:
        """A point as a dict that JSON can hold.

        Raises
        ------
        CodecError
            If a value cannot be written.
        """
        encoded = {}
        for (key, encode), value in zip(self._columns, point, strict=True):
            if value is INACTIVE:
                continue
            if isinstance(value, Omitted):
                encoded[key] = to_json(value)
                continue
            try:
                encoded[key] = encode(value)
            except Exception as error:
                raise self._unwritable(key, value, error) from error
        return encoded

    def _unwritable(self, key: str, value: Any, error: Exception) -> CodecError:
        return CodecError(
            f"{key}: a checkpoint cannot hold {short(value)} (a {type(value).__name__}); give its "
            f"parameter encode= and decode=, or allow_pickle=True ({error})"
        )

    def encode_partial(self, partial: Partial) -> dict[str, Any]:
        """Values of some leaves as a dict that JSON can hold."""
        absent = (INACTIVE,) * len(self.leaves)
        return self.encode(tuple(partial.get(i, value) for i, value in enumerate(absent)))

    def decode(self, data: Mapping[str, Any], whole: bool = True) -> Point:
        """The point that was written in this space.

        Parameters
        ----------
        data : dict
            The values by key.
        whole : bool
            Whether it has a legal value for each parameter.

        Returns
        -------
        tuple
            The values by leaf.

        Raises
        ------
        CodecError
            If it cannot be read, or lacks a value that a whole point has.
        """
        known = self.decode_partial(data)
        point = tuple(known.get(index, INACTIVE) for index in range(len(self.leaves)))
        if whole:
            for index, leaf in enumerate(self.leaves):
                active = leaf.parent < 0 or point[leaf.parent] == leaf.option
                if active is (point[index] is INACTIVE):
                    problem = "has no value" if active else "has a value, but is not active"
                    raise CodecError(f"{self.keys[index]}: {problem}")
                if active:
                    self._check(index, point[index])
        return point

    def decode_guess(self, data: Mapping[str, Any]) -> Partial:
        """The values of a guess that was written in this space.

        Raises
        ------
        CodecError
            If it cannot be read.
        """
        known = self.decode_partial(data)
        for index, value in known.items():
            self._check(index, value)
        return known

    def _check(self, index: int, value: Any) -> None:
        """Refuse a value that this space cannot have; coarse, since every line is checked."""
        param, key = self.leaves[index].param, self.keys[index]
        kept = not isinstance(value, Omitted)
        sound = _is_sound(param, value) if kept else key in self.large_keys
        if not sound:
            raise CodecError(f"{key}: {short(value)} is no value of {short(param)}")

    def decode_partial(self, data: Mapping[str, Any]) -> Partial:
        """The values that were written, by the index of their leaf."""
        unknown = data.keys() - self.index.keys()
        if unknown:
            raise CodecError(f"there is no parameter {short(min(unknown))}")
        return {self.index[key]: self.value(key, value) for key, value in data.items()}

    def value(self, key: str, data: Any) -> Any:
        """Read the value under a key.

        Raises
        ------
        CodecError
            If it cannot be read.
        """
        if type(data) is dict and "$omitted" in data:
            return from_json(data)
        try:
            return self._decoders[self.index[key]](data)
        except Exception as error:
            raise CodecError(f"{key}: cannot read {short(data)} ({error})") from error

    def probe(self) -> None:
        """Check with a draw that values of custom parameters and of choices can be written.

        Raises
        ------
        CodecError
            If one cannot be written, or not be read back.
        """
        for index, leaf in enumerate(self.leaves):
            param = leaf.param.item if isinstance(leaf.param, List) else leaf.param
            builtin = isinstance(param, Selector | Numeric | Choice | List)
            if builtin and not isinstance(param, Choice):
                continue
            rng = np.random.default_rng(0)
            for value in (leaf.param.start(rng), leaf.param.sample(rng)):
                try:
                    data = self._encoders[index](value)
                except Exception as error:
                    raise self._unwritable(self.keys[index], value, error) from error
                self.value(self.keys[index], data)

    def signature(self) -> list[dict[str, Any]]:
        """A description of the space for the file, with which a later space is compared."""
        return [_entry(key, leaf) for key, leaf in zip(self.keys, self.leaves, strict=True)]


def _entry(key: str, leaf: Leaf) -> dict[str, Any]:
    if isinstance(leaf.param, Described):
        return leaf.param.entry
    kind_and_text = {"kind": kind(leaf.param), "text": leaf.param.describe()}
    return {"key": key, **kind_and_text, **_options(leaf)}


def _options(leaf: Leaf) -> dict[str, list[str]]:
    """What the indices of a choice stand for: its options in full, and without parameters."""
    options = leaf.param.options if isinstance(leaf.param, Choice) else leaf.options
    if not options:
        return {}
    names = [_constants(option) for option in options]
    return {"options": [option_text(option) for option in options], "names": names}


def _constants(option: Any) -> str:
    """An option without the parameters in it, to recognize it when only these have changed."""
    if isinstance(option, Parameter):
        return "*"
    if isinstance(option, dict):
        constants = {key: _constants(value) for key, value in option.items()}
        return str({key: text for key, text in constants.items() if text != "*"})
    if isinstance(option, list | tuple):
        return str([_constants(value) for value in option])
    return option_text(option)


def kind(param: Parameter) -> str:
    """What kind of parameter it is; parameters of one kind can read each other's values."""
    if isinstance(param, Selector):
        return "choice"
    if isinstance(param, Choice):
        return "choice" if not param.nested else "choice as one value"
    if isinstance(param, Numeric):
        return "number" if param.shape is None else "array"
    if isinstance(param, List):
        return f"list of {kind(param.item)}"
    if isinstance(param, Custom):
        return "custom"
    return f"{type(param).__module__}.{type(param).__qualname__}"


def _is_sound(param: Parameter, value: Any) -> bool:
    """Whether a value is of the right kind, and of a number, whether it is within the bounds."""
    if isinstance(param, Numeric):
        if param.shape is not None:
            alike = value.shape == param.shape and value.dtype.kind == param.dtype.kind
            return alike and bool(np.isfinite(value).all())
        if not isinstance(value, int if param.dtype.kind == "i" else float):
            return False
        bounds = param.bounds
        if bounds is None or bounds.low is None:
            return math.isfinite(value)
        room = 1e-6 * max(abs(bounds.low), abs(bounds.high))
        return bool(bounds.low - room <= value <= bounds.high + room)
    if isinstance(param, List):
        lengths = param.min_length <= len(value) <= param.max_length
        return lengths and all(_is_sound(param.item, item) for item in value)
    return True


def fits(param: Parameter, value: Any) -> Any:
    """The value in its legal form, or ``INACTIVE`` if it is not legal any more."""
    if isinstance(value, Omitted):
        return value
    try:
        return param.check(value)
    except (CandidateError, TypeError, ValueError, OverflowError):
        return INACTIVE

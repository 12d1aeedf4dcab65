"""Reading points of a checkpoint into a space that has changed since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from pyhopper.errors import ArgumentError, short
from pyhopper.events import Event, Forgotten, Known, Queued, Started
from pyhopper.history.evaluation import FrozenOut, Misfit
from pyhopper.journal.codec import CodecError, PointCodec, fits, from_json
from pyhopper.parameters import (
    INACTIVE,
    MISSING,
    Omitted,
    Partial,
    Point,
    Selector,
    option_text,
)
from pyhopper.parameters.names import steps
from pyhopper.parameters.space import Space
from pyhopper.parameters.template import has_parameters, same

Signature = list[dict[str, Any]]


class SpaceReader:
    """Reads points that were written in a space which may have another signature.

    Parameters are recognized by their names, options by what they are rather than by their index.
    A parameter that is new gets its ``init``. A point that has a value which is not legal any more,
    or none for a new parameter without ``init``, becomes a
    :class:`~pyhopper.history.evaluation.Misfit`.

    Parameters
    ----------
    signature : list of dict
        What :meth:`PointCodec.signature` returned for the space in which they were written.
    codec : PointCodec
        That of the present space.
    template : dict
        That of the present space. A parameter in whose place it has a constant was frozen: a point
        with another value is a misfit.

    Attributes
    ----------
    same : bool
        Whether the space has not changed.

    Raises
    ------
    ArgumentError
        If values of a parameter cannot be read as the new kind.
    """

    def __init__(self, signature: Signature, codec: PointCodec, template: Any) -> None:
        self._codec = codec
        self._new = codec.signature()
        self._old = {entry["key"]: entry for entry in signature}
        self.same = signature == self._new
        self._old_key: list[str | None] = []
        self._options: list[dict[int, int]] = []
        for index, entry in enumerate(self._new):
            self._match(index, entry)
        self._gone = [each for key, each in self._old.items() if key not in self._old_key]
        self._frozen = {
            entry["key"]: constant
            for entry in self._gone
            if (constant := _constant_at(template, entry["key"].split("."))) is not MISSING
        }

    def _match(self, index: int, entry: dict[str, Any]) -> None:
        """Find the old parameter of a new one."""
        leaf = self._codec.leaves[index]
        key: str | None = entry["key"]
        if leaf.parent >= 0:
            parent = self._old_key[leaf.parent]
            back = {new: old for old, new in self._options[leaf.parent].items()}
            option = back.get(leaf.option)
            suffix = entry["key"][len(f"{self._codec.keys[leaf.parent]}[{leaf.option}]") :]
            key = None if parent is None or option is None else f"{parent}[{option}]{suffix}"
        if key not in self._old:
            key = None
        self._old_key.append(key)
        options = {}
        if key is not None:
            old = self._old[key]
            if old["kind"] != entry["kind"]:
                problem = (
                    f"was {_text(old)} in the checkpoint, whose values cannot be read as the new "
                    "kind; give the new parameter another name, or use another checkpoint_path"
                )
                raise ArgumentError(entry["key"], _text(entry), problem)
            options = _paired(old.get("names", []), entry.get("names", []))
        self._options.append(options)

    def point(self, data: dict[str, Any], whole: bool = True) -> Point:
        """Read a point.

        Parameters
        ----------
        data : dict
            The point as it was written.
        whole : bool
            Whether it has a legal value for each parameter.

        Raises
        ------
        CodecError
            If a value cannot be read.
        """
        if self.same:
            return self._codec.decode(data, whole)
        values: list[Any] = []
        fit = True
        frozen_out = not all(
            _is_value(self._old[key], data[key], constant)
            for key, constant in self._frozen.items()
            if key in data
        )
        for index, leaf in enumerate(self._codec.leaves):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values.append(INACTIVE)
                continue
            value, is_legal = self._value(index, data)
            fit = fit and is_legal
            values.append(value)
        if frozen_out:
            return FrozenOut(values)
        return tuple(values) if fit else Misfit(values)

    def _value(self, index: int, point: dict[str, Any]) -> tuple[Any, bool]:
        """A value for a leaf, and whether it is legal."""
        key, param = self._old_key[index], self._codec.leaves[index].param
        if key is None or key not in point:
            return (INACTIVE, False) if param.init is MISSING else (param.init, True)
        entry, old = self._new[index], self._old[key]
        data = point[key]
        if entry["kind"] == "choice" and type(data) is int:
            option = self._options[index].get(data)
            if option is None:
                return INACTIVE, False
            data = option
        elif "choice" in entry["kind"] and entry["text"] != old["text"]:
            # These values contain indices of options, which may stand for others by now.
            return INACTIVE, False
        value = self._codec.value(entry["key"], data)
        if isinstance(value, Omitted):
            is_kept = entry["key"] in self._codec.large_keys
            return value, is_kept and entry["text"] == old["text"]
        legal = fits(param, value)
        return (value, False) if legal is INACTIVE else (legal, True)

    def guess(self, data: dict[str, Any]) -> Partial:
        """Read a guess; empty if one of its values is not legal any more.

        Raises
        ------
        CodecError
            If a value cannot be read.
        """
        if self.same:
            return self._codec.decode_guess(data)
        guess: Partial = {}
        for index, key in enumerate(self._old_key):
            if key is None or key not in data:
                continue
            value, is_legal = self._value(index, data)
            if not is_legal:
                return {}
            guess[index] = value
        return guess

    def differences(self) -> list[str]:
        """What has changed, a line for each parameter."""
        lines = []
        for index, entry in enumerate(self._new):
            key = self._old_key[index]
            now = _text(entry)
            if key is None:
                param = self._codec.leaves[index].param
                known = param.init is not MISSING
                how = f"count with its init {param.init!r}" if known else "do not count: no init"
                if isinstance(param, Selector) and known:
                    how = "count with its init"
                lines.append(f"  + {entry['key']}: {now} (earlier evaluations {how})")
            elif (before := _text(self._old[key])) != now:
                lines.append(f"  ~ {entry['key']}: {before} -> {now}")
        for entry in self._gone:
            line = f"  - {entry['key']}: {_text(entry)}"
            if entry["key"] in self._frozen:
                line += f" -> always {short(self._frozen[entry['key']])}"
            lines.append(line)
        return lines or ["  the order of parameters or options"]


def mover(old: Space, new: Space) -> Callable[[Event], Event]:
    """A function that carries events over to a space that takes the place of another.

    Raises
    ------
    ArgumentError
        If values of a parameter cannot be read as the new kind.
    """
    codec = PointCodec(old.leaves)
    try:
        reader = SpaceReader(codec.signature(), PointCodec(new.leaves), new.template)
    except ArgumentError as error:
        problem = "the values so far are of another kind; use another name, or make a new Search"
        raise ArgumentError(error.argument, error.value, problem) from None

    def moved(point: Point) -> Point:
        if reader.same and isinstance(point, Misfit):
            return point
        now = reader.point(codec.encode(point))
        if isinstance(point, FrozenOut):
            return FrozenOut(now)
        if isinstance(now, Misfit) or any(isinstance(value, Omitted) for value in now):
            return now
        return now if new.allows(now) else Misfit(now)

    def move(event: Event) -> Event:
        if isinstance(event, Started | Known):
            point = moved(event.candidate.point)
            params = {} if isinstance(point, Misfit) else new.build(point)
            candidate = event.candidate._replace(point=point, params=params)
            return event._replace(candidate=candidate)
        if isinstance(event, Queued):
            return Queued(reader.guess(codec.encode_partial(event.guess)))
        if isinstance(event, Forgotten) and event.point is not None:
            return Forgotten(moved(event.point))
        return event

    return move


def _constant_at(template: Any, path: list[str]) -> Any:
    """The constant under a dotted name, split at its dots; ``MISSING`` if there is none."""
    if not path:
        return MISSING if has_parameters(template) else template
    found = (_constant_at(inner, rest) for inner, rest in steps(template, path))
    return next((each for each in found if each is not MISSING), MISSING)


def _is_value(entry: dict[str, Any], data: Any, constant: Any) -> bool:
    """Whether the value of a parameter, as it was written, is the one of a constant."""
    if "options" in entry and type(data) is int:
        options = entry["options"]
        return 0 <= data < len(options) and bool(options[data] == option_text(constant))
    try:
        return same(from_json(data), constant)
    except CodecError:
        return False


def _text(entry: dict[str, Any]) -> str:
    if entry["kind"] == "choice" and "options" in entry:
        return f"choice({', '.join(entry['options'])})"
    return str(entry["text"])


def _paired(old: list[str], new: list[str]) -> dict[int, int]:
    """The new index of an option by its old index; equal options stay in their order."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(new):
        indices[name].append(index)
    return {index: indices[name].pop(0) for index, name in enumerate(old) if indices[name]}

"""Spaces in files: YAML, TOML or JSON, with parameters in the grammar of :mod:`.grammar`.

``pyhopper template`` writes an example, see :mod:`.template`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.cli.grammar import is_expression, parse, pointed
from pyhopper.cli.kinds import KINDS, Switch
from pyhopper.errors import ArgumentError, PyhopperError, short
from pyhopper.extras import require, yaml_loader
from pyhopper.files import read_small
from pyhopper.parameters import Choice, List

_MOST_BYTES = 1 << 20
"""Most bytes of a file."""

_MOST_ENTRIES = 100_000
"""Most entries, since a few lines of YAML can stand for billions."""

_DEEPEST = 30
"""Levels of nesting."""

_KEYS = ("parameters", "constraints", "guesses")

_STRUCTURED = {
    "choice": ("is_ordinal", "weights", "init", "init_index"),
    "list": ("min_length", "max_length", "init"),
}
"""Kinds that may be written as a mapping, and its keys beside the kind."""


class SpaceFile(NamedTuple):
    """What a file says.

    Attributes
    ----------
    template : dict
        Parameters and constants.
    constraints : list of str
        Expressions.
    guesses : list of dict
        Values to try first.
    """

    template: dict[str, Any]
    constraints: list[str]
    guesses: list[dict[str, Any]]


def read_space(path: str, remarks: list[str]) -> SpaceFile:
    """Read a file.

    Parameters
    ----------
    path : str
        Of a file that ends in ``.yaml``, ``.yml``, ``.toml`` or ``.json``.
    remarks : list of str
        Sentences on what is legal but hardly meant are appended.

    Raises
    ------
    ArgumentError
        That names the file and the place in it.
    """
    data = _load(path)
    if not isinstance(data, dict) or not data:
        raise _error(path, "must have the key parameters, with a mapping below it")
    for key in data:
        if key not in _KEYS:
            raise _error(path, f"there is no key {short(key)}; {_meant(str(key), data)}")
    entries = data.get("parameters")
    if not isinstance(entries, dict) or not entries:
        raise _error(path, "parameters must be a mapping from names to parameters")
    template = _Entries(path, remarks).read(entries, "", 0)
    constraints = data.get("constraints") or []
    if not isinstance(constraints, list) or not all(isinstance(c, str) for c in constraints):
        raise _error(path, 'constraints must be a list of expressions such as "lr < 0.1"')
    guesses = data.get("guesses") or []
    if not isinstance(guesses, list) or not all(isinstance(g, dict) for g in guesses):
        raise _error(path, "guesses must be a list of mappings from names to values")
    return SpaceFile(template, constraints, guesses)


def _error(path: str, problem: str) -> ArgumentError:
    return ArgumentError("space", path, problem, f"{path}: {problem}")


def _meant(key: str, data: dict[Any, Any]) -> str:
    from difflib import get_close_matches

    if close := get_close_matches(key, _KEYS, 1, 0.6):
        return f"did you mean {close[0]}?"
    below = "" if "parameters" in data else ", and parameters stand below the first"
    return f"the keys are {', '.join(_KEYS)}{below}"


def _load(path: str) -> Any:
    kind = Path(path).suffix.lower()
    if kind not in (".yaml", ".yml", ".toml", ".json"):
        raise _error(path, "must end in .yaml, .toml or .json")
    try:
        text = read_small(Path(path).resolve(), _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _error(path, f"is not in UTF-8: byte {error.start}") from None
    load = {".toml": _toml, ".json": _json}.get(kind, _yaml)
    try:
        return load(path, text)
    except RecursionError:
        raise _error(path, "is nested too deep") from None


def _json(path: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _unique(path, pairs))
    except json.JSONDecodeError as error:
        raise _error(f"{path}, line {error.lineno}, column {error.colno}", error.msg) from None


def _unique(path: str, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _error(path, f"the key {short(key)} is there twice")
        found[key] = value
    return found


def _toml(path: str, text: str) -> Any:
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    try:
        toml = require(name, "cli", "TOML")
    except ImportError as error:
        raise _error(path, str(error)) from None
    try:
        return toml.loads(text)
    except toml.TOMLDecodeError as error:
        raise _error(path, str(error)) from None


def _yaml(path: str, text: str) -> Any:
    try:
        yaml = require("yaml", "cli", "YAML")
    except ImportError as error:
        raise _error(path, str(error)) from None

    class Loader(yaml_loader(yaml)):  # type: ignore[misc]
        """Refuses a key that is there twice."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [
                key.value if key.value == "<<" else self.construct_object(key, deep=True)
                for key, _ in node.value
            ]
            for place, key in enumerate(keys):
                # Several mappings may be merged into one by the key <<.
                if key != "<<" and isinstance(key, Hashable) and key in keys[:place]:
                    at = f"{path}, line {node.value[place][0].start_mark.line + 1}"
                    raise _error(at, f"the key {short(key)} is there twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = path if mark is None else f"{path}, line {mark.line + 1}, column {mark.column + 1}"
        problem = getattr(error, "problem", None) or str(error)
        raise _error(where, " ".join(str(problem).split())) from None
    except ValueError as error:  # a date that no calendar has
        raise _error(path, str(error)) from None


class _Entries:
    """Reads the entries of a template."""

    def __init__(self, path: str, remarks: list[str]) -> None:
        self._path = path
        self._remarks = remarks
        self._count = 0

    def _where(self, name: str) -> str:
        return f"{self._path}, {name}" if name else self._path

    def read(self, value: Any, name: str, depth: int) -> Any:
        """An entry, with parameters in place of their expressions."""
        self._count += 1
        where = self._where(name)
        if depth > _DEEPEST:
            raise _error(where, f"is nested more than {_DEEPEST} levels deep")
        if self._count > _MOST_ENTRIES:
            raise _error(self._path, f"has more than {_MOST_ENTRIES} entries")
        if isinstance(value, str):
            return self._text(value, where)
        if isinstance(value, dict):
            return self._mapping(value, name, depth)
        if isinstance(value, list):
            return [self.read(each, f"{name}[{i}]", depth + 1) for i, each in enumerate(value)]
        if value is None or isinstance(value, bool | int | float):
            return value
        raise _error(where, f"{short(value)} is no number, text, list or mapping; put it in quotes")

    def _text(self, text: str, where: str) -> Any:
        if text.startswith("\\") and re.match(r"\\\s*[A-Za-z_][\w.]*\s*\(", text):
            return text[1:]
        if not is_expression(text, where):
            return text
        value = parse(text, where, self._remarks)
        if isinstance(value, Switch):
            raise pointed(where, text, 0, "a switch stands in a command only; write bool()")
        return value

    def _mapping(self, value: dict[Any, Any], name: str, depth: int) -> Any:
        for kind in _STRUCTURED:
            if kind in value:
                return self._structured(kind, value, name, depth)
        entries = {}
        for key, inner in value.items():
            if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z_][\w-]*", key):
                problem = f"{short(key)} is no name: it needs letters, digits, _ and - only"
                raise _error(self._where(name), problem)
            entries[key] = self.read(inner, f"{name}.{key}" if name else key, depth + 1)
        return entries

    def _structured(self, kind: str, value: dict[Any, Any], name: str, depth: int) -> Any:
        where = self._where(name)
        for key in value:
            if key not in (kind, *_STRUCTURED[kind]):
                listed = ", ".join((kind, *_STRUCTURED[kind]))
                raise _error(where, f"a {kind} has no key {short(key)}; it has {listed}")
        more = {key: inner for key, inner in value.items() if key != kind}
        inside = value[kind]
        if kind == "choice" and not isinstance(inside, list):
            raise _error(where, "choice must have a list of options below it")
        read = self.read(inside, f"{name}.{kind}", depth + 1)
        if kind == "list" and "min_length" not in more:
            raise _error(where, f"min_length is missing; or write {KINDS['list'].example}")
        try:
            return Choice(*read, **more) if kind == "choice" else List(read, **more)
        except (PyhopperError, TypeError, ValueError) as error:
            raise _error(where, str(error)) from None

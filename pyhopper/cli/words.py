"""The words of a command: which of them stand for parameters, and what they are for a candidate.

A word is an argument of the command with placeholders: ``{lr}`` stands for the value of the
parameter ``lr``, ``{opt.lr}`` for one inside of ``opt``, and ``{amp?}`` after a flag says that the
flag is there if ``amp`` is true. ``{{lr}}`` is the text ``{lr}``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyhopper.cli.grammar import is_expression, parse, pointed
from pyhopper.cli.kinds import Switch
from pyhopper.errors import ArgumentError
from pyhopper.parameters import Choice
from pyhopper.parameters.names import look_up
from pyhopper.parameters.space import merge_dicts, nested

_NAME = r"[^\W\d][\w-]*(?:\.[\w-]+)*"

_PLACE = re.compile(
    rf"\{{(?P<text>\{{{_NAME}\??\}})\}}|(?<!\$)\{{(?P<name>{_NAME})(?P<flag>\?)?\}}"
)

_ASSIGNED = re.compile(r"(?P<flag>(?P<name>[^\s={}()'\"]+)=)(?P<text>.*)", re.DOTALL)

FILES = ("config", "config.json", "config.yaml", "config.toml")
"""Placeholders for a file with all values of a candidate."""

DIR = "dir"
"""The placeholder for the candidate's folder."""

_LONGEST_VARIABLE = 1 << 16
"""Most bytes of an environment variable. Linux starts no command where one has twice as many."""


class Parsed(NamedTuple):
    """A command whose expressions were replaced by placeholders.

    Attributes
    ----------
    words : tuple of str
        The words.
    template : dict
        The parameters that stood in them.
    """

    words: tuple[str, ...]
    template: dict[str, Any]


def parse_words(arguments: Sequence[str], remarks: list[str]) -> Parsed:
    """Find the expressions in the arguments of a command.

    The name of a parameter is that of the flag before it or of what is before ``=``, with ``_`` for
    ``-`` and all else that no name has; dots in it lead into nested dicts. Others are called
    ``arg1``, ``arg2`` and so on, by their place.

    Parameters
    ----------
    arguments : list of str
        As the shell gave them.
    remarks : list of str
        Sentences on what is legal but hardly meant are appended.

    Raises
    ------
    ArgumentError
        If an expression makes no sense.
    """
    words: list[str] = []
    found: dict[str, Any] = {}
    flag = ""
    for place, argument in enumerate(arguments):
        split = _ASSIGNED.fullmatch(argument)
        before, text, name = (
            ("", argument, flag)
            if split is None
            else (
                split["flag"],
                split["text"],
                split["name"],
            )
        )
        where = f"{before.rstrip('=')}" if before else (flag or f"argument {place}")
        if text.startswith("\\") and re.match(r"\\\s*[A-Za-z_][\w.]*\s*\(", text):
            words.append(before + text[1:])
        elif is_expression(text, where):
            value = parse(text, where, remarks)
            # What stands for a file or folder cannot be called otherwise.
            name = _free_name(_name_of(name) or f"arg{place}", {*found, *FILES, DIR})
            found[name] = value
            words.append(f"{before}{{{name}{'?' if isinstance(value, Switch) else ''}}}")
            flag = "" if before else flag  # for a second expression behind it
            continue
        else:
            words.append(argument)
        flag = argument if argument.startswith("-") and "=" not in argument else ""
    _check_switches(words)
    return Parsed(tuple(words), merged(nested(*each) for each in found.items()))


def merged(templates: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Templates as one.

    Raises
    ------
    ArgumentError
        If a name is in two of them.
    """
    try:
        return merge_dicts(*templates)
    except ArgumentError as error:
        problem = f"{error.argument} is defined twice: in the command, the file or by --param"
        raise ArgumentError("parameters", error.value, "", problem) from None


def _name_of(flag: str) -> str:
    """The name of a parameter after its flag, such as ``--lr`` or ``model/layers[0].size``."""
    parts = [re.sub(r"\W", "_", part) for part in flag.lstrip("-+~").split(".")]
    name = ".".join(part for part in parts if part)
    return f"_{name}" if name[:1].isdigit() else name


def _free_name(name: str, taken: Container[str]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


def _check_switches(words: Sequence[str]) -> None:
    for before, word in zip(("", *words), words, strict=False):
        for found in _PLACE.finditer(word):
            if found["flag"] and (found[0] != word or not _is_flag(before)):
                problem = "a switch must follow its flag, as in: --amp 'switch()'"
                raise pointed("the command", word, found.start(), problem)


def _is_flag(word: str) -> bool:
    return word.startswith("-") and "=" not in word and not _PLACE.search(word)


def places(words: Iterable[str]) -> list[str]:
    """The names in the placeholders of words, each once."""
    found = (each["name"] for word in words for each in _PLACE.finditer(word))
    return list(dict.fromkeys(name for name in found if name))


def check_places(words: Sequence[str], names: Sequence[str]) -> None:
    """Refuse placeholders that nothing stands for.

    Parameters
    ----------
    words : list of str
        The words of a command, or others with placeholders.
    names : list of str
        The dotted names of parameters and constants.

    Raises
    ------
    ArgumentError
        That points at the placeholder.
    """
    from difflib import get_close_matches

    for word in words:
        for found in _PLACE.finditer(word):
            name = found["name"]
            special = name in (*FILES, DIR)
            if name is None or special is not (name in names):
                continue
            problem = f"{{{name}}} has no parameter"
            if special:
                problem = f"{{{name}}} is a file or folder, and there is a parameter {name} too"
                hint = "; rename the parameter"
            elif close := get_close_matches(name, names, 1, 0.6):
                hint = f"; did you mean {{{close[0]}}}?"
            else:
                listed = ", ".join(names[:20]) or "none"
                hint = f"; there are {listed} (the text itself is written {{{{{name}}}}})"
            raise pointed("the command", word, found.start(), problem + hint)


def filled(
    words: Sequence[str], params: Mapping[str, Any], files: Callable[[str], str]
) -> list[str]:
    """The arguments of a command for a candidate.

    A word that is a placeholder alone becomes one argument for each item of a list. Where a value
    is None, or the candidate does not have it, the word is left out, with the flag before it.

    Parameters
    ----------
    words : list of str
        The words.
    params : dict
        The candidate.
    files : callable
        Returns the path for a placeholder of :data:`FILES` or :data:`DIR`.
    """
    arguments: list[str] = []
    is_flag = False
    for word in words:
        whole = _PLACE.fullmatch(word)
        if whole is None or whole["name"] is None or whole["name"] in (*FILES, DIR):
            text = _replaced(word, params, files)
            arguments += [] if text is None else [text]
        else:
            value = plain(look_up(params, whole["name"].split(".")))
            if value is None or (whole["flag"] and not value):
                arguments = arguments[:-1] if is_flag else arguments
            elif not whole["flag"]:
                arguments += _texts(value)
        is_flag = _is_flag(word)
    return arguments


def _replaced(word: str, params: Mapping[str, Any], files: Callable[[str], str]) -> str | None:
    """A word with its values; None if one of them is missing."""
    missing = False

    def text(found: re.Match[str]) -> str:
        nonlocal missing
        name = found["name"]
        if name is None:
            return found["text"]
        if name in (*FILES, DIR):
            return files(name)
        value = plain(look_up(params, name.split(".")))
        missing |= value is None
        return ",".join(_texts(value))

    replaced = _PLACE.sub(text, word)
    return None if missing else replaced


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> list[str]:
    """A value as arguments: several for a list of plain values."""
    if isinstance(value, list) and not any(isinstance(each, list | dict) for each in value):
        return [as_text(each) for each in value]
    return [as_text(value)]


def as_text(value: Any) -> str:
    """A value as text: what is no plain value is JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def variables(params: Mapping[str, Any], name: str = "PYHOPPER_PARAM") -> dict[str, str]:
    """The values of a candidate as environment variables; what is None or long has none.

    Nested names are joined by ``_``; a list is JSON.
    """
    found: dict[str, str] = {}
    for key, inner in params.items():
        variable = f"{name}_{re.sub(r'[^A-Z0-9]', '_', str(key).upper())}"
        value = plain(inner)
        if isinstance(value, dict):
            found.update(variables(value, variable))
        elif (
            value is not None
            and len((text := as_text(value)).encode(errors="replace")) <= _LONGEST_VARIABLE
        ):
            found[variable] = text
    return found


def names_of(value: Any, name: str = "") -> Iterator[str]:
    """The dotted names of parameters and constants in a template, those inside of options too."""
    if name:
        yield name
    if isinstance(value, Choice):
        for option in value.options:
            yield from names_of(option, name)
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from names_of(inner, f"{name}.{key}" if name else str(key))


def check_variables(names: Iterable[str]) -> None:
    """Refuse names of which the environment variables would be the same."""
    taken: dict[str, str] = {}
    for name in names:
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
        if taken.setdefault(variable, name) != name:
            problem = (
                f"and {name} have the same environment variable, PYHOPPER_PARAM_{variable}; "
                "rename one"
            )
            raise ArgumentError(taken[variable], name, problem, f"{taken[variable]} {problem}")


def shown(arguments: Sequence[str]) -> str:
    """A command as it is typed into a shell."""
    import shlex
    import subprocess

    if os.name == "nt":
        return subprocess.list2cmdline(arguments)
    return shlex.join(arguments)

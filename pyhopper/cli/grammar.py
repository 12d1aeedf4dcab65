"""The small grammar for parameters on a command line and in files.

::

    value  = number | string | "true" | "false" | "none" | list | dict | call
    list   = "[" [value {"," value}] "]"
    dict   = "{" [string ":" value {"," string ":" value}] "}"
    call   = kind "(" [argument {"," argument}] ")"
    argument = [name "="] value

A kind is one of :data:`~pyhopper.cli.kinds.KINDS`; there is nothing else to call, so that a text
from anybody can be read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyhopper.cli.kinds import KINDS, Kind, bare, close_kinds, known_elsewhere, unknown
from pyhopper.errors import ArgumentError, PyhopperError
from pyhopper.parameters import Parameter

_DEEPEST = 30
"""Levels of brackets."""

_LONGEST = 100_000
"""Most characters of an expression."""

_SHOWN = 70
"""Most characters of an expression in a message."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<name>[A-Za-z_][\w.]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>[()\[\]{},:=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_CALL = re.compile(r"\s*([A-Za-z_][\w.]*)\s*\(")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BOUNDS = {"lb": "its bounds are", "ub": "the upper bound is"}
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_WORDS = {"true": True, "false": False, "none": None, "null": None}


def pointed(where: str, text: str, position: int, problem: str) -> ArgumentError:
    """An error that shows the text, and the place in it by a caret.

    Parameters
    ----------
    where : str
        Where the text stands: an option, or a file and a name in it.
    text : str
        The text.
    position : int
        Of the character that is wrong, from 0.
    problem : str
        What is wrong with it.
    """
    begin = max(0, min(position - _SHOWN // 2, len(text) - _SHOWN))
    end = begin + _SHOWN
    before, after = "..." if begin else "", "..." if end < len(text) else ""
    line = "".join(" " if each.isspace() else each for each in text[begin:end])
    caret = " " * (len(before) + position - begin)
    sentence = f"{where}: {problem}\n  {before}{line}{after}\n  {caret}^"
    return ArgumentError(where, text, problem, sentence)


def is_expression(text: str, where: str) -> bool:
    """Whether a text is meant as a parameter.

    Raises
    ------
    ArgumentError
        If it calls what looks like a misspelt kind.
    """
    found = _CALL.match(text)
    if found is None:
        return False
    name = bare(found[1])
    if name in KINDS:
        return True
    if found[1] != name or name.lower() in KINDS or close_kinds(name) or known_elsewhere(name):
        problem = f"{unknown(name)} (a backslash before it passes the text itself)"
        raise pointed(where, text, found.start(1), problem)
    return False


def parse(text: str, where: str, remarks: list[str] | None = None) -> Any:
    """What an expression stands for: a value, which may be or hold parameters.

    Parameters
    ----------
    text : str
        The expression.
    where : str
        Where it stands, for messages.
    remarks : list of str, optional
        A sentence is appended for each thing that is legal but hardly meant.

    Raises
    ------
    ArgumentError
        That points at the character which is wrong.
    """
    if len(text) > _LONGEST:
        raise pointed(where, text, 0, f"is longer than {_LONGEST} characters")
    return _Parser(text, where, [] if remarks is None else remarks).whole()


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class _Parser:
    """Recursive descent over the tokens of a text."""

    def __init__(self, text: str, where: str, remarks: list[str]) -> None:
        self._text = text
        self._where = where
        self._remarks = remarks
        self._depth = 0
        self._tokens = list(self._tokenized())
        self._at = 0

    def _error(self, position: int, problem: str) -> ArgumentError:
        return pointed(self._where, self._text, position, problem)

    def _tokenized(self) -> Iterator[_Token]:
        text, position = self._text, 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                raise self._error(start, self._untokenized(text[start:]))
            kind = str(found.lastgroup)
            yield _Token(kind, found[kind], found.start(kind))
            position = found.end()
        yield _Token("end", "", len(text))

    @staticmethod
    def _untokenized(rest: str) -> str:
        if rest[0] in "\"'":
            return "this quote is not closed"
        if rest[0].isdigit() or rest[:2].strip("+-.").isdigit():
            return "this is no number"
        return f"{rest[0]!r} cannot stand here"

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._now
        self._at += token.kind != "end"
        return token

    def _takes(self, sign: str) -> bool:
        found = self._now.kind == "sign" and self._now.text == sign
        self._at += found
        return found

    def whole(self) -> Any:
        """The value of the whole text."""
        value = self._value()
        if self._now.kind != "end":
            raise self._error(self._now.start, "the expression has ended before this")
        return value

    def _value(self) -> Any:
        token = self._next()
        if token.kind == "string":
            return self._string(token)
        if token.kind == "number":
            return float(token.text) if set(token.text) & set(".eE") else self._integer(token)
        if token.kind == "name":
            return self._named(token)
        if token.kind == "sign" and token.text in "[{":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._error(token.start, "this is nested too deep")
            inside = self._items(token) if token.text == "[" else self._entries(token)
            self._depth -= 1
            return inside
        problem = "a value is missing here"
        raise self._error(token.start, problem if token.text in "),]}:" else "no value")

    def _integer(self, token: _Token) -> int:
        if len(token.text) > 30:
            raise self._error(token.start, "this has too many digits")
        return int(token.text)

    def _string(self, token: _Token) -> str:
        def unescaped(found: re.Match[str]) -> str:
            code = found[1]
            if code[0] == "u" and len(code) > 1:
                return chr(int(code[1:], 16))
            if code not in "\\\"'/ntr":
                position = token.start + 1 + found.start()
                problem = r"there are only the escapes \n, \t, \r, \uXXXX, \" and \\"
                raise self._error(position, problem)
            return _ESCAPED.get(code, code)

        return _ESCAPE.sub(unescaped, token.text[1:-1])

    def _named(self, token: _Token) -> Any:
        if self._now.kind == "sign" and self._now.text == "(":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._error(token.start, "this is nested too deep")
            value = self._call(token)
            self._depth -= 1
            return value
        if token.text.lower() in _WORDS:
            return _WORDS[token.text.lower()]
        if bare(token.text) in KINDS:
            raise self._error(
                token.start, f"brackets are missing: {KINDS[bare(token.text)].example}"
            )
        raise self._error(token.start, f'text needs quotes: "{token.text}"')

    def _separated(self, end: str, opened: _Token) -> Iterator[_Token]:
        """The first token of each item up to a closing bracket."""
        if self._takes(end):
            return
        while True:
            yield self._now
            if self._takes(end):
                return
            if not self._takes(","):
                token = self._now
                if token.kind == "end":
                    problem = f'this "{opened.text}" is not closed by a "{end}"'
                    raise self._error(opened.start, problem)
                raise self._error(token.start, f'a comma or "{end}" is missing before this')
            if self._now.text == end:
                raise self._error(self._now.start, "a value is missing here")

    def _items(self, opened: _Token) -> list[Any]:
        return [self._value() for _ in self._separated("]", opened)]

    def _entries(self, opened: _Token) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for token in self._separated("}", opened):
            if self._next().kind != "string":
                raise self._error(token.start, "a key needs quotes")
            key = self._string(token)
            if not self._takes(":"):
                raise self._error(self._now.start, "a colon is missing after the key")
            if key in entries:
                raise self._error(token.start, "this key is there twice")
            entries[key] = self._value()
        return entries

    def _call(self, token: _Token) -> Any:
        name, opened = bare(token.text), self._next()
        kind = KINDS.get(name)
        if kind is None:
            raise self._error(token.start, unknown(name))
        places: dict[str, int] = {}
        given: list[Any] = []
        named: dict[str, Any] = {}
        for first in self._separated(")", opened):
            after = self._tokens[self._at + 1] if first.kind == "name" else first
            if first.kind == "name" and after.text == "=":
                self._at += 2
                self._check_keyword(kind, name, first, places)
                named[first.text] = self._value()
                places[first.text] = first.start
                continue
            if named:
                raise self._error(first.start, "what has no name must come before what has one")
            if not kind.open and len(given) == len(kind.names):
                raise self._error(first.start, f"this is one argument too many: {kind.example}")
            if not kind.open:
                places[kind.names[len(given)]] = first.start
            given.append(self._value())
        missing = [each for each in kind.names[: kind.required] if each not in places]
        if missing or (kind.open and not given):
            what = _BOUNDS.get("".join(missing[:1]), "something is")
            problem = f"{what} missing: {kind.example}"
            raise self._error(token.start, problem)
        return self._made(kind, token, (given, named), places)

    def _check_keyword(self, kind: Kind, name: str, token: _Token, places: dict[str, int]) -> None:
        known = (*kind.names, *kind.keywords)
        if token.text not in known:
            problem = f"{name} has no argument {token.text}; it has {', '.join(known)}"
            raise self._error(token.start, problem)
        if token.text in places:
            raise self._error(token.start, f"{token.text} is there twice")

    def _made(self, kind: Kind, token: _Token, arguments: Any, places: dict[str, int]) -> Any:
        given, named = arguments
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                made: Parameter = kind.make(*given, **named)
            except ArgumentError as error:
                place = places.get(error.argument, token.start)
                raise self._error(place, str(error)) from None
            except (PyhopperError, ValueError, TypeError, OverflowError, MemoryError) as error:
                raise self._error(token.start, str(error) or "makes no sense") from None
        self._remarks += [f"{self._where}: {each.message}" for each in caught]
        return made

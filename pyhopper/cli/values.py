"""The value of a command: what it prints, or writes to a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pyhopper.errors import ArgumentError, CommandError, short
from pyhopper.files import read_small

_STEPS = ("step", "epoch")
"""A JSON object with one of these keys is an estimate on the way."""

_LONGEST = 1 << 20
"""Most bytes of a line, of an object over several lines, and of a file."""

_NUMBER = re.compile(
    r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE
)

_LISTED = 10
"""Most keys that a message lists."""

_METRICS = 50
"""Most entries beside the value that are kept."""


class Source(NamedTuple):
    """Where the value of a command comes from; by default, from what it prints last.

    Attributes
    ----------
    key : str
        Of a JSON object. By default ``value``, or the only key with a number.
    pattern : str
        A regular expression for a script's log. Its group ``value``, or else the first group that
        has something, is a number; each match is an estimate, and the last one the value.
    file : str
        A file that the command writes, with a number or a JSON object in it. May have placeholders.
    """

    key: str = ""
    pattern: str = ""
    file: str = ""

    def check(self) -> None:
        """Raise an ArgumentError if it makes no sense."""
        if self.pattern and (self.key or self.file):
            other = "--value" if self.key else "--value-file"
            problem = f"cannot be combined with {other}; leave one out"
            raise ArgumentError("value_regex", self.pattern, problem)
        if self.pattern:
            try:
                groups = re.compile(self.pattern).groups
            except (re.error, RecursionError, OverflowError) as error:
                problem = f"is no regular expression: {error}"
                raise ArgumentError("value_regex", self.pattern, problem) from None
            if not groups:
                problem = "needs brackets around the number, as in 'acc=([0-9.]+)'"
                raise ArgumentError("value_regex", self.pattern, problem)

    @property
    def text(self) -> str:
        """What it is, for a name; empty if nothing was chosen."""
        return ", ".join(each for each in self if each)


class Found(NamedTuple):
    """A value, or an estimate on the way to it.

    Attributes
    ----------
    result : float or dict
        As an objective returns it.
    is_estimate : bool
        Whether it is one on the way.
    """

    result: Any
    is_estimate: bool


class Reader:
    """Looks for values in the lines of one run.

    Parameters
    ----------
    source : Source
        What to look for.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pattern = re.compile(source.pattern) if source.pattern else None
        self._last: Found | None = None
        self._unfit = ""
        """Why the last JSON object has no value."""
        self._open: list[str] = []
        """The lines so far of an object that stands on several."""
        self._size = 0

    def estimates(self, line: str) -> Iterator[Any]:
        """Take a line of output; the estimates in it."""
        if self._pattern is not None:
            for match in self._pattern.finditer(line):
                self._last = Found(_matched(match), True)
                yield self._last.result
        elif not self._source.file and (found := self._read(line)) is not None:
            self._last = found
            if found.is_estimate:
                yield found.result

    def _read(self, line: str) -> Found | None:
        """The value in a line, or in an object of which it is the last."""
        if self._open and line[:1] not in (" ", "\t", "}", "{"):
            self._open = []  # it was none
        if line.startswith("{") or self._open:
            self._open = [line] if line.startswith("{") else [*self._open, line]
            self._size = len(line) + (0 if line.startswith("{") else self._size)
            if self._size > _LONGEST:
                self._open = []
            elif line.rstrip().endswith("}") and (line[0] in "{}"):
                text, self._open = "\n".join(self._open), []
                return self._object(text)
            return None
        text = line.strip()
        # A number has no key, so it is not what was asked for by one.
        if self._source.key or len(text) > 400 or not _NUMBER.fullmatch(text):
            return None
        return Found(float(text), False)

    def _object(self, text: str) -> Found | None:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict):
            return None
        try:
            result = self._entries(data)
        except CommandError as error:
            self._unfit = str(error)
            return None
        return Found(result, any(key in data for key in _STEPS))

    def _entries(self, data: dict[str, Any]) -> Any:
        """An object as an objective returns it.

        Raises
        ------
        CommandError
            If there is no such number in it.
        """
        numbers = [k for k, v in data.items() if _is_number(v) and k not in _STEPS]
        key = self._source.key or "value"
        if not self._source.key and key not in data and len(numbers) == 1:
            key = numbers[0]
        if key not in data:
            listed = ", ".join(str(each)[:40] for each in list(data)[:_LISTED]) or "no keys"
            hint = "" if self._source.key else "; --value KEY says which one counts"
            problem = f'the last JSON object has no key "{key}", it has {listed}{hint}'
            raise CommandError(f"no value: {problem}")
        value = data[key]
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        if not _is_number(value):
            raise CommandError(f'no value: "{key}" is {short(value)}, which is no number')
        plain = {k: v for k, v in data.items() if v is None or isinstance(v, str | int | float)}
        plain.pop(key, None)
        more = dict(list(plain.items())[:_METRICS])
        return {**more, "value": value} if more else value

    def result(self, file: Path | None = None, before: object = None) -> Any:
        """The value, after the command has ended.

        Parameters
        ----------
        file : Path, optional
            The file that it was to write.
        before : object
            What :func:`state_of` told of it when the command started.

        Raises
        ------
        CommandError
            If there is none, with what was looked for.
        """
        if file is not None:
            return self._in_file(file, before)
        if self._last is not None:
            return self._last.result
        if self._unfit:
            raise CommandError(self._unfit)
        raise CommandError(f"no value: {self._looked_for()}")

    def _looked_for(self) -> str:
        source = self._source
        if source.pattern:
            return f"nothing in its output matches --value-regex {source.pattern!r}"
        if source.key:
            return f'it printed no JSON object with the key "{source.key}" (--value)'
        return (
            "it printed no line that is a number or a JSON object (see --value, --value-regex "
            "and --value-file)"
        )

    def _in_file(self, file: Path, before: object) -> Any:
        now = state_of(file)
        if now is None or now == before:
            problem = "does not exist" if now is None else "was not written by it"
            raise CommandError(f"no value: {file} {problem} (--value-file)")
        try:
            text = read_small(file, _LONGEST).decode("utf-8", "replace").strip()
            data = json.loads(text) if text.startswith("{") else text
        except (OSError, ValueError, RecursionError) as error:
            raise CommandError(f"no value: {file} cannot be read: {error}") from None
        if isinstance(data, dict):
            return self._entries(data)
        if not _NUMBER.fullmatch(text[-400:]):
            raise CommandError(f"no value: {file} has {short(text)}, which is no number")
        return float(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _matched(match: re.Match[str]) -> float:
    named = match.groupdict()
    # Of alternatives, as in a=(\d+)|b=(\d+), only one group has something.
    groups = [named["value"]] if "value" in named else match.groups()
    text = next((each for each in groups if each is not None), "")
    try:
        return float(text.rstrip("."))  # [0-9.]+ takes the end of a sentence, too
    except ValueError:
        problem = f"--value-regex found {short(text)}, which is no number, in {short(match[0])}"
        raise CommandError(f"no value: {problem}") from None


def state_of(path: Path) -> object:
    """What tells that a file was written again; None if there is none."""
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino

"""What the command line prints, and its errors in the words of its options."""

from __future__ import annotations

import re
import sys

from pyhopper.display.text import printable


def say(text: str) -> None:
    """Print what a person reads, also of a checkpoint that somebody else has made."""
    write_out(printable(text))


def write_out(text: str) -> None:
    """Print text as it is."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201


def put(text: str) -> None:
    """Write text with what moves the cursor, at once."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print what does not belong to the output."""
    print(printable(text, sys.stderr), file=sys.stderr)  # noqa: T201


_OPTIONS = {
    "runtime, steps, endless_mode": "--runtime, --steps, --endless",
    "endless_mode": "--endless",
    "overwrite_checkpoint": "--overwrite",
    "checkpoint_path": "--checkpoint",
    'stop["patience"]': "--patience",
    'stop["value"]': "--target",
    "n_jobs": "--n-jobs",
    "ignore_nans": "--ignore-nans",
    "on_error": "--on-error",
    "work_dir": "--work-dir",
    "value_regex": "--value-regex",
    "value_file": "--value-file",
    "runtime": "--runtime",
    "steps": "--steps",
    "targets": "--pick",
    "timeout": "--timeout",
    "deadline": "--deadline",
    "resume": "--resume",
    "seed": "--seed",
    "output": "--output",
    "program": "the program",
}
"""Options by the names of the arguments of ``Search.run``."""

_RECOVER = "the option --recover of show, best, export, report and replay"

_CALLS = {
    # A constraint may stand in a file, too.
    "a constraint of Search.constrain": "a constraint",
    ", and search.run(..., checkpoint_path=...) with another path goes on from them": "",
    "search.load(path, recover=True)": _RECOVER,
}
"""Calls in Python by what the command line has instead of them."""

_ARGUMENT = re.compile(
    rf"(?<![-\w.])(?P<name>{'|'.join(map(re.escape, _OPTIONS))})"
    r"""(?:(?P<set>=True)|(?P<value>=)(?=\S)(?:["'](?P<text>[\w./:-]+)["'])?)?(?![\w(])"""
)


def as_options(text: str) -> str:
    """A message of the library in the words of the command line: ``--steps 5`` for ``steps=5``."""

    def option(found: re.Match[str]) -> str:
        name = found["name"]
        # Without a value after it, it may well be a word of the sentence.
        if not found["set"] and not found["value"] and "_" not in name:
            return found[0]
        return _OPTIONS[name] + (f" {found['text'] or ''}" if found["value"] else "")

    for call, words in _CALLS.items():
        text = text.replace(call, words)
    return _ARGUMENT.sub(option, text)

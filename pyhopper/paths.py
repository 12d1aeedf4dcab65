"""Paths that users give."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from pyhopper.errors import ArgumentError


def read_path(argument: str, value: Any, kind: str = "file or folder") -> Path:
    """A path as the user gave it, with ``~`` replaced, whether or not it exists.

    Parameters
    ----------
    argument : str
        Its name, for messages.
    value : str or path-like
        What was given.
    kind : str
        What it should be the path of, for messages.

    Raises
    ------
    ArgumentError
        If there can be no such path.
    """
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise ArgumentError(argument, value, f"must be the path of a {kind}")
    try:
        path = Path(value).expanduser()
        path.lstat()
    except TypeError:  # a path of bytes
        raise ArgumentError(argument, value, f"must be the path of a {kind}, as text") from None
    except RuntimeError:
        problem = "there is no such user; write ./ before a name that begins with ~"
        raise ArgumentError(argument, value, problem) from None
    except ValueError:  # a zero byte, or half of a character
        raise ArgumentError(argument, value, "has a character that no path can have") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ArgumentError(argument, value, "is too long for a path") from None
    return path

"""Processes that the user's functions fork: they never carry on the search."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import Any


def end_in_child_of(pid: int, error: BaseException | None = None) -> None:
    """End this process if it is not the one with this id, but was forked by the user's code.

    The search goes on in the parent; in the child, where that code has come back too, it must not.
    Nothing is cleaned up, since everything belongs to the parent.

    Parameters
    ----------
    pid : int
        The process in which the user's code was called.
    error : BaseException, optional
        What it has raised. As in any program, this decides on the exit code.
    """
    if os.getpid() == pid:
        return
    code: Any = 0 if error is None else 1
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        code = error.code or 0
    elif error is not None:
        with contextlib.suppress(Exception):
            traceback.print_exception(error)
            sys.stderr.flush()
    os._exit(code & 0xFF)

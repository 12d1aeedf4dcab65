"""Packages that only some users need, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any


def require(package: str, extra: str, user: str) -> Any:
    """Import an optional package, which ``pip install "pyhopper[extra]"`` installs.

    Parameters
    ----------
    package : str
        The package.
    extra : str
        The extra of pyhopper that has it.
    user : str
        What needs it, as the subject of a sentence.

    Raises
    ------
    ImportError
        If it is not installed; the message has the command.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        text = f'{user} needs the package {package}; run: pip install "pyhopper[{extra}]"'
        raise ImportError(text) from error

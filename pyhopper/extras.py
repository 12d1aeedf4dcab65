"""Packages that only some users need, imported where they are used."""

from __future__ import annotations

import importlib
import re
from typing import Any


def require(package: str, extra: str, user: str) -> Any:
    """Import an optional package, which ``pip install "pyhopper[extra]"`` installs.

    Parameters
    ----------
    package : str
        The module to import, of the package of that name.
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
        name = package.partition(".")[0]
        text = f'{user} needs the package {name}; run: pip install "pyhopper[{extra}]"'
        raise ImportError(text) from error


def yaml_loader(yaml: Any) -> Any:
    """A safe loader of the package PyYAML that takes 1e-5 for a number, as YAML 1.2 does.

    PyYAML follows YAML 1.1, by which a number has a dot.
    """

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    number = re.compile(r"[-+]?[0-9]+([.][0-9]*)?[eE][-+]?[0-9]+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    return Loader

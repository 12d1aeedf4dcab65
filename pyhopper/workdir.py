"""A folder for each candidate, for the files that its objective writes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, short
from pyhopper.events import Candidate, Outcome
from pyhopper.files import beside, read_path, read_small, write_whole
from pyhopper.history.evaluation import Evaluation
from pyhopper.parameters import constants
from pyhopper.parameters.space import Space

_LARGE = 2000
"""Constants of more characters stand once in the folder instead of in each candidate's."""

_MOST_BITS = 10_000
"""Longer integers cannot be read back everywhere."""

_DEEPEST = 100
"""So many levels of lists and dicts are written; what is below is shown as text."""


class WorkDir:
    """The folder in which each candidate has one: ``00037`` for candidate 37.

    ``best`` is a link to the folder of the best candidate. A candidate that runs again, after an
    interruption, finds its folder as it was. Where something cannot be written, there is a warning,
    and the search goes on.

    Parameters
    ----------
    path : str or path-like
        The folder. It is created if it does not exist.

    Raises
    ------
    ArgumentError
        If it cannot be created.
    """

    def __init__(self, path: Any) -> None:
        self.path = read_path("work_dir", path, "folder").absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArgumentError("work_dir", path, f"cannot be created: {error.strerror}") from None
        self._space: Space | None = None
        self._shared: dict[int, tuple[Any, str]] = {}
        self._warned = False

    def share(self, space: Space) -> None:
        """Make known where candidates come from, so that large constants are written once."""
        self._space = space
        self._shared.clear()
        for constant in constants(space.root):
            text = json.dumps(plain(constant), indent=2)
            if len(text) > _LARGE:
                name = f"{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.json"
                # With the object itself, so that its id stays its own.
                self._shared[id(constant)] = constant, name
                self._try(self._write_shared, self.path / "constants" / name, text)

    def _write_shared(self, path: Path, text: str) -> None:
        if not path.exists():
            write_whole(path, f"{text}\n".encode(), durable=False)

    def folder(self, candidate_id: int) -> Path:
        """The path of a candidate's folder, which need not exist yet."""
        return self.path / f"{candidate_id:05d}"

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """Create a candidate's folder and write its params to ``config.json``."""
        folder = self.folder(candidate.id)
        params = candidate.params
        if self._space is not None:
            # With the constants themselves, of which the objective has got copies.
            params = self._space.build(candidate.point, shared=True)
        self._try(_write_json, folder / "config.json", plain(params, self._shared))

    def ended(self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None) -> None:
        """Write how an evaluation ended to ``value.json``; ``best`` leads to a new best one."""
        if evaluation.id < 0:
            return
        result: dict[str, Any] = {"status": evaluation.status.value}
        result["value"] = None if math.isnan(evaluation.value) else evaluation.value
        result["seconds"] = evaluation.seconds
        result.update({"metrics": plain(evaluation.metrics)} if evaluation.metrics else {})
        result.update({"estimates": list(evaluation.estimates)} if evaluation.estimates else {})
        result.update({"reason": evaluation.reason} if evaluation.reason else {})
        result.update({"details": outcome.details} if outcome.details else {})
        folder = self.folder(evaluation.id)
        self._try(_write_json, folder / "value.json", result)
        if new_best is not None:
            self._try(self._link, folder.name)

    def _try(self, write: Callable[..., None], *arguments: Any) -> None:
        """Write something; the first time that this fails there is a warning."""
        try:
            write(*arguments)
        except OSError as error:
            if not self._warned:
                self._warned = True
                problem = f"cannot be written to: {error.strerror} ({error.filename})"
                text = f"work_dir={str(self.path)!r} {problem}. The search goes on."
                warnings.warn(text, RuntimeWarning, 3)

    def _link(self, name: str) -> None:
        """Make ``best`` a link to a folder, or, where there are no links, a file with its name."""
        best = self.path / "best"
        new = beside(best, "new")
        if not best.is_symlink() and best.exists():
            with contextlib.suppress(OSError):
                if re.fullmatch(rb"[0-9]+\n", read_small(best, 100)):
                    best.unlink()
            if best.exists():
                raise FileExistsError(errno.EEXIST, "it is none that was made here", str(best))
        try:
            new.symlink_to(name, target_is_directory=True)
        except OSError:
            new.write_text(f"{name}\n", encoding="utf-8")
        # Replaced in one step, so that there is a ``best`` at every moment.
        new.replace(best)


def _write_json(path: Path, data: Any) -> None:
    write_whole(path, f"{json.dumps(data, indent=2)}\n".encode(), durable=False)


def plain(
    value: Any, shared: Mapping[int, tuple[Any, str]] | None = None, inside: tuple[int, ...] = ()
) -> Any:
    """A value as JSON has it: what JSON does not have becomes a list, or its ``repr``.

    Parameters
    ----------
    value : object
        Any value.
    shared : dict, optional
        By their id, objects that stand in files of their own, with the names of these.
    inside : tuple of int
        The ids of the containers in which it is; none by default.
    """
    if shared and id(value) in shared:
        return {"$ref": f"../constants/{shared[id(value)][1]}"}
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < _MOST_BITS else short(value)
    if id(value) in inside or len(inside) > _DEEPEST:
        return short(value)
    inside = (*inside, id(value))
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), None, inside)
    if isinstance(value, dict):
        return {_key(key): plain(inner, shared, inside) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, shared, inside) for inner in value]
    try:
        return repr(value)
    except Exception:
        return short(value)


def _key(key: Any) -> Any:
    """A key as JSON has it."""
    return key if key is None or isinstance(key, str | float | int) else short(key)

"""A folder for each candidate, for the files that its objective writes."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError
from pyhopper.events import Candidate, Outcome
from pyhopper.history.evaluation import Evaluation
from pyhopper.paths import read_path


class WorkDir:
    """The folder in which each candidate has one: ``00037`` for candidate 37.

    ``best`` is a link to the folder of the best candidate. A candidate that runs again, after an
    interruption, finds its folder as it was.

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

    def folder(self, candidate_id: int) -> Path:
        """The path of a candidate's folder, which need not exist yet."""
        return self.path / f"{candidate_id:05d}"

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """Create a candidate's folder and write its params to ``config.json``."""
        folder = self.folder(candidate.id)
        folder.mkdir(exist_ok=True)
        _write_json(folder / "config.json", candidate.params)

    def ended(self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None) -> None:
        """Write how an evaluation ended to ``value.json``; ``best`` leads to a new best one."""
        if evaluation.id < 0:
            return
        result: dict[str, Any] = {"status": evaluation.status.value}
        result["value"] = None if math.isnan(evaluation.value) else evaluation.value
        result["seconds"] = evaluation.seconds
        result.update({"metrics": evaluation.metrics} if evaluation.metrics else {})
        result.update({"estimates": list(evaluation.estimates)} if evaluation.estimates else {})
        result.update({"reason": evaluation.reason} if evaluation.reason else {})
        result.update({"details": outcome.details} if outcome.details else {})
        folder = self.folder(evaluation.id)
        folder.mkdir(exist_ok=True)
        _write_json(folder / "value.json", result)
        if new_best is not None:
            self._link(folder.name)

    def _link(self, name: str) -> None:
        """Make ``best`` a link to a folder, or, where there are no links, a file with its name."""
        best, new = self.path / "best", self.path / f".best.{os.getpid()}"
        with contextlib.suppress(OSError):
            new.unlink()
        try:
            new.symlink_to(name, target_is_directory=True)
        except OSError:
            new.write_text(f"{name}\n", encoding="utf-8")
        # Replaced in one step, so that there is a ``best`` at every moment.
        new.replace(best)


def _write_json(path: Path, data: Any) -> None:
    new = path.with_name(f".{path.name}")
    text = json.dumps(data, indent=2, default=plain)
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(path)


def plain(value: Any) -> Any:
    """What is written in JSON for a value that JSON does not have: a list, or its ``repr``."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return list(value)
    return repr(value)

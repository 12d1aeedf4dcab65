"""One candidate of a search once more, in this process, to look at it closely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.executors.base import candidate_dir
from pyhopper.history.evaluation import Misfit
from pyhopper.log import Log
from pyhopper.objective import Objective
from pyhopper.parameters import Omitted
from pyhopper.workdir import WorkDir


def rerun(
    log: Log,
    number: int,
    last: tuple[Objective, WorkDir | None] | None,
    objective: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    work_dir: Any = None,
) -> Any:
    """Evaluate a candidate again; see :meth:`pyhopper.Search.replay`.

    Parameters
    ----------
    log : Log
        The search's.
    number : int
        The candidate's.
    last : tuple or None
        Objective and folders of the last run, for what is not given.
    objective, kwargs, work_dir : object
        As given to :meth:`pyhopper.Search.replay`.
    """
    params = params_of(log, number)
    if objective is not None:
        called = Objective(objective, None if kwargs is None else dict(kwargs))
    elif last is not None:
        called = last[0]
    else:
        problem = "this search has not run; give the objective: search.replay(37, train)"
        raise ArgumentError("objective", None, problem)
    folders = None if last is None else last[1]
    if work_dir is not None:
        folders = WorkDir(work_dir)
    folder = None
    if folders is not None:
        folder = folders.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
    with candidate_dir(None if folder is None else str(folder)):
        value, metrics = called.once(params)
    return value if metrics is None else {**metrics, "value": value}


def params_of(log: Log, number: int) -> dict[str, Any]:
    """The dict of a candidate, as the objective got it.

    Raises
    ------
    ArgumentError
        If there is none of this number, or it does not fit the template.
    """
    state = log.state
    points = [each.point for each in state.evaluations if each.id == number]
    if number in state.running:
        points.append(state.running[number].candidate.point)
    if not points or number < 0:
        known = f"0 to {state.started - 1}" if state.started else "none"
        raise ArgumentError("candidate", number, f"there is no such candidate; there are {known}")
    point = points[0]
    if isinstance(point, Misfit) or any(isinstance(value, Omitted) for value in point):
        problem = "does not fit the present template, or its large arrays were not kept"
        raise ArgumentError("candidate", number, problem)
    return log.space.build(point)

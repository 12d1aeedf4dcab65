"""Evaluations as a study of Optuna, and the parameters of its trials as points.

A study has flat parameters: numbers and categories. A nested parameter has its dotted name there,
an array or a list one parameter for each entry, and a choice is a category, whose name is the
option itself or, for an option that is a dict or an object, a short text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from pyhopper.errors import ArgumentError, CandidateError, short
from pyhopper.events import Status
from pyhopper.extras import require
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.sheet import labels_of, read_axis
from pyhopper.history.state import State
from pyhopper.objectives import Objectives
from pyhopper.parameters import (
    INACTIVE,
    MISSING,
    Leaf,
    List,
    Numeric,
    Parameter,
    Point,
    Selector,
    option_text,
)
from pyhopper.parameters.grids import Multiples
from pyhopper.parameters.names import flatten, numbers_and_texts
from pyhopper.parameters.scales import Gridded
from pyhopper.parameters.space import Space

OWN = "pyhopper."
"""What the user attributes begin with that are no metrics."""

_MOST_ENTRIES = 64
"""Arrays and lists of more entries are summarised in user attributes."""

_MOST_STEPS = 10**6
"""A finer grid is a continuum to Optuna, which counts its steps in floating point."""

_STATES = {Status.DONE: "COMPLETE", Status.PRUNED: "PRUNED"}
"""The state of a trial; FAIL for all others."""


@dataclass(frozen=True)
class Kind:
    """What values a parameter of a study has.

    Attributes
    ----------
    options : tuple
        Those of a category; empty for a number.
    whole, log : bool
        Whether a number is an integer, and whether it lies on a logarithmic scale.
    low, high : float
        Its bounds; where it has none, infinity and minus infinity.
    step : float or None
        The distance of its values.
    """

    options: tuple[Any, ...] = ()
    whole: bool = False
    log: bool = False
    low: float = math.inf
    high: float = -math.inf
    step: float | None = None

    def covering(self, other: Kind) -> Kind:
        """A number with the values of both."""
        ends = min(self.low, other.low), max(self.high, other.high)
        same = ends == (self.low, self.high) or not math.isfinite(self.low)
        return replace(self, low=ends[0], high=ends[1], step=self.step if same else None)

    def with_value(self, value: Any) -> Kind:
        """The same, with a value that may be from before the space was changed."""
        if self.options:
            return self
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        off = abs(steps - round(steps)) > 1e-9
        kind = replace(self, step=None if off else self.step, log=self.log and value > 0)
        return kind.covering(replace(kind, low=value, high=value))

    def agrees(self, other: Kind) -> bool:
        """Whether both may have one name."""
        key = self.options, self.whole, self.log
        return key == (other.options, other.whole, other.log)


def _kind(param: Parameter) -> Kind | None:
    """The kind of a number, or of the entries of an array; None for other parameters."""
    if not isinstance(param, Numeric):
        return None
    axis = read_axis("", param.describe(), (), [], (-1, -1))
    whole = param.dtype.kind == "i"
    low = math.inf if axis.low is None else axis.low
    high = -math.inf if axis.high is None else axis.high
    kind, scale = Kind((), whole, axis.log, low, high), param.scale
    if param.shape is not None or not isinstance(scale, Gridded):
        return kind
    ends = scale.grid.value(scale.first), scale.grid.value(scale.first + scale.count - 1)
    kind = replace(kind, low=ends[0], high=ends[1])
    if kind.log or not isinstance(scale.grid, Multiples) or scale.count > _MOST_STEPS:
        return kind
    step = scale.grid.step
    return replace(kind, step=int(step) if whole else float(step))


def _options(options: Sequence[Any]) -> tuple[Any, ...]:
    """The categories of a choice: its options if they are plain and all different, else texts."""
    plain = all(each is None or isinstance(each, bool | int | float | str) for each in options)
    if plain and len(set(options)) == len(options):
        return tuple(options)
    return labels_of([option_text(each) for each in options])


class Columns:
    """The parameters of a study for those of a space.

    Parameters of the same name in different options are one, if they are of one kind. Else the
    later ones have a number behind their name, as in ``reg#2``.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self.kinds: dict[str, Kind] = {}
        self._names = [self._named(leaf) for leaf in space.leaves]

    def _named(self, leaf: Leaf) -> str:
        kind = self._leaf_kind(leaf)
        name, number = leaf.name, 1
        while kind is not None and name in self.kinds and not self.kinds[name].agrees(kind):
            number += 1
            name = f"{leaf.name}#{number}"
        if kind is not None:
            self.kinds[name] = self.kinds.get(name, kind).covering(kind)
        return name

    def _leaf_kind(self, leaf: Leaf) -> Kind | None:
        if isinstance(leaf.param, Selector):
            return Kind(_options(leaf.options))
        return None if getattr(leaf.param, "shape", None) is not None else _kind(leaf.param)

    def params(self, point: Point) -> tuple[dict[str, tuple[Any, Kind]], dict[str, Any]]:
        """The parameters of a trial with their kinds, and what else there is by its name."""
        params: dict[str, tuple[Any, Kind]] = {}
        others: dict[str, Any] = {}
        for leaf, name, value in zip(self._space.leaves, self._names, point, strict=True):
            if value is INACTIVE:
                continue
            found = dict(self._entries(leaf, name, value))
            params.update(found)
            if not found:
                others[name] = value
        return params, others

    def _entries(self, leaf: Leaf, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        """The parameters for one value: name, value and kind."""
        param = leaf.param
        if isinstance(param, Selector):
            kind = self.kinds[name]
            yield name, (kind.options[value], kind)
        elif name in self.kinds:
            yield name, (value, self.kinds[name])
        elif isinstance(param, Numeric) and isinstance(value, np.ndarray):
            of_entry = _kind(param)
            if of_entry is not None and value.size <= _MOST_ENTRIES:
                for place, entry in np.ndenumerate(value):
                    yield ".".join([name, *map(str, place)]), (entry.item(), of_entry)
        elif isinstance(param, List) and param.max_length <= _MOST_ENTRIES:
            of_item = _kind(param.item)
            if of_item is not None and getattr(param.item, "shape", None) is None:
                ends = param.min_length, param.max_length
                yield f"{name}.length", (len(value), Kind((), True, False, *ends, 1))
                for index, entry in enumerate(value):
                    yield f"{name}.{index}", (entry, of_item)

    def point(self, params: Mapping[str, Any]) -> tuple[Point, set[str]]:
        """The point of a trial's parameters, and the names of those that it uses.

        Raises
        ------
        CandidateError
            If one is missing or not legal.
        """
        values: list[Any] = []
        used: set[str] = set()
        for leaf, name in zip(self._space.leaves, self._names, strict=True):
            if leaf.parent >= 0 and values[leaf.parent] != leaf.option:
                values.append(INACTIVE)
            else:
                values.append(self._value(leaf, name, params, used))
        return tuple(values), used

    def _value(self, leaf: Leaf, name: str, params: Mapping[str, Any], used: set[str]) -> Any:
        """The value of a parameter; adds the names that it was made from."""
        param = leaf.param
        value: Any = MISSING
        if name in params:
            used.add(name)
            if isinstance(param, Selector):
                return _index(self.kinds[name].options, name, params[name])
            value = params[name]
        elif isinstance(param, Numeric) and param.shape is not None:
            names = [".".join([name, *map(str, index)]) for index in np.ndindex(param.shape)]
            if all(each in params for each in names):
                used.update(names)
                value = np.array([params[each] for each in names]).reshape(param.shape)
        elif isinstance(param, List) and f"{name}.length" in params:
            names = [f"{name}.{index}" for index in range(int(params[f"{name}.length"]))]
            used.update([f"{name}.length", *names])
            value = [params.get(each) for each in names]
        if value is MISSING and (param.init is not MISSING or param.size == 1):
            return param.start(np.random.default_rng(0))
        if value is MISSING:
            raise CandidateError(name, None, "has no value in this trial")
        try:
            return param.check(value)
        except CandidateError as error:
            raise CandidateError(name, value, error.problem) from None


def _index(options: tuple[Any, ...], name: str, value: Any) -> int:
    for index, option in enumerate(options):
        if option == value and isinstance(option, bool) is isinstance(value, bool):
            return index
    raise CandidateError(name, value, "is no option of this choice")


def to_optuna(state: State, space: Space, storage: Any, study_name: str | None) -> Any:
    """See :meth:`pyhopper.Search.to_optuna`."""
    optuna = require("optuna", "optuna", "to_optuna")
    if state.maximize is None:
        problem = "the search has not run yet, so whether lower or higher is better is not known"
        raise ArgumentError("search", None, problem, f"to_optuna: {problem}")
    maximize = state.objectives.maximize
    directions = ["maximize" if each else "minimize" for each in maximize]
    columns = Columns(space)
    rows = [columns.params(each.point) for each in state.evaluations]
    kinds: dict[str, Kind] = {}
    for params, _ in rows:
        for name, (value, kind) in params.items():
            kinds[name] = kinds.get(name, kind).with_value(value)
    distributions = {name: _distribution(optuna, kind) for name, kind in kinds.items()}
    try:
        study = optuna.create_study(storage=storage, study_name=study_name, directions=directions)
    except optuna.exceptions.DuplicatedStudyError:
        problem = "there is a study of this name already; choose another, or delete that one"
        raise ArgumentError("study_name", study_name, problem) from None
    trials = [
        _trial(
            optuna,
            each,
            {name: value for name, (value, _) in params.items()},
            distributions,
            state.objectives,
        )
        for each, (params, _) in zip(state.evaluations, rows, strict=True)
    ]
    for trial, each, (_, others) in zip(trials, state.evaluations, rows, strict=True):
        trial.user_attrs.update(_attributes(each, others))
    study.add_trials(trials)
    return study


def _distribution(optuna: Any, kind: Kind) -> Any:
    if kind.options:
        return optuna.distributions.CategoricalDistribution(kind.options)
    if kind.whole:
        step = 1 if kind.log or kind.step is None else int(kind.step)
        whole = int(kind.low), int(kind.high)
        return optuna.distributions.IntDistribution(*whole, log=kind.log, step=step)
    ends = float(kind.low), float(kind.high)
    return optuna.distributions.FloatDistribution(*ends, log=kind.log, step=kind.step)


def _trial(
    optuna: Any,
    evaluation: Evaluation,
    params: dict[str, Any],
    distributions: dict[str, Any],
    objectives: Objectives,
) -> Any:
    """A trial without its user attributes."""
    numbers = objectives.numbers(evaluation.value, evaluation.metrics)
    # What lacks an objective has none for Optuna.
    done = evaluation.status is Status.DONE and not any(map(math.isnan, numbers))
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState[
            _STATES.get(evaluation.status, "FAIL")
            if done or evaluation.status is not Status.DONE
            else "FAIL"
        ],
        values=list(numbers) if done else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        # Optuna has none where there are several objectives.
        intermediate_values={} if objectives.several else dict(enumerate(evaluation.estimates)),
    )
    if done and objectives.limits:
        # Here Optuna looks for what is above zero where a limit is broken.
        trial.system_attrs["constraints"] = list(objectives.excesses(evaluation.metrics))
    # Optuna has times without a zone, which are those of this machine.
    trial.datetime_start = datetime.fromtimestamp(evaluation.sampled_at)  # noqa: DTZ006
    trial.datetime_complete = datetime.fromtimestamp(evaluation.finished_at)  # noqa: DTZ006
    return trial


def _attributes(evaluation: Evaluation, others: Mapping[str, Any]) -> dict[str, Any]:
    """The user attributes of a trial: metrics by their names, and all else behind a prefix."""
    about = {
        "id": evaluation.id,
        "type": evaluation.type.value,
        "status": evaluation.status.value,
        "slot": evaluation.slot,
        "reason": evaluation.reason,
        "seconds": evaluation.seconds,
        "elapsed": evaluation.elapsed,
    }
    texts: dict[str, Any] = {}
    for found in numbers_and_texts({"params": others}) if others else ():
        texts.update(found)
    metrics = {name: _plain(value) for name, value in flatten(evaluation.metrics or {}).items()}
    own = {f"{OWN}{name}": value for name, value in {**about, **texts}.items() if value != ""}
    return {**metrics, **own}


def _plain(value: Any) -> Any:
    """A metric as JSON knows it."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return short(value)
    return value

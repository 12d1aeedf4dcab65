"""Giving up poor candidates early, judged by the estimates that they report on the way.

A pruner compares at equal steps: the third estimate of a candidate with the third estimates of the
others, however many each of them has.
"""

from __future__ import annotations

import copy
import math
import traceback
import warnings
from bisect import bisect_left, insort
from typing import Any

import numpy as np

from pyhopper.budget import Stamp
from pyhopper.errors import ArgumentError, class_name
from pyhopper.events import Candidate, Outcome, Status
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.objectives import Objectives
from pyhopper.pruners.auto import AutoPruner
from pyhopper.pruners.base import Pruner

__all__ = [
    "Advice",
    "AutoPruner",
    "Pruner",
    "QuantilePruner",
    "TopKPruner",
    "as_pruner",
    "estimated_by",
]

_PLAIN = Objectives()


def __getattr__(name: str) -> Any:
    """Answer a name of another package with ours."""
    from pyhopper.habits import PRUNERS, missing

    raise missing(f"module {__name__!r}", name, PRUNERS, ("QuantilePruner", "TopKPruner"))


class _Ranks(Pruner):
    """Scores of earlier candidates by step, higher is better.

    A candidate that was pruned counts as worse than all others at the steps it did not reach, or
    else the few that get far would be compared with each other only.
    """

    def __init__(self) -> None:
        self._scores: list[list[float]] = []
        self._gone: list[int] = []
        """How many were pruned after so many estimates."""

    def append(self, partial_results: list[float], was_pruned: bool) -> None:
        """See :class:`Pruner`."""
        while len(self._scores) < len(partial_results):
            self._scores.append([])
            self._gone.append(0)
        for scores, estimate in zip(self._scores, partial_results, strict=False):
            self._insert(scores, self._score(estimate))
        if was_pruned:
            self._gone[len(partial_results) - 1] += 1

    def _insert(self, scores: list[float], score: float) -> None:
        insort(scores, score)

    def _score(self, estimate: float) -> float:
        if math.isnan(estimate):
            return -math.inf
        return estimate if self.direction == "max" else -estimate

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Pruner`."""
        return {"scores": [list(scores) for scores in self._scores], "gone": list(self._gone)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Pruner`."""
        self._scores = [[float(score) for score in scores] for scores in state["scores"]]
        self._gone = [int(count) for count in state["gone"]]


class QuantilePruner(_Ranks):
    """Gives up what belongs to the worst share of all candidates at the same step.

    Parameters
    ----------
    q : float
        The share to give up, in (0, 1) or as a percentage: with 0.8 or 80 an evaluation goes on
        only while it is among the best fifth. 0.5 is the median rule.
    warmup : int
        How many evaluations must have reached a step before any is given up there.
    objective : str, optional
        Of several objectives the one whose estimates are judged.

    Raises
    ------
    ArgumentError
        If an argument makes no sense.

    Examples
    --------
    >>> import pyhopper
    >>> def objective(params):
    ...     for epoch in range(1, 11):
    ...         yield params["lr"] * epoch
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    >>> pruner = pyhopper.pruners.QuantilePruner(0.5, warmup=4)
    >>> _ = search.run(objective, "max", steps=20, pruner=pruner, quiet=True)
    """

    def __init__(self, q: float, warmup: int = 5, *, objective: str | None = None) -> None:
        super().__init__()
        self.objective = objective
        number = isinstance(q, int | float | np.number) and not isinstance(q, bool)
        share = float(q) / 100 if number and 1 < q <= 100 else q
        if not number or not 0 < share < 1:
            problem = "must be in (0, 1), or a percentage between 1 and 100"
            raise ArgumentError("q", q, problem)
        if not isinstance(warmup, int | np.integer) or isinstance(warmup, bool) or warmup < 1:
            raise ArgumentError("warmup", warmup, "must be an integer, at least 1")
        self.q = float(share)
        self.warmup = int(warmup)

    def __repr__(self) -> str:
        return f"QuantilePruner({self.q:g}, warmup={self.warmup})"

    def should_prune(self, partial_results: list[float]) -> bool:
        """See :class:`Pruner`."""
        step = len(partial_results)
        if len(self._scores) < step or len(self._scores[step - 1]) < self.warmup:
            return False
        scores = self._scores[step - 1]
        gone = sum(self._gone[: step - 1])
        score = self._score(partial_results[-1])
        if score == -math.inf:
            return True
        worse = gone + bisect_left(scores, score)
        return worse < self.q * (gone + len(scores)) and scores[-1] > score


class TopKPruner(_Ranks):
    """Gives up what is not among the best few of all candidates at the same step.

    Parameters
    ----------
    k : int
        How many earlier candidates may be better.
    objective : str, optional
        Of several objectives the one whose estimates are judged.

    Raises
    ------
    ArgumentError
        If ``k`` is not at least 1.

    Examples
    --------
    >>> import pyhopper
    >>> def objective(params):
    ...     for epoch in range(1, 11):
    ...         yield params["lr"] * epoch
    >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), seed=1)
    >>> pruner = pyhopper.pruners.TopKPruner(3)
    >>> _ = search.run(objective, "max", steps=20, pruner=pruner, quiet=True)
    """

    def __init__(self, k: int, *, objective: str | None = None) -> None:
        super().__init__()
        self.objective = objective
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
            raise ArgumentError("k", k, "must be an integer, at least 1")
        self.k = int(k)

    def __repr__(self) -> str:
        return f"TopKPruner({self.k})"

    def _insert(self, scores: list[float], score: float) -> None:
        insort(scores, score)
        if len(scores) > self.k:
            del scores[0]

    def should_prune(self, partial_results: list[float]) -> bool:
        """See :class:`Pruner`."""
        step = len(partial_results)
        if len(self._scores) < step or len(self._scores[step - 1]) < self.k:
            return False
        return self._score(partial_results[-1]) < self._scores[step - 1][0]


class Advice:
    """Asks a pruner on behalf of a run, and tells it how evaluations ended.

    A pruner that raises is reported once and not asked again.

    Parameters
    ----------
    pruner : Pruner
        It first learns from the evaluations so far, unless it knows them from an earlier run.
    state : State
        The search's.
    search : object
        Identifies the search, so that a pruner that was used in another one forgets that.
    quiet : bool
        Do not report.
    saved : tuple, optional
        From a checkpoint: the name of a pruner's class, its state, and how many evaluations it had
        learned from.

    Attributes
    ----------
    asked : bool
        Whether there was an estimate to judge, or the pruner does without.
    """

    def __init__(
        self,
        pruner: Pruner,
        state: State,
        search: object,
        quiet: bool,
        saved: tuple[str, Any, int] | None = None,
    ) -> None:
        self._pruner: Pruner | None = pruner
        self._quiet = quiet
        self.asked = isinstance(pruner, AutoPruner)
        self._running: dict[int, list[float]] = {}
        self._objectives = state.objectives
        self._name = estimated_by(pruner, state.objectives)
        pruner.direction = state.objectives.directions[self._name]
        if pruner.learned_from is not search:
            if pruner.learned_from is None:
                pruner.blank = copy.deepcopy(self._ask("state_dict"))
            else:  # scores of another search are no measure for this one
                self._ask("load_state_dict", copy.deepcopy(pruner.blank))
            pruner.learned_from = search
            start = 0
            all_fit = all(each.fits for each in state.evaluations)
            if saved is not None and saved[0] == class_name(pruner) and all_fit:
                self._ask("load_state_dict", saved[1])
                start = saved[2]
            for evaluation in state.evaluations[start:]:
                self._learn(evaluation)

    def __call__(self, job_id: int, estimate: float) -> bool:
        """Whether to prune the evaluation that has reported this estimate."""
        partial = self._running.setdefault(job_id, [])
        partial.append(estimate)
        self.asked = True
        return bool(self._ask("should_prune", list(partial)))

    def saved(self) -> list[Any]:
        """What a checkpoint keeps of the pruner: the name of its class and its state, if any."""
        pruner = self._pruner
        if pruner is None or type(pruner).state_dict is Pruner.state_dict:
            return []
        return [class_name(pruner), self._ask("state_dict")]

    def started(self, candidate: Candidate, now: Stamp) -> None:
        """A candidate runs; a pruner is asked once there is an estimate."""

    def ended(self, evaluation: Evaluation, outcome: Outcome, new_best: Evaluation | None) -> None:
        """Tell the pruner how an evaluation ended, if it has estimates to compare with."""
        self._learn(evaluation)

    def _learn(self, evaluation: Evaluation) -> None:
        self._running.pop(evaluation.id, None)
        # One that has no place in the space is no measure, since it cannot be the best.
        measured = evaluation.fits and evaluation.estimates
        if measured and evaluation.status in (Status.DONE, Status.PRUNED):
            # A pruned one has no number.
            done = evaluation.status is Status.DONE
            value = self._number(evaluation) if done else math.nan
            self._ask("observe", list(evaluation.estimates), value)

    def _number(self, evaluation: Evaluation) -> float:
        """What the estimates of an evaluation are estimates of."""
        if self._name not in self._objectives.names[1:]:
            return evaluation.value
        return float((evaluation.metrics or {}).get(self._name, math.nan))

    def _ask(self, method: str, *arguments: Any) -> Any:
        if self._pruner is None:
            return False
        try:
            return getattr(self._pruner, method)(*arguments)
        except Exception:
            name = type(self._pruner).__name__
            self._pruner = None
            text = f"the pruner {name} raised in {method} and is not asked any more"
            if not self._quiet:
                warnings.warn(f"{text}\n{traceback.format_exc()}", RuntimeWarning, 2)
        return False


def as_pruner(pruner: Any, objectives: Objectives = _PLAIN) -> Pruner | None:
    """The ``pruner`` argument: a pruner, ``"auto"`` or None.

    Raises
    ------
    ArgumentError
        If it is none of these, or does not say which of several objectives it judges.
    """
    if pruner is None:
        return None
    is_auto = isinstance(pruner, str) and pruner == "auto"
    if not is_auto and not isinstance(pruner, Pruner):
        hint = "; create one, such as QuantilePruner(0.5)" if isinstance(pruner, type | str) else ""
        raise ArgumentError("pruner", pruner, f'must be "auto" or a pyhopper.pruners.Pruner{hint}')
    found: Pruner = AutoPruner() if is_auto else pruner
    first = next(iter(objectives.directions))
    if objectives.several and found.objective is None:
        own = "AutoPruner(" if is_auto else f"{type(found).__name__}(..., "
        problem = (
            "judges one number, and there are several objectives; say which one its estimates are "
            f"of: pyhopper.pruners.{own}objective={first!r})"
        )
        raise ArgumentError("pruner", pruner, problem)
    if found.objective is not None and found.objective not in objectives.directions:
        listed = ", ".join(objectives.directions)
        problem = f"judges {found.objective!r}, which is no objective; the search has {listed}"
        raise ArgumentError("pruner", pruner, problem)
    return found


def estimated_by(pruner: Pruner | None, objectives: Objectives) -> str:
    """The name of the objective of which estimates on the way are; ``"value"`` if it has none."""
    first = next(iter(objectives.directions))
    return first if pruner is None or pruner.objective is None else pruner.objective

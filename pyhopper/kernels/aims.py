"""How a proposal weighs several objectives: each candidate's has a direction of its own.

For candidate i, weights of the objectives are drawn from its own random numbers. Under them a
candidate counts by the augmented Chebyshev function of its normalised losses (Steuer & Choo 1983;
Knowles 2006, "ParEGO"), whose minima for all weights are the whole front. So a chain has a best
point, whatever the number of objectives, and what moves around a best point works as with one.

A candidate outside the limits counts less than all others, by how far it is outside (Deb 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

import numpy as np

from pyhopper.history.evaluation import Evaluation
from pyhopper.history.front import Front
from pyhopper.history.state import State
from pyhopper.kernels.coordinates import Floats
from pyhopper.objectives import Objectives

_SUM = 0.05
"""The share of the sum beside the maximum, so that ties in the worst objective are decided."""

_FAR, _OUTSIDE = 5.0, 10.0
"""From the one, losses are pressed together below the other, where those outside the limits are."""


@dataclass(frozen=True)
class Aim:
    """Weights of the objectives, and the range in which they are normalised.

    Attributes
    ----------
    objectives : Objectives
        What is looked for.
    weights : float array
        One for each objective; they sum to one.
    low, width : float array
        The best loss of each objective and its range on the front.
    """

    objectives: Objectives
    weights: Floats
    low: Floats
    width: Floats

    @classmethod
    def of(cls, state: State, weights: Floats) -> Aim:
        """One that normalises by what is known now."""
        low, width = normal(known_losses(state))
        return cls(state.objectives, weights, low, width)

    def chebyshev(self, losses: Floats) -> Floats:
        """The augmented Chebyshev function of rows of losses."""
        weighted = (losses - self.low) / self.width * self.weights
        return np.asarray(weighted.max(axis=-1) + _SUM * weighted.sum(axis=-1))

    def loss(self, evaluation: Evaluation) -> float:
        """What counts of an evaluation, lower is better; NaN if it has no value."""
        losses = self.objectives.losses(evaluation.value, evaluation.metrics)
        if not all(map(math.isfinite, losses)):
            return math.nan
        outside = self.objectives.violation(evaluation.metrics)
        if outside > 0.0:
            return _OUTSIDE + outside
        found = float(self.chebyshev(np.array(losses)))
        return found if found < _FAR else _OUTSIDE - (_OUTSIDE - _FAR) * _FAR / found


@dataclass
class Aimed(State):
    """A state as kernels see it that know one objective.

    Its best is the best under the aim, :func:`pyhopper.kernels.base.loss` is what counts of an
    evaluation, and everything else is that of the state.
    """

    aim: Aim = field(kw_only=True)

    @classmethod
    def at(cls, state: State, aim: Aim) -> Aimed:
        """The state under an aim."""
        given = {each.name: getattr(state, each.name) for each in fields(state)}
        return cls(**{**given, "best": best_under(aim, state), "aim": aim})


def known_losses(state: State) -> Floats:
    """The losses of the front; of a single objective that of the best."""
    if isinstance(state.leaders, Front):
        return state.leaders.losses
    best = state.best
    kept = [] if best is None else [state.objectives.losses(best.value, best.metrics)]
    return np.array(kept, dtype=np.float64).reshape(len(kept), 1)


def normal(front: Floats) -> tuple[Floats, Floats]:
    """The lowest losses of a front and their range, which is 1 where there is none."""
    if not len(front):
        return np.zeros(front.shape[1]), np.ones(front.shape[1])
    low = front.min(axis=0)
    width = front.max(axis=0) - low
    return low, np.where(width > 0.0, width, np.maximum(np.abs(low), 1e-9))


def best_under(aim: Aim, state: State) -> Evaluation | None:
    """The best candidate under an aim; with nothing within the limits, the nearest to them."""
    if not isinstance(state.leaders, Front):
        return state.best or state.nearest
    members = state.leaders.entries
    if not members:
        return state.nearest
    order: list[int] = np.argsort(aim.chebyshev(state.leaders.losses), kind="stable").tolist()
    for index in order:
        evaluation = members[index].evaluation
        # Of those that an earlier run has found, some may not have been kept whole.
        if state.is_complete(evaluation.point):
            return evaluation
    return None


def draw_weights(rng: np.random.Generator, count: int) -> Floats:
    """Weights of objectives, every combination equally likely."""
    if count == 1:
        return np.ones(1)
    drawn = rng.exponential(size=count)
    return np.asarray(drawn / drawn.sum())


def aim_for(state: State, rng: np.random.Generator) -> Aimed:
    """The state under weights that are drawn."""
    return Aimed.at(state, Aim.of(state, draw_weights(rng, len(state.objectives.maximize))))

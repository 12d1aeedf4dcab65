"""The step for several objectives: children of candidates on the front, where models cost too much.

For each candidate a direction in the space of the objectives is drawn. Its first parent is what is
best under it, its second one of the next best, or anybody: so the front moves on everywhere, and
what one part of it has learned gets to the others. A child lies between its parents or a little
beyond, parameter by parameter (simulated binary crossover: Deb & Agrawal 1995), and some parameters
then move by steps of all sizes. Everything it goes by is in the state, so that nothing has to be
learned again after a crash.
"""

from __future__ import annotations

import numpy as np

from pyhopper.budget import Phase
from pyhopper.events import CandidateType
from pyhopper.history.front import Front
from pyhopper.history.state import State
from pyhopper.kernels.aims import Aimed
from pyhopper.kernels.base import Kernel, Proposal
from pyhopper.kernels.coordinates import Floats, fill, snap, switch_off
from pyhopper.kernels.effort import Effort
from pyhopper.kernels.encoding import Encoding
from pyhopper.kernels.moves import SMALLEST_MOVE, move

_FEW = 20
"""With fewer on the front, those that others beat are parents, too."""

_NEAR = 5
"""The second parent is usually one of so many."""

_SPREAD = 15.0
"""The larger, the closer children are to their parents."""


class FrontKernel(Kernel):
    """Proposes children of what is on the front.

    Parameters
    ----------
    encoding : Encoding
        The columns of the space.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._coordinates = encoding.coordinates

    def applies(self, effort: Effort, state: State) -> bool:
        """See :class:`Kernel`."""
        return state.objectives.several and self._coordinates.dimension > 0

    def propose(
        self, rng: np.random.Generator, state: State, phase: Phase, left: float
    ) -> list[Proposal]:
        """See :class:`Kernel`. One child in the second phase, nothing in the first."""
        if phase.seeding or not isinstance(state, Aimed) or not isinstance(state.leaders, Front):
            return []
        known = state.leaders.parents(_FEW)
        if not known:
            return []
        losses = np.array([each.losses for each in known])
        order = np.argsort(state.aim.chebyshev(losses), kind="stable")
        first = known[order[0]]
        among = order[: _NEAR + 1] if rng.random() < 0.7 else order
        second = known[among[int(rng.integers(len(among)))]]
        if not all(state.is_complete(each.evaluation.point) for each in (first, second)):
            return []
        rows = np.array([self._encoding.encode(e.evaluation.point) for e in (first, second)])
        row = self._child(rng, fill(rng, self._coordinates, rows), phase.temperature)
        point = self._encoding.point(rng, row, first.evaluation.point, phase.temperature)
        return [Proposal(point, CandidateType.LOCAL_SAMPLING)]

    def _child(self, rng: np.random.Generator, rows: Floats, temperature: float) -> Floats:
        """A legal row from those of two parents."""
        coordinates = self._coordinates
        near, far = rows
        numeric = ~coordinates.categorical
        # Simulated binary crossover: close to one of the parents, rarely far outside.
        u = rng.random(len(near))
        power = 1.0 / (_SPREAD + 1.0)
        spread = np.where(u < 0.5, (2 * u) ** power, (2 - 2 * np.minimum(u, 1 - 1e-12)) ** -power)
        mixed = 0.5 * (near + far) - 0.5 * spread * (far - near)
        other = 0.5 * (near + far) + 0.5 * spread * (far - near)
        crossed = rng.random(len(near)) < 0.5
        swap = rng.random(len(near)) < 0.5
        number = np.clip(np.where(swap, other, mixed), 0.0, 1.0)
        child = np.where(crossed, np.where(numeric, number, np.where(swap, far, near)), near)
        widest = np.log(0.5 * temperature / SMALLEST_MOVE)
        size = SMALLEST_MOVE * np.exp(rng.random(1) * max(widest, 0.0))
        legal = switch_off(coordinates, snap(coordinates, child[None, :]))
        if rng.random() < 0.9 or np.array_equal(child, near):
            legal = move(rng, coordinates, legal, size)
        return np.asarray(legal[0])

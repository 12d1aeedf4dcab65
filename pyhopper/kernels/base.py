"""What a kernel is: one way of proposing the next point."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from pyhopper.budget import Phase
from pyhopper.events import CandidateType, Screening
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.kernels.aims import Aimed
from pyhopper.kernels.effort import Effort
from pyhopper.parameters import Point


class Proposal(NamedTuple):
    """A point that could be evaluated.

    Attributes
    ----------
    point : tuple
        The values of the space's parameters, in their order.
    type : CandidateType
        The rule that made it: ``RANDOM_SEEDING`` or ``LOCAL_SAMPLING``.
    screening : Screening or None
        What a model expected of it, if one chose it.
    """

    point: Point
    type: CandidateType
    screening: Screening | None = None


class Kernel(Protocol):
    """One way of proposing the next point: the proposal part of an MCMC step.

    The other part, accepting the better point, is done by the state, which knows the best one.
    Subclass it and implement :meth:`propose`. By default a kernel applies to every candidate and
    learns nothing from evaluations.

    All randomness comes from the generator that is passed in, which is made from the search's seed
    and the candidate's number. A kernel must use no other and no clock, or a seed would not make a
    search repeatable. It must not change the state.

    Attributes
    ----------
    learns : bool
        Whether proposals depend on the kernel's own earlier ones and not on the state alone. To go
        on after a crash, such a kernel is asked for all earlier proposals again.

    Examples
    --------
    A kernel that always takes the middle between the best point and a random one:

    >>> class Halfway(Kernel):
    ...     def __init__(self, space):
    ...         self.space = space
    ...
    ...     def propose(self, rng, state, phase, left):
    ...         if phase.seeding or state.best is None:
    ...             return []
    ...         pairs = zip(state.best.point, self.space.sample(rng))
    ...         point = tuple((best + other) / 2 for best, other in pairs)
    ...         return [Proposal(point, CandidateType.LOCAL_SAMPLING)]
    >>> proposer = Proposer(space, seed, kernels=[Halfway(space)])
    """

    learns: bool = False

    def applies(self, effort: Effort, state: State) -> bool:
        """Whether this kernel is the one to ask for the next candidate.

        Parameters
        ----------
        effort : Effort
            How much computation the proposal is worth.
        state : State
            What the search knows.
        """
        return True

    def propose(
        self, rng: np.random.Generator, state: State, phase: Phase, left: float
    ) -> list[Proposal]:
        """Propose points for the next candidate, whose number is ``state.started``.

        Parameters
        ----------
        rng : numpy.random.Generator
            The candidate's own.
        state : State
            What the search knows, with what is running now.
        phase : Phase
            Where in its schedule the search is.
        left : float
            Seconds until the end of the budget; infinite if it is not in time.

        Returns
        -------
        list of Proposal
            The most promising first. The first one is evaluated that meets the constraints, was
            not evaluated before and is expected to end in time. If none is left, or the list is
            empty, the chain of :mod:`pyhopper.kernels.chain` proposes.
        """
        ...

    def observe(self, evaluation: Evaluation, state: State) -> None:
        """Learn from an evaluation that has ended, whoever proposed it.

        The state contains it already. Its ``point`` is the very object that was proposed, or
        another one if a guess of the user was evaluated instead.
        """
        return

    def drop(self, candidate_id: int) -> None:
        """Forget what was proposed for a candidate: it was a duplicate or not allowed."""
        return


def loss(evaluation: Evaluation, state: State) -> float:
    """What counts of an evaluation, lower is better; NaN if it has no value.

    With several objectives or limits a kernel sees the state under an aim, which weighs them.
    """
    if isinstance(state, Aimed):
        return state.aim.loss(evaluation)
    return -evaluation.value if state.maximize else evaluation.value

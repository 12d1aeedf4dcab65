"""How the next point is proposed.

A kernel (:mod:`pyhopper.kernels.base`) is one way of proposing; the :class:`Proposer` picks one for
each candidate. Kernels keep what they have learned. All of it follows from the calls in their
order, and randomness from the generator that each call passes in, so that the same calls lead to
the same proposals.
"""

from pyhopper.kernels.base import Kernel, Proposal
from pyhopper.kernels.proposer import Proposer

__all__ = ["Kernel", "Proposal", "Proposer"]

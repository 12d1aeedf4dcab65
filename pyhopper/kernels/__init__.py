"""The search algorithm: pure functions of (random generator, state, phase) that propose a point."""

from pyhopper.kernels.chain import Proposal
from pyhopper.kernels.proposer import Proposer

__all__ = ["Proposal", "Proposer"]

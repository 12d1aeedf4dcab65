"""The search algorithm: pure functions of (random generator, state, phase) that propose a point."""

from pyhopper.kernels.chain import Proposal, View, propose

__all__ = ["Proposal", "View", "propose"]

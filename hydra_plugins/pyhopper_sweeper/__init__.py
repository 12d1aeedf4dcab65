"""The sweeper ``pyhopper`` for Hydra, which finds it by the name of this package."""

from pyhopper.integrations.hydra import PyHopperSweeper

__all__ = ["PyHopperSweeper"]

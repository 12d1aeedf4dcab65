"""The sweeper ``pyhopper`` for Hydra, which finds what is defined in packages like this one."""

from pyhopper.integrations import hydra


class PyHopperSweeper(hydra.SearchSweeper):
    """See :class:`pyhopper.integrations.hydra.SearchSweeper`."""

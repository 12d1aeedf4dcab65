"""Callbacks: the progress bar, and hooks for the user's own code."""

from pyhopper.callbacks.base import Callback

__all__ = ["Callback"]

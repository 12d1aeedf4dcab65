"""Screening: a model of the evaluations so far picks from many proposals."""

from pyhopper.kernels.model.kernel import ScreeningKernel

__all__ = ["ScreeningKernel"]

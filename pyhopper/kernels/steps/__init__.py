"""Steps that learn from each of their moves: for cheap objectives and many dimensions."""

from pyhopper.kernels.steps.front import FrontKernel
from pyhopper.kernels.steps.kernel import StepsKernel

__all__ = ["FrontKernel", "StepsKernel"]

"""The pruners under the name that they had in version 1.2."""

from pyhopper.objective import should_prune
from pyhopper.pruners import Pruner, QuantilePruner, TopKPruner

__all__ = ["Pruner", "QuantilePruner", "TopKPruner", "should_prune"]

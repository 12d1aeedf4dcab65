"""Where evaluations run: the protocol, and the executors for this machine and for clusters.

Each is imported only when it is used, and so are the packages that those for clusters need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyhopper.executors.base import Executor, InlineExecutor, Job, sends_shared

if TYPE_CHECKING:
    from pyhopper.executors.dask import Dask
    from pyhopper.executors.futures import Futures
    from pyhopper.executors.mpi import MPI
    from pyhopper.executors.ray import Ray
    from pyhopper.executors.slurm import Slurm

__all__ = [
    "MPI",
    "Dask",
    "Executor",
    "Futures",
    "InlineExecutor",
    "Job",
    "Ray",
    "Slurm",
    "sends_shared",
]

_LAZY = {"Dask": "dask", "Futures": "futures", "MPI": "mpi", "Ray": "ray", "Slurm": "slurm"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)

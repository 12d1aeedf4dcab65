"""Evaluations in the processes of an MPI job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.executors.futures import Futures
from pyhopper.extras import require


class MPI(Futures):
    """Evaluates in the other ranks of an MPI job, one candidate each at a time.

    The program is started as ``mpiexec -n 9 python -m mpi4py.futures search.py``: one rank runs the
    search, the others evaluate. If a rank dies, MPI ends them all; the same command with the same
    ``checkpoint_path`` goes on.

    Parameters
    ----------
    pool : mpi4py.futures.MPIPoolExecutor, optional
        A pool that was made already; it stays open.
    env : dict, optional
        Environment variables of the processes that evaluate.
    folder : str or path-like, optional
        A folder that all machines see, where messages between search and evaluations are kept; by
        default the working directory.

    Raises
    ------
    ArgumentError
        If there are no other ranks.
    ImportError
        Without the package ``mpi4py``.
    """

    def __init__(
        self,
        pool: Any = None,
        *,
        env: Mapping[str, str | None] | None = None,
        folder: str | os.PathLike[str] = ".",
    ) -> None:
        try:
            futures = require("mpi4py.futures", "mpi", "executors.MPI")
        except RuntimeError as error:  # the package is there, but no MPI
            raise ImportError(f"executors.MPI needs an MPI library ({error})") from None
        how = "start it by mpiexec -n 3 python -m mpi4py.futures search.py"
        core = getattr(futures, "_core", None)
        if pool is None and getattr(core, "SharedPool", True) is None:
            # The pool would start processes of its own, and each rank a search of its own.
            raise ArgumentError("pool", None, f"the program has no ranks to evaluate; {how}")
        self._own = None if pool is not None else futures.MPIPoolExecutor()
        pool = pool or self._own
        slots = pool.num_workers
        if slots < 1:
            raise ArgumentError("pool", pool, f"there is no rank to evaluate; {how}")
        super().__init__(pool, slots, env=env, folder=folder, name="the MPI job")

    def _shut_down(self) -> None:
        if self._own is not None:
            self._own.shutdown()

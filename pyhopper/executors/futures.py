"""Evaluations in the tasks of any executor of :mod:`concurrent.futures`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import Any

from pyhopper.errors import ArgumentError
from pyhopper.executors.cluster import LARGE, ClusterExecutor, checked_env, whole_slots
from pyhopper.executors.mail import Folder
from pyhopper.executors.remote import Stored, Work, evaluate, stored
from pyhopper.executors.runner import PickledObjective


class Futures(ClusterExecutor):
    """Evaluates in a pool that the caller has made, and that stays theirs.

    Each task of the pool starts a process of its own for its candidate, so that a crash does not
    break the pool and a timeout can end an evaluation.

    Parameters
    ----------
    pool : concurrent.futures.Executor
        A pool of processes or threads, of the standard library, loky, or another package.
    slots : int, optional
        How many evaluations run at the same time. Pools of the standard library and of loky say it
        themselves.
    env : dict, optional
        Environment variables of the processes that evaluate.
    folder : str or path-like, optional
        Where messages between the search and its evaluations are kept; by default the temporary
        folder of this machine. A pool with workers on other machines needs a folder that all of
        them see.

    Raises
    ------
    ArgumentError
        If ``pool`` has no method ``submit``, or its size is not known.

    Examples
    --------
    >>> import pyhopper
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> search = pyhopper.Search(x=pyhopper.float(0, 1))
    >>> with ThreadPoolExecutor(2) as pool:  # doctest: +SKIP
    ...     search.run(lambda p: p["x"], steps=10, executor=pyhopper.executors.Futures(pool))
    """

    def __init__(
        self,
        pool: Any,
        slots: int | None = None,
        *,
        env: Mapping[str, str | None] | None = None,
        folder: str | os.PathLike[str] | None = None,
        name: str = "the pool",
    ) -> None:
        if not callable(getattr(pool, "submit", None)):
            raise ArgumentError("pool", pool, "must be an executor of concurrent.futures")
        if slots is None:
            slots = getattr(pool, "_max_workers", None)
            if slots is None:
                problem = "say how many evaluations run at the same time; the pool does not tell"
                raise ArgumentError("slots", None, problem)
        self._pool = pool
        self._slots = whole_slots(slots)
        self._folder = Folder(tempfile.gettempdir() if folder is None else folder)
        self._futures: dict[str, Future[bytes]] = {}
        super().__init__(name, self._folder, checked_env(env))

    def _capacity(self) -> int:
        return self._slots

    def _start(self, key: str, objective: PickledObjective, work: Work) -> None:
        future = self._pool.submit(evaluate, self._handle(objective), work)
        self._futures[key] = future
        future.add_done_callback(lambda each: self._ended(key, each))

    def _handle(self, objective: PickledObjective) -> bytes | Stored:
        """The objective itself, or if it is large the file that holds it."""
        if len(objective.pickled) < LARGE:
            return objective.pickled
        return stored(self._folder.path, objective)

    def _ended(self, key: str, future: Future[bytes]) -> None:
        self._futures.pop(key, None)
        try:
            self.done(key, future.result())
        except CancelledError:
            self.gone(key, "the task was cancelled")
        except BrokenExecutor as error:
            self.gone(key, f"the pool has broken: {error}")
            self.lost(f"one of its processes was killed, and it takes no more tasks ({error})")
        except BaseException as error:
            self.gone(key, f"{type(error).__name__}: {error}")

    def _stop(self, key: str) -> None:
        if key in self._futures:
            self._futures[key].cancel()

"""Evaluations in the tasks of a Dask cluster."""

from __future__ import annotations

import contextlib
import math
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pyhopper.errors import ArgumentError, EngineLostError
from pyhopper.executors.cluster import LARGE, ClusterExecutor, checked_env
from pyhopper.executors.mail import SILENCE_SECONDS, SearchGoneError
from pyhopper.executors.remote import Work, evaluate
from pyhopper.executors.runner import PickledObjective
from pyhopper.extras import require

_CONNECT_SECONDS = 10.0
_PATIENCE_SECONDS = 60.0
"""How long to wait for a scheduler that does not answer."""

_BEAT_SECONDS = 20.0
"""How often the workers are told that the search lives."""

_SENDERS = 8
"""Threads that send messages to jobs, since a worker that hangs may keep one of them long."""


class Dask(ClusterExecutor):
    """Evaluates in the tasks of a Dask cluster, as many at a time as its workers take.

    Workers that join are used, and the candidate of a worker that is lost runs again. A client or
    cluster that is given stays open, and its settings are not touched.

    Parameters
    ----------
    cluster : distributed.Client, cluster, str or path
        A client, a cluster object such as ``LocalCluster``, the address of a scheduler
        (``"tcp://10.0.0.1:8786"``), or the path of a scheduler file (``"scheduler.json"``).
    resources : dict, optional
        What each evaluation takes of the resources that the workers were started with, such as
        ``{"GPU": 1}``; by default one thread of a worker.
    env : dict, optional
        Environment variables of the processes that evaluate. Dask sets ``OMP_NUM_THREADS=1`` in its
        workers; ``{"OMP_NUM_THREADS": "4"}`` changes that.

    Raises
    ------
    ArgumentError
        If there is no scheduler, or no worker has the resources.
    ImportError
        Without the package ``distributed``.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.float(0, 1))
    >>> cluster = pyhopper.executors.Dask("tcp://10.0.0.1:8786")  # doctest: +SKIP
    >>> search.run(lambda p: p["x"], runtime="1h", executor=cluster)  # doctest: +SKIP
    """

    def __init__(
        self,
        cluster: Any,
        *,
        resources: Mapping[str, float] | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self._resources = _checked_resources(resources)
        self._client, self._is_ours = _connect(cluster)
        self._handle: tuple[int, Any] | None = None
        """Number of the objective that was scattered, and its future."""
        self._futures: dict[str, Any] = {}
        self._away_since: float | None = None
        self._token = secrets.token_hex(4)
        mail = DaskMail(self._client, self._token)
        super().__init__("the Dask cluster", mail, checked_env(env))
        if self._resources and self._client.scheduler_info()["workers"] and not self._capacity():
            self.close()
            problem = "no worker has these; start workers with --resources"
            raise ArgumentError("resources", resources, problem)

    def _capacity(self) -> int:
        if self._client.status != "running":
            now = time.monotonic()
            self._away_since = self._away_since or now
            if now - self._away_since > _PATIENCE_SECONDS or self._client.status == "closed":
                problem = f"its scheduler has not answered for {now - self._away_since:.0f} s"
                raise EngineLostError(self.name, problem)
            return 0
        self._away_since = None
        return sum(map(self._room, self._workers()))

    def _workers(self) -> list[dict[str, Any]]:
        try:
            found = self._client.scheduler_info(n_workers=-1)["workers"]
        except TypeError:  # before 2025.4 there was no such argument, and all were told
            found = self._client.scheduler_info()["workers"]
        return list(found.values())

    def _room(self, worker: Mapping[str, Any]) -> int:
        """How many evaluations a worker takes."""
        has = worker.get("resources", {})
        rooms = [has.get(name, 0) // need for name, need in self._resources.items()]
        return int(min([worker["nthreads"], *rooms]))

    def _start(self, key: str, objective: PickledObjective, work: Work) -> None:
        future = self._client.submit(
            evaluate,
            self._objective(objective),
            work,
            key=f"pyhopper-{self._token}-{key}",
            pure=False,
            retries=0,
            resources=dict(self._resources) or None,
        )
        self._futures[key] = future
        future.add_done_callback(lambda each: self._ended(key, each))

    def _objective(self, objective: PickledObjective) -> Any:
        if len(objective.pickled) < LARGE:
            return objective.pickled
        if self._handle is None or self._handle[0] != objective.number:
            scattered = self._client.scatter(objective.pickled, broadcast=True, hash=False)
            self._handle = objective.number, scattered
        return self._handle[1]

    def _ended(self, key: str, future: Any) -> None:
        # Without the future the scheduler forgets the task, and does not run it again when its
        # worker goes.
        self._futures.pop(key, None)
        try:
            if future.status == "finished":
                self.done(key, future.result(timeout=_PATIENCE_SECONDS))
                return
            reason = "its worker was killed, or the scheduler has dropped it"
            if future.status == "error":
                reason = f"Dask could not run it: {future.exception(timeout=_PATIENCE_SECONDS)}"
        except Exception as error:  # the connection has broken meanwhile
            reason = f"the connection to Dask has broken: {error}"
        self._handle = None  # it may have been on that worker
        self.gone(key, " ".join(reason.split()))

    def _stop(self, key: str) -> None:
        future = self._futures.pop(key, None)
        if future is not None:
            with contextlib.suppress(Exception):
                future.cancel()

    def _shut_down(self) -> None:
        self._futures.clear()
        self._handle = None
        if self._is_ours:
            with contextlib.suppress(Exception):
                self._client.close(timeout=_CONNECT_SECONDS)


_inboxes: dict[str, queue.SimpleQueue[str]] = {}
"""In a worker of Dask: the messages to the jobs that run there, by their keys."""

_heard: dict[str, float] = {}
"""In a worker of Dask: when each search was last heard of, by its token."""


def deliver(key: str, text: str) -> None:
    """Take a message to a job; runs in the worker."""
    if key in _inboxes:
        _inboxes[key].put(text)


def beat(token: str) -> None:
    """Note that a search lives; runs in the worker."""
    _heard[token] = time.monotonic()


def end(token: str) -> None:
    """Note that a search has ended; runs in the worker."""
    _heard[token] = -math.inf
    for key, inbox in list(_inboxes.items()):
        if key.startswith(token):
            inbox.put("")


class DaskBox:
    """A job's end, see :class:`DaskMail`."""

    def __init__(self, token: str, key: str) -> None:
        self._token = token
        self._key = key

    def send(self, text: str) -> None:
        """See :class:`~pyhopper.executors.mail.Box`."""
        from distributed import get_worker

        worker = get_worker()
        name = f"{self._token}-{self._key}"
        if name not in _inboxes:
            _heard.setdefault(self._token, time.monotonic())
            _inboxes[name] = queue.SimpleQueue()
        worker.log_event(f"pyhopper-{self._token}", [self._key, text, worker.address])

    def receive(self, seconds: float) -> str | None:
        """See :class:`~pyhopper.executors.mail.Box`."""
        inbox = _inboxes.get(f"{self._token}-{self._key}")
        text = ""
        if inbox is not None and _heard[self._token] > -math.inf:
            with contextlib.suppress(queue.Empty):
                text = inbox.get(timeout=seconds)
        if not text and time.monotonic() - _heard[self._token] > SILENCE_SECONDS:
            raise SearchGoneError
        return text or None

    def close(self) -> None:
        """See :class:`~pyhopper.executors.mail.Box`."""
        inbox = _inboxes.pop(f"{self._token}-{self._key}", None)
        if inbox is not None:
            inbox.put("")


class DaskMail:
    """Messages on the connections that Dask has anyway, so that no further port has to be open.

    A job's messages are events of a topic, to which the search has subscribed; those to a job are
    calls of :func:`deliver` in its worker.
    """

    def __init__(self, client: Any, token: str) -> None:
        self._client = client
        self._token = token
        self._workers: dict[str, str] = {}
        """The address of the worker in which each job runs."""
        self._closed = threading.Event()
        self._senders = ThreadPoolExecutor(_SENDERS, "pyhopper mail")

    def open(self, deliver: Callable[[str, str], None]) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""

        def take(event: tuple[float, Any]) -> None:
            key, text, self._workers[key] = event[1]
            deliver(key, text)

        self._client.subscribe_topic(f"pyhopper-{self._token}", take)
        threading.Thread(target=self._keep_alive, name="pyhopper beat", daemon=True).start()

    def box(self, key: str) -> DaskBox:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        return DaskBox(self._token, key)

    def send(self, key: str, text: str) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        worker = self._workers.get(key)
        if worker is not None:
            self._senders.submit(self._run, deliver, f"{self._token}-{key}", text, workers=[worker])

    def _run(self, function: Callable[..., None], *arguments: str, **where: Any) -> None:
        with contextlib.suppress(Exception):  # the worker or the scheduler has gone
            self._client.run(function, *arguments, on_error="ignore", **where)

    def forget(self, key: str) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        self._workers.pop(key, None)

    def close(self) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        self._closed.set()
        if self._client.status == "running":
            self._senders.submit(self._run, end, self._token)
        self._senders.shutdown(wait=self._client.status == "running")
        with contextlib.suppress(Exception):
            self._client.unsubscribe_topic(f"pyhopper-{self._token}")

    def _keep_alive(self) -> None:
        while not self._closed.wait(_BEAT_SECONDS):
            self._run(beat, self._token)


def _checked_resources(resources: Any) -> dict[str, float]:
    if resources is None:
        return {}
    fits = isinstance(resources, Mapping) and all(
        isinstance(need, int | float) and need > 0 for need in resources.values()
    )
    if not fits:
        raise ArgumentError("resources", resources, 'must be a dict such as {"GPU": 1}')
    return dict(resources)


def _connect(cluster: Any) -> tuple[Any, bool]:
    """A client, and whether it is ours to close."""
    client = require("distributed", "dask", "executors.Dask").Client
    if isinstance(cluster, client):
        if cluster.asynchronous:
            problem = "belongs to the running event loop; give the address of its scheduler"
            raise ArgumentError("cluster", cluster, problem)
        return cluster, False
    if isinstance(cluster, Path) or (isinstance(cluster, str) and cluster.endswith(".json")):
        where: dict[str, Any] = {"scheduler_file": str(cluster)}
        if not Path(cluster).is_file():
            raise ArgumentError("cluster", cluster, "there is no such scheduler file")
    elif isinstance(cluster, str) or hasattr(cluster, "scheduler_address"):
        where = {"address": cluster}
    else:
        problem = "must be a Client, a cluster, the address of a scheduler, or a scheduler file"
        raise ArgumentError("cluster", cluster, problem)
    try:
        return client(**where, timeout=_CONNECT_SECONDS, set_as_default=False), True
    except (OSError, TimeoutError, ValueError) as error:
        problem = f"no Dask scheduler answers there ({error})"
        raise ArgumentError("cluster", cluster, problem) from None

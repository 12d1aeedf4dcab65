"""Evaluations in the tasks of a Ray cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from pyhopper.errors import ArgumentError, EngineLostError
from pyhopper.executors.cluster import ClusterExecutor, checked_env
from pyhopper.executors.mail import SearchGoneError
from pyhopper.executors.remote import Work, evaluate
from pyhopper.executors.runner import PickledObjective
from pyhopper.extras import require

_CONCURRENCY = 20_000
"""How many jobs may wait for a message at the same time."""

_CONNECT_SECONDS = 10.0
"""How long the address of a cluster may take to answer."""


class Ray(ClusterExecutor):
    """Evaluates in the tasks of a Ray cluster, as many at a time as all its nodes have room for.

    Where others use the cluster too, tasks wait in Ray for their turn.

    Nodes that join are used, and the candidate of a node that is lost runs again. A session that is
    open already is used and stays open.

    Parameters
    ----------
    address : str, optional
        ``"auto"`` or the address of a cluster; by default the session that is open, else a new one
        on this machine.
    num_cpus, num_gpus : float
        What each evaluation takes. Ray sets ``CUDA_VISIBLE_DEVICES`` accordingly.
    resources : dict, optional
        Further resources that it takes, by their names in Ray.
    env : dict, optional
        Environment variables of the processes that evaluate. Ray sets ``OMP_NUM_THREADS`` to the
        number of CPUs of a task; this changes it.

    Raises
    ------
    ArgumentError
        If there is no such cluster, or none of its nodes has the resources.
    ImportError
        Without the package ``ray``.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        num_cpus: float = 1,
        num_gpus: float = 0,
        resources: Mapping[str, float] | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        needs = {"num_cpus": num_cpus, "num_gpus": num_gpus, **(resources or {})}
        for name, need in needs.items():
            if isinstance(need, bool) or not isinstance(need, int | float) or need < 0:
                raise ArgumentError(name, need, "must be a number, at least 0")
        self._ray, self._is_ours = _connect(address)
        names = {"num_cpus": "CPU", "num_gpus": "GPU"}
        self._needs = {names.get(name, name): need for name, need in needs.items() if need > 0}
        self._refs: dict[str, Any] = {}
        self._handle: tuple[int, Any] | None = None
        self._task = self._ray.remote(
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            resources=dict(resources or {}),
            max_retries=0,
            # A process of Ray is kept: each candidate has one of its own anyway.
            max_calls=0,
        )(evaluate)
        super().__init__("the Ray cluster", RayMail(self._ray), checked_env(env))
        self._check_needs(needs)

    def _check_needs(self, needs: Mapping[str, float]) -> None:
        """Refuse what no node has: such a task would wait for ever."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(all(n.get(r, 0) >= need for r, need in self._needs.items()) for n in nodes):
            self.close()
            name = next(iter({"resources", *self._needs} - {"CPU"} or {"CPU"}))
            name = {"CPU": "num_cpus", "GPU": "num_gpus"}.get(name, "resources")
            problem = f"no node of the cluster has {_listed(self._needs)}"
            raise ArgumentError(name, needs.get(name, needs), problem)

    def _capacity(self) -> int:
        try:
            alive = [node for node in self._ray.nodes() if node["Alive"]]
        except Exception as error:
            raise EngineLostError(self.name, f"it does not answer ({error})") from error
        return sum(self._room(node["Resources"]) for node in alive)

    def _room(self, resources: Mapping[str, float]) -> int:
        if not self._needs:
            return os.cpu_count() or 1
        return int(min(resources.get(name, 0) // need for name, need in self._needs.items()))

    def _start(self, key: str, objective: PickledObjective, work: Work) -> None:
        if self._handle is None or self._handle[0] != objective.number:
            self._handle = objective.number, self._ray.put(objective.pickled)
        ref = self._refs[key] = self._task.remote(self._handle[1], work)
        ref.future().add_done_callback(lambda each: self._ended(key, each))

    def _ended(self, key: str, future: Any) -> None:
        self._refs.pop(key, None)
        try:
            self.done(key, future.result())
        except BaseException as error:
            self.gone(key, f"{type(error).__name__}: {str(error).splitlines()[0]}")

    def _stop(self, key: str) -> None:
        ref = self._refs.pop(key, None)
        if ref is not None:
            with contextlib.suppress(Exception):
                self._ray.cancel(ref, force=True)

    def _shut_down(self) -> None:
        self._refs.clear()
        self._handle = None
        if self._is_ours:
            self._ray.shutdown()


class Post:
    """The actor that keeps messages until they are fetched."""

    def __init__(self) -> None:
        self._up: deque[tuple[str, str]] = deque()
        self._down: dict[str, deque[str]] = defaultdict(deque)
        self._news: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def put_up(self, key: str, text: str) -> None:
        """From a job to the search."""
        self._up.append((key, text))
        self._news[""].set()

    async def take_up(self, seconds: float) -> list[tuple[str, str]]:
        """All messages to the search; waits for one."""
        if not self._up:
            await self._wait("", seconds)
        found = list(self._up)
        self._up.clear()
        return found

    async def put_down(self, key: str, text: str) -> None:
        """From the search to a job."""
        self._down[key].append(text)
        self._news[key].set()

    async def take_down(self, key: str, seconds: float) -> str | None:
        """The next message to a job; waits for it."""
        if not self._down[key]:
            await self._wait(key, seconds)
        return self._down[key].popleft() if self._down[key] else None

    async def forget(self, key: str) -> None:
        """A job has ended."""
        self._down.pop(key, None)
        self._news.pop(key, None)

    async def _wait(self, key: str, seconds: float) -> None:
        self._news[key].clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news[key].wait(), seconds)


class RayBox:
    """A job's end, see :class:`RayMail`."""

    def __init__(self, post: Any, key: str) -> None:
        self._post = post
        self._key = key

    def send(self, text: str) -> None:
        """See :class:`~pyhopper.executors.mail.Box`."""
        self._call(self._post.put_up.remote(self._key, text))

    def receive(self, seconds: float) -> str | None:
        """See :class:`~pyhopper.executors.mail.Box`."""
        text = self._call(self._post.take_down.remote(self._key, seconds))
        return None if text is None else str(text)

    def _call(self, ref: Any) -> Any:
        import ray

        try:
            return ray.get(ref)
        except ray.exceptions.RayActorError:
            # The actor ends with the search.
            raise SearchGoneError from None

    def close(self) -> None:
        """See :class:`~pyhopper.executors.mail.Box`; a wait ends by itself, and disturbs nobody."""


class RayMail:
    """Messages by an actor on the machine of the search."""

    def __init__(self, ray: Any) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(here, soft=True)
        actor = ray.remote(num_cpus=0, max_concurrency=_CONCURRENCY)(Post)
        self._ray = ray
        self._post = actor.options(scheduling_strategy=strategy).remote()
        self._closed = threading.Event()

    def open(self, deliver: Callable[[str, str], None]) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        threading.Thread(target=self._read, args=(deliver,), daemon=True).start()

    def box(self, key: str) -> RayBox:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        return RayBox(self._post, key)

    def send(self, key: str, text: str) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        self._post.put_down.remote(key, text)

    def forget(self, key: str) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        self._post.forget.remote(key)

    def close(self) -> None:
        """See :class:`~pyhopper.executors.mail.Mail`."""
        self._closed.set()
        with contextlib.suppress(Exception):
            self._ray.kill(self._post)

    def _read(self, deliver: Callable[[str, str], None]) -> None:
        while not self._closed.is_set():
            try:
                for key, text in self._ray.get(self._post.take_up.remote(10)):
                    deliver(key, text)
            except Exception:  # noqa: PERF203 - the cluster does not answer now
                time.sleep(0.2)


def _connect(address: str | None) -> tuple[Any, bool]:
    """The module of Ray with an open session, and whether it is ours to close."""
    ray = require("ray", "ray", "executors.Ray")
    if ray.is_initialized():
        return ray, False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        host, _, port = (address or "").removeprefix("ray://").rpartition(":")
        if port.isdigit():
            # Ray itself would try for many minutes.
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        more = {} if address is not None else {"include_dashboard": False}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **more)
    except (OSError, RuntimeError, ValueError) as error:
        problem = f"no Ray cluster answers there ({str(error).splitlines()[0]})"
        raise ArgumentError("address", address, problem) from None
    return ray, True


def _listed(needs: Mapping[str, float]) -> str:
    return " and ".join(f"{need:g} {name}" for name, need in needs.items())

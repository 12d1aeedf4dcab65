"""The worker process: loads the objective once, then evaluates candidates one after another."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import pickle
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from pyhopper.errors import ObjectiveError
from pyhopper.events import Outcome, Status
from pyhopper.executors import channel as wire
from pyhopper.executors.base import candidate_dir
from pyhopper.objective import DebuggerQuit, failure
from pyhopper.ownership import freeze

_NO_TERMINAL = (
    "the objective opened a debugger, but a subprocess has no terminal; debug it with n_jobs=1 and "
    "without timeout, deadline and isolation, then it runs in the process of the search"
)

_loading = False

_MOST_WRAPPERS = 50
"""How many objects inside each other are looked at to find the user's function."""

_WRAPPED = ("func", "__func__", "__wrapped__", "function", "__self__")
"""Attributes under which partials, methods, decorators and pyhopper's own classes keep it."""


def is_loading() -> bool:
    """Whether this process is a worker that imports the user's modules right now."""
    return _loading


def main(fd: int, parent: int) -> None:
    """Serve the search at the other end of a socket, until it says to leave or closes its end.

    Parameters
    ----------
    fd : int
        The inherited socket; -1 on Windows, where the socket comes through the standard input.
    parent : int
        Process id of the search; 0 if a supervisor is between the search and this process.
    """
    supervisor = 0 if parent else os.getppid()
    stdin = os.dup(0)
    sock = _socket(fd, stdin)
    # The objective must not read from the search's pipe, so its own input is empty.
    with Path(os.devnull).open("rb") as null:
        os.dup2(null.fileno(), 0)
    if not die_with_parent(parent or supervisor):
        threading.Thread(target=exit_when_closed, args=(stdin,), daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    faulthandler.enable()
    try:
        _Worker(wire.BlockingChannel(sock), supervisor).serve()
    except (EOFError, BrokenPipeError):
        _end()


def _socket(fd: int, stdin: int) -> socket.socket:
    if fd >= 0:
        os.set_inheritable(fd, False)
        return socket.socket(fileno=fd)
    if sys.platform != "win32":
        raise OSError("only Windows hands a socket over through the standard input")
    length = int.from_bytes(os.read(stdin, 4), "big")
    shared: socket.socket = socket.fromshare(os.read(stdin, length))
    return shared


def die_with_parent(parent: int) -> bool:
    """Let the kernel kill this process when its parent dies; False if it cannot (not on Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    set_parent_death_signal = 1
    if ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0) != 0:
        return False
    if os.getppid() != parent:
        _end()
    return True


def exit_when_closed(fd: int) -> None:
    """Wait until the other end of a pipe, which only the search has, is closed; then exit."""
    while os.read(fd, 1):
        pass
    _end()


def _end() -> None:
    """Kill this process and its group, without running any of the user's code such as `atexit`."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


class _Worker:
    def __init__(self, channel: wire.BlockingChannel, supervisor: int) -> None:
        self._channel = channel
        self._supervisor = supervisor
        self._evaluate: Any = None
        self._shared: tuple[Any, ...] = ()
        self._collect = False

    def serve(self) -> None:
        """Do what the search says until it says to leave."""
        while True:
            kind, payload = self._channel.receive()
            if kind == wire.SETUP:
                setup = pickle.loads(payload)
                sys.argv[:] = setup.argv
                self._collect = setup.collect
            elif kind == wire.SOURCES:
                wire.unpack_sources(payload)
            elif kind == wire.LOAD:
                if not self._load(payload):
                    return
            elif kind == wire.JOB:
                self._channel.send(wire.STARTED)
                self._run(payload)
            elif kind == wire.LEAVE:
                return

    def _load(self, payload: memoryview) -> bool:
        global _loading
        _loading = True
        try:
            self._evaluate, shared = pickle.loads(payload)
            self._shared = freeze(shared)
            _share_names_with_main(self._evaluate)
        except BaseException as error:
            outcome = failure(error)
            why = [outcome.reason, outcome.details]
            self._channel.send(wire.UNLOADABLE, json.dumps(why).encode())
            return False
        finally:
            _loading = False
        self._channel.send(wire.LOADED)
        return True

    def _run(self, payload: memoryview) -> None:
        try:
            params, folder = wire.unpack(payload, self._shared)
            with candidate_dir(folder):
                outcome = self._evaluate(params, self._report)
        except DebuggerQuit:
            outcome = failure(ObjectiveError(_NO_TERMINAL))
        except BaseException as error:
            outcome = failure(error)
        del payload
        params = None
        _flush()
        self._channel.send(wire.RESULT, encode(outcome, has_children(self._supervisor)))
        if self._collect:
            gc.collect()

    def _report(self, estimate: float) -> bool:
        self._channel.send(wire.ESTIMATE, json.dumps(estimate).encode())
        _, advice = self._channel.receive()
        return bool(advice[0])


def _share_names_with_main(objective: Any) -> None:
    """Put the names that the objective of a script uses into this process's ``__main__``.

    The functions of a script are sent by value, since this process has not run the script. If the
    objective then pickles one of them, say for a pool of its own, pickle looks it up in
    ``__main__``.
    """
    names = vars(sys.modules["__main__"])
    waiting = [objective]
    for _ in range(_MOST_WRAPPERS):  # some objects, such as mocks, have every attribute
        if not waiting:
            return
        thing = waiting.pop(0)
        with contextlib.suppress(Exception):  # attributes of the user's objects may raise anything
            space = getattr(thing, "__globals__", None)
            if isinstance(space, dict) and thing.__module__ == "__main__":
                for name, value in {**space, thing.__name__: thing}.items():
                    # Not `__file__` and the like: by these a process that is spawned here would
                    # find the script and run it.
                    if not (name.startswith("__") and name.endswith("__")):
                        names.setdefault(name, value)
            inner = [getattr(thing, name, None) for name in _WRAPPED]
            waiting += [each for each in inner if callable(each)]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # The objective may have closed or replaced the stream.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def encode(outcome: Outcome, children: bool) -> bytes:
    """The payload of a RESULT frame."""
    fields = outcome._replace(status=outcome.status.value)  # type: ignore[arg-type]
    try:
        return json.dumps([fields, children]).encode()
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"the result cannot be sent to the search: {error}"
        broken = Outcome(Status.FAILED, estimates=outcome.estimates, reason=reason)
        return encode(broken, children)


def decode(payload: bytes) -> tuple[Outcome, bool]:
    """The outcome in a RESULT frame, and whether the worker has child processes.

    Raises
    ------
    ValueError, TypeError
        If the payload is something else.
    """
    fields, children = json.loads(payload)
    outcome = Outcome(*fields)
    status = Status(outcome.status)
    return outcome._replace(status=status, estimates=tuple(outcome.estimates)), bool(children)


def has_children(supervisor: int = 0) -> bool:
    """Whether this process has children, zombies included; False where that cannot be asked.

    Orphans below it count too; these have become children of the supervisor, if there is one.
    """
    if supervisor and _has_orphans(supervisor):
        return True
    if not hasattr(os, "waitid"):
        return False
    try:
        # WNOWAIT only looks, so that the code that started a child can still wait for it.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _has_orphans(supervisor: int) -> bool:
    """Whether the supervisor has other children than this process."""
    try:
        fd = os.open(f"/proc/{supervisor}/task/{supervisor}/children", os.O_RDONLY)
    except OSError:
        return False
    try:
        return len(os.read(fd, 100).split()) > 1
    finally:
        os.close(fd)

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

from pyhopper.events import Outcome, Status
from pyhopper.executors import channel as wire
from pyhopper.executors.base import candidate_dir
from pyhopper.objective import failure

_loading = False

_MOST_WRAPPERS = 50

_WRAPPED = ("func", "__func__", "__wrapped__", "function", "__self__")


def is_loading() -> bool:
    """Whether this process is a worker that imports the user's modules right now."""
    return _loading


def main(fd: int, parent: int) -> None:
    """Serve the search at the other end of a socket until it says or hangs up.

    Parameters
    ----------
    fd : int
        The socket, inherited; -1 if it comes through the standard input.
    parent : int
        Process id of the search.
    """
    hangup = os.dup(0)
    sock = _socket(fd, hangup)
    with Path(os.devnull).open("rb") as null:
        os.dup2(null.fileno(), 0)
    if not die_with_parent(parent):
        threading.Thread(target=watch, args=(hangup,), daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    faulthandler.enable()
    try:
        _Worker(wire.BlockingChannel(sock)).serve()
    except (EOFError, BrokenPipeError):
        _end()


def _socket(fd: int, stdin: int) -> socket.socket:
    if fd >= 0:
        os.set_inheritable(fd, False)
        return socket.socket(fileno=fd)
    if sys.platform != "win32":
        raise OSError("a socket is handed over by its number")
    length = int.from_bytes(os.read(stdin, 4), "big")
    shared: socket.socket = socket.fromshare(os.read(stdin, length))
    return shared


def die_with_parent(parent: int) -> bool:
    """Let the kernel end this process with its parent; False if it cannot."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    set_parent_death_signal = 1
    if ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0) != 0:
        return False
    if os.getppid() != parent:
        _end()
    return True


def watch(fd: int) -> None:
    """End this process when the other end of a pipe is closed, which only the search holds."""
    while os.read(fd, 1):
        pass
    _end()


def _end() -> None:
    """End this process and its group, at once and without anything of the user's."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


class _Worker:
    def __init__(self, channel: wire.BlockingChannel) -> None:
        self._channel = channel
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
            elif kind == wire.LOAD:
                if not self._load(payload):
                    return
            elif kind == wire.JOB:
                self._channel.send(wire.BEGUN)
                self._run(payload)
            elif kind == wire.LEAVE:
                return

    def _load(self, payload: memoryview) -> bool:
        global _loading
        _loading = True
        try:
            self._evaluate, self._shared = pickle.loads(payload)
            _name_what_came_by_value(self._evaluate)
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
        except BaseException as error:
            outcome = failure(error)
        del payload
        params = None
        _flush()
        self._channel.send(wire.RESULT, _encode(outcome, has_children()))
        if self._collect:
            gc.collect()

    def _report(self, estimate: float) -> bool:
        self._channel.send(wire.ESTIMATE, json.dumps(estimate).encode())
        _, advice = self._channel.receive()
        return bool(advice[0])


def _name_what_came_by_value(objective: Any) -> None:
    """Put the script's names that an objective uses where pickle looks them up.

    The objective of a script travels by value, and this process has no script: what it pickles
    itself, say for a pool of its own, would not be found.
    """
    names = vars(sys.modules["__main__"])
    waiting = [objective]
    for _ in range(_MOST_WRAPPERS):  # of some objects every attribute is there and callable
        if not waiting:
            return
        thing = waiting.pop(0)
        with contextlib.suppress(Exception):  # of an object that answers in its own way
            space = getattr(thing, "__globals__", None)
            if isinstance(space, dict) and thing.__module__ == "__main__":
                for name, value in {**space, thing.__name__: thing}.items():
                    names.setdefault(name, value)
            # Through partial, methods, decorators and what pyhopper wraps around a function.
            inner = [getattr(thing, name, None) for name in _WRAPPED]
            waiting += [each for each in inner if callable(each)]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # The objective may have closed or replaced it.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _encode(outcome: Outcome, leftover: bool) -> bytes:
    fields = outcome._replace(status=outcome.status.value)  # type: ignore[arg-type]
    try:
        return json.dumps([fields, leftover]).encode()
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"the result cannot be sent to the search: {error}"
        broken = Outcome(Status.FAILED, estimates=outcome.estimates, reason=reason)
        return _encode(broken, leftover)


def decode(payload: bytes) -> tuple[Outcome, bool]:
    """The outcome in a RESULT, and whether processes are left over.

    Raises
    ------
    ValueError, TypeError
        If it is none.
    """
    fields, leftover = json.loads(payload)
    outcome = Outcome(*fields)
    status = Status(outcome.status)
    return outcome._replace(status=status, estimates=tuple(outcome.estimates)), bool(leftover)


def has_children() -> bool:
    """Whether this process has child processes; False where the system does not tell."""
    if not hasattr(os, "waitid"):
        return False
    try:
        # Only looks, so that whoever waits for the children still can.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True

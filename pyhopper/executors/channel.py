"""Frames between a search and its workers: one byte of kind, eight of length, the payload."""

from __future__ import annotations

import io
import pickle
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

_HEAD = struct.Struct(">cQ")
_LONGEST = 1 << 30
_CHUNK = 1 << 18

# From the search to a worker.
SETUP = b"S"
"""A pickled :class:`Setup`."""
LOAD = b"O"
"""A pickled objective, and the shared objects of its candidates."""
JOB = b"J"
"""A candidate, pickled by :func:`pack`."""
ADVICE = b"A"
"""One byte: whether the evaluation should be given up."""
LEAVE = b"X"
"""Exit in an orderly way."""

# From a worker to the search. Only plain data, so that reading it runs nobody's code.
LOADED = b"L"
"""The objective is there."""
UNLOADABLE = b"U"
"""JSON: why the objective could not be loaded, and the traceback."""
BEGUN = b"B"
"""The candidate has arrived."""
ESTIMATE = b"E"
"""JSON: an estimate; an ADVICE is expected."""
RESULT = b"R"
"""JSON: the outcome's fields, and whether processes are left over."""


class Setup(NamedTuple):
    """What a worker is told first.

    Attributes
    ----------
    argv : list of str
        Command line of the search's program, which an objective may read.
    collect : bool
        Whether to collect garbage after each evaluation, since a GPU's memory may hang on it.
    """

    argv: list[str]
    collect: bool


class Broken(Exception):  # noqa: N818 - a state of the channel
    """The other side writes something that is no frame."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    return _HEAD.pack(kind, len(payload)) + payload


class Channel:
    """The search's end, which never blocks.

    Parameters
    ----------
    sock : socket
        A connected stream; becomes non-blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.ended = False
        """Whether the other side has closed."""
        self._inbox = bytearray()
        self._outbox: deque[memoryview] = deque()

    @property
    def is_sending(self) -> bool:
        """Whether something waits for the other side to read."""
        return bool(self._outbox)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame as far as that goes now; :meth:`flush` sends the rest."""
        self._outbox.append(memoryview(_HEAD.pack(kind, len(payload))))
        if payload:
            self._outbox.append(memoryview(payload))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as that goes now."""
        try:
            while self._outbox:
                sent = self.sock.send(self._outbox[0][:_CHUNK])
                if sent == len(self._outbox[0]):
                    self._outbox.popleft()
                else:
                    self._outbox[0] = self._outbox[0][sent:]
        except BlockingIOError:
            pass
        except OSError:
            # The other side has gone. What it wrote before can still be read.
            self._outbox.clear()

    def receive(self) -> list[tuple[bytes, bytes]]:
        """All frames that have arrived.

        Raises
        ------
        Broken
            If what arrives are no frames.
        """
        try:
            while not self.ended:
                data = self.sock.recv(_CHUNK)
                self._inbox += data
                self.ended = not data
                if len(data) < _CHUNK:
                    break
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True
        frames = []
        while len(self._inbox) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._inbox)
            if length > _LONGEST or kind not in (LOADED, UNLOADABLE, BEGUN, ESTIMATE, RESULT):
                raise Broken
            end = _HEAD.size + length
            if len(self._inbox) < end:
                break
            frames.append((kind, bytes(self._inbox[_HEAD.size : end])))
            del self._inbox[:end]
        return frames

    def close(self) -> None:
        """Hang up."""
        self._outbox.clear()
        self.sock.close()


class BlockingChannel:
    """The worker's end, which waits."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame."""
        self._sock.sendall(frame(kind, payload))

    def receive(self) -> tuple[bytes, memoryview]:
        """Wait for a frame.

        Raises
        ------
        EOFError
            If the search has gone.
        """
        kind, length = _HEAD.unpack(self._exactly(_HEAD.size))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> memoryview:
        buffer = memoryview(bytearray(count))
        place = 0
        while place < count:
            try:
                got = self._sock.recv_into(buffer[place:])
            except OSError:
                got = 0
            if not got:
                raise EOFError
            place += got
        return buffer


def pack(params: Any, shared: Sequence[Any]) -> bytes:
    """Pickle a candidate without the objects that the worker has already."""
    import cloudpickle

    places = {id(each): place for place, each in enumerate(shared)}
    buffer = io.BytesIO()
    if not places:
        cloudpickle.dump(params, buffer)
        return buffer.getvalue()

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> Any:
            return places.get(id(obj))

    Pickler(buffer).dump(params)
    return buffer.getvalue()


def unpack(packed: bytes | memoryview, shared: Sequence[Any]) -> Any:
    """The candidate that :func:`pack` made."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            return shared[pid]

    return Unpickler(io.BytesIO(packed)).load()

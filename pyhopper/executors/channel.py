"""The connection between the search and a worker: a stream of frames over a socket.

A frame is one byte that says its kind, eight bytes with the length of its payload (big-endian), and
the payload.
"""

from __future__ import annotations

import functools
import io
import linecache
import os
import pickle
import socket
import struct
from collections import ChainMap, deque
from collections.abc import Sequence
from types import CodeType
from typing import Any, NamedTuple

from pyhopper.forks import end_in_child_of
from pyhopper.ownership import own

_HEAD = struct.Struct(">cQ")
_LONGEST = 1 << 30
"""Longest payload that is accepted from a worker, in bytes. A longer one is taken for garbage."""

_ANONYMOUS = "<dynamic-code>"
"""What cloudpickle 3.1 writes instead of the name of a function's file."""

_MOST_LINES = 100_000
"""Lines of a file that is sent as source."""

_CHUNK = 1 << 18
"""How many bytes are sent or received at a time."""

# From the search to a worker.
SETUP = b"S"
"""A pickled :class:`Setup`."""
SOURCES = b"C"
"""Pickled: the source of functions that the next LOAD has in it, by the name of their file."""
LOAD = b"O"
"""A pickled objective, and the shared objects of its candidates."""
JOB = b"J"
"""A candidate and its folder, pickled by :func:`pack`."""
ADVICE = b"A"
"""One byte, the answer to an estimate: whether the evaluation should be given up."""
LEAVE = b"X"
"""The worker should exit in an orderly way."""

# From a worker to the search. Only JSON and no pickles, so that reading it runs nobody's code.
LOADED = b"L"
"""The objective has been loaded."""
UNLOADABLE = b"U"
"""JSON: why the objective could not be loaded, and the traceback."""
STARTED = b"B"
"""The candidate has arrived, and its evaluation starts."""
ESTIMATE = b"E"
"""JSON: an estimate. The worker waits for an ADVICE."""
RESULT = b"R"
"""JSON: the outcome's fields, and whether the worker has child processes."""


class Setup(NamedTuple):
    """The first thing that a worker is sent.

    Attributes
    ----------
    argv : list of str
        Command line of the search's program, which an objective may read from ``sys.argv``.
    collect : bool
        Whether to collect garbage after each evaluation. Objects that wait for the garbage
        collector may hold memory of a GPU.
    """

    argv: list[str]
    collect: bool


class ProtocolError(Exception):
    """The bytes that arrived are no frame, or a frame that is not expected now."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return _HEAD.pack(kind, len(payload)) + payload


class Channel:
    """The search's end of the connection, which never blocks.

    Parameters
    ----------
    sock : socket
        A connected stream socket. It is made non-blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.ended = False
        """Whether the worker has closed its end, or exited."""
        self._inbox = bytearray()
        self._outbox: deque[memoryview] = deque()

    @property
    def is_sending(self) -> bool:
        """Whether there are bytes left to send, which wait for the worker to read."""
        return bool(self._outbox)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send as much of a frame as is possible now; :meth:`flush` sends the rest."""
        self._outbox.append(memoryview(_HEAD.pack(kind, len(payload))))
        if payload:
            self._outbox.append(memoryview(payload))
        self.flush()

    def flush(self) -> None:
        """Send as much as is possible now of what is left to send."""
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
            # The worker has exited. What it wrote before can still be read.
            self._outbox.clear()

    def receive(self) -> list[tuple[bytes, bytes]]:
        """All frames that have arrived completely.

        Raises
        ------
        ProtocolError
            If what has arrived is not the beginning of a frame of a worker.
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
            if length > _LONGEST or kind not in (LOADED, UNLOADABLE, STARTED, ESTIMATE, RESULT):
                raise ProtocolError
            end = _HEAD.size + length
            if len(self._inbox) < end:
                break
            frames.append((kind, bytes(self._inbox[_HEAD.size : end])))
            del self._inbox[:end]
        return frames

    def close(self) -> None:
        """Close this end."""
        self._outbox.clear()
        self.sock.close()


class BlockingChannel:
    """The worker's end of the connection, which waits for the search.

    It belongs to the process that made it. A process that was forked meanwhile ends when it sends.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pid = os.getpid()

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame."""
        end_in_child_of(self._pid)
        self._sock.sendall(frame(kind, payload))

    def receive(self) -> tuple[bytes, memoryview]:
        """Wait for a frame.

        Raises
        ------
        EOFError
            If the search has closed its end, or exited.
        """
        kind, length = _HEAD.unpack(self._exactly(_HEAD.size))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> memoryview:
        buffer = memoryview(bytearray(count))
        filled = 0
        while filled < count:
            try:
                received = self._sock.recv_into(buffer[filled:])
            except OSError:
                received = 0
            if not received:
                raise EOFError
            filled += received
        return buffer


@functools.cache
def _pickler() -> Any:
    """A class of picklers, made when it is first needed, since cloudpickle takes long to import."""
    import cloudpickle

    table = cloudpickle.Pickler.dispatch_table

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def __init__(self, file: Any, shared: Sequence[Any], files: set[str]) -> None:
            self._indices = {id(each): index for index, each in enumerate(shared)}
            self._files = files
            self.dispatch_table = ChainMap({CodeType: self._reduce}, table)
            super().__init__(file)  # which looks at the table

        def persistent_id(self, obj: Any) -> Any:
            return self._indices.get(id(obj)) if self._indices else None

        def _reduce(self, code: CodeType) -> Any:
            make, arguments = table[CodeType](code)
            self._files.add(code.co_filename)
            return make, tuple(code.co_filename if a == _ANONYMOUS else a for a in arguments)

    return Pickler


def pack(params: Any, shared: Sequence[Any], files: set[str] | None = None) -> bytes:
    """Pickle a candidate, with references to the shared objects, which the worker has already.

    Functions that are pickled by value keep the name of their file, as a traceback shows it. These
    names are added to ``files``.
    """
    buffer = io.BytesIO()
    _pickler()(buffer, shared, set() if files is None else files).dump(params)
    return buffer.getvalue()


def pack_sources(files: set[str]) -> bytes:
    """The source of some files as it is known here; that of a notebook is not on a disk."""
    lines = {name: linecache.getlines(name) for name in files}
    return pickle.dumps({name: each for name, each in lines.items() if len(each) <= _MOST_LINES})


def unpack_sources(packed: bytes | memoryview) -> None:
    """Let tracebacks of this process show these sources."""
    for name, lines in pickle.loads(packed).items():
        if lines:
            # Without a time, so that the file is not looked for again.
            linecache.cache[name] = sum(map(len, lines)), None, lines, name


def unpack(packed: bytes | memoryview, shared: Sequence[Any]) -> Any:
    """The candidate that :func:`pack` has pickled, with copies of the shared objects."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, pid: Any) -> Any:
            return own(shared[pid])

    return Unpickler(io.BytesIO(packed)).load()

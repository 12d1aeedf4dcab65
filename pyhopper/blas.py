"""One thread for small matrices.

OpenBLAS, which NumPy's wheels contain, splits even small products among as many threads as there
are cores, and these wait for each other by spinning. On cores that are busy, as a search's are, the
model then takes ten times as long, and takes that time from the evaluations
(``benchmarks/thinking.py``). With one thread its sums also have one order on every machine.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import numpy as np

# The names in NumPy's wheels since 1.26, before, and in other builds.
_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)

Threads = tuple[Callable[[], int], Callable[[int], None]]

_lock = threading.Lock()
_before: list[int] = []
"""How many threads there were when each caller that is inside of :func:`one_thread` entered it."""


@functools.cache
def threads() -> Threads | None:
    """Functions that read and set the number of threads; None where NumPy has another library."""
    import ctypes

    try:
        # The symbols of what this module is linked with are found through it.
        library = ctypes.CDLL(np.linalg._umath_linalg.__file__)  # noqa: SLF001
    except (AttributeError, OSError):
        return None
    for name in _NAMES:
        with contextlib.suppress(AttributeError):
            return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Within, NumPy's matrix functions use one thread, in all threads of this process."""
    found = threads()
    if found is None:
        yield
        return
    read, write = found
    with _lock:
        _before.append(read())
        write(1)
    try:
        yield
    finally:
        with _lock:
            # Several searches may be in here at the same time; the last to leave restores what the
            # first found.
            before = _before.pop()
            if not _before:
                write(before)

"""Objectives for tests of clusters, which leave marks in a folder."""

import multiprocessing
import os
import signal
import time
from pathlib import Path


def mark(folder, params):
    """Note that an evaluation has started; how many have."""
    number = len(list(Path(folder).glob("mark-*")))
    Path(folder, f"mark-{number}-{os.getpid()}").write_text(repr(params["x"]))
    return number + 1


def parent_of(pid):
    """The parent of a process."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return int(text.rsplit(")", 1)[1].split()[1])


def kills_its_worker_once(params, folder):
    """The first time, it kills the process of the engine in which its task runs."""
    if mark(folder, params) == 1:
        # This process was started by a supervisor, and that by the task.
        os.kill(parent_of(os.getppid()), signal.SIGKILL)
        time.sleep(60)
    return params["x"]


def always_kills_its_worker(params, folder):
    mark(folder, params)
    os.kill(parent_of(os.getppid()), signal.SIGKILL)
    time.sleep(60)


def estimates(params, folder):
    mark(folder, params)
    for step in range(6):
        yield params["x"] + step / 100


def keywords(params, retries, priority, key, resources, workers):
    """Names that some engines take for themselves."""
    return params["x"] + retries + priority + key + resources + workers


def square(x):
    return x * x


def multiprocesses(params):
    """Needs to be in the main thread of a process that may have children."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return float(pool.map(square, [3])[0])


class TwoArgumentsError(Exception):
    """Cannot be unpickled from its message alone."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def raises_what_cannot_be_unpickled(params):
    raise TwoArgumentsError("this", "that")


def threads(params):
    return {"value": params["x"], "threads": os.environ["OMP_NUM_THREADS"]}


def meets(params, folder, count):
    """Ends once so many evaluations run at the same time, or have."""
    mark(folder, params)
    end = time.monotonic() + 60
    while len(list(Path(folder).glob("mark-*"))) < count:
        assert time.monotonic() < end
        time.sleep(0.05)
    return params["x"]


def slow(params, folder):
    mark(folder, params)
    time.sleep(0.2)
    return params["x"]


def gpu(params):
    time.sleep(0.2)
    return {"value": params["x"], "gpu": os.environ["CUDA_VISIBLE_DEVICES"]}

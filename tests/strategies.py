"""Hypothesis strategies: any sensible parameter."""

import numpy as np
from hypothesis import strategies as st

import pyhopper

SHAPES = st.sampled_from([None, 1, 3, (2, 3)])


def _bounds(draw, low, high, numbers):
    return sorted((draw(numbers(low, high)), draw(numbers(low, high))))


@st.composite
def ints(draw):
    """``int`` in all its kinds."""
    kind = draw(st.sampled_from(["plain", "multiple", "power", "log"]))
    shape = draw(SHAPES)
    if kind == "plain":
        lb, ub = _bounds(draw, -(2**40), 2**40, st.integers)
        return pyhopper.int(lb, ub, shape=shape)
    if kind == "multiple":
        step = draw(st.integers(1, 1000))
        first, more = draw(st.integers(-100, 100)), draw(st.integers(0, 50))
        lb = first * step - draw(st.integers(0, step - 1))
        ub = (first + more) * step + draw(st.integers(0, step - 1))
        return pyhopper.int(lb, ub, multiple_of=step, shape=shape)
    if kind == "power":
        base = draw(st.integers(2, 10))
        first, more = draw(st.integers(0, 5)), draw(st.integers(0, 6))
        return pyhopper.int(base**first, base ** (first + more), power_of=base, shape=shape)
    lb, ub = _bounds(draw, 1, 10**9, st.integers)
    return pyhopper.int(lb, ub, log=True, shape=shape)


@st.composite
def floats(draw):
    """``float`` in all its kinds."""
    kind = draw(
        st.sampled_from(["plain", "decimals", "log", "digits", "multiple", "power", "free"])
    )
    shape = draw(SHAPES)
    if kind == "free":
        return pyhopper.float(precision=draw(st.sampled_from([None, 2])), shape=shape)
    if kind == "power":
        first, more = draw(st.integers(-8, 3)), draw(st.integers(0, 8))
        lb, ub = (float(f"1e{e}") for e in (first, first + more))
        return pyhopper.float(lb, ub, power_of=10, shape=shape)
    if kind in ("log", "digits"):
        number = st.floats(1e-9, 1e9, allow_subnormal=False)
        lb, ub = sorted((draw(number), draw(number)))
        if kind == "log":
            return pyhopper.float(lb, ub, log=True, shape=shape)
        digits = draw(st.integers(1, 6))
        lb, ub = float(f"{lb:.{digits - 1}e}"), float(f"{ub:.{digits - 1}e}")
        return pyhopper.float(lb, ub, log=True, precision=digits, shape=shape)
    decimals = draw(st.integers(0, 4))
    lb, ub = sorted(draw(st.integers(-(10**6), 10**6)) / 10**decimals for _ in range(2))
    if kind == "plain":
        dtype = np.float64 if shape is None else draw(st.sampled_from([np.float64, np.float32]))
        return pyhopper.float(lb, ub, shape=shape, dtype=dtype)
    if kind == "decimals":
        return pyhopper.float(lb, ub, precision=decimals, shape=shape)
    return pyhopper.float(
        lb, ub + 3, multiple_of=draw(st.sampled_from([0.1, 0.25, 3])), shape=shape
    )


def choices():
    """``choice`` of constants, ordered or weighted or not."""
    options = st.lists(st.integers(), min_size=1, max_size=6, unique=True)
    plain = options.map(pyhopper.choice)
    ordinal = options.map(lambda values: pyhopper.choice(values, is_ordinal=True))
    weighted = options.map(
        lambda values: pyhopper.choice(values, weights=[1 + i for i in range(len(values))])
    )
    return plain | ordinal | weighted | st.just(pyhopper.bool())


def nested():
    """Parameters of any kind, also lists and conditional choices of them."""
    leaves = ints() | floats() | choices()
    branches = st.tuples(leaves, leaves).map(
        lambda pair: pyhopper.choice("none", {"a": pair[0], "b": [1, pair[1]]}, pair[0])
    )
    lists = st.tuples(leaves, st.integers(0, 2), st.integers(1, 4)).map(
        lambda parts: pyhopper.list(parts[0], parts[1], parts[1] + parts[2])
    )
    return leaves | branches | lists

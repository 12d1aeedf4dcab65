"""What the kernels promise, whatever the space and the history."""

from __future__ import annotations

import numpy as np
import pytest

import pyhopper
from pyhopper import blas
from pyhopper.kernels.coordinates import Coordinates, active, keys
from pyhopper.kernels.model import kernel as screening_kernel
from pyhopper.kernels.model.design import design_point, design_size, whole_space
from pyhopper.kernels.model.gaussian import MOST_POINTS, chosen_points, first_hyper, learn
from pyhopper.kernels.model.screening import Seen, log_improvement, rank
from pyhopper.kernels.moves import move, shift
from pyhopper.kernels.steps.evolution import Evolution
from pyhopper.kernels.steps.lines import Lines
from pyhopper.kernels.steps.slope import downhill

NONE = np.empty((0, 0))


def mixed() -> Coordinates:
    """A float, an ordered and an unordered choice, and two floats that the choice switches on."""
    return Coordinates(
        levels=np.array([0, 5, 3, 0, 0]),
        categorical=np.array([False, False, True, False, False]),
        parent=np.array([-1, -1, -1, 2, 2]),
        parent_option=np.array([0, 0, 0, 1, 2]),
    )


def legal(coordinates: Coordinates, rows: np.ndarray) -> None:
    """Check that rows hold only values that the columns allow, NaN where inactive."""
    on = active(coordinates, np.nan_to_num(rows))
    assert (np.isnan(rows) == ~on).all()
    for column, levels in enumerate(coordinates.levels):
        values = rows[~np.isnan(rows[:, column]), column]
        if coordinates.categorical[column]:
            assert np.isin(values, np.arange(levels)).all()
        else:
            assert (values >= 0).all()
            assert (values <= 1).all()
            if levels:
                cell = values * levels - 0.5
                assert np.allclose(cell, np.round(cell))


def history(coordinates: Coordinates, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return random evaluations of a bowl."""
    rows = whole_space(np.random.default_rng(seed), coordinates, count)
    return rows, np.nansum((rows - 0.3) ** 2, axis=1)


@pytest.mark.parametrize("seeding", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 40])
def test_candidates_are_legal_and_new(count: int, seeding: bool) -> None:
    """Whatever is proposed can be evaluated and was not seen."""
    space = mixed()
    rows, values = history(space, count)
    result = rank(np.random.default_rng(1), space, Seen(rows, values, rows[:0]), 0.5, seeding)
    assert len(result.rows)
    legal(space, result.rows)
    assert not set(keys(result.rows)) & set(keys(rows))
    assert np.isfinite(result.mean).all()
    assert (result.sd >= 0).all()


def test_moves_change_the_point() -> None:
    """A move is never its own start, and stays inside."""
    space = mixed()
    rows, _ = history(space, 500)
    moved = move(np.random.default_rng(2), space, rows, np.full(500, 0.01))
    legal(space, moved)
    assert all(a != b for a, b in zip(keys(rows), keys(moved), strict=True))


def test_smallest_step_of_a_level_is_one() -> None:
    """A chosen discrete entry moves by a level even for a tiny step, also at the ends."""
    space = Coordinates(np.array([4]), np.array([False]), np.array([-1]), np.array([0]))
    rows = np.repeat((np.arange(4) + 0.5) / 4, 50)[:, None]
    chosen = np.ones(rows.shape, dtype=bool)
    moved = shift(np.random.default_rng(0), space, rows, chosen, np.full(200, 1e-9))
    assert np.allclose(np.abs(moved - rows), 0.25)


def test_design_is_a_latin_hypercube() -> None:
    """Each strip of each column is used once, whatever the order of asking."""
    space = Coordinates.continuous(3)
    size = design_size(space) - 1
    rows = np.array([design_point(5, space, i, size) for i in reversed(range(size))])
    for column in rows.T:
        assert sorted(np.floor(column * size)) == list(range(size))


@pytest.mark.parametrize("values", [np.zeros(12), np.full(12, 1e300), np.full(12, -5.0)])
def test_constant_values(values: np.ndarray) -> None:
    """A flat history is no reason to fail."""
    space = mixed()
    rows, _ = history(space, 12)
    result = rank(np.random.default_rng(0), space, Seen(rows, values, rows[:0]), 0.5, False)
    assert len(result.rows)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_values(scale: float) -> None:
    """Values of any size, and exploded ones among them, are modelled."""
    space = mixed()
    rows, values = history(space, 30)
    values = values * scale
    values[3] = 1e308
    result = rank(np.random.default_rng(0), space, Seen(rows, values, rows[:0]), 0.5, False)
    assert len(result.rows)
    assert np.isfinite(result.mean[0])


def test_choice_depends_on_the_history_alone() -> None:
    """A record kept from call to call and one made anew lead to the same candidate."""
    space = mixed()
    rows, values = history(space, 60)
    hyper = first_hyper(space)
    for count in (4, 9, 10, 31, 60):
        hyper = learn(hyper, space, rows[:count], values[:count])
    kept = rank(np.random.default_rng(3), space, Seen(rows, values, rows[:0]), 0.5, False, hyper)
    anew = rank(np.random.default_rng(3), space, Seen(rows, values, rows[:0]), 0.5, False, None)
    assert (kept.rows == anew.rows)[~np.isnan(kept.rows)].all()


def test_pending_points_are_kept_away_from() -> None:
    """A second slot does not repeat the first one's candidate."""
    space = Coordinates.continuous(2)
    rows = whole_space(np.random.default_rng(0), space, 20)
    values = np.sin(9.0 * rows[:, 0]) + np.cos(7.0 * rows[:, 1])
    first = rank(np.random.default_rng(0), space, Seen(rows, values, rows[:0]), 0.5, False).rows[:1]
    second = rank(np.random.default_rng(0), space, Seen(rows, values, first), 0.5, False).rows[:1]
    assert np.abs(first - second).max() > 1e-3


def test_what_came_out_far_away_is_not_forgotten() -> None:
    """A model of many evaluations has the best, those near the best, and the latest anywhere."""
    space = Coordinates.continuous(2)
    near = whole_space(np.random.default_rng(0), space, 300) * 0.1
    corner = 1.0 - 0.01 * whole_space(np.random.default_rng(1), space, 20)
    rows = np.vstack([near, corner])
    values = rows.sum(axis=1)
    used = chosen_points(first_hyper(space), space, rows, values)
    assert len(used) == MOST_POINTS
    assert set(range(300, 320)) <= set(used.tolist()), "the latest"
    assert set(np.argsort(values)[:80].tolist()) <= set(used.tolist()), "the best"


def test_failing_region_is_left() -> None:
    """Where a third of the space fails, few of the later candidates do."""
    space = Coordinates.continuous(3)
    rows, values = history(space, 12)
    failures = 0
    for index in range(30):
        failed = rows[:, 0] < 0.35  # the optimum 0.3 lies inside
        seen = np.where(failed, np.nan, values)
        result = rank(np.random.default_rng(index), space, Seen(rows, seen, rows[:0]), 0.5, False)
        rows = np.vstack([rows, result.rows[:1]])
        values = np.append(values, np.sum((result.rows[0] - 0.3) ** 2))
        failures += int(result.rows[0, 0] < 0.35)
    assert failures <= 10


def test_nothing_has_succeeded() -> None:
    """Without a single value the search goes on away from the failures."""
    space = mixed()
    rows, _ = history(space, 6)
    failed = Seen(rows, np.full(6, np.nan), rows[:0])
    result = rank(np.random.default_rng(0), space, failed, 1.0, True)
    assert len(result.rows)
    assert np.isnan(result.mean).all()
    legal(space, result.rows)


def test_exhausted_space() -> None:
    """Nothing is returned when every point has been seen."""
    space = Coordinates(np.array([2, 2]), np.zeros(2, dtype=bool), np.full(2, -1), np.zeros(2))
    rows = np.array([[a, b] for a in (0.25, 0.75) for b in (0.25, 0.75)])
    result = rank(np.random.default_rng(0), space, Seen(rows, np.arange(4.0), rows[:0]), 0.5, False)
    assert len(result.rows) == 0


def test_log_improvement_is_monotone_far_away() -> None:
    """The logarithm of the improvement keeps order where the improvement itself is zero."""
    merit = log_improvement(np.linspace(0.0, 60.0, 500), np.ones(500), 0.0)
    assert (np.diff(merit) < 0).all()


@pytest.mark.parametrize("slots", [1, 4, 30])
def test_steps_find_the_bowl_with_several_slots(slots: int) -> None:
    """The learned step converges however many moves are in flight, and stays legal."""
    space = Coordinates.continuous(30)
    target = np.random.default_rng(0).random(30)

    def value(row: np.ndarray) -> float:
        return float(((row - target) ** 2).sum())

    start = np.full(30, 0.5)
    stepper = Lines(space, start, value(start))
    flying = []
    for index in range(1000):
        proposal = stepper.propose(np.random.default_rng(index))
        assert (proposal.row >= 0).all()
        assert (proposal.row <= 1).all()
        flying.append(proposal)
        if len(flying) >= slots:
            done = flying.pop(0)
            stepper.observe(done, value(done.row))
    assert stepper.value < (1e-3 if slots < 30 else 1e-2) * value(start)


def test_steps_in_a_mixed_space() -> None:
    """Options, levels and branches move as well, failures and infinities are survived."""
    space = mixed()
    rows, values = history(space, 5)
    values = values + (rows[:, 2] != 1)
    stepper = Lines(space, rows[0], values[0])
    for index in range(300):
        proposal = stepper.propose(np.random.default_rng(index))
        legal(space, proposal.row[None, :])
        value = np.nansum((proposal.row - 0.3) ** 2) + (proposal.row[2] != 1)
        stepper.observe(proposal, float("nan") if index % 7 == 0 else float(value))
    assert stepper.value < values[0]
    assert stepper.best[2] == 1


def test_slope_from_random_points(rng):
    """Points down the slope are better than the middle; where there is none, nothing is seen."""
    target = rng.uniform(0.1, 0.9, 300)

    def value(rows):
        return ((rows - target) ** 2).sum(axis=1)

    rows = rng.random((400, 300))
    points = downhill(rows, value(rows))
    assert min(value(np.array(points))) < 0.8 * value(np.full((1, 300), 0.5)).item()
    # Outliers and failures change the direction by little.
    wild = value(rows)
    wild[:20], wild[20:40] = 1e30, np.nan
    again = downhill(rows, wild)
    assert np.corrcoef(points[0] - 0.5, again[0] - 0.5)[0, 1] > 0.6
    found = sum(bool(downhill(rows[:100], rng.standard_normal(100))) for _ in range(100))
    assert found <= 35  # each with a probability of about 10 %: false alarm below 1e-10
    assert not downhill(rows[:30], value(rows[:30]))


def test_the_first_phase_is_not_lost_in_many_dimensions():
    """After few steps the chain is better than the middle was, for any type of column."""
    search = pyhopper.Search(
        w=pyhopper.float(-1, 1, shape=150),
        n=pyhopper.int(0, 9, shape=10),
        opt=pyhopper.choice("a", "b"),
        seed=2,
    )

    def objective(params):
        return (
            ((params["w"] - 0.4) ** 2).sum() + abs(params["n"] - 7).sum() + (params["opt"] == "a")
        )

    search.run(objective, "min", steps=400, seeding_steps=390, quiet=True)
    fs = search.history.fs
    assert min(fs[390:]) < 0.7 * fs[0] < min(fs[1:390])


def descend(coordinates, value, steps, start, seed=0):
    """Run the adapting distribution; the best value."""
    evolution = Evolution(coordinates, start, value(start), seed)
    for step in range(steps):
        draw = evolution.propose(np.random.default_rng([seed, step]))
        assert ((draw.row >= 0) & (draw.row <= 1))[~coordinates.categorical].all()
        evolution.observe(draw, value(draw.row))
    return evolution


def test_evolution_learns_the_shape(rng):
    """A narrow valley across all axes: a hundred times narrower than long, in ten dimensions."""
    turn, _ = np.linalg.qr(rng.standard_normal((10, 10)))
    scale = 100.0 ** np.linspace(0, 1, 10)

    def value(row):
        return float(np.square(scale * (turn @ (row - 0.4))).sum())

    evolution = descend(Coordinates.continuous(10), value, 3000, np.full(10, 0.8))
    assert evolution.value < 1e-6
    # The control: without learning the shape the same moves get nowhere near.
    evolution = Evolution(Coordinates.continuous(10), np.full(10, 0.8), np.inf)
    evolution.constants.one = evolution.constants.many = 0.0
    for step in range(3000):
        draw = evolution.propose(np.random.default_rng(step))
        evolution.observe(draw, value(draw.row))
    assert evolution.value > 1e-6


def test_evolution_starts_anew():
    """Many peaks: what one start misses another finds, and the best value stays."""

    def value(row):
        off = 8 * (row - 0.3)
        return float((off**2 - 5 * np.cos(2 * np.pi * off) + 5).sum())

    evolution = descend(Coordinates.continuous(2), value, 4000, np.array([0.9, 0.9]))
    assert evolution.run > 1
    assert evolution.value < 1e-9


def test_evolution_of_mixed_columns():
    """Levels and options are found with the numbers; failures and duplicates do no harm."""
    coordinates = Coordinates(
        levels=np.array([0, 0, 11, 4]),
        categorical=np.array([False, False, False, True]),
        parent=np.full(4, -1),
        parent_option=np.zeros(4, dtype=np.int64),
    )
    wanted = np.array([0.2, 0.7, 8.5 / 11, 2.0])

    def value(row):
        if row[3] == 0 and row[0] > 0.5:
            return np.nan
        return float(np.abs(row[:3] - wanted[:3]).sum() + 0.3 * (row[3] != wanted[3]))

    start = np.array([0.5, 0.5, 0.5 / 11, 1.0])
    assert descend(coordinates, value, 1500, start).value < 1e-3


def test_evolution_in_a_finite_space():
    """Duplicates count with the value that is known, so that the distribution goes on."""
    coordinates = Coordinates(
        levels=np.array([5, 5, 5]),
        categorical=np.array([False, True, False]),
        parent=np.full(3, -1),
        parent_option=np.zeros(3, dtype=np.int64),
    )
    start = np.array([0.1, 0.0, 0.1])
    evolution, seen = Evolution(coordinates, start, np.inf), {}
    for step in range(2000):
        draw = evolution.propose(np.random.default_rng(step))
        key = keys(draw.row[None, :])[0]
        if key in seen:
            evolution.drop(draw)
        else:
            seen[key] = abs(draw.row[0] - 0.9) + (draw.row[1] != 3) + abs(draw.row[2] - 0.7)
            evolution.observe(draw, seen[key])
    assert evolution.value == pytest.approx(0)
    assert 30 < len(seen) <= 125


def test_evolution_begins_as_wide_as_good_points_are_apart(rng):
    """Where the best ones are close together already, no time is lost with far moves."""
    coordinates, start = Coordinates.continuous(6), np.full(6, 0.5)
    for spread in (0.001, 0.05, 0.4):
        top = np.clip(start + spread * rng.standard_normal((8, 6)), 0, 1)
        sigma = Evolution(coordinates, start, 0.0, top=top).sigma
        assert 0.5 * spread < sigma < 2 * spread or sigma in (0.01, 0.2)
    assert Evolution(coordinates, start, 0.0, top=start[None, :]).sigma == 0.2


# Threads ---------------------------------------------------------------------------------------


def test_the_model_thinks_with_one_thread(monkeypatch):
    """More threads would wait for busy cores; afterwards there are as many as before."""
    found = blas.threads()
    if found is None:
        pytest.skip("NumPy has no OpenBLAS here")
    (read, write), seen = found, []
    monkeypatch.setattr(screening_kernel, "rank", lambda *args: seen.append(read()) or rank(*args))
    before = read()
    write(3)
    try:
        search = pyhopper.Search(x=pyhopper.float(0, 1), seed=0)
        search.run(lambda params: params["x"], steps=20, quiet=True)
        assert set(seen) == {1}
        assert read() == 3
        with blas.one_thread():
            with blas.one_thread():
                assert read() == 1
            assert read() == 1
        assert read() == 3
    finally:
        write(before)


@pytest.mark.parametrize("penalty", [1e155, 1e300, 1.7e308])
def test_steps_survive_penalties_of_any_size(penalty):
    """In many dimensions, where one evaluation in ten is that bad."""
    search = pyhopper.Search({f"n{i}": pyhopper.int(0, 10) for i in range(80)}, seed=0)
    rng = np.random.default_rng(0)

    def objective(params):
        assert all(0 <= value <= 10 for value in params.values())
        sign = rng.choice([-1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
        return float(sign * penalty) if sign else float(sum(params.values()))

    search.run(objective, "min", steps=300, on_error="raise", quiet=True)

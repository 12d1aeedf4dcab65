"""The step that learns in many dimensions: for arrays of hundreds of numbers and more.

Where no model of the objective is affordable, the chain learns from every move, kept or not. A
block of moves starts from the best point: either single parameters or all at once. A move to
best + u costs one evaluation and tells the slope along u, since the curvature along moves of its
kind is known from earlier pairs best ± u; so each move says how far it should have gone, and which
way (a rejected move counts like a loser with negative weight: Arnold 2006). The block ends with one
move that makes all these steps together and is kept if it is better. How much of the predicted gain
came true sets the stretch of the next steps; how long they were sets the next sizes. Now and then a
block also looks along the path that the best point has taken lately (Hooke & Jeeves 1961), which is
where narrow valleys lead.

No slot waits for another: where all moves of a block are being evaluated another block is opened,
and one that ends late adds its steps to whatever is the best by then.
"""

from __future__ import annotations

import numpy as np

from pyhopper.kernels.coordinates import (
    Coordinates,
    Floats,
    Ints,
    active,
    complete,
    snap,
    switch_off,
)
from pyhopper.kernels.steps.block import ALL, ONE, Block, Line, Move

LINES = 8
FIRST_SIZE = 0.025
SMALLEST, LARGEST = 1e-7, 0.25
# A kind of block keeps at least this share, so that it can show that it has become the better one.
LEAST_SHARE = 0.075
# Share of the lines that are tried on both sides, to learn the curvature again.
TWICE = 0.1
# Share of the blocks that look along the path, and how quickly the two paths forget.
PATH_SHARE, PATH_REACH, PATH_KEEP = 0.25, 0.5, np.array([[0.6], [0.92]])


class Lines:
    """A chain that learns from slopes along lines.

    It follows the protocol :class:`~pyhopper.kernels.steps.base.Chain`.

    Parameters
    ----------
    coordinates
        The columns.
    row, value
        Where the chain starts, usually the best evaluation so far.
    seed
        Fills in the entries that are inactive in `row`.
    """

    def __init__(self, coordinates: Coordinates, row: Floats, value: float, seed: int = 0) -> None:
        dimension = coordinates.dimension
        self.coordinates = coordinates
        self.best = complete(coordinates, row, seed)
        self.value = value
        self.found_by: Block | None = None
        self.free = np.flatnonzero(coordinates.free)
        self.moving = self.free[~coordinates.categorical[self.free]]
        # By kind of block ...
        self.size = FIRST_SIZE
        self.curvature = np.nan
        self.stretch = np.ones(2)
        self.gain = np.full(2, np.inf)
        # ... and by parameter.
        self.own_size = np.full(dimension, FIRST_SIZE)
        self.own_curvature = np.full(dimension, np.nan)
        self.promise = np.full(dimension, np.nan)
        self.visited = np.zeros(dimension)
        self.visits = 0.0
        self.shape: Floats | None = None
        self.paths = np.zeros((len(PATH_KEEP), dimension))
        self.last_start = self.best
        self.blocks: list[Block] = []

    def propose(self, rng: np.random.Generator, temperature: float = 1.0) -> Move:
        """See `Chain`. A dense move is at most half the temperature long in each entry."""
        for block in self.blocks:
            move = self._next_of(rng, block)
            if move is not None:
                return move
        block = self._open(rng, temperature)
        self.blocks.append(block)
        block.lines.append(self._line(rng, block, 0))
        return self._along(block, 0)

    def adopt(self, row: Floats, value: float) -> None:
        """See `Chain`. A better one becomes the best."""
        if value < self.value:
            self.best, self.value = np.where(np.isnan(row), self.best, row), value
            self.found_by = None

    def _next_of(self, rng: np.random.Generator, block: Block) -> Move | None:
        """Return what the block wants to have evaluated next, if anything."""
        if block.stage in ("step", "again") and block.step is not None:
            block.stage = "wait for " + block.stage
            if block.base is None:
                # The lines were measured from the start. Where another block has found something
                # better meanwhile, their steps are added to that.
                moved_on = self.value < block.value and self.found_by is not block
                block.base = self.best if moved_on else block.start
                block.reference = self.value if moved_on else block.value
            return self._move(np.clip(block.base + block.step, 0.0, 1.0), block, -1, 1)
        if block.stage != "lines":
            return None
        for index, line in enumerate(block.lines):
            if line.asked < line.tries:
                return self._along(block, index)
        if len(block.lines) < block.count:
            block.lines.append(self._line(rng, block, len(block.lines)))
            return self._along(block, len(block.lines) - 1)
        return None

    def _along(self, block: Block, index: int) -> Move:
        """Return the next move on a line: first forward, then back."""
        line = block.lines[index]
        line.asked += 1
        sign = 1 if line.asked == 1 else -1
        if line.column < 0:
            point = block.start + line.amount if sign > 0 else block.start - line.amount
            np.clip(point, 0.0, 1.0, out=point)
            return self._move(point, block, index, sign)
        point = block.start.copy()
        point[line.where] += sign * line.amount
        if self.coordinates.categorical[line.column]:
            point[line.where] %= self.coordinates.levels[line.column]
        else:
            point[line.where] = np.clip(point[line.where], 0.0, 1.0)
        return self._move(point, block, index, sign)

    def _move(self, point: Floats, block: Block, line: int, sign: int) -> Move:
        # Options are whole numbers and are not clipped by a step: it does not move them.
        options = self.coordinates.options
        if line < 0 and len(options) and block.base is not None:
            point[options] = block.base[options]
        legal = switch_off(self.coordinates, snap(self.coordinates, point[None, :]))[0]
        return Move(legal, point, block, line, sign)

    def _open(self, rng: np.random.Generator, temperature: float) -> Block:
        """Start a block of the kind that has gained most per evaluation, or of the other."""
        gain = np.clip(self.gain, 0.0, 1e300)
        total = float(gain.sum())
        share = float(gain[ONE]) / total if total > 0.0 else 0.5
        one = LEAST_SHARE + (1.0 - 2.0 * LEAST_SHARE) * share
        kind = ONE if not len(self.moving) or rng.random() < one else ALL
        self.size = min(self.size, 0.5 * temperature)
        self.paths *= PATH_KEEP
        self.paths += self.best - self.last_start
        self.last_start = self.best
        columns = self._columns(rng) if kind == ONE else np.empty(0, dtype=np.int64)
        along_path = rng.random() < PATH_SHARE and bool(self.paths[0].any())
        count = (len(columns) if kind == ONE else LINES) + int(along_path)
        return Block(kind, self.best.copy(), self.value, columns, count)

    def _columns(self, rng: np.random.Generator) -> Ints:
        """Pick parameters by what they gained at their last visits and how long ago that was."""
        free = self.free
        if self.coordinates.conditional:
            free = free[active(self.coordinates, self.best[None, :])[0, free]]
        promise = self.promise[free]
        known = np.isfinite(promise)
        typical = float(promise[known].mean()) if known.any() else 1.0
        weight = np.where(known, promise + 0.1 * typical, 3.0 * typical + 1e-300)
        self.visits += LINES
        age = self.visits - self.visited[free]
        # The largest of Gumbel-perturbed logarithms: a draw without replacement by weight.
        key = np.log(np.maximum(weight * age, 1e-300)) + 0.5 * rng.gumbel(size=len(weight))
        top = np.argpartition(-key, min(LINES, len(key)) - 1)[:LINES]
        chosen = free[top[np.argsort(-key[top], kind="stable")]]
        self.visited[chosen] = self.visits
        return np.asarray(chosen)

    def _line(self, rng: np.random.Generator, block: Block, index: int) -> Line:
        """Draw a direction. Where both sides are tried, it fits inside the bounds on both."""
        if index < len(block.columns):
            return self._single(rng, block, int(block.columns[index]))
        along_path = index >= (LINES if block.kind == ALL else len(block.columns))
        both = along_path or bool(np.isnan(self.curvature) or rng.random() < TWICE)
        if along_path:
            step = PATH_REACH * self.paths[int(rng.integers(len(self.paths)))]
        else:
            step = rng.standard_normal(self.coordinates.dimension)
            step *= self.size
            if self.shape is not None:
                step *= self.shape
        step[self.coordinates.options] = 0.0
        if both:
            room = np.maximum(np.minimum(block.start, 1.0 - block.start), 5e-4)
            return Line(slice(None), np.clip(step, -room, room), True, learns=not along_path)
        # Reflected at the bounds; steps are shorter than the range, so once is enough.
        target = np.abs(block.start + step)
        return Line(slice(None), np.minimum(target, 2.0 - target) - block.start, False)

    def _single(self, rng: np.random.Generator, block: Block, column: int) -> Line:
        """Draw a move of one parameter; a discrete one moves by at least one level."""
        where = np.array([column])
        levels = int(self.coordinates.levels[column])
        if self.coordinates.categorical[column]:
            return Line(where, np.array([float(rng.integers(1, levels))]), False, column, False)
        size = self.own_size[column] if levels == 0 else max(self.own_size[column], 1.0 / levels)
        both = bool(np.isnan(self.own_curvature[column]) or rng.random() < TWICE)
        here = block.start[column]
        sign = -1.0 if rng.random() < 0.5 else 1.0
        if both and levels == 0:
            size = min(size, max(min(here, 1.0 - here), 5e-4))
        elif not 0.0 <= here + sign * size <= 1.0:
            sign = -sign
        step = np.array([np.clip(here + sign * size, 0.0, 1.0) - here])
        return Line(where, step, both, column)

    def drop(self, move: Move) -> None:
        """See `Chain`. The line or step of the move counts as a failure."""
        self.observe(move, np.nan)

    def observe(self, move: Move, value: float) -> None:
        """See `Chain`."""
        value = value if np.isfinite(value) else np.inf
        block = move.block
        if value < self.value:
            block.gained += self.value - value
            self.best, self.value, self.found_by = move.point, value, block
        block.returned += 1
        if move.line < 0:
            self._stepped(block, value)
            return
        line = block.lines[move.line]
        line.told += 1
        if move.sign > 0:
            line.plus = value
        else:
            line.minus = value
        if len(block.lines) == block.count and all(each.told == each.tries for each in block.lines):
            self._add_up(block)

    def _slope(self, block: Block, line: Line) -> tuple[float, float]:
        """Return slope and curvature along a line, its whole length being one."""
        if not np.isfinite(line.plus) or (line.both and not np.isfinite(line.minus)):
            return 0.0, 1.0
        length = float(line.amount @ line.amount) + 1e-300
        single = line.column >= 0
        known = float(self.own_curvature[line.column]) if single else self.curvature
        if not line.both:
            curvature = max(known * length, 1e-300)
            slope = line.plus - block.value - 0.5 * curvature
            return (slope, curvature) if np.isfinite(slope + curvature) else (0.0, 1.0)
        slope = 0.5 * (line.plus - line.minus)
        curvature = line.plus + line.minus - 2.0 * block.value
        if curvature <= 0.0:
            # No bottom in sight: go as far as a step may.
            curvature = max(abs(slope), 1e-300) / 3.0
        learned = curvature / length
        if not np.isfinite(slope + learned):
            return 0.0, 1.0
        if single:
            self.own_curvature[line.column] = learned
        elif line.learns:
            self.curvature = learned if np.isnan(known) else known**0.7 * learned**0.3
        return slope, curvature

    def _add_up(self, block: Block) -> None:
        """Add the steps that the lines call for, and ask for their sum."""
        step = np.zeros_like(block.start)
        lengths, stretch = [], float(self.stretch[block.kind])
        for line in block.lines:
            if line.column >= 0 and not line.learns:
                continue  # options do not add up; a better one has become the best already
            slope, curvature = self._slope(block, line)
            length = float(np.clip(-slope / curvature, -3.0, 3.0))
            step[line.where] += (stretch * length) * line.amount
            block.predicted += stretch * length * slope
            if line.column >= 0:
                self._learn_column(line, slope, curvature, length)
            elif line.learns:
                lengths.append(length)
        if lengths:
            factor = float(np.clip(np.sqrt(np.mean(np.square(lengths))), 0.5, 1.5)) ** 0.5
            self.size = float(np.clip(self.size * factor, SMALLEST, LARGEST))
        block.step, block.stage = step, "step"
        if not step.any():
            self._close(block)

    def _learn_column(self, line: Line, slope: float, curvature: float, length: float) -> None:
        """Remember how far one parameter wanted to go and what that was worth."""
        column = line.column
        worth, old = min(abs(slope * (slope / curvature)), 1e300), self.promise[column]
        self.promise[column] = worth if np.isnan(old) else 0.5 * (worth + old)
        wanted = abs(length) * self.stretch[ONE] * abs(float(line.amount[0]))
        own = self.own_size[column]
        self.own_size[column] = np.clip(np.clip(wanted, 0.3 * own, 2.0 * own), SMALLEST, LARGEST)

    def _stepped(self, block: Block, value: float) -> None:
        """Compare a block's step with its prediction; correct it and try once more, or close."""
        if block.stage == "wait for again" or block.step is None:
            self._close(block)
            return
        # A parabola through the base, with the predicted slope there, and the value just seen.
        bend = value - block.reference - block.predicted
        # Huge values may give infinities, and no number here.
        wanted = np.nan_to_num(-block.predicted / (2.0 * bend)) if bend else 0.0
        ideal = 3.0 if bend <= 0.0 else float(np.clip(wanted, 0.1, 3.0))
        stretch = self.stretch[block.kind] * np.clip(ideal, 0.3, 2.0) ** 0.5
        self.stretch[block.kind] = np.clip(stretch, 0.02, 3.0)
        too_short = value < block.reference and ideal > 1.6
        too_long = value >= block.reference and block.gained <= 0.0
        if too_short or too_long:
            block.step, block.stage = block.step * ideal, "again"
        else:
            self._close(block)

    def _close(self, block: Block) -> None:
        """Count the gain per evaluation, and bring the shape of dense moves up to date."""
        block.stage = "closed"
        self.blocks = [other for other in self.blocks if other is not block]
        rate, old = block.gained / max(block.returned, 1), float(self.gain[block.kind])
        self.gain[block.kind] = rate if np.isinf(old) else 0.8 * old + 0.2 * rate
        if block.kind == ONE and np.isfinite(self.own_curvature[self.moving]).mean() > 0.5:
            # Dense moves go far where the bowl is wide.
            logs = np.log(self.own_curvature)
            middle = float(np.nanmedian(logs[self.moving]))
            logs = np.where(np.isnan(logs), middle, logs)
            self.shape = np.exp(-0.5 * np.clip(logs - middle, -8.0, 8.0))

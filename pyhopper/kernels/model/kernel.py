"""The kernel that screens: where an evaluation is worth a model of those before it."""

from __future__ import annotations

import math

import numpy as np

from pyhopper.blas import one_thread
from pyhopper.budget import Phase
from pyhopper.events import CandidateType, Screening, Status
from pyhopper.history.endings import Endings
from pyhopper.history.evaluation import Evaluation
from pyhopper.history.state import State
from pyhopper.kernels.aims import Aimed
from pyhopper.kernels.base import Kernel, Proposal
from pyhopper.kernels.coordinates import Floats
from pyhopper.kernels.effort import Effort
from pyhopper.kernels.encoding import Encoding
from pyhopper.kernels.model.covariance import Hyper
from pyhopper.kernels.model.design import design_point, design_size
from pyhopper.kernels.model.duration import Durations, durations_of
from pyhopper.kernels.model.gaussian import due
from pyhopper.kernels.model.screening import Seen, Workload, rank
from pyhopper.kernels.model.several import rank_several
from pyhopper.noise import median
from pyhopper.parameters import Point

MOST_COLUMNS = 60
"""With more columns a model knows too little; steps that learn do better."""

_MOST_PENDING = 64
"""How many evaluations that run now the model is told of, the latest ones. Its time grows with the
cube of all that it is told of, and with a thousand slots it would be busy with nothing else."""


class ScreeningKernel(Kernel):
    """Proposes what a model of all evaluations so far holds for the most promising.

    Parameters
    ----------
    encoding : Encoding
        The columns of the space.
    seed : int
        The search's.
    repeatable : bool
        Whether the model must follow from the evaluations alone, and not from when it was asked.
    """

    def __init__(self, encoding: Encoding, seed: int, repeatable: bool) -> None:
        self._encoding = encoding
        self._seed = seed
        self._repeatable = repeatable
        self._forget()
        # The memory of matrices is given back to the system at once and comes again page by page,
        # which takes a quarter of a thought; glibc keeps it once a larger block has been freed.
        np.empty(2**20)

    def _forget(self) -> None:
        """Begin without any evaluation."""
        self._rows: list[Floats] = []
        self._values: list[tuple[float, ...]] = []
        self._unsure: list[float] = []
        self._seconds: list[float] = []
        self._endings = Endings()
        self._encoded = 0
        self._hypers: list[Hyper] | None = None
        self._durations: Durations | None = None

    def applies(self, effort: Effort, state: State) -> bool:
        """See :class:`Kernel`."""
        worthwhile = effort is Effort.MODEL and state.keep_history
        return worthwhile and 0 < self._encoding.coordinates.dimension <= MOST_COLUMNS

    @property
    def knows_durations(self) -> bool:
        """Whether durations follow from the parameters, so that a candidate can be chosen by it."""
        return self._durations is not None

    def seconds(self, point: Point) -> float | None:
        """How long a point takes at most, None if that does not follow from its parameters."""
        if self._durations is None:
            return None
        return float(self._durations.seconds(self._encoding.encode(point)[None, :])[0])

    def propose(
        self, rng: np.random.Generator, state: State, phase: Phase, left: float
    ) -> list[Proposal]:
        """See :class:`Kernel`. The best of many proposals by the model's judgement."""
        with one_thread():
            self._catch_up(state, forecast=math.isfinite(left))
            best = None if phase.seeding or state.best is None else state.best.point
            # A design over the whole space comes first: the model needs something to go by.
            count = design_size(self._encoding.coordinates) - 1
            if not self._rows or (best is None and state.started <= count):
                return [self._designed(rng, state, phase, best, count)]
            return self._screened(rng, state, phase, best, left)

    def _designed(
        self, rng: np.random.Generator, state: State, phase: Phase, best: Point | None, count: int
    ) -> Proposal:
        """The next point of the design; the candidate before all of them is the start."""
        index = max(0, state.started - 1)
        row = design_point(self._seed, self._encoding.coordinates, index, count)
        point = self._encoding.point(rng, row, best, phase.temperature)
        return Proposal(point, _type_of(best))

    def _screened(
        self, rng: np.random.Generator, state: State, phase: Phase, best: Point | None, left: float
    ) -> list[Proposal]:
        coordinates = self._encoding.coordinates
        # What runs is known to the model, so that it is not proposed again (kriging believer:
        # Ginsbourger et al. 2010).
        latest = list(state.running.values())[-_MOST_PENDING:]
        running = [self._encoding.encode(each.candidate.point) for each in latest]
        pending = np.array(running).reshape(-1, coordinates.dimension)
        values = np.array(self._values)
        if not isinstance(state, Aimed):
            values = values[:, 0]
        unsure = np.array(self._unsure)
        seen = Seen(np.array(self._rows), values, pending, self._durations, left, unsure)
        # Draw, score and sort (delayed acceptance: Christen & Fox 2005). Constraints refuse some of
        # what is returned.
        keep = 64 if self._encoding.space.constraints else 16
        workload = Workload(keep=keep, replay=self._repeatable)
        where = phase.temperature, best is None
        if not isinstance(state, Aimed):
            hyper = None if self._hypers is None else self._hypers[0]
            ranking = rank(rng, coordinates, seen, *where, hyper, workload)
            self._hypers = [ranking.hyper]
        else:
            count = len(state.objectives.maximize)
            weights = state.aim.weights
            ranking, self._hypers = rank_several(
                rng, coordinates, seen, count, weights, *where, self._hypers, workload
            )
        # Back to points, and to the sign of the objective.
        sign = -1.0 if state.maximize else 1.0
        return [
            Proposal(
                self._encoding.point(rng, row, best, phase.temperature),
                _type_of(best),
                Screening(ranking.screened, sign * float(mean), float(sd)),
            )
            for row, mean, sd in zip(ranking.rows, ranking.mean, ranking.sd, strict=True)
        ]

    def _catch_up(self, state: State, forecast: bool) -> None:
        """Encode the evaluations that ended since the last call, and learn how long they took."""
        if len(state.evaluations) < self._encoded:  # the history was cleared
            self._forget()
        before = len(self._rows)
        for evaluation in state.evaluations[self._encoded :]:
            if _counts(evaluation, state):
                self._rows.append(self._encoding.encode(evaluation.point))
                values, unsure = self._losses(evaluation, state)
                self._values.append(values)
                self._unsure.append(unsure)
                whole = evaluation.status in (Status.DONE, Status.NAN) and evaluation.id >= 0
                whole = whole and not evaluation.is_first
                self._seconds.append(evaluation.seconds if whole else math.nan)
        self._encoded = len(state.evaluations)
        if forecast and any(map(due, range(before + 1, len(self._rows) + 1))):
            rows, seconds = np.array(self._rows), np.array(self._seconds)
            self._durations = durations_of(self._encoding.coordinates, rows, seconds)

    def _losses(self, evaluation: Evaluation, state: State) -> tuple[tuple[float, ...], float]:
        """What the model is told of an evaluation, and how unsure that is, see `Seen`.

        Lower is better, NaN is a failure.
        """
        objectives = state.objectives
        beyond = objectives.beyond(evaluation.metrics)
        sign = -1.0 if state.maximize else 1.0
        estimates = [sign * each for each in evaluation.estimates]
        if evaluation.partial is None:
            losses = objectives.losses(evaluation.value, evaluation.metrics)
            if estimates and evaluation.status is Status.DONE and not objectives.several:
                self._endings.add(estimates, losses[0])
            return (*losses, *beyond), 0.0
        done = [values for values in self._values if all(map(math.isfinite, values))]
        middle = [median(column) for column in zip(*done, strict=True)]
        if objectives.several or not done:
            return (tuple(middle) if done else (estimates[-1], *beyond)), 0.0
        line = self._endings.line(len(estimates))
        if line is None:
            # It is known to be poor, and at least as poor as its last estimate says.
            return (max(estimates[-1], middle[0]), *middle[1:]), 0.0
        # Where it would have ended, by the curves that went on to their end.
        known = [values[0] for values in done]
        expected = min(max(line.expected(estimates[-1]), min(known)), max(known))
        return (expected, *middle[1:]), line.unexplained


def _counts(evaluation: Evaluation, state: State) -> bool:
    """Whether an evaluation says something about the space."""
    if evaluation.status is Status.CANCELLED or not evaluation.fits:
        return False
    # What failed while nothing had ever succeeded tells of the objective, not of the space.
    return evaluation.status is not Status.FAILED or evaluation.id >= state.before_success.started


def _type_of(best: Point | None) -> CandidateType:
    return CandidateType.RANDOM_SEEDING if best is None else CandidateType.LOCAL_SAMPLING

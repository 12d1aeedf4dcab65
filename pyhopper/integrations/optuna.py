"""The bridge to Optuna: its studies as known results, and this engine as its sampler."""

from __future__ import annotations

import threading
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import optuna
except ImportError as error:
    text = 'the bridge to Optuna needs the package optuna; run: pip install "pyhopper[optuna]"'
    raise ImportError(text) from error
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pyhopper.budget import Budget, Schedule, Stamp, Stopwatch, SystemClock
from pyhopper.errors import ArgumentError, CandidateError
from pyhopper.events import Began, Candidate, CandidateType, Ended, Known, Outcome, Started, Status
from pyhopper.history.evaluation import Misfit
from pyhopper.history.state import State, observe
from pyhopper.history.study import OWN, Columns
from pyhopper.integrations.define_by_run import Branch, Distributions
from pyhopper.parameters import Parameter, Point
from pyhopper.parameters.names import look_up
from pyhopper.parameters.space import Space
from pyhopper.parameters.template import same
from pyhopper.search import Search
from pyhopper.supply import Streams, Supply

_PROPOSED = "pyhopper:proposed"
"""The system attribute in which a trial's proposal stands, so that other workers know it too."""


class PyHopperSampler(optuna.samplers.BaseSampler):
    """Optuna's sampler with this engine underneath.

    Proposals follow from the trials in the storage and the seed, so that any number of workers may
    share one storage, and running trials are taken into account. Parameters that only some options
    of a categorical parameter have are recognized. Failed trials are learned from as failures,
    pruned ones by their last intermediate value. What no trial has shown yet is drawn at random.

    Parameters
    ----------
    seed : int, optional
        Makes a study with one worker repeatable.

    Raises
    ------
    ArgumentError
        If the seed is no integer, or when a study has several objectives.

    Examples
    --------
    >>> import optuna
    >>> from pyhopper.integrations.optuna import PyHopperSampler
    >>> optuna.logging.disable_default_handler()
    >>> study = optuna.create_study(sampler=PyHopperSampler(seed=1))
    >>> study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=20)
    >>> abs(study.best_params["x"]) < 0.1
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if seed is not None and (not whole or seed < 0):
            raise ArgumentError("seed", seed, "must be an integer, at least 0")
        self._seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self._memory: _Memory | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: the seed. All else follows from the study."""
        return {"_seed": self._seed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._seed = state["_seed"]
        self._memory, self._lock = None, threading.Lock()

    def reseed_rng(self) -> None:
        """Do nothing: every trial has random numbers of its own, by its number in the study."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """The parameters that the trials so far have shown, and that have more than one value."""
        _check_single(study)
        trials = _complete(study)
        distributions = _latest(trials)
        names = Branch.of(trials, sorted(distributions), distributions).names()
        return {name: distributions[name] for name in sorted(names)}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Distributions
    ) -> dict[str, Any]:
        """Propose values for the parameters of a search space, or for some of them."""
        _check_single(study)
        branch = Branch.of(_complete(study), sorted(search_space), search_space)
        if not branch.own:
            return {}
        with self._lock:
            memory = self._memory
            if memory is None or not memory.serves(study, branch, search_space):
                memory = self._memory = _Memory(study, branch, search_space, self._seed)
            params = memory.propose(study, trial)
            proposal = {n: search_space[n].to_internal_repr(v) for n, v in params.items()}
            study._storage.set_trial_system_attr(  # noqa: SLF001 - as Optuna's own samplers do
                trial._trial_id,  # noqa: SLF001
                _PROPOSED,
                proposal,
            )
        return params

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw a value for a parameter of which nothing is known yet."""
        _check_single(study)
        branch, distributions = Branch([param_name]), {param_name: param_distribution}
        space = Space(branch.template(distributions))
        rng = np.random.default_rng(
            [self._seed, trial.number, zlib.crc32(param_name.encode(errors="replace"))]
        )
        # The first trial is the middle of the space, as everywhere in this package.
        point = space.sample(rng) if trial.number else space.start(rng)
        return branch.params(space.build(point), distributions)[param_name]


def import_study(study: Study, search: Search) -> int:
    """Take the trials of a study as known results of a search, which are not run again.

    Parameters are recognized by their names, nested ones by the dotted name, and options of a
    choice by what they are. A parameter that a trial lacks gets its ``init``. A trial that failed
    counts as an evaluation without a value, a pruned one keeps its intermediate values, and one
    that has not ended is left out. User attributes become metrics.

    Parameters
    ----------
    study : optuna.study.Study
        With one objective.
    search : Search
        To run in the direction of the study.

    Returns
    -------
    int
        How many trials were taken.

    Raises
    ------
    ArgumentError
        If the study has several objectives, or the search has run in the other direction.

    Warns
    -----
    UserWarning
        If trials do not fit the template, or have parameters that it lacks: how many, and which.

    Examples
    --------
    >>> import optuna, pyhopper
    >>> from pyhopper.integrations.optuna import import_study
    >>> study = optuna.create_study(direction="maximize")
    >>> study.add_trial(
    ...     optuna.create_trial(
    ...         params={"lr": 0.1},
    ...         distributions={"lr": optuna.distributions.FloatDistribution(0.01, 1, log=True)},
    ...         value=0.9,
    ...     )
    ... )
    >>> search = pyhopper.Search(lr=pyhopper.float(0.01, 1, log=True))
    >>> import_study(study, search)
    1
    """
    _check_single(study)
    log = search._log  # noqa: SLF001 - there is no public way to tell of a pruned one
    maximize = study.direction is StudyDirection.MAXIMIZE
    if log.state.maximize not in (None, maximize):
        problem = "the search has run in the other direction; make a new Search"
        raise ArgumentError("study", study.direction.name.lower(), problem)
    columns, space = Columns(log.space), log.space
    misfits: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    taken = 0
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
    for trial in trials:
        try:
            point, used = columns.point(trial.params)
            extra = set(trial.params) - used
            for name in extra:
                _check_constant(space, name, trial.params[name])
        except CandidateError as error:
            misfits[error.path] += 1
            continue
        unknown.update(extra - space.template.keys())
        known = point if space.allows(point) else Misfit(point)
        candidate = Candidate(-1, CandidateType.MANUALLY_ADDED, space.build(point), known)
        search._tell(Known(candidate, _known_outcome(trial)))  # noqa: SLF001
        taken += 1
    if misfits:
        text = f"{len(trials) - taken} of {len(trials)} trials do not fit the template and were"
        warnings.warn(f"{text} left out, because of {_counted(misfits)}", stacklevel=2)
    if unknown:
        text = f"the template has no {_counted(unknown)}; the trials count without"
        warnings.warn(text, stacklevel=2)
    return taken


def _check_constant(space: Space, name: str, value: Any) -> None:
    """Refuse a trial with another value than a constant of the template has."""
    constant = look_up(space.template, name.split("."))
    if constant is not None and not isinstance(constant, Parameter) and not same(constant, value):
        raise CandidateError(name, value, f"the template has the constant {constant!r}")


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} ({count}x)" for name, count in names.most_common())


def _known_outcome(trial: FrozenTrial) -> Outcome:
    """How a trial ended, as a result from elsewhere: a failure is one without a value."""
    outcome = _outcome(trial)
    attributes = trial.user_attrs.items()
    metrics = {name: value for name, value in attributes if not name.startswith(OWN)}
    status = Status.NAN if outcome.status is Status.FAILED else outcome.status
    return outcome._replace(status=status, metrics=metrics or None, reason="")


class _Memory:
    """What the sampler keeps from trial to trial: the engine's state, and the trials in it.

    Parameters
    ----------
    study : Study
        Whose trials these are.
    branch : Branch
        The parameters.
    distributions : dict
        Theirs.
    seed : int
        Of the random numbers.
    """

    def __init__(
        self, study: Study, branch: Branch, distributions: Distributions, seed: int
    ) -> None:
        self._of = (study.study_name, branch, dict(distributions))
        self._branch = branch
        self._distributions = distributions
        self._seed = seed
        self._space = Space(branch.template(distributions))
        self._state = State(self._space.key, self._space.trim)
        self._supply: Supply | None = None
        self._ended: set[int] = set()
        self._proposed: dict[int, Point] = {}
        maximize = study.direction is StudyDirection.MAXIMIZE
        observe(self._state, Began(maximize), Stamp(0.0, 0.0))

    def serves(self, study: Study, branch: Branch, distributions: Distributions) -> bool:
        """Whether it is of this study, and its space has not changed."""
        return self._of == (study.study_name, branch, distributions)

    def propose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """The parameters of a new trial."""
        for each in study.get_trials(deepcopy=False):
            if each.number != trial.number and each.number not in self._ended:
                self._take(each)
        if self._supply is None:
            budget = Budget(Schedule(), Stopwatch(SystemClock()))
            self._supply = Supply(self._space, self._state, self._seed, budget, repeatable=True)
        # The trial's number decides about its random numbers, whichever worker runs it.
        self._state.started = trial.number
        event = self._supply.next()
        if isinstance(event, Started):
            point = event.candidate.point
        else:  # all values have been tried; Optuna knows no end of a study
            point = self._space.sample(Streams(self._seed).at(trial.number))
        self._proposed[trial.number] = point
        return self._branch.params(self._space.build(point), self._distributions)

    def _take(self, trial: FrozenTrial) -> None:
        """Take in a trial, as far as it is known and fits the space."""
        if trial.state is TrialState.WAITING:
            return
        finished = trial.state.is_finished()
        if finished:
            self._ended.add(trial.number)
        point = self._point(trial)
        running = self._state.running.get(trial.number)
        started, ended = _times(trial)
        if running is not None and running.candidate.point != point:
            # It was evaluated with other values than were proposed.
            observe(self._state, Ended(trial.number, Outcome(Status.CANCELLED)), started)
            running = None
        if point is None:
            return
        if running is None:
            candidate = Candidate(trial.number, CandidateType.RANDOM_SEEDING, {}, point)
            observe(self._state, Started(candidate), started)
        if finished:
            outcome = _outcome(trial)
            evaluation = observe(self._state, Ended(trial.number, outcome), ended)
            if evaluation is not None and self._supply is not None:
                self._supply.ended(evaluation, outcome)

    def _point(self, trial: FrozenTrial) -> Point | None:
        """The values of a trial; None if it does not have those of the space."""
        params = dict(trial.params)
        if not trial.state.is_finished():
            known = trial.system_attrs.get(_PROPOSED, {})
            for name in known.keys() & self._distributions.keys() - params.keys():
                params[name] = self._distributions[name].to_external_repr(known[name])
        try:
            point = self._space.read_all(self._branch.guess(params, self._distributions))
        except (KeyError, ValueError):
            return None
        # A kernel that learns from its own proposals recognizes them as the same object.
        mine = self._proposed.get(trial.number)
        if trial.state.is_finished():
            self._proposed.pop(trial.number, None)
        return mine if mine == point else point


def _check_single(study: Study) -> None:
    """Refuse a study with several objectives."""
    if len(study.directions) > 1:
        problem = (
            "this study has several objectives, and PyHopperSampler knows one; combine them into "
            "one value, or use another sampler, such as optuna.samplers.NSGAIISampler"
        )
        raise ArgumentError("directions", [each.name for each in study.directions], problem)


def _complete(study: Study) -> list[FrozenTrial]:
    """The trials from which the space is found out: others may have ended half way."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))  # type: ignore[no-any-return]


def _latest(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The last distribution of each parameter that has more than one value."""
    latest: dict[str, BaseDistribution] = {}
    for trial in trials:
        latest.update(trial.distributions)
    return {name: each for name, each in latest.items() if not each.single()}


def _outcome(trial: FrozenTrial) -> Outcome:
    """How a finished trial ended, with its intermediate values."""
    reported = trial.intermediate_values
    estimates = tuple(float(reported[s]) for s in sorted(reported) if np.isfinite(reported[s]))
    if trial.state is TrialState.COMPLETE:
        value = trial.value
        if value is not None and np.isfinite(value):
            return Outcome(Status.DONE, float(value), estimates=estimates)
        return Outcome(Status.NAN, estimates=estimates)
    if trial.state is TrialState.PRUNED:
        return Outcome(Status.PRUNED, estimates=estimates)
    return Outcome(Status.FAILED, estimates=estimates, reason="the trial failed")


def _times(trial: FrozenTrial) -> tuple[Stamp, Stamp]:
    """When a trial started and ended."""
    started, ended = (
        0.0 if moment is None else moment.timestamp()
        for moment in (trial.datetime_start, trial.datetime_complete)
    )
    return Stamp(started, started), Stamp(ended, ended)

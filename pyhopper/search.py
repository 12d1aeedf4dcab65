"""The search: what a user holds in hands. It joins all other modules."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pyhopper.budget import Budget, Clock, Schedule, SystemClock
from pyhopper.callbacks.base import Callback, Callbacks, as_callbacks
from pyhopper.callbacks.progress import Progress
from pyhopper.callbacks.summary import summary
from pyhopper.engine import Run
from pyhopper.errors import ArgumentError
from pyhopper.events import Candidate, CandidateType
from pyhopper.executors import Executor, InlineExecutor
from pyhopper.history import History, Known, State, observe
from pyhopper.objective import Objective
from pyhopper.options import flag, one_of, parse_direction, parse_schedule, parse_stop
from pyhopper.parameters import Partial
from pyhopper.space import Space, merge_dicts

Params = dict[str, Any]


class Search:
    """A hyperparameter search.

    Parameters
    ----------
    *templates : dict
        Nested dicts (and lists and tuples in them) that hold parameters; everything else is a
        constant and reaches the objective unchanged. Several dicts are merged.
    seed : int, optional
        Makes the search repeatable: with the same seed, ``steps`` and a deterministic objective it
        evaluates the same candidates. A parameter that is called ``seed`` goes into the dict.
    clock : Clock, optional
        Where time comes from; for tests.
    **entries : object
        Further entries of the template.

    Raises
    ------
    ArgumentError
        If a key is given twice or the template makes no sense.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.float(-1, 1), y=pyhopper.int(0, 5), seed=1)
    >>> best = search.run(lambda p: p["y"] - p["x"] ** 2, "max", steps=50, quiet=True)
    >>> best["y"]
    5
    """

    def __init__(
        self,
        *templates: Mapping[str, Any],
        seed: int | None = None,
        clock: Clock | None = None,
        **entries: Any,
    ) -> None:
        for template in templates:
            if not isinstance(template, Mapping):
                raise ArgumentError("template", template, "must be a dict")
        if seed is not None and (not isinstance(seed, int | np.integer) or seed < 0):
            problem = "must be an integer, at least 0; a parameter called seed goes into a dict"
            raise ArgumentError("seed", seed, problem)
        self._repeatable = seed is not None
        self.seed = secrets.randbits(63) if seed is None else int(seed)
        self._clock = SystemClock() if clock is None else clock
        self._space = Space(merge_dicts(*templates, entries))
        # A lambda, since the space is replaced when the template or the constraints change.
        self._state = State(lambda point: self._space.key(point))  # noqa: PLW0108
        self._queue: deque[Partial] = deque()
        self.history = History(self._state, lambda: self._space)

    # The template ------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        """The template's entry under a key."""
        return self._space.template[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Replace or add an entry of the template, before the first candidate.

        Raises
        ------
        ArgumentError
            If the search has results or queued guesses already.
        """
        if self._state.started or self._state.evaluations or self._queue:
            problem = "the search has candidates of the old template; make a new Search"
            raise ArgumentError(key, value, problem)
        self._space = Space({**self._space.template, key: value}, self._space.constraints)

    def constrain(self, fn: Callable[[Params], bool]) -> None:
        """Allow only candidates for which ``fn(params)`` is true.

        Others are drawn again and never evaluated.

        Raises
        ------
        ArgumentError
            If ``fn`` is no function. A run raises ConstraintError when almost nothing passes.
        """
        if not callable(fn):
            raise ArgumentError("fn", fn, "must be a function of a candidate's dict")
        self._space = Space(self._space.template, (*self._space.constraints, fn))

    @property
    def free_param_count(self) -> int:
        """Number of parameters in the template, those inside of options included."""
        return len(self._space.leaves)

    # Guesses and known results -----------------------------------------------------------------

    def enqueue(self, guess: Mapping[str, Any]) -> None:
        """Queue a full or partial guess, to be evaluated before anything else is drawn.

        Parameters
        ----------
        guess : dict
            Values for some parameters, nested like the template. What is missing comes from the
            best candidate so far, before that from ``init``.

        Raises
        ------
        CandidateError
            For an unknown key, a wrong nesting, or a value that is not legal.
        """
        self._queue.append(self._space.read(guess))

    def __iadd__(self, guess: Mapping[str, Any]) -> Search:  # noqa: PYI034 - Self is new
        """``search += {"lr": 0.1}`` is :meth:`enqueue`."""
        self.enqueue(guess)
        return self

    def sweep(self, name: str, values: Iterable[Any]) -> None:
        """Queue a guess for every value of one parameter.

        Parameters
        ----------
        name : str
            Its key; of a nested one the dotted name.
        values : iterable
            What it should be.
        """
        self.grid({name: values})

    def grid(self, axes: Mapping[str, Iterable[Any]] | None = None, **more: Iterable[Any]) -> None:
        """Queue every combination of values of some parameters.

        Parameters
        ----------
        axes : dict, optional
            Values by key or by dotted name.
        **more : iterable
            Values by key.
        """
        columns = {name: list(values) for name, values in {**(axes or {}), **more}.items()}
        for row in itertools.product(*columns.values()):
            guesses = [_nested(name, value) for name, value in zip(columns, row, strict=True)]
            self.enqueue(merge_dicts(*guesses))

    def add(
        self, params: Mapping[str, Any], value: float, metrics: Mapping[str, Any] | None = None
    ) -> None:
        """Tell a result that is known from elsewhere. It is not run and uses no budget.

        Parameters
        ----------
        params : dict
            A complete candidate.
        value : float
            Its value; NaN for an evaluation that had none.
        metrics : dict, optional
            Further results.

        Raises
        ------
        CandidateError
            If the candidate does not fit the template.
        ObjectiveError
            If the value is no number.
        """
        point = self._space.read_all(params)
        result = {**(metrics or {}), "value": value}
        outcome = Objective(lambda _: result, ignore_nans=True)({}, lambda _: False)
        if outcome.misuse:
            raise ArgumentError("value", value, "must be a number")
        kind = CandidateType.MANUALLY_ADDED
        known = Known(Candidate(-1, kind, self._space.build(point), point), outcome)
        budget = Budget(Schedule(), self._clock, before=self._state.elapsed)
        observe(self._state, known, budget.stamp())

    @property
    def manual_queue_count(self) -> int:
        """Number of guesses that wait."""
        return len(self._queue)

    # Results -----------------------------------------------------------------------------------

    @property
    def best(self) -> Params | None:
        """The best candidate so far, None before the first value."""
        best = self._state.best
        return None if best is None else self._space.build(best.point)

    @property
    def best_f(self) -> float | None:
        """The best value so far, None before the first."""
        return None if self._state.best is None else self._state.best.value

    def forget_cached(self, candidate: Mapping[str, Any]) -> None:
        """Allow a candidate to be evaluated again."""
        self._state.seen.discard(self._space.key(self._space.read_all(candidate)))

    def clear_cache(self) -> None:
        """Allow all candidates to be evaluated again."""
        self._state.seen.clear()

    # Running -----------------------------------------------------------------------------------

    def run(
        self,
        objective: Callable[..., Any],
        direction: str = "maximize",
        runtime: float | str | None = None,
        steps: int | str | None = None,
        endless_mode: bool = False,
        seeding_steps: int | None = None,
        seeding_runtime: float | str | None = None,
        seeding_ratio: float = 0.25,
        pruner: Any = None,
        n_jobs: int | str = 1,
        quiet: bool = False,
        ignore_nans: bool = False,
        mp_backend: str = "auto",
        enable_rejection_cache: bool = True,
        callbacks: Callback | list[Callback] | None = None,
        start_temperature: float = 1,
        end_temperature: float = 0.2,
        kwargs: dict[str, Any] | None = None,
        checkpoint_path: Any = None,
        overwrite_checkpoint: bool = False,
        keep_history: bool = True,
        *,
        work_dir: Any = None,
        timeout: float | str | None = None,
        on_error: str = "continue",
        executor: Executor | None = None,
        deadline: str = "finish",
        stop: Any = None,
    ) -> Params | None:
        """Search for the candidate with the best value.

        Parameters
        ----------
        objective : callable
            ``objective(params, **kwargs)`` returns a number, or a dict with the number under
            ``value`` and further metrics, or is a generator of such estimates, the last one being
            the value.
        direction : str
            ``"max"`` or ``"min"`` (or maximize, maximise, minimize, minimise).
        runtime : float or str, optional
            How long to search, in seconds or as text, see :func:`pyhopper.parse_runtime`. No
            candidate starts that is not expected to end in time.
        steps : int or str, optional
            How many candidates to evaluate, however they end.
        endless_mode : bool
            Search until Ctrl-C. Exactly one of ``runtime``, ``steps`` and ``endless_mode`` is
            given.
        seeding_steps, seeding_runtime : optional
            Length of the first phase (random search) in candidates or in time.
        seeding_ratio : float
            Length of the first phase as a share of the budget, if not given otherwise.
        pruner : Pruner, optional
            Not available yet.
        n_jobs : int or str
            How many evaluations run at the same time; more than 1 is not available yet.
        quiet : bool
            Print nothing at all.
        ignore_nans : bool
            Count NaN as a result of its own instead of a failure.
        mp_backend : str
            Kept for scripts written for earlier versions; ``"auto"``.
        enable_rejection_cache : bool
            Never evaluate a candidate twice.
        callbacks : list of Callback, optional
            Are told what happens.
        start_temperature, end_temperature : float
            In (0, 1]: width of local moves at the begin and the end of the second phase.
        kwargs : dict, optional
            Keyword arguments for the objective.
        checkpoint_path, overwrite_checkpoint : optional
            Not available yet.
        keep_history : bool
            Keep all evaluations for :attr:`history`; else the best one only.
        work_dir, timeout : optional
            Not available yet.
        on_error : str
            What to do when an evaluation fails: ``"continue"``, or ``"raise"`` to stop.
        executor : Executor, optional
            Where to run evaluations, instead of ``n_jobs``. It is closed at the end.
        deadline : str
            ``"finish"`` lets what runs at the end of the budget come to its end.
        stop : float or dict, optional
            Ends the search early: a target value, or a dict with ``value`` (target) and
            ``patience`` (evaluations, or a duration such as ``"30min"``, without a better value).

        Returns
        -------
        dict or None
            The best candidate; None if no evaluation had a value.

        Raises
        ------
        ArgumentError
            For an argument that makes no sense; nothing has run then.
        ObjectiveError
            If the objective's first results are no numbers.
        SearchFailedError
            If no evaluation has ever succeeded, with the first traceback.
        EvaluationError
            If an evaluation failed and ``on_error`` is ``"raise"``.
        ConstraintError
            If almost no candidate passes the constraints.
        """
        maximize = parse_direction(direction)
        schedule = parse_schedule(
            self._clock,
            runtime=runtime,
            steps=steps,
            endless_mode=flag("endless_mode", endless_mode),
            seeding_steps=seeding_steps,
            seeding_runtime=seeding_runtime,
            seeding_ratio=seeding_ratio,
            start_temperature=start_temperature,
            end_temperature=end_temperature,
        )
        function = Objective(objective, kwargs, flag("ignore_nans", ignore_nans))
        one_of("mp_backend", mp_backend, "auto")
        _not_yet("n_jobs", n_jobs, 1, "1")
        _not_yet("pruner", pruner, None)
        _not_yet("checkpoint_path", checkpoint_path, None)
        _not_yet("work_dir", work_dir, None)
        _not_yet("timeout", timeout, None)
        if one_of("deadline", deadline, "finish", "kill") == "kill":
            _not_yet("deadline", deadline, "finish")
        listed = as_callbacks(callbacks)
        self._state.aim(maximize)
        self._state.keep_history = flag("keep_history", keep_history)
        budget = Budget(schedule, self._clock, before=self._state.elapsed)
        run = Run(
            self._space,
            self._state,
            self.seed,
            self._queue,
            function,
            InlineExecutor() if executor is None else executor,
            budget,
            Callbacks(listed, quiet),
            parse_stop(stop),
            flag("enable_rejection_cache", enable_rejection_cache),
            one_of("on_error", on_error, "continue", "raise") == "raise",
            self._repeatable,
        )
        self._drive(run, flag("quiet", quiet))
        return self.best

    def _drive(self, run: Run, quiet: bool) -> None:
        """Run with everything around it: the display, the callbacks' frame and the summary."""
        run.callbacks.call("on_search_start", self)
        try:
            with contextlib.nullcontext() if quiet else Progress(self._state, run.budget):
                run.run()
        finally:
            run.callbacks.call("on_search_end")
        if not quiet:
            print(summary(self._state, self._space, run.budget.elapsed, run.reason))  # noqa: T201


def _nested(name: str, value: Any) -> Params:
    """``{"opt": {"lr": value}}`` for the name ``opt.lr``."""
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)


def _not_yet(argument: str, value: Any, *available: Any) -> None:
    """Refuse what a later version brings."""
    if value not in available:
        raise ArgumentError(argument, value, f"not available yet; use {argument}={available[0]!r}")

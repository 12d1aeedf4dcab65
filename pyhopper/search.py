"""The search: what a user holds in hands. It joins all other modules."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyhopper.asktell import AskTell
from pyhopper.budget import Budget, Clock, Schedule, SystemClock
from pyhopper.callbacks.base import Callback, Callbacks, as_callbacks
from pyhopper.display.progress import Progress
from pyhopper.display.summary import summary
from pyhopper.display.text import is_terminal, say
from pyhopper.engine import Run
from pyhopper.errors import ArgumentError
from pyhopper.events import Began, Event
from pyhopper.executors import Executor
from pyhopper.guesses import Guesses
from pyhopper.history.state import State
from pyhopper.history.view import History
from pyhopper.objective import Objective
from pyhopper.parameters import Parameter
from pyhopper.parameters.space import Space, merge_dicts
from pyhopper.pruners import Advice, Pruner, as_pruner
from pyhopper.retrace import Retrace
from pyhopper.saving import Saving
from pyhopper.settings import (
    Limits,
    flag,
    one_of,
    parse_direction,
    parse_limits,
    parse_schedule,
    parse_stop,
)
from pyhopper.workdir import WorkDir

Params = dict[str, Any]


class Search(Guesses, Saving, AskTell):
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
        if isinstance(clock, Parameter):
            # One of that name, as a user may well have.
            entries["clock"], clock = clock, None
        self._seed_given = self._repeatable = seed is not None
        self.seed = secrets.randbits(63) if seed is None else int(seed)
        self._clock = SystemClock() if clock is None else clock
        self._space = Space(merge_dicts(*templates, entries))
        # A lambda, since the space is replaced when the template or the constraints change.
        self._state = State(
            lambda point: self._space.key(point),  # noqa: PLW0108
            lambda point: self._space.trim(point),  # noqa: PLW0108
        )
        self._checkpoint = None
        self._path: Path | None = None
        self._in_file = self._loaded = False
        self._given: list[Event] = []
        self._session = None
        self.history = History(self._state, lambda: self._space)

    # The template ------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        """The template's entry under a key."""
        return self._space.template[key]

    def __contains__(self, key: str) -> bool:
        """Whether the template has an entry under a key."""
        return key in self._space.template

    def __setitem__(self, key: str, value: Any) -> None:
        """Replace or add an entry of the template, before the first candidate.

        Raises
        ------
        ArgumentError
            If the search has results or queued guesses already.
        """
        if self._state.started or self._state.evaluations or self._state.queue:
            problem = "the search has candidates of the old template; make a new Search"
            raise ArgumentError(key, value, problem)
        self._space = Space({**self._space.template, key: value}, self._space.constraints)

    def constrain(self, fn: Callable[[Params], bool]) -> None:
        """Allow only candidates for which ``fn(params)`` is true.

        Others are drawn again and never evaluated. Where a checkpoint has evaluations that break
        it, they stay in the history and cannot be the best.

        Raises
        ------
        ArgumentError
            If ``fn`` is no function, or the search has results already. A run raises
            ConstraintError when almost nothing passes.
        """
        if not callable(fn):
            raise ArgumentError("fn", fn, "must be a function of a candidate's dict")
        if self._state.started or self._state.evaluations:
            problem = "the search has results already; save it, and load them into a new Search"
            raise ArgumentError("fn", fn, f"{problem} with this constraint")
        self._space = Space(self._space.template, (*self._space.constraints, fn))

    @property
    def free_param_count(self) -> int:
        """Number of parameters in the template, those inside of options included."""
        return len(self._space.leaves)

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
        pruner: Pruner | None = None,
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
        isolation: str = "auto",
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
            Gives up poor candidates early, see :mod:`pyhopper.pruners`; needs an objective that
            yields estimates or calls :func:`pyhopper.should_prune`.
        n_jobs : int or str
            How many evaluations run at the same time, each in a subprocess: a number, -1 for one
            per core, ``"per-gpu"`` for one per GPU that sees no other, ``"2x per-gpu"`` for two.
            With 1 they run in this process, unless it takes another one to do what ``timeout``,
            ``deadline`` or ``isolation`` say.
        quiet : bool
            Print nothing at all.
        ignore_nans : bool
            Count NaN as a result of its own instead of a failure.
        mp_backend : str
            Kept for scripts written for earlier versions: ``"auto"``, ``"multiprocessing"`` and
            ``"dask"`` all mean processes of this machine.
        enable_rejection_cache : bool
            Never evaluate a candidate twice.
        callbacks : list of Callback, optional
            Are told what happens.
        start_temperature, end_temperature : float
            In [0, 1]: width of local moves at the begin and the end of the second phase.
        kwargs : dict, optional
            Keyword arguments for the objective.
        checkpoint_path : str or path-like, optional
            A file to which everything is written as it happens. If it exists, the search goes on
            from there: ``steps`` and ``runtime`` then mean the total. A folder gets a new numbered
            file. See ``docs/checkpoints.md``.
        overwrite_checkpoint : bool
            Start anew, even if the file exists.
        keep_history : bool
            Keep all evaluations for :attr:`history`; else memory does not grow.
        work_dir : str or path-like, optional
            A folder in which each candidate gets one of its own, which the objective finds in the
            environment variable ``PYHOPPER_CANDIDATE_DIR``.
        timeout : float or str, optional
            An evaluation that takes longer is ended and counts as failed; like ``runtime``.
        on_error : str
            What to do when an evaluation fails: ``"continue"``, or ``"raise"`` to stop.
        executor : Executor, optional
            Where to run evaluations, instead of ``n_jobs``. It is closed at the end.
        deadline : str
            ``"finish"`` lets what runs at the end of ``runtime`` come to its end, ``"kill"`` ends
            it.
        isolation : str
            ``"candidate"``: each evaluation has a fresh process; ``"slot"``: processes are kept;
            ``"auto"``: fresh ones where their start takes less than 5% of an evaluation, and after
            failures.
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
        # Imported here, since it starts processes and most of a program's imports do not.
        from pyhopper.executors.slots import check_executor, make_executor

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
        one_of("mp_backend", mp_backend, "auto", "multiprocessing", "dask")
        limits = parse_limits(timeout, deadline, has_end=runtime is not None)
        pruner = as_pruner(pruner)
        listed = as_callbacks(callbacks)
        flag("quiet", quiet)
        folders = None if work_dir is None else WorkDir(work_dir)
        stop_early = parse_stop(stop)
        reject = flag("enable_rejection_cache", enable_rejection_cache)
        raise_on_error = one_of("on_error", on_error, "continue", "raise") == "raise"
        overwrite = flag("overwrite_checkpoint", overwrite_checkpoint)
        self._state.keep_history = flag("keep_history", keep_history)
        slots = check_executor(executor, n_jobs, isolation, needs_process=limits != Limits())
        where = make_executor(executor, slots, isolation, quiet=quiet)
        retrace = Retrace(self._space, schedule, self._clock, reject)
        began = Began(maximize, True, schedule.steps, schedule.runtime)
        file = self._file_of_run(checkpoint_path, overwrite, began, quiet, retrace)
        with file:
            run = Run(
                self._space,
                self._state,
                self.seed,
                function,
                where,
                self._budget(schedule, runtime),
                Callbacks(listed, quiet),
                stop_early,
                reject,
                raise_on_error,
                limits,
                self._checkpoint,
                folders,
                None if pruner is None else Advice(pruner, self._state, quiet, self._pruner()),
                self._repeatable,
                retrace.proposer,
            )
            self._drive(run, quiet)
        run.interrupts.pass_on()
        return self.best

    def _budget(self, schedule: Schedule, runtime: Any) -> Budget:
        """The budget of a run, of which an earlier process may have used a part."""
        base = self._state.before_budget.elapsed
        used = self._state.elapsed - base
        if schedule.runtime is not None and str(runtime).strip().lower().startswith("until"):
            schedule = replace(schedule, runtime=schedule.runtime + used)
        return Budget(schedule, self._clock, used, base)

    def _pruner(self) -> tuple[str, Any, int] | None:
        """What the checkpoint has of the pruner of an earlier process."""
        if self._checkpoint is None or not self._checkpoint.replay.states.get("pruner"):
            return None
        replay = self._checkpoint.replay
        return (*replay.states["pruner"], replay.states_at)

    def _drive(self, run: Run, quiet: bool) -> None:
        """Run with everything around it: the display, the callbacks' frame and the summary."""
        if self._checkpoint is not None:
            states = self._checkpoint.replay.states
            run.callbacks.load_state_dicts(states.get("callbacks", []))
            self._checkpoint.keep(run.states)
            self._checkpoint.tend(run.budget.stamp)
        run.callbacks.call("on_search_start", self)
        try:
            with contextlib.nullcontext() if quiet else Progress(self._state, run.budget):
                run.run()
        finally:
            run.callbacks.call("on_search_end")
            if self._checkpoint is not None:
                self._checkpoint.keep(run.states, force=True)
        if not quiet:
            width = min(80, shutil.get_terminal_size().columns) if is_terminal(sys.stdout) else 80
            ended = run.budget, run.reason, run.late, run.advice
            say(summary(self._state, self._space, *ended, width))

"""The search: the public face of the package, which hands everything on to the other modules."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyhopper.arguments import parse_seed
from pyhopper.budget import Clock, SystemClock
from pyhopper.callbacks.base import Callback, Callbacks
from pyhopper.display.text import say
from pyhopper.engine import make_run
from pyhopper.errors import ArgumentError, UnknownNameError, plural
from pyhopper.events import Candidate, Forgotten, Known, Queued
from pyhopper.executors import Executor
from pyhopper.files import read_path
from pyhopper.habits import SEARCH, guided, missing
from pyhopper.history.front_view import FrontView
from pyhopper.history.table import standing, to_html
from pyhopper.history.view import History
from pyhopper.journal.loaded import check_can_draw
from pyhopper.log import Log
from pyhopper.objective import Objective
from pyhopper.objectives import parse_objectives
from pyhopper.parameters import Constant, Parameter
from pyhopper.parameters.mistakes import check_constants, check_key
from pyhopper.parameters.space import Space, merge_dicts
from pyhopper.pruners import Pruner
from pyhopper.rerun import rerun
from pyhopper.retrace import Retrace
from pyhopper.session import Session, joined, known, number_of, told_outcome
from pyhopper.settings import Settings
from pyhopper.signals import Interrupts, handled
from pyhopper.workdir import WorkDir

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

    Attributes
    ----------
    history : pyhopper.history.view.History
        All evaluations.
    interrupted : bool
        Whether Ctrl-C or SIGTERM has ended the last run.

    Examples
    --------
    >>> import pyhopper
    >>> search = pyhopper.Search(x=pyhopper.float(-1, 1), y=pyhopper.int(0, 5), seed=1)
    >>> best = search.run(lambda p: p["y"] - p["x"] ** 2, "max", steps=50, quiet=True)
    >>> best["y"]
    5
    """

    @guided
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
        if isinstance(clock, Parameter):
            # A parameter of that name, which a template may well have.
            entries["clock"], clock = clock, None
        if clock is not None and not (hasattr(clock, "monotonic") and hasattr(clock, "time")):
            problem = "must have monotonic() and time(); an entry called clock goes into a dict"
            raise ArgumentError("clock", clock, problem)
        space = Space(merge_dicts(*templates, entries))
        check_constants(space.template)
        self._log = Log(space, clock or SystemClock(), parse_seed(seed))
        self._session: Session | None = None
        self.history = History(self._log)
        self.interrupted = False
        self._last: tuple[Objective, WorkDir | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: all that is known; a shared checkpoint of ask is closed in it."""
        return {**self.__dict__, "_session": None, "_last": None}

    @property
    def seed(self) -> int:
        """From which all random numbers follow; that of the checkpoint after a resume.

        Examples
        --------
        >>> import pyhopper
        >>> pyhopper.Search(x=pyhopper.int(0, 3), seed=7).seed
        7
        """
        return self._log.seed

    def __repr__(self) -> str:
        count = plural(self.free_param_count, "parameter")
        return f"<Search of {count}: {standing(self._log.state)}>"

    def _repr_html_(self) -> str:
        return to_html(repr(self), self._log.state, self._log.space)

    if not TYPE_CHECKING:  # else a type checker would accept any name

        def __getattr__(self, name: str) -> Any:
            known = [each for each in dir(self) if not each.startswith("_")]
            raise missing("Search", name, SEARCH, known)

    # The template ------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        """The template's entry under a key."""
        template = self._log.space.template
        if check_key(key) not in template:
            raise UnknownNameError(key, [str(each) for each in template])
        return template[key]

    def __contains__(self, key: str) -> bool:
        """Whether the template has an entry under a key."""
        return check_key(key) in self._log.space.template

    @guided
    def __setitem__(self, key: str, value: Any) -> None:
        """Replace or add an entry of the template, before a run or between two.

        A value instead of a parameter freezes it. Evaluations that fit the new template count on,
        as after a resume.

        Raises
        ------
        ArgumentError
            While the search runs or candidates are open, or if the values so far cannot be read as
            those of the new parameter.
        """
        if self._log.is_running or self._log.state.running:
            problem = "candidates of the old template are open; tell their results first"
            raise ArgumentError(str(key), value, problem)
        space = self._log.space
        template = merge_dicts({**space.template, check_key(key): value})
        check_constants(template)
        self._end_session()
        self._log.change_space(Space(template, space.constraints))

    @guided
    def constrain(self, fn: Callable[[Params], bool]) -> None:
        """Allow only candidates for which ``fn(params)`` is true.

        Others are drawn again and never evaluated. Where a checkpoint has evaluations that break
        it, they stay in the history and cannot be the best.

        Raises
        ------
        ArgumentError
            If ``fn`` is no function, or the search has results already. A run raises
            ConstraintError when almost nothing passes.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(size=pyhopper.int(1, 100), depth=pyhopper.int(1, 100))
        >>> search.constrain(lambda params: params["size"] * params["depth"] < 500)
        >>> best = search.run(lambda p: p["size"] + p["depth"], "max", steps=20, quiet=True)
        >>> best["size"] * best["depth"] < 500
        True
        """
        if not callable(fn):
            raise ArgumentError("fn", fn, "must be a function of a candidate's dict")
        state = self._log.state
        if state.started or state.evaluations:
            problem = "the search has results already; save it, and load them into a new Search"
            raise ArgumentError("fn", fn, f"{problem} with this constraint")
        space = self._log.space
        self._log.space = Space(space.template, (*space.constraints, fn))

    @property
    def free_param_count(self) -> int:
        """Number of parameters in the template, those inside of options included.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8), epochs=20)
        >>> search.free_param_count
        2
        """
        return sum(not isinstance(leaf.param, Constant) for leaf in self._log.space.leaves)

    # Results -----------------------------------------------------------------------------------

    @property
    def best(self) -> Params | None:
        """The best candidate so far, None before the first value; of several objectives the knee.

        That is the candidate of the :attr:`front` which is nearest to the best of each objective,
        after the front was scaled to [0, 1] in each of them.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 3), name="constant")
        >>> _ = search.run(lambda params: params["x"], "max", steps=4, quiet=True)
        >>> search.best
        {'x': 3, 'name': 'constant'}
        """
        best = self._log.state.best
        return None if best is None else self._log.space.build(best.point)

    @property
    def best_f(self) -> float | None:
        """The best value so far, None before the first; of several objectives :attr:`front`.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 3))
        >>> _ = search.run(lambda params: 10 * params["x"], "max", steps=4, quiet=True)
        >>> search.best_f
        30.0
        """
        return self.history.best_f

    @property
    def front(self) -> FrontView:
        """The candidates that no other one beats in all objectives; :attr:`best` is one of them.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(width=pyhopper.int(1, 9), seed=1)
        >>> def train(params):
        ...     return {"accuracy": 1 - 1 / params["width"], "size": params["width"] ** 2}
        >>> _ = search.run(train, {"accuracy": "max", "size": "min"}, steps=9, quiet=True)
        >>> len(search.front)
        9
        """
        return FrontView(self._log.state, self._log.space)

    # What the user knows -----------------------------------------------------------------------

    @guided
    def enqueue(self, guess: Mapping[str, Any]) -> None:
        """Queue a full or partial guess, to be evaluated before anything else is drawn.

        Parameters
        ----------
        guess : dict
            Values for some parameters, nested like the template. What is missing comes from the
            best candidate so far, before that from ``init``. A number off the grid or out of the
            bounds gives the nearest legal one, with a warning. A value for a constant of the
            template is tried with this guess and kept by moves around it.

        Raises
        ------
        CandidateError
            For an unknown key, a wrong nesting, a value of another kind, or a full guess that
            breaks a constraint. A partial one that does so once it is filled is passed over.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8))
        >>> search.enqueue({"lr": 0.01})  # the layers come from the best so far
        >>> search += {"lr": 0.001, "layers": 2}
        >>> search.manual_queue_count
        2
        """
        self._queue(guess)

    @guided
    def __iadd__(self, guess: Mapping[str, Any]) -> Search:  # noqa: PYI034 - Self is new
        """``search += {"lr": 0.1}`` is :meth:`enqueue`."""
        self._queue(guess)
        return self

    def _queue(self, guess: Mapping[str, Any]) -> None:
        self._log.admit_constants(guess)
        values, remarks = self._log.space.read_guess(guess)
        for remark in remarks:
            warnings.warn(remark, stacklevel=4)
        self._tell(Queued(values))

    def _tell(self, event: Queued | Known | Forgotten) -> None:
        with contextlib.nullcontext() if self._session is None else self._session.turn():
            self._log.tell(event)

    @guided
    def sweep(self, name: str, values: Iterable[Any]) -> None:
        """Queue a guess for every value of one parameter.

        Parameters
        ----------
        name : str
            Its key; of a nested one the dotted name.
        values : iterable
            What it should be.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(model={"depth": pyhopper.int(1, 8)})
        >>> search.sweep("model.depth", [1, 4, 8])
        >>> search.manual_queue_count
        3
        """
        if not isinstance(name, str):
            raise ArgumentError("name", name, "must be the name of a parameter")
        self.grid({name: values})

    @guided
    def grid(self, axes: Mapping[str, Iterable[Any]] | None = None, **more: Iterable[Any]) -> None:
        """Queue every combination of values of some parameters that no constraint forbids.

        Parameters
        ----------
        axes : dict, optional
            Values by key or by dotted name.
        **more : iterable
            Values by key.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), opt=pyhopper.choice("adam", "sgd"))
        >>> search.grid(lr=[0.1, 0.2, 0.3], opt=["adam", "sgd"])
        >>> search.manual_queue_count
        6
        """
        if axes is not None and not isinstance(axes, Mapping):
            raise ArgumentError("axes", axes, "must be a dict of lists of values")
        columns = {**(axes or {}), **more}
        for values in self._log.space.combinations(columns):
            self._tell(Queued(values))

    @guided
    def add(
        self,
        params: Mapping[str, Any],
        value: float | Mapping[str, float],
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell a result that is known from elsewhere. It is not run and uses no budget.

        Parameters
        ----------
        params : dict
            A complete candidate. One that breaks a constraint cannot be the best.
        value : float or dict
            Its value; NaN for an evaluation that had none. With named objectives or limits a dict
            of what the objective would have returned.
        metrics : dict, optional
            Further results.

        Raises
        ------
        CandidateError
            If the candidate does not fit the template.
        ArgumentError
            If the value is no number, or ``metrics`` no dict.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(lr=pyhopper.float(0, 1), layers=pyhopper.int(1, 8))
        >>> search.add({"lr": 0.1, "layers": 2}, 0.93)
        >>> search.run(lambda params: 0.5, "max", steps=1, quiet=True)
        {'lr': 0.1, 'layers': 2}
        """
        self._tell(known(self._log, params, value, metrics))

    @property
    def manual_queue_count(self) -> int:
        """Number of guesses that have not been evaluated yet.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(lr=pyhopper.float(0, 1))
        >>> search += {"lr": 0.1}
        >>> search.manual_queue_count
        1
        """
        return len(self._log.state.queue)

    def forget_cached(self, candidate: Mapping[str, Any]) -> None:
        """Allow a candidate to be evaluated again.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
        >>> _ = search.run(lambda params: params["layers"], "max", steps=3, quiet=True)
        >>> search.forget_cached({"layers": 2})  # now a run may evaluate it once more
        """
        self._tell(Forgotten(self._log.space.read_all(candidate)))

    def clear_cache(self) -> None:
        """Allow all candidates to be evaluated again.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(layers=pyhopper.int(1, 3))
        >>> _ = search.run(lambda params: params["layers"], "max", steps=3, quiet=True)
        >>> search.clear_cache()
        >>> _ = search.run(lambda params: params["layers"], "max", steps=3, quiet=True)
        >>> len(search.history)
        6
        """
        self._tell(Forgotten(None))

    def to_optuna(self, storage: Any = None, study_name: str | None = None) -> Any:
        """Write all evaluations as a study of Optuna, which optuna-dashboard opens.

        Nested parameters have their dotted names in it, arrays and lists one parameter an entry;
        of larger arrays and of other values only a summary is kept, in the user attributes. These
        hold the metrics, and behind ``pyhopper.`` how each candidate came about and ended.

        Parameters
        ----------
        storage : str or optuna.storages.BaseStorage, optional
            Where, such as ``"sqlite:///study.db"``; by default in memory.
        study_name : str, optional
            What to call the study; by default Optuna makes a name up.

        Returns
        -------
        optuna.study.Study
            The study. Evaluations that failed or had no value are failed trials in it.

        Raises
        ------
        ArgumentError
            If the search has not run, or the storage has a study of this name.
        ImportError
            Without the package optuna.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
        >>> _ = search.run(lambda p: p["x"], "max", steps=20, quiet=True)
        >>> study = search.to_optuna()  # doctest: +SKIP
        >>> study.best_params == search.best  # doctest: +SKIP
        True
        """
        from pyhopper.history.study import to_optuna

        return to_optuna(self._log.state, self._log.space, storage, study_name)

    # Running -----------------------------------------------------------------------------------

    @guided
    def run(
        self,
        objective: Callable[..., Any],
        direction: str | Mapping[str, str] = "maximize",
        runtime: float | str | None = None,
        steps: int | str | None = None,
        endless_mode: bool = False,
        seeding_steps: int | None = None,
        seeding_runtime: float | str | None = None,
        seeding_ratio: float = 0.25,
        pruner: Pruner | str | None = None,
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
        resume: str = "auto",
        shared: bool = False,
        verbose: int = 1,
        output: str = "last",
        limits: Mapping[str, Any] | None = None,
        gpus_per_job: int | None = None,
        ordered: bool | int = False,
    ) -> Params | None:
        """Search for the candidate with the best value.

        Parameters
        ----------
        objective : callable
            ``objective(params, **kwargs)`` returns a number, or a dict with the number under
            ``value`` and further metrics, or is a generator of such estimates. Its value is what
            it returns, or if that is nothing, the last estimate.
        direction : str or dict
            ``"max"`` or ``"min"`` (or maximize, maximise, minimize, minimise). A dict has several
            objectives with their directions, as in ``{"accuracy": "max", "latency_ms": "min"}``:
            the keys under which the objective returns their numbers, in one dict. See ``front``.
        runtime : float or str, optional
            How long to search, in seconds or as text, see :func:`pyhopper.parse_runtime`. No
            candidate starts that is not expected to end in time.
        steps : int or str, optional
            How many candidates to evaluate, however they end; 0 for what was found before.
        endless_mode : bool
            Search until Ctrl-C. Exactly one of ``runtime``, ``steps`` and ``endless_mode`` is
            given.
        seeding_steps, seeding_runtime : optional
            Length of the first phase (random search) in candidates or in time.
        seeding_ratio : float
            Length of the first phase as a share of the budget, if not given otherwise.
        pruner : Pruner or "auto", optional
            Gives up poor candidates early, see :class:`pyhopper.pruners.Pruner`; needs an objective
            that yields estimates or calls :func:`pyhopper.should_prune`. With ``"auto"`` there is
            nothing to choose: see :class:`pyhopper.pruners.AutoPruner`.
        n_jobs : int or str
            How many evaluations run at the same time, each in a subprocess: a number, -1 for one
            per core, ``"per-gpu"`` for one per GPU that sees no other, ``"2x per-gpu"`` for two.
            Or a cluster: ``"dask:tcp://10.0.0.1:8786"``, ``"ray:auto"``, ``"8x slurm:gpu"`` (eight
            jobs in the partition ``gpu``), see :mod:`pyhopper.executors`. With 1 evaluations run in
            this process, unless it takes another one to do what ``timeout``, ``deadline`` or
            ``isolation`` say.
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
            Delete what is in the file, and start a new search.
        keep_history : bool
            Keep all evaluations for ``history``; else memory does not grow.
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
            Ends the search early: a target value, or a dict with ``value`` (target; of several
            objectives targets by name, which one candidate has to reach) and
            ``patience`` (evaluations, or a duration such as ``"30min"``, without a better value).
        resume : str
            ``"auto"`` refuses a checkpoint that was written with an objective of another name;
            ``"force"`` goes on from it.
        shared : bool
            Several processes may run this search with the same checkpoint at the same time, each
            with slots of its own; ``steps`` and ``runtime`` are for all of them together. See
            ``docs/checkpoints.md``.
        verbose : int
            0 prints nothing, like ``quiet``; 1 the direction and the budget at the start, the
            progress with each new best, and a summary; 2 a line for every candidate too. These
            lines also go to the logger ``pyhopper`` at the level INFO, whatever ``verbose`` is.
        output : str
            What becomes of what subprocesses print: ``"last"`` keeps the last lines for the message
            of a failure (and all in ``work_dir``, if there is one), ``"prefix"`` shows each line
            with the slot in front.
        limits : dict, optional
            How far something may go that the objective returns in its dict: ``{"memory_mb": 2000}``
            for at most 2000, ``(10, None)`` for at least 10, ``(10, 2000)`` for both. Candidates
            outside are kept, but cannot be the best.
        gpus_per_job : int, optional
            How many GPUs each evaluation gets, with ``n_jobs="per-gpu"`` or a cluster.
        ordered : bool or int
            Take results in the order of their candidates, so that with a ``seed`` and ``steps`` the
            search is the same on any number of slots up to 8, or the number given. Slots wait for
            the oldest evaluation now and then.

        Returns
        -------
        dict or None
            The best candidate, of several objectives the compromise, see :attr:`best`; None if no
            evaluation had a value within the limits.

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
        EngineLostError
            If a cluster takes no task, or has gone, before anything was evaluated.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(-5, 5, precision=1), seed=1)
        >>> search.run(lambda params: (params["x"] - 2) ** 2, "min", steps=30, quiet=True)
        {'x': 2.0}
        """
        given = {name: value for name, value in locals().items() if name != "self"}
        if self._log.is_running:
            problem = "this search is running; start another one from a Search of its own"
            raise ArgumentError("objective", objective, problem)
        with handled() as interrupts:
            has_results = self._has_results(checkpoint_path)
            clock = self._log.stopwatch.clock
            settings = Settings.checked(clock, given, has_results=has_results)
            self._last = settings.objective, settings.work_dir
            try:
                self._run(settings, checkpoint_path, interrupts)
            finally:
                self.interrupted = interrupts.signum is not None
        return self.best

    @guided
    def replay(
        self,
        candidate: Candidate | int,
        objective: Callable[..., Any] | None = None,
        *,
        kwargs: dict[str, Any] | None = None,
        work_dir: Any = None,
    ) -> Any:
        """Evaluate one candidate again in this process, say under a debugger.

        It gets its values, and its folder if there is one. What it raises is raised here. Nothing
        is written to the checkpoint, and the search does not learn of it.

        Parameters
        ----------
        candidate : Candidate or int
            Its number, as in ``search.history.evaluations[...].id``.
        objective : callable, optional
            By default that of the last run.
        kwargs : dict, optional
            Further arguments for ``objective``.
        work_dir : str or path-like, optional
            Where the folders of candidates are; by default as in the last run.

        Returns
        -------
        float or dict
            The value; a dict with ``value`` if there are metrics.

        Raises
        ------
        ArgumentError
            If there is no such candidate, or no objective.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 9, init=7))
        >>> _ = search.run(lambda p: p["x"] ** 2, "max", steps=3, quiet=True)
        >>> search.replay(0)
        49.0
        """
        return rerun(self._log, number_of(candidate), self._last, objective, kwargs, work_dir)

    def _run(self, settings: Settings, checkpoint_path: Any, interrupts: Interrupts) -> None:
        """Run within an open checkpoint, and print what came of it."""
        check_can_draw(self._log.space, self._log.state.queue)
        self._end_session()
        log, clock = self._log, self._log.stopwatch.clock
        reject = settings.reject_duplicates
        retrace = Retrace(log.space, settings.schedule, clock, reject, interrupts)
        with log.running(
            checkpoint_path,
            settings.overwrite,
            settings.keep_history,
            retrace,
            shared=settings.shared,
        ) as news:
            with log.turn():
                told = [*news, *log.begin(settings.began(log.space.template), settings.force)]
            if told and not settings.quiet:
                say(*told)
            callbacks = Callbacks(settings.callbacks, log.space, settings.quiet)
            run = make_run(log, settings, callbacks, interrupts, retrace.proposer)
            log.keep(run.user_states)
            callbacks.call("on_search_start", self)
            try:
                summary = run.shown()
            finally:
                callbacks.call("on_search_end")
                log.keep(run.user_states, force=True)
            if not settings.quiet:
                say(summary)

    # The caller's own loop ---------------------------------------------------------------------

    @guided
    def ask(
        self,
        direction: str | Mapping[str, str] = "maximize",
        *,
        steps: int | str | None = None,
        runtime: float | str | None = None,
        seeding_ratio: float = 0.25,
        checkpoint_path: Any = None,
        work_dir: Any = None,
        limits: Mapping[str, Any] | None = None,
    ) -> Candidate | None:
        """Get a candidate to evaluate; :meth:`tell` takes the result.

        Several candidates may be open at once, also in several processes that share a checkpoint
        on one machine; none is handed out twice. A candidate whose process has ended without
        telling is handed out again, with the same number and values.

        Parameters
        ----------
        direction, limits
            As in :meth:`run`; the first call decides.
        steps, runtime, seeding_ratio
            As in :meth:`run`, for all processes together. With neither ``steps`` nor ``runtime``
            there is no end. Time counts while a candidate is open.
        checkpoint_path : str or path-like, optional
            The file that the processes share.
        work_dir : str or path-like, optional
            A folder for folders of candidates, see :meth:`candidate_dir`.

        Returns
        -------
        Candidate or None
            ``candidate.params`` is the dict and ``candidate.id`` its number. None if the budget is
            used or every candidate of a finite space is taken.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(-5, 5, precision=1), seed=1)
        >>> while (candidate := search.ask("min", steps=30)) is not None:
        ...     search.tell(candidate, (candidate.params["x"] - 2) ** 2)
        >>> search.best
        {'x': 2.0}
        """
        check_can_draw(self._log.space, self._log.state.queue)
        session = self._session = joined(self._session, self._log, checkpoint_path, work_dir)
        endless = steps is None and runtime is None
        arguments = {"runtime": runtime, "steps": steps, "seeding_ratio": seeding_ratio}
        objectives = parse_objectives(direction, limits)
        return session.ask(objectives, {**arguments, "endless_mode": endless})

    @guided
    def tell(self, candidate: Candidate | int, value: Any) -> None:
        """Tell the result of a candidate.

        Parameters
        ----------
        candidate : Candidate or int
            What :meth:`ask` gave, or its number.
        value : float, dict, PRUNED or FAILED
            Its value, or a dict with the value under ``value`` (or named objectives under their
            names) and further metrics.

        Raises
        ------
        ArgumentError
            If the candidate is not open, or the value is no number.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(-1, 1))
        >>> candidate = search.ask("max")
        >>> search.tell(candidate, {"value": 0.9, "epochs": 12})
        >>> search.history.evaluations[0].metrics
        {'epochs': 12}
        """
        number = number_of(candidate)
        outcome = told_outcome(value, objectives=self._log.state.objectives)
        self._session = joined(self._session, self._log)
        self._session.tell(number, outcome)

    def candidate_dir(self, candidate: Candidate | int) -> Path:
        """The folder of a candidate, if ``work_dir`` was given to :meth:`ask`.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.float(-1, 1))
        >>> candidate = search.ask("max", work_dir="runs")
        >>> search.candidate_dir(candidate).name
        '00000'
        """
        if self._session is None or self._session.work_dir is None:
            raise ArgumentError("work_dir", None, "was not given to ask, so there are no folders")
        return self._session.work_dir.folder(number_of(candidate))

    def _has_results(self, checkpoint_path: Any) -> bool:
        """Whether there may be a best candidate without another evaluation."""
        if checkpoint_path is None:
            return bool(self._log.state.evaluations)
        return read_path("checkpoint_path", checkpoint_path).is_file()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # Files -------------------------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> str | None:
        """The checkpoint of the last run, as a text; None if it had none.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 3))
        >>> _ = search.run(lambda p: p["x"], steps=4, quiet=True, checkpoint_path="path.ckpt")
        >>> search.checkpoint_path
        'path.ckpt'
        """
        return self._log.shown_path

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that the search knows to a file, replacing one that is there.

        A run with ``checkpoint_path`` has no need of it.

        Parameters
        ----------
        path : str or path-like
            The file; a folder gets a new numbered file.

        Raises
        ------
        CheckpointError
            If it cannot be written, or a run uses it.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 3))
        >>> _ = search.run(lambda params: params["x"], "max", steps=4, quiet=True)
        >>> search.save("finished.ckpt")
        """
        self._log.save(path)

    @guided
    def load(self, path: str | os.PathLike[str], recover: bool = False) -> None:
        """Take in a checkpoint, for a look at it or to go on from it.

        What ran when it was written runs first in the next run. To go on in the same file, just
        run with ``checkpoint_path``; loading is not needed for that.

        Parameters
        ----------
        path : str or path-like
            The file.
        recover : bool
            Read what can be read of a damaged file. To go on, run with another
            ``checkpoint_path``.

        Raises
        ------
        CheckpointError
            If it cannot be read.
        ArgumentError
            If this search has results already, or the space or seed does not fit.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 3))
        >>> _ = search.run(lambda p: p["x"], steps=4, quiet=True, checkpoint_path="search.ckpt")
        >>> later = pyhopper.Search()  # the template is not needed for a look
        >>> later.load("search.ckpt")
        >>> later.best
        {'x': 3}
        """
        if news := self._log.load(path, recover):
            say(*news)

    @guided
    def report(self, path: str | os.PathLike[str], *, refresh: float | str | None = None) -> None:
        """Write a report: one HTML file that opens without a server or a network.

        It has the best candidate to copy, pictures, importance, a table of all evaluations and
        where the time went. ``pyhopper report`` makes one from checkpoints, and
        :class:`pyhopper.callbacks.Report` keeps one up to date.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced.
        refresh : float or str, optional
            After how long an open page loads itself again; by default it does not.

        Raises
        ------
        ArgumentError
            If an argument makes no sense.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import pyhopper
        >>> search = pyhopper.Search(x=pyhopper.int(0, 3))
        >>> _ = search.run(lambda params: params["x"], "max", steps=4, quiet=True)
        >>> search.report("report.html")
        """
        from pyhopper.report import write

        write(self, path, refresh=refresh)

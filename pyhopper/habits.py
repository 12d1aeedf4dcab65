"""What people type who know another tool: the words that lead them to ours.

Nothing here is looked at before something is wrong.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from pyhopper.errors import ArgumentError, PyhopperError, UnknownArgumentError, short

_P = ParamSpec("_P")
_T = TypeVar("_T")

_STEPS = "steps=100 (how many candidates to evaluate)"
_RUNTIME = 'runtime="30min" (how long to search)'
_JOBS = 'n_jobs=4 (processes; "per-gpu" for one on each GPU)'
_DIRECTION = '"max" or "min" as the second argument'
_TEMPLATE = "pyhopper.Search(...), which is told what may vary"
_CHECKPOINT = 'checkpoint_path="run.ckpt" (the same command goes on from it)'
_ONE_WAY = ": there is one way of searching, and nothing to choose"
_FUNCTION_OF_DICT = "def objective(params): params['lr'] (the objective gets a plain dict)"

_MULTIPLE = "multiple_of=10"
_BOUNDS = "the first two arguments, which are the bounds, both inclusive"
_LOG = "log=True (loguniform)"
_PRECISION = 'precision=2 (decimals), or "0.2g" (two significant digits, loguniform)'
_OPTIONS = 'choice("adam", "sgd"), with the options as arguments'
_INIT = "init= (the first value to try)"
_NAME = "a parameter has no name of its own: its name is its key in Search(lr=...)"
_WEIGHTS = "weights=[3, 1]"


def _table(rows: Mapping[str, str]) -> dict[str, str]:
    """A hint by each of the words that are listed before it."""
    return {word: hint for words, hint in rows.items() for word in words.split()}


_KEYWORDS_OF_RUN = _table(
    {
        "n_trials max_evals num_samples n_iter n_iters max_iter max_trials num_trials n_calls "
        "trials n_steps max_steps num_steps iterations budget evaluations n_evals": _STEPS,
        "time time_limit time_budget time_budget_s max_time max_runtime duration walltime "
        "run_time seconds": _RUNTIME,
        "n_workers num_workers workers n_parallel parallel jobs num_jobs n_processes processes "
        "max_concurrent max_workers num_threads": _JOBS,
        "gpus num_gpus n_gpus device devices": 'n_jobs="per-gpu"',
        "mode maximize minimize maximise minimise optimize goal directions": _DIRECTION,
        "metric": '`return {"value": accuracy, "loss": loss}` in the objective',
        "seed random_state rng": "pyhopper.Search(..., seed=1)",
        "space search_space params param_space parameters config template": _TEMPLATE,
        "sampler algo algorithm search_alg strategy method": _ONE_WAY,
        "scheduler": "pruner=pyhopper.pruners.QuantilePruner(0.5)",
        "storage study_name load_if_exists resume_from checkpoint path file filename": _CHECKPOINT,
        "catch raise_errors error_score": 'on_error="raise" (else a failure costs one candidate)',
        "patience early_stopping early_stop": 'stop={"patience": 50}',
        "target": "stop=0.99",
        "show_progress_bar progress progress_bar progressbar pbar silent": (
            "verbose=0 (nothing), or verbose=2 (a line for every candidate)"
        ),
        "args": 'kwargs={"data": data} (further arguments of every call)',
        "callback": "callbacks=[...]",
        "output_dir dir log_dir workdir out_dir": 'work_dir="runs" (a folder for each candidate)',
        "n_startup_trials warmup n_initial_points n_random": (
            "seeding_steps=20 (how many are random), or seeding_ratio=0.25"
        ),
    }
)
_KEYWORDS_OF_PARAMETERS = _table(
    {
        "step q quantum stepsize step_size increment": _MULTIPLE,
        "low lower min start minimum high upper max stop end maximum": _BOUNDS,
        "default initial value init_value x0": _INIT,
        "log_scale logscale loguniform log_uniform logarithmic scale prior": _LOG,
        "base log_base": "power_of=2",
        "digits decimals ndigits round significant": _PRECISION,
        "size dim dims length": "shape=(3, 4)",
        "name key label": f": {_NAME}",
    }
)
_KEYWORDS_OF_CHOICE = _table(
    {
        "options choices values categories items": _OPTIONS,
        "ordinal ordered is_ordered sort order": "is_ordinal=True",
        "p prob probs probabilities weight": _WEIGHTS,
        "default initial value": _INIT,
        "name key label": f": {_NAME}",
    }
)
_KEYWORDS_OF_SEARCHCV = _table(
    {
        "n_iter n_iters n_trials n_candidates max_iter": _STEPS,
        "time timeout time_limit max_time duration": _RUNTIME,
        "param_distributions param_grid param_space search_spaces search_space": (
            "space, the second argument"
        ),
        "seed": "random_state=1",
        "checkpoint path": 'checkpoint_path="search.ckpt" (fit goes on from it)',
    }
)
_KEYWORDS = {
    "SearchCV": _KEYWORDS_OF_SEARCHCV,
    "Search.run": _KEYWORDS_OF_RUN,
    "Search.ask": _KEYWORDS_OF_RUN,
    "int": _KEYWORDS_OF_PARAMETERS,
    "float": _KEYWORDS_OF_PARAMETERS,
    "choice": _KEYWORDS_OF_CHOICE,
    "bool": _KEYWORDS_OF_CHOICE,
}

_SEARCH = "search = pyhopper.Search(lr=pyhopper.float(1e-5, 1e-1, log=True))"
_RUN = 'search.run(objective, "max", runtime="30min")'
_RANK = "pyhopper.pruners.QuantilePruner(0.5), which is the median rule"

MODULE = _table(
    {
        "uniform suggest_uniform suggest_float Real Uniform double num numeric": (
            "pyhopper.float(0, 1)"
        ),
        "loguniform suggest_loguniform log_uniform logfloat LogUniform": (
            "pyhopper.float(1e-5, 1e-1, log=True)"
        ),
        "quniform suggest_discrete_uniform": "pyhopper.float(0, 1, multiple_of=0.1)",
        "qloguniform": 'pyhopper.float(1e-5, 1e-1, "0.1g"), which has one significant digit',
        "randint suggest_int Integer integer uniformint quniformint qrandint randrange": (
            "pyhopper.int(0, 100), both bounds inclusive"
        ),
        "lograndint logint loguniformint": "pyhopper.int(1, 10000, log=True)",
        "categorical suggest_categorical Categorical pchoice grid_search options": (
            'pyhopper.choice("adam", "sgd")'
        ),
        "ordinal": "pyhopper.choice(1, 10, 100, is_ordinal=True)",
        "normal randn lognormal qnormal": (
            "pyhopper.distribution(scipy.stats.norm(0, 1)), or pyhopper.float() without bounds"
        ),
        "boolean": "pyhopper.bool()",
        "power powers": "pyhopper.int(2, 64, power_of=2)",
        "array": "pyhopper.float(-1, 1, shape=(10, 2))",
        "const constant fixed": "the value itself, since what is no parameter is a constant",
        "create_study Study Tuner Optimizer HyperOpt tune hp": _SEARCH,
        "fmin optimize minimize maximize run": f"{_SEARCH}, then {_RUN}",
        "Trial Trials trial": _FUNCTION_OF_DICT,
        "TrialPruned Pruned PruneTrial": "pyhopper.PruneEvaluation",
        "MedianPruner PercentilePruner HyperbandPruner SuccessiveHalvingPruner ASHAScheduler "
        "pruner": _RANK,
        "load load_study load_checkpoint": (
            'search.load("run.ckpt"), after making the search with its template'
        ),
        "callback": "pyhopper.callbacks",
    }
)
SEARCH = _table(
    {
        "best_params best_config best_param best_candidate best_params_ best_trial argmin": (
            "search.best (a dict)"
        ),
        "best_value best_score best_result best_score_ fmax fmin": ("search.best_f"),
        "optimize fit minimize maximize search start tune fmin": _RUN,
        "trials results evaluations get_trials get_results cv_results_": (
            "search.history.evaluations, which has the failed ones too"
        ),
        "trials_dataframe to_pandas dataframe get_dataframe": "search.history.to_pandas()",
        "suggest_float suggest_int suggest_categorical suggest": (_TEMPLATE),
        "enqueue_trial add_guess guess": 'search.enqueue({"lr": 0.1}), or search += {"lr": 0.1}',
        "add_trial observe register": "search.add(params, value)",
        "resume": _CHECKPOINT,
        "direction": "search.history.direction",
        "n_trials": "len(search.history), or len(search.history.evaluations) with failed ones",
    }
)
PRUNERS = {name: _RANK for name, hint in MODULE.items() if hint == _RANK}


def hint(name: str, table: Mapping[str, str], known: Iterable[str]) -> str:
    """What was probably meant by a name, as the end of a sentence; empty if nobody knows."""
    # Imported here, since most programs have no such name in them.
    from difflib import get_close_matches

    close = [table[name]] if name in table else get_close_matches(name, list(known), 1, 0.7)
    if not close:
        return ""
    return close[0] if close[0].startswith(":") else f"; did you mean {close[0]}?"


def missing(owner: str, name: str, table: Mapping[str, str], known: Iterable[str]) -> Exception:
    """The error for an attribute that does not exist."""
    guess = "" if name.startswith("_") else hint(name, table, known)
    return AttributeError(f"{owner} has no attribute {name!r}{guess}")


def guided(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Answer a keyword of another tool with ours, and fold our frames away in our own errors.

    What the user sees of an error of :mod:`pyhopper.errors` then begins at their own line.
    """
    name = _shown(function.__qualname__)
    parameters = inspect.signature(function).parameters
    known = {key for key, each in parameters.items() if each.kind is not each.VAR_POSITIONAL}
    is_open = any(each.kind is each.VAR_KEYWORD for each in parameters.values())

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        __tracebackhide__ = True
        try:
            if not is_open and not known.issuperset(kwargs):
                raise _unknown(name, next(key for key in kwargs if key not in known), known)
            if name in ("int", "float", "choice"):
                _warn_of_positions(name, args[1:])
            return function(*args, **kwargs)
        except PyhopperError as error:
            folded = error.with_traceback(None)
        raise folded

    return call


def _shown(qualname: str) -> str:
    """The name under which the user has called a function."""
    owner, _, method = qualname.rpartition(".")
    if method != "__init__" or owner in ("Search", "SearchCV"):
        return qualname.removesuffix(".__init__")
    return owner.lower()


def _unknown(name: str, keyword: str, known: Iterable[str]) -> Exception:
    names = [each for each in known if each != "self"]
    guess = hint(keyword, _KEYWORDS.get(name, {}), names)
    return UnknownArgumentError(name, keyword, guess or f"; it has {', '.join(sorted(names))}")


def _warn_of_positions(name: str, args: tuple[Any, ...]) -> None:
    """What other tools have at these positions."""
    if name == "choice":
        if len(args) == 2 and isinstance(args[0], str) and isinstance(args[1], list | tuple):
            text = f"the list is one of the two options of this choice; {_NAME}, and choice"
            warnings.warn(f"{text}({short(args[1])}) has its items as options", stacklevel=3)
        return
    if len(args) > 1 and isinstance(args[0], str):
        rest = ", ".join(short(each) for each in args[1:3])
        problem = "must be a number"
        if args[0].isidentifier():
            problem += f"; {_NAME}, so write Search({args[0]}=pyhopper.{name}({rest}))"
        raise ArgumentError("lb", args[0], problem)
    if name == "int" and len(args) > 2 and isinstance(args[2], numbers.Real):
        text = f"the third argument of int is the first value to try: write init={args[2]}"
        warnings.warn(f"{text}, or for steps multiple_of={args[2]}", stacklevel=3)

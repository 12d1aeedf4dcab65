"""Hyperparameter search with a runtime budget; :class:`Search` is where to start reading."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyhopper._version import __version__

if TYPE_CHECKING:
    from pyhopper import callbacks, plot, pruners
    from pyhopper.budget import parse_runtime
    from pyhopper.errors import (
        ArgumentError,
        CandidateError,
        CheckpointError,
        ConstraintError,
        EvaluationError,
        ObjectiveError,
        PyhopperError,
        SearchFailedError,
    )
    from pyhopper.events import Candidate, CandidateType, ParamInfo
    from pyhopper.objective import PruneEvaluation, should_prune, wrap_n_times
    from pyhopper.parameters import Bool as bool  # noqa: N813 - users write it in lower case
    from pyhopper.parameters import Choice as choice  # noqa: N813
    from pyhopper.parameters import Custom as custom  # noqa: N813
    from pyhopper.parameters import Distribution as distribution  # noqa: N813
    from pyhopper.parameters import Float as float  # noqa: N813
    from pyhopper.parameters import Int as int  # noqa: N813
    from pyhopper.parameters import List as list  # noqa: N813
    from pyhopper.parameters import Parameter
    from pyhopper.parameters.space import merge_dicts
    from pyhopper.search import Search
    from pyhopper.session import FAILED, PRUNED

__all__ = [  # noqa: RUF022 - in the order of sorted()
    "ArgumentError",
    "Candidate",
    "CandidateError",
    "CandidateType",
    "CheckpointError",
    "ConstraintError",
    "EvaluationError",
    "FAILED",
    "ObjectiveError",
    "PRUNED",
    "ParamInfo",
    "Parameter",
    "PruneEvaluation",
    "PyhopperError",
    "Search",
    "SearchFailedError",
    "__version__",
    "callbacks",
    "choice",
    "custom",
    "distribution",
    "merge_dicts",
    "parse_runtime",
    "plot",
    "pruners",
    "should_prune",
    "wrap_n_times",
]

if TYPE_CHECKING:
    __all__ += ["bool", "float", "int", "list"]

_SHADOWING = ("bool", "float", "int", "list")
"""Not in ``__all__``, so that ``from pyhopper import *`` leaves Python's own types alone."""

_HOMES = {
    "session": "FAILED PRUNED",
    "budget": "parse_runtime",
    "errors": "ArgumentError CandidateError CheckpointError ConstraintError EvaluationError "
    "ObjectiveError PyhopperError SearchFailedError",
    "events": "Candidate CandidateType ParamInfo",
    "objective": "PruneEvaluation should_prune wrap_n_times",
    "parameters": "Parameter bool choice custom distribution float int list",
    "search": "Search",
    "parameters.space": "merge_dicts",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


if not TYPE_CHECKING:  # else a type checker would accept any name

    def __getattr__(name: str) -> Any:
        """Import a name when it is first used: a worker process needs only few of them."""
        if name.startswith("_") or "." in name:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOME.get(name)
        try:
            module = import_module(f"{__name__}.{home or name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
            habits, known = import_module(f"{__name__}.habits"), (*__all__, *_SHADOWING)
            raise habits.missing(f"module {__name__!r}", name, habits.MODULE, known) from None
        if home is None:
            return module
        attribute = name.capitalize() if home == "parameters" else name
        value = globals()[name] = getattr(module, attribute)
        return value


def __dir__() -> Any:
    return sorted({*__all__, *_SHADOWING})

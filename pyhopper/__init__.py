"""Hyperparameter search with a runtime budget. Start at :class:`Search`."""

from pyhopper import callbacks, pruners
from pyhopper._version import __version__
from pyhopper.asktell import FAILED, PRUNED
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
from pyhopper.noise import wrap_n_times
from pyhopper.objective import PruneEvaluation, should_prune
from pyhopper.parameters import Bool as bool  # noqa: N813 - users write it in lower case
from pyhopper.parameters import Choice as choice  # noqa: N813
from pyhopper.parameters import Custom as custom  # noqa: N813
from pyhopper.parameters import Distribution as distribution  # noqa: N813
from pyhopper.parameters import Float as float  # noqa: N813
from pyhopper.parameters import Int as int  # noqa: N813
from pyhopper.parameters import List as list  # noqa: N813
from pyhopper.parameters import Parameter
from pyhopper.search import Search
from pyhopper.space import merge_dicts

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
    "bool",
    "callbacks",
    "choice",
    "custom",
    "distribution",
    "float",
    "int",
    "list",
    "merge_dicts",
    "parse_runtime",
    "pruners",
    "should_prune",
    "wrap_n_times",
]

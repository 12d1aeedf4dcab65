"""What scripts took from this module in version 1.2."""

from pyhopper.budget import parse_runtime
from pyhopper.events import Candidate, CandidateType, ParamInfo
from pyhopper.parameters.space import merge_dicts

__all__ = ["Candidate", "CandidateType", "ParamInfo", "merge_dicts", "parse_runtime"]

"""RECIST 1.1 (Eisenhauer 2009, EORTC clarifications): the public face of the criteria, in decimals only."""

from endpoints.criteria.baseline import (
    BaselineNonTarget,
    BaselineTarget,
    Finding,
    LesionKind,
    Method,
    check_baseline,
)
from endpoints.criteria.best import BestOverall, best_overall, progression_day
from endpoints.criteria.errors import CriteriaError
from endpoints.criteria.findings import (
    LesionState,
    MarkerState,
    NewLesionFinding,
    NewLesionState,
    NonTargetFinding,
    NonTargetState,
    Response,
    TargetFinding,
    Visit,
)
from endpoints.criteria.policy import CrThenReappears, NoVisit, Policy, PrAfterPr
from endpoints.criteria.responses import VisitResponse
from endpoints.criteria.visits import assess, sum_of_diameters

VERSION = "recist11/1.0"

__all__ = [
    "VERSION",
    "BaselineNonTarget",
    "BaselineTarget",
    "BestOverall",
    "CrThenReappears",
    "CriteriaError",
    "Finding",
    "LesionKind",
    "LesionState",
    "MarkerState",
    "Method",
    "NewLesionFinding",
    "NewLesionState",
    "NoVisit",
    "NonTargetFinding",
    "NonTargetState",
    "Policy",
    "PrAfterPr",
    "Response",
    "TargetFinding",
    "Visit",
    "VisitResponse",
    "assess",
    "best_overall",
    "check_baseline",
    "progression_day",
    "sum_of_diameters",
]

"""Quality checks over plain facts; `examine` is the only question, the rules live in small files."""

from imaging.qc.examination import examine
from imaging.qc.facts import (
    Finding,
    IdentityMatch,
    InstanceFacts,
    Orientation,
    Position,
    Rule,
    SeriesRequirement,
    Severity,
    TimePointWindow,
)
from imaging.qc.required import serves

__all__ = [
    "Finding",
    "IdentityMatch",
    "InstanceFacts",
    "Orientation",
    "Position",
    "Rule",
    "SeriesRequirement",
    "Severity",
    "TimePointWindow",
    "examine",
    "serves",
]

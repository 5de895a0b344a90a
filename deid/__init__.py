"""De-identification of DICOM objects: a pure library, so that a site can run it before sending."""

from deid.arrival import Arrival, announce, moved_by
from deid.engine import Engine, clean
from deid.heads import Head, read_head
from deid.identity import (
    IdentityTokens,
    agreed,
    group_persons,
    group_tokens,
    identify,
    identify_by,
    person_of,
    read_tokens,
)
from deid.keyed import map_uid, shift_days
from deid.model import ClinicalTrial, Facts, Policy, Rejected, Rejection
from deid.options import DEFAULT as DEFAULT_OPTIONS
from deid.options import Option
from deid.result import Cleaned
from deid.version import engine_version

__all__ = [
    "DEFAULT_OPTIONS",
    "Arrival",
    "Cleaned",
    "ClinicalTrial",
    "Engine",
    "Facts",
    "Head",
    "IdentityTokens",
    "Option",
    "Policy",
    "Rejected",
    "Rejection",
    "agreed",
    "announce",
    "clean",
    "engine_version",
    "group_persons",
    "group_tokens",
    "identify",
    "identify_by",
    "map_uid",
    "moved_by",
    "person_of",
    "read_head",
    "read_tokens",
    "shift_days",
]

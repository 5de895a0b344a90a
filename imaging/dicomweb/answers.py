"""What is said of each stored object, as DICOM JSON (PS3.18 10.5.3, annex F and I)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

REFERENCED, FAILED, OTHERS = "00081199", "00081198", "0008119A"
_CLASS, _INSTANCE, _REASON, _URL, _COMMENT = "00081150", "00081155", "00081197", "00081190", "00000902"
# Error Comment is LO (PS3.7 annex C).
_LONGEST_COMMENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one part: both UIDs "" where it could not be read, `reason` None where it was taken."""

    sop_class_uid: str
    sop_instance_uid: str
    reason: int | None
    comment: str


def store_response(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the Store Instances Response: what was taken, what was not and why, and parts that name no object."""
    told: dict[str, list[dict[str, Any]]] = {REFERENCED: [], FAILED: [], OTHERS: []}
    for outcome in outcomes:
        if outcome.reason is None:
            told[REFERENCED].append(_named(outcome) | {_URL: {"vr": "UR"}})
        elif outcome.sop_instance_uid:
            told[FAILED].append(_named(outcome) | _failure(outcome))
        else:
            told[OTHERS].append(_failure(outcome))
    # Nothing can be retrieved yet: the road goes on.
    response: dict[str, Any] = {_URL: {"vr": "UR"}}
    return response | {tag: {"vr": "SQ", "Value": items} for tag, items in told.items() if items}


def _named(outcome: Outcome) -> dict[str, Any]:
    return {
        _CLASS: {"vr": "UI", "Value": [outcome.sop_class_uid]},
        _INSTANCE: {"vr": "UI", "Value": [outcome.sop_instance_uid]},
    }


def _failure(outcome: Outcome) -> dict[str, Any]:
    comment = outcome.comment[:_LONGEST_COMMENT]
    return {_REASON: {"vr": "US", "Value": [outcome.reason]}, _COMMENT: {"vr": "LO", "Value": [comment]}}

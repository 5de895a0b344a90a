"""What a trial may choose beside the Basic Profile: options, unknown kinds of objects, words, and single attributes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deid.dictionary import allowed_vrs
from deid.options import DEFAULT, Option

_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),? ?([0-9A-Fa-f]{4})\)?")
# Of an attribute that nobody has ruled on, text is kept by recognised words alone; names and addresses never.
KEEPABLE_VRS = frozenset(
    {"LO", "SH", "LT", "ST", "UT", "UC", "CS", "IS", "DS", "DA", "DT", "TM", "UI",
     "US", "SS", "UL", "SL", "FL", "FD", "SV", "UV"}
)  # fmt: skip
# Where an object cannot do without: a stand-in of these tells nothing false about the picture.
REPLACEABLE_VRS = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "DA", "DT", "TM"})


class TagAction(StrEnum):
    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, order=True)
class TagRule:
    """What is decided for one attribute wherever it stands, and why."""

    tag: int
    action: TagAction
    reason: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen, contradictory or not (`deid.lint` tells); a `Policy` is one that can be executed."""

    options: frozenset[Option] = DEFAULT
    # Whether a kind of object that the tables do not know is cleaned by what all pictures have in common.
    admits_unknown: bool = False
    # Folded words that may stay in descriptions beside the reviewed ones, unless they name a person of the object.
    words: frozenset[str] = frozenset()
    tag_rules: tuple[TagRule, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """Return the choices as the JSON of a profile."""
        return {
            "options": sorted(self.options),
            "unknown_objects": "generic" if self.admits_unknown else "refuse",
            "words": sorted(self.words),
            "tags": [
                {"tag": written(rule.tag), "action": rule.action.value, "reason": rule.reason}
                for rule in sorted(self.tag_rules)
            ],
        }


def read_choices(told: Mapping[str, Any]) -> Choices:
    """Return choices from the parts of a profile that are there. Raises ValueError, KeyError, TypeError."""
    if told.get("unknown_objects", "refuse") not in {"refuse", "generic"}:
        raise ValueError("unknown_objects of a profile is refuse or generic")
    return Choices(
        options=frozenset(map(Option, told["options"])) if "options" in told else DEFAULT,
        admits_unknown=told.get("unknown_objects") == "generic",
        words=frozenset(str(word).casefold() for word in told.get("words", ())),
        tag_rules=tuple(sorted(map(_tag_rule, told.get("tags", ())))),
    )


def _tag_rule(told: Mapping[str, Any]) -> TagRule:
    return TagRule(tag=read_tag(told["tag"]), action=TagAction(told["action"]), reason=str(told["reason"]))


def read_tag(text: str) -> int:
    """Return a tag from (gggg,eeee), with or without brackets and comma. Raises ValueError."""
    match = _TAG.fullmatch(text.strip())
    if match is None:
        raise ValueError("a tag is written (gggg,eeee) in hexadecimal digits")
    return int(match[1] + match[2], 16)


def written(tag: int) -> str:
    """Return a tag as (GGGG,EEEE)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def usual_vr(tag: int) -> str:
    """Return the VR the standard gives a tag, UN where it gives none."""
    return (allowed_vrs(tag) or ("UN",))[0]

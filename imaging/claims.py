"""What a site's browser says of a file that it cleaned: believed in nothing that the bytes do not prove."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deid import IdentityTokens
from deid.burned.boxes import Box

_TOKEN = re.compile(r"(?:[0-9a-f]{64})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ENGINE = re.compile(r"[0-9A-Za-z.+-]{1,20}")
_PARTS = frozenset({"engine", "policy", "patient_id", "person", "has_contrast", "boxes"})
# A page that was open before there was a common key tells none of these.
_IN_COMMON = frozenset({"common_patient_id", "common_person"})
_MOST_BOXES, _EDGES = 200, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Engine and rules, tokens under the subject's two keys (hex, or ""), contrast, and boxes.

    Whether there is contrast is what the header said.
    Boxes were drawn by a person of the site and blanked on every frame: left, top, right, bottom.
    """

    engine: str
    policy: str
    patient_id: str
    person: str
    has_contrast: bool
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    common_patient_id: str = ""
    common_person: str = ""

    @property
    def tokens(self) -> IdentityTokens:
        return IdentityTokens(patient_id=self.patient_id, person=self.person)

    @property
    def common_tokens(self) -> IdentityTokens:
        return IdentityTokens(patient_id=self.common_patient_id, person=self.common_person)

    @property
    def drawn(self) -> tuple[Box, ...]:
        return tuple(Box(*edges) for edges in self.boxes)

    @property
    def told(self) -> dict[str, Any]:
        """The claim as JSON, as `read_claim` takes it."""
        return asdict(self) | {"boxes": [list(edges) for edges in self.boxes]}


def read_claim(told: Any) -> Claim:
    """Return the claim that a browser sent as JSON. Raises ValueError where it has another shape."""
    if not isinstance(told, Mapping) or told.keys() not in (_PARTS, _PARTS | _IN_COMMON):
        raise ValueError("a claim has other parts")
    has_contrast, boxes = told["has_contrast"], told["boxes"]
    texts = {name: str(told[name]) for name in told.keys() - {"has_contrast", "boxes"}}
    patterns = {"engine": _ENGINE, "policy": _DIGEST}
    if not all(patterns.get(name, _TOKEN).fullmatch(text) for name, text in texts.items()):
        raise ValueError("a part of a claim has another form")
    if not isinstance(boxes, list) or len(boxes) > _MOST_BOXES or not isinstance(has_contrast, bool):
        raise ValueError("too many boxes or none, or contrast is not yes or no")
    claim = Claim(**texts, has_contrast=has_contrast, boxes=tuple(_edges(each) for each in boxes))
    if len(claim.drawn) != len(boxes):
        raise ValueError("a box is none")
    return claim


def _edges(told: Any) -> tuple[int, int, int, int]:
    if not isinstance(told, list) or len(told) != _EDGES or not all(type(each) is int for each in told):
        raise ValueError("a box is four numbers")
    left, top, right, bottom = told
    return left, top, right, bottom


def without_tokens(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored claim once its tokens have done their work."""
    return {**told, "patient_id": "", "person": "", "common_patient_id": "", "common_person": ""}

"""What a person must decide about a picture: told without numpy, since whoever only passes it on needs none."""

from dataclasses import dataclass
from enum import StrEnum

from deid.burned.boxes import Box


class Doubt(StrEnum):
    """Why a machine's word is not enough."""

    NOTHING_FOUND = "nothing-found"
    FAINT = "faint"
    STILL_THERE = "still-there"
    ONLY_A_PERSON = "only-a-person"
    NAME_LEFT = "name-left"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object whose pixels a person must decide on: what the machine proposes, and why it is not sure.

    Boxes are in pixels of the stored matrix; nothing that was read in the picture is told.
    """

    boxes: tuple[Box, ...]
    doubts: tuple[Doubt, ...]
    frames: int

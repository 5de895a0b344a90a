"""Rectangles of a picture that are blanked, each with the ground it stands on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Ground(StrEnum):
    """Why a rectangle is blanked."""

    REGION = "region"
    SIGNATURE = "signature"
    PUBLISHED = "published"
    SEED = "seed"
    TEXT = "text"
    PERSON = "person"


# Nobody takes these back: outside the clinical area, a known device's banner, a word of the header.
FIRM = frozenset({Ground.REGION, Ground.SIGNATURE, Ground.SEED})


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle in pixels of the stored matrix; `right` and `bottom` are the first ones outside.

    Raises ValueError where it is empty or begins outside the picture.
    """

    left: int
    top: int
    right: int
    bottom: int
    ground: Ground = Ground.PERSON

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right and 0 <= self.top < self.bottom):
            raise ValueError("a box needs a width and a height inside the picture")

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    def meets(self, other: "Box") -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def shared_with(self, other: "Box") -> int:
        """Return how many pixels lie in both."""
        width = min(self.right, other.right) - max(self.left, other.left)
        return max(width, 0) * max(min(self.bottom, other.bottom) - max(self.top, other.top), 0)

    def covers(self, other: "Box") -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


def box_of(edges: Sequence[int], ground: Ground) -> Box:
    """Return the box of four numbers: left, top, right, bottom. Raises ValueError."""
    left, top, right, bottom = edges
    return Box(left, top, right, bottom, ground)


def clipped(boxes: Iterable[Box], *, rows: int, columns: int) -> tuple[Box, ...]:
    """Return the boxes cut to the picture, without those that lie outside, in order and once each."""
    inside = {
        Box(box.left, box.top, min(box.right, columns), min(box.bottom, rows), box.ground)
        for box in boxes
        if box.left < columns and box.top < rows
    }
    return tuple(sorted(inside))


def without_covered(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return the boxes that no other one hides already; of two that are alike the firmer stays."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda each: (-each.area, each.ground not in FIRM, each)):
        if not any(other.covers(box) and (other.ground in FIRM or box.ground not in FIRM) for other in kept):
            kept.append(box)
    return tuple(sorted(kept))

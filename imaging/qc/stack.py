"""How slices lie on each other: the pure geometry behind the gap, duplicate, spacing and tilt checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import atan2, degrees, dist, hypot, sqrt
from statistics import fmean, median_low

from imaging.qc.facts import Orientation, Position

SAME_PLACE_MM = 0.01
"""Slices nearer than this lie at the same place."""
ROUNDING_MM = 0.101
"""Two positions written to a tenth of a millimetre make a step this wrong."""
_ROUNDING_SHARES = (0.02, 0.3)
_GAP_FACTOR = 1.5
_MOSTLY = 1 / 3
_SHIFT_MM = 0.5
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Step:
    """From slice `after` (counted from 1 along the stack) to the next: `length` mm."""

    after: int
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A series seen along its normal: where each place is (mm) and how the slices were shifted sideways.

    `order` gives the input indices by place; `copies` how many slices share each distinct place.
    """

    order: tuple[int, ...]
    places: tuple[float, ...]
    copies: tuple[int, ...]
    tilt_degrees: float
    shift_mm: float

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(Step(i, b - a) for i, (a, b) in enumerate(pairwise(self.places), start=1))

    @property
    def expected_step(self) -> float:
        """The distance of neighbours, mm: their mean if even, else the usual one (0 below two places)."""
        lengths = [step.length for step in self.steps]
        if not lengths:
            return 0.0
        return fmean(lengths) if _are_even(lengths, fmean(lengths)) else median_low(lengths)

    @property
    def odd_steps(self) -> tuple[Step, ...]:
        """Steps that differ from the usual by more than header rounding explains."""
        usual = self.expected_step
        return tuple(step for step in self.steps if not _are_even([step.length], usual))

    @property
    def gaps(self) -> tuple[Step, ...]:
        """Steps so long that a slice is missing; empty where the spacing varies altogether."""
        return () if self.has_variable_spacing else self.odd_steps

    @property
    def has_variable_spacing(self) -> bool:
        """Whether the odd steps are no missing slices: too short for one, or too many of them."""
        odd = self.odd_steps
        shorter = [step for step in odd if step.length <= _GAP_FACTOR * self.expected_step]
        return bool(shorter) or len(odd) > max(_MOSTLY * len(self.steps), 1)

    @property
    def is_tilted(self) -> bool:
        """Whether a box-shaped volume would put some slice more than half a millimetre aside."""
        return self.shift_mm > _SHIFT_MM

    @property
    def has_duplicates(self) -> bool:
        return any(count > 1 for count in self.copies)

    @property
    def is_repeated_whole(self) -> bool:
        """Whether every place is taken equally often, as in several phases, echoes or b-values."""
        return self.has_duplicates and len(set(self.copies)) == 1 and len(self.copies) > 1


def build_stack(*, orientation: Orientation, positions: Sequence[Position]) -> Stack:
    """Project slice corners (mm, LPS) on the common normal of the slices (PS3.3 C.7.6.2.1.1)."""
    normal = normal_of(orientation)
    depths = [_dot(normal, position) for position in positions]
    order = tuple(sorted(range(len(positions)), key=lambda i: (depths[i], positions[i])))
    places, copies = _merge([depths[i] for i in order])
    shift, rise = max(_shift_and_rise(normal, positions[order[0]], one) for one in positions)
    return Stack(
        order=order,
        places=places,
        copies=copies,
        tilt_degrees=degrees(atan2(shift, rise)),
        shift_mm=shift,
    )


def normal_of(orientation: Orientation) -> Position:
    """Cross product of row and column direction; unit length for a sound header."""
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    return (b * f - c * e, c * d - a * f, a * e - b * d)


def is_sound(orientation: Orientation) -> bool:
    """Whether row and column directions are unit vectors at a right angle (PS3.3 C.7.6.2)."""
    row, column = orientation[:3], orientation[3:]
    lengths = (hypot(*row), hypot(*column))
    return all(abs(length - 1) < _UNIT_TOLERANCE for length in lengths) and abs(_dot(row, column)) < _UNIT_TOLERANCE


def is_parallel(one: Orientation, other: Orientation) -> bool:
    """Whether two slices look the same way, apart from rounding in the header."""
    return all(abs(a - b) < _UNIT_TOLERANCE for a, b in zip(one, other, strict=True))


def _are_even(lengths: Sequence[float], usual: float) -> bool:
    least, most = (share * usual for share in _ROUNDING_SHARES)
    tolerance = max(least, min(most, ROUNDING_MM))
    return all(abs(length - usual) <= tolerance for length in lengths)


def _dot(one: Position, other: Position) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _shift_and_rise(normal: Position, first: Position, other: Position) -> tuple[float, float]:
    rise = _dot(normal, other) - _dot(normal, first)
    return sqrt(max(dist(first, other) ** 2 - rise**2, 0.0)), rise


def _merge(depths: Sequence[float]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    places, copies = [depths[0]], [1]
    for depth in depths[1:]:
        if depth - places[-1] <= SAME_PLACE_MM:
            copies[-1] += 1
        else:
            places.append(depth)
            copies.append(1)
    return tuple(places), tuple(copies)

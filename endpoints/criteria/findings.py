"""What a reader finds at a visit and what is concluded: the words that travel in and out of the criteria."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from endpoints.criteria.errors import CriteriaError

ZERO = Decimal(0)
TOO_SMALL_MM = Decimal(5)  # RECIST 1.1 section 4.3.2: present but too small to measure
NORMAL_NODE_MM = Decimal(10)  # RECIST 1.1 section 4.3.2: a node below this short axis is normal


class LesionState(StrEnum):
    """How a target lesion stands at a visit."""

    MEASURED = "measured"
    TOO_SMALL = "too-small"
    ABSENT = "absent"
    MERGED = "merged"  # for good: its extent is measured with the lesion named in `merged_into`
    NOT_EVALUATED = "not-evaluated"


class NonTargetState(StrEnum):
    """How a non-target lesion stands at a visit."""

    PRESENT = "present"
    ABSENT = "absent"
    NORMAL_NODE = "normal-node"  # a node below 10 mm short axis
    PROGRESSED = "progressed"  # unequivocally, RECIST 1.1 section 4.3.4
    NOT_EVALUATED = "not-evaluated"


class NewLesionState(StrEnum):
    """How sure the reader is of a new lesion; anything in a region not scanned at baseline counts as new."""

    EQUIVOCAL = "equivocal"
    UNEQUIVOCAL = "unequivocal"


class MarkerState(StrEnum):
    """Tumour markers, where the trial follows them: a complete response needs them normal."""

    NOT_FOLLOWED = "not-followed"
    NORMAL = "normal"
    RAISED = "raised"
    NOT_EVALUATED = "not-evaluated"


class Response(StrEnum):
    """Response vocabulary (CDISC spelling). MISSING only ever names a best overall response."""

    CR = "CR"
    PR = "PR"
    SD = "SD"
    NON_CR_NON_PD = "NON-CR/NON-PD"
    PD = "PD"
    NE = "NE"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFinding:
    """One target lesion at one visit; `diameter_mm` is the short axis for nodes, else the longest diameter.

    For a lesion that has split, `diameter_mm` is the sum of the fragments' diameters (RECIST 1.1, 4.3.2).
    Raises CriteriaError for a state and a diameter that cannot both be true.
    """

    label: str
    is_node: bool
    state: LesionState
    diameter_mm: Decimal | None = None
    merged_into: str = ""

    def __post_init__(self) -> None:
        _check_diameter(self)
        if (self.state is LesionState.MERGED) != bool(self.merged_into) or self.merged_into == self.label:
            raise CriteriaError(
                f"Target lesion {self.label}: a merged lesion names the other lesion it merged with, "
                "and only a merged lesion does."
            )

    @property
    def size_mm(self) -> Decimal | None:
        """Return the part of the sum of diameters, in mm; None when the lesion was not evaluated."""
        if self.state is LesionState.NOT_EVALUATED:
            return None
        if self.state is LesionState.TOO_SMALL and self.diameter_mm is None:
            return TOO_SMALL_MM
        return self.diameter_mm or ZERO

    @property
    def is_gone(self) -> bool:
        """Whether it meets complete response: 0 mm, or below 10 mm short axis for a node."""
        size = self.size_mm
        return size is not None and (size < NORMAL_NODE_MM if self.is_node else size == ZERO)

    @property
    def is_seen(self) -> bool:
        """Whether disease is positively there; a lesion that was not evaluated is neither gone nor seen."""
        return self.size_mm is not None and not self.is_gone


@dataclass(frozen=True, slots=True, kw_only=True)
class NonTargetFinding:
    """One non-target lesion at one visit."""

    label: str
    state: NonTargetState
    is_node: bool = False

    def __post_init__(self) -> None:
        if self.state is NonTargetState.NORMAL_NODE and not self.is_node:
            raise CriteriaError(f"Non-target lesion {self.label} is no lymph node and cannot be a normal node.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLesionFinding:
    """One lesion that was not there at baseline; the label stays with the lesion over the visits."""

    label: str
    state: NewLesionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Everything one reader found at one visit; `day` counts on the same scale as `Policy.start_day`."""

    code: str
    day: int
    targets: tuple[TargetFinding, ...] = ()
    non_targets: tuple[NonTargetFinding, ...] = ()
    new_lesions: tuple[NewLesionFinding, ...] = ()
    markers: MarkerState = MarkerState.NOT_FOLLOWED


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One response with the row that gave it, in words."""

    response: Response
    reason: str


def _check_diameter(finding: TargetFinding) -> None:
    state, diameter = finding.state, finding.diameter_mm
    if diameter is None:
        if state is LesionState.MEASURED:
            raise CriteriaError(f"Target lesion {finding.label} is marked as measured but has no diameter.")
        return
    if state not in {LesionState.MEASURED, LesionState.TOO_SMALL}:
        raise CriteriaError(f"Target lesion {finding.label} has a diameter although it is {state.value}.")
    if not isinstance(diameter, Decimal) or not diameter.is_finite() or diameter < ZERO:
        raise CriteriaError(f"Target lesion {finding.label}: a diameter is a decimal number of mm, not below 0.")
    if state is LesionState.TOO_SMALL and not ZERO < diameter < NORMAL_NODE_MM:
        raise CriteriaError(f"Target lesion {finding.label} is too small to measure yet {diameter} mm.")

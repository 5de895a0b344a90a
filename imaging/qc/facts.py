"""What the checks look at: plain facts of images and charter; no pixels, no database rows, no clock."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

Position = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]


class Severity(StrEnum):
    """How a finding weighs: an error keeps a scan from being read until a person has decided."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Rule(StrEnum):
    """The name of each check, as stored with its finding."""

    EMPTY = "empty-delivery"
    IDENTITY = "identity"
    REQUIRED_SERIES = "required-series"
    SLICE_COUNT = "slice-count"
    SLICE_THICKNESS = "slice-thickness"
    SAME_UID = "same-uid"
    SAME_PIXELS = "same-pixels"
    NO_PIXELS = "no-pixels"
    NO_GEOMETRY = "no-geometry"
    ORIENTATION = "mixed-orientation"
    PIXEL_SPACING = "mixed-pixel-spacing"
    MATRIX = "mixed-matrix"
    FRAME_OF_REFERENCE = "mixed-frame-of-reference"
    DUPLICATE_POSITION = "duplicate-position"
    GAP = "slice-gap"
    VARIABLE_SPACING = "variable-spacing"
    TILT = "gantry-tilt"
    SEVERAL_STUDIES = "several-studies"
    SEVERAL_DATES = "several-dates"
    STUDY_DAY = "study-day"


class IdentityMatch(StrEnum):
    """What comparing the sender's identity with the subject's keyed token gave (reliability S15)."""

    SAME = "same"
    FIRST = "first"
    OTHER_SUBJECT = "other-subject"
    DIFFERS_IN_ONE = "differs-in-one"
    DIFFERS = "differs"
    NOT_COMPARABLE = "not-comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """Header facts of one instance; lengths in mm, vectors in LPS, empty text where the header is silent."""

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    modality: str
    frame_of_reference_uid: str = ""
    series_number: int | None = None
    instance_number: int | None = None
    acquisition_number: int | None = None
    series_description: str = ""
    body_part: str = ""
    image_type: tuple[str, ...] = ()
    rows: int = 0
    columns: int = 0
    frames: int = 1
    orientation: Orientation | None = None
    position: Position | None = None
    pixel_spacing: tuple[float, float] | None = None
    slice_thickness: float | None = None
    kvp: float | None = None
    study_date: date | None = None
    has_pixels: bool = True
    sha256: str = ""
    pixel_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRequirement:
    """One series the charter asks for at a time point; an empty body part means any."""

    name: str
    modality: str
    body_part: str = ""
    min_slices: int = 1
    max_slice_thickness_mm: float | None = None
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePointWindow:
    """The trial day a scan was due and the days allowed before and after it."""

    target_day: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a check saw: measured value against its limit, and the sentence a person reads."""

    rule: Rule
    severity: Severity
    series_instance_uid: str
    value: str
    limit: str
    sentence: str

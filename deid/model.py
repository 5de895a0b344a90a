"""What goes in and what comes out of the engine; all of it safe to store and to log."""

import functools
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from deid.choices import Choices
from deid.options import require_consistent
from deid.tables import table_edition
from deid.version import ENGINE_VERSION

LO_LIMIT = 64
ST_LIMIT = 1024
_FORBIDDEN = frozenset("\\^=")


class Rejection(StrEnum):
    """Why an object was turned away; stable words, used in counts and in tests."""

    NOT_DICOM = "not-dicom"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    INCOMPLETE = "incomplete"
    UNKNOWN_OBJECT = "unknown-object"
    TRANSFER_SYNTAX = "transfer-syntax"
    PIXELS_NEED_REVIEW = "pixels-need-review"
    PIXELS_DAMAGED = "pixels-damaged"
    DOCUMENT_REFUSED = "document-refused"
    RESIDUE = "residue"
    FACES_REMAIN = "faces-remain"
    OTHER_PATIENT = "other-patient"
    NOT_PROVEN = "not-proven"
    OTHER_RULES = "other-rules"


class Rejected(Exception):
    """An object that must not pass: a stable code and a sentence for the uploader, never a header value."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Policy(Choices):
    """What one trial allows: the Basic Profile with options; without a word, dates move and content trees are cleaned.

    Raises ValueError for options that exclude each other.
    """

    name: str = "basic"
    version: int = 1

    def __post_init__(self) -> None:
        require_consistent(self.options)

    @classmethod
    def of(cls, choices: Choices, *, name: str, version: int) -> "Policy":
        """Return the policy that executes these choices. Raises ValueError where they exclude each other."""
        return cls(
            options=choices.options,
            admits_unknown=choices.admits_unknown,
            words=choices.words,
            tag_rules=choices.tag_rules,
            name=name,
            version=version,
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the policy, the engine and the edition of Table E.1-1 it is executed with."""
        return _digest(self)


@functools.lru_cache(maxsize=256)
def _digest(policy: Policy) -> str:
    facts = {"name": policy.name, "version": policy.version, **policy.told}
    facts |= {"table": table_edition(), "engine": ENGINE_VERSION}
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ClinicalTrial:
    """The values of the Clinical Trial modules (PS3.3 C.7.1.3 to C.7.3.2); raises ValueError if unfit."""

    sponsor: str
    protocol_id: str
    protocol_name: str
    site_id: str
    site_name: str
    subject_code: str
    time_point_id: str
    time_point_description: str
    coordinating_center: str

    def __post_init__(self) -> None:
        for name, text in asdict(self).items():
            limit = ST_LIMIT if name == "time_point_description" else LO_LIMIT
            _require_plain(name, text, limit)
        for name in ("sponsor", "protocol_id", "subject_code"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} is type 1 in the Clinical Trial Subject module and may not be empty")
        if _FORBIDDEN & set(self.subject_code):
            raise ValueError("a subject code may not contain ^ or =")


def _require_plain(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise ValueError(f"{name} is longer than {limit} characters")
    if "\\" in text or not text.isprintable():
        raise ValueError(f"{name} may hold neither a backslash nor control characters")


@dataclass(frozen=True, slots=True)
class Facts:
    """Header facts of the CLEANED object. Lengths in millimetres, times in milliseconds, voltage in kV.

    Numbers are None and texts empty where the object does not say; `has_contrast` is read before cleaning.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    modality: str
    study_date: date | None
    series_date: date | None
    acquisition_date: date | None
    series_number: int | None
    instance_number: int | None
    acquisition_number: int | None
    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    bits_stored: int
    photometric_interpretation: str
    body_part: str
    laterality: str
    patient_position: str
    image_type: tuple[str, ...]
    orientation: tuple[float, ...]
    position: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    slice_thickness: float | None
    spacing_between_slices: float | None
    slice_location: float | None
    kvp: float | None
    exposure_time: float | None
    tube_current: float | None
    convolution_kernel: str
    magnetic_field_strength: float | None
    repetition_time: float | None
    echo_time: float | None
    units: str
    has_contrast: bool
    manufacturer: str
    manufacturer_model: str
    software_versions: str
    transfer_syntax_uid: str
    lossy_image_compression: str
    has_pixels: bool

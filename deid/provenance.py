"""What is written after cleaning: the Clinical Trial modules and the record of how the object was cleaned."""

from dataclasses import dataclass

from deid.burned.record import PixelRecord
from deid.codes import code_item
from deid.elements import Element, Item
from deid.model import ClinicalTrial, Policy
from deid.options import BASIC, COLUMNS, Option
from deid.tables import table_edition
from deid.version import ENGINE_VERSION

CONTENT_SEQUENCE, METHOD = 0x0040A730, 0x00120063
BURNED_IN, LOSSY, DERIVATION = 0x00280301, 0x00282110, 0x00082111
# type 2 attributes of the Patient and General Study modules: present even when the sender left them out
_PRESENT = {
    0x00080020: "DA", 0x00080030: "TM", 0x00080050: "SH", 0x00080090: "PN",
    0x00100030: "DA", 0x00100040: "CS", 0x00200010: "SH",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One code of CID 7050."""

    code: str
    meaning: str


def methods(item: Item, *, policy: Policy, pixels: PixelRecord | None = None) -> tuple[Method, ...]:
    """Return exactly the CID 7050 codes that were executed on this object (PS3.15 E.2)."""
    applied = [option for option in Option if option in policy.options and _is_executed(option, item, pixels)]
    columns = [COLUMNS[option] for option in applied]
    return (Method(*BASIC), *(Method(code=column.code, meaning=column.meaning) for column in columns))


def _is_executed(option: Option, item: Item, pixels: PixelRecord | None) -> bool:
    """Whether the option had something to act on: an object without content tree has none cleaned."""
    if option is Option.CLEAN_PIXEL_DATA:
        return pixels is not None and pixels.is_cleaned
    return option is not Option.CLEAN_STRUCTURED_CONTENT or CONTENT_SEQUENCE in item


def _temporal(policy: Policy) -> bytes:
    """Return Longitudinal Temporal Information Modified (0028,0303) as PS3.15 E.2 and E.3.7 ask."""
    if Option.RETAIN_FULL_DATES in policy.options:
        return b"UNMODIFIED"
    return b"MODIFIED" if Option.RETAIN_MODIFIED_DATES in policy.options else b"REMOVED"


def write_provenance(
    item: Item, *, trial: ClinicalTrial, policy: Policy, pixels: PixelRecord | None = None
) -> tuple[Method, ...]:
    """Add the trial's identity of the subject and the de-identification record; return the codes written."""
    applied = methods(item, policy=policy, pixels=pixels)
    for tag, vr in _PRESENT.items():
        item.setdefault(tag, Element(tag, vr))
    subject = trial.subject_code.encode()
    record = _method_text(policy).encode()
    written = (
        Element(0x00080005, "CS", b"ISO_IR 192"),
        Element(0x00100010, "PN", subject),
        Element(0x00100020, "LO", subject),
        Element(0x00120062, "CS", b"YES"),
        Element(METHOD, "LO", record),
        Element(0x00120064, "SQ", items=tuple(_code(method) for method in applied)),
        Element(0x00280303, "CS", _temporal(policy)),
        *_trial_modules(trial),
        *(_pixel_record(pixels) if pixels else ()),
    )
    item.update({element.tag: element for element in written})
    return applied


def _pixel_record(pixels: PixelRecord) -> tuple[Element, ...]:
    """Return what the object says of its own picture; NO burned-in text only where that is somebody's word."""
    said = {
        Element(BURNED_IN, "CS", b"NO"): pixels.is_cleaned,
        Element(DERIVATION, "ST", pixels.derivation.encode()): bool(pixels.derivation),
        Element(LOSSY, "CS", b"01"): pixels.was_lossy,
    }
    return tuple(element for element, holds in said.items() if holds)


def _method_text(policy: Policy) -> str:
    """Return engine, table edition and policy, each within the 64 characters of LO."""
    values = (
        f"Corelab deid {ENGINE_VERSION}",
        f"PS3.15 Table E.1-1 {table_edition()}"[:64],
        f"Policy {policy.digest[:16]}",
    )
    return "\\".join(values)


def _code(method: Method) -> Item:
    return code_item(scheme="DCM", value=method.code, meaning=method.meaning)


def _trial_modules(trial: ClinicalTrial) -> tuple[Element, ...]:
    """Return the Clinical Trial modules (PS3.3 C.7.1.3, C.7.2.3, C.7.3.2) with their type 2 attributes."""
    texts = {
        0x00120010: trial.sponsor,
        0x00120020: trial.protocol_id,
        0x00120021: trial.protocol_name,
        0x00120030: trial.site_id,
        0x00120031: trial.site_name,
        0x00120040: trial.subject_code,
        0x00120050: trial.time_point_id,
        0x00120051: trial.time_point_description,
        0x00120060: trial.coordinating_center,
    }
    vrs = {0x00120051: "ST"}
    return tuple(Element(tag, vrs.get(tag, "LO"), text.encode()) for tag, text in texts.items())

"""What is written after cleaning: the Clinical Trial modules and the record of how the object was cleaned."""

import functools
from dataclasses import dataclass

from deid.codes import code_item
from deid.elements import Element, Item
from deid.model import ClinicalTrial, Policy
from deid.options import BASIC, COLUMNS, Option
from deid.tables import table_edition
from deid.version import ENGINE_VERSION
from deid.writer import encode_element

CONTENT_SEQUENCE, METHOD = 0x0040A730, 0x00120063
# type 2 attributes of the Patient and General Study modules: present even when the sender left them out
PRESENT = {
    tag: Element(tag, vr)
    for tag, vr in {
        0x00080020: "DA", 0x00080030: "TM", 0x00080050: "SH", 0x00080090: "PN",
        0x00100030: "DA", 0x00100040: "CS", 0x00200010: "SH",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One code of CID 7050."""

    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is written into an object after it was cleaned: the elements, also as bytes, and the executed codes."""

    elements: dict[int, Element]
    encoded: dict[int, bytes]
    methods: tuple[Method, ...]


def methods(policy: Policy, *, has_content: bool) -> tuple[Method, ...]:
    """Return exactly the CID 7050 codes that were executed on an object (PS3.15 E.2).

    An object without content tree had none cleaned.
    """
    applied = [option for option in Option if option in policy.options]
    if not has_content:
        applied = [option for option in applied if option is not Option.CLEAN_STRUCTURED_CONTENT]
    columns = [COLUMNS[option] for option in applied]
    return (Method(*BASIC), *(Method(code=column.code, meaning=column.meaning) for column in columns))


def _temporal(policy: Policy) -> bytes:
    """Return Longitudinal Temporal Information Modified (0028,0303) as PS3.15 E.2 and E.3.7 ask."""
    if Option.RETAIN_FULL_DATES in policy.options:
        return b"UNMODIFIED"
    return b"MODIFIED" if Option.RETAIN_MODIFIED_DATES in policy.options else b"REMOVED"


@functools.lru_cache(maxsize=64)
def record_of(trial: ClinicalTrial, policy: Policy, *, has_content: bool) -> Record:
    """Return the trial's identity of the subject and the de-identification record."""
    applied = methods(policy, has_content=has_content)
    subject = trial.subject_code.encode()
    written = (
        Element(0x00080005, "CS", b"ISO_IR 192"),
        Element(0x00100010, "PN", subject),
        Element(0x00100020, "LO", subject),
        Element(0x00120062, "CS", b"YES"),
        Element(METHOD, "LO", _method_text(policy).encode()),
        Element(0x00120064, "SQ", items=tuple(_code(method) for method in applied)),
        Element(0x00280303, "CS", _temporal(policy)),
        *_trial_modules(trial),
    )
    return Record(
        elements={element.tag: element for element in written},
        encoded={element.tag: encode_element(element) for element in written},
        methods=applied,
    )


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

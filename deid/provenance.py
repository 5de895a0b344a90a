"""What is written after cleaning: the Clinical Trial modules and the record of how the object was cleaned."""

import functools
from dataclasses import dataclass

from deid.burned.record import PixelRecord
from deid.codes import CODE_VALUE, SCHEME, code_item
from deid.elements import Element, Item, text_of
from deid.model import ClinicalTrial, Policy
from deid.options import BASIC, COLUMNS, Option
from deid.risk import VISUAL_FEATURES
from deid.tables import table_edition
from deid.version import ENGINE_VERSION
from deid.writer import encode_element

CONTENT_SEQUENCE, METHOD = 0x0040A730, 0x00120063
BURNED_IN, LOSSY, DERIVATION = 0x00280301, 0x00282110, 0x00082111
_REMOVED, _CODES, _TEMPORAL = 0x00120062, 0x00120064, 0x00280303
_SCHEME = "DCM"
_UNMODIFIED = b"UNMODIFIED"
# What an object may say of its dates after an earlier de-identification that did not keep them.
_CHANGED = frozenset({"MODIFIED", "REMOVED"})
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
class Earlier:
    """What an object says of de-identification by others: codes of CID 7050, and whether its dates are true no more."""

    methods: tuple[Method, ...] = ()
    dates: str = ""


_NOTHING = Earlier()


@dataclass(frozen=True, slots=True)
class Record:
    """What is written into an object after it was cleaned: the elements, also as bytes; executed and earlier codes."""

    elements: dict[int, Element]
    encoded: dict[int, bytes]
    methods: tuple[Method, ...]
    earlier: tuple[Method, ...] = ()


def earlier_of(item: Item) -> Earlier:
    """Return what an original says of earlier steps, which are told on (PS3.3 C.7.1.1: items for successive steps).

    Only from an object that says that its person was removed, only codes of CID 7050, with the standard's meaning:
    the sender's own words, (0012,0063) too, are texts like any other and go.
    """
    codes = item.get(_CODES)
    if text_of(item.get(_REMOVED)) != "YES":
        return Earlier()
    told = {text_of(each.get(CODE_VALUE)) for each in (codes.items if codes else None) or () if _is_standard(each)}
    known = (Method(*BASIC), *(Method(column.code, column.meaning) for column in COLUMNS.values()))
    dates = text_of(item.get(_TEMPORAL))
    return Earlier(
        methods=tuple(method for method in known if method.code in told), dates=dates if dates in _CHANGED else ""
    )


def _is_standard(item: Item) -> bool:
    return text_of(item.get(SCHEME)) == _SCHEME


def methods(policy: Policy, *, has_content: bool, pixels: PixelRecord | None = None) -> tuple[Method, ...]:
    """Return exactly the CID 7050 codes that were executed on an object (PS3.15 E.2).

    An object without content tree had none cleaned, and one whose picture nobody looked at no pixels.
    """
    idle = set() if has_content else {Option.CLEAN_STRUCTURED_CONTENT}
    if pixels is None or not pixels.is_cleaned:
        idle.add(Option.CLEAN_PIXEL_DATA)
    if pixels is None or pixels.faces is None:
        idle.add(Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES)
    applied = [option for option in Option if option in policy.options - idle]
    columns = [COLUMNS[option] for option in applied]
    return (Method(*BASIC), *(Method(code=column.code, meaning=column.meaning) for column in columns))


def _temporal(policy: Policy, earlier: Earlier) -> bytes:
    """Return Longitudinal Temporal Information Modified (0028,0303) as PS3.15 E.2 and E.3.7 ask.

    Dates that somebody moved before are kept in full as moved ones.
    """
    if Option.RETAIN_FULL_DATES in policy.options:
        return earlier.dates.encode() or _UNMODIFIED
    return b"MODIFIED" if Option.RETAIN_MODIFIED_DATES in policy.options else b"REMOVED"


@functools.lru_cache(maxsize=64)
def record_of(
    trial: ClinicalTrial,
    policy: Policy,
    *,
    has_content: bool,
    pixels: PixelRecord | None = None,
    earlier: Earlier = _NOTHING,
) -> Record:
    """Return the trial's identity of the subject and the de-identification record; it overrides what an object says.

    Of the codes of earlier steps those stand before ours that were not executed again here.
    """
    applied = methods(policy, has_content=has_content, pixels=pixels)
    others = tuple(method for method in earlier.methods if method not in applied)
    subject = trial.subject_code.encode()
    written = (
        Element(0x00080005, "CS", b"ISO_IR 192"),
        Element(0x00100010, "PN", subject),
        Element(0x00100020, "LO", subject),
        Element(_REMOVED, "CS", b"YES"),
        Element(METHOD, "LO", _method_text(policy, earlier=len(others)).encode()),
        Element(_CODES, "SQ", items=tuple(_code(method) for method in (*others, *applied))),
        Element(_TEMPORAL, "CS", _temporal(policy, earlier)),
        *_trial_modules(trial),
        *(_pixel_record(pixels) if pixels else ()),
    )
    return Record(
        elements={element.tag: element for element in written},
        encoded={element.tag: encode_element(element) for element in written},
        methods=applied,
        earlier=others,
    )


def _pixel_record(pixels: PixelRecord) -> tuple[Element, ...]:
    """Return what the object says of its own picture; NO burned-in text only where that is somebody's word."""
    said = {
        Element(BURNED_IN, "CS", b"NO"): pixels.is_cleaned,
        Element(VISUAL_FEATURES, "CS", b"NO"): pixels.faces is not None,
        Element(DERIVATION, "ST", pixels.derivation.encode()): bool(pixels.derivation),
        Element(LOSSY, "CS", b"01"): pixels.was_lossy,
    }
    return tuple(element for element, holds in said.items() if holds)


def _method_text(policy: Policy, *, earlier: int) -> str:
    """Return engine, table edition and policy, and how many codes are others' word, within the 64 characters of LO."""
    values = (
        f"Corelab deid {ENGINE_VERSION}",
        f"PS3.15 Table E.1-1 {table_edition()}"[:64],
        f"Policy {policy.digest[:16]}",
    )
    told = (f"First {earlier} method codes as received, not executed here",) if earlier else ()
    return "\\".join((*values, *told))


def _code(method: Method) -> Item:
    return code_item(scheme=_SCHEME, value=method.code, meaning=method.meaning)


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

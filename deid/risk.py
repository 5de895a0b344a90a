"""Pictures and papers a machine must not wave through: text burned into pixels, faces, documents."""

from enum import StrEnum

from deid.elements import Item, number_of, text_of, values_of
from deid.model import Rejected, Rejection
from deid.tables import objects

BURNED_IN, VISUAL_FEATURES, CONVERSION_TYPE = 0x00280301, 0x00280302, 0x00080064
IMAGE_TYPE, SAMPLES = 0x00080008, 0x00280002
_DOCUMENTS = ("encapsulated-",)
_CAPTURED = ("secondary-capture",)
_PHOTOGRAPHED = (
    "vl-",
    "video-",
    "ophthalmic-photography",
    "wide-field-ophthalmic",
    "dermoscopic",
    "photoacoustic",
    "confocal",
)
# Tissue on glass shows nobody: such a scan tells by itself whether the label, or anything burned in, is to be seen.
_SLIDE, _SPECIMEN_LABEL = ("whole-slide",), 0x00480010
# Of the flavours of a slide (PS3.3 C.8.12.4.1.1) these show the label, whatever the flags say.
_WITH_LABEL = frozenset({"LABEL", "OVERVIEW"})
_SOUND = ("general-audio", "basic-voice-audio")
_REVIEW_UNLESS_DECLARED = ("ultrasound", "enhanced-us-volume", "intravascular-optical")
_NOT_A_SCAN = frozenset({"raw-data", "basic-directory", "hanging-protocol", "color-palette", "inventory"})
_CAPTURES = frozenset({"DV", "DF", "WSD", "SD", "SI"})
_SCREEN_WORDS = ("SCREEN", "CAPTURE", "DOSE", "PROTOCOL", "REPORT", "VXTL", "SNAPSHOT", "PASTED", "TEXT")
_PLAIN_COLOURLESS = frozenset({"ct-image", "mr-image", "positron-emission-tomography-image"})
_PATIENT = "patient"
_DIRECTORY_GROUP = 0x0004
_OVERLAY_DATA = 0x3000
_OVERLAY_BITS = 0x60000100  # Overlay Bits Allocated of every overlay group


def _needs_review() -> Rejected:
    return Rejected(
        Rejection.PIXELS_NEED_REVIEW,
        "This picture may show a name or a face in the image itself, and that cannot be cleaned by machine. "
        "It was not let through. Please send the original scan series without screen captures, "
        "or ask the core laboratory whether this picture is needed.",
    )


def _document() -> Rejected:
    return Rejected(
        Rejection.DOCUMENT_REFUSED,
        "This object is a document (PDF, CDA or model file) and may carry a name anywhere. "
        "It was not let through. Please leave documents out and send the images only.",
    )


def _not_a_scan() -> Rejected:
    return Rejected(
        Rejection.UNKNOWN_OBJECT,
        "This object is not a scan of a person (a directory, raw or settings file). It was not let through. "
        "Please send the images themselves.",
    )


class Look(StrEnum):
    """Who must look at a picture before it may go on: a machine can find text, only a person can tell a face."""

    MACHINE = "machine"
    PERSON = "person"


def require_low_risk(item: Item, *, sop_class_uid: str, is_looked_at: bool = False) -> None:
    """Raise Rejected for kinds of objects whose pixels or content no rule can clean.

    Secondary captures are never waved through: whoever makes a screenshot also makes its flags.
    Ultrasound passes only when the sender set Burned In Annotation to exactly NO.
    `is_looked_at` says that the pixels were cleaned, or that a person vouches for them (deid.burned).
    """
    iod = objects().iods.get(sop_class_uid, "")
    if any(tag >> 16 == _DIRECTORY_GROUP for tag in item) and not iod:
        raise _not_a_scan()
    if iod.startswith(_DOCUMENTS):
        raise _document()
    if iod in _NOT_A_SCAN or (iod and _PATIENT not in objects().modules[iod]):
        raise _not_a_scan()
    if _holds(iod, _SOUND) or _has_embedded_overlay(item):
        raise _needs_review()
    if not is_looked_at and look_needed(item, sop_class_uid=sop_class_uid):
        raise _needs_review()


def require_declared(item: Item) -> None:
    """Raise Rejected where an object of unknown kind does not say that nothing is burned into its pixels."""
    if text_of(item.get(BURNED_IN)) != "NO":
        raise _needs_review()


def look_needed(item: Item, *, sop_class_uid: str) -> Look | None:
    """Return who must look at the pixels of this object, None where nothing speaks for text or faces in them."""
    iod, flag = objects().iods.get(sop_class_uid, ""), text_of(item.get(BURNED_IN))
    if (_holds(iod, _PHOTOGRAPHED) and not _is_bare_slide(item, iod)) or _shows_features(item):
        return Look.PERSON
    is_ultrasound = _holds(iod, _REVIEW_UNLESS_DECLARED) and flag != "NO"
    is_risky = _holds(iod, _CAPTURED) or flag == "YES" or is_ultrasound or _looks_captured(item, iod)
    return Look.MACHINE if is_risky else None


def _holds(iod: str, marks: tuple[str, ...]) -> bool:
    return any(mark in iod for mark in marks)


def _is_bare_slide(item: Item, iod: str) -> bool:
    is_declared = text_of(item.get(BURNED_IN)) == text_of(item.get(_SPECIMEN_LABEL)) == "NO"
    return _holds(iod, _SLIDE) and is_declared and _WITH_LABEL.isdisjoint(values_of(item.get(IMAGE_TYPE)))


def _shows_features(item: Item) -> bool:
    return text_of(item.get(VISUAL_FEATURES)) == "YES"


def _looks_captured(item: Item, iod: str) -> bool:
    """Whether an ordinary image class is used for a screenshot or a dose sheet, as scanners do."""
    if text_of(item.get(CONVERSION_TYPE)) in _CAPTURES:
        return True
    is_coloured = iod in _PLAIN_COLOURLESS and number_of(item.get(SAMPLES)) > 1
    kinds = " ".join(values_of(item.get(IMAGE_TYPE)))
    return is_coloured or any(word in kinds for word in _SCREEN_WORDS)


def _has_embedded_overlay(item: Item) -> bool:
    """Whether drawings sit in unused bits of the pixels (PS3.3 C.9.2, retired): they cannot be taken out."""
    wide = {
        tag & 0xFFFF0000
        for tag, element in item.items()
        if tag & 0xFF01FFFF == _OVERLAY_BITS and number_of(element) > 1
    }
    return any(group | _OVERLAY_DATA not in item for group in wide)

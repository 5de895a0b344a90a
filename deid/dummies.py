"""Stand-in values for attributes an object cannot do without; none is taken from the original."""

from deid.elements import Element, Item, number_of, text_of

STAND_IN = "REMOVED"
_SEGMENT_NUMBER, _SEGMENT_LABEL = 0x00620004, 0x00620005
_ROI_NUMBER, _ROI_NAME = 0x30060022, 0x30060026
_BY_VR = {
    "DA": b"19000101", "DT": b"19000101000000", "TM": b"000000", "CS": b"OTHER", "IS": b"0", "DS": b"0",
    "AS": b"000Y", "UR": b"urn:removed", "OB": b"\0\0", "OW": b"\0\0", "UN": b"",
}  # fmt: skip


def dummy(tag: int, vr: str, *, siblings: Item) -> Element:
    """Return a non-empty stand-in of the right VR; names of segments and ROIs stay apart by their number."""
    if tag == _SEGMENT_LABEL:
        return Element(tag, vr, f"Segment {number_of(siblings.get(_SEGMENT_NUMBER))}".encode())
    if tag == _ROI_NAME:
        return Element(tag, vr, f"ROI {_ordinal(siblings)}".encode())
    return Element(tag, vr, _BY_VR.get(vr, STAND_IN.encode()))


def _ordinal(siblings: Item) -> str:
    number = text_of(siblings.get(_ROI_NUMBER))
    return number if number.isascii() and number.isdigit() and len(number) <= 4 else "0"  # noqa: PLR2004  as in vocabulary

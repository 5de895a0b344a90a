"""Whether what is served is what was sent, apart from what de-identification is for (PS3.15 table E.1-1)."""

import io
from typing import Any

from pydicom import DataElement, Dataset, dcmread

from deid.tables import rows

_FILE_META, _LENGTH = 0x0002, 0x0000
_PIXELS = 0x7FE00010
# Free text is cleaned word by word.
_TEXTS = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "PN"})
# What the engine writes anew: character set, method and clinical trial, lengths.
_OWN_GROUPS = frozenset({_FILE_META, 0x0012})
# Nobody is named any more who verified a report, and a label is a text of a person.
_OWN = frozenset({0x00080005, 0x00280303, 0x0040A493, 0x00700080})


def differences(sent: bytes, served: bytes) -> list[str]:
    """Name what differs and is no matter of de-identification: keywords, "pixels", or a text that cannot be read."""
    before, after = dcmread(io.BytesIO(sent), force=True), dcmread(io.BytesIO(served))
    found = [_name(one) for one in before if _must_stay(one) and _value(one) != _value(after.get(one.tag))]
    if "PixelData" in before and not _same_pixels(before, after):
        found.append("pixels")
    return found + _unreadable(after)


def _must_stay(one: DataElement) -> bool:
    tag = int(one.tag)
    if one.tag.is_private or tag == _PIXELS or tag & 0xFFFF == _LENGTH or tag >> 16 in _OWN_GROUPS or tag in _OWN:
        return False
    # Sequences hold what goes beside what stays: the tests of the engine look into them.
    return (
        tag not in rows()
        and one.VR not in {"SQ", "UI", "DA", "TM", "DT"} | _TEXTS
        and bool(one.value or one.value == 0)
    )


def _name(one: DataElement) -> str:
    return one.keyword or str(one.tag)


def _value(one: Any) -> str:
    return "" if one is None else str(one.value)


def _same_pixels(before: Dataset, after: Dataset) -> bool:
    is_same_form = before.file_meta.get("TransferSyntaxUID") == after.file_meta.TransferSyntaxUID
    if is_same_form and bytes(before.PixelData).rstrip(b"\0") == bytes(after.PixelData).rstrip(b"\0"):
        return True
    one, other = before.pixel_array, after.pixel_array
    return bool(one.shape == other.shape and (one == other).all())


def _unreadable(after: Dataset) -> list[str]:
    return [_name(one) for one in after if "\ufffd" in str(one.value)]

"""The names of an object from the first bytes of its file, so that a door can tell what it took without reading on."""

import re
import struct
import zlib
from dataclasses import dataclass

from deid.elements import Item, text_of
from deid.model import Rejected, Rejection
from deid.parser import BIG_ENDIAN, DEFLATED, IMPLICIT
from deid.reader import Reader

_META_START = 132
_PREAMBLE = 128
_HEAD_OF_GROUP = 4
_LAST_GROUP = 0x0020
# What a door looks at of a deflated object; names stand far before it.
_INFLATED = 1 << 20
_SYNTAX, _SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00020010, 0x00080016, 0x00080018, 0x0020000D
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Head:
    """The UIDs under which a sender knows one object, as they stand in its data set (PS3.3 C.12.1, C.7.2.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str


def read_head(data: bytes) -> Head:
    """Return the names in a Part 10 file, of which `data` may be the beginning alone.

    Raises Rejected where it is no Part 10 file, is damaged before its names, or lacks one of them.
    """
    if data[_PREAMBLE:_META_START] != b"DICM":
        raise Rejected(Rejection.NOT_DICOM, "This part is not a DICOM file (PS3.10): it has no such beginning.")
    item = head_item(data, last_group=_LAST_GROUP)
    head = Head(*(text_of(item.get(tag)) for tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY)))
    if not all(map(is_uid, (head.sop_class_uid, head.sop_instance_uid, head.study_instance_uid))):
        raise Rejected(Rejection.INCOMPLETE, "This object does not say of which class, which object or study it is.")
    return head


def is_uid(text: str) -> bool:
    """Whether this names an object: digits and dots, 64 at most (PS3.5 9.1)."""
    return _UID.fullmatch(text) is not None


def head_item(data: bytes, *, last_group: int) -> Item:
    """Return file meta and the groups up to one of a Part 10 file, of which `data` may be the beginning alone.

    Raises Rejected where it is damaged before that group, or ends in it.
    """
    view = memoryview(data)
    try:
        meta, start = Reader(view, is_explicit=True).read_group(_META_START, group=0x0002)
        return meta | _groups(view[start:], text_of(meta.get(_SYNTAX)), last_group)
    except struct.error:
        raise Rejected(Rejection.MALFORMED, "The header of this object ends in the middle of an entry.") from None


def _groups(view: memoryview, syntax: str, last_group: int) -> Item:
    if syntax == DEFLATED:
        view = memoryview(_inflate(view))
    order = ">" if syntax == BIG_ENDIAN else "<"
    reader = Reader(view, is_explicit=syntax != IMPLICIT, order=order)
    item: Item = {}
    position = 0
    while position + _HEAD_OF_GROUP <= len(view):
        group = int.from_bytes(view[position : position + 2], "big" if order == ">" else "little")
        found, after = reader.read_group(position, group=group)
        item |= found
        if group >= last_group or after == position:
            break
        position = after
    return item


def _inflate(view: memoryview) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(view, _INFLATED)
    except zlib.error:
        raise Rejected(Rejection.MALFORMED, "The header of this object cannot be unpacked.") from None

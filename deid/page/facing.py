"""What the page shows of a file to whoever sends it: on the screen alone, for all of it may name the person."""

import zlib
from typing import Any

from deid.choices import written
from deid.elements import PIXEL_TAGS, Element, Item, Source, number_of, text_of
from deid.explain import name_of
from deid.heads import head_item
from deid.model import Policy
from deid.parser import PLAIN, parse
from deid.person import CHARACTER_SET, decoded
from deid.pixels import frame_count
from deid.plan import plan_for
from deid.private import Blocks, blocks_of
from deid.result import Cleaned

Told = dict[str, Any]
_SYNTAX, _SOP_CLASS, _DIRECTORY = 0x00020010, 0x00080016, "1.2.840.10008.1.3.10"
_META_CLASS = 0x00020002
_LAST_GROUP = 0x0028
_TEXTS = {
    "modality": 0x00080060,
    "series": 0x0020000E,
    "study": 0x0020000D,
    "instance": 0x00080018,
    "series_description": 0x0008103E,
    "patient_name": 0x00100010,
    "patient_id": 0x00100020,
    "birth_date": 0x00100030,
    "study_date": 0x00080020,
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP, _TAR_MARK, _TAR_HEAD = b"\x1f\x8b", b"ustar", 512
_PART_10, _MARK = slice(128, 132), b"DICM"
_BARE = (b"\x08\0", b"\x02\0", b"\0\x08")
_LONGEST_SHOWN = 160
_NUMBERS = {"US": 2, "SS": 2, "UL": 4, "SL": 4}


def kind_of(data: bytes) -> str:
    """Return what a file seems to be from its first bytes: image, archive, other, or packed, a tar for the intake."""
    if data.startswith(_ZIP):
        return "archive"
    if _is_tar(data) or (data.startswith(_GZIP) and _is_tar(_unpacked(data))):
        return "packed"
    return "image" if data[_PART_10] == _MARK or data.startswith(_BARE) else "other"


def _is_tar(data: bytes) -> bool:
    return data[257:262] == _TAR_MARK


def _unpacked(data: bytes) -> bytes:
    """Return what a gzip stream begins with, as much as tells a tar."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _TAR_HEAD)
    except zlib.error:
        return b""


def told_of(data: bytes) -> Told:
    """Return kind and head of a DICOM file, of which `data` may be the beginning. Raises Rejected."""
    item = head_item(data, last_group=_LAST_GROUP) if data[_PART_10] == _MARK else parse(data).item
    if _DIRECTORY in {text_of(item.get(_META_CLASS)), text_of(item.get(_SOP_CLASS))}:
        return {"kind": "folder", "head": None}
    syntax, charset = text_of(item.get(_SYNTAX)), item.get(CHARACTER_SET)
    texts = {name: _text(item.get(tag), charset) for name, tag in _TEXTS.items()}
    return {
        "kind": "image",
        "head": {
            **texts,
            "rows": number_of(item.get(0x00280010)),
            "columns": number_of(item.get(0x00280011)),
            "frames": frame_count(item),
            "transfer_syntax": syntax,
            "is_native": not syntax or syntax in PLAIN,
        },
    }


def _text(element: Element | None, charset: Element | None) -> str:
    return decoded(element, charset=charset).strip("\0 ") if element else ""


def rows_of(source: Source, cleaned: Cleaned, *, policy: Policy) -> list[Told]:
    """Return each attribute at the top of an object before and after, and what is done to it (`added` where new)."""
    plan = plan_for(text_of(source.item.get(_SOP_CLASS)), policy)
    blocks = blocks_of(source.item) if plan.retains_private else Blocks({})
    before, after = source.item, cleaned.item
    rows = []
    for tag in sorted(set(before) | set(after)):
        safe = blocks.safe_vr(tag) if tag >> 16 & 1 else None
        rule = plan.private_rule(safe) if safe else plan.rule(plan.root, tag)
        rows.append(
            {
                "tag": written(tag),
                "name": name_of(tag),
                "before": _shown(before, tag),
                "after": _shown(after, tag),
                "deed": str(rule.deed) if tag in before else "added",
            }
        )
    return rows


def _shown(item: Item, tag: int) -> str:
    """Return a value as a person reads it; of pixels and sequences how many there are."""
    element = item.get(tag)
    if element is None:
        return ""
    if element.items is not None:
        return f"{len(element.items)} ×"
    if tag in PIXEL_TAGS or element.fragments is not None:
        return "…"
    if element.vr in _NUMBERS:
        return _numbers(element)
    text = "".join(filter(str.isprintable, decoded(element, charset=item.get(CHARACTER_SET)))).strip()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _numbers(element: Element) -> str:
    size, signed, raw = _NUMBERS[element.vr], element.vr[0] == "S", bytes(element.value)[:_LONGEST_SHOWN]
    parts = (raw[at : at + size] for at in range(0, len(raw) - size + 1, size))
    return " \\ ".join(str(int.from_bytes(part, "little", signed=signed)) for part in parts)

"""Which representation a client takes (PS3.18 8.7), and in which one we keep what we have."""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.dicomweb.multipart import MediaType, media_type

EXPLICIT = "1.2.840.10008.1.2.1"
DICOM, OCTETS, RELATED, ANY = "application/dicom", "application/octet-stream", "multipart/related", "*/*"
PNG, JPEG = "image/png", "image/jpeg"
# What is decoded for one answer; larger images go out as they are stored.
MOST_DECODED = 384 * 1024 * 1024
# PS3.18 table 8.7.3-5.
OF_SYNTAX = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.50": JPEG,
    "1.2.840.10008.1.2.4.51": JPEG,
    "1.2.840.10008.1.2.4.57": JPEG,
    "1.2.840.10008.1.2.4.70": JPEG,
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
}
JSON_TYPES = frozenset({"application/dicom+json", "application/json", ANY, "application/*"})


class NotAcceptable(Exception):
    """None of the representations asked for can be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One entry of an Accept header: in parts or not, of which type, in which transfer syntax ("": not told)."""

    in_parts: bool
    name: str
    syntax: str

    def takes(self, stored: str) -> bool:
        return self.syntax in {"*", stored}


def wishes(accept: str) -> list[Wish]:
    """Return the entries of an Accept header in order; an absent one takes anything."""
    return [_wish(media_type(entry)) for entry in _entries(accept or ANY)]


def _entries(accept: str) -> list[str]:
    """Cut at commas that stand in no quotes."""
    entries, is_quoted = [""], False
    for sign in accept:
        is_quoted ^= sign == '"'
        if sign == "," and not is_quoted:
            entries.append("")
        else:
            entries[-1] += sign
    return [entry for entry in entries if entry.strip()]


def _wish(kind: MediaType) -> Wish:
    syntax = kind.parameters.get("transfer-syntax", "")
    if kind.name in {ANY, RELATED, "multipart/*"}:
        name = media_type(kind.parameters.get("type", ANY)).name
        return Wish(in_parts=True, name=name, syntax=syntax or ("*" if name == ANY else ""))
    return Wish(in_parts=False, name=kind.name, syntax=syntax)


def wants_json(accept: str) -> bool:
    return any(media_type(entry).name in JSON_TYPES for entry in _entries(accept or ANY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How objects or frames are given; `is_stored` as they lie in the archive, else decoded to little endian."""

    in_parts: bool
    name: str
    is_stored: bool


def choose_object(wanted: Sequence[Wish], *, stored: str) -> Choice:
    """Choose how an object goes out. Raises NotAcceptable.

    Without a word on the transfer syntax it is Explicit VR Little Endian (PS3.18 8.7.3.5.2).
    """
    for wish in wanted:
        if wish.name not in {DICOM, ANY}:
            continue
        if wish.takes(stored) or stored == (wish.syntax or EXPLICIT):
            return Choice(in_parts=wish.in_parts, name=DICOM, is_stored=True)
        if (wish.syntax or EXPLICIT) == EXPLICIT:
            return Choice(in_parts=wish.in_parts, name=DICOM, is_stored=False)
    raise NotAcceptable


def choose_frame(wanted: Sequence[Wish], *, stored: str) -> Choice:
    """Choose how frames go out: compressed as they are where the client takes that, else as plain octets."""
    own = OF_SYNTAX.get(stored)
    for wish in wanted:
        if own and (wish.name == own or (wish.name == ANY and wish.takes(stored))):
            return Choice(in_parts=wish.in_parts, name=own, is_stored=True)
        if own and wish.name == OCTETS and wish.takes(stored):
            return Choice(in_parts=wish.in_parts, name=OCTETS, is_stored=True)
        if wish.name in {OCTETS, ANY}:
            return Choice(in_parts=wish.in_parts, name=OCTETS, is_stored=not own)
    raise NotAcceptable


def choose_picture(accept: str) -> str:
    """Choose PNG or JPEG for a rendered frame. Raises NotAcceptable."""
    for entry in _entries(accept or ANY):
        name = media_type(entry).name
        if name in {PNG, JPEG}:
            return name
        if name in {ANY, "image/*"}:
            return PNG
    raise NotAcceptable

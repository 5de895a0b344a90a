"""Whether an object that comes in pieces is whole, told as its last byte is there: so no door takes a torn one.

Only lengths are followed, no value is decoded, and nothing is refused here that the engine would let through.
"""

import struct
import zlib
from dataclasses import dataclass

from deid.elements import PIXEL_TAGS, UNDEFINED, Element, Item, text_of
from deid.heads import is_uid
from deid.model import Rejected, Rejection
from deid.parser import (
    BIG_ENDIAN,
    DEFLATED,
    IMPLICIT,
    INFLATED_FLOOR,
    INFLATED_LIMIT,
    INFLATED_RATIO,
    META_START,
    PLAIN,
    read_meta,
)
from deid.pixels import damaged, native_length
from deid.reader import DEPTH_LIMIT, ELEMENT_LIMIT, ENCODED_SHORT_VRS, SHORTEST, VR, malformed, too_large

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITERS = 0xFFFE
_NAMES = (0x00080016, 0x00080018, 0x0020000D)
_DESCRIBING = {0x00280002: "US", 0x00280004: "CS", 0x00280008: "IS", 0x00280010: "US", 0x00280011: "US",
               0x00280100: "US"}  # fmt: skip
_NOTED = _DESCRIBING | dict.fromkeys(_NAMES, "UI")
_LONGEST_NOTED = 80
_INFLATED_AT_ONCE = 1 << 16
# Private syntaxes write as they please; the engine refuses them by name.
_STANDARD = "1.2.840.10008.1.2"


class _Form:
    """How element heads are written."""

    def __init__(self, *, is_explicit: bool, order: str) -> None:
        self.is_explicit, self.order = is_explicit, order
        self.tag, self.length = struct.Struct(order + "HH"), struct.Struct(order + "L")
        self.short = struct.Struct(order + "HH2sH")


_WRAPPED = _Form(is_explicit=False, order="<")


@dataclass(frozen=True, slots=True)
class _Open:
    """A sequence, an item or pixel data whose end a delimiter tells."""

    kind: str
    form: _Form


def _bomb() -> Rejected:
    return too_large("it unpacks to far more than its size")


def inspect_file(data: bytes) -> "Inspector":
    """Begin to follow a Part 10 file of which `data` is the beginning. Raises Rejected where its meta is torn."""
    try:
        syntax, start = read_meta(memoryview(data), META_START)
    except struct.error:
        raise malformed("it ends in the middle of an entry") from None
    inspector = Inspector(syntax)
    inspector.feed(memoryview(data)[start:])
    return inspector


def _too_many() -> Rejected:
    return too_large("too many header entries")


class Inspector:
    """Follows the data set of one object, without its file meta, in a transfer syntax."""

    def __init__(self, transfer_syntax: str) -> None:
        self._syntax = transfer_syntax
        self._is_known = transfer_syntax.startswith(_STANDARD)
        order = ">" if transfer_syntax == BIG_ENDIAN else "<"
        self._form = _Form(is_explicit=transfer_syntax != IMPLICIT, order=order)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if transfer_syntax == DEFLATED else None
        self._packed = self._inflated = 0
        self._held = b""
        self._skip = self._elements = 0
        self._open: list[_Open] = []
        self._noted: Item = {}
        self._pixels: tuple[int, int] | None = None
        self._refusal: Rejected | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the data set."""
        if self._refusal is not None or not self._is_known:
            return
        try:
            if self._inflater is None:
                self._walk(memoryview(data))
            else:
                self._inflate(self._inflater, bytes(data))
        except Rejected as rejected:
            self._refusal = rejected

    def end(self) -> Rejected | None:
        """Return why the object may not be taken, None where nothing speaks against it."""
        if self._refusal is None and self._is_known:
            try:
                self._require_ended()
                self._require_names()
                self._require_pixels()
            except Rejected as rejected:
                self._refusal = rejected
        return self._refusal

    def _inflate(self, inflater: "zlib._Decompress", packed: bytes) -> None:
        self._packed += len(packed)
        while not inflater.eof:
            try:
                plain = inflater.decompress(packed, _INFLATED_AT_ONCE)
            except zlib.error:
                raise malformed("the compressed header cannot be unpacked") from None
            self._inflated += len(plain)
            if self._inflated > INFLATED_LIMIT:
                raise _bomb()
            self._walk(memoryview(plain))
            packed = inflater.unconsumed_tail
            # A full measure may have left some behind although nothing is left to unpack.
            if not packed and len(plain) < _INFLATED_AT_ONCE:
                return

    def _walk(self, view: memoryview) -> None:
        if self._skip >= len(view):
            self._skip -= len(view)
            return
        view, self._skip = view[self._skip :], 0
        if self._held:
            view = memoryview(self._held + bytes(view))
        position, end = 0, len(view)
        while position + SHORTEST <= end:
            if self._form.is_explicit and not self._open:
                position = self._stride(view, position, end)
                if position + SHORTEST > end:
                    break
            after = self._step(view, position, end)
            if after < 0:
                break
            position = after
        self._skip = max(position - end, 0)
        self._held = bytes(view[position:])

    def _stride(self, view: memoryview, position: int, end: int) -> int:
        """Pass over short entries of which nothing is noted; there are a hundred in each image."""
        read = self._form.short.unpack_from
        while position + SHORTEST <= end:
            group, number, vr, length = read(view, position)
            if vr not in ENCODED_SHORT_VRS or group == _DELIMITERS or (group << 16 | number) in _NOTED:
                break
            position += SHORTEST + length
            self._elements += 1
            if self._elements > ELEMENT_LIMIT:
                raise _too_many()
        return position

    def _step(self, view: memoryview, position: int, end: int) -> int:
        """Return where the next head stands, -1 where more bytes are needed to tell. Raises Rejected."""
        self._elements += 1
        if self._elements > ELEMENT_LIMIT:
            raise _too_many()
        within = self._open[-1] if self._open else None
        form = within.form if within else self._form
        group, number = form.tag.unpack_from(view, position)
        if group == _DELIMITERS or (within and within.kind != "item"):
            return self._delimit(group << 16 | number, form.length.unpack_from(view, position + 4)[0], position)
        return self._enter(view, position, end, tag=group << 16 | number)

    def _delimit(self, tag: int, length: int, position: int) -> int:
        within = self._open[-1].kind if self._open else ""
        after = position + SHORTEST
        if within == "item" and tag == _ITEM_END:
            # The engine counts no ends of items.
            self._elements -= 1
            self._open.pop()
            return after
        if within in {"items", "fragments"} and tag == _SEQUENCE_END:
            self._open.pop()
            return after
        if tag != _ITEM or within not in {"items", "fragments"}:
            raise malformed("a sequence holds something that is no item")
        if length != UNDEFINED:
            return after + length
        if within == "fragments":
            raise malformed("the compressed pixel data is cut off")
        self._push("item", self._open[-1].form)
        return after

    def _enter(self, view: memoryview, position: int, end: int, *, tag: int) -> int:
        form = self._open[-1].form if self._open else self._form
        vr, start = b"", position + SHORTEST
        if form.is_explicit:
            vr = bytes(view[position + 4 : position + 6])
            if not VR.fullmatch(vr):
                raise malformed("an entry has no valid type")
        if vr in ENCODED_SHORT_VRS:
            length = form.short.unpack_from(view, position)[3]
        elif not vr:
            length = form.length.unpack_from(view, position + 4)[0]
        elif position + 12 > end:
            return self._wait()
        else:
            length, start = form.length.unpack_from(view, position + 8)[0], position + 12
        if length == UNDEFINED:
            self._begin(tag, vr, form)
            return start
        return self._note(view, tag, start, length)

    def _begin(self, tag: int, vr: bytes, form: _Form) -> None:
        if tag in PIXEL_TAGS:
            self._push("fragments", form)
        elif vr in {b"", b"SQ"}:
            self._push("items", form)
        elif vr == b"UN":
            self._push("items", _WRAPPED)
        else:
            raise malformed("an entry has no length")

    def _push(self, kind: str, form: _Form) -> None:
        self._open.append(_Open(kind, form))
        # A sequence and its item count once.
        if len(self._open) > 2 * DEPTH_LIMIT + 1:
            raise too_large("sequences nested too deeply")

    def _note(self, view: memoryview, tag: int, start: int, length: int) -> int:
        """Keep what the object says of its names and pixels; all else is passed over."""
        if self._open:
            return start + length
        if tag in PIXEL_TAGS:
            self._pixels = (tag, length)
        elif tag in _NOTED and length <= _LONGEST_NOTED:
            if start + length > len(view):
                return self._wait()
            value = bytes(view[start : start + length])
            is_number = _NOTED[tag] == "US" and self._form.order == ">"
            self._noted[tag] = Element(tag, _NOTED[tag], value[::-1] if is_number else value)
        return start + length

    def _wait(self) -> int:
        # It is met again once there are more bytes.
        self._elements -= 1
        return -1

    def _require_ended(self) -> None:
        # Of the whole file, as the engine judges it: a blank beginning packs to nothing.
        if self._inflated > max(INFLATED_FLOOR, self._packed * INFLATED_RATIO):
            raise _bomb()
        is_torn = self._inflater is not None and not self._inflater.eof
        if is_torn or self._skip or self._open or len(self._held) >= SHORTEST or any(self._held):
            raise malformed("it ends in the middle of an entry")

    def _require_names(self) -> None:
        if not all(is_uid(text_of(self._noted.get(tag))) for tag in _NAMES):
            raise Rejected(
                Rejection.INCOMPLETE, "This object does not say of which class, which object or study it is."
            )

    def _require_pixels(self) -> None:
        if self._pixels is None or not {0x00280010, 0x00280011} <= self._noted.keys():
            return
        tag, length = self._pixels
        wanted = native_length(self._noted, tag)
        if self._syntax not in PLAIN or not wanted or length < wanted:
            raise damaged()

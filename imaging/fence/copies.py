"""What goes out of the archive, made behind the fence: the functions of `imaging.dicomweb` they are named after.

An object that was cleaned may still hold pixels made against decoders, so the web server and the node decode none.
"""

from collections.abc import Sequence
from typing import Any

from imaging.dicomweb.blinding import Guise
from imaging.dicomweb.media import EXPLICIT, MOST_DECODED
from imaging.fence.calls import ask, copying, only, refusing_frames
from imaging.fence.child import MEGABYTE, Limits
from imaging.fence.framing import Garbled, decode
from imaging.fence.plainly import from_plain
from imaging.frames import Window

# A slow decoder takes a second for so much of compressed pixels.
_PACKED_PER_SECOND = MEGABYTE // 2


def metadata(data: bytes, *, address: str) -> dict[str, Any]:
    """As `documents.metadata`; also FrameRefused where the object killed the child twice."""
    with refusing_frames():
        _told, blobs = _ask("metadata", {"address": address}, data)
        return decode(only(blobs))


def decoded(data: bytes, *, syntax: str = EXPLICIT) -> bytes:
    """As `documents.decoded`; also FrameRefused where the object killed the child twice."""
    with refusing_frames():
        _told, blobs = _ask("decoded", {"syntax": syntax}, data, is_decoding=True)
        return only(blobs)


def marked(data: bytes, mark: str) -> bytes:
    """As `documents.marked`; also FrameRefused where the object killed the child twice."""
    with refusing_frames():
        _told, blobs = _ask("marked", {"mark": mark}, data)
        return only(blobs)


def frames(data: bytes, numbers: Sequence[int], *, is_stored: bool) -> list[memoryview]:
    """As `documents.frames`; also FrameRefused where the object killed the child twice."""
    with refusing_frames():
        told, blobs = _ask(
            "frames", {"numbers": list(numbers), "is_stored": is_stored}, data, is_decoding=not is_stored
        )
        return _cut(only(blobs), from_plain(list[int], told["lengths"]), count=len(numbers))


def bulk(data: bytes, tag: str) -> bytes | None:
    """As `documents.bulk`; also FrameRefused where the object killed the child twice."""
    with refusing_frames():
        _told, blobs = _ask("bulk", {"tag": tag}, data)
        return only(blobs) if blobs else None


def picture(data: bytes, *, frame: int, window: Window | None, kind: str) -> bytes:
    """Render one frame (from 1) as `frames.render`, as PNG or JPEG. Raises FrameRefused."""
    with refusing_frames():
        told = {"frame": frame, "window": window, "kind": kind}
        # Drawn as on a page, and within the same bounds.
        _told, blobs = ask("picture", told, [data], children=copying)
        return only(blobs)


def blind(data: bytes, guise: Guise) -> bytes:
    """As `blinding.blind`; also FrameRefused where the object killed the child twice."""
    with refusing_frames():
        _told, blobs = _ask("blind", {"guise": guise}, data)
        return only(blobs)


def _ask(
    operation: str, told: dict[str, Any], data: bytes, *, is_decoding: bool = False
) -> tuple[dict[str, Any], Sequence[bytes]]:
    limits = _of_decoding(len(data)) if is_decoding else Limits.of(len(data))
    return ask(operation, told, [data], limits, children=copying)


def _of_decoding(size: int) -> Limits:
    usual, seconds = Limits.of(size), size // _PACKED_PER_SECOND
    return Limits(
        memory=usual.memory,
        cpu_seconds=usual.cpu_seconds + seconds,
        seconds=usual.seconds + seconds,
        answer=usual.answer + MOST_DECODED,
    )


def _cut(joined: bytes, lengths: Sequence[int], *, count: int) -> list[memoryview]:
    if len(lengths) != count or any(length < 0 for length in lengths) or sum(lengths) != len(joined):
        raise Garbled
    found, at = [], 0
    for length in lengths:
        found.append(memoryview(joined)[at : at + length])
        at += length
    return found

"""What runs inside the fence: reads one file after another from a pipe, and can reach nothing else.

Run as `python -m imaging.fence.worker`; it holds no key but those a message brings, no file, no socket.
"""

import ctypes
import functools
import gc
import hashlib
import io
import json
import os
import pickle
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from pydicom import dcmread

from deid import Cleaned, ClinicalTrial, Engine, Policy, Rejected, identify_by
from deid import announce as announce_object
from deid.burned.cleaning import Clerk
from deid.burned.doubts import Waiting
from deid.burned.looking import Eyes
from deid.burned.reader import rapid_reader
from deid.burned.treatment import shows_text
from deid.defacing.comparing import is_changed, with_picture
from deid.defacing.rules import header_policy, needs_defacing, require_uncompressed, undeclared
from deid.elements import PIXEL_TAGS, Source
from deid.engine import failing_closed, read_source
from deid.person import person_of
from deid.proof import Prover
from imaging.dicomweb import documents
from imaging.dicomweb.blinding import blind
from imaging.fence.framing import Reader, pack
from imaging.fence.plainly import to_plain
from imaging.frames import FrameRefused
from imaging.frames.rendering import render as render_frame

_NEW_USER, _NEW_NETWORK, _NO_NEW_PRIVILEGES = 0x10000000, 0x40000000, 38
_MOST_FILES = 16
# What the parent gives is bounded there: as many files as a delivery may have.
_LONGEST, _MOST = 16 * 1024**3, 20_001
Answer = tuple[dict[str, Any], Sequence[bytes | memoryview]]
Operations = Mapping[str, Callable[..., Answer]]


def _clean(data: bytes, told: dict[str, Any]) -> Answer:
    if not told.pop("leaves_faces"):
        return _given(_engine(**told).clean(data))
    source, rules = _leaving_faces(read_source(data), told)
    return _given(_plain(_engine(**rules).clean_source(source), told))


def _leaving_faces(source: Source, told: dict[str, Any]) -> tuple[Source, dict[str, Any]]:
    """Return an object and the rules by which it is cleaned before a defacer sees it, where it has a picture."""
    if not needs_defacing(source.item):
        return source, told
    return undeclared(source), told | {"policy": header_policy(told["policy"])}


def _plain(cleaned: Cleaned, told: dict[str, Any]) -> Cleaned:
    """Return what goes to the defacer, if it does. Raises Rejected for compressed pixels."""
    if cleaned.policy_digest != told["policy"].digest:
        require_uncompressed(cleaned.item)
    return cleaned


def _look(data: bytes, told: dict[str, Any]) -> Answer:
    boxes, leaves_faces, source = told.pop("boxes"), told.pop("leaves_faces"), read_source(data)
    source, rules = _leaving_faces(source, told) if leaves_faces else (source, told)
    clerk = Clerk(**rules)
    found = clerk.clean(source) if boxes is None else clerk.clean_as_decided(source, boxes=boxes)
    return ({"waiting": to_plain(found)}, []) if isinstance(found, Waiting) else _given(_plain(found, told))


def _prove(data: bytes, told: dict[str, Any]) -> Answer:
    boxes = told.pop("boxes")
    return _given(_prover(**told).prove(data, boxes=tuple(boxes)))


def _shows_text(data: bytes, told: dict[str, Any]) -> Answer:
    source = read_source(data)
    eyes = Eyes(reader=rapid_reader(), person=person_of(source.item))
    with failing_closed():
        found = shows_text(source, blanked=told["blanked"], eyes=eyes)
    return {"shows_text": found}, []


def _compare(given: bytes, made: bytes, _told: dict[str, Any]) -> Answer:
    return {"is_changed": is_changed(given, made)}, []


def _deface(data: bytes, made: bytes, told: dict[str, Any]) -> Answer:
    pixels = told.pop("pixels")
    return _given(_engine(**told).clean_source(with_picture(read_source(data), made), pixels))


def _given(cleaned: Cleaned) -> Answer:
    told: dict[str, Any] = {
        "facts": to_plain(cleaned.facts),
        # As JSON has them already.
        "actions": cleaned.actions,
        "by_tag": cleaned.by_tag,
        "method_codes": cleaned.method_codes,
        "policy_digest": cleaned.policy_digest,
        "pixel_sha256": _digest_pixels(cleaned),
        "pixels": to_plain(cleaned.pixels),
    }
    return told, [cleaned.data]


# One: what a series has in common is decided once, and nothing of another subject lies here for a file to find.
@functools.lru_cache(maxsize=1)
def _engine(*, key: bytes, trial: ClinicalTrial, policy: Policy) -> Engine:
    return Engine(key=key, trial=trial, policy=policy)


@functools.lru_cache(maxsize=1)
def _prover(*, trial: ClinicalTrial, policy: Policy) -> Prover:
    return Prover(trial=trial, policy=policy)


def _identify(data: bytes, told: dict[str, Any]) -> Answer:
    return {"tokens": [to_plain(tokens) for tokens in identify_by(data, **told)]}, []


def _announce(data: bytes, told: dict[str, Any]) -> Answer:
    return {"arrival": to_plain(announce_object(data, **told))}, []


def _digest_pixels(cleaned: Cleaned) -> str:
    pixels = next((cleaned.item[tag] for tag in PIXEL_TAGS if tag in cleaned.item), None)
    if pixels is None or (pixels.fragments is None and not pixels.value):
        return ""
    if pixels.fragments is not None:
        return hashlib.sha256(dcmread(io.BytesIO(cleaned.data)).PixelData).hexdigest()
    digest = hashlib.sha256(pixels.value)
    # As it is written (PS3.5 7.1.1).
    digest.update(b"\0" * (len(pixels.value) % 2))
    return digest.hexdigest()


def _render(data: bytes, told: dict[str, Any]) -> Answer:
    shown = render_frame(data, **told)
    return {"frame": to_plain(shown, without="png")}, [shown.png]


def _picture(data: bytes, told: dict[str, Any]) -> Answer:
    kind = told.pop("kind")
    return {}, [documents.picture(render_frame(data, **told).png, kind=kind)]


def _metadata(data: bytes, told: dict[str, Any]) -> Answer:
    return {}, [json.dumps(documents.metadata(data, **told)).encode()]


def _decoded(data: bytes, told: dict[str, Any]) -> Answer:
    return {}, [documents.decoded(data, syntax=told["syntax"])]


def _marked(data: bytes, told: dict[str, Any]) -> Answer:
    return {}, [documents.marked(data, told["mark"])]


def _frames(data: bytes, told: dict[str, Any]) -> Answer:
    joined = io.BytesIO()
    lengths = [joined.write(frame) for frame in documents.frames(data, **told)]
    return {"lengths": lengths}, [joined.getvalue()]


def _bulk(data: bytes, told: dict[str, Any]) -> Answer:
    found = documents.bulk(data, told["tag"])
    return {}, [] if found is None else [found]


def _blind(data: bytes, told: dict[str, Any]) -> Answer:
    return {}, [blind(data, told["guise"])]


OPERATIONS: Operations = {
    "announce": _announce,
    "blind": _blind,
    "bulk": _bulk,
    "clean": _clean,
    "compare": _compare,
    "decoded": _decoded,
    "deface": _deface,
    "frames": _frames,
    "identify": _identify,
    "look": _look,
    "marked": _marked,
    "metadata": _metadata,
    "picture": _picture,
    "prove": _prove,
    "render": _render,
    "shows_text": _shows_text,
}


def answer(
    operation: str, blobs: Sequence[bytes], told: dict[str, Any], *, operations: Operations = OPERATIONS
) -> Answer:
    """Do one operation; a refusal is an answer, too. Anything else that goes wrong ends the process."""
    try:
        return operations[operation](*blobs, told)
    except Rejected as rejected:
        return {"rejected": [rejected.code, rejected.reason]}, []
    except FrameRefused as refused:
        return {"refused": refused.sentence}, []


def seal_off() -> None:
    """Give away what a parser needs none of: cores, files, new rights, and where the system lets us, the network."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_FILES, _MOST_FILES))
    libc = ctypes.CDLL(None)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # Refused in many containers: then the limits above must do.
    libc.unshare(_NEW_USER | _NEW_NETWORK)


def serve(source: BinaryIO, target: BinaryIO, operations: Operations) -> None:
    """Answer until the parent has gone."""
    _write(target, b"{}", [])
    while (message := _read(source)) is not None:
        head, blobs = message
        operation, told = pickle.loads(head)  # noqa: S301  the parent's own word; what we say is JSON
        given, made = answer(operation, blobs, told, operations=operations)
        _write(target, json.dumps(given).encode(), made)
        del blobs, message, given, made


def _read(source: BinaryIO) -> tuple[bytes, list[bytes]] | None:
    reader = Reader(longest=_LONGEST, most=_MOST)
    while not reader.is_whole:
        piece = source.read(min(reader.wanted, 1024 * 1024))
        if not piece:
            return None
        reader.feed(piece)
    return reader.message


def _write(target: BinaryIO, head: bytes, blobs: Sequence[bytes | memoryview]) -> None:
    for piece in pack(head, blobs):
        left = memoryview(piece)
        while left:
            left = left[target.write(left) :]


def run(operations: Operations) -> None:
    """Be the child of whoever started this process."""
    # Whatever a library prints must not come between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    questions = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    # What was imported stays; the collector need not look at it again.
    gc.freeze()
    seal_off()
    serve(questions, answers, operations)


if __name__ == "__main__":
    run(OPERATIONS)

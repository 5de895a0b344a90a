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
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from pydicom import dcmread

from deid import Cleaned, ClinicalTrial, Engine, Policy, Rejected
from deid import announce as announce_object
from deid import identify as identify_object
from deid.burned.cleaning import Clerk, Waiting
from deid.elements import PIXEL_TAGS
from deid.engine import read_source
from imaging.fence.framing import Reader, pack
from imaging.fence.plainly import to_plain
from imaging.frames import FrameRefused
from imaging.frames import render as render_frame

_NEW_USER, _NEW_NETWORK, _NO_NEW_PRIVILEGES = 0x10000000, 0x40000000, 38
_MOST_FILES = 16
_LONGEST = 16 * 1024**3
Answer = tuple[dict[str, Any], Sequence[bytes]]


def _clean(data: bytes, told: dict[str, Any]) -> Answer:
    return _given(_engine(**told).clean(data))


def _look(data: bytes, told: dict[str, Any]) -> Answer:
    boxes, clerk = told.pop("boxes"), Clerk(**told)
    source = read_source(data)
    found = clerk.clean(source) if boxes is None else clerk.clean_as_decided(source, boxes=boxes)
    return ({"waiting": to_plain(found)}, []) if isinstance(found, Waiting) else _given(found)


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


def _identify(data: bytes, told: dict[str, Any]) -> Answer:
    return {"tokens": to_plain(identify_object(data, **told))}, []


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


OPERATIONS: dict[str, Callable[[bytes, dict[str, Any]], Answer]] = {
    "announce": _announce,
    "clean": _clean,
    "identify": _identify,
    "look": _look,
    "render": _render,
}


def answer(operation: str, data: bytes, told: dict[str, Any]) -> Answer:
    """Do one operation; a refusal is an answer, too. Anything else that goes wrong ends the process."""
    try:
        return OPERATIONS[operation](data, told)
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


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer until the parent has gone."""
    _write(target, b"{}", [])
    while (message := _read(source)) is not None:
        head, blobs = message
        operation, told = pickle.loads(head)  # noqa: S301  the parent's own word; what we say is JSON
        given, made = answer(operation, blobs[0], told)
        _write(target, json.dumps(given).encode(), made)
        del blobs, message, given, made


def _read(source: BinaryIO) -> tuple[bytes, list[bytes]] | None:
    reader = Reader(longest=_LONGEST)
    while not reader.is_whole:
        piece = source.read(min(reader.wanted, 1024 * 1024))
        if not piece:
            return None
        reader.feed(piece)
    return reader.message


def _write(target: BinaryIO, head: bytes, blobs: Sequence[bytes]) -> None:
    for piece in pack(head, blobs):
        left = memoryview(piece)
        while left:
            left = left[target.write(left) :]


if __name__ == "__main__":
    # Whatever a library prints must not come between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    questions = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    # What was imported stays; the collector need not look at it again.
    gc.freeze()
    seal_off()
    serve(questions, answers)

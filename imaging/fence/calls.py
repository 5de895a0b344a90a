"""What callers say: the functions of `deid` and `imaging.frames`, done inside the fence."""

import atexit
import hashlib
import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deid import Arrival, ClinicalTrial, Facts, IdentityTokens, Policy, Rejected
from deid.burned.boxes import Box
from deid.burned.doubts import Waiting
from deid.burned.record import PixelRecord
from imaging.fence.child import DRAWER, GIGABYTE, Child, ChildFell, Limits, Tick
from imaging.fence.framing import Garbled
from imaging.fence.plainly import from_plain
from imaging.frames import FrameRefused, Preset, RenderedFrame, Window

# A worker walks one delivery at a time; pages may ask for two frames at once.
_CHILDREN = 2
_TRIES = 2
FENCED = "fenced"
_SENTENCE = (
    "Reading this file twice took more memory or time than any image needs, or broke the program that reads it. "
    "It was not let through and is kept encrypted. Please export it again from the scanner or archive; if it comes "
    "back with this sentence, tell the coordinator."
)
_FRAME_SENTENCE = "The pixels of this image could not be decoded within the limits of memory and time."
Children = queue.LifoQueue[Child]


def _filled(*made: Child) -> Children:
    children: Children = queue.LifoQueue()
    for child in made:
        children.put(child)
    return children


_idle = _filled(*(Child() for _ in range(_CHILDREN)))
# Apart: whoever reads text in pictures holds a gigabyte of models and may take minutes.
_looking = _filled(Child(keeps=2 * GIGABYTE))
# Apart: what goes out may be as large as an archive's largest object, and no reader waits behind it.
copying = _filled(*(Child() for _ in range(_CHILDREN)))
# Apart: it holds the voxels of a whole series, and keeps what it loads to draw them.
drawing = _filled(Child(DRAWER, keeps=GIGABYTE // 4))


@atexit.register
def stop() -> None:
    """End the children that nobody uses now; the next file starts one again."""
    for child in (*_idle.queue, *_looking.queue, *copying.queue, *drawing.queue):
        child.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what an object is cleaned; see `deid.clean`.

    `leaves_faces` asks for what a defacer is given: pictures cleaned by all rules but that on faces.
    """

    key: bytes
    trial: ClinicalTrial
    policy: Policy
    leaves_faces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """What `deid.Cleaned` tells, and the SHA-256 (hex) of its pixel data; "" where there is none in one piece."""

    data: bytes
    sha256: str
    facts: Facts
    actions: Mapping[str, int]
    by_tag: Mapping[str, Mapping[str, int]]
    method_codes: tuple[str, ...]
    policy_digest: str
    pixel_sha256: str
    pixels: PixelRecord | None = None


def clean(data: bytes, rules: Rules) -> Fenced:
    """As `deid.clean`; also Rejected (`fenced`) where the file killed the child twice."""
    told, blobs = ask("clean", _plainly(rules), [data])
    with believing_nothing():
        return _fenced(told, blobs)


def look(
    data: bytes, rules: Rules, *, boxes: Sequence[Box] | None = None, tick: Tick = lambda: None
) -> Fenced | Waiting:
    """Clean an object whose picture may show text, as `deid.burned.cleaning.Clerk`; `boxes` are a person's decision.

    `tick` is called every few seconds while the picture is read. Raises Rejected as `clean`, and what `tick` raises.
    """
    decided = None if boxes is None else list(boxes)
    told, blobs = ask(
        "look", _plainly(rules) | {"boxes": decided}, [data], Limits.of_look(len(data)), children=_looking, tick=tick
    )
    with believing_nothing():
        if "waiting" in told:
            waiting: Waiting = from_plain(Waiting, told["waiting"])
            return waiting
        return _fenced(told, blobs)


def prove(data: bytes, rules: Rules, *, boxes: Sequence[Box] = ()) -> Fenced:
    """As `deid.proof.Prover.prove`; also Rejected (`fenced`) where the file killed the child twice."""
    told, blobs = ask("prove", {"trial": rules.trial, "policy": rules.policy, "boxes": list(boxes)}, [data])
    with believing_nothing():
        return _fenced(told, blobs)


def shows_text(data: bytes, *, blanked: Sequence[Box], tick: Tick = lambda: None) -> bool:
    """As `deid.burned.treatment.shows_text`; `tick` as in `look`. Raises as `clean`, and what `tick` raises."""
    limits = Limits.of_look(len(data))
    told, _blobs = ask("shows_text", {"blanked": list(blanked)}, [data], limits, children=_looking, tick=tick)
    with believing_nothing():
        found: bool = from_plain(bool, told["shows_text"])
    return found


def _plainly(rules: Rules) -> dict[str, Any]:
    told: dict[str, Any] = {"key": rules.key, "trial": rules.trial, "policy": rules.policy}
    return told | {"leaves_faces": rules.leaves_faces}


def compare(given: bytes, made: bytes) -> bool:
    """As `deid.defacing.comparing.is_changed`; also Rejected (`fenced`) where the files killed the child twice."""
    told, _blobs = ask("compare", {}, [given, made])
    with believing_nothing():
        is_changed: bool = from_plain(bool, told["is_changed"])
    return is_changed


def deface(data: bytes, made: bytes, rules: Rules, *, pixels: PixelRecord) -> Fenced:
    """Clean an object with the picture that a defacer made of it; `pixels` tells what was done. Raises as `clean`."""
    told = {"key": rules.key, "trial": rules.trial, "policy": rules.policy, "pixels": pixels}
    answered, blobs = ask("deface", told, [data, made])
    with believing_nothing():
        return _fenced(answered, blobs)


def _fenced(told: Mapping[str, Any], blobs: Sequence[bytes]) -> Fenced:
    made = only(blobs)
    return Fenced(
        data=made,
        # Ours: by this name the bytes are filed.
        sha256=hashlib.sha256(made).hexdigest(),
        facts=from_plain(Facts, told["facts"]),
        actions=from_plain(Mapping[str, int], told["actions"]),
        by_tag=from_plain(Mapping[str, Mapping[str, int]], told["by_tag"]),
        method_codes=from_plain(tuple[str, ...], told["method_codes"]),
        policy_digest=from_plain(str, told["policy_digest"]),
        pixel_sha256=from_plain(str, told["pixel_sha256"]),
        pixels=from_plain(PixelRecord | None, told["pixels"]),
    )


def identify(data: bytes, *, keys: Sequence[bytes]) -> tuple[IdentityTokens, ...]:
    """As `deid.identify_by`; also Rejected (`fenced`) where the file killed the child twice."""
    told, _blobs = ask("identify", {"keys": list(keys)}, [data])
    with believing_nothing():
        tokens: tuple[IdentityTokens, ...] = from_plain(tuple[IdentityTokens, ...], told["tokens"])
    return tokens


def announce(data: bytes, *, key: bytes, delivery: str) -> Arrival:
    """As `deid.announce`; also Rejected (`fenced`) where the file killed the child twice."""
    told, _blobs = ask("announce", {"key": key, "delivery": delivery}, [data])
    with believing_nothing():
        arrival: Arrival = from_plain(Arrival, told["arrival"])
    return arrival


def render(data: bytes, *, frame: int = 1, window: Window | Preset | None = None) -> RenderedFrame:
    """As `imaging.frames.render`; also FrameRefused where the image killed the child twice."""
    with refusing_frames():
        told, blobs = ask("render", {"frame": frame, "window": window}, [data])
        plain = told["frame"]
        return RenderedFrame(
            png=only(blobs),
            rows=from_plain(int, plain["rows"]),
            columns=from_plain(int, plain["columns"]),
            frames=from_plain(int, plain["frames"]),
            pixel_spacing=from_plain(tuple[float, float] | None, plain["pixel_spacing"]),
        )


def ask(
    operation: str,
    told: dict[str, Any],
    given: Sequence[bytes],
    limits: Limits | None = None,
    *,
    children: Children = _idle,
    tick: Tick | None = None,
) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Have a child do one operation; what it said is not believed yet. Raises Rejected, FrameRefused, and as `tick`."""
    limits = limits or Limits.of(sum(map(len, given)))
    with _borrowed(children) as child:
        answered, blobs = _twice(child, operation, told, given, limits=limits, tick=tick)
    with believing_nothing():
        if "rejected" in answered:
            code, reason = from_plain(tuple[str, str], answered["rejected"])
            raise Rejected(code, reason)
        if "refused" in answered:
            raise FrameRefused(from_plain(str, answered["refused"]))
    return answered, blobs


def _twice(
    child: Child, operation: str, told: dict[str, Any], given: Sequence[bytes], *, limits: Limits, tick: Tick | None
) -> tuple[dict[str, Any], Sequence[bytes]]:
    """A child may fall for another reason once; the same file twice is the file's doing."""
    for _ in range(_TRIES):
        try:
            return child.ask(operation, told, given, limits, tick)
        except ChildFell:
            continue
    raise Rejected(FENCED, _SENTENCE)


@contextmanager
def _borrowed(children: Children) -> Iterator[Child]:
    child = children.get()
    try:
        yield child
    finally:
        children.put(child)


@contextmanager
def believing_nothing() -> Iterator[None]:
    """What a child says in another shape than agreed is as if it had died of the file."""
    try:
        yield
    except (Garbled, KeyError, TypeError):
        raise Rejected(FENCED, _SENTENCE) from None


@contextmanager
def refusing_frames() -> Iterator[None]:
    """For those who show: whatever the child could not do, or said in another shape, is FrameRefused."""
    try:
        with believing_nothing():
            yield
    except Rejected:
        raise FrameRefused(_FRAME_SENTENCE) from None


def only(blobs: Sequence[bytes]) -> bytes:
    """Return the one blob that was agreed. Raises Garbled."""
    if len(blobs) != 1:
        raise Garbled
    return blobs[0]

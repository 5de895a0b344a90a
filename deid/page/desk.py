"""One desk in a worker of the page: reads, shows, explains and cleans files of one delivery, one after another."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deid.burned.boxes import Box
from deid.burned.plain import blank_plain, record_of_boxes
from deid.elements import PIXEL_TAGS, Source, text_of
from deid.engine import Engine, failing_closed, read_source
from deid.identity import tokens_of
from deid.model import ClinicalTrial, Rejected, Rejection
from deid.options import Option
from deid.page.facing import kind_of, rows_of, told_of
from deid.page.limits import LARGEST
from deid.page.thumbs import SIDE, thumb_of
from deid.profile import Profile, parse_profile
from deid.reader import Memory
from deid.result import Cleaned
from deid.risk import Look, look_needed
from deid.version import engine_version

_SOP_CLASS, _SERIES = 0x00080016, 0x0020000E
# Why a picture goes to a person though boxes would do, and one as small as can be.
_COVERABLE, _ANY_BOX = "pixels", (Box(0, 0, 1, 1),)
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, ready for JSON, and bytes beside it."""

    told: Told
    data: bytes = b""

    @property
    def text(self) -> str:
        return json.dumps(self.told)


@dataclass(frozen=True, slots=True)
class Order:
    """For whom and by which rules this desk cleans: what the server told of one delivery."""

    key: bytes
    common_key: bytes
    trial: ClinicalTrial
    profile: Profile


class Sealed(Exception):
    """A file that must go to the encrypted intake, for a person there; `why` is one word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Desk:
    """What the worker asks; every verb answers, none raises for what a file may hold."""

    def __init__(self) -> None:
        self._order: Order | None = None
        self._engine: Engine | None = None
        self._memory = Memory()

    @staticmethod
    def ready() -> Answer:
        return Answer({"is": "ready", "engine": engine_version(), "largest": LARGEST})

    def open(self, text: str) -> Answer:
        """Take the order of a delivery, as the server told it in JSON."""
        try:
            told = json.loads(text)
            profile = parse_profile(told["profile"])
            keys = {name: bytes.fromhex(told[name]) for name in ("key", "common_key")}
            order = Order(**keys, trial=ClinicalTrial(**told["trial"]), profile=profile)
            if told["engine"] != engine_version() or told["policy"] != profile.policy.digest:
                return Answer({"is": "unable", "why": "other-engine"})
            self._engine = Engine(key=order.key, trial=order.trial, policy=profile.policy)
        except (KeyError, TypeError, ValueError):
            return Answer({"is": "unable", "why": "no-keys"})
        self._order = order
        return Answer({"is": "open"})

    def read(self, data: bytes, *, size: int) -> Answer:
        """Tell what a file is, from its first bytes or from all; `more` asks for all of them."""
        kind = kind_of(data)
        if kind != "image":
            return Answer({"is": "read", "kind": kind, "head": None})
        try:
            with failing_closed():
                return Answer({"is": "read", **told_of(data)})
        except Rejected:
            is_cut = len(data) < size
            return Answer({"is": "more"} if is_cut else {"is": "read", "kind": "other", "head": None})

    def thumb(self, data: bytes, *, side: int = SIDE) -> Answer:
        """Return a small RGBA picture of a native frame as bytes, with width and height; none of other frames."""
        try:
            with failing_closed():
                found = thumb_of(read_source(data, memory=self._memory), side=side)
        except Rejected:
            found = None
        if found is None:
            return Answer({"is": "thumb", "width": 0, "height": 0})
        return Answer({"is": "thumb", "width": found.width, "height": found.height}, found.rgba)

    def explain(self, data: bytes) -> Answer:
        """Tell each attribute before and after; for the screen alone, since it quotes the header.

        A picture on which something may be written is `sealed` until boxes are drawn, and explained as with one.
        """

        def explain(engine: Engine, order: Order) -> Answer:
            source = read_source(data, memory=self._memory)
            why = _why_sealed(source, order, drawn=())
            if why and why != _COVERABLE:
                raise Sealed(why)
            cleaned = _cleaned(source, engine, order, _ANY_BOX if why else ())
            rows = rows_of(source, cleaned, policy=order.profile.policy)
            return Answer({"is": "explained", "rows": rows, "sealed": why})

        return self._answered(explain)

    def clean(self, data: bytes, *, boxes: str = "[]") -> Answer:
        """Return a cleaned file as bytes, with what is told of it; refused or sealed with a reason where not.

        `boxes` (JSON: x, y, width, height each) are blanked on every frame.
        """

        def clean(engine: Engine, order: Order) -> Answer:
            if len(data) > LARGEST:
                raise Sealed("too-large")
            return _clean(read_source(data, memory=self._memory), engine, order, drawn=_drawn(boxes))

        return self._answered(clean)

    def _answered(self, work: Callable[[Engine, Order], Answer]) -> Answer:
        if self._engine is None or self._order is None:
            return Answer({"is": "unable", "why": "no-keys"})
        try:
            with failing_closed():
                return work(self._engine, self._order)
        except Rejected as rejected:
            return Answer({"is": "refused", "code": rejected.code, "sentence": rejected.reason})
        except Sealed as sealed:
            return Answer({"is": "sealed", "why": sealed.why})


def _drawn(text: str) -> tuple[Box, ...]:
    boxes: list[Mapping[str, int]] = json.loads(text)
    return tuple(Box(each["x"], each["y"], each["x"] + each["width"], each["y"] + each["height"]) for each in boxes)


def _clean(source: Source, engine: Engine, order: Order, *, drawn: tuple[Box, ...]) -> Answer:
    if why := _why_sealed(source, order, drawn=drawn):
        raise Sealed(why)
    cleaned = _cleaned(source, engine, order, drawn)
    made = cleaned.data
    return Answer(
        {
            "is": "cleaned",
            "sha256": hashlib.sha256(made).hexdigest(),
            "series": text_of(cleaned.item.get(_SERIES)),
            "sop": cleaned.sop_instance_uid,
            "claim": _claim(source, cleaned, order, drawn),
        },
        made,
    )


def _why_sealed(source: Source, order: Order, *, drawn: tuple[Box, ...]) -> str:
    """Return the word for which a person of the core laboratory must look at a picture; "" where none must."""
    who = look_needed(source.item, sop_class_uid=text_of(source.item.get(_SOP_CLASS)))
    is_compressed = any(tag in source.item and source.item[tag].fragments is not None for tag in PIXEL_TAGS)
    if drawn and is_compressed:
        return "compressed"
    # Without the option the rules refuse such a picture, here as there.
    if who is None or Option.CLEAN_PIXEL_DATA not in order.profile.policy.options:
        return ""
    if who is Look.PERSON:
        return "faces"
    seen = "compressed" if is_compressed else _COVERABLE
    return "" if drawn else seen


def _cleaned(source: Source, engine: Engine, order: Order, drawn: tuple[Box, ...]) -> Cleaned:
    if not drawn:
        return engine.clean_source(source)
    if Option.CLEAN_PIXEL_DATA not in order.profile.policy.options:
        raise Rejected(Rejection.PIXELS_NEED_REVIEW, _NO_BOXES)
    return engine.clean_source(blank_plain(source, drawn), record_of_boxes(source, drawn))


_NO_BOXES = (
    "The rules of this trial do not allow that pictures are changed, so no box may be drawn. "
    "Send the picture as it is, or leave it out."
)


def _claim(source: Source, cleaned: Cleaned, order: Order, drawn: tuple[Box, ...]) -> Told:
    """Return what the server keeps of a file that was cleaned here (imaging.claims)."""
    return {
        "engine": engine_version(),
        "policy": cleaned.policy_digest,
        **asdict(tokens_of(source.item, key=order.key)),
        **{f"common_{name}": token for name, token in asdict(tokens_of(source.item, key=order.common_key)).items()},
        "has_contrast": cleaned.has_contrast,
        "boxes": [[box.left, box.top, box.right, box.bottom] for box in drawn],
    }

"""The engine's one verb: parse, judge, clean, write, and search what was written."""

import functools
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace

from deid.burned.record import PixelRecord
from deid.cleaning import Setting, is_signed
from deid.defacing.rules import require_faces_gone
from deid.elements import PIXEL_TAGS, Element, Item, Source, Span, text_of
from deid.facts import has_contrast
from deid.keyed import KEY_BYTES, Keyed, Mapped, UidMap, require_key, shift_days
from deid.model import ClinicalTrial, Policy, Rejected, Rejection
from deid.outcomes import Decisions, Outcome
from deid.parser import EXPLICIT, parse, parse_file
from deid.person import CHARACTER_SET, People
from deid.pixels import clean_pixels, cut_span
from deid.plan import BINARIES, CONTENT_SEQUENCE, NUMBERS, Deed, Plan, plan_for
from deid.provenance import DERIVATION, METHOD, PRESENT, Earlier, Record, earlier_of, record_of
from deid.reader import Memory
from deid.residue import LONGEST_VALUE, SEARCHED_BYTES, require_no_residue, require_no_text_in_pixels
from deid.result import Cleaned
from deid.risk import require_declared, require_low_risk
from deid.vocabulary import admits_coded
from deid.writer import encode_element, encode_file, encode_item

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES, _MODALITY = (
    0x00080016,
    0x00080018,
    0x0020000D,
    0x0020000E,
    0x00080060,
)
_PHOTOMETRIC = 0x00280004
_MOST_SETTINGS = 8
_READ_AT_ONCE = 16 << 20
_PRESENT = {tag: encode_element(element) for tag, element in PRESENT.items()}
_BULK_VRS = BINARIES | NUMBERS | {"DS", "IS"}


def clean(data: bytes, *, key: bytes, trial: ClinicalTrial, policy: Policy) -> Cleaned:
    """Return the cleaned copy of one DICOM file (PS3.15 Basic Profile with the options of the policy).

    `key` is the trial's secret of at least 32 bytes; same input, key, trial and policy give the same bytes.
    Raises Rejected, with a reason for the uploader, for everything that cannot be cleaned with certainty.
    """
    return _engine_for(key, trial, policy).clean(data)


def read_source(data: bytes, *, memory: Memory | None = None) -> Source:
    """Return one parsed DICOM file. Raises Rejected, nothing else."""
    with failing_closed():
        return parse(data, memory=memory)


def read_file(descriptor: int, *, memory: Memory | None = None) -> Source:
    """Return one open DICOM file; its plain pixels stay where they are. Raises Rejected, OSError."""
    with failing_closed():
        return parse_file(descriptor, memory=memory)


def clean_source(
    source: Source, *, key: bytes, trial: ClinicalTrial, policy: Policy, pixels: PixelRecord | None = None
) -> Cleaned:
    """Clean what `read_source` returned; the rest as `clean`. `pixels` tells what deid.burned did to its picture."""
    return _engine_for(key, trial, policy).clean_source(source, pixels)


class Engine:
    """Cleans the objects of one subject; what many of them have in common is read and decided once.

    It holds short header values of the last objects while it lives. `looks_twice` is there to measure what the second
    look costs; what leaves the house is looked at twice.
    """

    def __init__(self, *, key: bytes, trial: ClinicalTrial, policy: Policy, looks_twice: bool = True) -> None:
        self._trial, self._policy = trial, policy
        self._uids: UidMap = Keyed(require_key(key))
        self._days = shift_days(key, trial.subject_code)
        self._looks_twice = looks_twice
        self._memory, self._people = Memory(), People()
        self._decisions: dict[Setting, Decisions] = {}

    @classmethod
    def of_cleaned(cls, *, trial: ClinicalTrial, policy: Policy) -> "Engine":
        """Return an engine that leaves UIDs and dates: what an engine made comes out as it went in (deid.proof)."""
        engine = cls(key=bytes(KEY_BYTES), trial=trial, policy=policy)
        engine._uids, engine._days = Mapped(), 0
        return engine

    def clean(self, data: bytes) -> Cleaned:
        """As the function of this name."""
        with failing_closed():
            return self._clean(parse(data, memory=self._memory))

    def clean_file(self, descriptor: int) -> Cleaned:
        """Clean an open file; its plain pixels stay where they are until the result is written."""
        with failing_closed():
            return self._clean(parse_file(descriptor, memory=self._memory))

    def clean_source(
        self, source: Source, pixels: PixelRecord | None = None, *, earlier: Earlier | None = None
    ) -> Cleaned:
        """As the function of this name; `earlier` where the object itself does not say who worked on it before."""
        with failing_closed():
            return self._clean(source, looked_at=pixels, earlier=earlier)

    def _clean(
        self, source: Source, *, looked_at: PixelRecord | None = None, earlier: Earlier | None = None
    ) -> Cleaned:
        sop_class = text_of(source.item.get(_SOP_CLASS))
        is_looked_at = looked_at is not None and looked_at.is_read
        require_low_risk(source.item, sop_class_uid=sop_class, is_looked_at=is_looked_at)
        self._require_faces_gone(source.item, sop_class, looked_at)
        _require_complete(source.item)
        plan = plan_for(sop_class, self._policy)
        if plan.is_generic:
            require_declared(source.item)
        pixels, span = _clean_pixels(source, plan)
        outcomes = self._decided(source, plan)
        item = {each.element.tag: each.element for each in outcomes if each.element}
        _require_described(item)
        has_content, earlier = CONTENT_SEQUENCE in item, earlier or earlier_of(source.item)
        record = record_of(self._trial, self._policy, has_content=has_content, pixels=looked_at, earlier=earlier)
        header = _encode(outcomes, record)
        if self._looks_twice:
            _look_again(outcomes, header=_searchable(item, header), own=_own_texts(outcomes, record, self._trial))
            if pixels and span and span.length <= _READ_AT_ONCE:  # then what was looked at is what is written
                pixels, span = replace(pixels, value=span.read()), None
            _look_into_pixels(outcomes, span.pieces() if span else _payload(pixels))
        item = PRESENT | item | record.elements
        syntax = source.transfer_syntax if pixels and pixels.fragments else EXPLICIT
        return Cleaned(
            parts=encode_file(item, header=header, transfer_syntax=syntax, pixels=pixels, span=span),
            item=item | {pixels.tag: pixels} if pixels else item,
            transfer_syntax=syntax,
            has_contrast=has_contrast(source.item),
            has_pixels=pixels is not None,
            deeds=[each.deeds for each in outcomes],
            method_codes=tuple(method.code for method in record.methods),
            policy_digest=self._policy.digest,
            pixels=looked_at,
        )

    def _require_faces_gone(self, item: Item, sop_class: str, looked_at: PixelRecord | None) -> None:
        faces = looked_at.faces if looked_at else None
        require_faces_gone(item, sop_class_uid=sop_class, options=self._policy.options, faces=faces)

    def _decided(self, source: Source, plan: Plan) -> list[Outcome]:
        charset = source.item.get(CHARACTER_SET)
        setting = Setting(
            plan=plan,
            uids=self._uids,
            days=self._days,
            is_explicit=source.is_explicit,
            is_signed=is_signed(source.item),
            charset=Element(CHARACTER_SET, "CS", bytes(charset.value)) if charset else None,
            person=self._people.person_of(source.item),
        )
        if len(self._decisions) > _MOST_SETTINGS:
            self._decisions.clear()
        return self._decisions.setdefault(setting, Decisions(setting)).decide(source.item)


@functools.lru_cache(maxsize=4)
def _engine_for(key: bytes, trial: ClinicalTrial, policy: Policy) -> Engine:
    return Engine(key=key, trial=trial, policy=policy)


@contextmanager
def failing_closed() -> Iterator[None]:
    """Turn whatever a hostile file may provoke into a refusal that quotes nothing."""
    try:
        yield
    except (ArithmeticError, LookupError, MemoryError, RecursionError, ValueError, struct.error):
        raise _unreadable() from None  # the original error may quote a header value


def _unreadable() -> Rejected:
    return Rejected(
        Rejection.MALFORMED,
        "The file is damaged in a way that the cleaning could not follow. It was not let through. "
        "Please export it again from the scanner or archive and send the new copy.",
    )


def _look_again(outcomes: list[Outcome], *, header: bytes, own: Iterable[str]) -> None:
    """Search the header that will be written for what was taken out. Raises Rejected."""
    require_no_residue(
        [each.suspects for each in outcomes if each.suspects.is_any],
        traces=[each.traces for each in outcomes],
        header=header,
        own=own,
    )


def _look_into_pixels(outcomes: list[Outcome], parts: Iterable[bytes | memoryview]) -> None:
    for part in parts:
        require_no_text_in_pixels(part, suspects=[each.suspects for each in outcomes])


def _own_texts(outcomes: list[Outcome], record: Record, trial: ClinicalTrial) -> Iterator[str]:
    """Yield what may repeat a removed word: the trial's texts, our own record, and texts that were kept on purpose."""
    yield from astuple(trial)
    yield from (text_of(record.elements.get(tag)) for tag in (METHOD, DERIVATION))
    yield from (method.meaning for method in (*record.earlier, *record.methods))
    yield from (text for each in outcomes for text in each.kept_texts)


def _clean_pixels(source: Source, plan: Plan) -> tuple[Element | None, Span | None]:
    """Return the pixel data to write, and where it is if it was not read. Raises Rejected.

    Pixel data that has no place in this kind of object is left out.
    """
    stray = {tag for tag in PIXEL_TAGS if tag in source.item and plan.rule(plan.root, tag).deed is not Deed.KEEP}
    item = {tag: element for tag, element in source.item.items() if tag not in stray} if stray else source.item
    if source.span is None:
        return clean_pixels(item, transfer_syntax=source.transfer_syntax), None
    present = [item[tag] for tag in PIXEL_TAGS if tag in item]
    return cut_span(source.span, present[0], item) if present else (None, None)


def _payload(pixels: Element | None) -> Iterable[bytes | memoryview]:
    if pixels is None:
        return ()
    return pixels.fragments if pixels.fragments is not None else (pixels.value,)


def _encode(outcomes: list[Outcome], record: Record) -> bytes:
    """Return the header in tag order: what stayed, what must be present even if empty, and the record."""
    encoded = _PRESENT | {each.element.tag: each.encoded for each in outcomes if each.element} | record.encoded
    return b"".join(encoded[tag] for tag in sorted(encoded))


def _incomplete() -> Rejected:
    return Rejected(
        Rejection.INCOMPLETE,
        "The file does not say which series or kind of image it belongs to. It was not let through. "
        "Please export the complete study from the scanner or archive and send it again.",
    )


def _require_complete(item: Item) -> None:
    """Raise Rejected when one of the four UIDs or the modality is missing."""
    if not all(text_of(item.get(tag)) for tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES, _MODALITY)):
        raise _incomplete()


def _require_described(item: Item) -> None:
    """Refuse an object whose modality or pixel description did not survive the vocabulary."""
    for tag in (_MODALITY, _PHOTOMETRIC):
        if (tag in item and not admits_coded(text_of(item[tag]))) or text_of(item.get(tag)) == "OTHER":
            raise _incomplete()


def _searchable(item: Item, header: bytes) -> bytes:
    """Return the header, a long one without its bulk numbers (contours, tables), which hold no text."""
    return header if len(header) <= SEARCHED_BYTES else encode_item(_without_bulk(item))


def _without_bulk(item: Item) -> Item:
    kept: Item = {}
    for tag, element in item.items():
        if element.items is not None:
            kept[tag] = Element(tag, "SQ", items=tuple(_without_bulk(inner) for inner in element.items))
        elif len(element.value) <= LONGEST_VALUE or element.vr not in _BULK_VRS:
            kept[tag] = element
    return kept

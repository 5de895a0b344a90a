"""The engine's one verb: parse, judge, clean, write, and search what was written."""

import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple

from deid.burned.record import PixelRecord
from deid.cleaning import Cleaner
from deid.codes import TRIPLET
from deid.elements import PIXEL_TAGS, Element, Item, Source, text_of
from deid.facts import has_contrast, read_facts
from deid.keyed import require_key, shift_days
from deid.model import Cleaned, ClinicalTrial, Policy, Rejected, Rejection
from deid.parser import EXPLICIT, parse
from deid.person import person_of
from deid.pixels import clean_pixels
from deid.plan import BINARIES, NUMBERS, Deed, Plan, plan_for
from deid.provenance import DERIVATION, METHOD, write_provenance
from deid.residue import LONGEST_VALUE, SEARCHED_BYTES, require_no_residue
from deid.risk import require_low_risk
from deid.vocabulary import admits_coded
from deid.writer import encode_file, encode_item

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES, _MODALITY = (
    0x00080016,
    0x00080018,
    0x0020000D,
    0x0020000E,
    0x00080060,
)
_PHOTOMETRIC = 0x00280004
_BULK_VRS = BINARIES | NUMBERS | {"DS", "IS"}


def clean(data: bytes, *, key: bytes, trial: ClinicalTrial, policy: Policy) -> Cleaned:
    """Return the cleaned copy of one DICOM file (PS3.15 Basic Profile with modified dates).

    `key` is the trial's secret of at least 32 bytes; same input, key, trial and policy give the same bytes.
    Raises Rejected, with a reason for the uploader, for everything that cannot be cleaned with certainty.
    """
    return clean_source(read_source(data), key=key, trial=trial, policy=policy)


def read_source(data: bytes) -> Source:
    """Return one parsed DICOM file. Raises Rejected, nothing else."""
    with failing_closed():
        return parse(data)


def clean_source(
    source: Source, *, key: bytes, trial: ClinicalTrial, policy: Policy, pixels: PixelRecord | None = None
) -> Cleaned:
    """Clean what `read_source` returned; the rest as `clean`. `pixels` tells what deid.burned did to its picture."""
    require_key(key)
    with failing_closed():
        return _clean(source, key=key, trial=trial, policy=policy, looked_at=pixels)


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


def _clean(
    source: Source, *, key: bytes, trial: ClinicalTrial, policy: Policy, looked_at: PixelRecord | None
) -> Cleaned:
    sop_class = text_of(source.item.get(_SOP_CLASS))
    require_low_risk(source.item, sop_class_uid=sop_class, is_looked_at=looked_at is not None)
    _require_complete(source.item)
    plan = plan_for(sop_class, policy)
    cleaner = Cleaner(
        plan=plan,
        key=key,
        days=shift_days(key, trial.subject_code),
        is_explicit=source.is_explicit,
        person=person_of(source.item),
    )
    pixels = clean_pixels(_with_pixels(source.item, plan), transfer_syntax=source.transfer_syntax)
    item = cleaner.clean(source.item)
    _require_described(item)
    bare = dict(item)
    applied = write_provenance(item, trial=trial, policy=policy, pixels=looked_at)
    header = encode_item(item)
    cleaner.suspects.forget(cleaner.kept_texts)
    require_no_residue(
        bare, header=_searchable(item, header), suspects=cleaner.suspects, own=_own_text(item, trial, looked_at)
    )
    syntax = source.transfer_syntax if pixels and pixels.fragments else EXPLICIT
    if pixels is not None:
        item[pixels.tag] = pixels
    return Cleaned(
        data=encode_file(item, header=header, transfer_syntax=syntax),
        facts=read_facts(
            item,
            transfer_syntax=syntax,
            is_contrasted=has_contrast(source.item),
            has_pixels=pixels is not None,
        ),
        actions=_by_deed(cleaner.deeds),
        by_tag=_by_tag(cleaner.deeds),
        method_codes=tuple(method.code for method in applied),
        policy_digest=policy.digest,
        pixels=looked_at,
    )


def _by_deed(deeds: Counter[tuple[int, Deed]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, deed), count in deeds.items():
        found[deed] += count
    return dict(sorted(found.items()))


def _by_tag(deeds: Counter[tuple[int, Deed]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (tag, deed), count in sorted(deeds.items()):
        found.setdefault(f"({tag >> 16:04X},{tag & 0xFFFF:04X})", {})[deed] = count
    return found


def _with_pixels(item: Item, plan: Plan) -> Item:
    """Return the data set without pixel data that has no place in this kind of object."""
    stray = {tag for tag in PIXEL_TAGS if tag in item and plan.rule(plan.root, tag).deed is not Deed.KEEP}
    return {tag: element for tag, element in item.items() if tag not in stray}


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


def _own_text(item: Item, trial: ClinicalTrial, pixels: PixelRecord | None) -> str:
    """Return what the engine itself writes: the trial's texts, its own record and standard meanings."""
    derived = text_of(item.get(DERIVATION)) if pixels and pixels.derivation else ""
    return "\n".join((*astuple(trial), text_of(item[METHOD]), derived, *sorted(_meanings(item))))


def _meanings(item: Item) -> set[str]:
    found = {text_of(item[tag]) for tag in TRIPLET if tag in item}
    for element in item.values():
        for inner in element.items or ():
            found |= _meanings(inner)
    return found

"""Pictures of known devices: where their banner stands, as reviewed data; matched only when every stated fact does.

Rectangles that others published, and of which nobody here has seen a picture, are blanked too, but prove nothing.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deid.burned.boxes import Box, Ground, box_of
from deid.elements import Item, number_of, text_of
from deid.tables import read_json

FILE = "pixel-signatures.json"
_TEXTS = {
    "modality": 0x00080060,
    "sop_class": 0x00080016,
    "manufacturer": 0x00080070,
    "model": 0x00081090,
    "software": 0x00181020,
    "image_type": 0x00080008,
    "photometric": 0x00280004,
}
# Words that a text holds, as published facts state them.
_PARTS = {"manufacturer_has": 0x00080070, "model_has": 0x00081090}
_NUMBERS = {"rows": 0x00280010, "columns": 0x00280011}
# Without these a rectangle says nothing.
_NEEDED = frozenset({"modality", "sop_class", "manufacturer", "model", "rows", "columns"})
_NEEDED_PUBLISHED = frozenset({"modality", "manufacturer_has", "model_has", "rows", "columns"})
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_EDGES = 4


@dataclass(frozen=True, slots=True)
class Signature:
    """One kind of picture of one device, and the rectangles of its banner."""

    id: str
    facts: Mapping[str, str | int]
    boxes: tuple[Box, ...]
    is_example: bool
    is_published: bool = False


def lint(told: Any) -> tuple[str, ...]:
    """Return what is wrong with a file of signatures, in sentences; nothing where it may be used."""
    if not isinstance(told, dict) or not isinstance(told.get("version"), int) or "signatures" not in told:
        return ("A file of signatures holds a version number and signatures.",)
    entries = told["signatures"]
    names = [str(entry.get("id")) for entry in entries]
    doubles = {name for name in names if names.count(name) > 1}
    faults = [f"{name}: this id stands twice." for name in sorted(doubles)]
    return (*faults, *(fault for entry in entries for fault in _faults(entry)))


def _faults(entry: dict[str, Any]) -> list[str]:
    name, facts, boxes = str(entry.get("id", "")), entry.get("facts", {}), entry.get("boxes", [])
    needed = _NEEDED_PUBLISHED if entry.get("published") is True else _NEEDED
    checks = {
        "the id is written in small letters, digits and single hyphens": bool(_ID.fullmatch(name)),
        "it says who reviewed it, and from what it is known": bool(entry.get("reviewed") and entry.get("source")),
        "it says whether it is an example": isinstance(entry.get("example"), bool),
        f"it states {', '.join(sorted(needed))}": facts.keys() >= needed,
        "it states no fact that cannot be compared": not facts.keys() - _TEXTS.keys() - _PARTS.keys() - _NUMBERS.keys(),
        "numbers are numbers and texts are texts": _are_typed(facts),
        "it has rectangles as left, top, right, bottom inside the picture": bool(boxes) and _do_fit(boxes, facts),
    }
    return [
        f"{name or 'a signature'}: this does not hold: {sentence}." for sentence, holds in checks.items() if not holds
    ]


def _are_typed(facts: dict[str, Any]) -> bool:
    numbers = all(isinstance(facts[name], int) for name in _NUMBERS if name in facts)
    return numbers and all(isinstance(facts[name], str) and facts[name] for name in _TEXTS | _PARTS if name in facts)


def _do_fit(boxes: list[Any], facts: dict[str, Any]) -> bool:
    rows, columns = facts.get("rows"), facts.get("columns")
    if not (isinstance(rows, int) and isinstance(columns, int)):
        return False
    return all(len(box) == _EDGES and 0 <= box[0] < box[2] <= columns and 0 <= box[1] < box[3] <= rows for box in boxes)


def read(told: Any) -> tuple[Signature, ...]:
    """Return the signatures of a parsed file. Raises ValueError with every fault that `lint` finds."""
    if faults := lint(told):
        raise ValueError(" ".join(faults))
    return tuple(map(_signature, told["signatures"]))


def _signature(entry: dict[str, Any]) -> Signature:
    is_published = entry.get("published") is True
    ground = Ground.PUBLISHED if is_published else Ground.SIGNATURE
    return Signature(
        id=entry["id"],
        facts=entry["facts"],
        boxes=tuple(box_of(edges, ground) for edges in entry["boxes"]),
        is_example=entry["example"],
        is_published=is_published,
    )


@functools.cache
def signatures() -> tuple[Signature, ...]:
    """Return the reviewed set of this engine."""
    return read(read_json(FILE))


def match(item: Item, known: tuple[Signature, ...] | None = None) -> Signature | None:
    """Return the one signature whose every fact this object states; None where none does, or where two disagree."""
    reviewed = [each for each in (signatures() if known is None else known) if not each.is_published]
    found = [each for each in reviewed if _is_met(each, item)]
    return found[0] if len(found) == 1 else None


def published_boxes(item: Item) -> tuple[Box, ...]:
    """Return every rectangle that others published for such a picture; none here was compared with one."""
    return tuple(box for each in signatures() if each.is_published and _is_met(each, item) for box in each.boxes)


def _is_met(signature: Signature, item: Item) -> bool:
    return all(_says(item, name, value) for name, value in signature.facts.items())


def _says(item: Item, name: str, value: str | int) -> bool:
    if name in _NUMBERS:
        return number_of(item.get(_NUMBERS[name])) == value
    if name in _PARTS:
        return str(value).casefold() in text_of(item.get(_PARTS[name])).casefold()
    return text_of(item.get(_TEXTS[name])).casefold() == str(value).casefold()

"""Before and after, attribute by attribute: what a profile does to one object. Values live as long as the answer."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from deid.choices import written
from deid.codes import clean_code, is_code_item
from deid.content import is_kept_content
from deid.elements import STRING_VRS, WORD_SIZES, Element, Item
from deid.engine import clean_source, read_source
from deid.explain import Line, explain, name_of
from deid.model import ClinicalTrial, Policy
from deid.person import CHARACTER_SET, decoded
from deid.plan import CONTENT_SEQUENCE, Deed
from deid.result import Cleaned

LONGEST_SHOWN, MOST_NUMBERS, MOST_ROWS = 120, 8, 2_000
_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
_WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute before and after ("" for an empty value, None where it is not there), what was planned and why."""

    path: str
    name: str
    vr: str
    before: str | None
    after: str | None
    deed: str
    why: str

    @property
    def is_same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows of one object, in order; `is_cut` where it has more than are shown."""

    rows: tuple[Row, ...]
    is_cut: bool
    cleaned: Cleaned


def compare(data: bytes, *, key: bytes, trial: ClinicalTrial, policy: Policy) -> Comparison:
    """Clean one file and lay it beside what it was. Raises Rejected as `clean` does; the file itself is not changed."""
    source = read_source(data)
    cleaned = clean_source(source, key=key, trial=trial, policy=policy)
    after = read_source(cleaned.data).item
    lines = iter(explain(source, policy=policy))
    rows = _Walk(source.item.get(CHARACTER_SET), after.get(CHARACTER_SET), lines).rows(source.item, after, above="")
    shown = tuple(islice(rows, MOST_ROWS + 1))
    return Comparison(rows=shown[:MOST_ROWS], is_cut=len(shown) > MOST_ROWS, cleaned=cleaned)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Walks an object as `explain` does, taking its lines one by one."""

    charset: Element | None
    charset_after: Element | None
    lines: Iterator[Line]

    def rows(self, item: Item, after: Item | None, *, above: str) -> Iterator[Row]:
        for tag in sorted(item):
            line, element = next(self.lines), item[tag]
            kept = None if after is None else after.get(tag)
            yield Row(
                path=f"{above}{written(tag)}",
                name=line.name,
                vr=line.vr,
                before=_shown(element, charset=self.charset),
                after=None if kept is None else _shown(kept, charset=self.charset_after),
                deed=line.deed,
                why=line.why,
            )
            if line.deed is Deed.RECURSE:
                yield from self._inside(element, kept, above=f"{above}{written(tag)}")
        yield from self._added({tag: each for tag, each in (after or {}).items() if tag not in item}, above=above)

    def _inside(self, element: Element, kept: Element | None, *, above: str) -> Iterator[Row]:
        items, left = element.items or (), list(kept.items or ()) if kept else []
        staying = [_may_stay(item, element.tag) for item in items]
        # Where a stand-in took the place of an item, what stands there now is told on its own.
        is_paired = sum(staying) == len(left)
        for number, (item, stays) in enumerate(zip(items, staying, strict=True), start=1):
            after = left.pop(0) if stays and is_paired else None
            yield from self.rows(item, after, above=f"{above}[{number}] ")
        for item in left:
            yield from self._added(item, above=f"{above}[+] ")

    def _added(self, added: Item, *, above: str) -> Iterator[Row]:
        for tag in sorted(added):
            element = added[tag]
            value = _shown(element, charset=self.charset_after)
            yield Row(f"{above}{written(tag)}", name_of(tag), element.vr, None, value, _WRITTEN, "our own record")
            for number, item in enumerate(element.items or (), start=1):
                yield from self._added(item, above=f"{above}{written(tag)}[{number}] ")


def _may_stay(item: Item, tag: int) -> bool:
    """Whether the cleaner lets an item of a sequence stay at all (deid.cleaning)."""
    if tag == CONTENT_SEQUENCE and not is_kept_content(item):
        return False
    return not is_code_item(item) or clean_code(item) is not None


def _shown(element: Element, *, charset: Element | None) -> str:
    if element.items is not None:
        return f"({len(element.items)})"
    size = sum(map(len, element.fragments)) if element.fragments is not None else len(element.value)
    if element.vr in STRING_VRS or element.vr == "UN":
        text = decoded(element, charset=charset).strip("\0 ")
        if text.isprintable():
            return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    word = WORD_SIZES.get(element.vr, 1)
    if element.vr in _FORMATS and size % word == 0:
        count = min(size // word, MOST_NUMBERS)
        numbers = struct.unpack(f"<{count}{_FORMATS[element.vr]}", bytes(element.value[: count * word]))
        return "\\".join(f"{each:g}" for each in numbers) + ("…" if size > count * word else "")
    return f"[{size} B]"

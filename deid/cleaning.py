"""The one recursive walk that turns a parsed object into a cleaned one, by the plan, failing closed."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deid.codes import MACRO, clean_code, is_code_item, unknown_code
from deid.content import is_kept_content
from deid.descriptors import clean_text
from deid.dictionary import allowed_vrs
from deid.dummies import dummy
from deid.elements import PIXEL_TAGS, STRING_VRS, Element, Item, number_of, text_of, values_of
from deid.keyed import UidMap
from deid.model import Rejected, Rejection
from deid.person import CHARACTER_SET, Person, decoded
from deid.plan import BINARIES, CONTENT_SEQUENCE, NUMBERS, Deed, Need, Place, Plan, Rule
from deid.private import Blocks, blocks_of, creator_tag
from deid.residue import LONGEST_VALUE, Suspects
from deid.values import (
    cap_age,
    check_binary,
    check_blob,
    check_numbers,
    check_terms,
    check_texts,
    check_times,
    check_uids,
    map_uids,
    shift_dates,
)
from deid.vocabulary import admits_coded, vocabulary

IMAGE_TYPE, VERIFICATION = 0x00080008, 0x0040A493
_PIXEL_REPRESENTATION = 0x00280103
_MEASURES = NUMBERS | {"IS", "DS"}
_PAIRS = re.compile(r"(?<![a-z])[a-z]{2}(?![a-z])")
_LONG_RUN = re.compile(r"\d{6,}")
NO_BLOCKS = Blocks({})
_LONGEST_TEXT = 10_240  # as many characters as LT may hold; nothing longer is a description


def _unusable() -> Rejected:
    return Rejected(
        Rejection.MALFORMED,
        "A number that this kind of object cannot do without is damaged or looks like an identifier. "
        "It was not let through. Please export the series again and send the new copy.",
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a decision on an element depends on beside its bytes: the same for the objects of a series."""

    plan: Plan
    uids: UidMap
    days: int
    is_explicit: bool
    is_signed: bool
    charset: Element | None
    person: Person


def is_signed(item: Item) -> bool:
    """Whether Pixel Representation says that pixel values, and numbers which stand for them, have a sign."""
    return number_of(item.get(_PIXEL_REPRESENTATION)) == 1


class Cleaner:
    """Carries key, offset and counts through the walk over one element; used once."""

    def __init__(self, setting: Setting) -> None:
        self.plan, self.uids, self.days = setting.plan, setting.uids, setting.days
        self.is_explicit, self.is_signed = setting.is_explicit, setting.is_signed
        self.person, self.charset = setting.person, setting.charset
        self.kept_texts: list[str] = []
        self.suspects = Suspects()
        self.deeds: Counter[tuple[int, Deed]] = Counter()

    def clean(self, element: Element, *, blocks: Blocks, siblings: Item) -> Element | None:
        """Return what stays of an element at the top of a data set."""
        return self._clean_element(element, self._rule(self.plan.root, element.tag, blocks), siblings)

    def _clean_item(self, item: Item, place: Place) -> Item:
        outer, self.charset = self.charset, item.get(CHARACTER_SET, self.charset)
        cleaned = self._clean_elements(item, place)
        self.charset = outer
        return cleaned

    def _clean_elements(self, item: Item, place: Place) -> Item:
        cleaned: Item = {}
        blocks = blocks_of(item) if self.plan.retains_private else NO_BLOCKS
        for tag, element in item.items():
            if tag in PIXEL_TAGS or tag == CHARACTER_SET:
                continue
            kept = self._clean_element(element, self._rule(place, tag, blocks), item)
            if kept is not None:
                cleaned[tag] = kept
        return cleaned | reservations(cleaned, blocks)

    def _rule(self, place: Place, tag: int, blocks: Blocks) -> Rule:
        vr = blocks.safe_vr(tag) if tag >> 16 & 1 else None
        return self.plan.private_rule(vr) if vr else self.plan.rule(place, tag)

    def _clean_element(self, element: Element, rule: Rule, siblings: Item) -> Element | None:
        if rule.deed is Deed.REMOVE or element.fragments is not None:
            self._remove(element)
            return None
        if (element.items is not None) != (rule.vr == "SQ") or not _is_readable(element, rule):
            return self._fail(element, rule, siblings)
        if rule.deed is Deed.RECURSE:
            return self._clean_sequence(element, rule)
        if rule.deed is Deed.KEEP:
            return self._keep(element, rule, siblings)
        if rule.deed in _CHECKS:
            return self._check(element, rule, siblings)
        return self._replace(element, rule.deed, rule, siblings)

    def _count(self, deed: Deed, element: Element) -> Element:
        self.deeds[element.tag, deed] += 1
        return element

    def _keep(self, element: Element, rule: Rule, siblings: Item) -> Element | None:
        vr = self._number_vr(element, rule)
        is_blob = vr in BINARIES
        value = check_blob(element.value) if is_blob else check_binary(element.value, tag=element.tag, vr=vr)
        if value is None:
            return self._fail(element, rule, siblings)
        return self._count(Deed.KEEP, Element(element.tag, vr, value))

    def _number_vr(self, element: Element, rule: Rule) -> str:
        """Return the VR; where the encoding does not tell US from SS, Pixel Representation does."""
        allowed = allowed_vrs(element.tag)
        if self.is_explicit and element.vr in allowed:
            return element.vr
        return "SS" if "SS" in allowed and rule.vr == "US" and self.is_signed else rule.vr

    def _remove(self, element: Element) -> None:
        self._suspect(element)
        self.deeds[element.tag, Deed.REMOVE] += 1

    def _suspect(self, element: Element, vr: str = "") -> None:
        """Remember what is taken out, read by its character set where that is more than ASCII."""
        is_plain = len(element.value) > LONGEST_VALUE or bytes(element.value).isascii()
        self.suspects.add(element, vr=vr or _suspect_vr(element), text=None if is_plain else self._decoded(element))

    def _replace(self, element: Element, deed: Deed, rule: Rule, siblings: Item) -> Element | None:
        self._suspect(element)
        if deed is Deed.REMOVE:
            self.deeds[element.tag, Deed.REMOVE] += 1
            return None
        items = () if rule.vr == "SQ" else None
        empty = Element(element.tag, rule.vr, items=items)
        is_empty = (deed is Deed.EMPTY and element.tag not in _NAMED) or rule.vr == "SQ"
        return self._count(deed, empty if is_empty else dummy(element.tag, rule.vr, siblings=siblings))

    def _fail(self, element: Element, rule: Rule, siblings: Item) -> Element | None:
        """Handle a value that may not stay: gone, empty or a stand-in, as the object's type allows."""
        if rule.need is Need.VALUE and rule.vr in _MEASURES:
            if not rule.is_conditional:
                raise _unusable()  # a made-up number would falsify the measurement
            return self._replace(element, Deed.REMOVE, rule, siblings)
        deed = {Need.VALUE: Deed.DUMMY, Need.PRESENCE: Deed.EMPTY, Need.NOTHING: Deed.REMOVE}[rule.need]
        return self._replace(element, deed, rule, siblings)

    def _check(self, element: Element, rule: Rule, siblings: Item) -> Element | None:
        value = _CHECKS[rule.deed](self, element)
        is_lost = value is not None and not value.strip(b"\\") and bool(text_of(element).strip("\\"))
        if value is None or is_lost:
            return self._fail(element, rule, siblings)
        if not value and rule.need is Need.NOTHING:
            self._remove(element)
            return None
        return self._count(rule.deed, Element(element.tag, rule.vr, value))

    def _unless_initials(self, value: bytes | None) -> bytes | None:
        """Return a value of reviewed words; any of two letters may pass there, unless they are somebody's initials."""
        pairs = set(_PAIRS.findall((value or b"").decode().lower())) - vocabulary().short
        return value if self.person.words.isdisjoint(pairs) else None

    def cleaned_text(self, element: Element) -> bytes | None:
        """Keep recognised words alone; what was taken out is searched for in the rest of the object."""
        if len(element.value) > _LONGEST_TEXT:
            return None
        words = self.plan.words
        pairs = [clean_text(part, person=self.person, words=words) for part in self._decoded(element).split("\\")]
        self.suspects.add_text(" ".join(gone for _, gone in pairs))
        # The second look knows the reviewed words, not the trial's own.
        self.kept_texts.extend(kept for kept, _ in pairs if words)
        return "\\".join(kept for kept, _ in pairs).encode()

    def kept_text(self, element: Element) -> bytes | None:
        """Keep a text of a device or an institution as it stands, unless it names a person of this object."""
        if len(element.value) > _LONGEST_TEXT:
            return None
        text = "".join(filter(str.isprintable, self._decoded(element))).strip()
        if self.person.is_told_by(text):
            return None
        self.kept_texts.append(text)
        return text.encode()

    def _decoded(self, element: Element) -> str:
        return decoded(element, charset=self.charset).strip("\0 ")

    def checked_numbers(self, element: Element) -> bytes | None:
        """Return decimal numbers; where physics needs long ones, none of the person's may stand among them."""
        value = check_numbers(element.value, tag=element.tag)
        if value is None or element.tag not in vocabulary().long_numbers:
            return value
        return value if self.person.numbers.isdisjoint(_LONG_RUN.findall(value.decode("ascii"))) else None

    def checked_text(self, element: Element) -> bytes | None:
        """Return a text of a listed attribute, or None where it is more than reviewed words."""
        return self._unless_initials(check_texts(element.value, tag=element.tag))

    def checked_term(self, element: Element) -> bytes | None:
        """Return coded strings, or None where they are more than the standard's words."""
        return self._unless_initials(self._checked_terms(element))

    def _checked_terms(self, element: Element) -> bytes | None:
        if element.tag == VERIFICATION:
            return b"UNVERIFIED"
        terms = check_terms(element.value)
        if terms is None and element.tag == IMAGE_TYPE:
            self._suspect(element, vr="CS")
            return "\\".join(term if admits_coded(term) else "OTHER" for term in values_of(element)).encode()
        return terms

    def _clean_sequence(self, element: Element, rule: Rule) -> Element | None:
        kept = [self._clean_nested(item, element.tag, rule) for item in element.items or ()]
        items = [item for item in kept if item is not None]
        if not items and element.items and rule.need is Need.VALUE and element.tag != CONTENT_SEQUENCE:
            items = [unknown_code()] if any(map(is_code_item, element.items)) else [{}]
        if (not any(items) and rule.need is Need.NOTHING) or (element.tag == CONTENT_SEQUENCE and not items):
            self.deeds[element.tag, Deed.REMOVE] += 1
            return None
        return self._count(Deed.RECURSE, Element(element.tag, "SQ", items=tuple(items)))

    def _clean_nested(self, item: Item, tag: int, rule: Rule) -> Item | None:
        if tag == CONTENT_SEQUENCE and not is_kept_content(item):
            self._drop(item)
            return None
        if not is_code_item(item):
            return self._clean_item(item, rule.place)
        code = clean_code(item)
        if code is None:
            self._drop(item)
            return None
        rest = {inner: element for inner, element in item.items() if inner not in MACRO}
        return self._clean_item(rest, rule.place) | code

    def _drop(self, item: Item) -> None:
        for element in item.values():
            self._remove(element)


_CHECKS: dict[Deed, Callable[[Cleaner, Element], bytes | None]] = {
    Deed.MAP: lambda cleaner, element: map_uids(element.value, uids=cleaner.uids),
    Deed.SHIFT: lambda cleaner, element: shift_dates(element.value, days=cleaner.days),
    Deed.CHECK_TIME: lambda _, element: check_times(element.value),
    Deed.CHECK_NUMBER: lambda cleaner, element: cleaner.checked_numbers(element),
    Deed.CHECK_TEXT: lambda cleaner, element: cleaner.checked_text(element),
    Deed.CHECK_TERM: lambda cleaner, element: cleaner.checked_term(element),
    Deed.CAP_AGE: lambda _, element: cap_age(element.value),
    Deed.CHECK_DATE: lambda _, element: shift_dates(element.value, days=0),
    Deed.CHECK_UID: lambda cleaner, element: check_uids(element.value, uids=cleaner.uids),
    Deed.CLEAN_TEXT: lambda cleaner, element: cleaner.cleaned_text(element),
    Deed.KEEP_TEXT: lambda cleaner, element: cleaner.kept_text(element),
}
_NAMED = frozenset({0x30060026})


def _suspect_vr(element: Element) -> str:
    allowed = allowed_vrs(element.tag)
    return allowed[0] if allowed else element.vr


def reservations(cleaned: Iterable[int], blocks: Blocks) -> Item:
    """Return the creators of those private blocks of which something is left."""
    tags = {creator_tag(tag) for tag in cleaned if tag >> 16 & 1}
    return {tag: Element(tag, "LO", blocks.creators[tag >> 16, tag & 0xFFFF].encode()) for tag in tags}


def _is_readable(element: Element, rule: Rule) -> bool:
    """Whether the sender's VR can stand for the standard's: the same, or unknown, or text for text."""
    allowed = allowed_vrs(element.tag) or (rule.vr,)
    if element.vr in allowed or element.vr == "UN" or element.items is not None:
        return True
    return (element.vr in STRING_VRS and allowed[0] in STRING_VRS) or {element.vr, allowed[0]} <= {"OB", "OW"}

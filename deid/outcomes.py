"""What becomes of the elements of an object, decided once for all objects of a series that say the same."""

from collections import Counter
from dataclasses import dataclass

from deid.cleaning import NO_BLOCKS, Cleaner, Setting, reservations
from deid.elements import PIXEL_TAGS, Element, Item
from deid.person import CHARACTER_SET
from deid.plan import Deed
from deid.private import Blocks, blocks_of
from deid.residue import Suspects, Traces, traces_of
from deid.writer import encode_element

_MOST_KNOWN = 1_024
_NO_TRACES = Traces(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stays of one element, as it is written, and what the second look and the record need to know of it."""

    element: Element | None
    encoded: bytes
    deeds: Counter[tuple[int, Deed]]
    suspects: Suspects
    kept_texts: list[str]
    traces: Traces


class Decisions:
    """The decisions of one setting, remembered by the bytes an element was read from."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._known: dict[tuple[bytes, str], Outcome] = {}

    def decide(self, item: Item) -> list[Outcome]:
        """Return what becomes of each element of a data set; pixel data and the character set have none."""
        blocks = blocks_of(item) if self._setting.plan.retains_private else NO_BLOCKS
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        outcomes = [
            self._outcome(element, blocks, item)
            for tag, element in item.items()
            if tag not in PIXEL_TAGS and tag != CHARACTER_SET
        ]
        private = [each.element.tag for each in outcomes if each.element and each.element.is_private]
        return outcomes + [_reserve(element) for element in reservations(private, blocks).values()]

    def _outcome(self, element: Element, blocks: Blocks, item: Item) -> Outcome:
        if not element.raw:
            return self._decide(element, blocks, item)
        place = element.raw, blocks.creator(element.tag) if element.is_private else ""
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = self._decide(element, blocks, item)
        return known

    def _decide(self, element: Element, blocks: Blocks, item: Item) -> Outcome:
        cleaner = Cleaner(self._setting)
        kept = cleaner.clean(element, blocks=blocks, siblings=item)
        return Outcome(
            element=kept,
            encoded=encode_element(kept) if kept else b"",
            deeds=cleaner.deeds,
            suspects=cleaner.suspects,
            kept_texts=cleaner.kept_texts,
            traces=traces_of(kept) if kept else _NO_TRACES,
        )


def _reserve(element: Element) -> Outcome:
    """Return the reservation of a private block, whose creator comes from the list of safe ones."""
    return Outcome(element, encode_element(element), Counter(), Suspects(), [], traces_of(element))

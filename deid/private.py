"""Retain Safe Private (PS3.15 E.3.10): private attributes known by creator, group and low byte."""

import functools
from dataclasses import dataclass

from deid.elements import Item, text_of
from deid.tables import read_json

_CREATORS = range(0x10, 0x100)


@functools.cache
def _safe() -> dict[tuple[str, int, int], str]:
    """Return the VR of every safe attribute by (creator, group, low byte)."""
    return {
        (creator, int(group, 16), int(low, 16)): vr
        for creator, group, vr, lows in read_json("private.json")["rows"]
        for low in lows.split()
    }


@dataclass(frozen=True, slots=True)
class Blocks:
    """The private blocks that one item reserves: creator by (group, block)."""

    creators: dict[tuple[int, int], str]

    def creator(self, tag: int) -> str:
        """Return who reserved the block of a private tag, "" where nobody did."""
        return self.creators.get((tag >> 16, (tag & 0xFFFF) >> 8), "")

    def safe_vr(self, tag: int) -> str | None:
        """Return the VR of a safe private attribute, None for every other one."""
        return _safe().get((self.creator(tag), tag >> 16, tag & 0xFF))


def is_reservation(tag: int) -> bool:
    """Whether a tag reserves a private block; what is written there comes from the list of safe creators."""
    return bool(tag >> 16 & 1) and tag & 0xFFFF in _CREATORS


def blocks_of(item: Item) -> Blocks:
    """Read the reservations (gggg,0010-00FF) of one data set or item."""
    found = {(tag >> 16, tag & 0xFFFF): text_of(element) for tag, element in item.items() if is_reservation(tag)}
    return Blocks(found)


def creator_tag(tag: int) -> int:
    """Return the tag that reserves the block of a private tag."""
    return tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8

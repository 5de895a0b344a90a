"""What a program that takes faces out gave back, laid beside what it was given: only pixels may be others."""

from dataclasses import replace

from deid.defacing.rules import faces_remain, undeclared
from deid.elements import PIXEL_TAGS, STRING_VRS, Element, Item, Source
from deid.engine import read_source
from deid.model import Rejected


def is_changed(given: bytes, made: bytes) -> bool:
    """Return whether the pixels of a file are others than before. Raises Rejected where anything else is."""
    before, after = read_source(given), _parsed(made)
    one, two = _picture(before.item), _picture(after.item)
    is_same = one.tag == two.tag and two.fragments is None and len(one.value) == len(two.value)
    if not is_same or not _equal(_header(before.item), _header(after.item)):
        raise altered()
    return bytes(one.value) != bytes(two.value)


def with_picture(source: Source, made: bytes) -> Source:
    """Return an original with the pixels that the defacer made of it. Raises Rejected."""
    element = _picture(_parsed(made).item)
    return replace(undeclared(source), item=undeclared(source).item | {element.tag: element}, span=None)


def altered() -> Rejected:
    return faces_remain(
        "The program that takes faces out gave back an object of which more than the pixels was changed, or which "
        "cannot be read. Nothing of it was taken. Look at the program, and run again."
    )


def _parsed(data: bytes) -> Source:
    try:
        return read_source(data)
    except Rejected:
        raise altered() from None


def _picture(item: Item) -> Element:
    """Return the one element of pixel data. Raises Rejected where there is another number of them."""
    present = [item[tag] for tag in PIXEL_TAGS if tag in item]
    if len(present) != 1:
        raise altered()
    return present[0]


def _header(item: Item) -> Item:
    return {tag: element for tag, element in item.items() if tag not in PIXEL_TAGS}


def _equal(one: Item, two: Item) -> bool:
    """Whether two items say the same in every element, however texts are padded and sequences delimited."""
    return one.keys() == two.keys() and all(_is_same(one[tag], two[tag]) for tag in one)


def _is_same(one: Element, two: Element) -> bool:
    if one.vr != two.vr or (one.items is None) != (two.items is None):
        return False
    if one.items is not None and two.items is not None:
        return len(one.items) == len(two.items) and all(map(_equal, one.items, two.items))
    values = bytes(one.value), bytes(two.value)
    padding = b" \0" if one.vr in STRING_VRS else b""
    return values[0].rstrip(padding) == values[1].rstrip(padding)

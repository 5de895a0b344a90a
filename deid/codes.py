"""Code sequence items (PS3.3 section 8): a code the standard knows keeps its meaning, any other one goes."""

from deid.elements import Element, Item, text_of
from deid.vocabulary import UNKNOWN_CODE, standard_meaning

CODE_VALUE, SCHEME, MEANING = 0x00080100, 0x00080102, 0x00080104
TRIPLET = (CODE_VALUE, SCHEME, MEANING)  # written only from the standard's own lists
LONG_CODE, URN_CODE = 0x00080119, 0x00080120
# everything of the code sequence macro; besides the triplet none of it survives
MACRO = frozenset({CODE_VALUE, SCHEME, MEANING, LONG_CODE, URN_CODE}) | {
    0x00080103, 0x00080105, 0x00080106, 0x00080107, 0x0008010B, 0x0008010C, 0x0008010D,
    0x0008010F, 0x00080117, 0x00080118, 0x00080121, 0x00080122, 0x00080123,
}  # fmt: skip


def is_code_item(item: Item) -> bool:
    """Whether an item is a coded concept (it then also may hold further attributes, e.g. modifiers)."""
    return CODE_VALUE in item or LONG_CODE in item or URN_CODE in item


def clean_code(item: Item) -> Item | None:
    """Return the triplet with the standard's own meaning, or None for a code the standard does not know."""
    scheme, value = text_of(item.get(SCHEME)), text_of(item.get(CODE_VALUE))
    meaning = standard_meaning(scheme, value)
    return None if meaning is None else code_item(scheme=scheme, value=value, meaning=meaning)


def code_item(*, scheme: str, value: str, meaning: str) -> Item:
    """Return a code item of the three mandatory attributes."""
    return {
        CODE_VALUE: Element(CODE_VALUE, "SH", value.encode()),
        SCHEME: Element(SCHEME, "SH", scheme.encode()),
        MEANING: Element(MEANING, "LO", meaning.encode()),
    }


def unknown_code() -> Item:
    """Return the code for `Unknown`, where an object cannot do without one."""
    scheme, value, meaning = UNKNOWN_CODE
    return code_item(scheme=scheme, value=value, meaning=meaning)

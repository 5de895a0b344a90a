"""Content trees (SR, key objects): items survive by value type and by concepts the standard knows."""

from deid.codes import CODE_VALUE, SCHEME, clean_code
from deid.elements import Element, Item, text_of

VALUE_TYPE = 0x0040A040
CONCEPT_NAME, CONCEPT_CODE = 0x0040A043, 0x0040A168
MEASURED, UNITS, REFERENCED_ITEM = 0x0040A300, 0x004008EA, 0x0040DB73
_KEPT_TYPES = frozenset(
    {
        "CONTAINER", "CODE", "NUM", "IMAGE", "COMPOSITE", "WAVEFORM", "SCOORD", "SCOORD3D", "TCOORD",
        "DATE", "TIME", "DATETIME", "UIDREF",
    }
)  # fmt: skip
# Who the subject is, told as a date or a number: what the Patient module loses, a content tree loses too.
_PERSONAL = frozenset({("DCM", code) for code in ("121029", "121030", "121031", "121033")})  # name, ID, birth, age


def is_kept_content(item: Item) -> bool:
    """Whether a content item may stay: no text, no person, no age, no local concept, no pointer to another item.

    Pointers (by-reference relationships) count positions in the original tree and would point astray.
    """
    kind = text_of(item.get(VALUE_TYPE))
    if kind not in _KEPT_TYPES or REFERENCED_ITEM in item:
        return False
    if CONCEPT_NAME in item and (not _is_known(item[CONCEPT_NAME]) or _is_personal(item[CONCEPT_NAME])):
        return False
    if kind == "CODE":
        return CONCEPT_CODE in item and _is_known(item[CONCEPT_CODE])
    return kind != "NUM" or _has_known_units(item)


def _is_personal(element: Element) -> bool:
    return any((text_of(item.get(SCHEME)), text_of(item.get(CODE_VALUE))) in _PERSONAL for item in element.items or ())


def _has_known_units(item: Item) -> bool:
    measured = item.get(MEASURED)
    values = measured.items if measured and measured.items else ()
    return all(UNITS in value and _is_known(value[UNITS]) for value in values)


def _is_known(element: Element) -> bool:
    return bool(element.items) and all(clean_code(item) is not None for item in element.items or ())

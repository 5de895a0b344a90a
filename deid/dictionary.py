"""Value representations by tag, from pydicom's dictionary: what a tag means is not the sender's to say."""

import functools

from pydicom.datadict import dictionary_VM, get_entry

UNLIMITED = 1_000_000_000
# Of a private attribute the standard does not say; the known safe ones hold matrices at most.
MOST_PRIVATE = 256
_AMBIGUOUS = {
    "US or SS": ("US", "SS"),
    "OB or OW": ("OW", "OB"),
    "US or OW": ("OW", "US"),
    "US or SS or OW": ("OW", "US", "SS"),
}
# sequences younger than pydicom's dictionary that the rules table names
_NEWER = dict.fromkeys(
    (
        *(0x00100011, 0x00100014, 0x00100015, 0x00100041, 0x00100043, 0x00100044, 0x00100046),
        *(0x00081301, 0x00081302, 0x00081303, 0x00081304),
    ),
    "SQ",
)


@functools.lru_cache(maxsize=20_000)
def allowed_vrs(tag: int) -> tuple[str, ...]:
    """Return the VRs the standard gives a tag, the usual one first; empty when the tag is unknown."""
    if tag in _NEWER:
        return (_NEWER[tag],)
    try:
        name = get_entry(tag)[0]
    except KeyError:
        return ()
    return _AMBIGUOUS.get(name, (name,))


@functools.lru_cache(maxsize=20_000)
def most_values(tag: int) -> int:
    """Return how many values the standard allows for a tag; a billion stands for no limit."""
    if tag >> 16 & 1:
        return MOST_PRIVATE
    try:
        highest = dictionary_VM(tag).split("-")[-1]
    except KeyError:
        return 1
    return int(highest) if highest.isdigit() else UNLIMITED

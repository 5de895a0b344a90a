"""The six levels of withdrawal, and which modules each takes back (design 3c; GDPR 7(3), CTR 28(3))."""

from enum import StrEnum

from trials.agreement.states import Module


class Level(StrEnum):
    """W1 touches treatment alone, W6 says that there never was a valid consent; each includes those before it."""

    W1 = "W1"
    W2 = "W2"
    W3 = "W3"
    W4 = "W4"
    W5 = "W5"
    W6 = "W6"

    @property
    def is_final(self) -> bool:
        """Whether no new consent can follow: nobody knows any more whose it would be, or there never was one."""
        return self in {Level.W5, Level.W6}

    @property
    def stops_collection(self) -> bool:
        return self >= Level.W3


_COLLECTION = frozenset({Module.IMAGING, Module.COMPUTING})
_AND_SECONDARY = _COLLECTION | {Module.SECONDARY}

LEVELS: dict[Level, frozenset[Module]] = {
    Level.W1: frozenset(),
    Level.W2: frozenset(),
    Level.W3: _COLLECTION,
    Level.W4: _AND_SECONDARY,
    Level.W5: _AND_SECONDARY,
    Level.W6: frozenset(Module),
}

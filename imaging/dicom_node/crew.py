"""What the processes of one node know of each other: an interpreter runs on one core at a time, and lines want more.

They take callers from one listening socket and share nothing but these pages of memory, one for each to write: how many
lines it has, and which senders hold associations in it. A reader may meet a page that is being written, and then counts
one line too many or too few: what is bounded by it is bounded roughly while two callers come at the same moment.
"""

import mmap
import struct
from collections.abc import Sequence

PAGE = 8192
# An AE title (PS3.5 6.2, AE) has 16 letters at most.
_NAME = 16
_COUNTS = struct.Struct("=HH")
_MOST_NAMES = (PAGE - _COUNTS.size) // _NAME


class Crew:
    """Made before the processes part; each then says which number it has."""

    def __init__(self, size: int = 1) -> None:
        self.size, self.number = size, 0
        self._pages = mmap.mmap(-1, size * PAGE)

    def tell(self, *, lines: int, senders: Sequence[str]) -> None:
        """Write what this process holds: all lines, and the AE title of each association."""
        names = b"".join(name.encode("ascii", "replace").ljust(_NAME)[:_NAME] for name in senders[:_MOST_NAMES])
        told = _COUNTS.pack(min(lines, 0xFFFF), len(names) // _NAME) + names
        start = self.number * PAGE
        self._pages[start : start + len(told)] = told

    def has_most_lines(self, lines: int) -> bool:
        """Whether another process has fewer lines than these."""
        return any(self._counts(other)[0] < lines for other in self._others())

    def held_elsewhere(self, sender: str) -> int:
        """How many associations under this AE title the other processes hold."""
        return sum(self._names(other).count(sender) for other in self._others())

    def _others(self) -> list[int]:
        return [number for number in range(self.size) if number != self.number]

    def _counts(self, number: int) -> tuple[int, int]:
        lines, names = _COUNTS.unpack_from(self._pages, number * PAGE)
        return lines, names

    def _names(self, number: int) -> list[str]:
        _lines, count = self._counts(number)
        start = number * PAGE + _COUNTS.size
        told = self._pages[start : start + count * _NAME].decode("ascii", "replace")
        return [told[at : at + _NAME].rstrip() for at in range(0, len(told), _NAME)]

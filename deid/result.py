"""What the engine hands back for one object; the file, the facts and the counts are made when they are asked for."""

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deid.choices import written
from deid.elements import Item, Span, text_of
from deid.facts import read_facts
from deid.model import Facts
from deid.plan import Deed
from deid.writer import Part

_SOP_INSTANCE = 0x00080018


@dataclass(frozen=True, eq=False)
class Cleaned:
    """One cleaned object: the parts of its Part 10 file, its facts, and what was done (counts only, in all and by tag).

    Where the original is an open file, its plain pixels are no bytes but a span of it (deid.writer.write_file).
    """

    parts: tuple[Part, ...]
    item: Item
    transfer_syntax: str
    has_contrast: bool
    has_pixels: bool
    deeds: Iterable[Mapping[tuple[int, Deed], int]]
    method_codes: tuple[str, ...]
    policy_digest: str

    @functools.cached_property
    def data(self) -> bytes:
        """The file. Raises ValueError where its pixels were left in the file they came from."""
        parts = [part for part in self.parts if not isinstance(part, Span)]
        if len(parts) != len(self.parts):
            raise ValueError("the pixels of this object are still in the file they came from")
        return b"".join(parts)

    @functools.cached_property
    def sha256(self) -> str:
        """The digest (hex) of the file."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(part.read() if isinstance(part, Span) else part)
        return digest.hexdigest()

    @property
    def sop_instance_uid(self) -> str:
        return text_of(self.item.get(_SOP_INSTANCE))

    @functools.cached_property
    def facts(self) -> Facts:
        return read_facts(
            self.item,
            transfer_syntax=self.transfer_syntax,
            is_contrasted=self.has_contrast,
            has_pixels=self.has_pixels,
        )

    @functools.cached_property
    def actions(self) -> Mapping[str, int]:
        """How often each deed was done."""
        found: Counter[str] = Counter()
        for (_, deed), count in self._counted.items():
            found[deed] += count
        return dict(sorted(found.items()))

    @functools.cached_property
    def by_tag(self) -> Mapping[str, Mapping[str, int]]:
        """How often each deed was done, by tag."""
        found: dict[str, dict[str, int]] = {}
        for (tag, deed), count in sorted(self._counted.items()):
            found.setdefault(written(tag), {})[deed] = count
        return found

    @functools.cached_property
    def _counted(self) -> Counter[tuple[int, Deed]]:
        total: Counter[tuple[int, Deed]] = Counter()
        for each in self.deeds:
            total.update(each)
        return total

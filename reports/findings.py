"""What is told of a seal: which outside clock is asked, why there is none, and what was found in a file.

Apart from those who make and inspect seals, which load pyHanko: 0.3 s and 27 MiB that no page waits for.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


class SealFailed(RuntimeError):
    """The report could not be sealed; no sealed file exists, and the text says what to do."""


@dataclass(frozen=True, slots=True)
class StampService:
    """An outside time-stamp service (RFC 3161): address, root certificates (PEM) that vouch for it, patience in s."""

    url: str
    roots: tuple[bytes, ...]
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, in words for a sponsor."""

    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. Times are UTC; `files` (name, bytes) are handed out only from a file that holds."""

    sentences: tuple[Finding, ...]
    is_pdf: bool = False
    seal_count: int = 0
    is_whole: bool = False
    is_intact: bool = False
    is_trusted: bool = False
    signer: str = ""
    sealed_at: dt.datetime | None = None
    time_source: str = ""
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def holds(self) -> bool:
        """The bottom line: everything that can be looked at was, and all of it holds."""
        return self.sealed_at is not None and all(finding.holds for finding in self.sentences)

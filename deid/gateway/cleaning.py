"""One object cleaned by the trial's rules under the site's own key, and its bytes piece by piece."""

import importlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from deid.elements import Source, Span
from deid.engine import clean_source, read_file
from deid.gateway.survey import Found, stamp_of
from deid.identity import tokens_of
from deid.keyed import keyed_digest
from deid.model import ClinicalTrial, Policy, Rejected, Rejection
from deid.options import Option
from deid.reader import Memory
from deid.result import Cleaned

_PIECE = 1 << 20
# Letter, digit, letter, digit: no two letters that a text may repeat, no number, and no part of a name.
_LETTERS, _DIGITS, _PAIRS = "ABCDEFGHJKMNPQRSTVWXYZ", "0123456789", 10


def trial_key(key: bytes, trial: str) -> bytes:
    """Return the site's key for one trial, so that what was sent for two trials cannot be joined."""
    return keyed_digest(key=key, domain="gateway", text=trial)


def name_of(token: str, *, key: bytes) -> str:
    """Return what a person is called outside the house: the same for every scan, some 78 bits, and no word."""
    number = int.from_bytes(keyed_digest(key=key, domain="gateway-person", text=token))
    signs = []
    for _pair in range(_PAIRS):
        number, letter = divmod(number, len(_LETTERS))
        number, digit = divmod(number, len(_DIGITS))
        signs.append(_LETTERS[letter] + _DIGITS[digit])
    return "".join(signs)


@dataclass(slots=True, kw_only=True)
class Cleaner:
    """Cleans the files of one person; what they have in common is read once."""

    key: bytes
    trial: ClinicalTrial
    policy: Policy
    _memory: Memory = field(default_factory=Memory)

    def clean(self, found: Found, file: io.FileIO) -> Cleaned:
        """Return the cleaned object; its plain pixels stay in the open file. Raises Rejected."""
        source = read_file(file.fileno(), memory=self._memory)
        if stamp_of(found.path) != found.stamp or tokens_of(source.item, key=self.key) != found.tokens:
            raise changed()
        try:
            return clean_source(source, key=self.key, trial=self.trial, policy=self.policy)
        except Rejected as rejected:
            is_looked_at = Option.CLEAN_PIXEL_DATA in self.policy.options
            if rejected.code != Rejection.PIXELS_NEED_REVIEW or not is_looked_at:
                raise
        return self._looked_at(source)

    def _looked_at(self, source: Source) -> Cleaned:
        try:
            # By name: only who sends pictures with writing in them needs numpy and the reader of text.
            burned = importlib.import_module("deid.burned.cleaning")
        except ImportError:
            raise _no_reader() from None
        clerk = burned.Clerk(key=self.key, trial=self.trial, policy=self.policy)
        cleaned: Cleaned = burned.clean_unreviewed(source, clerk=clerk)
        return cleaned


def changed() -> Rejected:
    return Rejected(
        "changed",
        "The file changed, or became shorter, after it was looked at. It was not sent. "
        "Let whatever writes into this folder end, and run again.",
    )


def _no_reader() -> Rejected:
    return Rejected(
        Rejection.PIXELS_NEED_REVIEW,
        "This picture may show a name, and the parts that read text in pictures are not installed on this machine. "
        "It was not sent. Install numpy, opencv-python-headless and rapidocr-onnxruntime, or send it in the browser.",
    )


def pieces_of(cleaned: Cleaned) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a cleaned file in pieces of at most a megabyte. Raises Rejected where the file shrank."""
    for part in cleaned.parts:
        if isinstance(part, Span):
            yield from _read(part)
            continue
        view = memoryview(part)
        yield from (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))


def _read(span: Span) -> Iterator[bytes]:
    start, end = span.start, span.start + span.length
    while start < end:
        try:
            piece = os.pread(span.descriptor, min(_PIECE, end - start), start)
        except OSError:
            raise changed() from None
        if not piece:
            raise changed()
        yield piece
        start += len(piece)

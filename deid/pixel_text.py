"""Whether pixel bytes spell a removed value: as text of one byte a letter or as UTF-16, unless chance explains it.

A value of four letters stands in noise by chance. Hence how often it would is told from the very bytes it stands in, as
a chain of letters each of which depends on the one before it; what hardly could stand there was written there.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

SHORTEST = 4
# How often a value may stand in one part of pixels by chance and yet count: with a hundred values one in 10,000 parts
# of the worst kind is refused, and of others none.
LEAST_CHANCE = 1e-6
# What stands before and after a text that was written; part of no value.
_BOUNDS = b'\0\t\n\r "#&()*,/:;<=>[\\]^_|'
_RUN = b"\1" * SHORTEST
# Of UTF-16; no word is longer than the part that two pieces share.
_PIECE, _OVERLAP = 64 << 10, 256
_WORD = re.compile(rb"[0-9A-Za-z]{4,}")


@dataclass(frozen=True, slots=True)
class Needle:
    """A value in small letters, as it would be written: `step` bytes a letter."""

    spelt: bytes
    step: int


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters of some values: a table that marks them, and the runs of four or more."""

    table: bytes
    runs: re.Pattern[bytes]

    @classmethod
    def of(cls, letters: bytes) -> "Alphabet":
        runs = re.compile(b"[" + re.escape(letters) + b"]{4,}")
        return cls(table=bytes(byte in letters for byte in range(256)), runs=runs)

    def text_of(self, pixels: bytes, sample: bytes) -> bytes:
        """Return all runs of such letters, small; the sample, every fourth byte, tells most pixels to have none."""
        if b"\1" not in sample.translate(self.table) or _RUN not in pixels.translate(self.table):
            return b""
        return b"\0".join(self.runs.findall(pixels)).lower()


_ALNUM = Alphabet.of(bytes(byte for byte in range(128) if chr(byte).isalnum()))
_ASCII = Alphabet.of(bytes(range(32, 127)))
_ANY = Alphabet.of(bytes((*range(32, 127), *range(128, 256))))


def spells(pixels: bytes, *, values: AbstractSet[bytes]) -> bool:
    """Return whether pixels spell one of the values: bytes of four and more, in small letters.

    Most pictures hold nothing like text, which shows in a part of their bytes.
    """
    sample = pixels[SHORTEST - 1 :: SHORTEST]
    has_letters = b"\1" in sample.translate(_ANY.table)
    found = list(_found_other(pixels, values))
    if has_letters:
        found += _found_plain(pixels, sample, values)
    # Where no letter stands at an odd place, none of UTF-16 begins there.
    if wide := b" ".join(_wide_texts(pixels, starts=(0, 1) if has_letters else (0,))):
        found += _found_wide(wide.lower(), values)
    text = pixels.lower() if found else b""
    return any(needle.spelt in text and _is_beyond_chance(needle, text) for needle in found)


def _found_plain(pixels: bytes, sample: bytes, values: AbstractSet[bytes]) -> Iterator[Needle]:
    """Yield the values that may stand here: of those with a word in them, the word does."""
    words = _words_of(values)
    if words and (text := _ALNUM.text_of(pixels, sample)):
        yield from (Needle(value, 1) for value, word in words.items() if word in text)
    for alphabet, is_ascii in ((_ASCII, True), (_ANY, False)):
        odd = [value for value in values - words.keys() if value.isascii() is is_ascii]
        if odd and (text := alphabet.text_of(pixels, sample)):
            yield from (Needle(value, 1) for value in odd if value in text)


def _words_of(values: AbstractSet[bytes]) -> dict[bytes, bytes]:
    """Return the values that hold a word of four or more letters and digits, each with its first."""
    return {value: match[0] for value in values if (match := _WORD.search(value))}


def _found_wide(text: bytes, values: AbstractSet[bytes]) -> Iterator[Needle]:
    for value, word in _words_of(values).items():
        if word in text:
            yield Needle(_widened(value), 2)


def _found_other(pixels: bytes, values: AbstractSet[bytes]) -> Iterator[Needle]:
    """Yield values of other letters than ASCII's as UTF-16."""
    others = [value for value in values if not value.isascii()]
    yield from (Needle(each, 2) for value in others for each in _as_utf16(value) if each in pixels.lower())


def _as_utf16(value: bytes) -> tuple[bytes, ...]:
    """Return a value of other letters as UTF-16, both ways round; nothing where it is no UTF-8."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ()
    spelt = {text, text.upper(), text.title()}
    return tuple(each.encode(way).lower() for each in spelt for way in ("utf-16-le", "utf-16-be"))


def _wide_texts(pixels: bytes, *, starts: tuple[int, ...]) -> Iterator[bytes]:
    """Yield runs of letters and digits with zeros between them, read in pieces that stay in the processor's cache."""
    for start in starts:
        for at in range(start, len(pixels), _PIECE):
            yield from _wide_runs(pixels[at : at + _PIECE + _OVERLAP])


def _wide_runs(piece: bytes) -> Iterator[bytes]:
    """Yield runs of three, and what stands behind them: the zero of the last letter may come before it."""
    text = piece.decode("utf-16-le", "replace").encode("ascii", "replace")
    marks = text.translate(_ALNUM.table)
    at, place = marks.find(_RUN[1:]), 0
    while at >= 0:
        end = marks.find(b"\0", at)
        run = text[at : end if end >= 0 else len(text)]
        # Sought, for a pair of surrogates counts as one letter.
        place = piece.find(_widened(run), max(place, 0))
        behind = place + 2 * len(run)
        yield run + piece[behind : behind + 1]
        at = marks.find(_RUN[1:], at + len(run))


def _widened(value: bytes) -> bytes:
    return b"\0".join(value[place : place + 1] for place in range(len(value)))


def _is_beyond_chance(needle: Needle, text: bytes) -> bool:
    """Whether a value that stands here could hardly stand here by chance; alone between bounds it could less."""
    chance = _chance(needle, text)
    if chance < LEAST_CHANCE:
        return True
    bound = sum(text.count(bytes([each])) for each in _BOUNDS) / len(text)
    is_rare = chance * bound * bound < LEAST_CHANCE
    return is_rare and any(_stands_alone(needle, text, at) for at in _places(needle, text))


def _chance(needle: Needle, text: bytes) -> float:
    """Return how often a value would stand in a text of such letters, its own places left out of the count."""
    spelt, step, own = needle.spelt, needle.step, text.count(needle.spelt)
    expected = 1.0
    for start in range(0, len(spelt) - step, step):
        pairs = _others(spelt[start : start + 2 * step], spelt, text, own)
        letters = _others(spelt[start : start + step], spelt, text, own)
        expected *= pairs if start == 0 else pairs / max(letters, 1)
    return expected


def _others(part: bytes, spelt: bytes, text: bytes, own: int) -> int:
    """Return how often a part of a value stands elsewhere than in the value itself."""
    return max(text.count(part) - own * spelt.count(part), 0)


def _places(needle: Needle, text: bytes) -> Iterator[int]:
    at = text.find(needle.spelt)
    while at >= 0:
        yield at
        at = text.find(needle.spelt, at + 1)


def _stands_alone(needle: Needle, text: bytes, at: int) -> bool:
    before, after = at - needle.step, at + len(needle.spelt) + needle.step - 1
    is_begun = before < 0 or text[before] in _BOUNDS
    return is_begun and (after >= len(text) or text[after] in _BOUNDS)

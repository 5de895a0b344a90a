"""Removed values in pixel bytes: found where they were written, and not where chance writes them."""

import random

import numpy as np
import pytest

from deid.pixel_text import spells

SIDE = 256
NAMES = frozenset({b"zuccarello", b"okafor^jane", b"okafor", b"jane", b"vega", b"74991", b"4711", b"a1b2c3"})


def tissue(seed: int = 1) -> bytes:
    """Twelve bits of sixteen, as of a CT: the upper byte is no letter."""
    return np.random.default_rng(seed).normal(1040, 60, SIDE * SIDE).clip(0, 4095).astype("<u2").tobytes()


def air(seed: int = 1) -> bytes:
    """Values below 256 of sixteen bits, which UTF-16 reads as digits and letters."""
    return np.abs(np.random.default_rng(seed).normal(40, 25, SIDE * SIDE)).astype("<u2").tobytes()


def grey(seed: int = 1) -> bytes:
    """Eight bits in which every value is a letter or a digit nearly everywhere."""
    return np.random.default_rng(seed).normal(100, 15, SIDE * SIDE).clip(0, 255).astype(np.uint8).tobytes()


def even(seed: int = 1) -> bytes:
    """Eight bits without any order, as of compressed frames."""
    return np.random.default_rng(seed).integers(0, 256, SIDE * SIDE, dtype=np.uint8).tobytes()


def planted(pixels: bytes, text: bytes, at: int) -> bytes:
    return pixels[:at] + text + pixels[at + len(text) :]


@pytest.mark.req("R-ENG-05")
@pytest.mark.parametrize("value", ["Okafor", "VEGA", "Jane", "74991", "4711", "A1b2c3", "Okafor^Jane"])
def test_a_value_of_four_characters_is_found_in_pixels_at_any_place_in_either_writing(value: str) -> None:
    for at in (0, 1, 2, 3, 5000, 2 * SIDE * SIDE - 64):
        for spelt in (value.encode(), value.encode("utf-16-le"), value.encode("utf-16-be")):
            assert spells(planted(tissue(), spelt, at), values=NAMES), (at, spelt)


@pytest.mark.req("R-ENG-05")
@pytest.mark.parametrize("at", [65536 - 30, 65536 - 12, 65536 - 2, 65535, 65536])
def test_a_text_across_the_pieces_that_are_read_is_found(at: int) -> None:
    assert spells(planted(tissue(), "Zuccarello".encode("utf-16-le"), at), values=NAMES)


@pytest.mark.req("R-ENG-05")
def test_values_of_other_alphabets_are_found_in_their_bytes_and_in_utf16() -> None:
    values = frozenset({"иванова".encode(), "山田太郎".encode(), "山田太郎".encode("gb18030")})
    for text in ("Иванова", "山田太郎"):
        for coding in ("utf-8", "utf-16-le", "utf-16-be"):
            spelt = text.lower().encode(coding) if coding == "utf-8" else text.encode(coding)
            assert spells(planted(tissue(), spelt, 1000), values=values), (text, coding)
    assert spells(planted(tissue(), "山田太郎".encode("gb18030"), 1000), values=values)


@pytest.mark.req("R-ENG-05")
@pytest.mark.parametrize("make", [tissue, air, grey, even])
def test_a_long_name_is_found_in_noise_of_every_kind(make: object) -> None:
    assert callable(make)
    for at in (0, 777, 30_000):
        assert spells(planted(make(), b"ZUCCARELLO", at), values=NAMES)


@pytest.mark.req("R-ENG-05")
@pytest.mark.parametrize("make", [tissue, air, grey, even])
def test_noise_of_every_kind_is_not_taken_for_names(make: object) -> None:
    assert callable(make)
    draw = random.Random(5)  # noqa: S311  words, no secrets
    letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
    values = {"".join(draw.choices(letters, k=length)).encode() for length in (4, 4, 5, 6, 7) for _ in range(8)}
    values |= {"".join(draw.choices(digits, k=length)).encode() for length in (4, 5, 6) for _ in range(8)}
    assert not [seed for seed in range(12) if spells(make(seed), values=frozenset(values))]


@pytest.mark.req("R-ENG-05")
def test_noise_does_spell_short_names_so_that_looking_alone_would_refuse_it() -> None:
    text = grey().lower()
    spelt = frozenset(text[at : at + 4] for at in range(0, 4000, 10) if text[at : at + 4].isalpha())
    assert len(spelt) > 100
    assert not spells(grey(), values=spelt)


@pytest.mark.req("R-ENG-05")
def test_a_short_name_that_stands_alone_is_found_where_chance_could_spell_it() -> None:
    quiet = np.random.default_rng(3).normal(104, 6, SIDE * SIDE).clip(97, 122).astype(np.uint8).tobytes()
    assert not spells(planted(quiet, b"Jane", 500), values=NAMES)
    assert spells(planted(quiet, b"\0Jane\0", 500), values=NAMES)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.codes import ALPHABET, is_valid, new_code, normalise

places = st.lists(st.integers(0, 7), min_size=1, max_size=2, unique=True)


@pytest.mark.req("R-SUB-01")
def test_new_codes_are_valid_and_do_not_repeat() -> None:
    # Of a thousand million; two thousand would meet by chance once in five hundred runs.
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(is_valid(code) for code in codes)


@pytest.mark.req("R-SUB-01")
@given(places, st.integers(1, 31), st.integers(1, 31))
def test_any_one_or_two_wrong_symbols_are_caught(wrong: list[int], first: int, second: int) -> None:
    symbols = list(new_code().replace("-", ""))
    for place, shift in zip(wrong, (first, second), strict=False):
        symbols[place] = ALPHABET[(ALPHABET.index(symbols[place]) + shift) % 32]
    typed = "".join(symbols)
    assert not is_valid(f"{typed[:4]}-{typed[4:]}")


@pytest.mark.req("R-SUB-01")
def test_small_letters_and_lookalikes_are_understood() -> None:
    code = new_code()
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert normalise(typed) == code

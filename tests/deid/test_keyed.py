"""UIDs, dates and identity tokens: derived from the secret, stable, and valid whatever comes in."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

import deid
from deid.values import cap_age, check_numbers, check_times, shift_dates
from tests.deid import builders, planting

KEY = b"0123456789abcdef0123456789abcdef"
OTHER = b"another trial's secret, 32 bytes"
UIDS = st.lists(st.integers(0, 10**12), min_size=3, max_size=6).map(lambda parts: "1.2." + ".".join(map(str, parts)))
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.req("R-DEID-07")
@given(uid=UIDS)
def test_a_mapped_uid_is_valid_stable_and_tells_nothing(uid: str) -> None:
    mapped = deid.map_uid(KEY, uid)
    assert UID(mapped).is_valid
    assert len(mapped) <= 44
    assert mapped == deid.map_uid(KEY, f" {uid}\0")
    assert mapped != deid.map_uid(OTHER, uid)
    number = int(mapped.removeprefix("2.25."))
    assert number.bit_length() <= 128
    assert (number >> 76) & 0xF == 8, "UUID version"
    assert (number >> 62) & 0b11 == 0b10, "UUID variant"


@pytest.mark.req("R-DEID-07")
@given(text=st.text(max_size=80))
def test_any_text_in_place_of_a_uid_becomes_a_valid_uid_or_nothing(text: str) -> None:
    mapped = deid.map_uid(KEY, text)
    assert mapped == "" or UID(mapped).is_valid


@pytest.mark.req("R-DEID-07")
def test_uids_of_the_standard_stay_and_uids_under_its_root_that_it_does_not_define_go() -> None:
    assert all(deid.map_uid(KEY, uid) == uid for uid in UID_dictionary)
    assert deid.map_uid(KEY, "1.2.840.10008.731731731").startswith("2.25.")


@pytest.mark.req("R-DEID-08")
@given(code=st.text(min_size=1, max_size=20))
def test_the_offset_of_a_subject_is_stable_backwards_and_bounded(code: str) -> None:
    days = deid.shift_days(KEY, code)
    assert -3650 <= days <= -30
    assert days == deid.shift_days(KEY, code)


@pytest.mark.req("R-DEID-08")
@given(first=DAYS, second=DAYS, days=st.integers(-3650, -30))
def test_intervals_between_dates_survive_leap_days_included(first: date, second: date, days: int) -> None:
    raw = f"{first:%Y%m%d}\\{second:%Y%m%d}".encode()
    moved = shift_dates(raw, days=days)
    assert moved is not None
    one, two = (date.fromisoformat(part) for part in moved.decode().split("\\"))
    assert two - one == second - first
    assert one == first + timedelta(days=days)


@pytest.mark.req("R-DEID-08")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"20240229", b"20240130"),
        (b"2024.02.29", b"20240130"),
        (b"20240229101112.123456+0100", b"20240130101112.123456+0100"),
        (b"20240229101112", b"20240130101112"),
        (b"20230229", b""),
        (b"202402", b""),
        (b"2024", b""),
        (b"20240229-20240301", b""),
        (b"20240229256112", b""),
        (b"Zuccarello", b""),
        (b"00010101", b""),
        (b"20240229 \0", b"20240130"),
        (b"20240229\\junk\\20240301", b"20240130\\\\20240131"),
        ("20240229\u0660".encode(), b""),
    ],
)
def test_partial_and_malformed_dates_become_empty_and_good_ones_move(raw: bytes, expected: bytes) -> None:
    assert shift_dates(raw, days=-30) == expected


@pytest.mark.req("R-DEID-08")
@given(raw=st.binary(max_size=40), days=st.integers(-3650, -30))
def test_no_bytes_in_a_date_or_a_time_pass_unless_they_are_one(raw: bytes, days: int) -> None:
    moved = shift_dates(raw, days=days) or b""
    for part in moved.decode("ascii").split("\\"):
        assert part == "" or part[:8].isdigit()
    times = check_times(raw) or b""
    assert set(times) <= set(b"0123456789.\\")


@pytest.mark.req("R-DEID-13")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"093Y", b"089Y"), (b"089Y", b"089Y"), (b"030Y", b"030Y"), (b"013M", b"013M"), (b"old", None)],
)
def test_ages_above_89_years_are_written_as_89(raw: bytes, expected: bytes | None) -> None:
    assert cap_age(raw) == expected


@pytest.mark.req("R-DEID-01")
@pytest.mark.parametrize(
    ("raw", "passes"),
    [
        (b"0.9765625", True), (b"-158.135803\\-179.035797\\-75.699997", True), (b"1.5e+08 ", True), (b"12345", True),
        (b"", True), (b"731731731", False), (b"123456.5", False), (b"Zuccarello", False), (b"1 2 3", False),
        (b"--5", False), (b"1.5\\SMITH", False),
    ],
)  # fmt: skip
def test_numbers_pass_unless_they_look_like_an_identifier(raw: bytes, *, passes: bool) -> None:
    assert (check_numbers(raw, tag=0x00201041) is not None) is passes


@pytest.mark.req("R-DEID-19")
def test_tokens_agree_for_one_person_spelt_differently_and_differ_for_others() -> None:
    dataset = builders.ct()
    dataset.PatientName, dataset.PatientID = "Zuccarello^Quentin^^Dr", " 0815-AB"
    first = deid.identify(planting.encode(dataset), key=KEY)
    dataset.PatientName, dataset.PatientID = "ZUCCARELLO^QUENTIN^^DR", "0815 ab"
    second = deid.identify(planting.encode(dataset), key=KEY)
    assert first == second
    assert len(first.patient_id) == len(first.person) == 64
    dataset.PatientBirthDate = "19700101"
    assert deid.identify(planting.encode(dataset), key=KEY).person != first.person
    assert deid.identify(planting.encode(dataset), key=OTHER).patient_id != first.patient_id


@pytest.mark.req("R-DEID-19")
def test_tokens_are_empty_where_the_file_names_nobody_and_the_charset_does_not_matter() -> None:
    dataset = builders.ct()
    dataset.PatientName, dataset.PatientID = "", ""
    assert deid.identify(planting.encode(dataset), key=KEY) == deid.IdentityTokens(patient_id="", person="")
    tokens = set()
    for charset in ("ISO_IR 100", "ISO_IR 192"):
        dataset.SpecificCharacterSet, dataset.PatientName = charset, "Österåker^Günther"
        tokens.add(deid.identify(planting.encode(dataset), key=KEY).person)
    assert len(tokens) == 1


@pytest.mark.req("R-DEID-07")
def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        deid.map_uid(b"short", "1.2.3")

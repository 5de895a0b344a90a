"""The keyed token that answers "same person?": what habits of writing may not change, and what it must never tell."""

import datetime as dt
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

import deid
from tests.deid import builders, planting

KEY, OTHER = b"0123456789abcdef0123456789abcdef", b"another trial's secret, 32 bytes"
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüéèêñçåøłßœ"
words = st.text(alphabet=LETTERS, min_size=1, max_size=12)
names = st.lists(words, min_size=1, max_size=3)
days = st.dates(dt.date(1880, 1, 1), dt.date(2026, 1, 1))
sexes = st.sampled_from(["M", "F", "O", ""])
# The smallest thing that is still a file of a person: reading hundreds of whole scans would only cost time.
_BASE = builders.ct()
del _BASE.PixelData


def tokens_of(*, name: str, birth_date: str, sex: str, number: str, key: bytes = KEY) -> deid.IdentityTokens:
    dataset = Dataset()
    dataset.update(_BASE)
    dataset.file_meta = _BASE.file_meta
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientBirthDate = name, birth_date
    dataset.PatientSex, dataset.PatientID = sex, number
    return deid.identify(planting.encode(dataset), key=key)


@pytest.mark.req("R-ID-01")
@given(name=names, day=days, sex=sexes, order=st.randoms(use_true_random=False), pad=st.integers(0, 3))
def test_case_accents_order_gaps_and_padding_do_not_change_who_it_is(
    name: list[str], day: object, sex: str, order: object, pad: int
) -> None:
    told = deid.person_of(name="^".join(name), birth_date=f"{day:%Y%m%d}", sex=sex)
    shuffled = list(name)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    spellings = [
        "^".join(name).upper(),
        unicodedata.normalize("NFD", "^".join(name)),
        "".join(sign for sign in unicodedata.normalize("NFD", "^".join(name)) if not unicodedata.combining(sign)),
        "^".join(shuffled),
        " ".join(shuffled),
        "-".join(name),
        " " * pad + "^".join(name) + " \0" * pad,
        "^".join([*name, *[""] * (3 - len(name)), "Dr", "Jr"]),
        "^".join(name) + "=山田^太郎",
    ]
    for spelt in spellings:
        for written in (f"{day:%Y.%m.%d}", f"{day:%Y-%m-%d} ", f"{day:%Y%m%d}\0"):
            assert deid.person_of(name=spelt, birth_date=written, sex=f" {sex.lower()} ") == told, spelt


@pytest.mark.req("R-ID-01")
@given(name=names, other=names, day=days, next_day=days, sex=sexes)
def test_another_name_birth_date_or_sex_is_another_person(
    name: list[str], other: list[str], day: object, next_day: object, sex: str
) -> None:
    told = deid.person_of(name="^".join(name), birth_date=f"{day:%Y%m%d}", sex=sex)
    if day != next_day:
        assert deid.person_of(name="^".join(name), birth_date=f"{next_day:%Y%m%d}", sex=sex) != told
    assert deid.person_of(name="^".join(name), birth_date=f"{day:%Y%m%d}", sex="F" if sex == "M" else "M") != told
    plain = [sorted(deid.person_of(name=" ".join(each), birth_date="", sex="")) for each in (name, other)]
    assume(plain[0] != plain[1])
    assert deid.person_of(name="^".join(other), birth_date=f"{day:%Y%m%d}", sex=sex) != told


@pytest.mark.req("R-ID-01")
@given(name=st.text(max_size=30), birth_date=st.text(max_size=12), sex=st.text(max_size=4))
def test_any_text_at_all_is_spelt_one_way_and_spelling_it_again_changes_nothing(
    name: str, birth_date: str, sex: str
) -> None:
    told = deid.person_of(name=name, birth_date=birth_date, sex=sex)
    if told:
        letters, digits, one = told.split("|")
        assert deid.person_of(name=letters, birth_date=digits, sex=one) == told


@pytest.mark.req("R-ID-01")
@pytest.mark.parametrize("name", ["", "^^", "=", " \0", "^^^Dr", "''"])
def test_without_a_name_there_is_no_token_of_a_person(name: str) -> None:
    assert deid.person_of(name=name, birth_date="19470211", sex="F") == ""


@pytest.mark.req("R-ID-02")
@settings(max_examples=25)
@given(name=names, day=days, sex=sexes, number=st.text(alphabet="0123456789AB", min_size=1, max_size=12))
def test_tokens_in_files_are_keyed_by_trial_and_two_trials_cannot_be_joined(
    name: list[str], day: object, sex: str, number: str
) -> None:
    person: dict[str, Any] = {"name": "^".join(name), "birth_date": f"{day:%Y%m%d}", "sex": sex, "number": number}
    here, there = tokens_of(**person), tokens_of(**person, key=OTHER)
    assert here == tokens_of(**(person | {"name": "^".join(name).upper(), "number": f" {number} "}))
    told = {here.patient_id, here.person, there.patient_id, there.person}
    assert len(told) == 4
    for token in told:
        assert len(token) == 64
        assert int(token, 16) >= 0


@pytest.mark.req("R-ID-02")
def test_a_missing_number_or_name_leaves_the_other_to_answer() -> None:
    whole = tokens_of(name="ZWEISTEIN^ALBA", birth_date="19470211", sex="F", number="QX9")
    nameless = tokens_of(name="", birth_date="19470211", sex="F", number="QX9")
    numberless = tokens_of(name="ZWEISTEIN^ALBA", birth_date="19470211", sex="F", number="")
    assert (nameless.patient_id, nameless.person) == (whole.patient_id, "")
    assert (numberless.patient_id, numberless.person) == ("", whole.person)


@pytest.mark.req("R-SORT-04")
def test_what_a_file_announces_is_keyed_moved_and_without_words() -> None:
    dataset = builders.ct()
    dataset.StudyDate, dataset.Modality = "20260203", "GARCIA"
    told = deid.announce(planting.encode(dataset), key=KEY, delivery="one")
    moved = dt.timedelta(days=deid.moved_by(KEY, "one"))
    assert (told.moved_date, told.modality) == (dt.date(2026, 2, 3) + moved, "")
    assert told.study == deid.map_uid(KEY, dataset.StudyInstanceUID)
    assert told.tokens == deid.identify(planting.encode(dataset), key=KEY)
    assert deid.announce(planting.encode(dataset), key=KEY, delivery="two").moved_date != told.moved_date
    dataset.Modality, dataset.StudyDate = "CT", "yesterday"
    told = deid.announce(planting.encode(dataset), key=KEY, delivery="one")
    assert (told.modality, told.moved_date) == ("CT", None)


@pytest.mark.req("R-ID-01")
@given(key=st.binary(min_size=32, max_size=32), number=words, name=words)
def test_tokens_written_in_a_line_are_read_as_they_were(key: bytes, number: str, name: str) -> None:
    for told in (tokens_of(name=name, birth_date="", sex="", number=number, key=key), deid.agreed([])):
        assert deid.read_tokens(told.written) == told


@pytest.mark.req("R-ID-01")
@pytest.mark.parametrize("text", ["", "..", "alba.", "a" * 64, f"{'A' * 64}.", f"{'a' * 63}.", f"{'a' * 64}.\n"])
def test_any_other_line_holds_no_tokens(text: str) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        deid.read_tokens(text)

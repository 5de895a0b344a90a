"""Sealed values: what was moved or touched is refused, every time, and nothing sealed is ever handed back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.envelope import (
    EnvelopeRefused,
    Key,
    Place,
    Secret,
    key_id_of,
    master,
    new_key,
    seal,
    seal_row,
    unseal,
    unwrap,
    wrap,
)

texts = st.text(max_size=12)
places = st.builds(Place, table=texts, column=texts, row=texts)
keys = st.builds(Key, id=st.integers(0, 255), secret=st.binary(min_size=32, max_size=32).map(Secret))
values = st.binary(max_size=80)


@pytest.mark.req("R-ID-06")
@given(value=values, key=keys, place=places)
def test_what_was_sealed_opens_in_its_place_and_is_29_bytes_longer(value: bytes, key: Key, place: Place) -> None:
    sealed = seal(value, key=key, place=place)
    assert unseal(sealed, key=key, place=place) == value
    assert len(sealed) == len(value) + 29
    assert key_id_of(sealed) == sealed[0] == key.id


@pytest.mark.req("R-ID-06")
@given(value=values, key=keys, place=places, other=places)
def test_a_value_in_any_other_table_column_or_row_is_refused(
    value: bytes, key: Key, place: Place, other: Place
) -> None:
    sealed = seal(value, key=key, place=place)
    if place == other:
        assert unseal(sealed, key=key, place=other) == value
        return
    with pytest.raises(EnvelopeRefused):
        unseal(sealed, key=key, place=other)


@pytest.mark.req("R-ID-06")
@given(parts=st.lists(texts, min_size=3, max_size=3), cut=st.integers(0, 12))
def test_letters_that_wander_from_one_part_of_a_place_to_the_next_make_another_place(
    parts: list[str], cut: int
) -> None:
    table, column, row = parts
    moved = Place(table=table[:cut], column=table[cut:] + column, row=row)
    here = Place(table=table, column=column, row=row)
    assert (moved.as_bytes() == here.as_bytes()) == (moved == here)


@pytest.mark.req("R-ID-06")
@given(value=values, key=keys, place=places, data=st.data())
def test_any_flipped_bit_is_refused(value: bytes, key: Key, place: Place, data: st.DataObject) -> None:
    sealed = bytearray(seal(value, key=key, place=place))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(EnvelopeRefused):
        unseal(bytes(sealed), key=key, place=place)


@pytest.mark.req("R-ID-06")
def test_every_single_bit_of_a_sealed_name_counts() -> None:
    key, place = new_key(key_id=1), Place(table="identity_identity", column="name", row="ABCD-EFGH")
    sealed = seal(b"Zweistein, Alma", key=key, place=place)
    refused = 0
    for bit in range(8 * len(sealed)):
        touched = bytearray(sealed)
        touched[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EnvelopeRefused):
            unseal(bytes(touched), key=key, place=place)
        refused += 1
    assert refused == 8 * len(sealed)


@pytest.mark.req("R-ID-06")
@given(value=values, key=keys, place=places, length=st.integers(0, 108))
def test_a_cut_value_is_refused(value: bytes, key: Key, place: Place, length: int) -> None:
    sealed = seal(value, key=key, place=place)
    if length < len(sealed):
        with pytest.raises(EnvelopeRefused):
            unseal(sealed[:length], key=key, place=place)


@pytest.mark.req("R-ID-06")
@given(junk=st.binary(max_size=120), key=keys, place=places)
def test_junk_is_refused_and_never_handed_back(junk: bytes, key: Key, place: Place) -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        unseal(junk, key=key, place=place)
    assert not junk or len(junk) < 8 or junk.hex() not in str(refused.value)


@pytest.mark.req("R-ID-06")
@given(value=values, key=keys, other=keys, place=places)
def test_another_key_opens_nothing(value: bytes, key: Key, other: Key, place: Place) -> None:
    if key.secret != other.secret:
        with pytest.raises(EnvelopeRefused):
            unseal(seal(value, key=key, place=place), key=other, place=place)


@pytest.mark.req("R-ID-06")
def test_no_nonce_is_used_twice_and_equal_values_look_different() -> None:
    key = new_key(key_id=7)
    columns = map(str, range(2000))
    sealed = seal_row(dict.fromkeys(columns, b"the same"), key=key, table="t", row="r")
    assert len({value[1:13] for value in sealed.values()}) == 2000
    assert len({value[13:] for value in sealed.values()}) == 2000


@pytest.mark.req("R-ID-07")
@given(inner=keys, outer=st.binary(min_size=32, max_size=32), place=places, other=places)
def test_a_wrapped_key_comes_back_and_belongs_to_one_subject(
    inner: Key, outer: bytes, place: Place, other: Place
) -> None:
    wrapped = wrap(inner, master=master(outer), place=place)
    assert unwrap(wrapped, master=master(outer), place=place) == inner
    assert key_id_of(wrapped) == master(outer).id
    if place != other:
        with pytest.raises(EnvelopeRefused):
            unwrap(wrapped, master=master(outer), place=other)


@pytest.mark.req("R-ID-07")
def test_what_is_no_key_is_refused_and_no_representation_shows_one() -> None:
    outer, place = new_key(key_id=3), Place(table="t", column="c", row="r")
    with pytest.raises(EnvelopeRefused):
        unwrap(seal(b"too short", key=outer, place=place), master=outer, place=place)
    with pytest.raises(EnvelopeRefused):
        key_id_of(b"")
    with pytest.raises(ValueError, match="32 bytes"):
        master(b"short")
    assert outer.secret.hex() not in f"{outer!r} {outer} {outer.secret!r} {outer.secret}"
    assert repr(bytes(outer.secret)) not in repr(outer)

"""Each receiver knows a subject by an id of its own: no two can join their files, and typing errors show."""

import itertools
import secrets
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from audit.models import AuditEvent
from tests.cast import Cast, actor_for, found_trial, person
from tests.people import STAGE
from trials.codes import ALPHABET, is_checked
from trials.models import Recipient
from trials.pseudonyms import is_recipient_id, reader_code, recipient_id
from trials.services import recipients

keys = st.binary(min_size=32, max_size=32)
numbers = st.integers(1, 10**9).map(str)


@pytest.mark.req("R-ID-17")
def test_a_hundred_thousand_subjects_have_as_many_ids_and_no_two_recipients_share_one() -> None:
    sponsor, permit = secrets.token_bytes(32), secrets.token_bytes(32)
    of_sponsor = {recipient_id(key=sponsor, internal_id=str(number)) for number in range(100_000)}
    of_permit = {recipient_id(key=permit, internal_id=str(number)) for number in range(100_000)}
    assert len(of_sponsor) == len(of_permit) == 100_000
    assert not of_sponsor & of_permit


@pytest.mark.req("R-ID-17")
@given(key=keys, other=keys, number=numbers)
def test_an_id_is_stable_checked_and_another_for_every_recipient(key: bytes, other: bytes, number: str) -> None:
    told = recipient_id(key=key, internal_id=number)
    assert told == recipient_id(key=key, internal_id=number)
    assert is_recipient_id(told)
    assert number not in told or len(number) < 3
    if key != other:
        assert told != recipient_id(key=other, internal_id=number)


@pytest.mark.req("R-ID-17")
def test_the_order_of_ids_tells_nothing_of_the_order_of_subjects() -> None:
    key = secrets.token_bytes(32)
    ids = [recipient_id(key=key, internal_id=str(number)) for number in range(1000)]
    ranks = sorted(range(1000), key=ids.__getitem__)
    rising = sum(one < other for one, other in itertools.pairwise(ranks))
    assert 400 < rising < 600
    for place in (0, 3, 13):
        assert len({text[place] for text in ids}) == 32


@pytest.mark.req("R-ID-17")
@given(key=keys, number=numbers)
def test_every_single_typing_error_and_every_swap_of_neighbours_is_caught(key: bytes, number: str) -> None:
    symbols = recipient_id(key=key, internal_id=number).replace("-", "")
    assert is_checked(symbols)
    for place, right in enumerate(symbols):
        for wrong in ALPHABET:
            if wrong != right:
                assert not is_checked(symbols[:place] + wrong + symbols[place + 1 :])
    for place in range(len(symbols) - 1):
        one, other = symbols[place], symbols[place + 1]
        if one != other:
            assert not is_checked(symbols[:place] + other + one + symbols[place + 2 :])


@pytest.mark.req("R-ID-17")
@given(text=st.text(max_size=20))
def test_any_other_text_is_no_id(text: str) -> None:
    assert not is_recipient_id(text) or is_checked(text.replace("-", ""))


@pytest.mark.req("R-ID-18")
@pytest.mark.django_db
def test_a_recipient_has_a_random_key_of_its_own_that_is_wrapped_and_never_told(cast: Cast) -> None:
    by = actor_for(cast.coordinator)
    made = [
        recipients.add(by=by, trial=cast.trial, kind=kind, name=f"the {kind.value}")
        for kind in (Recipient.Kind.SPONSOR, Recipient.Kind.READERS, Recipient.Kind.SECONDARY)
    ]
    subjects = [cast.subject_a, cast.subject_b]
    told = [recipients.ids_of(recipient, subjects) for recipient in made]
    assert [set(ids) for ids in told] == [{cast.subject_a.pk, cast.subject_b.pk}] * 3
    assert len({text for ids in told for text in ids.values()}) == 6
    assert recipients.id_of(made[0], cast.subject_a) == told[0][cast.subject_a.pk]
    held = " ".join(AuditEvent.objects.values_list("after", flat=True))
    assert not [one for one in made if bytes(one.wrapped_key).hex() in held]
    assert AuditEvent.objects.filter(act="recipient.added").count() == 3


@pytest.mark.req("R-ID-18")
@pytest.mark.django_db
def test_a_recipient_of_one_trial_learns_nothing_of_another(cast: Cast) -> None:
    otis = person("otis", "Otis Elsewhere")
    foreign = found_trial(otis, code="BOREAL")
    there = recipients.add(by=actor_for(otis), trial=foreign, kind=Recipient.Kind.SPONSOR, name="Northlight")
    with acting(STAGE), pytest.raises(ValueError, match="own trial"):
        recipients.id_of(there, cast.subject_a)


@pytest.mark.req("R-ID-18")
@pytest.mark.django_db
def test_who_may_not_export_adds_no_recipient_and_no_name_comes_twice(cast: Cast) -> None:
    new: dict[str, Any] = {"trial": cast.trial, "kind": Recipient.Kind.SECONDARY, "name": "Permit 1"}
    for user in (cast.alba, cast.analyst, cast.sponsor, cast.officer):
        with pytest.raises(PermissionDenied):
            recipients.add(by=actor_for(user), **new)
    for user in (cast.reader, cast.stranger, cast.operator):
        with pytest.raises(Http404):
            recipients.add(by=actor_for(user), **new)
    recipients.add(by=actor_for(cast.coordinator), **new)
    with pytest.raises(ValidationError):
        recipients.add(by=actor_for(cast.coordinator), **(new | {"name": " Permit 1 "}))
    with pytest.raises(ValidationError):
        recipients.add(by=actor_for(cast.coordinator), **(new | {"name": "x", "kind": "nobody"}))
    assert Recipient.objects.count() == 1


@pytest.mark.req("R-ID-18")
@given(key=keys, other=keys)
def test_a_readers_case_code_is_keyed_by_trial(key: bytes, other: bytes) -> None:
    code = "ABCD-EFGH"
    told = reader_code(key=key, subject_code=code)
    assert told.startswith("CASE-")
    if key != other:
        assert told != reader_code(key=other, subject_code=code)

"""Where a person must sign: under every read, so that no machine decides alone, and under an erasure by command."""

import re
from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from audit.actor import machine
from audit.signing import Proof
from endpoints.models import Assignment, Read, Response
from endpoints.selectors.results import rows_of
from endpoints.services import reads
from privacy.management.commands import erase_subject
from privacy.models import Erasure, Tombstone
from reports.selectors import freeze
from tests.cast import PASSWORD, TODAY, Cast
from tests.privacy.leaving import leave
from trials.services import factors

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(cast: Cast) -> Read:
    point = cast.subject_a.time_points.get(scheduled__code="BL")
    assignment = Assignment.objects.create(
        time_point=point, reader=cast.reader, case_code="CASE-1", position=1, assigned_at=timezone.now()
    )
    return Read.objects.create(assignment=assignment, started_at=timezone.now())


@pytest.mark.req("R-PRIV-17")
def test_what_no_reader_has_signed_is_a_result_nowhere(cast: Cast, draft: Read) -> None:
    assert draft.state == Read.State.DRAFT
    assert [row.time_points for row in rows_of(cast.subject_a, TODAY)] == [()]
    contents = freeze(cast.trial, cut_off=TODAY, number=1)
    assert contents.readings == ()
    assert cast.subject_a.code in contents.unread
    assert not Response.objects.exists()


@pytest.mark.req("R-PRIV-17")
def test_the_database_takes_no_locked_read_without_a_signature_and_no_machine_may_sign(draft: Read) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Read.objects.filter(pk=draft.pk).update(state=Read.State.LOCKED, locked_at=timezone.now())
    by = machine("measurer", source="worker", request_id="a-test")
    proof = Proof(token="none", meaning="approval", password="none", code="none")
    with pytest.raises((PermissionDenied, Http404)):
        reads.lock(by=by, read=draft, comment="", proof=proof)


def answers(cast: Cast, *, password: str = PASSWORD) -> Iterator[str]:
    """What the two people type, in the order in which they are asked."""
    for user in (cast.officer, cast.coordinator):
        yield password
        yield str(factors.demo_code(user))


@pytest.mark.req("R-PRIV-18")
def test_the_command_asks_both_people_erases_and_certifies(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(cast.subject_a)
    typed = answers(cast)
    monkeypatch.setattr(erase_subject, "getpass", lambda _asked: next(typed))
    call_command(
        "erase_subject",
        cast.subject_a.code.lower(),
        ground="17(1)(b)",
        reason="asked by letter",
        by="dora",
        confirmed_by="clara",
    )
    erasure = Erasure.objects.get()
    assert (erasure.state, erasure.decided_by, erasure.confirmed_by) == ("done", "dora", "clara")
    assert Tombstone.objects.get().certificates.count() == 1
    # What is signed reads like a page, what stays on lines of its own with its law.
    told = capsys.readouterr().out
    assert "{'" not in told
    assert re.search(r"  stays: \n    GDPR 17\(3\)[^\n{]+; coded images ", told), told


@pytest.mark.req("R-PRIV-18")
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"by": "clara"}, "may not"),
        ({"by": "nobody"}, "no such account"),
        ({"level": "everything"}, "17\\(3\\)"),
        ({"password": "wrong"}, "not your password"),
        ({"code": "0000-0000"}, "No subject"),
    ],
)
def test_the_command_refuses_in_a_sentence_and_erases_nothing(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, other: dict[str, str], words: str
) -> None:
    leave(cast.subject_a)
    typed = answers(cast, password=other.pop("password", PASSWORD))
    monkeypatch.setattr(erase_subject, "getpass", lambda _asked: next(typed))
    told = {"ground": "17(1)(b)", "reason": "asked by letter", "by": "dora", "confirmed_by": "clara"}
    code = other.pop("code", cast.subject_a.code)
    with pytest.raises(CommandError, match=words):
        call_command("erase_subject", code, **(told | other))
    assert not Tombstone.objects.exists()

"""The arm: recorded and seen by who is unblinded by duty, sealed for everybody and everything else (design 3e, S18)."""

import pytest
from cryptography.exceptions import InvalidTag
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from audit.models import AuditEvent
from tests.cast import Cast, actor_for
from tests.people import STAGE
from trials.models import SubjectArm
from trials.services import arms
from trials.services.arms import LONGEST, Given

ADDRESS = "/trials/TUNDRA/arms/"
ARM = "Kanaribumab 40"


def record(cast: Cast, arm: str = ARM, reason: str = "") -> int:
    new = [Given(subject=cast.subject_a.code, arm=arm)]
    return arms.write_down(by=actor_for(cast.statistician), trial=cast.trial, given=new, reason=reason)


@pytest.mark.req("R-ARM-01")
@pytest.mark.django_db
def test_an_arm_changes_with_a_reason_alone_and_the_first_stays_readable(cast: Cast) -> None:
    assert record(cast) == 1
    assert record(cast) == 0
    with pytest.raises(ValidationError, match="why"):
        record(cast, "Placebo")
    assert record(cast, "Placebo", "the list was read one line off") == 1
    (shown,) = arms.look(by=actor_for(cast.statistician), trial=cast.trial)
    assert (shown.arm, shown.earlier) == ("Placebo", (ARM,))
    with pytest.raises(DatabaseError), transaction.atomic(), acting(STAGE, reason="tampering"):
        SubjectArm.objects.all().delete()


@pytest.mark.req("R-ARM-02")
@pytest.mark.django_db
def test_the_arm_stands_nowhere_in_the_database_and_its_length_tells_nothing(cast: Cast) -> None:
    record(cast)
    record(cast, "Placebo", "corrected")
    assert len({len(bytes(row.sealed)) for row in SubjectArm.objects.all()}) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM trials_subjectarm")
        assert not [row for (row,) in cursor.fetchall() if ARM.encode() in bytes(row) or b"Placebo" in bytes(row)]
    events = AuditEvent.objects.filter(object_type__in=("trials.SubjectArm", "trials.Subject"))
    assert events.filter(object_type="trials.SubjectArm").count() == 2
    assert not [event for event in events if any(arm in f"{event.before}{event.after}" for arm in (ARM, "Placebo"))]


@pytest.mark.req("R-ARM-02")
@pytest.mark.django_db
def test_a_sealed_arm_opens_in_its_own_row_alone(cast: Cast) -> None:
    record(cast)
    sealed = SubjectArm.objects.get().sealed
    with acting(STAGE, reason="moved"):
        SubjectArm.objects.create(subject=cast.subject_b, sealed=sealed, at=SubjectArm.objects.get().at, by="x")
    with pytest.raises(InvalidTag):
        arms.look(by=actor_for(cast.statistician), trial=cast.trial)


@pytest.mark.req("R-ARM-01")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("0000-0000, A", "No subject"),
        ("{code}", "a comma"),
        ("{code}, A\n{code}, B", "twice"),
        ("{code}, " + "x" * 61, "characters"),
    ],
)
def test_lines_that_do_not_fit_are_refused_in_words_and_nothing_is_recorded(
    cast: Cast, client: Client, lines: str, words: str
) -> None:
    client.force_login(cast.statistician)
    page = client.post(ADDRESS, {"lines": lines.format(code=cast.subject_a.code)})
    assert page.status_code == 400
    assert words in page.content.decode()
    assert not SubjectArm.objects.exists()


@pytest.mark.req("R-ARM-03")
@pytest.mark.django_db
def test_the_page_of_arms_is_the_statisticians_and_every_look_is_an_event(cast: Cast, client: Client) -> None:
    client.force_login(cast.statistician)
    assert client.post(ADDRESS, {"lines": f"{cast.subject_a.code}, {ARM}"}).status_code == 302
    assert ARM in client.get(ADDRESS).content.decode()
    assert AuditEvent.objects.filter(act="arms.viewed", actor_id=cast.statistician.username).count() == 1
    for who in ("coordinator", "administrator", "inspector", "alba", "analyst", "monitor", "sponsor", "officer"):
        client.force_login(getattr(cast, who))
        assert client.get(ADDRESS).status_code == 403, who


@pytest.mark.req("R-ARM-02")
@given(arm=st.text(min_size=1, max_size=LONGEST).filter(lambda text: not text.endswith("\0")))
def test_what_is_sealed_opens_as_it_was(arm: str) -> None:
    padded = arm.encode().ljust(arms._PADDED, b"\0")
    assert len(padded) == arms._PADDED
    assert padded.rstrip(b"\0").decode() == arm

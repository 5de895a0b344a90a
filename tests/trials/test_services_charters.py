"""Two people at one charter: the stored row decides, and whoever comes second reads a sentence."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from tests.cast import PASSWORD, Cast, actor_for
from trials.models import Charter
from trials.services import charters

pytestmark = pytest.mark.django_db
VISIT = charters.NewTimePoint(code="FU3", name="Follow-up 3", day=168, window_before=7, window_after=7)
SERIES = charters.NewRequirement(name="PET", modality="PT")


@pytest.fixture
def draft(cast: Cast) -> Charter:
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="a third follow-up")


def settings_of(charter: Charter) -> dict[str, object]:
    return {name: getattr(charter, name) for name in charters.SETTINGS}


@pytest.mark.req("R-TRI-10")
def test_what_was_approved_meanwhile_takes_no_edit_from_a_page_that_still_shows_a_draft(
    cast: Cast, draft: Charter
) -> None:
    by = actor_for(cast.coordinator)
    stale = Charter.objects.get(pk=draft.pk)
    point = stale.time_points.get(code="BL")
    charters.approve(by=by, charter=draft, password=PASSWORD)
    edits = (
        lambda: charters.change_settings(by=by, charter=stale, settings=settings_of(stale)),
        lambda: charters.add_time_point(by=by, charter=stale, new=VISIT),
        lambda: charters.add_requirement(by=by, planned=point, new=SERIES),
        lambda: charters.remove_time_point(by=by, planned=point),
        lambda: charters.approve(by=by, charter=stale, password=PASSWORD),
    )
    assert stale.state == Charter.State.DRAFT
    for edit in edits:
        with pytest.raises(ValidationError, match="This charter is frozen"):
            edit()
    assert Charter.objects.get(pk=draft.pk).time_points.count() == 3


@pytest.mark.req("R-TRI-10")
def test_an_edit_writes_the_columns_it_changed_and_no_other(cast: Cast, draft: Charter) -> None:
    told = settings_of(draft) | {"confirmation_days": 35}
    with CaptureQueriesContext(connection) as queries:
        charters.change_settings(by=actor_for(cast.coordinator), charter=draft, settings=told)
    (update,) = [each["sql"] for each in queries if each["sql"].startswith('UPDATE "trials_charter"')]
    written = update.partition(" WHERE ")[0]
    assert written.count(" = ") == 1
    assert '"confirmation_days" = 35' in written


@pytest.mark.req("R-TRI-10")
def test_every_edit_reads_the_charter_anew_before_it_asks_for_the_audit_chain(cast: Cast, draft: Charter) -> None:
    by = actor_for(cast.coordinator)
    point = draft.time_points.get(code="BL")
    spare = charters.add_time_point(by=by, charter=draft, new=VISIT)
    for edit in (
        lambda: charters.change_settings(by=by, charter=draft, settings=settings_of(draft)),
        lambda: charters.add_requirement(by=by, planned=point, new=SERIES),
        lambda: charters.remove_time_point(by=by, planned=spare),
        lambda: charters.approve(by=by, charter=draft, password=PASSWORD),
        lambda: charters.amend(by=by, charter=draft, reason="once more"),
    ):
        with CaptureQueriesContext(connection) as queries:
            edit()
        said = [each["sql"] for each in queries]
        chain = next(at for at, sql in enumerate(said) if 'FROM "audit_auditevent"' in sql and "DESC" in sql)
        rows = next(at for at, sql in enumerate(said) if _reads_charters(sql))
        assert rows < chain


def _reads_charters(sql: str) -> bool:
    held = not connection.features.has_select_for_update or "FOR NO KEY UPDATE" in sql
    return held and 'FROM "trials_charter"' in sql


@pytest.mark.req("R-TRI-10")
@pytest.mark.skipif(not connection.features.has_select_for_update, reason="SQLite has one writer: nothing to hold")
def test_a_second_connection_waits_for_the_charter_and_may_still_point_at_it(cast: Cast, draft: Charter) -> None:
    other = connection.copy()
    select = "SELECT id FROM trials_charter WHERE id = %s"
    try:
        with other.cursor() as cursor:
            cursor.execute(f"{select} FOR KEY SHARE NOWAIT", [cast.charter.pk])
            with pytest.raises(DatabaseError, match="could not obtain lock"):
                cursor.execute(f"{select} FOR NO KEY UPDATE NOWAIT", [cast.charter.pk])
    finally:
        other.close()


@pytest.mark.req("R-TRI-11")
def test_approval_signs_nothing_else_than_what_the_signer_saw(cast: Cast, draft: Charter) -> None:
    by = actor_for(cast.coordinator)
    seen = charters.contents_sha256(draft)
    planned = charters.add_time_point(by=by, charter=draft, new=VISIT)
    charters.add_requirement(by=by, planned=planned, new=SERIES)
    with pytest.raises(ValidationError, match="changed after you opened") as refusal:
        charters.approve(by=by, charter=draft, password=PASSWORD, seen=seen)
    assert refusal.value.code == "changed"
    now = charters.contents_sha256(draft)
    assert charters.approve(by=by, charter=draft, password=PASSWORD, seen=now).document_sha256 == now


@pytest.mark.req("R-TRI-10")
def test_a_time_point_that_somebody_took_out_is_told_in_words(cast: Cast, draft: Charter) -> None:
    by = actor_for(cast.coordinator)
    point = draft.time_points.get(code="FU2")
    again = draft.time_points.get(code="FU2")
    charters.remove_time_point(by=by, planned=point)
    with pytest.raises(ValidationError, match="took this time point out"):
        charters.remove_time_point(by=by, planned=again)
    with pytest.raises(ValidationError, match="took this time point out"):
        charters.add_requirement(by=by, planned=again, new=SERIES)


@pytest.mark.req("R-TRI-10")
def test_a_next_version_starts_from_the_one_in_force_and_once(cast: Cast, draft: Charter) -> None:
    by = actor_for(cast.coordinator)
    with pytest.raises(ValidationError, match="already open"):
        charters.amend(by=by, charter=cast.charter, reason="me too")
    charters.approve(by=by, charter=draft, password=PASSWORD)
    with pytest.raises(ValidationError, match="not in force any more"):
        charters.amend(by=by, charter=cast.charter, reason="from an old page")

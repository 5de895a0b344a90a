"""Two people at one charter: the stored row decides, and whoever comes second reads a sentence."""

from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEvent
from audit.signing import SignatureRefused
from tests.cast import Cast, actor_for
from tests.signing import approve, prove
from tests.tampering import change_frozen
from trials.models import Charter
from trials.services import charters

pytestmark = pytest.mark.django_db
VISIT = charters.NewTimePoint(code="FU3", name="Follow-up 3", day=168, window_before=7, window_after=7)
REASON = "the sponsor asked for it"
SERIES = charters.NewRequirement(name="PET", modality="PT")


@pytest.fixture
def draft(cast: Cast) -> Charter:
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="a third follow-up")


def settings_of(charter: Charter) -> dict[str, object]:
    return {name: getattr(charter, name) for name in charters.SETTINGS}


def said(queries: CaptureQueriesContext) -> list[str]:
    """The statements, without what PostgreSQL is told before a write: who acts."""
    return [each["sql"].partition(", true); ")[2] or each["sql"] for each in queries]


@pytest.mark.req("R-TRI-10")
def test_what_was_approved_meanwhile_takes_no_edit_from_a_page_that_still_shows_a_draft(
    cast: Cast, draft: Charter
) -> None:
    by = actor_for(cast.coordinator)
    stale = Charter.objects.get(pk=draft.pk)
    point = stale.time_points.get(code="BL")
    approve(cast.coordinator, draft)
    edits = (
        lambda: charters.change_settings(by=by, charter=stale, settings=settings_of(stale), reason=REASON),
        lambda: charters.add_time_point(by=by, charter=stale, new=VISIT),
        lambda: charters.add_requirement(by=by, planned=point, new=SERIES),
        lambda: charters.remove_time_point(by=by, planned=point),
        lambda: approve(cast.coordinator, stale),
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
        charters.change_settings(by=actor_for(cast.coordinator), charter=draft, settings=told, reason=REASON)
    (update,) = [sql for sql in said(queries) if sql.startswith('UPDATE "trials_charter"')]
    written = update.partition(" WHERE ")[0]
    assert written.count(" = ") == 1
    assert '"confirmation_days" = 35' in written


@pytest.mark.req("R-TRI-10")
def test_settings_do_not_change_without_a_reason_and_their_rows_tell_it(cast: Cast, draft: Charter) -> None:
    by, told = actor_for(cast.coordinator), settings_of(draft) | {"confirmation_days": 35}
    with pytest.raises(ValidationError, match="Say why") as refusal:
        charters.change_settings(by=by, charter=draft, settings=told, reason="  ")
    assert refusal.value.code == "no-reason"
    assert Charter.objects.get(pk=draft.pk).confirmation_days == 28
    charters.change_settings(by=by, charter=draft, settings=told, reason=REASON)
    events = AuditEvent.objects.filter(object_type="trials.Charter", object_id=str(draft.pk), reason=REASON)
    assert set(events.values_list("layer", "act")) == {("row", "row.changed"), ("act", "charter.changed")}


def edits_of(cast: Cast, draft: Charter) -> Iterator[Callable[[], object]]:
    by = actor_for(cast.coordinator)
    point = draft.time_points.get(code="BL")
    spare = charters.add_time_point(by=by, charter=draft, new=VISIT)
    yield lambda: charters.change_settings(by=by, charter=draft, settings=settings_of(draft), reason=REASON)
    yield lambda: charters.add_requirement(by=by, planned=point, new=SERIES)
    yield lambda: charters.remove_time_point(by=by, planned=spare)
    proof = prove(by, charters.offer_approval(by=by, charter=draft))
    yield lambda: charters.approve(by=by, charter=draft, proof=proof)
    yield lambda: charters.amend(by=by, charter=draft, reason="once more")


@pytest.mark.req("R-TRI-10")
def test_every_edit_reads_the_charter_anew_before_it_writes(cast: Cast, draft: Charter) -> None:
    for edit in edits_of(cast, draft):
        with CaptureQueriesContext(connection) as queries:
            edit()
        order = list(enumerate(said(queries)))
        first_write = next(at for at, sql in order if sql.startswith(("INSERT", "UPDATE", "DELETE")))
        rows = next(at for at, sql in order if _reads_charters(sql))
        assert rows < first_write


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
    proof = prove(by, charters.offer_approval(by=by, charter=draft))
    planned = charters.add_time_point(by=by, charter=draft, new=VISIT)
    charters.add_requirement(by=by, planned=planned, new=SERIES)
    with pytest.raises(SignatureRefused, match="changed since it was shown") as refusal:
        charters.approve(by=by, charter=draft, proof=proof)
    assert refusal.value.code == "changed"
    now = charters.contents_sha256(draft)
    assert approve(cast.coordinator, draft).document_sha256 == now


@pytest.mark.req("R-TRI-11")
def test_nothing_is_offered_that_could_not_be_approved(cast: Cast, draft: Charter) -> None:
    by = actor_for(cast.coordinator)
    charters.add_time_point(by=by, charter=draft, new=VISIT)
    with pytest.raises(ValidationError, match="require no series yet: FU3"):
        charters.offer_approval(by=by, charter=draft)
    for planned in draft.time_points.all():
        charters.remove_time_point(by=by, planned=planned)
    with pytest.raises(ValidationError, match="at least one time point"):
        charters.offer_approval(by=by, charter=draft)
    with pytest.raises(ValidationError, match="This charter is frozen"):
        charters.offer_approval(by=by, charter=cast.charter)


@pytest.mark.req("R-SIG-11")
@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("trials_charter", "UPDATE trials_charter SET confirmation_days = 1 WHERE version = 1"),
        ("trials_scheduledtimepoint", "UPDATE trials_scheduledtimepoint SET window_after = 90 WHERE code = 'FU1'"),
        ("trials_imagingrequirement", "UPDATE trials_imagingrequirement SET minimum_slices = 1"),
    ],
)
def test_a_frozen_charter_that_somebody_changed_is_not_as_signed(cast: Cast, table: str, change: str) -> None:
    assert charters.is_as_signed(cast.charter)
    change_frozen(table, change)
    assert not charters.is_as_signed(Charter.objects.get(pk=cast.charter.pk))


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
    approve(cast.coordinator, draft)
    with pytest.raises(ValidationError, match="not in force any more"):
        charters.amend(by=by, charter=cast.charter, reason="from an old page")

"""What is signed stays as it was signed, even for somebody with a database shell."""

from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from audit import guards
from audit.context import acting
from endpoints.models import Lesion, Measurement, Read
from reports import services as reports
from reports.models import Report
from tests.cast import TODAY, Cast, actor_for
from tests.endpoints.desk import State, name, opened, say
from tests.people import STAGE, STAGE_REASON
from tests.signing import approve, lock, release
from trials.models import Charter, ImagingRequirement, ScheduledTimePoint
from trials.services import charters

# Grants refuse the application before any guard is asked; this file is about what guards refuse even the owner.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("owner")]

# Each with the rows it would change; whatever state they are in decides.
UPDATES = {
    "reports_report": "UPDATE reports_report SET cut_off = '2020-01-01'",
    "endpoints_read": "UPDATE endpoints_read SET comment = 'other'",
    "endpoints_measurement": "UPDATE endpoints_measurement SET value = 1",
    "endpoints_lesion": "UPDATE endpoints_lesion SET organ = 'lung'",
    "trials_charter": "UPDATE trials_charter SET confirmation_days = 1",
    "trials_scheduledtimepoint": "UPDATE trials_scheduledtimepoint SET day = day + 1",
    "trials_imagingrequirement": "UPDATE trials_imagingrequirement SET minimum_slices = 1",
}
TABLES = tuple(UPDATES)


@pytest.mark.req("R-PAGE-12")
def test_no_trial_is_given_another_way_of_making_keys_than_it_began_with(cast: Cast) -> None:
    for change in ("key_scheme = 'trial'", "title = 'other', key_scheme = 'trial'"):
        with pytest.raises(DatabaseError, match="evidence is append-only"):
            run(f"UPDATE trials_trial SET {change}")  # noqa: S608  our own words
    run("UPDATE trials_trial SET title = 'other', key_scheme = key_scheme")
    cast.trial.refresh_from_db()
    assert (cast.trial.title, cast.trial.key_scheme) == ("other", "subject")


def run(sql: str, *values: str | int | UUID) -> None:
    with acting(STAGE, reason=STAGE_REASON), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def refused(sql: str, *values: str | int | UUID) -> bool:
    """True where a guard said no; any other failure is a failure of the test."""
    try:
        run(sql, *values)
    except DatabaseError as error:
        if "evidence is frozen" not in str(error):
            raise
        return True
    return False


def copied(table: str, *, moved: str) -> str:
    """SQL that adds a row like the last of the table, with one column set, in a way that breaks no other rule."""
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table)
    fresh = {"id": "id + 100000", moved: "%s", "label": "'N09'", "code": "'ZZ'", "day": "day + 900", "name": "'copy'"}
    columns = [column.name for column in described]
    values = [str(fresh.get(column, column)) for column in columns]
    chosen = f"SELECT {', '.join(values)} FROM {table} ORDER BY id DESC LIMIT 1"  # noqa: S608  our own table names
    return f"INSERT INTO {table} ({', '.join(columns)}) {chosen}"


@pytest.fixture
def finished(cast: Cast) -> Read:
    """A locked read with one measured lesion, and a released report."""
    read = opened(cast, cast.subject_a, "BL")
    say(read, name(read), State.MEASURED, "31.5")
    lock(read)
    report = reports.build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    release(cast.coordinator, report)
    return read


@pytest.fixture
def drafts(cast: Cast) -> Read:
    """An open read with one measured lesion, a report that waits, and no charter but a draft."""
    read = opened(cast, cast.subject_a, "BL")
    say(read, name(read), State.MEASURED, "31.5")
    reports.build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)
    return read


@pytest.mark.req("R-AUD-10")
@pytest.mark.parametrize("table", TABLES)
def test_what_is_signed_is_neither_changed_nor_deleted_nor_emptied(finished: Read, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608  our own table names
        before = cursor.fetchall()
        assert before
        assert refused(UPDATES[table])
        assert refused(f"DELETE FROM {table}")  # noqa: S608
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608
        assert cursor.fetchall() == before


@pytest.mark.req("R-AUD-10")
@pytest.mark.parametrize("table", ["reports_report", "endpoints_read", "endpoints_measurement", "endpoints_lesion"])
def test_a_draft_still_changes(drafts: Read, table: str) -> None:
    assert not refused(UPDATES[table])


@pytest.mark.req("R-AUD-10")
def test_a_draft_charter_still_changes_beside_the_frozen_one(cast: Cast) -> None:
    draft = charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="more visits")
    visit = draft.time_points.earliest("day")
    assert not refused("UPDATE trials_charter SET confirmation_days = 1 WHERE id = %s", draft.pk)
    assert not refused("UPDATE trials_scheduledtimepoint SET day = -3 WHERE id = %s", visit.pk)
    assert not refused("DELETE FROM trials_imagingrequirement WHERE scheduled_id = %s", visit.pk)
    assert not refused("DELETE FROM trials_scheduledtimepoint WHERE id = %s", visit.pk)
    assert Charter.objects.get(pk=draft.pk).confirmation_days == 1


@pytest.mark.req("R-AUD-10")
def test_nothing_unlocks_a_read_or_takes_a_report_back(finished: Read) -> None:
    assert refused("UPDATE endpoints_read SET state = 'draft'")
    assert refused("UPDATE reports_report SET state = 'built'")
    assert refused("UPDATE reports_report SET pdf_sha256 = ''")
    assert Read.objects.get(pk=finished.pk).state == Read.State.LOCKED


@pytest.mark.req("R-AUD-10")
def test_nothing_is_added_to_a_locked_read_or_moved_into_it(cast: Cast, finished: Read) -> None:
    other = opened(cast, cast.subject_b, "BL")
    lesion = name(other)
    say(other, lesion, State.MEASURED, "20.0")
    locked = finished.pk.hex if connection.vendor == "sqlite" else finished.pk
    assert refused("UPDATE endpoints_measurement SET read_id = %s WHERE lesion_id = %s", locked, lesion.pk)
    assert refused("UPDATE endpoints_lesion SET found_in_id = %s WHERE id = %s", locked, lesion.pk)
    assert refused(copied("endpoints_measurement", moved="read_id"), locked)
    assert refused(copied("endpoints_lesion", moved="found_in_id"), locked)
    assert not refused(copied("endpoints_lesion", moved="organ"), "lung")
    assert Measurement.objects.filter(read=finished).count() == 1
    assert Lesion.objects.filter(found_in=finished).count() == 1


@pytest.mark.req("R-AUD-11")
def test_a_charter_only_moves_from_approved_to_superseded(cast: Cast) -> None:
    move = "UPDATE trials_charter SET state = %s"
    assert refused(move, "draft")
    assert refused(f"{move}, version = 7", "approved")
    assert refused(f"{move}, document_sha256 = 'x'", "superseded")
    assert not refused(move, "superseded")
    assert refused(move, "approved")
    assert refused(move, "draft")
    assert Charter.objects.get().state == Charter.State.SUPERSEDED


@pytest.mark.req("R-AUD-11")
def test_no_visit_or_series_is_added_to_a_frozen_charter(cast: Cast) -> None:
    assert refused(copied("trials_scheduledtimepoint", moved="charter_id"), cast.charter.pk)
    visit = cast.charter.time_points.latest("pk")
    assert refused(copied("trials_imagingrequirement", moved="scheduled_id"), visit.pk)
    assert (ScheduledTimePoint.objects.count(), ImagingRequirement.objects.count()) == (3, 3)


@pytest.mark.req("R-AUD-11")
def test_an_amended_charter_supersedes_the_approved_one_by_the_ordinary_service(cast: Cast) -> None:
    draft = charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="more visits")
    approve(cast.coordinator, draft)
    assert dict(Charter.objects.values_list("version", "state")) == {1: "superseded", 2: "approved"}
    assert refused(UPDATES["trials_charter"])


@pytest.mark.req("R-AUD-12")
@pytest.mark.parametrize("table", ["reports_report", "trials_consent", "audit_signature"])
def test_replacing_a_row_is_no_way_round_the_guard(finished: Read, table: str) -> None:
    again = f"SELECT * FROM {table} WHERE true"  # noqa: S608  our own table names
    ways = [f"INSERT INTO {table} {again} ON CONFLICT (id) DO UPDATE SET id = excluded.id"]
    if connection.vendor == "sqlite":
        # REPLACE deletes the old row, by default without asking the triggers.
        ways.append(f"INSERT OR REPLACE INTO {table} {again}")
    else:
        ways.append(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE")
    for sql in ways:
        with pytest.raises(DatabaseError, match="evidence is"):
            run(sql)


@pytest.mark.req("R-AUD-12")
@pytest.mark.parametrize("table", TABLES)
def test_the_guards_of_a_table_can_be_lifted_by_their_owner_alone_and_return(finished: Read, table: str) -> None:
    with connection.cursor() as cursor:
        guards.thaw(cursor.execute, vendor=connection.vendor, table=table)
    with transaction.atomic():
        assert not refused(UPDATES[table])
        transaction.set_rollback(True)
    rule = guards.Freeze(table=table, states=("released",))
    if table == "reports_report":
        with connection.cursor() as cursor:
            guards.freeze(cursor.execute, vendor=connection.vendor, rule=rule, columns=())
        assert refused(UPDATES[table])
    assert Report.objects.get().state == Report.State.RELEASED

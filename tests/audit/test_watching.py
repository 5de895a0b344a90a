"""The row layer: whatever way a row is written, a trigger tells of it; and without somebody who acts nothing is."""

import json
import sqlite3
from collections.abc import Callable

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from audit.models import AuditEvent
from audit.watching import expected
from tests.cast import Cast
from tests.people import STAGE, STAGE_REASON
from trials.models import Site, Sponsor, User

pytestmark = pytest.mark.django_db
SITES = [("one", "One Hospital"), ("two", "Two Hospital"), ("three", "Three Hospital")]


def told_since(start: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(sequence__gt=start, layer="row").order_by("sequence"))


def last() -> int:
    return AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0


def make_sites() -> list[Site]:
    return [Site.objects.create(code=code, name=name) for code, name in SITES]


def rename(sites: list[Site]) -> list[Site]:
    for site in sites:
        site.name = f"{site.name} renamed"
    return sites


def by_save() -> None:
    for site in rename(list(Site.objects.filter(code__in=[code for code, _ in SITES]))):
        site.save()


def by_bulk_update() -> None:
    Site.objects.bulk_update(rename(list(Site.objects.filter(code__in=[code for code, _ in SITES]))), ["name"])


def by_queryset_update() -> None:
    Site.objects.filter(code__in=[code for code, _ in SITES]).update(name="all the same")


def by_raw_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trials_site SET name = 'raw' WHERE code IN ('one', 'two', 'three')")


def by_queryset_delete() -> None:
    Site.objects.filter(code__in=[code for code, _ in SITES]).delete()


def by_raw_delete() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM trials_site WHERE code IN ('one', 'two', 'three')")


CHANGES: dict[str, tuple[Callable[[], None], str]] = {
    "save": (by_save, "row.changed"),
    "bulk_update": (by_bulk_update, "row.changed"),
    "queryset.update": (by_queryset_update, "row.changed"),
    "raw SQL": (by_raw_sql, "row.changed"),
    "queryset delete": (by_queryset_delete, "row.removed"),
    "raw delete": (by_raw_delete, "row.removed"),
}


@pytest.mark.req("R-AUD-30")
@pytest.mark.parametrize("way", CHANGES)
def test_each_way_of_changing_rows_tells_of_every_row_with_old_and_new_values(cast: Cast, way: str) -> None:
    change, act = CHANGES[way]
    sites = make_sites()
    start = last()
    with acting(STAGE, reason=STAGE_REASON):
        change()
    events = told_since(start)
    assert [event.act for event in events] == [act] * 3
    assert {event.object_id for event in events} == {str(site.pk) for site in sites}
    for event in events:
        before, after = json.loads(event.before), json.loads(event.after)
        assert before["name"] in {name for _, name in SITES}
        assert after.get("name") != before["name"]
        assert (event.actor_id, event.request_id, event.reason) == (STAGE.id, STAGE.request_id, STAGE_REASON)


@pytest.mark.req("R-AUD-30")
def test_rows_made_one_by_one_and_in_bulk_are_told_alike(cast: Cast) -> None:
    start = last()
    Sponsor.objects.create(name="single")
    Sponsor.objects.bulk_create(Sponsor(name=f"bulk {number}") for number in range(20))
    events = told_since(start)
    assert [event.act for event in events] == ["row.added"] * 21
    assert json.loads(events[-1].after)["name"] == "bulk 19"
    assert all(event.before == "{}" for event in events)


@pytest.mark.req("R-AUD-30")
def test_rows_of_a_many_to_many_field_are_told_one_by_one(cast: Cast) -> None:
    start = last()
    cast.stranger.groups.set(cast.coordinator.groups.all())
    count = cast.coordinator.groups.count()
    cast.stranger.groups.clear()
    events = told_since(start)
    assert count > 0
    assert [event.act for event in events] == ["row.added"] * count + ["row.removed"] * count
    assert {event.object_type for event in events} == {"trials.User_groups"}


@pytest.mark.req("R-AUD-30")
def test_every_table_of_ours_is_watched_as_its_model_says(cast: Cast) -> None:
    assert expected.faults() == []
    watched = {table.label for table in expected.tables()}
    assert {"trials.Subject", "imaging.Instance", "endpoints.Measurement", "reports.Report", "auth.Group"} <= watched


@pytest.mark.req("R-AUD-31")
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO trials_sponsor (name) VALUES ('nobody')",
        "UPDATE trials_site SET name = 'nobody'",
        "DELETE FROM trials_consent",
    ],
)
def test_without_somebody_who_acts_the_database_refuses_the_write(cast: Cast, sql: str) -> None:
    nobody = type(STAGE)(id="", name="", source="test", request_id="")
    with (
        acting(nobody, reason="a reason alone is not enough"),
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


@pytest.mark.req("R-AUD-31")
def test_a_saved_value_does_not_change_without_a_reason_and_its_first_entry_needs_none(cast: Cast) -> None:
    with acting(STAGE):
        site = Site.objects.create(code="new", name="New Hospital")
        site.name = "Other Hospital"
        with pytest.raises(IntegrityError, match="with a reason only"), transaction.atomic():
            site.save()
        with pytest.raises(IntegrityError, match="with a reason only"), transaction.atomic():
            Site.objects.filter(pk=site.pk).update(name="Other Hospital")
    site.refresh_from_db()
    assert site.name == "New Hospital"


@pytest.mark.req("R-AUD-31")
def test_a_foreign_sqlite_shell_cannot_write(cast: Cast, tmp_path: object) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL refuses by the missing context instead")
    foreign = sqlite3.connect(f"{tmp_path}/copy.sqlite3")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite_%'"
        )
        for (sql,) in cursor.fetchall():
            foreign.execute(sql)
    for sql in (
        "INSERT INTO trials_sponsor (name) VALUES ('foreign')",
        "INSERT OR REPLACE INTO audit_auditevent (sequence, actor_id) VALUES (1, 'foreign')",
    ):
        with pytest.raises(sqlite3.OperationalError, match="no such function"):
            foreign.execute(sql)
    foreign.close()


@pytest.mark.req("R-AUD-32")
def test_secrets_and_tokens_never_reach_the_trail(cast: Cast) -> None:
    cast.subject_a.person_token = "token-of-a-person"
    cast.subject_a.save(update_fields=["person_token"])
    stored = User.objects.get(pk=cast.reader.pk).password
    told = "".join(AuditEvent.objects.values_list("after", flat=True))
    assert stored not in told
    assert "token-of-a-person" not in told
    assert len(json.loads(AuditEvent.objects.filter(object_type="trials.User")[0].after)["password"]) == 64


@pytest.mark.req("R-AUD-33")
def test_a_saved_row_costs_one_statement(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as queries:
        Sponsor.objects.create(name="single")
    assert len(queries) == 1


@pytest.mark.req("R-AUD-34")
def test_an_event_names_the_trial_its_row_belongs_to(cast: Cast) -> None:
    kinds = {"trials.Subject", "trials.TimePoint", "trials.Consent", "trials.ImagingRequirement", "trials.Trial"}
    rows = AuditEvent.objects.filter(layer="row", object_type__in=kinds)
    assert set(rows.values_list("object_type", flat=True)) == kinds
    assert set(rows.values_list("trial_code", flat=True)) == {"TUNDRA"}

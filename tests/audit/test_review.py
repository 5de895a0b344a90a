"""Planned review of the trail: what each view finds, and that a review is recorded with what was found or not at all."""

import datetime as dt
from dataclasses import replace

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.http import Http404
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit import guards, reviewing
from audit.actor import Actor
from audit.context import acting, because
from audit.models import AuditEvent, Review
from audit.reviewing import MANY, Scope, View, _Glance, _within_a_minute, digest, find, is_odd
from config import records
from config.reviews import _scope
from endpoints.models import Measurement
from tests.cast import TODAY, Cast, actor_for
from tests.endpoints.desk import name, opened, say
from tests.roles import become_owner
from tests.signing import lock
from trials.models import Charter, ScheduledTimePoint, Site, User
from trials.services import charters, trail
from trials.trail_forms import ScopeForm

pytestmark = pytest.mark.django_db
ADDRESS = "/trials/TUNDRA/audit/reviews/"
# A Wednesday.
NOON = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)


def scope(cast: Cast, view: View, *, since: dt.date = TODAY, until: dt.date = TODAY) -> Scope:
    """As the page makes it."""
    form = ScopeForm({"view": view, "since": TODAY.isoformat(), "until": TODAY.isoformat()})
    assert form.is_valid()
    return replace(_scope(cast.trial, form), since=since, until=until, view=view)


def asking(user: User, request_id: str) -> Actor:
    return replace(actor_for(user), request_id=request_id)


def found(cast: Cast, view: View, *, day: dt.date) -> list[AuditEvent]:
    days = {"since": day - dt.timedelta(days=1), "until": day + dt.timedelta(days=1)}
    return list(reviewing.events_of(find(scope(cast, view, **days))))


@pytest.mark.req("R-HIS-08")
@pytest.mark.parametrize(
    ("moment", "zone", "odd"),
    [
        ("2026-03-04T05:59:59+00:00", "UTC", True),
        ("2026-03-04T06:00:00+00:00", "UTC", False),
        ("2026-03-04T21:59:59+00:00", "UTC", False),
        ("2026-03-04T22:00:00+00:00", "UTC", True),
        ("2026-03-07T12:00:00+00:00", "UTC", True),
        ("2026-03-08T12:00:00+00:00", "UTC", True),
        # The same moment is night in Tokyo, and Saturday there while it is Friday here.
        ("2026-03-04T14:00:00+00:00", "Asia/Tokyo", True),
        ("2026-03-04T22:30:00+00:00", "Asia/Tokyo", False),
        ("2026-03-06T15:30:00+00:00", "Asia/Tokyo", True),
    ],
)
def test_odd_hours_are_those_of_the_place(moment: str, zone: str, odd: bool) -> None:  # noqa: FBT001  a parameter
    assert is_odd(dt.datetime.fromisoformat(moment), zone=zone) is odd


@pytest.mark.req("R-HIS-08")
def test_the_view_of_odd_hours_finds_people_by_the_zone_of_their_site(cast: Cast) -> None:
    Site.objects.filter(pk=cast.site_a.site_id).update(time_zone="Asia/Tokyo")
    rows = {
        "alba": dt.datetime(2026, 3, 4, 14, 0, tzinfo=dt.UTC),
        "brisa": dt.datetime(2026, 3, 4, 14, 0, tzinfo=dt.UTC),
        "clara": dt.datetime(2026, 3, 4, 23, 0, tzinfo=dt.UTC),
        "machine:worker": dt.datetime(2026, 3, 4, 3, 0, tzinfo=dt.UTC),
    }
    made = {who: _plant(who, moment, "act") for who, moment in rows.items()}
    events = found(cast, View.ODD_HOURS, day=NOON.date())
    assert {event.sequence for event in events} == {made["alba"], made["clara"]}


def _plant(who: str, moment: dt.datetime, layer: str, request_id: str = "r") -> int:
    """An event as if the clock had stood elsewhere."""
    event = AuditEvent.objects.create(
        layer=layer,
        at=moment,
        actor_id=who,
        actor_name=who.title(),
        role="coordinator",
        act="row.changed" if layer == "row" else "x",
        object_type="trials.Subject",
        object_id="1",
        object_label="planted",
        trial_code="TUNDRA",
        request_id=request_id,
        source="web",
        software_version="0",
        commitment="0" * 96,
    )
    return int(event.sequence)


def _plant_many() -> None:
    for n in range(MANY):
        _plant("dora", timezone.now(), "row", f"many{n}")


@pytest.mark.req("R-HIS-08")
def test_many_values_in_one_request_are_found_whole_and_one_fewer_are_not(cast: Cast) -> None:
    hour = dt.timedelta(hours=1)
    many = [_plant("clara", NOON + n * hour / MANY, "row", "big") for n in range(MANY)]
    for n in range(MANY - 1):
        _plant("clara", NOON + 10 * hour + n * hour / MANY, "row", "small")
        _plant("machine:worker", NOON, "row", "work")
    _plant("machine:worker", NOON, "row", "work")
    events = found(cast, View.MASS_EDITS, day=NOON.date())
    assert {event.sequence for event in events} == set(many)


@pytest.mark.req("R-HIS-08")
def test_many_values_within_a_minute_are_found_over_the_turn_of_the_minute(cast: Cast) -> None:
    start = NOON + dt.timedelta(seconds=40)
    many = [_plant("clara", start + dt.timedelta(seconds=2 * n), "row", f"r{n}") for n in range(MANY)]
    for n in range(MANY):
        _plant("alba", start + dt.timedelta(seconds=4 * n), "row", f"slow{n}")
    events = found(cast, View.MASS_EDITS, day=NOON.date())
    assert {event.sequence for event in events} == set(many)


@pytest.mark.req("R-HIS-08")
@given(st.lists(st.integers(0, 400), max_size=90))
def test_an_event_is_in_a_mass_where_any_minute_around_it_holds_many(seconds: list[int]) -> None:
    own = [_Glance(n, NOON + dt.timedelta(seconds=second), "a", "r") for n, second in enumerate(seconds)]
    told = list(_within_a_minute(own))
    windows = [[n for n, other in enumerate(seconds) if start <= other <= start + 60] for start in seconds]
    wanted = {n for window in windows if len(window) >= MANY for n in window}
    assert set(told) == wanted
    assert len(told) == len(wanted)


def _tamper(*tables: str) -> None:
    become_owner()
    with connection.cursor() as cursor:
        for table in tables:
            guards.thaw(cursor.execute, vendor=connection.vendor, table=table)


@pytest.mark.req("R-HIS-08")
def test_a_measurement_changed_after_its_read_was_signed_is_found(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    lesion = name(read)
    say(read, lesion, Measurement.State.MEASURED, "20")
    say(read, lesion, Measurement.State.MEASURED, "25")
    lock(read)
    assert found(cast, View.AFTER_LOCK, day=TODAY) == []
    _tamper("endpoints_measurement", "endpoints_lesion")
    with acting(asking(cast.coordinator, "later").acting_as("coordinator"), reason="made it fit"):
        Measurement.objects.filter(read=read).update(value="12.0")
        Measurement.objects.filter(read=read).delete()
        lesion.delete()
    told = [(event.act, event.object_type) for event in found(cast, View.AFTER_LOCK, day=TODAY)]
    assert told == [
        ("row.removed", "endpoints.Lesion"),
        ("row.removed", "endpoints.Measurement"),
        ("row.changed", "endpoints.Measurement"),
    ]


@pytest.mark.req("R-HIS-08")
def test_a_series_changed_in_a_signed_charter_is_found_two_steps_away(cast: Cast) -> None:
    _tamper("trials_charter", "trials_scheduledtimepoint", "trials_imagingrequirement")
    planned = cast.charter.time_points.get(code="FU2")
    with acting(asking(cast.coordinator, "later").acting_as("coordinator"), reason="thinner is better"):
        planned.requirements.update(minimum_slices=2)
        planned.requirements.all().delete()
        ScheduledTimePoint.objects.filter(pk=planned.pk).update(name="Never")
    told = [(event.act, event.object_type) for event in found(cast, View.AFTER_LOCK, day=TODAY)]
    assert sorted(told) == [
        ("row.changed", "trials.ImagingRequirement"),
        ("row.changed", "trials.ScheduledTimePoint"),
        ("row.removed", "trials.ImagingRequirement"),
    ]


@pytest.mark.req("R-HIS-08")
def test_a_draft_changes_as_it_likes_and_a_superseded_charter_is_told(cast: Cast) -> None:
    draft = charters.amend(by=asking(cast.coordinator, "amend"), charter=cast.charter, reason="longer follow-up")
    with because("clearer names"):
        ScheduledTimePoint.objects.filter(charter=draft).update(name="Visit")
    assert found(cast, View.AFTER_LOCK, day=TODAY) == []
    with acting(asking(cast.coordinator, "supersede").acting_as("coordinator")):
        Charter.objects.filter(pk=cast.charter.pk).update(state=Charter.State.SUPERSEDED)
    (event,) = found(cast, View.AFTER_LOCK, day=TODAY)
    assert (event.object_type, event.object_id) == ("trials.Charter", str(cast.charter.pk))


def say_reviewed(cast: Cast, user: User, view: View = View.ODD_HOURS, *, other: dict[str, str] | None = None) -> None:
    looked_at = scope(cast, view)
    told = {"verdict": "clean", "findings": "All by the night shift, as planned.", "seen": digest(find(looked_at))}
    trail.review(by=actor_for(user), trial=cast.trial, scope=looked_at, **(told | (other or {})))


@pytest.mark.req("R-HIS-09")
def test_a_review_is_recorded_with_scope_period_verdict_findings_and_reviewer(cast: Cast) -> None:
    said = {"verdict": "follow_up", "findings": "  Twenty at once: asked why. "}
    say_reviewed(cast, cast.monitor, View.MASS_EDITS, other=said)
    made = Review.objects.get()
    assert (made.trial_code, made.view, made.since, made.until) == ("TUNDRA", "mass_edits", TODAY, TODAY)
    assert (made.verdict, made.findings) == ("follow_up", "Twenty at once: asked why.")
    assert (made.reviewer_id, made.reviewer_name) == ("mona", "Mona Monitor")
    assert made.events_seen == len(find(scope(cast, View.MASS_EDITS)))
    event = AuditEvent.objects.get(act="trail.reviewed")
    assert (event.actor_id, event.role, event.trial_code) == ("mona", "monitor", "TUNDRA")
    assert "Twenty at once" in event.after


@pytest.mark.req("R-HIS-09")
@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"findings": ""}, "no-findings"),
        ({"findings": " \n\t"}, "no-findings"),
        ({"verdict": "fine"}, "verdict"),
        ({"verdict": ""}, "verdict"),
        ({"seen": "0" * 64}, "changed"),
    ],
)
def test_no_review_without_findings_a_verdict_and_what_was_seen(cast: Cast, told: dict[str, str], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        say_reviewed(cast, cast.monitor, other=told)
    assert refused.value.code == code
    assert not Review.objects.exists()
    assert not AuditEvent.objects.filter(act="trail.reviewed").exists()


@pytest.mark.req("R-HIS-09")
def test_only_who_may_see_the_trail_reviews_it(cast: Cast) -> None:
    for user in (cast.analyst, cast.sponsor, cast.alba):
        with pytest.raises(PermissionDenied):
            say_reviewed(cast, user)
    for user in (cast.reader, cast.stranger, cast.operator):
        with pytest.raises((PermissionDenied, Http404)):
            say_reviewed(cast, user)
    assert not Review.objects.exists()


@pytest.mark.req("R-HIS-09")
def test_a_recorded_review_cannot_be_rewritten(cast: Cast) -> None:
    say_reviewed(cast, cast.monitor)
    become_owner()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Review.objects.update(verdict="clean")


def fill(client: Client, **told: str) -> dict[str, str]:
    form = client.get(ADDRESS, {"view": "mass_edits", "since": str(TODAY), "until": str(TODAY)}).context["review_form"]
    said = {"verdict": "clean", "findings": "Founding of the trial, seen."}
    return {name: str(form.initial.get(name, "")) for name in form.fields} | said | told


@pytest.mark.req("R-HIS-09")
def test_the_page_lists_what_to_look_at_takes_the_review_and_shows_it(cast: Cast, client: Client) -> None:
    # The stage itself was set in a hurry.
    before = len(list(find(scope(cast, View.MASS_EDITS))))
    _plant_many()
    client.force_login(cast.monitor)
    page = client.get(ADDRESS, {"view": "mass_edits", "since": str(TODAY), "until": str(TODAY)})
    assert {line.is_row for line in page.context["lines"]} == {True}
    assert page.context["page"].paginator.count == before + MANY
    assert client.post(ADDRESS, fill(client)).status_code == 302
    told = client.get(ADDRESS).content.decode()
    assert "Founding of the trial, seen." in told
    assert "Many values at once by one person" in told
    assert "Mona Monitor" in told


@pytest.mark.req("R-HIS-09")
@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"findings": " "}, "This field is required"),
        ({"verdict": ""}, "This field is required"),
        ({"until": str(TODAY + dt.timedelta(days=2))}, "before it has happened"),
        ({"since": str(TODAY + dt.timedelta(days=1))}, "before the first"),
        ({"seen": "f" * 64}, "More has happened"),
        ({"view": "everything"}, "not one of the available choices"),
    ],
)
def test_a_review_that_says_too_little_is_refused_in_words(
    cast: Cast, client: Client, told: dict[str, str], words: str
) -> None:
    client.force_login(cast.monitor)
    answer = client.post(ADDRESS, fill(client, **told))
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Review.objects.exists()


@pytest.mark.req("R-HIS-09")
def test_what_happened_meanwhile_must_be_looked_at_first(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    said = fill(client)
    _plant_many()
    answer = client.post(ADDRESS, said)
    assert answer.status_code == 400
    again = answer.context["review_form"].data
    assert again["seen"] == digest(find(scope(cast, View.MASS_EDITS)))
    assert client.post(ADDRESS, again).status_code == 302


@pytest.mark.req("R-HIS-09")
@pytest.mark.parametrize("told", [{"view": "x"}, {"view": "odd_hours", "since": "0001-01-01", "until": "9999-12-31"}])
def test_an_odd_scope_is_a_form_error_and_never_a_fault(cast: Cast, client: Client, told: dict[str, str]) -> None:
    client.force_login(cast.monitor)
    answer = client.get(ADDRESS, told)
    assert answer.status_code == 200
    assert "lines" not in answer.context
    assert client.get(ADDRESS, {"page": "9" * 5000}).status_code == 200


@pytest.mark.req("R-HIS-08")
def test_what_a_signature_covers_is_made_of_watched_rows() -> None:
    assert {model._meta.label for model in records.SIGNED} == {"trials.Charter", "endpoints.Read", "reports.Report"}
    assert {part.model._meta.label: part.column for part in records.COVERED} == {
        "endpoints.Lesion": "found_in_id",
        "endpoints.Measurement": "read_id",
        "trials.ScheduledTimePoint": "charter_id",
        "trials.ImagingRequirement": "scheduled_id",
    }

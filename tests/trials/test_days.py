"""The days of a subject: inside any trial's time, in the order in which they can have happened."""

import datetime as dt
import zoneinfo

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from tests.cast import ALL_CHECKS, SCOPES, TODAY, Cast, actor_for, new_consent, register
from tests.cast import withdraw as take_back
from trials.models import Consent, ScheduledTimePoint, Subject
from trials.services import consents

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.mark.req("R-SUB-06")
@pytest.mark.parametrize("day", [dt.date.min, dt.date(1989, 12, 31), TODAY + 370 * DAY, dt.date.max])
def test_a_day_zero_outside_any_trial_is_a_form_error(cast: Cast, client: Client, day: dt.date) -> None:
    client.force_login(cast.alba)
    told = {
        "trial_site": cast.site_a.pk,
        "day_zero": day.isoformat(),
        "form": cast.form.pk,
        "scopes": SCOPES,
        "language": "en",
        "scan_sha256": "a" * 64,
        "scan_pages": 3,
        "checks": ALL_CHECKS,
        "on": TODAY,
    }
    answer = client.post("/trials/TUNDRA/subjects/new/", told)
    assert answer.status_code == 400
    assert "day_zero" in answer.context["form"].errors
    with pytest.raises(ValidationError, match="Day zero lies between"):
        register(cast.alba, cast.site_a, cast.form, day)
    assert Subject.objects.count() == 2


@pytest.mark.req("R-SUB-06")
@pytest.mark.parametrize("day", [dt.date(1990, 1, 1), TODAY, TODAY + 365 * DAY])
def test_a_day_zero_within_bounds_is_taken(cast: Cast, day: dt.date) -> None:
    assert register(cast.alba, cast.site_a, cast.form, day).time_points.count() == 3


@pytest.mark.req("R-SUB-06")
@pytest.mark.parametrize("day", [dt.date(1989, 12, 31), dt.date(2200, 1, 1)])
def test_the_database_itself_takes_no_odd_day(cast: Cast, day: dt.date) -> None:
    with pytest.raises(IntegrityError, match="subject_day_zero_is_plausible"), transaction.atomic():
        Subject.objects.filter(pk=cast.subject_a.pk).update(day_zero=day)
    row = Consent(
        subject=cast.subject_a,
        form=cast.form,
        kind=Consent.Kind.GIVEN,
        scopes=[],
        on=day,
        recorded_at=dt.datetime.now(tz=dt.UTC),
        recorded_by="alba",
    )
    with pytest.raises(IntegrityError, match="consent_day_is_plausible"), transaction.atomic():
        row.save()


def give(cast: Cast, on: dt.date) -> Consent:
    new = new_consent(cast.form, on=on)
    return consents.give(by=actor_for(cast.alba), subject=cast.subject_a, new=new)


def withdraw(cast: Cast, on: dt.date) -> Consent:
    return take_back(cast.alba, cast.subject_a, on=on)


@pytest.mark.req("R-SUB-06")
@pytest.mark.parametrize("on", [dt.date.min, TODAY - DAY, TODAY + DAY, dt.date.max])
def test_consent_is_given_after_the_forms_approval_and_not_in_the_future(cast: Cast, on: dt.date) -> None:
    with pytest.raises(ValidationError, match="The date lies"):
        give(cast, on)


@pytest.mark.req("R-SUB-06")
@pytest.mark.parametrize("on", [dt.date.min, TODAY - DAY, TODAY + DAY, dt.date.max])
def test_consent_is_taken_back_after_it_was_given_and_not_in_the_future(
    cast: Cast, client: Client, on: dt.date
) -> None:
    with pytest.raises(ValidationError, match=r"The date lies|before the first consent"):
        withdraw(cast, on)
    client.force_login(cast.alba)
    told = {"what": "W3", "on": on.isoformat(), "reason": "asked by letter"}
    assert client.post(f"/subjects/{cast.subject_a.code}/withdrawal/", told).status_code == 400
    cast.subject_a.refresh_from_db()
    assert cast.subject_a.state == Subject.State.ENROLLED
    assert withdraw(cast, TODAY).kind == Consent.Kind.WITHDRAWN


@pytest.mark.req("R-SUB-06")
def test_the_calendar_of_the_site_counts(cast: Cast) -> None:
    """UTC+14: for ten hours of each day the site is a day ahead."""
    site = cast.site_a.site
    site.time_zone = "Pacific/Kiritimati"
    site.save()
    there = dt.datetime.now(tz=zoneinfo.ZoneInfo(site.time_zone)).date()
    assert give(cast, there).on == there


@pytest.mark.req("R-SUB-06")
def test_a_charter_whose_days_no_calendar_has_is_a_sentence(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    client.post("/trials/TUNDRA/charter/1/amend/", {"amend-reason": "more visits"})
    for day in (10**18, 40_000, -9999):
        told = {"visit-code": "X", "visit-name": "X", "visit-day": day, "visit-window_before": 7}
        answer = client.post("/trials/TUNDRA/charter/2/time-points/", told | {"visit-window_after": 7})
        assert answer.status_code == 400
    assert not ScheduledTimePoint.objects.filter(code="X").exists()

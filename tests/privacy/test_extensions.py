"""More time for a request of a subject (GDPR 12(3)), and refusals on the privacy floor, each of which leaves an event."""

import datetime as dt
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from audit.models import AuditEvent
from privacy import clocks, selectors
from privacy.models import Request, RequestExtension
from privacy.services import breaches, requests, retention
from privacy.services import register as registers
from tests.cast import TODAY, Cast, actor_for
from tests.people import STAGE
from trials.models import Restriction
from trials.services import restriction

DAYS = st.dates(min_value=dt.date(1990, 1, 1), max_value=dt.date(2199, 12, 31))


def asked(cast: Cast, days_ago: int = 5) -> Request:
    came = TODAY - dt.timedelta(days=days_ago)
    return requests.receive(
        by=actor_for(cast.officer), subject=cast.subject_a, kind=Request.Kind.ACCESS, received_on=came
    )


def extend(cast: Cast, request: Request, **told: Any) -> RequestExtension:
    new: dict[str, Any] = {"months": 2, "reason": "forty scans to look through", "told_on": TODAY}
    return requests.extend(by=actor_for(cast.officer), request=request, **(new | told))


@pytest.mark.req("R-PRIV-19")
@given(DAYS, st.integers(min_value=1, max_value=2))
def test_an_extended_answer_is_due_that_many_months_after_the_first(day: dt.date, months: int) -> None:
    due = clocks.extended_due(day, months)
    assert (due.year * 12 + due.month) - (day.year * 12 + day.month) == 1 + months
    assert due > clocks.answer_due(day)


@pytest.mark.req("R-PRIV-19")
@pytest.mark.django_db
def test_more_time_moves_the_day_once_with_reason_and_notice(cast: Cast) -> None:
    request = asked(cast)
    first = request.due_on
    made = extend(cast, request)
    request.refresh_from_db()
    assert (made.due_before, request.due_on) == (first, clocks.extended_due(request.received_on, 2))
    assert selectors.days_left(request) == (request.due_on - TODAY).days
    event = AuditEvent.objects.get(act="request.extended")
    assert (event.reason, event.trial_code) == ("forty scans to look through", "TUNDRA")
    with pytest.raises(ValidationError) as twice:
        extend(cast, request)
    assert twice.value.code == "wrong-state"
    with pytest.raises(DatabaseError), transaction.atomic(), acting(STAGE, reason="tampering"):
        RequestExtension.objects.update(months=1)


@pytest.mark.req("R-PRIV-19")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days_ago", "told", "code"),
    [
        (5, {"reason": " "}, "no-reason"),
        (5, {"months": 3}, "months"),
        (5, {"told_on": TODAY + dt.timedelta(days=1)}, "told"),
        (5, {"told_on": TODAY - dt.timedelta(days=6)}, "told"),
        (40, {}, "late"),
    ],
)
def test_more_time_without_reason_notice_or_in_the_second_month_is_refused(
    cast: Cast, days_ago: int, told: dict[str, Any], code: str
) -> None:
    request = asked(cast, days_ago)
    with pytest.raises(ValidationError) as refused:
        extend(cast, request, **told)
    assert refused.value.code == code
    assert not RequestExtension.objects.exists()
    event = AuditEvent.objects.get(act="privacy.refused")
    assert json.loads(event.after) == {"act": "extend", "cause": code}


@pytest.mark.req("R-PRIV-19")
@pytest.mark.django_db
def test_by_page_the_officer_takes_more_time_and_everybody_sees_why(cast: Cast, client: Client) -> None:
    request = asked(cast)
    client.force_login(cast.officer)
    address = f"/trials/TUNDRA/privacy/requests/{request.pk}/"
    assert f"{address}more-time/" in client.get(address).content.decode()
    told = {"months": "1", "told_on": TODAY, "reason": "the scans lie on tape"}
    assert client.post(f"{address}more-time/", told).headers["Location"] == address
    client.force_login(cast.inspector)
    page = client.get(address).content.decode()
    assert "the scans lie on tape" in page
    assert "more-time" not in page


@pytest.mark.req("R-PRIV-20")
@pytest.mark.django_db
def test_every_refusal_of_a_right_of_the_person_leaves_an_event_without_what_was_typed(cast: Cast) -> None:
    by, typed = actor_for(cast.officer), "Zweistein 1947"
    now = dt.datetime.now(dt.UTC)
    refused: dict[str, Any] = {
        "receive": lambda: requests.receive(
            by=by, subject=cast.subject_a, kind=Request.Kind.ACCESS, received_on=TODAY + dt.timedelta(days=2)
        ),
        "open_breach": lambda: breaches.open_breach(by=by, trial=cast.trial, title="x", known_at=now, codes=(typed,)),
        "set_clock": lambda: retention.set_clock(
            by=by, trial=cast.trial, years=25, rule="rule", ended_on=TODAY + dt.timedelta(days=9), reason=typed
        ),
        "set_basis": lambda: registers.set_basis(
            by=by, trial=cast.trial, purpose=typed, article_6="6(1)(e)", article_9="9(2)(j)", reason=""
        ),
        "lift": lambda: restriction.lift(by=by, subject=cast.subject_a, reason=typed),
    }
    for call in refused.values():
        with pytest.raises(ValidationError):
            call()
    told = [json.loads(event.after) for event in AuditEvent.objects.filter(act="privacy.refused").order_by("sequence")]
    assert [each["act"] for each in told] == list(refused)
    assert all(each["cause"] for each in told)
    assert typed not in json.dumps(told)
    assert not Restriction.objects.exists()


@pytest.mark.req("R-PRIV-20")
@pytest.mark.django_db
def test_whoever_lacks_the_right_to_act_is_told_so_in_the_trail_and_looking_is_not(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    assert client.post("/trials/TUNDRA/privacy/requests/", {"kind": "access"}).status_code == 403
    assert client.get("/trials/TUNDRA/arms/").status_code == 403
    assert client.patch("/api/trials/TUNDRA/", {}, content_type="application/json").status_code == 400
    (event,) = AuditEvent.objects.filter(act="access.refused")
    assert (event.actor_id, event.object_id, event.trial_code) == ("clara", "request-list", "TUNDRA")
    client.force_login(cast.monitor)
    assert client.patch("/api/trials/TUNDRA/", {"title": "x"}, content_type="application/json").status_code == 403
    assert AuditEvent.objects.filter(act="access.refused", actor_id=cast.monitor.username).count() == 1

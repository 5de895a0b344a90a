"""Who could do what on a past day, by the trail's word and whatever was corrected since (C03)."""

import datetime as dt
import io
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audit.context import acting
from tests.cast import TODAY, Cast, actor_for
from tests.people import STAGE
from trials import standing
from trials.models import Membership, Trial, User
from trials.roles import Act, Role
from trials.services import members
from trials.standing import Standing, Version, standing_on

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def roles_of(user: User, day: dt.date, trial: Trial) -> list[Standing]:
    return [one for one in standing_on(day, trial=trial).standing if one.account == user.username]


def grant(cast: Cast, **told: Any) -> Membership:
    usual = {"user": cast.stranger, "trial": cast.trial, "trial_site": None, "role": Role.SPONSOR}
    days = {"starts": TODAY, "ends": None}
    return members.grant(by=actor_for(cast.coordinator), **(usual | days | told))


@pytest.fixture
def days_later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let what is written from now on have happened some days later; the databases' own clocks cannot be moved."""
    cuts: list[tuple[dt.datetime, dt.timedelta]] = []
    read = standing._histories

    def shifted(events: Any) -> list[list[Version]]:
        return [[replace(each, at=each.at + later(each.at)) for each in history] for history in read(events)]

    def later(at: dt.datetime) -> dt.timedelta:
        return sum((days for cut, days in cuts if at >= cut), start=dt.timedelta())

    def go(days: int) -> None:
        cuts.append((timezone.now(), days * DAY))
        # SQLite tells milliseconds.
        time.sleep(0.003)

    monkeypatch.setattr(standing, "_histories", shifted)
    return go


@pytest.mark.req("R-ROLE-05")
def test_a_day_shows_role_place_days_who_granted_it_and_what_it_includes(cast: Cast) -> None:
    (seat,) = roles_of(cast.alba, TODAY, cast.trial)
    assert (seat.role, seat.site, seat.granted_by, seat.trial) == (Role.SITE_STAFF, "01", "clara", "TUNDRA")
    assert Act.SUBMISSION_SEND in seat.acts
    assert Act.QC_DECIDE not in seat.acts
    assert not roles_of(cast.alba, TODAY - DAY, cast.trial)


@pytest.mark.req("R-ROLE-05")
def test_a_role_that_was_ended_later_still_stood_before_and_says_by_whom_and_why_it_went(
    cast: Cast, days_later: Any
) -> None:
    membership = grant(cast)
    days_later(5)
    members.end(by=actor_for(cast.coordinator), membership=membership, reason="left the sponsor")
    for day in (TODAY, TODAY + 3 * DAY, TODAY + 5 * DAY):
        (seat,) = roles_of(cast.stranger, day, cast.trial)
        assert seat.until is None or day == TODAY + 5 * DAY
    (before,) = roles_of(cast.stranger, TODAY + 3 * DAY, cast.trial)
    assert [(each.by, each.reason) for each in before.corrections] == [("clara", "left the sponsor")]
    assert "ends" in before.corrections[0].what
    assert not roles_of(cast.stranger, TODAY + 6 * DAY, cast.trial)


@pytest.mark.req("R-ROLE-05")
def test_a_row_that_was_changed_afterwards_shows_what_stood_on_the_day(cast: Cast, days_later: Any) -> None:
    membership = grant(cast)
    days_later(3)
    with acting(STAGE, reason="it was meant to be another role all along"):
        Membership.objects.filter(pk=membership.pk).update(role=Role.STATISTICIAN)
    (before,) = roles_of(cast.stranger, TODAY + DAY, cast.trial)
    (after,) = roles_of(cast.stranger, TODAY + 4 * DAY, cast.trial)
    assert (before.role, after.role) == (Role.SPONSOR, Role.STATISTICIAN)
    assert before.corrections[0].what == "role: sponsor → statistician"
    on_the_day = roles_of(cast.stranger, TODAY + 3 * DAY, cast.trial)
    assert {(one.role, one.since is None, one.until is None) for one in on_the_day} == {
        (Role.SPONSOR, True, False),
        (Role.STATISTICIAN, False, True),
    }


@pytest.mark.req("R-ROLE-05")
def test_a_role_that_was_granted_later_with_an_earlier_day_opened_nothing_then(cast: Cast, days_later: Any) -> None:
    days_later(4)
    grant(cast, starts=TODAY + DAY)
    answer = standing_on(TODAY + 2 * DAY, trial=cast.trial)
    assert "stig" not in {one.account for one in answer.standing}
    (written,) = [one for one in answer.backdated if one.account == "stig"]
    assert written.since is not None
    assert written.since.date() == TODAY + 4 * DAY
    assert [one.role for one in roles_of(cast.stranger, TODAY + 4 * DAY, cast.trial)] == [Role.SPONSOR]


@pytest.mark.req("R-ROLE-05")
def test_a_closed_account_could_do_nothing_from_the_day_after(cast: Cast) -> None:
    with acting(STAGE, reason="left"):
        User.objects.filter(pk=cast.sponsor.pk).update(is_active=False)
    openness = [roles_of(cast.sponsor, TODAY + days * DAY, cast.trial)[0].is_account_open for days in (0, 1)]
    assert openness == [True, False]


def told(*words: str) -> str:
    out = io.StringIO()
    call_command("access_as_of", *words, stdout=out)
    return out.getvalue()


@pytest.mark.req("R-ROLE-05")
def test_the_command_tells_it_in_lines_and_as_data(cast: Cast) -> None:
    text = told(TODAY.isoformat(), "--trial", "TUNDRA")
    assert "TUNDRA: Alba Sitestaff (alba), site staff at site 01" in text
    assert "submission.send" in text
    answer = json.loads(told(TODAY.isoformat(), "--json"))
    assert answer["day"] == TODAY.isoformat()
    (seat,) = [one for one in answer["could"] if one["account"] == "iris"]
    assert (seat["role"], seat["until"], seat["granted_by"]) == (
        "inspector",
        (TODAY + 90 * DAY).isoformat(),
        "anke",
    )
    assert "audit.view" in seat["acts"]


@pytest.mark.req("R-ROLE-05")
@pytest.mark.parametrize(
    "words", [("yesterday",), ((TODAY + 2 * DAY).isoformat(),), (TODAY.isoformat(), "--trial", "NOWHERE")]
)
def test_the_command_refuses_what_it_cannot_answer(cast: Cast, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        told(*words)
    assert refused.value.returncode == 2


@pytest.mark.req("R-ROLE-05")
def test_the_page_asks_for_a_day_and_says_so_where_none_can_be_read(cast: Cast, client: Client) -> None:
    client.force_login(cast.inspector)
    address = "/trials/TUNDRA/people/as-of/"
    page = client.get(address, {"day": TODAY.isoformat()}).content.decode()
    assert "Alba Sitestaff" in page
    assert "What each role includes" in page
    assert "Alba Sitestaff" not in client.get(address, {"day": (TODAY - DAY).isoformat()}).content.decode()
    for day in ("", "2026-13-01", (TODAY + 2 * DAY).isoformat()):
        assert client.get(address, {"day": day}).status_code == 400

"""Closing, arms, unblinding, more time, vouching and linking in a narrow window of a real browser: both themes, axe."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.fixtures import Settings

from privacy.models import Request
from privacy.services import requests
from tests.browser.inside import Inside, enter
from tests.cast import TODAY, Cast, actor_for
from tests.provider import CLIENT, SECRET, running
from trials.models import User
from trials.oidc import Provider

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-LOCK-06")]
TRIAL = "/trials/TUNDRA/"


@pytest.fixture
def somebody(browser: Browser) -> Iterator[Any]:
    """A factory of people at a browser before this test's own data."""
    people: list[Inside] = []

    def come(user: User, *, width: int = 1280) -> Inside:
        people.append(enter(browser, user, width=390))
        return people[-1]

    yield come
    for person in people:
        person.page.context.close()


def test_data_are_closed_asked_for_and_opened_again(cast: Cast, somebody: Any) -> None:
    clara = somebody(cast.coordinator)
    clara.see(f"{TRIAL}closing/")
    page = clara.see(f"{TRIAL}closing/close/")
    page.get_by_label("Reason").fill("Database lock before the final analysis.")
    clara.press("Go on to the signature")
    expect(page.get_by_role("heading", level=1)).to_have_text("Close the data for edits")
    clara.check()
    clara.sign("Sign")
    expect(page.get_by_text("Every edit is refused from now on.")).to_be_visible()
    clara.check()
    clara.see(TRIAL)
    kora = somebody(cast.data_manager)
    page = kora.go(f"{TRIAL}closing/ask/")
    page.get_by_label("What must change, and why").fill("Day zero of one subject was mistyped.")
    kora.press("Go on to the signature")
    kora.sign("Sign")
    expect(page.get_by_text("The data stay closed until another person agrees.")).to_be_visible()
    anke = somebody(cast.administrator)
    page = anke.see(f"{TRIAL}closing/open/")
    expect(page.get_by_text("Day zero of one subject was mistyped.")).to_be_visible()
    page.get_by_label("Reason").fill("Agreed.")
    anke.press("Go on to the signature")
    anke.sign("Sign")
    expect(page.get_by_text("The data are open again for edits until")).to_be_visible()
    anke.check()


def test_an_unblinding_is_recorded_and_decided(cast: Cast, somebody: Any) -> None:
    clara = somebody(cast.coordinator)
    clara.see(f"{TRIAL}unblindings/")
    page = clara.see(f"{TRIAL}unblindings/new/")
    page.get_by_label("Kind", exact=True).select_option("emergency")
    page.get_by_label("Who learned of it, and from whom").fill("Rhea Reader, told by the site")
    page.get_by_label("What kind of thing became known").fill("the arm")
    page.get_by_label("Subjects").fill(cast.subject_a.code)
    page.get_by_label(str(cast.reader)).check()
    page.get_by_label("Impact on reads and analysis").fill("No read of this subject is locked.")
    page.get_by_label("Action taken").fill("Another reader is asked.")
    clara.press("Go on to the signature")
    clara.check()
    clara.sign("Sign")
    expect(page.get_by_text("The unblinding is recorded and signed.")).to_be_visible()
    clara.check()
    page.get_by_role("link", name="Decide").click()
    clara.check()
    page.get_by_label("reads this subject no more").check()
    page.get_by_label("Reason").fill("The second reader takes over.")
    clara.press("Decide")
    expect(page.get_by_text("Decided: reads this subject no more.")).to_be_visible()


def test_arms_are_recorded_by_the_statistician(cast: Cast, somebody: Any) -> None:
    tova = somebody(cast.statistician)
    page = tova.see(f"{TRIAL}arms/")
    page.get_by_label("Subjects and arms").fill(f"{cast.subject_a.code}, A\n{cast.subject_b.code}, B")
    tova.press("Record")
    expect(page.get_by_text("2 arms are recorded.")).to_be_visible()
    tova.check()


def test_a_share_of_the_room_is_set_with_a_reason(cast: Cast, somebody: Any) -> None:
    clara = somebody(cast.coordinator)
    page = clara.see(f"{TRIAL}room/")
    page.get_by_label("Whose share").select_option("01")
    page.get_by_label("Gigabytes kept").fill("7")
    page.get_by_label("Reason").fill("Site 01 sends follow-ups of two years.")
    clara.press("Set the share")
    expect(page.get_by_text("The share is set.")).to_be_visible()
    expect(page.get_by_role("row", name="site 01")).to_contain_text("6.5 GB")
    clara.check()


def test_more_time_is_taken_for_a_request(cast: Cast, somebody: Any) -> None:
    came = TODAY - dt.timedelta(days=3)
    by = actor_for(cast.officer)
    request = requests.receive(by=by, subject=cast.subject_a, kind=Request.Kind.ACCESS, received_on=came)
    david = somebody(cast.officer)
    page = david.go(f"{TRIAL}privacy/requests/{request.pk}/")
    page.get_by_role("link", name="A month is not enough").click()
    david.check()
    page.get_by_label("Why a month is not enough").fill("Forty scans lie on tape.")
    david.press("Extend")
    expect(page.get_by_text("Forty scans lie on tape.")).to_be_visible()
    david.check()


@pytest.mark.req("R-IN-18")
def test_a_colleague_is_vouched_for(cast: Cast, somebody: Any) -> None:
    User.objects.filter(pk=cast.reader.pk).update(awaits_vouching=True)
    mona = somebody(cast.monitor)
    page = mona.see("/account/")
    page.get_by_role("link", name=str(cast.reader)).click()
    mona.check()
    mona.fill(password="wrong words", code="000000")
    mona.press("Vouch")
    expect(page.get_by_role("alert")).to_be_visible()
    mona.check()
    mona.sign("Vouch")
    expect(page.get_by_text(f"You vouched for {cast.reader}, who can sign again.")).to_be_visible()


@pytest.mark.req("R-IN-18")
def test_an_identity_elsewhere_is_linked(cast: Cast, somebody: Any, settings: Settings) -> None:
    with running() as provider:
        settings.OIDC_PROVIDER = Provider(issuer=provider.address, client_id=CLIENT, client_secret=SECRET)
        settings.OIDC_NAME = "Northlight sign-in"
        mona = somebody(cast.monitor)
        page = mona.see("/account/")
        page.get_by_role("link", name="Link", exact=True).click()
        mona.check()
        mona.sign("Link")
        onward = page.get_by_role("link", name="Go on")
        expect(onward).to_be_visible()
        mona.check()
        back = provider.authorize(str(onward.get_attribute("href")))
        page.goto(back)
        expect(page.get_by_text("The identity is linked")).to_be_visible()
        mona.check()

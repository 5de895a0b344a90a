import datetime as dt

import pytest
from django.test import Client

from audit.models import AuditEvent
from tests.cast import TODAY, Cast
from trials.models import Membership, TrialSite

pytestmark = pytest.mark.django_db
SITE = {"number": "03", "code": "cala", "name": "Cala Hospital", "time_zone": "Europe/Madrid", "ae_title": "CALA_PACS"}


def member(**changes: object) -> dict[str, object]:
    told = {"user": "stig", "role": "monitor", "trial_site": "", "starts": TODAY, "ends": TODAY + dt.timedelta(days=90)}
    return told | changes


@pytest.mark.req("R-TRI-07")
def test_the_coordinator_adds_a_site_with_number_time_zone_and_ae_title(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    assert client.get("/trials/TUNDRA/sites/new/").status_code == 200
    assert client.post("/trials/TUNDRA/sites/new/", SITE).headers["Location"] == "/trials/TUNDRA/sites/"
    site = TrialSite.objects.get(number="03")
    assert (site.site.time_zone, site.ae_title) == ("Europe/Madrid", "CALA_PACS")
    assert "Cala Hospital" in client.get("/trials/TUNDRA/sites/").content.decode()


@pytest.mark.req("R-TRI-07")
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"number": "01"}, "already exists"),
        ({"ae_title": "ALBA_PACS"}, "Another site sends under this AE title"),
        ({"ae_title": "BACK\\SLASH"}, "valid value"),
        ({"ae_title": "SEVENTEEN_LETTERS"}, "at most 16"),
        ({"time_zone": "Mars/Olympus"}, "valid choice"),
        ({"code": "not a slug"}, "letters, numbers"),
    ],
)
def test_a_site_that_does_not_fit_is_refused_in_words(
    cast: Cast, client: Client, changes: dict[str, str], word: str
) -> None:
    client.force_login(cast.coordinator)
    answer = client.post("/trials/TUNDRA/sites/new/", SITE | changes)
    assert answer.status_code == 400
    assert word in answer.content.decode()
    assert cast.trial.sites.count() == 2


@pytest.mark.req("R-ACC-02")
def test_a_granted_role_opens_the_trial_and_an_ended_one_closes_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.stranger)
    assert client.get("/trials/TUNDRA/").status_code == 404
    client.force_login(cast.coordinator)
    assert client.post("/trials/TUNDRA/people/new/", member()).status_code == 302
    seat = Membership.objects.get(user=cast.stranger)
    client.force_login(cast.stranger)
    assert client.get("/trials/TUNDRA/").status_code == 200
    client.force_login(cast.coordinator)
    Membership.objects.filter(pk=seat.pk).update(starts=TODAY.replace(year=TODAY.year - 1, day=1))
    assert client.post(f"/people/{seat.pk}/end/", {"reason": ""}).status_code == 400
    assert client.post(f"/people/{seat.pk}/end/", {"reason": "left the company"}).status_code == 302
    client.force_login(cast.stranger)
    assert client.get("/trials/TUNDRA/").status_code == 404
    assert AuditEvent.objects.get(act="role.ended").reason == "left the company"


@pytest.mark.req("R-ACC-02")
def test_the_list_names_person_role_site_and_dates(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    page = client.get("/trials/TUNDRA/sites/").content.decode()
    for word in ("Alba Sitestaff", "site staff", "01 · Alba Hospital", TODAY.strftime("%d %b %Y")):
        assert word in page
    assert "Grant a role" not in page


@pytest.mark.req("R-ACC-02")
def test_site_staff_see_their_own_site_and_no_people(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    page = client.get("/trials/TUNDRA/sites/")
    assert [site.number for site in page.context["sites"]] == ["01"]
    assert "Clara Coordinator" not in page.content.decode()


@pytest.mark.req("R-ACC-02")
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"user": "nobody"}, "No open account has this name"),
        ({"role": "site_staff"}, "Site staff and the monitor of a site stand on a site"),
        ({"user": "rhea"}, "A blinded reader or adjudicator holds no other role"),
        ({"ends": ""}, "has a last day"),
        ({"role": "inspector", "ends": TODAY + dt.timedelta(days=91)}, "lasts at most 90 days"),
        ({"starts": TODAY, "ends": TODAY.replace(year=TODAY.year - 1, day=1)}, "lies before the first"),
    ],
)
def test_a_grant_that_does_not_fit_is_refused_in_words(
    cast: Cast, client: Client, changes: dict[str, object], word: str
) -> None:
    client.force_login(cast.coordinator)
    before = Membership.objects.count()
    answer = client.post("/trials/TUNDRA/people/new/", member(**changes))
    assert answer.status_code == 400
    assert word in answer.content.decode()
    assert Membership.objects.count() == before


@pytest.mark.req("R-ACC-02")
@pytest.mark.parametrize("address", ["/trials/TUNDRA/sites/new/", "/trials/TUNDRA/people/new/"])
def test_only_the_coordinator_reaches_the_forms(cast: Cast, client: Client, address: str) -> None:
    for name in ("alba", "analyst", "sponsor", "monitor", "officer"):
        client.force_login(getattr(cast, name))
        assert client.get(address).status_code == 403
        assert client.post(address, SITE).status_code == 403
    for name in ("reader", "stranger", "operator"):
        client.force_login(getattr(cast, name))
        assert client.get(address).status_code == 404


@pytest.mark.req("R-ACC-02")
def test_a_seat_is_foreign_to_site_staff_and_fixed_for_the_monitor(cast: Cast, client: Client) -> None:
    seat = Membership.objects.get(user=cast.analyst)
    for user, status in ((cast.alba, 404), (cast.stranger, 404), (cast.monitor, 403)):
        client.force_login(user)
        assert client.post(f"/people/{seat.pk}/end/", {"reason": "x"}).status_code == status
    seat.refresh_from_db()
    assert seat.ends is None

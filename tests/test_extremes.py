"""What nobody types by hand: huge numbers, NUL, odd days. Every address answers with a page, never with a fault."""

import datetime as dt
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from endpoints.models import Lesion
from tests.cast import Cast
from tests.endpoints.desk import name, opened
from tests.endpoints.scans import file_scan
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
HUGE = "9" * 30
# Python itself refuses to read a number this long.
ENDLESS = "9" * 5000
NUMBERS = (HUGE, ENDLESS, str(2**31), str(2**63), "-1", "٣", "1e9", "")


@pytest.fixture
def coordinator(client: Client, cast: Cast) -> Client:
    client.force_login(cast.coordinator)
    # A fault must become an answer of 500 here, not the test's own exception.
    client.raise_request_exception = False
    return client


@pytest.mark.req("R-BAD-01")
@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_in_queries_are_never_a_fault(coordinator: Client, number: str) -> None:
    assert coordinator.get("/trials/TUNDRA/charter/", {"version": number}).status_code in (200, 404)
    assert coordinator.get("/trials/TUNDRA/audit/", {"page": number}).status_code == 200
    for part in ("", "TUNDRA/subjects/", "TUNDRA/time-points/"):
        for word in ("limit", "offset"):
            answer = coordinator.get(f"/api/trials/{part}", {word: number})
            assert answer.status_code == 200, (part, word)
            assert len(answer.json()["results"]) <= 1000


@pytest.mark.req("R-BAD-01")
@pytest.mark.parametrize("number", [HUGE, ENDLESS, str(2**31), str(2**63)])
@pytest.mark.parametrize(
    "address",
    [
        "/series/{0}/",
        "/series/{0}/frames/0.png",
        "/series/1/frames/{0}.png",
        "/time-points/{0}/",
        "/trials/TUNDRA/charter/{0}/settings/",
        "/trials/TUNDRA/charter/time-points/{0}/remove/",
        "/queries/{0}/answer/",
        "/people/{0}/end/",
        "/history/subject/{0}/",
    ],
)
def test_numbers_in_addresses_are_never_a_fault(coordinator: Client, address: str, number: str) -> None:
    assert coordinator.get(address.format(number)).status_code in (404, 405)
    assert coordinator.post(address.format(number)).status_code in (404, 405)


@pytest.mark.req("R-BAD-01")
@pytest.mark.parametrize(
    "address",
    [
        "/subjects/%00/",
        "/history/subject/%00/",
        "/subjects/%00/consent/",
        "/subjects/%00/withdrawal/",
        "/trials/%00/",
        "/trials/TUNDRA/audit/?act=%00&person=%00&since=%00",
        "/trials/TUNDRA/charter/?version=%00",
        "/api/trials/TUNDRA/subjects/?site=%00",
        "/api/trials/TUNDRA/time-points/?subject=%00",
        "/sign-in/?next=%00",
    ],
)
def test_a_nul_byte_is_never_a_fault(coordinator: Client, address: str) -> None:
    assert coordinator.get(address).status_code in (200, 302, 400, 404)


@pytest.mark.req("R-BAD-01")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_reader_who_asks_for_impossible_images_gets_none(client: Client, cast: Cast, number: str) -> None:
    draft = opened(cast, cast.subject_a, "BL")
    lesion = name(draft, Lesion.Kind.TARGET)
    client.force_login(cast.reader)
    client.raise_request_exception = False
    root = reverse("read", args=[draft.assignment_id])
    assert client.get(f"{root}series/{number}/frames/0.png").status_code == 404
    assert client.get(f"{root}series/0/frames/{number}.png").status_code == 404
    assert client.get(root, {"series": number, "frame": number}).status_code == 200
    ends = {"row_1": 1, "column_1": 1, "row_2": 5, "column_2": 5, "token": "x"}
    for place in ({"series": number, "frame": 0}, {"series": 0, "frame": number}):
        told = {"lesion": lesion.label, "state": "measured"} | ends | place
        assert client.post(f"{root}measurements/", told).status_code == 400
    assert client.get(f"/reads/{uuid4()}/series/{number}/frames/0.png").status_code == 404


@pytest.mark.req("R-BAD-01")
@pytest.mark.parametrize("day", [dt.date.min, dt.date.max])
def test_pages_stand_on_the_edge_of_the_calendar(coordinator: Client, cast: Cast, day: dt.date) -> None:
    TimePoint.objects.update(due_on=day)
    subject = f"/subjects/{cast.subject_a.code}/"
    for address in (
        "/",
        "/trials/TUNDRA/",
        subject,
        f"/history/subject/{cast.subject_a.pk}/",
        "/api/trials/TUNDRA/time-points/",
    ):
        assert coordinator.get(address).status_code == 200, address


@pytest.mark.req("R-BAD-01")
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", HUGE, "\0"])
def test_odd_days_are_a_form_error_and_never_a_fault(coordinator: Client, day: str) -> None:
    assert coordinator.get("/trials/TUNDRA/audit/", {"since": day, "until": day}).status_code == 200
    assert coordinator.post("/trials/TUNDRA/audit/export/", {"since": day, "until": day}).status_code in (302, 400)
    told = {"version": "7", "approved_on": day, "scopes": ["imaging"]}
    assert coordinator.post("/trials/TUNDRA/consent-forms/new/", told).status_code == 400
    person = {"user": "stig", "role": "monitor", "starts": day}
    assert coordinator.post("/trials/TUNDRA/people/new/", person).status_code == 400


@pytest.mark.req("R-BAD-02")
def test_a_request_over_the_cap_is_refused_in_the_words_of_who_asked(client: Client) -> None:
    large = {"content-length": str(settings.REQUEST_CAP + 1)}
    problem = client.generic("POST", "/api/deliveries/", b"", headers=large)
    assert (problem.status_code, problem.headers["Content-Type"]) == (413, "application/problem+json")
    assert problem.json()["detail"].startswith("One request may carry up to 48")
    page = client.generic("POST", "/sign-in/", b"", headers=large)
    assert page.status_code == 413
    assert "One request may carry up to 48" in page.content.decode()


@pytest.mark.req("R-BAD-03")
def test_a_checked_frame_is_asked_for_anew_each_time(client: Client, cast: Cast) -> None:
    scan = file_scan(cast.subject_a, "BL")
    series = scan.time_point.studies.get().series.first()
    assert series is not None
    client.force_login(cast.analyst)
    address = reverse("series-frame", args=[series.pk, 0])
    first = client.get(address)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    tag = first.headers["ETag"]
    again = client.get(address, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{address}?window=lung").headers["ETag"] != tag
    client.force_login(cast.stranger)
    assert client.get(address, headers={"if-none-match": tag}).status_code == 404

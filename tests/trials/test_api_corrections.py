"""PATCH at /api/: the same corrections as on the pages, with a reason or not at all (A03)."""

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditEvent
from imaging.models import Submission
from tests.cast import TODAY, Cast, add_site, found_trial
from trials.models import Site, Subject, Trial, TrialSite

pytestmark = pytest.mark.django_db
TRIAL = "/api/trials/TUNDRA/"
WHY = "the protocol was amended"
EARLIER = (TODAY - dt.timedelta(days=10)).isoformat()


def site(cast: Cast) -> str:
    return f"{TRIAL}sites/{cast.site_a.pk}/"


def subject(cast: Cast) -> str:
    return f"{TRIAL}subjects/{cast.subject_a.code}/"


def patch(client: Client, address: str, body: Any) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.patch(address, data=text, content_type="application/json", headers={"x-request-id": "request-0817"})


def saved(cast: Cast) -> tuple[Any, ...]:
    """Everything that a PATCH could change."""
    return (
        *Trial.objects.filter(pk=cast.trial.pk).values_list("code", "title", "protocol_number", "state", "sponsor"),
        *TrialSite.objects.filter(pk=cast.site_a.pk).values_list("number", "ae_title", "state", "site"),
        *Site.objects.filter(pk=cast.site_a.site_id).values_list("code", "name", "time_zone"),
        *Subject.objects.filter(pk=cast.subject_a.pk).values_list("code", "day_zero", "state", "trial_site"),
        *cast.subject_a.time_points.values_list("due_on", "state"),
        AuditEvent.objects.exclude(act__in=("access.refused", "access.not_found")).count(),
    )


def refused(client: Client, cast: Cast, address: str, body: Any, *, status: int = 400) -> str:
    """The sentence of a refusal, which changed no row and left no event but that of a lacking right."""
    before = saved(cast)
    answer = patch(client, address, body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["request_id"]) == (status, "request-0817")
    assert saved(cast) == before
    return str(problem["detail"])


@pytest.mark.req("R-COR-09")
def test_a_record_comes_with_the_name_of_its_values_and_nothing_secret(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    fields = {
        TRIAL: {"code", "title", "protocol_number", "sponsor", "state", "seen"},
        site(cast): {"id", "number", "code", "hospital", "time_zone", "ae_title", "state", "seen"},
        subject(cast): {"code", "site", "day_zero", "state", "seen", "consent", "withdrawal", "is_restricted"},
    }
    for address, names in fields.items():
        told = client.get(address).json()
        assert set(told) == names
        assert len(told["seen"]) == 64
    rows = client.get(f"{TRIAL}sites/").json()["results"]
    assert [(row["id"], row["number"]) for row in rows] == [(cast.site_a.pk, "01"), (cast.site_b.pk, "02")]


@pytest.mark.req("R-COR-09")
def test_a_patch_with_a_reason_corrects_and_answers_the_record_as_it_is_now(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    for address, body in (
        (TRIAL, {"title": "A better title"}),
        (site(cast), {"number": "07", "ae_title": "", "hospital": "New Hospital", "time_zone": "Asia/Tokyo"}),
        (subject(cast), {"day_zero": EARLIER}),
    ):
        seen = client.get(address).json()["seen"]
        answer = patch(client, address, body | {"reason": WHY, "seen": seen})
        assert answer.status_code == 200, answer.json()
        told = answer.json()
        assert told | body == told
        assert told == client.get(address).json()
        assert told["seen"] != seen
    events = AuditEvent.objects.filter(act__endswith=".corrected").order_by("sequence")
    assert list(events.values_list("act", "reason", "source")) == [
        (f"{kind}.corrected", WHY, "api") for kind in ("trial", "site", "subject")
    ]


@pytest.mark.req("R-COR-01", "R-COR-09")
@pytest.mark.parametrize("reason", [{}, {"reason": ""}, {"reason": " \n"}, {"reason": None}, {"reason": ["x"]}])
def test_a_patch_without_a_reason_is_400_and_changes_no_row(cast: Cast, client: Client, reason: dict[str, Any]) -> None:
    client.force_login(cast.coordinator)
    for address, body in (
        (TRIAL, {"title": "New"}),
        (site(cast), {"number": "7"}),
        (subject(cast), {"day_zero": EARLIER}),
    ):
        assert "reason" in refused(client, cast, address, body | reason)


@pytest.mark.req("R-COR-09")
@pytest.mark.parametrize(
    "body",
    [
        {"code": "OTHER"},
        {"state": "closed"},
        {"sponsor": "Other"},
        {"wrapped_key": ""},
        {"title": "New", "pk": 7},
        {"title": "New", "\ud800": 1},
        {"title": "New", "x" * 5000: 1},
    ],
)
def test_unknown_and_lasting_values_are_refused_by_name(cast: Cast, client: Client, body: dict[str, Any]) -> None:
    client.force_login(cast.coordinator)
    detail = refused(client, cast, TRIAL, body | {"reason": WHY})
    assert "do not exist here or do not change" in detail
    assert len(detail) < 400


@pytest.mark.req("R-COR-09")
@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "[]", '"title"', "7", "null", "[1]", '{"reason": "x"'),
        *({"title": wrong} for wrong in (None, "", ["a"], "x" * 201, "a\0b", "\ud800", {"x": 1}, True)),
    ],
)
def test_a_body_that_cannot_be_read_is_400(cast: Cast, client: Client, body: Any) -> None:
    client.force_login(cast.coordinator)
    assert refused(client, cast, TRIAL, body | {"reason": WHY} if isinstance(body, dict) else body)


@pytest.mark.req("R-COR-09")
@pytest.mark.parametrize(
    "day", ["soon", "2025-02-30", "0001-01-01", "9999-12-31", 20250101, "", None, "2025-01-01T00:00"]
)
def test_a_day_that_is_none_is_400(cast: Cast, client: Client, day: Any) -> None:
    client.force_login(cast.alba)
    assert refused(client, cast, subject(cast), {"day_zero": day, "reason": WHY})


@pytest.mark.req("R-COR-05", "R-COR-09")
def test_nothing_new_and_values_that_changed_meanwhile_are_told(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    assert "Nothing differs" in refused(client, cast, TRIAL, {"reason": WHY})
    assert "Nothing differs" in refused(client, cast, TRIAL, {"reason": WHY, "title": "The TUNDRA trial"})
    seen = client.get(TRIAL).json()["seen"]
    assert patch(client, TRIAL, {"reason": WHY, "title": "Theirs", "seen": seen}).status_code == 200
    mine = {"reason": WHY, "title": "Mine", "seen": seen}
    assert "Somebody changed this meanwhile" in refused(client, cast, TRIAL, mine)


@pytest.mark.req("R-COR-06", "R-COR-09")
def test_day_zero_of_filed_images_stays_here_too(cast: Cast, client: Client, filed: Submission) -> None:
    client.force_login(cast.alba)
    detail = refused(client, cast, subject(cast), {"day_zero": EARLIER, "reason": WHY})
    assert "Images of this subject are filed already" in detail


@pytest.mark.req("R-COR-09")
def test_who_sees_without_the_right_gets_403_and_who_sees_nothing_404(cast: Cast, client: Client) -> None:
    found_trial(cast.stranger, code="FJORD")
    body = {"reason": WHY, "title": "New"}
    for name, status in (("alba", 403), ("monitor", 403), ("sponsor", 403), ("reader", 404), ("operator", 404)):
        client.force_login(getattr(cast, name))
        assert refused(client, cast, TRIAL, body, status=status)
    for name, status in (("alba", 403), ("brisa", 404), ("sponsor", 403), ("stranger", 404)):
        client.force_login(getattr(cast, name))
        assert refused(client, cast, site(cast), {"reason": WHY, "number": "7"}, status=status)
    for name, status in (("brisa", 404), ("monitor", 403), ("sponsor", 403), ("reader", 404)):
        client.force_login(getattr(cast, name))
        assert refused(client, cast, subject(cast), {"reason": WHY, "day_zero": EARLIER}, status=status)


@pytest.mark.req("R-COR-04", "R-COR-09")
def test_the_name_of_a_hospital_that_another_coordinators_trial_shares_is_403(cast: Cast, client: Client) -> None:
    add_site(found_trial(cast.stranger, code="FJORD"), cast.stranger, code="alba", number="09", ae_title="")
    client.force_login(cast.coordinator)
    body = {"reason": WHY, "hospital": "New Hospital", "number": "7"}
    assert "you do not coordinate" in refused(client, cast, site(cast), body, status=403)


@pytest.mark.req("R-COR-09")
def test_a_subject_or_site_of_another_trial_is_not_found_in_this_one(cast: Cast, client: Client) -> None:
    found_trial(cast.coordinator, code="FJORD")
    client.force_login(cast.coordinator)
    for part in (f"subjects/{cast.subject_a.code}/", f"sites/{cast.site_a.pk}/", "subjects/a%00b/", "sites/99999999/"):
        assert refused(client, cast, f"/api/trials/FJORD/{part}", {"reason": WHY}, status=404)


@pytest.mark.req("R-COR-09")
def test_a_record_is_corrected_by_patch_alone_and_with_a_session_and_its_token(cast: Cast, client: Client) -> None:
    assert patch(client, TRIAL, {"reason": WHY, "title": "New"}).status_code == 403
    client.force_login(cast.coordinator)
    for method in (client.post, client.put, client.delete):
        assert method(TRIAL, data={}, content_type="application/json").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.coordinator)
    assert refused(strict, cast, TRIAL, {"reason": WHY, "title": "New"}, status=403)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.req("R-COR-01", "R-COR-09")
@given(
    body=st.dictionaries(st.sampled_from(["title", "protocol_number", "seen", "code", "x"]), _JSON, max_size=4),
    reason=st.none() | st.booleans() | st.text(alphabet=" \t\n\0") | st.lists(st.text()),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_body_without_a_reason_changes_anything(cast: Cast, client: Client, body: Any, reason: Any) -> None:
    client.force_login(cast.coordinator)
    assert refused(client, cast, TRIAL, body | {"reason": reason})


@pytest.mark.req("R-COR-11")
def test_a_subject_stays_with_its_site_and_whoever_would_move_it_is_told_why(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    address = f"/api/trials/TUNDRA/subjects/{cast.subject_a.code}/"
    told = {"site": "02", "reason": "moved house"}
    answer = client.patch(address, told, content_type="application/json")
    assert answer.status_code == 400
    assert "stays with the site" in answer.json()["detail"]
    page = client.get(f"/subjects/{cast.subject_a.code}/correct/").content.decode()
    assert "stays with the site that registered it" in page
    cast.subject_a.refresh_from_db()
    assert cast.subject_a.trial_site == cast.site_a

from typing import Any

import pytest
from django.test import Client

from tests.cast import Cast

pytestmark = pytest.mark.django_db


def found(client: Client, address: str) -> list[dict[str, Any]]:
    answer = client.get(address)
    assert answer.status_code == 200
    return list(answer.json()["results"])


@pytest.mark.req("R-ACC-05")
def test_the_api_gives_the_rows_of_the_pages_and_never_more(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    assert [row["code"] for row in found(client, "/api/trials/")] == ["TUNDRA"]
    assert [row["code"] for row in found(client, "/api/trials/TUNDRA/subjects/")] == [cast.subject_a.code]
    points = found(client, "/api/trials/TUNDRA/time-points/")
    assert {row["subject"] for row in points} == {cast.subject_a.code}
    assert [row["code"] for row in points] == ["BL", "FU1", "FU2"]


@pytest.mark.req("R-ACC-05")
@pytest.mark.parametrize(("name", "status"), [("sponsor", 403), ("reader", 404), ("stranger", 404), ("operator", 404)])
def test_who_may_see_no_subject_gets_a_problem(cast: Cast, client: Client, name: str, status: int) -> None:
    client.force_login(getattr(cast, name))
    for part in ("subjects", "time-points"):
        answer = client.get(f"/api/trials/TUNDRA/{part}/", headers={"x-request-id": "request-0817"})
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["status"], problem["request_id"]) == (status, "request-0817")
        assert problem["detail"].endswith(".")


@pytest.mark.req("R-ACC-05")
def test_the_api_never_shows_a_token_of_identity_or_a_key(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    assert set(found(client, "/api/trials/")[0]) == {"code", "title", "protocol_number", "sponsor", "state"}
    assert set(found(client, "/api/trials/TUNDRA/subjects/")[0]) == {"code", "site", "day_zero", "state"}


@pytest.mark.req("R-ACC-05")
def test_filters_narrow_and_unknown_or_broken_ones_are_refused(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    rows = found(client, "/api/trials/TUNDRA/time-points/?site=02&code=BL&state=expected&limit=1")
    assert [row["subject"] for row in rows] == [cast.subject_b.code]
    for query, word in (
        ("trial_site__trial=1", "trial_site__trial"),
        ("state=gone", "state"),
        ("due_from=soon", "due_from"),
    ):
        answer = client.get(f"/api/trials/TUNDRA/time-points/?{query}")
        assert answer.status_code == 400
        assert word in answer.json()["detail"]


@pytest.mark.req("R-ACC-05")
def test_the_api_needs_a_session_and_only_reads(cast: Cast, client: Client) -> None:
    assert client.get("/api/trials/").status_code == 403
    client.force_login(cast.coordinator)
    for method in (client.post, client.put, client.patch, client.delete):
        assert method("/api/trials/", data={}, content_type="application/json").status_code == 405

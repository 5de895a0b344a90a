import csv
import io

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.lines import COLUMNS
from audit.models import AuditEvent
from tests.cast import TODAY, Cast, actor_for
from trials.services import subjects
from trials.views.trail import PAGE, neutral

pytestmark = pytest.mark.django_db
ADDRESS = "/trials/TUNDRA/audit/"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.req("R-TRI-08")
def test_the_trail_comes_newest_first_in_pages_of_fifty(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    code, by = cast.subject_a.code, actor_for(cast.alba)
    for _turn in range(PAGE // 2):
        subjects.withdraw_consent(by=by, subject=cast.subject_a, on=TODAY, reason="again")
        consent = subjects.NewConsent(form=cast.form, scopes=("imaging",), on=TODAY)
        subjects.give_consent(by=by, subject=cast.subject_a, consent=consent)
    page = client.get(ADDRESS)
    sequences = [line.event.sequence for line in page.context["lines"]]
    assert len(sequences) == PAGE
    assert sequences == sorted(sequences, reverse=True)
    assert page.context["page"].paginator.count == AuditEvent.objects.filter(trial_code="TUNDRA").count()
    older = client.get(f"{ADDRESS}?page=2").context["lines"]
    assert older[0].event.sequence < sequences[-1]
    assert code in page.content.decode()


@pytest.mark.req("R-TRI-08")
def test_a_line_tells_time_person_role_act_object_change_reason_and_request(cast: Cast, client: Client) -> None:
    subjects.withdraw_consent(by=actor_for(cast.alba), subject=cast.subject_a, on=TODAY, reason="asked by letter")
    client.force_login(cast.monitor)
    answer = client.get(ADDRESS, {"act": "consent.withdrawn"})
    (line,) = answer.context["lines"]
    page = answer.content.decode()
    for word in (
        "Alba Sitestaff",
        "site_staff",
        "consent.withdrawn",
        cast.subject_a.code,
        "asked by letter",
        "test-req",
    ):
        assert word in page
    scopes = next(change for change in line.changes if change.name == "scopes")
    assert "imaging" in scopes.before
    assert scopes.after == "[]"


@pytest.mark.req("R-TRI-08")
def test_the_filter_narrows_by_act_person_and_day(cast: Cast, client: Client) -> None:
    client.force_login(cast.officer)
    chosen = client.get(ADDRESS, {"act": "subject.registered", "person": "alba"}).context["lines"]
    assert [line.event.object_label for line in chosen] == [cast.subject_a.code]
    tomorrow = TODAY.replace(year=TODAY.year + 1, day=1)
    assert client.get(ADDRESS, {"since": tomorrow.isoformat()}).context["lines"] == []
    assert len(client.get(ADDRESS, {"until": tomorrow.isoformat()}).context["lines"]) > 10


@pytest.mark.req("R-TRI-08")
def test_events_of_other_trials_stay_out(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    told = {"code": "FJORD", "title": "F", "protocol_number": "F-1", "sponsor_name": "Northlight"}
    client.post("/trials/new/", told)
    assert {line.event.trial_code for line in client.get(ADDRESS).context["lines"]} == {"TUNDRA"}
    assert {line.event.trial_code for line in client.get("/trials/FJORD/audit/").context["lines"]} == {"FJORD"}


@pytest.mark.req("R-TRI-08")
@pytest.mark.parametrize(
    ("name", "status"),
    [("alba", 403), ("analyst", 403), ("sponsor", 403), ("reader", 404), ("stranger", 404), ("operator", 404)],
)
def test_who_may_not_see_the_trail_gets_neither_page_nor_export(
    cast: Cast, client: Client, name: str, status: int
) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(ADDRESS).status_code == status
    assert client.post(f"{ADDRESS}export/").status_code == status
    assert not AuditEvent.objects.filter(act="audit.exported").exists()


@pytest.mark.req("R-TRI-09")
def test_the_export_holds_every_column_and_is_an_event_itself(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    before = AuditEvent.objects.filter(trial_code="TUNDRA").count()
    answer = client.post(f"{ADDRESS}export/")
    table = rows(answer.content.decode())
    assert answer.headers["Content-Disposition"] == 'attachment; filename="TUNDRA-audit.csv"'
    assert tuple(table[0]) == COLUMNS
    assert len(table) == before + 1
    event = AuditEvent.objects.get(act="audit.exported")
    assert (event.actor_id, event.role) == ("mona", "monitor")
    assert f'"events":{before}' in event.after


@pytest.mark.req("R-TRI-09")
def test_the_export_keeps_the_filter_and_the_event_tells_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    answer = client.post(f"{ADDRESS}export/", {"act": "subject.registered"})
    assert {row["act"] for row in rows(answer.content.decode())} == {"subject.registered"}
    assert '"act":"subject.registered"' in AuditEvent.objects.get(act="audit.exported").after


@pytest.mark.req("R-TRI-09")
def test_a_filter_that_cannot_be_read_exports_nothing(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    assert client.post(f"{ADDRESS}export/", {"act": "no.such.act"}).status_code == 400
    assert not AuditEvent.objects.filter(act="audit.exported").exists()


@pytest.mark.req("R-TRI-09")
def test_a_formula_in_a_reason_reaches_no_spreadsheet(cast: Cast, client: Client) -> None:
    formula = '=HYPERLINK("http://example.org")'
    subjects.withdraw_consent(by=actor_for(cast.alba), subject=cast.subject_a, on=TODAY, reason=formula)
    client.force_login(cast.coordinator)
    table = rows(client.post(f"{ADDRESS}export/").content.decode())
    assert {row["reason"] for row in table if row["reason"]} == {f"'{formula}"}


@pytest.mark.req("R-TRI-09")
@given(st.sampled_from("=+-@\t\r\n＝＋－＠"), st.text())
def test_whatever_begins_like_a_formula_is_made_text(start: str, rest: str) -> None:
    assert neutral(start + rest) == "'" + start + rest


@pytest.mark.req("R-TRI-09")
@given(st.text().filter(lambda text: not text or text[0].isalnum()))
def test_plain_text_leaves_as_it_is(text: str) -> None:
    assert neutral(text) == text

"""The whole-trial audit screen: what it shows, what its filters leave, and what an export of it holds."""

import csv
import datetime as dt
import hashlib
import io
import json
from dataclasses import replace
from itertools import islice

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from audit.lines import COLUMNS
from audit.masking import mask
from audit.models import AuditEvent
from audit.sheets import neutral
from imaging.models import Submission
from tests.cast import TODAY, Cast, actor_for, give, seat, withdraw
from tests.people import STAGE
from trials.models import Subject, TimePoint
from trials.roles import Role
from trials.services.trail import TrailChanged, _checked, _Piece
from trials.views.trail import PAGE

pytestmark = pytest.mark.django_db
ADDRESS = "/trials/TUNDRA/audit/"


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a streaming answer


def rows(answer: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body(answer).decode(), newline="")))


def acts() -> int:
    return AuditEvent.objects.filter(trial_code="TUNDRA", layer="act").count()


@pytest.mark.req("R-TRI-08")
def test_the_trail_comes_newest_first_in_pages_of_fifty(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    code = cast.subject_a.code
    for _turn in range(PAGE // 2):
        withdraw(cast.alba, cast.subject_a, reason="again")
        give(cast.alba, cast.monitor, cast.subject_a, cast.form, scopes=("imaging",))
    page = client.get(ADDRESS)
    sequences = [line.event.sequence for line in page.context["lines"]]
    assert len(sequences) == PAGE
    assert sequences == sorted(sequences, reverse=True)
    assert page.context["page"].paginator.count == acts()
    older = client.get(f"{ADDRESS}?page=2").context["lines"]
    assert older[0].event.sequence < sequences[-1]
    assert code in page.content.decode()


@pytest.mark.req("R-TRI-08")
def test_a_line_tells_time_person_role_act_object_change_reason_and_request(cast: Cast, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="asked by letter")
    client.force_login(cast.monitor)
    answer = client.get(ADDRESS, {"act": "consent.withdrawn"})
    (line,) = answer.context["lines"]
    page = answer.content.decode()
    for word in (
        "Alba Sitestaff",
        "site staff",
        "consent withdrawn",
        "consent.withdrawn",
        cast.subject_a.code,
        f"/history/subject/{cast.subject_a.pk}/",
        "asked by letter",
        "test-req",
    ):
        assert word in page
    covered = next(change for change in line.changes if change.name == "covered")
    assert "imaging" in covered.before
    assert "imaging" not in covered.after


@pytest.mark.req("R-TRI-08")
def test_the_filter_narrows_by_act_person_kind_and_day(cast: Cast, client: Client) -> None:
    client.force_login(cast.officer)
    chosen = client.get(ADDRESS, {"act": "subject.registered", "person": "alba"}).context["lines"]
    assert [line.event.object_label for line in chosen] == [cast.subject_a.code]
    kinds = {line.event.object_type for line in client.get(ADDRESS, {"kind": "trials.TrialSite"}).context["lines"]}
    assert kinds == {"trials.TrialSite"}
    tomorrow = TODAY + dt.timedelta(days=1)
    assert client.get(ADDRESS, {"since": tomorrow.isoformat()}).context["lines"] == []
    assert len(client.get(ADDRESS, {"until": TODAY.isoformat()}).context["lines"]) > 10
    assert client.get(ADDRESS, {"until": (TODAY - dt.timedelta(days=1)).isoformat()}).context["lines"] == []


@pytest.mark.req("R-HIS-05")
def test_acts_are_shown_first_and_values_when_they_are_asked_for(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)

    def layers(**asked: str) -> set[str]:
        return {line.event.layer for line in client.get(ADDRESS, asked).context["lines"]}

    assert layers() == layers(layer="act") == {"act"}
    assert layers(layer="row") == {"row"}
    both = client.get(ADDRESS, {"layer": "both"}).context["page"].paginator.count
    assert both == AuditEvent.objects.filter(trial_code="TUNDRA").count()


@pytest.mark.req("R-HIS-05")
def test_the_filter_finds_words_and_reasons(cast: Cast, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="Asked by Letter")
    client.force_login(cast.monitor)
    found = client.get(ADDRESS, {"text": "by letter"}).context["lines"]
    assert {line.event.reason for line in found} == {"Asked by Letter"}
    named = client.get(ADDRESS, {"text": cast.subject_b.code.lower()}).context["lines"]
    assert {line.event.object_label for line in named} == {cast.subject_b.code}
    reasoned = client.get(ADDRESS, {"is_reasoned": "on"}).context["lines"]
    assert reasoned
    assert all(line.event.reason for line in reasoned)


@pytest.mark.req("R-HIS-05")
def test_every_person_of_the_trial_can_be_chosen_who_acted_or_not(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    offered = dict(client.get(ADDRESS).context["form"].fields["person"].choices)
    seated = {cast.coordinator, cast.alba, cast.reader, cast.sponsor}
    assert {user.get_username() for user in seated} | {STAGE.id} <= set(offered)
    assert cast.stranger.get_username() not in offered


@pytest.mark.req("R-HIS-05")
def test_the_page_asks_no_more_of_a_longer_trail(
    cast: Cast, client: Client, django_assert_max_num_queries: object
) -> None:
    client.force_login(cast.monitor)
    with django_assert_max_num_queries(60):  # type: ignore[operator]  # pytest-django's fixture
        client.get(ADDRESS)


@pytest.mark.req("R-HIS-05")
def test_a_masked_record_says_that_it_is_masked(cast: Cast, client: Client) -> None:
    event = AuditEvent.objects.get(act="subject.registered", object_label=cast.subject_a.code)
    by = actor_for(cast.coordinator).acting_as("coordinator")
    mask(by=by, agreed_by=actor_for(cast.officer), sequence=event.sequence, ground="a name was typed in")
    client.force_login(cast.monitor)
    page = client.get(ADDRESS, {"layer": "both", "person": "alba"})
    (masked,) = [line for line in page.context["lines"] if line.event.sequence == event.sequence]
    assert masked.is_masked
    assert "masked: what stood here" in page.content.decode()


@pytest.mark.req("R-TRI-08")
def test_events_of_other_trials_stay_out(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    told = {"code": "FJORD", "title": "F", "protocol_number": "F-1", "sponsor_name": "Northlight"}
    client.post("/trials/new/", told)
    both = {"layer": "both"}
    assert {line.event.trial_code for line in client.get(ADDRESS, both).context["lines"]} == {"TUNDRA"}
    assert {line.event.trial_code for line in client.get("/trials/FJORD/audit/", both).context["lines"]} == {"FJORD"}


@pytest.mark.req("R-TRI-08")
@pytest.mark.parametrize(
    ("name", "status"),
    [("reader", 404), ("adjudicator", 404), ("stranger", 404), ("operator", 404)],
)
def test_who_may_not_see_the_trail_gets_neither_page_nor_export(
    cast: Cast, client: Client, name: str, status: int
) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(ADDRESS).status_code == status
    for form in ("csv", "jsonl"):
        assert client.post(f"{ADDRESS}export/", {"form": form}).status_code == status
    assert not AuditEvent.objects.filter(act="audit.exported").exists()


FILTERS = [
    {},
    {"layer": "both"},
    {"layer": "row"},
    {"layer": "both", "kind": "trials.Subject"},
    {"person": "alba", "layer": "both"},
    {"text": "TUNDRA", "is_reasoned": ""},
    {"is_reasoned": "on", "layer": "both"},
    {"since": TODAY.isoformat(), "until": TODAY.isoformat()},
]


@pytest.mark.req("R-HIS-06")
@pytest.mark.parametrize("asked", FILTERS, ids=str)
def test_an_export_has_as_many_lines_as_the_page_shows_events(
    cast: Cast, client: Client, asked: dict[str, str]
) -> None:
    client.force_login(cast.monitor)
    shown = client.get(ADDRESS, asked).context["page"].paginator.count
    table = rows(client.post(f"{ADDRESS}export/", asked | {"form": "csv"}))
    # The first export is an act itself, which the second one may meet.
    again = client.get(ADDRESS, asked).context["page"].paginator.count
    lines = body(client.post(f"{ADDRESS}export/", asked | {"form": "jsonl"})).splitlines()
    assert shown > 0
    assert len(table) == shown
    assert len(lines) == again
    assert [json.loads(line)["commitment"] for line in lines][again - shown :] == [row["commitment"] for row in table]


@pytest.mark.req("R-HIS-06")
def test_an_export_of_nothing_is_an_empty_file_that_says_so(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    asked = {"text": "nobody ever wrote this", "form": "jsonl"}
    assert body(client.post(f"{ADDRESS}export/", asked)) == b""
    assert '"events":0' in AuditEvent.objects.get(act="audit.exported").after


@pytest.mark.req("R-TRI-09")
def test_the_export_holds_every_column_as_it_is_stored(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    answer = client.post(f"{ADDRESS}export/", {"form": "jsonl"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="TUNDRA-audit.jsonl"'
    told = [json.loads(line) for line in body(answer).splitlines()]
    event = AuditEvent.objects.get(sequence=told[0]["sequence"])
    assert tuple(told[0]) == COLUMNS
    assert {name: told[0][name] for name in ("act", "before", "after", "reason", "commitment")} == {
        name: getattr(event, name) for name in ("act", "before", "after", "reason", "commitment")
    }
    assert told[0]["at"] == event.at.isoformat(timespec="microseconds")


@pytest.mark.req("R-HIS-07")
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_export_is_an_act_with_count_filter_and_hash_of_the_very_file(
    cast: Cast, client: Client, form: str
) -> None:
    client.force_login(cast.monitor)
    before = acts()
    data = body(client.post(f"{ADDRESS}export/", {"person": "", "form": form}))
    event = AuditEvent.objects.get(act="audit.exported")
    told = json.loads(event.after)
    assert (event.actor_id, event.role) == ("mona", "monitor")
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert (told["events"], told["form"], told["filter"]) == (before, form, {"layer": "act"})


@pytest.mark.req("R-HIS-07")
def test_a_file_that_is_no_longer_the_recorded_one_breaks_off() -> None:
    pieces = [_Piece(count=1, data=b"one\n"), _Piece(count=1, data=b"two\n")]
    assert b"".join(_checked(iter(pieces), hashlib.sha256(b"one\ntwo\n").hexdigest())) == b"one\ntwo\n"
    broken = _checked(iter(pieces), hashlib.sha256(b"one\n").hexdigest())
    assert b"".join(islice(broken, 2)) == b"one\n"
    with pytest.raises(TrailChanged):
        next(broken)


@pytest.mark.req("R-TRI-09")
def test_the_export_keeps_the_filter_and_the_event_tells_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    answer = client.post(f"{ADDRESS}export/", {"act": "subject.registered"})
    assert {row["act"] for row in rows(answer)} == {"subject.registered"}
    assert '"act":"subject.registered"' in AuditEvent.objects.get(act="audit.exported").after


@pytest.mark.req("R-TRI-09")
@pytest.mark.parametrize("told", [{"act": "no.such.act"}, {"form": "exe"}, {"layer": "seal"}, {"since": "soon"}])
def test_a_filter_that_cannot_be_read_exports_nothing(cast: Cast, client: Client, told: dict[str, str]) -> None:
    client.force_login(cast.monitor)
    assert client.post(f"{ADDRESS}export/", told).status_code == 400
    assert not AuditEvent.objects.filter(act="audit.exported").exists()


@pytest.mark.req("R-TRI-09")
def test_a_formula_in_a_reason_reaches_no_spreadsheet(cast: Cast, client: Client) -> None:
    formula = '=HYPERLINK("http://example.org")'
    withdraw(cast.alba, cast.subject_a, reason=formula)
    client.force_login(cast.coordinator)
    table = rows(client.post(f"{ADDRESS}export/", {"act": "consent.withdrawn"}))
    assert {row["reason"] for row in table} == {f"'{formula}"}


@pytest.mark.req("R-TRI-09")
def test_a_reason_of_several_lines_stays_one_record_in_both_forms(cast: Cast, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="one\ntwo\u2028three")
    client.force_login(cast.coordinator)
    asked = {"act": "consent.withdrawn"}
    (row,) = rows(client.post(f"{ADDRESS}export/", asked))
    (line,) = body(client.post(f"{ADDRESS}export/", asked | {"form": "jsonl"})).split(b"\n")[:-1]
    assert row["reason"] == json.loads(line)["reason"] == "one\ntwo\u2028three"


@pytest.mark.req("R-HIS-05")
def test_values_changed_by_a_machine_name_it_and_whom_it_worked_for(cast: Cast, client: Client) -> None:
    with acting(replace(STAGE, on_behalf_of="alba")):
        TimePoint.objects.filter(subject=cast.subject_a).update(state=TimePoint.State.REFUSED)
        Subject.objects.filter(pk=cast.subject_a.pk).update(state=Subject.State.WITHDRAWN)
    client.force_login(cast.monitor)
    page = client.get(ADDRESS, {"layer": "row", "act": "row.changed", "person": "alba"})
    assert len(page.context["lines"]) == 4
    assert "for alba" in page.content.decode()
    state = page.context["lines"][0].changes[0]
    assert (state.before, state.after) == ("enrolled", "withdrawn")


@pytest.mark.req("R-TRI-09")
@given(st.sampled_from("=+-@\t\r\n＝＋－＠"), st.text())
def test_whatever_begins_like_a_formula_is_made_text(start: str, rest: str) -> None:
    assert neutral(start + rest) == "'" + start + rest


@pytest.mark.req("R-TRI-09")
@given(st.text().filter(lambda text: not text or text[0].isalnum()))
def test_plain_text_leaves_as_it_is(text: str) -> None:
    assert neutral(text) == text


@pytest.mark.req("R-ROLE-13")
def test_nothing_can_be_searched_in_what_the_sponsor_does_not_see(cast: Cast, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="asked by letter")
    client.force_login(cast.sponsor)
    answer = client.get(ADDRESS, {"act": "consent.withdrawn", "text": "no such word", "person": "alba"})
    assert "text" not in answer.context["form"].fields
    assert set(dict(answer.context["form"].fields["person"].choices)) == {"", cast.sponsor.get_username()}
    found = client.get(ADDRESS, {"act": "consent.withdrawn", "text": "no such word"}).context["lines"]
    (line,) = found
    assert (line.event.reason, line.event.actor_name[:2], line.thing) == ("masked", "P-", cast.subject_a.code)
    assert line.event.commitment == ""
    assert AuditEvent.objects.get(act="consent.withdrawn").reason == "asked by letter"


@pytest.mark.req("R-ROLE-14")
def test_the_monitor_of_a_site_sees_what_happened_there_and_nowhere_else(cast: Cast, client: Client) -> None:
    client.force_login(cast.visitor)
    taken = client.post(f"{ADDRESS}export/", {"layer": "both", "form": "csv"})
    told = rows(taken)
    kinds = {row["object_type"] for row in told}
    assert {"trials.Subject", "trials.TimePoint", "trials.Consent", "trials.Membership", "trials.TrialSite"} <= kinds
    assert not {kind for kind in kinds if kind.startswith(("endpoints.", "reports.", "privacy."))}
    assert {row["object_id"] for row in told if row["object_type"] == "trials.TrialSite"} == {str(cast.site_a.pk)}
    assert {row["object_id"] for row in told if row["object_type"] == "trials.Subject"} == {str(cast.subject_a.pk)}
    offered = dict(client.get(ADDRESS).context["form"].fields["person"].choices)
    assert "alba" in offered
    assert not {"brisa", "rhea", "rolf"} & set(offered)


@pytest.mark.req("R-ROLE-14")
def test_a_delivery_stands_in_the_trail_of_its_own_sites_monitor(cast: Cast, client: Client, filed: Submission) -> None:
    client.force_login(cast.visitor)
    told = rows(client.post(f"{ADDRESS}export/", {"layer": "act", "form": "csv"}))
    assert str(filed.pk) in {row["object_id"] for row in told if row["object_type"] == "imaging.Submission"}
    with acting(STAGE, reason="visits the other site"):
        give_seat(cast)
    told = rows(client.post(f"{ADDRESS}export/", {"layer": "act", "form": "csv"}))
    assert not {row for row in (each["object_type"] for each in told) if row == "imaging.Submission"}


def give_seat(cast: Cast) -> None:
    """Let the visitor go to the other site from today on."""
    cast.trial.memberships.filter(user=cast.visitor).delete()
    seat(cast.trial, cast.administrator, cast.visitor, Role.SITE_MONITOR, cast.site_b)

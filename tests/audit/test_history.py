"""The History page of every record: what it lists, to whom, and that a blinded reader's holds nothing that unblinds."""

import ast
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from audit.acts import WORDS
from audit.context import acting
from audit.masking import mask
from audit.models import AuditEvent
from config.records import RECORDS
from endpoints.models import Lesion, Measurement, Read
from endpoints.services import assignments, lesions, reads
from imaging.models import Query, Submission
from imaging.services import quality
from tests.cast import Cast, actor_for, withdraw
from tests.endpoints.desk import name, opened, say
from tests.people import STAGE
from tests.signing import decide, lock
from trials.models import Charter, Consent, Membership, Site, Subject, TimePoint, TrialSite
from trials.services import charters

pytestmark = pytest.mark.django_db
State = Measurement.State


def address(obj: Model) -> str:
    return reverse("history", args=[obj._meta.model_name, obj.pk])


def shown(client: Client, obj: Model, **asked: str) -> list[Any]:
    answer = client.get(address(obj), asked)
    assert answer.status_code == 200
    lines: list[Any] = answer.context["lines"]
    return lines


def changes(lines: list[Any], key: str) -> list[tuple[str, str]]:
    """Before and after of one column, oldest first."""
    told = [change for line in reversed(lines) for change in line.changes if line.is_row and change.key == key]
    return [(change.before, change.after) for change in told]


@pytest.fixture
def draft(cast: Cast) -> Charter:
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="longer follow-up")


def change(cast: Cast, draft: Charter, reason: str = "as the protocol now says", **told: Any) -> None:
    now = Charter.objects.get(pk=draft.pk)
    after = {name: getattr(now, name) for name in charters.SETTINGS} | told
    charters.change_settings(by=actor_for(cast.coordinator), charter=draft, settings=after, reason=reason)


@pytest.mark.req("R-HIS-01")
def test_three_edits_of_a_field_list_four_values(cast: Cast, client: Client, draft: Charter) -> None:
    for days in (35, 42, 56):
        change(cast, draft, confirmation_days=days)
    client.force_login(cast.coordinator)
    lines = shown(client, draft)
    told = changes(lines, "confirmation_days")
    assert told == [("", "28"), ("28", "35"), ("35", "42"), ("42", "56")]
    page = strip_tags(client.get(address(draft)).content.decode())
    assert page.count("days to a confirming scan, at least") >= 4


@pytest.mark.req("R-HIS-01")
def test_two_fields_changed_at_once_are_two_lines_with_old_new_and_reason(
    cast: Cast, client: Client, draft: Charter
) -> None:
    change(cast, draft, reason="volumes are read elsewhere", volumetry=False, minimum_sd_days=49)
    client.force_login(cast.monitor)
    lines = shown(client, draft)
    line = next(line for line in lines if line.is_row and line.event.act == "row.changed")
    assert [(one.name, one.before, one.after) for one in line.changes] == [
        ("days until stable disease counts, at least", "42", "49"),
        ("volumes from segmentations", "yes", "no"),
    ]
    assert (line.event.actor_name, line.event.role) == ("Clara Coordinator", "coordinator")
    assert line.event.reason == "volumes are read elsewhere"
    page = client.get(address(draft)).content.decode()
    assert page.count("<del>") >= 2
    assert 'rowspan="2"' in page


@pytest.mark.req("R-HIS-01")
def test_choices_and_foreign_keys_are_told_in_words(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    (added,) = (line for line in shown(client, cast.site_a) if line.is_row and line.link == "trialsite")
    told = {change.key: change.after for change in added.changes}
    assert told["state"] == "open"
    assert told["site_id"] == "alba"
    assert told["trial_id"] == "TUNDRA"
    charter = shown(client, cast.charter)
    assert ("", "RECIST 1.1") in changes(charter, "criteria")
    assert ("draft", "approved") in changes(charter, "state")


@pytest.mark.req("R-HIS-01")
def test_secrets_appear_by_digest_alone(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    ((before, after),) = changes(shown(client, cast.trial, field="trials.Trial:wrapped_key"), "wrapped_key")
    assert (before, after[:8], len(after)) == ("", "SHA-256 ", 21)
    page = client.get(address(cast.trial)).content.decode()
    assert bytes(cast.trial.wrapped_key).hex() not in page


@pytest.mark.req("R-HIS-02")
def test_a_subject_tells_its_own_row_its_time_points_and_its_consents(cast: Cast, client: Client) -> None:
    withdraw(cast.alba, cast.subject_a, reason="asked by letter")
    client.force_login(cast.alba)
    lines = shown(client, cast.subject_a)
    kinds = [line.event.object_type for line in lines if line.is_row and line.event.act == "row.added"]
    assert sorted(kinds) == ["trials.Consent"] * 3 + ["trials.Subject"] + ["trials.TimePoint"] * 3
    acts = [line.event.act for line in lines if not line.is_row]
    assert acts == ["consent.withdrawn", "consent.confirmed", "consent.given", "subject.registered"]
    assert changes(lines, "state")[-1] == ("enrolled", "withdrawn")
    assert str(cast.subject_b.code) not in client.get(address(cast.subject_a)).content.decode()


@pytest.mark.req("R-HIS-02")
def test_a_charter_tells_visits_and_series_that_were_taken_out_again(
    cast: Cast, client: Client, draft: Charter
) -> None:
    planned = draft.time_points.get(code="FU2")
    charters.remove_time_point(by=actor_for(cast.coordinator), planned=planned)
    client.force_login(cast.monitor)
    lines = shown(client, draft)
    gone = [line.event.object_type for line in lines if line.event.act == "row.removed"]
    assert sorted(gone) == ["trials.ImagingRequirement", "trials.ScheduledTimePoint"]
    assert "time_point.unscheduled" in {line.event.act for line in lines}
    kept = {line.event.act for line in shown(client, cast.charter)}
    assert "row.removed" not in kept


@pytest.mark.req("R-HIS-02")
def test_a_read_tells_its_lesions_and_measurements_and_those_taken_back(cast: Cast, client: Client) -> None:
    read = opened(cast, cast.subject_a, "BL")
    kept, gone = name(read), name(read, organ="lung")
    for mm in ("20", "25", "30"):
        say(read, kept, State.MEASURED, mm)
    say(read, gone, State.MEASURED, "11")
    lesions.remove_lesion(by=actor_for(cast.reader), read=read, lesion=gone)
    client.force_login(cast.coordinator)
    lines = shown(client, read)
    assert changes(lines, "value")[:3] == [("", "20.0"), ("20.0", "25.0"), ("25.0", "30.0")]
    removed = sorted(line.event.object_type for line in lines if line.event.act == "row.removed")
    assert removed == ["endpoints.Lesion", "endpoints.Measurement"]
    assert {line.event.object_id for line in shown(client, read.assignment)} >= {str(read.pk), str(read.assignment_id)}


@pytest.mark.req("R-HIS-02")
def test_every_other_record_has_a_history(cast: Cast, client: Client, filed: Submission) -> None:
    point = filed.time_point
    assert point is not None
    decide(cast.analyst, point, "queried", comment="Please send the thin slices.")  # type: ignore[arg-type]  # a choice's value
    query = Query.objects.get(time_point=point)
    quality.answer(by=actor_for(cast.alba), query=query, text="They follow tomorrow.")
    instance = filed.instances.select_related("series__study").first()
    assert instance is not None
    client.force_login(cast.coordinator)
    told = {obj: {line.event.object_type for line in shown(client, obj)} for obj in (filed, point, query)}
    assert told[filed] == {"imaging.Submission", "imaging.IncomingFile", "imaging.CleaningCertificate"}
    assert told[point] >= {"trials.TimePoint", "imaging.QCCheck", "imaging.QCDecision", "imaging.Query"}
    assert told[query] == {"imaging.Query", "imaging.QueryMessage"}
    assert {line.event.object_type for line in shown(client, instance.series)} == {"imaging.Series", "imaging.Instance"}
    assert "imaging.Study" in {line.event.object_type for line in shown(client, instance.series.study)}
    assert shown(client, Membership.objects.get(user=cast.reader))


@pytest.mark.req("R-HIS-02")
def test_the_trial_shows_each_only_the_rows_they_may_see(cast: Cast, client: Client) -> None:
    def kinds(user: Any) -> set[str]:
        client.force_login(user)
        pages = (shown(client, cast.trial, page=page) for page in "12")
        return {line.event.object_type for lines in pages for line in lines}

    def older(user: Any) -> set[str]:
        client.force_login(user)
        return {line.event.object_type for line in shown(client, cast.trial, page="2")}

    told = {"trials.Trial", "trials.TrialSite", "trials.Membership", "trials.ConsentForm"}
    assert kinds(cast.coordinator) | older(cast.coordinator) >= told
    assert "trials.Membership" not in kinds(cast.alba) | kinds(cast.sponsor)
    assert "trials.TrialSite" not in kinds(cast.sponsor)
    client.force_login(cast.alba)
    sites = {line.event.object_id for line in shown(client, cast.trial) if line.event.object_type == "trials.TrialSite"}
    assert sites == {str(cast.site_a.pk)}


@pytest.mark.req("R-HIS-02")
def test_what_was_done_to_the_trail_itself_is_for_those_who_may_see_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    client.post("/trials/TUNDRA/audit/export/", {"person": "alba"})
    client.force_login(cast.sponsor)
    assert "audit.exported" not in {line.event.act for line in shown(client, cast.trial)}


@pytest.mark.req("R-HIS-02")
def test_a_change_shows_the_sites_time_beside_utc_and_whom_a_machine_worked_for(cast: Cast, client: Client) -> None:
    with acting(STAGE, reason="the hospital moved"):
        Site.objects.filter(pk=cast.site_a.site_id).update(time_zone="Asia/Tokyo")
    with acting(replace(STAGE, on_behalf_of="alba")):
        Subject.objects.filter(pk=cast.subject_a.pk).update(state=Subject.State.WITHDRAWN)
    event = AuditEvent.objects.latest("sequence")
    client.force_login(cast.alba)
    page = client.get(address(cast.subject_a)).content.decode()
    there = event.at + dt.timedelta(hours=9)
    assert f"{event.at:%d %b %Y %H:%M:%S} UTC" in page
    assert f"{there:%d %b %Y %H:%M:%S} Asia/Tokyo" in page
    assert "for alba" in page
    assert "Asia/Tokyo" not in client.get(address(cast.trial)).content.decode()


@pytest.mark.req("R-HIS-03")
def test_the_filter_leaves_one_field_or_one_person(cast: Cast, client: Client, draft: Charter) -> None:
    change(cast, draft, confirmation_days=35)
    change(cast, draft, volumetry=False)
    with acting(STAGE, reason="set right by the operator"):
        Charter.objects.filter(pk=draft.pk).update(confirmation_days=36)
    client.force_login(cast.coordinator)
    only = shown(client, draft, field="trials.Charter:confirmation_days")
    assert changes(only, "confirmation_days") == [("", "28"), ("28", "35"), ("35", "36")]
    assert len(only) == 3
    assert {line.event.actor_id for line in shown(client, draft, person=STAGE.id)} == {STAGE.id}
    both = shown(client, draft, field="trials.Charter:confirmation_days", person="clara")
    assert changes(both, "confirmation_days") == [("", "28"), ("28", "35")]
    refused = client.get(address(draft), {"field": "trials.Charter:no_such"})
    assert refused.status_code == 200
    assert "not one of the available choices" in refused.content.decode()


@pytest.mark.req("R-HIS-03")
def test_a_masked_record_is_no_fault_of_the_filter(cast: Cast, client: Client, draft: Charter) -> None:
    change(cast, draft, confirmation_days=35)
    event = AuditEvent.objects.filter(object_type="trials.Charter", object_id=str(draft.pk), act="row.changed").latest(
        "sequence"
    )
    by = actor_for(cast.coordinator).acting_as("coordinator")
    mask(by=by, agreed_by=actor_for(cast.officer), sequence=event.sequence, ground="a name was typed in")
    client.force_login(cast.coordinator)
    assert len(shown(client, draft, field="trials.Charter:confirmation_days")) == 1
    assert "masked: what stood here" in client.get(address(draft)).content.decode()


@pytest.mark.req("R-HIS-03")
def test_a_long_history_comes_in_pages_of_events(cast: Cast, client: Client, draft: Charter) -> None:
    for days in range(29, 60):
        with acting(STAGE, reason="to fill a page"):
            Charter.objects.filter(pk=draft.pk).update(confirmation_days=days)
    client.force_login(cast.coordinator)
    first, second = shown(client, draft), shown(client, draft, page="2")
    assert len(first) == 25
    assert first[-1].event.sequence > second[0].event.sequence
    assert [line.event for line in shown(client, draft, page="9" * 5000)] == [line.event for line in first]


@pytest.mark.req("R-HIS-02")
@pytest.mark.parametrize("kind", ["no-such", "user", "site", "auditevent", "subject%00"])
def test_an_unknown_kind_has_no_history(cast: Cast, client: Client, kind: str) -> None:
    client.force_login(cast.coordinator)
    assert client.get(f"/history/{kind}/1/").status_code == 404


@pytest.mark.req("R-HIS-02")
@pytest.mark.parametrize("key", ["0", "-1", "9" * 30, "9" * 5000, str(2**63), "x", "%00"])
def test_an_impossible_key_has_no_history(cast: Cast, client: Client, key: str) -> None:
    client.force_login(cast.coordinator)
    for kind in RECORDS:
        assert client.get(f"/history/{kind}/{key}/").status_code == 404, kind


@pytest.mark.req("R-HIS-02")
def test_foreign_records_have_no_history_here(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    for foreign in (cast.subject_b, cast.site_b, TimePoint.objects.filter(subject=cast.subject_b).first()):
        assert client.get(address(foreign)).status_code == 404  # type: ignore[arg-type]  # the stage has one
    for who in (cast.stranger, cast.operator):
        client.force_login(who)
        for obj in (cast.trial, cast.charter, cast.subject_a, cast.site_a):
            assert client.get(address(obj)).status_code == 404


# What a blinded reader must never meet, planted where a careless page would show it.
SITE_NUMBER, SITE_CODE, SITE_NAME, AE_TITLE = "ZQ77", "krypton", "Xenolith Clinic", "XENOPACS"
ARM = "arm B, bravomab"


@pytest.fixture
def blinded(cast: Cast) -> Read:
    """A read with corrections of its reader, a locked state, and a stranger's hand in it."""
    with acting(STAGE, reason="planted"):
        TrialSite.objects.filter(pk=cast.site_a.pk).update(number=SITE_NUMBER, ae_title=AE_TITLE)
        Site.objects.filter(pk=cast.site_a.site_id).update(code=SITE_CODE, name=SITE_NAME)
        Subject.objects.filter(pk=cast.subject_a.pk).update(day_zero=dt.date(2023, 3, 17))
    read = opened(cast, cast.subject_a, "BL")
    lesion = name(read, organ="liver")
    for mm in ("20", "25", "30"):
        say(read, lesion, State.MEASURED, mm)
    meddler = actor_for(cast.coordinator).acting_as("coordinator")
    with acting(meddler, reason=f"{cast.subject_a.code} of {SITE_NAME} is in {ARM}"):
        Lesion.objects.filter(pk=lesion.pk).update(organ="spleen")
    return lock(read, comment="seen twice")


@pytest.mark.req("R-HIS-04")
def test_the_readers_history_holds_nothing_that_unblinds(cast: Cast, client: Client, blinded: Read) -> None:
    client.force_login(cast.reader)
    page = client.get(reverse("read-history", args=[blinded.assignment_id])).content.decode()
    point = blinded.assignment.time_point
    scan_day = point.studies.get().study_day
    people = [getattr(cast, who) for who in ("coordinator", "alba", "brisa", "analyst", "second_reader", "sponsor")]
    canaries = {
        SITE_NUMBER,
        SITE_CODE,
        SITE_NAME,
        AE_TITLE,
        ARM,
        cast.subject_a.code,
        "TUNDRA",
        "2023",
        "Mar",
        point.scheduled.code + " ",
        point.scheduled.name,
        "Coordinator",
        "coordinator",
        "machine",
        "stage",
        *(user.get_full_name() for user in people),
        *(f">{user.get_username()}<" for user in people),
        *(f"{user.get_username()}," for user in people),
    }
    assert scan_day is not None
    assert {canary for canary in canaries if canary in page} == set()
    text = strip_tags(page.partition("<main")[2].partition("</main>")[0])
    assert re.findall(r"\b(?:19|20)\d\d\b|\d\d:\d\d|UTC", text) == []


@pytest.mark.req("R-HIS-04")
def test_the_readers_history_tells_their_own_work_by_minutes(cast: Cast, client: Client, blinded: Read) -> None:
    client.force_login(cast.reader)
    answer = client.get(reverse("read-history", args=[blinded.assignment_id]))
    steps = list(reversed(answer.context["steps"]))
    assert (steps[0].act, steps[0].who, steps[0].minutes) == ("value added", "you", 0)
    values = [(one.before, one.after) for step in steps for one in step.changes if one.key == "value"]
    assert values == [("", "20.0"), ("20.0", "25.0"), ("25.0", "30.0")]
    (foreign,) = [step for step in steps if step.who != "you"]
    assert (foreign.who, foreign.reason) == ("the core laboratory", "")
    assert [(one.before, one.after) for one in foreign.changes] == [("liver", "spleen")]
    assert {step.lesion for step in steps} == {"", "T01"}
    assert "+0 min" in answer.content.decode()


@pytest.mark.req("R-HIS-04")
def test_minutes_count_from_the_opening(cast: Cast, client: Client) -> None:
    read = opened(cast, cast.subject_a, "BL")
    Read.objects.filter(pk=read.pk).update(started_at=read.started_at - dt.timedelta(minutes=47, seconds=30))
    name(read)
    client.force_login(cast.reader)
    steps = client.get(reverse("read-history", args=[read.assignment_id])).context["steps"]
    assert steps[0].minutes == 47


@pytest.mark.req("R-HIS-04")
def test_a_reader_finds_no_other_history_of_anything(cast: Cast, client: Client, blinded: Read) -> None:
    client.force_login(cast.reader)
    case = blinded.assignment
    rows = (
        blinded,
        case,
        blinded.found.get(),
        blinded.measurements.get(),
        case.time_point,
        cast.subject_a,
        cast.site_a,
        cast.trial,
        cast.charter,
    )
    for row in rows:
        assert client.get(address(row)).status_code == 404, row
    client.force_login(cast.second_reader)
    assert client.get(reverse("read-history", args=[case.pk])).status_code == 404
    for who in (cast.coordinator, cast.monitor, cast.alba):
        client.force_login(who)
        assert client.get(reverse("read-history", args=[case.pk])).status_code in (403, 404)


@pytest.mark.req("R-HIS-04")
def test_another_readers_work_on_the_same_scan_stays_out(cast: Cast, client: Client, blinded: Read) -> None:
    other = assignments.assign(
        by=actor_for(cast.coordinator), time_point=blinded.assignment.time_point, reader=cast.second_reader
    )
    name(reads.open_read(by=actor_for(cast.second_reader), assignment=other), organ="pancreas")
    client.force_login(cast.reader)
    page = client.get(reverse("read-history", args=[blinded.assignment_id])).content.decode()
    assert "pancreas" not in page
    client.force_login(cast.second_reader)
    page = client.get(reverse("read-history", args=[other.pk])).content.decode()
    assert "pancreas" in page
    assert "spleen" not in page


ROOT = Path(settings.BASE_DIR)


def recorded() -> Iterator[str]:
    """Every act that our code names outright when it records."""
    for room in ("audit", "trials", "imaging", "endpoints", "reports", "config"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "act" and isinstance(node.value, ast.Constant):
                    yield str(node.value.value)


@pytest.mark.req("R-HIS-05")
def test_every_act_that_is_recorded_has_words() -> None:
    acts = set(recorded()) | {f"consent.{kind}" for kind in Consent.Kind}
    acts |= {f"time_point.{state}" for state in TimePoint.State}
    assert len(acts) > 40
    assert acts - set(WORDS) == set()

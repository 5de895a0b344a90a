"""A saved value changes with a reason only: by the services, on the pages, and in the database itself (A03, A04)."""

import datetime as dt
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.actor import Actor
from audit.context import acting
from audit.models import AuditEvent
from imaging.models import Submission
from tests import prepared
from tests.cast import TODAY, Cast, actor_for, add_site, found_trial, withdraw
from tests.people import STAGE
from tests.stack import ROOT, environment_of
from trials.models import Site, Subject, TimePoint, Trial, TrialSite
from trials.models.subjects import FIRST_DAY
from trials.services import corrections, subjects
from trials.services.corrections import SiteChange, SubjectChange, TrialChange

pytestmark = pytest.mark.django_db
WHY = "the protocol was amended"
EARLIER = TODAY - dt.timedelta(days=10)
TITLE = TrialChange(title="A better title")


def title(by: Actor, cast: Cast, change: TrialChange = TITLE, reason: str = WHY, seen: str = "") -> Trial:
    return corrections.correct_trial(by=by, trial=cast.trial, change=change, reason=reason, seen=seen)


def site(by: Actor, cast: Cast, change: SiteChange, reason: str = WHY, seen: str = "") -> TrialSite:
    return corrections.correct_site(by=by, trial_site=cast.site_a, change=change, reason=reason, seen=seen)


def day_zero(by: Actor, cast: Cast, day: dt.date = EARLIER, reason: str = WHY, seen: str = "") -> Subject:
    change = SubjectChange(day_zero=day)
    return corrections.correct_subject(by=by, subject=cast.subject_a, change=change, reason=reason, seen=seen)


def refusal(call: Callable[[], Any]) -> str:
    """The code of the first refusal; nothing may be written by it."""
    before = AuditEvent.objects.count()
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        call()
    assert AuditEvent.objects.count() == before
    errors = refused.value.error_dict.values() if hasattr(refused.value, "error_dict") else [[refused.value]]
    return next(str(error.code) for each in errors for error in each)


def acts(act: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(act=act).order_by("sequence"))


def told(event: AuditEvent) -> tuple[Any, Any]:
    return json.loads(event.before), json.loads(event.after)


def planned(cast: Cast) -> dict[str, dt.date]:
    return dict(cast.subject_a.time_points.values_list("scheduled__code", "due_on"))


@pytest.mark.req("R-COR-01")
@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_no_service_changes_a_value_without_a_reason(cast: Cast, reason: str) -> None:
    clara, alba = actor_for(cast.coordinator), actor_for(cast.alba)
    for call in (
        lambda: title(clara, cast, reason=reason),
        lambda: site(clara, cast, SiteChange(number="07"), reason=reason),
        lambda: day_zero(alba, cast, reason=reason),
    ):
        assert refusal(call) == "no-reason"
    assert Trial.objects.get(pk=cast.trial.pk).title == "The TUNDRA trial"


def corrected_columns(cast: Cast) -> dict[str, Callable[[], object]]:
    return {
        "title": lambda: Trial.objects.filter(pk=cast.trial.pk).update(title="forced"),
        "protocol": lambda: Trial.objects.filter(pk=cast.trial.pk).update(protocol_number="forced"),
        "number": lambda: TrialSite.objects.filter(pk=cast.site_a.pk).update(number="forced"),
        "AE title": lambda: TrialSite.objects.filter(pk=cast.site_a.pk).update(ae_title="forced"),
        "hospital": lambda: Site.objects.filter(pk=cast.site_a.site_id).update(name="forced"),
        "time zone": lambda: Site.objects.filter(pk=cast.site_a.site_id).update(time_zone="Asia/Tokyo"),
        "day zero": lambda: Subject.objects.filter(pk=cast.subject_a.pk).update(day_zero=EARLIER),
        "due day": lambda: TimePoint.objects.filter(subject=cast.subject_a).update(due_on=EARLIER),
    }


@pytest.mark.req("R-COR-01")
def test_the_database_refuses_every_value_that_can_be_corrected_where_no_reason_is_given(cast: Cast) -> None:
    for name, change in corrected_columns(cast).items():
        with acting(STAGE), pytest.raises(IntegrityError, match="with a reason only"), transaction.atomic():
            change()
        with acting(STAGE, reason=WHY), transaction.atomic():
            assert change(), name


@pytest.mark.req("R-COR-01")
def test_after_a_correction_its_reason_covers_no_further_change(cast: Cast) -> None:
    with acting(STAGE):
        title(actor_for(cast.coordinator), cast)
        with pytest.raises(IntegrityError, match="with a reason only"), transaction.atomic():
            Trial.objects.filter(pk=cast.trial.pk).update(title="in the shadow of it")


@pytest.mark.req("R-COR-02")
def test_a_correction_is_one_act_and_one_row_event_with_old_new_and_why(cast: Cast) -> None:
    start = AuditEvent.objects.latest("sequence").sequence
    after = title(actor_for(cast.coordinator), cast)
    assert Trial.objects.get(pk=cast.trial.pk).title == after.title == "A better title"
    row, act = AuditEvent.objects.filter(sequence__gt=start).order_by("sequence")
    assert (act.act, act.actor_id, act.role, act.reason) == ("trial.corrected", "clara", "coordinator", WHY)
    assert told(act) == ({"title": "The TUNDRA trial"}, {"title": "A better title"})
    assert (row.act, row.actor_id, row.role, row.reason) == ("row.changed", "clara", "coordinator", WHY)
    assert (act.trial_code, row.trial_code) == ("TUNDRA", "TUNDRA")


@pytest.mark.req("R-COR-02")
def test_only_what_differs_is_told(cast: Cast) -> None:
    title(actor_for(cast.coordinator), cast, TrialChange(title="The TUNDRA trial", protocol_number="T-2"))
    assert told(acts("trial.corrected")[0]) == ({"protocol_number": "TUNDRA-001"}, {"protocol_number": "T-2"})
    site(actor_for(cast.coordinator), cast, SiteChange(number="07", ae_title=""))
    before, after = told(acts("site.corrected")[0])
    assert (before, after) == ({"number": "01", "ae_title": "ALBA_PACS"}, {"number": "07", "ae_title": ""})


@pytest.mark.req("R-COR-03")
def test_of_three_changes_four_values_stay_readable_on_the_page(cast: Cast, client: Client) -> None:
    titles = ["The TUNDRA trial", "Second title", "Third title", "Fourth title"]
    for number, new in enumerate(titles[1:], start=1):
        title(actor_for(cast.coordinator), cast, TrialChange(title=new), reason=f"reason number {number}")
    client.force_login(cast.monitor)
    page = unescape(client.get(f"/history/trial/{cast.trial.pk}/").content.decode())
    for old, new in pairwise(titles):
        assert f"<del>{old}</del>" in page
        assert f"<ins>{new}</ins>" in page
    assert all(f"reason number {number}" in page for number in (1, 2, 3))


@pytest.mark.req("R-COR-04")
def test_only_the_coordinator_corrects_trial_and_site(cast: Cast) -> None:
    for who in ("alba", "analyst", "monitor", "officer", "sponsor"):
        for call in (title, lambda by, cast: site(by, cast, SiteChange(number="07"))):
            with pytest.raises((PermissionDenied, Http404)):
                call(actor_for(getattr(cast, who)), cast)
    for who in ("reader", "stranger", "operator"):
        with pytest.raises(Http404):
            title(actor_for(getattr(cast, who)), cast)


@pytest.mark.req("R-COR-04")
def test_day_zero_is_corrected_by_who_registers_subjects_of_the_site(cast: Cast) -> None:
    with pytest.raises(Http404):
        day_zero(actor_for(cast.brisa), cast)
    for who in ("analyst", "monitor", "officer"):
        with pytest.raises(PermissionDenied):
            day_zero(actor_for(getattr(cast, who)), cast)
    assert day_zero(actor_for(cast.alba), cast).day_zero == EARLIER
    assert day_zero(actor_for(cast.coordinator), cast, TODAY).day_zero == TODAY
    assert [event.role for event in acts("subject.corrected")] == ["site_staff", "coordinator"]


@pytest.mark.req("R-COR-04")
def test_a_hospital_that_another_coordinators_trial_shares_keeps_name_and_time_zone(cast: Cast) -> None:
    other = found_trial(cast.stranger, code="FJORD")
    add_site(other, cast.stranger, code="alba", number="09", ae_title="")
    clara = actor_for(cast.coordinator)
    for change in (SiteChange(hospital="New Hospital"), SiteChange(time_zone="Asia/Tokyo", number="07")):
        with pytest.raises(PermissionDenied, match="you do not coordinate"), transaction.atomic():
            site(clara, cast, change)
    cast.site_a.refresh_from_db()
    assert (cast.site_a.number, cast.site_a.site.name) == ("01", "Alba Hospital")
    assert site(clara, cast, SiteChange(number="07")).number == "07"


@pytest.mark.req("R-COR-04")
def test_a_hospitals_new_name_is_told_in_every_trial_it_takes_part_in(cast: Cast) -> None:
    other = found_trial(cast.coordinator, code="FJORD")
    add_site(other, cast.coordinator, code="alba", number="09", ae_title="")
    change = SiteChange(number="07", hospital="Alba University Hospital", time_zone="Europe/Madrid")
    site(actor_for(cast.coordinator), cast, change)
    assert Site.objects.get(code="alba").name == "Alba University Hospital"
    events = {event.trial_code: told(event)[1] for event in acts("site.corrected")}
    shared = {"hospital": "Alba University Hospital", "time_zone": "Europe/Madrid"}
    assert events == {"TUNDRA": {"number": "07"} | shared, "FJORD": shared}


@pytest.mark.req("R-COR-05")
def test_where_nothing_differs_nothing_is_written(cast: Cast) -> None:
    clara = actor_for(cast.coordinator)
    assert refusal(lambda: title(clara, cast, TrialChange())) == "same"
    assert refusal(lambda: title(clara, cast, TrialChange(title="The TUNDRA trial"))) == "same"
    assert refusal(lambda: site(clara, cast, SiteChange(number="01", hospital="Alba Hospital"))) == "same"
    assert refusal(lambda: day_zero(actor_for(cast.alba), cast, TODAY)) == "same"


@pytest.mark.req("R-COR-05")
def test_a_correction_of_values_that_changed_meanwhile_is_refused(cast: Cast) -> None:
    clara, alba = actor_for(cast.coordinator), actor_for(cast.alba)
    seen = corrections.seen_of(cast.trial)
    title(clara, cast, seen=seen)
    assert refusal(lambda: title(clara, cast, TrialChange(title="Mine"), seen=seen)) == "stale"
    seen = corrections.seen_of(cast.site_a)
    site(clara, cast, SiteChange(hospital="New Hospital"), seen=seen)
    assert refusal(lambda: site(clara, cast, SiteChange(number="07"), seen=seen)) == "stale"
    seen = corrections.seen_of(cast.subject_a)
    day_zero(alba, cast, seen=seen)
    assert refusal(lambda: day_zero(alba, cast, TODAY, seen=seen)) == "stale"


EIGHT_AT_ONCE = """
import threading
import django
django.setup()
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from audit.actor import Actor, machine
from audit.context import acting
from trials.models import User
from trials.services import corrections, trials

stage, start, found = machine("test", source="command", request_id="test-request"), threading.Barrier(8), []

def correct(number):
    by = Actor(id="clara", name="Clara", source="web", request_id=f"request-{number}", user_id=clara.pk)
    with acting(by):
        start.wait()
        try:
            change = corrections.TrialChange(title=f"title {number}")
            corrections.correct_trial(by=by, trial=trial, change=change, reason="at once", seen=seen)
            found.append("saved")
        except ValidationError as refusal:
            found.append(refusal.code)
    connection.close()

with acting(stage):
    clara = User.objects.create_user("clara", may_create_trials=True)
    by = Actor(id="clara", name="Clara", source="web", request_id="request", user_id=clara.pk)
    new = trials.NewTrial(code="ONCE", title="first", protocol_number="1", sponsor="S")
    trial = trials.create(by=by, new=new)
seen = corrections.seen_of(trial)
threads = [threading.Thread(target=correct, args=(number,)) for number in range(8)]
for step in ("start", "join"):
    for thread in threads:
        getattr(thread, step)()
print(sorted(found))
"""


@pytest.mark.any_engine
@pytest.mark.req("R-COR-05")
def test_of_eight_people_who_correct_the_same_values_at_once_one_is_saved(tmp_path: Path) -> None:
    """On a database in a file: what tests share in memory has one connection."""
    prepared.lay(tmp_path)
    environment = environment_of(tmp_path, DJANGO_SETTINGS_MODULE="config.settings", PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", EIGHT_AT_ONCE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == (f"{['saved', *['stale'] * 7]}\n", 0), done.stderr


@pytest.mark.req("R-COR-06")
def test_a_corrected_day_zero_moves_every_planned_day_and_the_act_tells_them(cast: Cast) -> None:
    before = planned(cast)
    day_zero(actor_for(cast.alba), cast)
    assert planned(cast) == {code: day - dt.timedelta(days=10) for code, day in before.items()}
    (event,) = acts("subject.corrected")
    was, now = told(event)
    assert (was["day_zero"], now["day_zero"]) == (TODAY.isoformat(), EARLIER.isoformat())
    assert now["due FU1"] == (EARLIER + dt.timedelta(days=56)).isoformat()
    rows = AuditEvent.objects.filter(act="row.changed", reason=WHY)
    assert sorted(rows.values_list("object_type", flat=True)) == ["trials.Subject", *["trials.TimePoint"] * 3]


@pytest.mark.req("R-COR-06")
@given(day=st.dates(dt.date(1985, 1, 1), TODAY + 3 * subjects.PLANNED_AHEAD))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_day_is_either_refused_whole_or_moves_all_planned_days(cast: Cast, day: dt.date) -> None:
    with transaction.atomic():
        try:
            with transaction.atomic():
                day_zero(actor_for(cast.alba), cast, day)
        except ValidationError:
            assert not FIRST_DAY <= day <= TODAY + subjects.PLANNED_AHEAD or day == TODAY
        saved = Subject.objects.get(pk=cast.subject_a.pk).day_zero
        assert planned(cast) == {
            code: saved + dt.timedelta(days=days) for code, days in (("BL", 0), ("FU1", 56), ("FU2", 112))
        }
        transaction.set_rollback(True)


@pytest.mark.req("R-COR-06")
def test_once_images_are_filed_day_zero_stays_and_the_sentence_says_what_to_do(cast: Cast, filed: Submission) -> None:
    assert refusal(lambda: day_zero(actor_for(cast.alba), cast)) == "images-filed"
    assert refusal(lambda: day_zero(actor_for(cast.coordinator), cast)) == "images-filed"
    with pytest.raises(ValidationError, match=r"Nothing was changed\. Keep a note to file"):
        day_zero(actor_for(cast.alba), cast)
    assert Subject.objects.get(pk=cast.subject_a.pk).day_zero == TODAY


@pytest.mark.req("R-COR-06")
def test_a_scan_filed_after_the_correction_counts_from_the_true_day(cast: Cast, request: pytest.FixtureRequest) -> None:
    day_zero(actor_for(cast.alba), cast)
    filed: Submission = request.getfixturevalue("filed")
    study = filed.instances.get(number=1).series.study
    scanned = dt.date(2004, 1, 19)  # what pydicom's CT says
    assert study.study_day == (scanned - EARLIER).days


@pytest.mark.req("R-COR-06")
def test_without_consent_day_zero_stays(cast: Cast) -> None:
    withdraw(cast.alba, cast.subject_a, reason="asked by letter")
    assert refusal(lambda: day_zero(actor_for(cast.alba), cast)) == "no-consent"


@pytest.mark.req("R-COR-06")
@pytest.mark.parametrize("day", [FIRST_DAY - dt.timedelta(days=1), TODAY + dt.timedelta(days=400)])
def test_an_implausible_day_zero_is_refused(cast: Cast, day: dt.date) -> None:
    assert refusal(lambda: day_zero(actor_for(cast.alba), cast, day)) == "day-zero"


@pytest.mark.req("R-COR-07")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (SiteChange(number="02"), "unique_together"),
        (SiteChange(ae_title="BRISA_PACS"), "taken"),
        (SiteChange(ae_title="BACK\\SLASH"), "invalid"),
        (SiteChange(ae_title="LINE\n"), "invalid"),
        (SiteChange(ae_title="SEVENTEEN_LETTERS"), "max_length"),
        (SiteChange(time_zone="Mars/Olympus"), "time-zone"),
        (SiteChange(time_zone="../etc/passwd"), "time-zone"),
        (SiteChange(hospital=""), "blank"),
        (SiteChange(number="", hospital="New Hospital"), "blank"),
    ],
)
def test_a_value_that_does_not_fit_changes_nothing_at_all(cast: Cast, change: SiteChange, code: str) -> None:
    assert refusal(lambda: site(actor_for(cast.coordinator), cast, change)) == code
    saved = {"number": "01", "ae_title": "ALBA_PACS", "hospital": "Alba Hospital", "time_zone": "UTC"}
    assert corrections.values_of(TrialSite.objects.get(pk=cast.site_a.pk)) == saved


@pytest.mark.req("R-COR-07")
def test_a_number_taken_in_the_same_moment_is_refused_in_words(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    # The check finds it free; the other one's row comes between check and write.
    monkeypatch.setattr(TrialSite, "full_clean", lambda _row: None)
    assert refusal(lambda: site(actor_for(cast.coordinator), cast, SiteChange(number="02"))) == "at-once"


def form(page: str) -> dict[str, str]:
    """What the open form would send as it stands."""
    page = page.partition('<form class="form"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="(?:text|date|hidden)" name="([^"]+)"(?: value="([^"]*)")?', page))
    fields |= dict(re.findall(r'<select name="([^"]+)".*?<option value="([^"]+)" selected', page, re.DOTALL))
    fields |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', page))
    return {name: unescape(value) for name, value in fields.items() if name != "csrfmiddlewaretoken"}


PAGES = {
    "trial": ("coordinator", {"title": "A better title"}, "The TUNDRA trial"),
    "site": ("coordinator", {"hospital": "New Hospital", "ae_title": "NEW_PACS"}, "Alba Hospital"),
    "subject": ("alba", {"day_zero": EARLIER.isoformat()}, TODAY.strftime("%d %b %Y")),
}


def address(cast: Cast, kind: str) -> str:
    return {
        "trial": "/trials/TUNDRA/correct/",
        "site": f"/trials/TUNDRA/sites/{cast.site_a.pk}/correct/",
        "subject": f"/subjects/{cast.subject_a.code}/correct/",
    }[kind]


@pytest.mark.req("R-COR-08")
@pytest.mark.parametrize("kind", PAGES)
def test_the_page_shows_what_is_saved_and_saves_what_is_typed_with_its_reason(
    cast: Cast, client: Client, kind: str
) -> None:
    who, typed, saved = PAGES[kind]
    client.force_login(getattr(cast, who))
    page = client.get(address(cast, kind)).content.decode()
    assert f"Saved now: {saved}" in page
    assert client.post(address(cast, kind), form(page) | typed | {"reason": WHY}).status_code == 302
    (event,) = acts(f"{kind}.corrected")
    assert set(typed.items()) <= set(told(event)[1].items())
    assert event.reason == WHY


@pytest.mark.req("R-COR-08")
@pytest.mark.parametrize("kind", PAGES)
def test_without_a_reason_the_page_keeps_what_was_typed_and_saves_nothing(
    cast: Cast, client: Client, kind: str
) -> None:
    who, typed, saved = PAGES[kind]
    client.force_login(getattr(cast, who))
    before = AuditEvent.objects.count()
    sent = form(client.get(address(cast, kind)).content.decode()) | typed | {"reason": " "}
    answer = client.post(address(cast, kind), sent)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Say why this value changes." in page
    assert f"Saved now: {saved}" in page
    assert set(typed.items()) <= set(form(page).items())
    assert AuditEvent.objects.count() == before


@pytest.mark.req("R-COR-08")
def test_a_form_opened_before_somebody_elses_correction_is_told_and_can_be_sent_again(
    cast: Cast, client: Client
) -> None:
    client.force_login(cast.coordinator)
    mine = form(client.get(address(cast, "trial")).content.decode()) | {"title": "Mine", "reason": WHY}
    title(actor_for(cast.coordinator), cast, TrialChange(title="Theirs"))
    answer = client.post(address(cast, "trial"), mine)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Somebody changed this meanwhile" in page
    assert "Saved now: Theirs" in page
    again = form(page)
    assert (again["title"], again["reason"]) == ("Mine", WHY)
    assert client.post(address(cast, "trial"), again).status_code == 302
    assert Trial.objects.get(pk=cast.trial.pk).title == "Mine"


@pytest.mark.req("R-COR-08")
def test_a_page_without_its_seen_values_or_with_forged_ones_saves_nothing(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    whole = form(client.get(address(cast, "trial")).content.decode()) | {"title": "New", "reason": WHY}
    for seen in ({"seen": ""}, {"seen": "0" * 64}, {"seen": "0" * 65}):
        assert client.post(address(cast, "trial"), whole | seen).status_code == 400
    assert Trial.objects.get(pk=cast.trial.pk).title == "The TUNDRA trial"


@pytest.mark.req("R-COR-08")
def test_links_stand_where_the_right_is_and_nowhere_else(cast: Cast, client: Client) -> None:
    places = {
        "trial": "/trials/TUNDRA/",
        "site": "/trials/TUNDRA/sites/",
        "subject": f"/subjects/{cast.subject_a.code}/",
    }
    for who, kinds in (("coordinator", {"trial", "site", "subject"}), ("alba", {"subject"}), ("monitor", set())):
        client.force_login(getattr(cast, who))
        shown = {kind for kind, page in places.items() if address(cast, kind) in client.get(page).content.decode()}
        assert shown == kinds, who


@pytest.mark.req("R-COR-08")
def test_who_does_not_coordinate_all_trials_of_a_hospital_is_not_asked_for_its_name(cast: Cast, client: Client) -> None:
    other = found_trial(cast.stranger, code="FJORD")
    add_site(other, cast.stranger, code="alba", number="09", ae_title="")
    client.force_login(cast.coordinator)
    page = client.get(address(cast, "site")).content.decode()
    assert "a trial that you do not coordinate" in page
    sent = form(page)
    assert set(sent) == {"number", "ae_title", "reason", "seen"}
    forged = sent | {"hospital": "Forged", "number": "07", "reason": WHY}
    assert client.post(address(cast, "site"), forged).status_code == 302
    assert Site.objects.get(code="alba").name == "Alba Hospital"


@pytest.mark.req("R-COR-08")
def test_words_with_markup_are_shown_as_words(cast: Cast, client: Client) -> None:
    title(actor_for(cast.coordinator), cast, TrialChange(title="<b>bold</b> & 5 % more"))
    client.force_login(cast.coordinator)
    page = client.get(address(cast, "trial")).content.decode()
    assert "<b>bold" not in page
    assert form(page)["title"] == "<b>bold</b> & 5 % more"


@pytest.mark.req("R-COR-02")
def test_a_correction_costs_few_statements(cast: Cast, django_assert_max_num_queries: Any) -> None:
    by = actor_for(cast.coordinator)
    with django_assert_max_num_queries(16):
        title(by, cast)

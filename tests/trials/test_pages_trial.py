import datetime as dt
import uuid
from collections.abc import Mapping

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from reports.models import Report
from tests.cast import TODAY, Cast, person, register
from tests.signpage import sign
from trials.models import Charter, Membership, Subject, TimePoint, Trial, User
from trials.views import tracker

pytestmark = pytest.mark.django_db
NEW_TRIAL = {"code": "FJORD", "title": "The FJORD trial", "protocol_number": "F-1", "sponsor_name": "Northlight"}


def founder(cast: Cast, client: Client) -> User:
    user = person("frida", "Frida Founder")
    User.objects.filter(pk=user.pk).update(may_create_trials=True)
    client.force_login(user)
    return user


def post(client: Client, address: str, told: Mapping[str, object]) -> None:
    answer = client.post(address, told)
    assert answer.status_code == 302, answer.content.decode()


@pytest.mark.req("R-TRI-01")
def test_a_trial_grows_from_nothing_to_its_first_subject_through_the_pages_alone(cast: Cast, client: Client) -> None:
    founder(cast, client)
    nils = person("nils", "Nils Sitestaff")
    post(client, "/trials/new/", NEW_TRIAL)
    post(client, "/trials/FJORD/charter/1/time-points/", visit("BL", 0))
    baseline = Charter.objects.get(trial__code="FJORD").time_points.get()
    prefix = f"series-{baseline.pk}"
    post(client, f"/trials/FJORD/charter/time-points/{baseline.pk}/series/", series(prefix))
    assert sign(client, client.get("/trials/FJORD/charter/1/approve/")).status_code == 302
    post(client, "/trials/FJORD/open/", {})
    site = {"number": "01", "code": "nord", "name": "Nord Hospital", "time_zone": "Europe/Oslo", "ae_title": ""}
    post(client, "/trials/FJORD/sites/new/", site)
    trial_site = Trial.objects.get(code="FJORD").sites.get()
    member = {"user": "nils", "role": "site_staff", "trial_site": trial_site.pk, "starts": TODAY, "ends": ""}
    post(client, "/trials/FJORD/people/new/", member)
    post(
        client,
        "/trials/FJORD/consent-forms/new/",
        {"version": "1", "approved_on": TODAY, "scopes": ["imaging"], "basis_imaging": "consent"},
    )
    form = Trial.objects.get(code="FJORD").consent_forms.get()
    approval = {"trial_site": trial_site.pk, "language": "nb", "on": TODAY}
    post(client, f"/trials/FJORD/consent-forms/{form.pk}/", approval)
    client.force_login(nils)
    paper = {"language": "nb", "scan_sha256": "a" * 64, "scan_pages": 2}
    told = {"trial_site": trial_site.pk, "day_zero": TODAY, "form": form.pk, "scopes": ["imaging"], "on": TODAY} | paper
    post(client, "/trials/FJORD/subjects/new/", told)
    subject = Subject.objects.get(trial_site=trial_site)
    page = client.get(f"/subjects/{subject.code}/").content.decode()
    assert "BL" in page
    assert subject.code in client.get("/trials/FJORD/").content.decode()


def visit(code: str, day: int) -> dict[str, object]:
    return {
        "visit-code": code,
        "visit-name": code,
        "visit-day": day,
        "visit-window_before": 7,
        "visit-window_after": 7,
    }


def series(prefix: str) -> dict[str, object]:
    return {f"{prefix}-name": "CT chest", f"{prefix}-modality": "ct", f"{prefix}-minimum_slices": 4}


@pytest.mark.req("R-TRI-01")
def test_only_accounts_that_may_create_trials_get_the_page_or_the_trial(cast: Cast, client: Client) -> None:
    for user in (cast.alba, cast.stranger, cast.operator):
        client.force_login(user)
        assert client.get("/trials/new/").status_code == 403
        assert client.post("/trials/new/", NEW_TRIAL).status_code == 403
    assert not Trial.objects.filter(code="FJORD").exists()


@pytest.mark.req("R-TRI-01")
@pytest.mark.parametrize(
    ("code", "word"), [("TUNDRA", "already exists"), ("new", "address of ours"), ("a b", "letters, numbers")]
)
def test_a_taken_reserved_or_broken_code_is_refused_in_words(cast: Cast, client: Client, code: str, word: str) -> None:
    founder(cast, client)
    answer = client.post("/trials/new/", NEW_TRIAL | {"code": code})
    assert answer.status_code == 400
    assert word in answer.content.decode()
    assert Trial.objects.count() == 1


@pytest.mark.req("R-TRI-02")
def test_a_trial_without_approved_charter_does_not_open_and_says_why(cast: Cast, client: Client) -> None:
    founder(cast, client)
    post(client, "/trials/new/", NEW_TRIAL)
    page = client.post("/trials/FJORD/open/", follow=True).content.decode()
    assert "Approve the charter first" in page
    assert Trial.objects.get(code="FJORD").state == Trial.State.PREPARING


@pytest.mark.req("R-TRI-02")
def test_the_overview_lists_what_is_missing_before_the_first_scan(cast: Cast, client: Client) -> None:
    founder(cast, client)
    post(client, "/trials/new/", NEW_TRIAL)
    steps = client.get("/trials/FJORD/").context["steps"]
    assert [step.is_done for step in steps] == [False] * 5
    client.force_login(cast.coordinator)
    assert client.get("/trials/TUNDRA/").context["steps"] == []


TABS = {
    "coordinator": {
        "Overview",
        "Subjects",
        "Sites and people",
        "Charter",
        "Deliveries",
        "Reads",
        "Unblinding",
        "Results",
        "Reports",
        "Privacy",
        "Audit",
    },
    "alba": {"Overview", "Subjects", "Sites and people", "Charter", "Deliveries", "Own acts"},
    "analyst": {"Overview", "Subjects", "Sites and people", "Charter", "Deliveries", "Own acts"},
    "administrator": {"Overview", "Sites and people", "Charter", "Audit"},
    "statistician": {"Overview", "Charter", "Arms", "Results", "Reports", "Own acts"},
    "inspector": {
        "Overview",
        "Subjects",
        "Sites and people",
        "Charter",
        "Deliveries",
        "Reads",
        "Unblinding",
        "Results",
        "Reports",
        "Privacy",
        "Audit",
    },
    "sponsor": {"Overview", "Charter", "Results", "Reports", "Out of analysis", "Audit"},
    "monitor": {"Overview", "Subjects", "Sites and people", "Charter", "Unblinding", "Results", "Reports", "Audit"},
    "officer": {
        "Overview",
        "Subjects",
        "Sites and people",
        "Charter",
        "Deliveries",
        "Out of analysis",
        "Privacy",
        "Audit",
    },
}


@pytest.mark.req("R-UI-02")
@pytest.mark.parametrize(("name", "labels"), TABS.items())
def test_a_trial_shows_each_role_its_own_tabs(cast: Cast, client: Client, name: str, labels: set[str]) -> None:
    client.force_login(getattr(cast, name))
    here = client.get("/trials/TUNDRA/").context["nav_here"]
    assert {str(tab.label) for tab in here.tabs} == labels
    assert here.current == "trial"


@pytest.mark.req("R-TRI-03")
def test_the_tracker_says_in_a_word_where_each_time_point_stands(cast: Cast, client: Client) -> None:
    late = register(cast.alba, cast.site_a, cast.form, TODAY - dt.timedelta(days=70))
    late.time_points.filter(scheduled__code="BL").update(state=TimePoint.State.ACCEPTED)
    client.force_login(cast.coordinator)
    grid = client.get("/trials/TUNDRA/").context["grid"]
    assert grid.codes == ("BL", "FU1", "FU2")
    row = next(row for block in grid.blocks for row in block.rows if row.subject == late)
    assert [cell.standing.word for cell in row.cells] == ["accepted", "overdue 7 d", "planned"]
    assert (grid.summary.subjects, grid.summary.overdue, grid.summary.due, grid.summary.accepted) == (3, 1, 2, 1)


@pytest.mark.req("R-TRI-03")
@pytest.mark.parametrize(("days", "word"), [(-8, "planned"), (-7, "due"), (0, "due"), (7, "due"), (8, "overdue 1 d")])
def test_a_time_point_is_due_inside_its_window_and_overdue_the_day_after(
    cast: Cast, client: Client, days: int, word: str
) -> None:
    TimePoint.objects.filter(subject=cast.subject_a, scheduled__code="BL").update(
        due_on=TODAY - dt.timedelta(days=days)
    )
    client.force_login(cast.alba)
    visits = client.get(f"/subjects/{cast.subject_a.code}/").context["visits"]
    assert next(v.standing.word for v in visits if v.time_point.scheduled.code == "BL") == word


@pytest.mark.req("R-TRI-03")
def test_site_staff_see_their_own_part_of_the_tracker_and_the_sponsor_none(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    page = client.get("/trials/TUNDRA/").content.decode()
    assert cast.subject_a.code in page
    assert cast.subject_b.code not in page
    client.force_login(cast.sponsor)
    assert client.get("/trials/TUNDRA/").context["grid"] is None


@pytest.mark.req("R-INDEX-02")
def test_a_page_of_the_tracker_shows_some_subjects_and_counts_all(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "PAGE", 1)
    client.force_login(cast.coordinator)
    address = f"/trials/{cast.trial.code}/"
    first, second, beyond = (client.get(address, {"page": number}).text for number in ("1", "2", "99"))
    assert cast.subject_a.code in first
    assert cast.subject_b.code not in first
    assert cast.subject_b.code in second
    assert cast.subject_b.code in beyond
    assert all("Subjects: <strong>2</strong>" in page for page in (first, second))
    assert "Further subjects" in first
    assert "Earlier subjects" in second


@pytest.mark.req("R-UI-01")
def test_my_work_counts_what_waits_for_each_role(cast: Cast, client: Client) -> None:
    cast.subject_a.time_points.filter(scheduled__code="BL").update(state=TimePoint.State.RECEIVED)
    client.force_login(cast.coordinator)
    desk = client.get("/").context["desks"][0]
    assert [task.count for task in desk.tasks] == [2, 0, 0, 1, 0]
    client.force_login(cast.brisa)
    desk = client.get("/").context["desks"][0]
    assert [visit.time_point.subject for visit in desk.to_send] == [cast.subject_b]
    client.force_login(cast.analyst)
    desk = client.get("/").context["desks"][0]
    assert [visit.time_point.subject for visit in desk.to_judge] == [cast.subject_a]


@pytest.mark.req("R-UI-01")
def test_my_work_gives_a_reader_a_count_and_nothing_of_the_trial(cast: Cast, client: Client) -> None:
    client.force_login(cast.reader)
    answer = client.get("/")
    assert (answer.context["reads"], answer.context["desks"]) == (0, [])
    assert "TUNDRA" not in answer.content.decode()


@pytest.mark.req("R-UI-01")
def test_my_work_shows_the_sponsor_released_reports_only(cast: Cast, client: Client) -> None:
    for number, state in ((1, Report.State.BUILT), (2, Report.State.RELEASED)):
        Report.objects.create(
            trial=cast.trial,
            charter=cast.charter,
            number=number,
            cut_off=TODAY,
            state=state,
            audit_sequence=1,
            built_at=timezone.now(),
            signature_id=uuid.uuid4(),
        )
    client.force_login(cast.sponsor)
    (desk,) = client.get("/").context["desks"]
    assert [report.number for report in desk.reports] == [2]


@pytest.mark.req("R-UI-01")
def test_my_work_is_empty_but_not_mute_for_stranger_and_operator(cast: Cast, client: Client) -> None:
    for user, word in ((cast.stranger, "You hold no role"), (cast.operator, "the data of trials are not")):
        client.force_login(user)
        page = client.get("/").content.decode()
        assert word in page
        assert "TUNDRA" not in page


@pytest.mark.req("R-TRI-01")
def test_founding_leaves_an_event_a_coordinator_and_an_administrator(cast: Cast, client: Client) -> None:
    user = founder(cast, client)
    post(client, "/trials/new/", NEW_TRIAL)
    assert AuditEvent.objects.get(act="trial.created", trial_code="FJORD").actor_id == "frida"
    seats = Membership.objects.filter(trial__code="FJORD", user=user, granted_by="frida")
    assert set(seats.values_list("role", flat=True)) == {"coordinator", "administrator"}
    assert Membership.objects.filter(trial__code="FJORD").count() == 2

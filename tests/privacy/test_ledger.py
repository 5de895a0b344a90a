"""The ledger: nothing leaves the core laboratory without a line about who received what."""

import hashlib
import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.context import acting
from audit.selectors import Wanted
from endpoints.services import assignments, reads
from imaging.dicomweb.resources import Kind as Level
from imaging.dicomweb.resources import Resource
from imaging.models import Instance, QCDecision, Submission, Tool
from imaging.services import tools
from imaging.services.doors import Binding, Caller
from privacy.services import access_packages, recipients
from reports import services as reports
from reports.services import Form
from tests.cast import TODAY, Cast, actor_for, withdraw
from tests.reports.rows import HALVED, write_reads
from tests.signing import decide
from trials.models import Disclosure, Subject
from trials.selectors import recipients_of
from trials.services import trail
from trials.services.ledger import Leaving, disclose, listed

pytestmark = pytest.mark.django_db
Kind = Disclosure.Kind


@pytest.fixture
def read(cast: Cast) -> Cast:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    return cast


def lines() -> list[Disclosure]:
    return list(Disclosure.objects.order_by("id"))


@pytest.mark.req("R-PRIV-01")
def test_each_way_out_writes_one_line_with_hash_recipient_and_subjects(read: Cast) -> None:
    by, trial = actor_for(read.coordinator), read.trial
    report = reports.build(by=by, trial=trial, cut_off=TODAY)
    reports.download(by=by, report=report, form=Form.PDF)
    reports.download(by=by, report=report, form=Form.CONTENTS)
    reports.take_results(by=actor_for(read.sponsor), trial=trial)
    taken = trail.export(by=by, trial=trial, wanted=Wanted(), form=trail.Form.CSV)
    package = access_packages.hand_out(by=actor_for(read.officer), subject=read.subject_a)
    told = lines()
    assert [line.kind for line in told] == [Kind.REPORT, Kind.REPORT, Kind.RESULTS, Kind.TRAIL, Kind.ACCESS]
    assert told[0].sha256 == report.pdf_sha256
    assert told[1].sha256 == report.contents_sha256
    assert told[3].sha256 == taken.sha256
    assert told[4].sha256 == package.sha256
    assert {line.recipient for line in told[:4]} == {"Tundra Core Laboratory"}
    assert all(read.subject_a.code in line.codes for line in told)
    assert told[4].codes == (read.subject_a.code,)
    assert list(recipients_of(read.subject_a)) == told[::-1]


@pytest.mark.req("R-PRIV-01")
def test_a_report_that_only_lists_a_subject_as_withdrawn_has_still_told_of_it(read: Cast) -> None:
    withdraw(read.brisa, read.subject_b)
    report = reports.build(by=actor_for(read.coordinator), trial=read.trial, cut_off=TODAY)
    reports.download(by=actor_for(read.coordinator), report=report, form=Form.PDF)
    assert read.subject_b.code in json.loads(report.contents)["withdrawn"][0]["subject"]
    assert [line.kind for line in recipients_of(read.subject_b)] == [Kind.REPORT]


@pytest.mark.req("R-PRIV-01")
def test_what_is_refused_leaves_no_line(read: Cast) -> None:
    report = reports.build(by=actor_for(read.coordinator), trial=read.trial, cut_off=TODAY)
    with pytest.raises(PermissionDenied):
        reports.download(by=actor_for(read.monitor), report=report, form=Form.PDF)
    with pytest.raises(PermissionDenied):
        access_packages.hand_out(by=actor_for(read.coordinator), subject=read.subject_a)
    assert lines() == []


@pytest.mark.req("R-PRIV-01")
@pytest.mark.parametrize("sql", ["UPDATE trials_disclosure SET recipient = 'nobody'", "DELETE FROM trials_disclosure"])
def test_the_database_refuses_to_change_or_delete_a_line(cast: Cast, sql: str) -> None:
    leaving = Leaving(kind=Kind.RESULTS, what="results", sha256="0" * 64, purpose="a test")
    disclose(by=actor_for(cast.coordinator), trial=cast.trial, leaving=leaving)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.req("R-PRIV-01")
def test_one_subjects_code_is_found_among_thousands_and_never_within_another_word(cast: Cast) -> None:
    codes = [f"{number:04X}-0000" for number in range(3000)]
    leaving = Leaving(
        kind=Kind.RESULTS, what="results", sha256="0" * 64, purpose="a test", subjects=[*codes, cast.subject_a.code]
    )
    line = disclose(by=actor_for(cast.coordinator), trial=cast.trial, leaving=leaving)
    assert len(line.codes) == 3001
    assert list(recipients_of(cast.subject_a)) == [line]
    assert list(recipients_of(cast.subject_b)) == []
    assert list(recipients_of(Subject(code="0000-000", trial_site=cast.site_a))) == []
    assert listed(()) == ""


@pytest.mark.req("R-PRIV-01")
def test_the_page_filters_by_subject_kind_and_recipient_and_is_open_to_coordinator_and_officer_alone(
    read: Cast, client: Client
) -> None:
    reports.take_results(by=actor_for(read.sponsor), trial=read.trial)
    address = "/trials/TUNDRA/privacy/ledger/"
    for who, status in ((read.coordinator, 200), (read.officer, 200), (read.sponsor, 403), (read.stranger, 404)):
        client.force_login(who)
        assert client.get(address).status_code == status
    client.force_login(read.officer)
    shown = {
        f"?subject={read.subject_a.code.lower()}": 1,
        "?subject=0000-0000": 0,
        "?kind=results": 1,
        "?kind=trail": 0,
        "?recipient=tundra": 1,
        f"?since={TODAY}&until={TODAY}": 1,
        "?since=2001-01-01&until=2001-01-02": 0,
    }
    for query, count in shown.items():
        assert client.get(address + query).context["page"].paginator.count == count, query


HERE = Caller(address="192.0.2.7", certificate_sha256="ab" * 32)


def registered(cast: Cast, purpose: Tool.Purpose) -> tools.Admitted:
    binding = Binding(networks=["192.0.2.0/24"], certificate="ab" * 32, host="192.0.2.7", port=104)
    new = tools.NewTool(
        label="the post room",
        ae_title="POST",
        holder=cast.analyst,
        purpose=purpose,
        binding=binding,
        ends_on=TODAY,
        reason="a test",
    )
    tools.register(by=actor_for(cast.coordinator), trial=cast.trial, new=new)
    return tools.admit(ae_title="POST", caller=HERE, request_id="call")


@pytest.mark.req("R-PRIV-01")
@pytest.mark.parametrize("purpose", list(Tool.Purpose))
def test_images_that_a_tool_takes_stand_in_the_ledger_and_the_sponsor_is_named_where_they_are_handed_on(
    cast: Cast, filed: Submission, purpose: Tool.Purpose
) -> None:
    admitted = registered(cast, purpose)
    study = Instance.objects.filter(submission=filed)[0].series.study
    with acting(admitted.by):
        held = admitted.shelf().objects(Resource(kind=Level.OBJECTS, study=study.uid))
    assert lines() == [], "nothing has left yet"
    admitted.tell_taken(held, service="C-GET", destination=None)
    (line,) = lines()
    stored = sorted(Instance.objects.filter(submission=filed).values_list("sha256", flat=True))
    assert line.sha256 == hashlib.sha256("".join(f"{one}\n" for one in stored).encode()).hexdigest()
    assert (line.kind, line.codes, line.by) == (Kind.IMAGES, (cast.subject_a.code,), admitted.by.id)
    sponsor = f"{cast.trial.sponsor.name}, by the post room"
    assert line.recipient == (sponsor if purpose == Tool.Purpose.EXPORT else "Tundra Core Laboratory")
    module = {"read": "imaging", "compute": "computing", "export": "export"}[purpose]
    assert line.modules == [module]
    assert [one.name for one in recipients.earlier_recipients(cast.subject_a)] == [line.recipient]


@pytest.mark.req("R-PRIV-01")
def test_whole_objects_taken_by_dicomweb_are_a_line_and_frames_and_facts_are_none(
    cast: Cast, filed: Submission, client: Client
) -> None:
    instance = Instance.objects.filter(submission=filed)[0]
    client.force_login(cast.coordinator)
    study = f"/trials/TUNDRA/dicomweb/studies/{instance.series.study.uid}"
    one = f"{study}/series/{instance.series.uid}/instances/{instance.uid}"
    for looked in (f"{study}/metadata", f"{one}/frames/1", f"{one}/rendered"):
        assert client.get(looked, headers={"accept": "*/*"}).status_code == 200, looked
    assert lines() == []
    for taken in (study, f"{study}/series/{instance.series.uid}", one):
        assert b"".join(client.get(taken, headers={"accept": "*/*"}))
    told = lines()
    assert [(line.kind, line.codes, line.recipient) for line in told] == [
        (Kind.IMAGES, (cast.subject_a.code,), "Tundra Core Laboratory")
    ] * 3
    assert told[2].sha256 == hashlib.sha256(f"{instance.sha256}\n".encode()).hexdigest()


@pytest.mark.req("R-PRIV-01")
def test_what_a_blinded_reader_takes_into_a_viewer_is_a_line_without_an_archive_uid(
    cast: Cast, filed: Submission, client: Client
) -> None:
    assert filed.time_point is not None
    decide(cast.analyst, filed.time_point, QCDecision.Verdict.ACCEPTED)
    by = actor_for(cast.coordinator)
    case = assignments.assign(by=by, time_point=filed.time_point, reader=cast.reader)
    reads.open_read(by=actor_for(cast.reader), assignment=case)
    client.force_login(cast.reader)
    root = f"/reads/{case.pk}/dicomweb/studies"
    (study,) = client.get(root, headers={"accept": "application/dicom+json"}).json()
    uid = study["0020000D"]["Value"][0]
    assert b"".join(client.get(f"{root}/{uid}", headers={"accept": "*/*"}))
    (line,) = lines()
    assert (line.kind, line.codes) == (Kind.IMAGES, (cast.subject_a.code,))
    assert Instance.objects.filter(submission=filed)[0].series.study.uid not in line.what

"""The ledger: nothing leaves the core laboratory without a line about who received what."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client

from audit.selectors import Wanted
from privacy.services import access_packages
from reports import services as reports
from reports.services import Form
from tests.cast import TODAY, Cast, actor_for, withdraw
from tests.reports.rows import HALVED, write_reads
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

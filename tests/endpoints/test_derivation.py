import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import acting
from audit.models import AuditEvent
from endpoints.criteria import recist11
from endpoints.models import EndpointResult, Lesion, Read, Response
from endpoints.selectors import TimePointRow, subject_rows
from endpoints.services import assignments
from tests.cast import Cast, actor_for, amend_charter, withdraw
from tests.endpoints.desk import State, assign, name, open_read, opened, read_through, say
from tests.people import STAGE
from tests.roles import become_owner
from tests.signing import lock
from trials.agreement import Level

pytestmark = pytest.mark.django_db
Kind = Lesion.Kind


def overall(cast: Cast) -> list[str]:
    """The latest response of each read in order."""
    reads = Read.objects.filter(assignment__reader=cast.reader).order_by("assignment__position")
    return [read.responses.latest("id").overall for read in reads]


def best(cast: Cast) -> str:
    return EndpointResult.objects.latest("id").value


@pytest.mark.req("R-END-01")
@pytest.mark.parametrize(
    ("sums", "responses", "best_overall"),
    [
        ({"BL": "50.0", "FU1": "35.0", "FU2": "30.0"}, ["BASELINE", "PR", "PR"], "PR"),
        ({"BL": "50.0", "FU1": "47.0", "FU2": "52.0"}, ["BASELINE", "SD", "SD"], "SD"),
        ({"BL": "50.0", "FU1": "52.0", "FU2": "65.0"}, ["BASELINE", "SD", "PD"], "SD"),
        ({"BL": "50.0", "FU1": "35.0", "FU2": "45.0"}, ["BASELINE", "PR", "PD"], "SD"),
    ],
)
def test_locking_derives_the_responses_of_recist(
    cast: Cast, sums: dict[str, str], responses: list[str], best_overall: str
) -> None:
    read_through(cast, cast.subject_a, sums)
    assert overall(cast) == responses
    assert best(cast) == best_overall


@pytest.mark.req("R-END-01")
def test_a_new_unequivocal_lesion_is_progression_whatever_the_targets_do(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    follow_up = opened(cast, cast.subject_a, "FU1")
    say(follow_up, Lesion.objects.get(label="T01"), State.MEASURED, "20.0")
    say(follow_up, name(follow_up, Kind.NEW, organ="brain"), State.UNEQUIVOCAL)
    lock(follow_up)
    assert overall(cast) == ["BASELINE", "PD"]


@pytest.mark.req("R-END-02")
def test_an_equivocal_new_lesion_confirmed_later_dates_progression_back_in_a_new_row(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    target = Lesion.objects.get(label="T01")
    first = opened(cast, cast.subject_a, "FU1")
    say(first, target, State.MEASURED, "50.0")
    say(first, name(first, Kind.NEW, organ="brain"), State.EQUIVOCAL)
    lock(first)
    assert overall(cast) == ["BASELINE", "SD"]
    second = opened(cast, cast.subject_a, "FU2")
    say(second, target, State.MEASURED, "50.0")
    say(second, Lesion.objects.get(label="NEW01"), State.UNEQUIVOCAL)
    lock(second)
    assert overall(cast) == ["BASELINE", "PD", "PD"]
    assert [row.overall for row in first.responses.order_by("id")] == ["SD", "PD"]


@pytest.mark.req("R-END-02")
def test_gone_targets_and_a_non_target_node_that_became_normal_are_a_complete_response(cast: Cast) -> None:
    baseline = opened(cast, cast.subject_a, "BL")
    target, node = name(baseline), name(baseline, Kind.NON_TARGET, organ="axilla", is_node=True)
    say(baseline, target, State.MEASURED, "30.0")
    say(baseline, node, State.PRESENT)
    lock(baseline)
    follow_up = opened(cast, cast.subject_a, "FU1")
    say(follow_up, target, State.ABSENT)
    say(follow_up, node, State.ABSENT)
    lock(follow_up)
    assert overall(cast) == ["BASELINE", "CR"]


@pytest.mark.req("R-END-03")
def test_every_result_carries_the_criteria_version_and_the_hash_of_what_went_in(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0", "FU1": "35.0"})
    result = EndpointResult.objects.get()
    latest = Response.objects.latest("id")
    assert latest.criteria_version == result.criteria_version == recist11.VERSION
    assert latest.input_sha256 == result.input_sha256
    assert len(result.input_sha256) == 64
    assert result.charter == cast.charter
    earlier = set(Response.objects.values_list("input_sha256", flat=True)) - {result.input_sha256}
    assert len(earlier) == 1
    assert AuditEvent.objects.filter(act="response.derived").count() == 3
    assert AuditEvent.objects.get(act="endpoint.derived").trial_code == "TUNDRA"


@pytest.mark.req("R-END-03")
def test_the_charter_decides_whether_a_response_needs_confirmation(cast: Cast) -> None:
    amend_charter(cast.trial, cast.coordinator, confirmation_required=False)
    read_through(cast, cast.subject_a, {"BL": "50.0", "FU1": "35.0"})
    assert best(cast) == "PR"


@pytest.mark.req("R-END-03")
def test_the_database_refuses_to_change_a_response(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    become_owner()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Response.objects.update(overall="CR")


@pytest.mark.req("R-END-04")
def test_reads_whose_scans_lie_in_the_wrong_order_derive_nothing_and_lock_nothing(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    follow_up = opened(cast, cast.subject_a, "FU1")
    follow_up.assignment.time_point.studies.update(study_day=-3)
    say(follow_up, Lesion.objects.get(), State.MEASURED, "50.0")
    with pytest.raises(ValidationError, match="nothing was locked") as refused:
        lock(follow_up)
    assert refused.value.code == "criteria"
    assert Read.objects.filter(state=Read.State.LOCKED).count() == 1


@pytest.mark.req("R-END-05")
def test_two_readers_of_one_subject_get_results_of_their_own(cast: Cast) -> None:
    first = opened(cast, cast.subject_a, "BL")
    other = open_read(
        assignments.assign(
            by=actor_for(cast.coordinator), time_point=first.assignment.time_point, reader=cast.second_reader
        ),
        cast.second_reader,
    )
    for read, mm in ((first, "30.0"), (other, "44.0")):
        lesion = name(read)
        assert lesion.label == "T01"
        say(read, lesion, State.MEASURED, mm)
        lock(read)
    with acting(STAGE):
        rows = [row for row in subject_rows(cast.trial, timezone.localdate()) if row.time_points]
    assert [(row.reader, row.time_points[0].sum_mm) for row in rows] == [
        ("R1", Decimal("30.0")),
        ("R2", Decimal("44.0")),
    ]


@pytest.mark.req("R-END-06")
def test_the_rows_for_reports_tell_everything_by_code_and_nothing_by_name(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0", "FU1": "35.0", "FU2": "30.0"})
    with acting(STAGE):
        read, unread = sorted(
            subject_rows(cast.trial, timezone.localdate()), key=lambda row: row.subject_code != cast.subject_a.code
        )
    assert (read.subject_code, read.site_number, read.reader) == (cast.subject_a.code, "01", "R1")
    assert (unread.reader, unread.best, unread.time_points) == ("", None, ())
    assert read.may_be_exported
    assert read.best is not None
    assert (read.best.value, read.best.charter_version) == ("PR", 1)
    assert [figures(row) for row in read.time_points] == [
        ("BL", 1, 0, Decimal("50.0"), None, Decimal("50.0"), "", "BASELINE"),
        ("FU1", 2, 57, Decimal("35.0"), Decimal("-30.0"), Decimal("50.0"), "PR", "PR"),
        ("FU2", 3, 113, Decimal("30.0"), Decimal("-40.0"), Decimal("35.0"), "PR", "PR"),
    ]
    (lesion,) = read.time_points[1].lesions
    assert (lesion.label, lesion.value_mm, lesion.organ) == ("T01", Decimal("35.0"), "liver")
    assert "Rhea" not in repr(read)
    assert "rhea" not in repr(read)


def figures(row: TimePointRow) -> tuple[object, ...]:
    return (row.code, row.position, row.day, row.sum_mm, row.change_pct, row.nadir_mm, row.target, row.overall)


@pytest.mark.req("R-END-06")
def test_nothing_locked_after_the_cut_off_is_in_the_rows(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    today = timezone.now().date()
    assert [row.time_points for row in subject_rows(cast.trial, today - dt.timedelta(days=1))] == []
    assert any(row.time_points for row in subject_rows(cast.trial, today))


@pytest.mark.req("R-END-06")
def test_a_subject_who_withdrew_is_marked_as_not_to_be_exported(cast: Cast) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="letter of the subject")
    with acting(STAGE):
        marks = {row.subject_code: row.may_be_exported for row in subject_rows(cast.trial, timezone.localdate())}
    assert marks == {cast.subject_a.code: False, cast.subject_b.code: True}


@pytest.mark.req("R-END-04")
def test_a_time_point_without_dates_counts_by_its_planned_day(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    follow_up = assign(cast, cast.subject_a, "FU1")
    follow_up.time_point.studies.update(study_day=None)
    read = open_read(follow_up, cast.reader)
    say(read, Lesion.objects.get(), State.MEASURED, "50.0")
    lock(read)
    row = next(row for row in subject_rows(cast.trial, timezone.localdate()) if row.time_points).time_points[1]
    assert (row.day, row.is_day_planned) == (56, True)


@pytest.mark.req("R-END-07")
def test_the_results_of_more_subjects_and_visits_take_no_more_questions_of_the_database(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    with CaptureQueriesContext(connection) as few:
        assert len(subject_rows(cast.trial, timezone.now().date())[0].time_points) == 1
    follow_up = opened(cast, cast.subject_a, "FU1")
    say(follow_up, Lesion.objects.get(label="T01"), State.MEASURED, "35.0")
    lock(follow_up)
    read_through(cast, cast.subject_b, {"BL": "20.0"})
    with CaptureQueriesContext(connection) as many:
        rows = subject_rows(cast.trial, timezone.now().date())
    assert sum(len(row.time_points) for row in rows) == 3
    assert len(many) == len(few)

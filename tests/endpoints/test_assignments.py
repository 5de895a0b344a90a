import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from endpoints.models import Assignment, Read
from endpoints.services import assignments
from tests.cast import Cast, actor_for
from tests.endpoints.desk import State, assign, code_of, name, open_read, opened, read_through, say
from tests.endpoints.scans import accept, file_scan, time_point
from tests.signing import lock
from trials.services.recipients import read_code

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-READ-01")
def test_only_a_scan_that_quality_control_accepted_is_given_to_a_reader(cast: Cast) -> None:
    point = time_point(cast.subject_a, "BL")
    with pytest.raises(ValidationError) as refused:
        assignments.assign(by=actor_for(cast.coordinator), time_point=point, reader=cast.reader)
    assert code_of(refused) == "not-accepted"
    assert not Assignment.objects.exists()


@pytest.mark.req("R-READ-01")
def test_only_a_reader_of_the_trial_gets_a_case_and_only_once(cast: Cast) -> None:
    first = assign(cast, cast.subject_a, "BL")
    for reader, code in ((cast.analyst, "not-a-reader"), (cast.reader, "assigned")):
        with pytest.raises(ValidationError) as refused:
            assignments.assign(by=actor_for(cast.coordinator), time_point=first.time_point, reader=reader)
        assert code_of(refused) == code


@pytest.mark.req("R-READ-01")
@pytest.mark.parametrize(("who", "error"), [("analyst", PermissionDenied), ("stranger", Http404), ("reader", Http404)])
def test_only_the_coordinator_assigns(cast: Cast, who: str, error: type[Exception]) -> None:
    point = accept(cast.subject_a, "BL")
    with pytest.raises(error):
        assignments.assign(by=actor_for(getattr(cast, who)), time_point=point, reader=cast.reader)


@pytest.mark.req("R-READ-02")
def test_a_case_has_a_keyed_code_and_its_scans_count_from_the_baseline(cast: Cast) -> None:
    cases = [assign(cast, cast.subject_a, code) for code in ("BL", "FU1", "FU2")]
    assert [case.position for case in cases] == [1, 2, 3]
    assert {case.case_code for case in cases} == {read_code(cast.trial, cast.subject_a)}
    assert cast.subject_a.code not in cases[0].case_code


@pytest.mark.req("R-READ-03")
def test_a_follow_up_is_not_given_before_the_baseline(cast: Cast) -> None:
    scan = file_scan(cast.subject_a, "FU1")
    with pytest.raises(ValidationError) as refused:
        assignments.assign(by=actor_for(cast.coordinator), time_point=scan.time_point, reader=cast.reader)
    assert code_of(refused) == "order"


@pytest.mark.req("R-READ-03")
def test_a_scan_is_not_given_once_a_later_one_was_opened(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "30.0"})
    opened(cast, cast.subject_a, "FU2")
    late = file_scan(cast.subject_a, "FU1")
    with pytest.raises(ValidationError) as refused:
        assignments.assign(by=actor_for(cast.coordinator), time_point=late.time_point, reader=cast.reader)
    assert code_of(refused) == "order"


@pytest.mark.req("R-READ-03")
def test_a_follow_up_opens_only_after_the_earlier_read_is_locked(cast: Cast) -> None:
    baseline = opened(cast, cast.subject_a, "BL")
    follow_up = assign(cast, cast.subject_a, "FU1")
    with pytest.raises(ValidationError) as refused:
        open_read(follow_up, cast.reader)
    assert code_of(refused) == "order"
    say(baseline, name(baseline), State.MEASURED, "30.0")
    lock(baseline)
    assert open_read(follow_up, cast.reader).state == Read.State.DRAFT


@pytest.mark.req("R-READ-01")
def test_assigning_all_gives_every_waiting_scan_in_order_and_leaves_other_readers_their_subjects(cast: Cast) -> None:
    assign(cast, cast.subject_b, "BL", reader=cast.second_reader)
    file_scan(cast.subject_b, "FU1")
    for code in ("FU1", "BL"):
        file_scan(cast.subject_a, code)
    made = assignments.assign_all(by=actor_for(cast.coordinator), trial=cast.trial, reader=cast.reader)
    assert [(case.position, case.time_point.subject) for case in made] == [(1, cast.subject_a), (2, cast.subject_a)]

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils import timezone

from audit.context import acting
from audit.evidence import gather
from audit.meanings import Meaning
from audit.models import AuditEvent, Signature
from audit.verifier import examine
from endpoints.measure.geometry import PixelPoint
from endpoints.models import Assignment, EndpointResult, Lesion, Measurement, Read, Response
from endpoints.selectors.cases import series_places
from endpoints.services import assignments, lesions, reads
from endpoints.services.lesions import Line, NewFinding
from tests.cast import Cast, actor_for, withdraw
from tests.endpoints.desk import State, assign, code_of, draw, name, open_read, opened, read_through, say
from tests.endpoints.scans import file_scan
from tests.people import STAGE, STAGE_REASON
from tests.signing import lock, prove
from trials.agreement import Level
from trials.services import members

pytestmark = pytest.mark.django_db
Kind = Lesion.Kind


@pytest.mark.req("R-READ-04")
def test_opening_twice_gives_the_same_draft_and_one_event(cast: Cast) -> None:
    case = assign(cast, cast.subject_a, "BL")
    assert open_read(case, cast.reader).pk == open_read(case, cast.reader).pk
    assert AuditEvent.objects.filter(act="read.opened").count() == 1


@pytest.mark.req("R-READ-04")
def test_a_case_is_foreign_to_another_reader_and_closed_to_the_coordinator(cast: Cast) -> None:
    case = assign(cast, cast.subject_a, "BL")
    with pytest.raises(Http404):
        reads.open_read(by=actor_for(cast.second_reader), assignment=case)
    with pytest.raises(PermissionDenied):
        reads.open_read(by=actor_for(cast.coordinator), assignment=case)


@pytest.mark.req("R-READ-04")
def test_a_reader_whose_role_ended_loses_the_case(cast: Cast) -> None:
    case = assign(cast, cast.subject_a, "BL")
    seat = cast.reader.memberships.get()
    seat.starts = timezone.localdate() - dt.timedelta(days=3)
    with acting(STAGE, reason=STAGE_REASON):
        seat.save()
    members.end(by=actor_for(cast.coordinator), membership=seat, reason="left the trial")
    with pytest.raises(Http404):
        reads.open_read(by=actor_for(cast.reader), assignment=case)


@pytest.mark.req("R-READ-05")
def test_targets_are_named_at_baseline_and_new_lesions_later(cast: Cast) -> None:
    baseline = opened(cast, cast.subject_a, "BL")
    with pytest.raises(ValidationError) as refused:
        name(baseline, Kind.NEW)
    assert code_of(refused) == "kind"
    labels = [name(baseline, kind).label for kind in (Kind.TARGET, Kind.TARGET, Kind.NON_TARGET)]
    assert labels == ["T01", "T02", "N01"]
    for lesion in Lesion.objects.all():
        state, mm = (State.MEASURED, "20.0") if lesion.kind == Kind.TARGET else (State.PRESENT, "")
        say(baseline, lesion, state, mm)
    lock(baseline)
    follow_up = opened(cast, cast.subject_a, "FU1")
    assert name(follow_up, Kind.NEW).label == "NEW01"
    with pytest.raises(ValidationError):
        name(follow_up, Kind.TARGET)


@pytest.mark.req("R-READ-05")
def test_a_lesion_can_be_taken_back_in_the_draft_that_named_it_only(cast: Cast) -> None:
    baseline = opened(cast, cast.subject_a, "BL")
    kept, wrong = name(baseline), name(baseline)
    for lesion in (kept, wrong):
        say(baseline, lesion, State.MEASURED, "20.0")
    from_desk = actor_for(cast.reader)
    lesions.remove_lesion(by=from_desk, read=baseline, lesion=wrong)
    assert list(Lesion.objects.all()) == [kept]
    lock(baseline)
    follow_up = opened(cast, cast.subject_a, "FU1")
    with pytest.raises(ValidationError) as refused:
        lesions.remove_lesion(by=from_desk, read=follow_up, lesion=kept)
    assert code_of(refused) == "found-earlier"


@pytest.mark.req("R-READ-06")
def test_the_server_works_out_the_length_of_a_line_from_the_stored_geometry(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    row = draw(read, name(read), (10.0, 20.0), (22.0, 36.0), frame=5)
    assert row.value == Decimal("30.0")  # 12 rows and 16 columns of 1.5 mm: 18 by 24 mm
    assert row.quantity == Measurement.Quantity.LONGEST_DIAMETER
    assert row.geometry == [[10.0, 20.0], [22.0, 36.0]]
    placed = read.assignment.time_point.studies.get().series.get().instances.get(uid=row.instance_uid)
    assert placed.number == 6


@pytest.mark.req("R-READ-06")
def test_a_node_is_measured_by_its_short_axis_and_a_typed_length_has_no_geometry(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    row = say(read, name(read, organ="axilla", is_node=True), State.MEASURED, "17.3")
    assert (row.value, row.quantity, row.geometry, row.instance_uid) == (
        Decimal("17.3"),
        Measurement.Quantity.SHORT_AXIS,
        [],
        "",
    )


@pytest.mark.req("R-READ-06")
@pytest.mark.parametrize(
    ("start", "end", "frame", "code"),
    [
        ((10.0, 10.0), (10.0, 10.0), 3, "value"),
        ((10.0, 10.0), (81.0, 10.0), 3, "value"),
        ((10.0, 10.0), (float("nan"), 10.0), 3, "value"),
        ((10.0, 10.0), (20.0, 10.0), 8, "no-frame"),
    ],
)
def test_a_line_without_length_or_outside_the_image_is_refused(
    cast: Cast, start: tuple[float, float], end: tuple[float, float], frame: int, code: str
) -> None:
    read = opened(cast, cast.subject_a, "BL")
    with pytest.raises(ValidationError) as refused:
        draw(read, name(read), start, end, frame=frame)
    assert code_of(refused) == code


@pytest.mark.req("R-READ-06")
def test_a_line_drawn_before_more_images_arrived_is_refused(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    token = series_places(read.assignment.time_point)[0].token
    read.assignment.time_point.studies.get().series.get().instances.get(number=1).delete()
    start, end = PixelPoint(row=1.0, column=1.0), PixelPoint(row=20.0, column=20.0)
    line = Line(series=0, frame=3, token=token, start=start, end=end)
    with pytest.raises(ValidationError, match="filed meanwhile"):
        lesions.measure(
            by=actor_for(cast.reader),
            read=read,
            lesion=name(read),
            finding=NewFinding(state=State.MEASURED, line=line),
        )


@pytest.mark.req("R-READ-07")
@pytest.mark.parametrize("state", [State.ABSENT, State.TOO_SMALL, State.NOT_EVALUATED, State.UNEQUIVOCAL])
def test_a_target_is_measured_at_baseline_and_nothing_else(cast: Cast, state: Measurement.State) -> None:
    read = opened(cast, cast.subject_a, "BL")
    lesion = name(read)
    with pytest.raises(ValidationError) as refused:
        say(read, lesion, state)
    assert code_of(refused) == "state"


@pytest.mark.req("R-READ-07")
def test_a_state_and_a_length_must_fit_each_other(cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "30.0"})
    read = opened(cast, cast.subject_a, "FU1")
    lesion = Lesion.objects.get()
    for state, mm in ((State.MEASURED, ""), (State.ABSENT, "12.0")):
        with pytest.raises(ValidationError) as refused:
            say(read, lesion, state, mm)
        assert code_of(refused) == "value"


@pytest.mark.req("R-READ-08")
def test_a_read_is_not_locked_while_a_lesion_is_unsaid(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    say(read, name(read), State.MEASURED, "30.0")
    name(read), name(read, Kind.NON_TARGET)
    with pytest.raises(ValidationError, match="T02, N01") as refused:
        lock(read)
    assert code_of(refused) == "incomplete"
    assert Read.objects.get().state == Read.State.DRAFT


@pytest.mark.req("R-READ-08")
def test_a_sixth_target_and_one_below_ten_millimetres_block_the_baseline(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    for number in range(6):
        say(read, name(read, organ=f"organ {'abcdef'[number] * 3}"), State.MEASURED, "9.0" if number == 0 else "20.0")
    with pytest.raises(ValidationError) as refused:
        lock(read)
    told = " ".join(refused.value.messages)
    assert "6 target lesions" in told
    assert "T01 measures 9.0 mm" in told


@pytest.mark.req("R-READ-09")
def test_a_wrong_password_locks_nothing(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    say(read, name(read), State.MEASURED, "30.0")
    before = AuditEvent.objects.count()
    with pytest.raises(ValidationError) as refused:
        lock(read, password="seven loud otters")
    assert code_of(refused) == "wrong-password"
    read.refresh_from_db()
    assert (read.state, read.signature_id, Response.objects.count()) == (Read.State.DRAFT, None, 0)
    assert not AuditEvent.objects.filter(act="read.locked").exists()
    assert AuditEvent.objects.count() >= before


@pytest.mark.req("R-READ-09")
def test_a_locked_read_is_signed_for_exactly_what_it_says(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    say(read, name(read), State.MEASURED, "30.0")
    lock(read, comment="clear case")
    read.refresh_from_db()
    assert read.signature_id is not None
    signature = Signature.objects.get(pk=read.signature_id)
    assert (signature.signer_id, signature.meaning) == ("rhea", Meaning.AUTHORSHIP)
    assert signature.record_sha256 == read.record_sha256
    assert read.assignment.state == Assignment.State.DONE
    with acting(STAGE):
        assert not examine(gather(outside=None, with_rows=True)).faults


@pytest.mark.req("R-READ-10")
def test_a_locked_read_never_changes(cast: Cast) -> None:
    (read,) = read_through(cast, cast.subject_a, {"BL": "30.0"})
    lesion = Lesion.objects.get()
    attempts = (
        lambda: name(read),
        lambda: say(read, lesion, State.MEASURED, "12.0"),
        lambda: lesions.remove_lesion(by=actor_for(cast.reader), read=read, lesion=lesion),
        lambda: lock(read),
    )
    for attempt in attempts:
        with pytest.raises(ValidationError) as refused:
            attempt()
        assert code_of(refused) == "locked"
    assert Measurement.objects.get().value == Decimal("30.0")


@pytest.mark.req("R-READ-10")
def test_findings_that_changed_after_the_page_was_shown_are_not_signed(cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    lesion = name(read)
    say(read, lesion, State.MEASURED, "30.0")
    by, seen = actor_for(cast.reader), reads.findings_sha256(read)
    offered = reads.offer_lock(by=by, read=read, comment="", seen=seen)
    say(read, lesion, State.MEASURED, "31.0")
    for act in (
        lambda: reads.offer_lock(by=by, read=read, comment="", seen=seen),
        lambda: reads.lock(by=by, read=read, comment="", proof=prove(by, offered)),
    ):
        with pytest.raises(ValidationError) as refused:
            act()
        assert code_of(refused) == "changed"
    assert Read.objects.get().state == Read.State.DRAFT


@pytest.mark.req("R-READ-11")
def test_withdrawn_consent_stops_assigning_opening_measuring_and_locking(cast: Cast) -> None:
    draft = opened(cast, cast.subject_a, "BL")
    lesion = name(draft)
    say(draft, lesion, State.MEASURED, "30.0")
    waiting = file_scan(cast.subject_a, "FU1").time_point
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="letter of the subject")
    attempts = (
        lambda: assignments.assign(by=actor_for(cast.coordinator), time_point=waiting, reader=cast.reader),
        lambda: open_read(draft.assignment, cast.reader),
        lambda: say(draft, lesion, State.MEASURED, "31.0"),
        lambda: lock(draft),
    )
    for attempt in attempts:
        with pytest.raises(ValidationError) as refused:
            attempt()
        assert code_of(refused) == "no-consent"
    assert Measurement.objects.get().value == Decimal("30.0")
    assert not EndpointResult.objects.exists()


@pytest.mark.req("R-READ-11")
def test_the_refusal_of_a_withdrawn_case_does_not_name_the_subject(cast: Cast) -> None:
    case = assign(cast, cast.subject_a, "BL")
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="letter of the subject")
    with pytest.raises(ValidationError) as refused:
        open_read(case, cast.reader)
    assert cast.subject_a.code not in str(refused.value)

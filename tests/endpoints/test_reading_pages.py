"""The reading pages over HTTP: what a blinded reader gets to see, with and without scripts."""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from audit.selectors import signatures
from endpoints.models import Assignment, Lesion, Measurement, Read
from endpoints.selectors.cases import series_places
from endpoints.services.reads import findings_sha256
from imaging import archive
from tests.cast import Cast, withdraw
from tests.endpoints.desk import State, assign, draw, name, open_read, opened, read_through, say
from tests.endpoints.scans import time_point
from tests.signing import lock
from tests.signpage import fields, filled
from tests.tampering import change_frozen
from trials.agreement import Level
from trials.models import Subject, TimePoint

pytestmark = pytest.mark.django_db
Kind = Lesion.Kind


@pytest.fixture
def desk(client: Client, cast: Cast) -> Client:
    client.force_login(cast.reader)
    return client


def signed(desk: Client, draft: Read, comment: str = "") -> tuple[Any, Any]:
    """Return the signing page and the page after it."""
    page = desk.post(url("read-lock", draft.assignment), {"comment": comment, "seen": findings_sha256(draft)})
    form = filled(page.content.decode())
    return page, desk.post(url("read-lock", draft.assignment), form, follow=True)


def url(view: str, case: Assignment, *more: int) -> str:
    return reverse(view, args=[case.pk, *more])


def secrets_of(cast: Cast) -> Iterator[str]:
    """Everything a blinded reader must not meet."""
    for subject in Subject.objects.all():
        yield subject.code
    for site in (cast.site_a, cast.site_b):
        yield from (site.site.name, site.site.code, str(site))
    for person in (cast.second_reader, cast.alba, cast.coordinator, cast.analyst):
        yield from (person.username, person.get_full_name(), person.first_name)
    for point in TimePoint.objects.select_related("subject"):
        yield from (f"{point.due_on:%Y-%m-%d}", f"{point.due_on:%Y%m%d}", f"{point.subject.day_zero:%Y-%m-%d}")
    for study in (each.time_point.studies.get() for each in Assignment.objects.all()):
        yield study.uid
        for series in study.series.all():
            yield series.uid
            yield from series.instances.values_list("uid", flat=True)
            yield from series.instances.values_list("sha256", flat=True)
    yield from ("PHANTOM", "20260112", "2026-01-12", "Northlight")


def body(response: Any) -> str:
    headers = "\n".join(f"{key}: {value}" for key, value in response.headers.items() if key not in ("Date", "Expires"))
    return headers + str(response.content, "utf-8", errors="replace")


@pytest.mark.req("R-READ-12")
def test_no_page_of_a_reader_tells_subject_site_dates_or_other_readers(desk: Client, cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    draft = opened(cast, cast.subject_a, "FU1")
    other = assign(cast, cast.subject_b, "BL")
    assign(cast, cast.subject_b, "FU1", reader=None)
    case = draft.assignment
    done = Assignment.objects.get(position=1, time_point__subject=cast.subject_a)
    pages = [
        desk.get(reverse("worklist")),
        desk.get(url("read", case)),
        desk.get(url("read", done)),
        desk.get(url("read-frame", case, 0, 0)),
        desk.get(url("read-frame", case, 0, 99)),
        desk.post(url("read-open", other), follow=True),
        desk.post(
            url("read-open", Assignment.objects.get(position=2, time_point__subject=cast.subject_b)), follow=True
        ),
        desk.post(url("read-lesion-add", case), {"kind": "target", "organ": "x"}),
        desk.post(url("read-measure", case), {"lesion": "T01", "state": "absent"}, headers={"hx-request": "true"}),
        desk.post(url("read-measure", case), {"lesion": "T01", "state": "measured"}),
        desk.post(url("read-lock", case), {"seen": "something else"}),
        *signed(desk, draft),
    ]
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="letter")
    pages += [desk.get(url("read", case)), desk.get(reverse("worklist")), desk.get(url("read-frame", case, 0, 0))]
    planted = [secret for secret in secrets_of(cast) if secret]
    assert len(planted) > 60
    for page in pages:
        told = body(page)
        assert [secret for secret in planted if secret in told] == [], page.request["PATH_INFO"]


@pytest.mark.req("R-READ-12")
@pytest.mark.parametrize(
    ("who", "status"),
    [("second_reader", 404), ("stranger", 404), ("alba", 404), ("coordinator", 403), ("sponsor", 404)],
)
def test_a_case_opens_to_its_own_reader_only(client: Client, cast: Cast, who: str, status: int) -> None:
    case = opened(cast, cast.subject_a, "BL").assignment
    client.force_login(getattr(cast, who))
    assert client.get(url("read", case)).status_code == status
    assert client.get(url("read-frame", case, 0, 0)).status_code == status
    for view in ("read-open", "read-lesion-add", "read-lesion-remove", "read-measure", "read-lock"):
        assert client.post(url(view, case)).status_code == status


@pytest.mark.req("R-READ-04")
def test_a_case_shows_no_image_before_it_was_opened(desk: Client, cast: Cast) -> None:
    case = assign(cast, cast.subject_a, "BL")
    assert desk.get(url("read", case)).status_code == 404
    assert desk.get(url("read-frame", case, 0, 0)).status_code == 404
    assert desk.post(url("read-open", case)).status_code == 302
    assert desk.get(url("read", case)).status_code == 200
    assert desk.get(reverse("read", args=[uuid4()])).status_code == 404


@pytest.mark.req("R-READ-03")
def test_opening_out_of_order_is_a_conflict_that_shows_the_worklist_with_the_reason(desk: Client, cast: Cast) -> None:
    assign(cast, cast.subject_a, "BL")
    later = assign(cast, cast.subject_a, "FU1")
    page = desk.post(url("read-open", later))
    assert page.status_code == 409
    assert "scans are read in order" in page.content.decode()
    assert later.case_code in page.content.decode()
    assert not Read.objects.exists()


@pytest.mark.req("R-READ-13")
def test_a_frame_is_a_private_picture_without_a_name_and_is_asked_for_anew_each_time(desk: Client, cast: Cast) -> None:
    case = opened(cast, cast.subject_a, "BL").assignment
    frame = desk.get(url("read-frame", case, 0, 2), {"window": "lung"})
    assert frame.content.startswith(b"\x89PNG")
    assert frame["Cache-Control"] == "private, no-cache"
    assert frame["X-Content-Type-Options"] == "nosniff"
    again = desk.get(url("read-frame", case, 0, 2), {"window": "lung"}, headers={"if-none-match": frame["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = desk.get(url("read-frame", case, 0, 2), {"window": "bone"})
    assert other.content != frame.content
    assert other["ETag"] != frame["ETag"]


@pytest.mark.req("R-READ-13")
@pytest.mark.parametrize("harm", [archive.remove, lambda sha256: archive.path_of(sha256).write_bytes(b"other")])
def test_a_frame_that_is_erased_or_damaged_is_told_in_words_that_name_nobody(
    desk: Client, cast: Cast, harm: Callable[[str], object]
) -> None:
    case = opened(cast, cast.subject_a, "BL").assignment
    place = series_places(case.time_point)[0].frames[2]
    path = archive.path_of(place.instance.sha256)
    path.chmod(0o600)
    harm(place.instance.sha256)
    answer = desk.get(url("read-frame", case, 0, 2))
    assert answer.status_code == 410
    assert "archive" in (told := answer.content.decode()) or "stored bytes" in told
    assert not [secret for secret in secrets_of(cast) if secret in told]


@pytest.mark.req("R-READ-11")
def test_withdrawal_closes_page_and_frames_even_for_a_browser_that_holds_them(desk: Client, cast: Cast) -> None:
    case = opened(cast, cast.subject_a, "BL").assignment
    tag = desk.get(url("read-frame", case, 0, 0))["ETag"]
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="letter")
    assert desk.get(url("read", case)).status_code == 403
    assert desk.get(url("read-frame", case, 0, 0), headers={"if-none-match": tag}).status_code == 403
    assert desk.post(url("read-lock", case)).status_code == 403


@pytest.mark.req("R-READ-13")
def test_frames_and_series_beyond_the_case_are_not_found(desk: Client, cast: Cast) -> None:
    case = opened(cast, cast.subject_a, "BL").assignment
    assert desk.get(url("read-frame", case, 0, 7)).status_code == 200
    assert desk.get(url("read-frame", case, 0, 8)).status_code == 404
    assert desk.get(url("read-frame", case, 1, 0)).status_code == 404


@pytest.mark.req("R-READ-14")
def test_a_whole_read_goes_through_plain_forms_without_any_script(desk: Client, cast: Cast) -> None:
    case = assign(cast, cast.subject_a, "BL")
    desk.post(url("read-open", case))
    desk.post(url("read-lesion-add", case), {"kind": "target", "organ": "liver, segment 4"})
    desk.post(url("read-lesion-add", case), {"kind": "non_target", "organ": "pleura"})
    desk.post(url("read-measure", case), {"lesion": "T01", "state": "measured", "value": "31.4"})
    desk.post(url("read-measure", case), {"lesion": "N01", "state": "present"})
    page = desk.get(url("read", case)).content.decode()
    assert "31.4 mm" in page
    assert "pleura" in page
    seen = re.search(r'name="seen" value="([0-9a-f]{64})" form="lock"', page)
    assert seen
    shown = desk.post(url("read-lock", case), {"comment": "fine", "seen": seen[1]}).content.decode()
    after = desk.post(url("read-lock", case), filled(shown), follow=True)
    assert "Response" in after.content.decode()
    locked = Read.objects.get()
    assert (locked.state, locked.comment) == (Read.State.LOCKED, "fine")


@pytest.mark.req("R-READ-06")
def test_a_line_sent_by_the_script_is_measured_by_the_server_and_answered_with_the_table(
    desk: Client, cast: Cast
) -> None:
    read = opened(cast, cast.subject_a, "BL")
    name(read)
    sent = {
        "lesion": "T01",
        "state": "measured",
        "value": "",
        "series": 0,
        "frame": 4,
        "token": series_places(read.assignment.time_point)[0].token,
        "row_1": 10,
        "column_1": 20.5,
        "row_2": 10,
        "column_2": 40.5,
    }
    answer = desk.post(url("read-measure", read.assignment), sent, headers={"hx-request": "true"})
    told = answer.content.decode()
    assert answer.status_code == 200
    assert told.lstrip().startswith("<section")
    assert "30.0 mm" in told
    assert 'data-line="10.0,20.5,10.0,40.5" data-series="0" data-frame="4"' in told
    assert Measurement.objects.get().geometry == [[10.0, 20.5], [10.0, 40.5]]


@pytest.mark.req("R-READ-06")
def test_half_a_line_is_refused_with_the_table_and_a_sentence(desk: Client, cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    name(read)
    sent = {"lesion": "T01", "state": "measured", "series": 0, "frame": 4, "row_1": 10, "column_1": 20}
    answer = desk.post(url("read-measure", read.assignment), sent, headers={"hx-request": "true"})
    assert "A line has two ends" in answer.content.decode()
    assert desk.post(url("read-measure", read.assignment), sent).status_code == 400
    assert not Measurement.objects.exists()


@pytest.mark.req("R-READ-08")
def test_warnings_stand_on_the_page_before_locking(desk: Client, cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    say(read, name(read), State.MEASURED, "8.0")
    page = desk.get(url("read", read.assignment)).content.decode()
    assert "Lesion T01 measures 8.0 mm and needs at least 10 mm here" in page
    sent = {"seen": findings_sha256(read), "comment": "a comment of some length"}
    refused = desk.post(url("read-lock", read.assignment), sent)
    assert refused.status_code == 400
    assert "a comment of some length" in refused.content.decode()
    assert "Your password" not in refused.content.decode()
    assert Read.objects.get().state == Read.State.DRAFT


@pytest.mark.req("R-READ-15")
def test_earlier_values_stand_beside_the_current_ones(desk: Client, cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0", "FU1": "44.4"})
    draft = opened(cast, cast.subject_a, "FU2")
    page = " ".join(desk.get(url("read", draft.assignment)).content.decode().split())
    assert '<span class="muted">1:</span> 50.0 mm' in page
    assert '<span class="muted">2:</span> 44.4 mm' in page


@pytest.mark.req("R-READ-15")
def test_the_response_is_shown_with_its_explanation_after_locking_and_not_before(desk: Client, cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    draft = opened(cast, cast.subject_a, "FU1")
    say(draft, Lesion.objects.get(), State.MEASURED, "30.0")
    assert "Target row 5" not in desk.get(url("read", draft.assignment)).content.decode()
    lock(draft)
    page = desk.get(url("read", draft.assignment)).content.decode()
    assert "Target row 5" in page
    assert "partial response" in page
    assert "-40.0 %" in page
    assert "<form" not in page.split('id="findings"')[1].split("</section>")[0]


@pytest.mark.req("R-READ-12")
def test_a_label_of_another_readers_lesion_is_not_found(desk: Client, cast: Cast) -> None:
    read = opened(cast, cast.subject_a, "BL")
    other = open_read(assign(cast, cast.subject_b, "BL", reader=cast.second_reader), cast.second_reader)
    name(other)
    sent = {"lesion": "T01", "state": "measured", "value": "20.0"}
    assert desk.post(url("read-measure", read.assignment), sent).status_code == 404


@pytest.mark.req("R-READ-16")
def test_the_coordinator_assigns_and_sees_progress(client: Client, cast: Cast) -> None:
    read_through(cast, cast.subject_a, {"BL": "50.0"})
    waiting = assign_later(cast)
    client.force_login(cast.coordinator)
    page = client.get(reverse("assignment-list", args=["TUNDRA"]))
    assert str(waiting) in page.content.decode()
    sent = {"time_point": waiting.pk, "reader": cast.reader.pk}
    assert client.post(reverse("assign", args=["TUNDRA"]), sent).status_code == 302
    again = client.post(reverse("assign", args=["TUNDRA"]), sent)
    assert again.status_code == 400
    assert "already has this time point" in again.content.decode()
    assert Assignment.objects.count() == 2


@pytest.mark.req("R-READ-01")
@pytest.mark.parametrize("state", [state for state in TimePoint.State if state != TimePoint.State.ACCEPTED])
def test_a_read_before_quality_control_has_accepted_the_scan_is_a_conflict(
    client: Client, cast: Cast, state: TimePoint.State
) -> None:
    point = time_point(cast.subject_a, "BL")
    TimePoint.objects.filter(pk=point.pk).update(state=state)
    client.force_login(cast.coordinator)
    answer = client.post(reverse("assign", args=["TUNDRA"]), {"time_point": point.pk, "reader": cast.reader.pk})
    assert answer.status_code == 409
    assert "Quality control has not accepted this time point" in answer.content.decode()
    assert not Assignment.objects.exists()


def assign_later(cast: Cast) -> TimePoint:
    case = assign(cast, cast.subject_b, "BL")
    point = case.time_point
    case.delete()
    return point


@pytest.mark.req("R-READ-16")
def test_assigning_all_takes_one_form(client: Client, cast: Cast) -> None:
    assign_later(cast)
    client.force_login(cast.coordinator)
    sent = {"reader": cast.second_reader.pk}
    page = client.post(reverse("assign-all", args=["TUNDRA"]), sent, follow=True)
    assert "1 scan was given" in page.content.decode()
    assert Assignment.objects.get().reader == cast.second_reader


@pytest.mark.req("R-READ-16")
@pytest.mark.parametrize(
    ("who", "status"), [("reader", 404), ("alba", 403), ("analyst", 403), ("sponsor", 403), ("stranger", 404)]
)
def test_the_list_of_assignments_is_the_coordinators(client: Client, cast: Cast, who: str, status: int) -> None:
    client.force_login(getattr(cast, who))
    assert client.get(reverse("assignment-list", args=["TUNDRA"])).status_code == status
    for view in ("assign", "assign-all"):
        assert client.post(reverse(view, args=["TUNDRA"])).status_code == status


def measured(cast: Cast) -> Read:
    """A draft that could be locked, with a line drawn on an image."""
    read = opened(cast, cast.subject_a, "BL")
    draw(read, name(read), (10.0, 20.0), (22.0, 36.0))
    return read


@pytest.mark.req("R-SIG-20")
def test_the_signing_page_shows_the_read_as_it_is_signed_and_names_its_image_by_hash(desk: Client, cast: Cast) -> None:
    read = measured(cast)
    page, _after = signed(desk, read, "clear margins")
    told = page.content.decode()
    (signature,) = signatures(read)
    assert signature.record_sha256 in told
    uid = Measurement.objects.get().instance_uid
    assert uid
    for words in (read.assignment.case_code, "T01", "30.0", "clear margins", hashlib.sha256(uid.encode()).hexdigest()):
        assert words in told
        assert words in signature.contents
    assert uid not in told + signature.contents


@pytest.mark.req("R-SIG-21")
def test_a_comment_of_several_lines_is_signed_and_kept_as_it_was_typed(desk: Client, cast: Cast) -> None:
    read = measured(cast)
    signed(desk, read, "one\r\ntwo & <three>")
    read.refresh_from_db()
    assert (read.state, read.comment) == (Read.State.LOCKED, "one\ntwo & <three>")


@pytest.mark.req("R-SIG-21")
def test_a_wrong_password_signs_nothing_and_brings_the_page_back_with_the_comment(desk: Client, cast: Cast) -> None:
    read = measured(cast)
    address = url("read-lock", read.assignment)
    page = desk.post(address, {"comment": "clear margins", "seen": findings_sha256(read)}).content.decode()
    refused = desk.post(address, filled(page, password="not mine"))
    told = refused.content.decode()
    assert refused.status_code == 400
    assert "That is not your password" in told
    assert fields(told)["comment"] == "clear margins"
    assert Read.objects.get().state == Read.State.DRAFT
    desk.post(address, filled(told))
    assert Read.objects.get().state == Read.State.LOCKED


@pytest.mark.req("R-SIG-22")
def test_findings_that_change_while_the_signing_page_is_open_are_not_signed(desk: Client, cast: Cast) -> None:
    read = measured(cast)
    address = url("read-lock", read.assignment)
    page = desk.post(address, {"comment": "", "seen": findings_sha256(read)}).content.decode()
    say(read, Lesion.objects.get(), State.MEASURED, "12.0")
    after = desk.post(address, filled(page), follow=True)
    assert after.redirect_chain[-1][0] == url("read", read.assignment)
    assert "has changed since it was shown to you" in after.content.decode()
    assert Read.objects.get().state == Read.State.DRAFT
    assert AuditEvent.objects.filter(act="signature.refused", object_id=str(read.pk)).exists()


@pytest.mark.req("R-SIG-22")
def test_a_signature_sent_twice_locks_once_and_says_so(desk: Client, cast: Cast) -> None:
    read = measured(cast)
    address = url("read-lock", read.assignment)
    page = desk.post(address, {"comment": "", "seen": findings_sha256(read)}).content.decode()
    form = filled(page)
    desk.post(address, form)
    again = desk.post(address, form, follow=True)
    assert "signed already" in again.content.decode()
    assert signatures(read).count() == 1


@pytest.mark.req("R-SIG-23")
def test_a_read_that_changed_after_it_was_signed_is_shown_as_void(desk: Client, cast: Cast) -> None:
    read = lock(measured(cast))
    assert "Signature void" not in desk.get(url("read", read.assignment)).content.decode()
    change_frozen("endpoints_measurement", "UPDATE endpoints_measurement SET value = 12.0")
    assert "Signature void" in desk.get(url("read", read.assignment)).content.decode()


@pytest.mark.req("R-AUD-01")
def test_each_look_at_a_case_is_kept(desk: Client, cast: Cast) -> None:
    read = measured(cast)
    for _ in range(2):
        assert desk.get(url("read", read.assignment)).status_code == 200
    looks = AuditEvent.objects.filter(act="read.viewed", object_id=str(read.pk))
    assert list(looks.values_list("actor_id", "role")) == [("rhea", "reader")] * 2

"""A delivery that came without a name: matched where one visit fits, else laid beside the visits it could belong to."""

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client

from audit.actor import machine
from audit.models import AuditEvent
from imaging.models import IncomingFile, Submission
from imaging.services import desk, sorting, submissions
from imaging.services.pieces import cut
from tests.cast import Cast, actor_for, withdraw
from tests.imaging.scans import PLANTED, ct_slice, drive, send, to_bytes
from trials.models import TimePoint

State = Submission.State
NODE = machine("dicom-node", source="dicom", request_id="1", on_behalf_of="ALBA_PACS")


def series(day: dt.date, *, seed: str, slices: int = 4, **told: Any) -> list[bytes]:
    made = []
    for number in range(slices):
        dataset = ct_slice(number, seed=seed, **told)
        dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = f"{day:%Y%m%d}"
        made.append(to_bytes(dataset))
    return made


def arrive(cast: Cast, files: list[bytes]) -> Submission:
    """Come as from a scanner, which knows no subject, and go as far as machines take it."""
    delivery = submissions.start_unassigned(by=NODE, trial_site=cast.site_a)
    for number, data in enumerate(files):
        submissions.receive(by=NODE, submission=delivery, pieces=cut(number=number, data=data))
    return drive(submissions.close_association(by=NODE, submission=delivery))


def visit(cast: Cast, code: str) -> TimePoint:
    return cast.subject_a.time_points.select_related("subject", "scheduled").get(scheduled__code=code)


def day_of(cast: Cast, code: str, *, plus: int = 0) -> dt.date:
    planned = visit(cast, code).scheduled
    return cast.subject_a.day_zero + dt.timedelta(days=planned.day + plus)


def page_of(cast: Cast, delivery: Submission) -> str:
    client = Client()
    client.force_login(cast.coordinator)
    return client.get(f"/deliveries/{delivery.pk}/").content.decode()


@pytest.fixture
def known(cast: Cast) -> Cast:
    """The cast, once the first subject's baseline was filed."""
    assert drive(send(cast.alba, visit(cast, "BL"), series(day_of(cast, "BL"), seed="base"))).state == State.CHECKED
    return cast


@pytest.mark.django_db
@pytest.mark.req("R-SORT-01")
def test_a_known_persons_scan_inside_a_window_takes_the_road_by_itself_and_the_trail_tells(known: Cast) -> None:
    delivery = arrive(known, series(day_of(known, "FU1", plus=3), seed="follow"))
    assert (delivery.state, delivery.time_point) == (State.CHECKED, visit(known, "FU1"))
    told = AuditEvent.objects.get(act="delivery.matched")
    assert json.loads(told.after) == {"subject": known.subject_a.code, "time_point": "FU1"}


@pytest.mark.django_db
@pytest.mark.req("R-SORT-01")
def test_images_of_a_filed_study_that_come_later_go_to_its_visit(known: Cast) -> None:
    more = series(day_of(known, "FU1", plus=60), seed="base", slices=6)[4:]
    assert arrive(known, more).time_point == visit(known, "BL")


@pytest.mark.django_db
@pytest.mark.req("R-SORT-02")
@pytest.mark.parametrize(
    ("plus", "told"), [(20, {}), (0, {"name": "DREISTEIN^KLARA", "patient_id": "QX11223344"}), (0, {"patient_id": "Z"})]
)
def test_a_stranger_a_day_outside_and_a_doubtful_number_wait_for_a_person(
    known: Cast, plus: int, told: dict[str, Any]
) -> None:
    delivery = arrive(known, series(day_of(known, "FU1", plus=plus), seed="follow", **told))
    assert (delivery.state, delivery.time_point) == (State.UNASSIGNED, None)
    assert not AuditEvent.objects.filter(act="delivery.matched").exists()


@pytest.mark.django_db
@pytest.mark.req("R-SORT-02")
def test_nothing_is_matched_to_a_subject_who_withdrew(known: Cast) -> None:
    withdraw(known.alba, known.subject_a)
    assert arrive(known, series(day_of(known, "FU1"), seed="follow")).state == State.UNASSIGNED


@pytest.mark.django_db
@pytest.mark.req("R-SORT-03")
def test_the_coordinator_sees_what_came_beside_the_visits_and_no_header(known: Cast) -> None:
    day = day_of(known, "FU1", plus=20)
    delivery = arrive(known, series(day, seed="follow"))
    page = page_of(known, delivery)
    for words in ("same person as the earlier scans", "13 days late", f"Assign to {known.subject_a.code}, "):
        assert words in page
    assert not [planted for planted in (*PLANTED, f"{day:%Y%m%d}", day.isoformat()) if planted in page]


@pytest.mark.django_db
@pytest.mark.req("R-SORT-03")
def test_several_persons_that_wait_in_one_delivery_are_told_before_anybody_assigns_it(
    known: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one may still wait that came before deliveries were parted."""
    monkeypatch.setattr(sorting, "_of_one", lambda _by, _submission, arrived: arrived)
    mixed = series(day_of(known, "FU1"), seed="one") + series(
        day_of(known, "FU1"), seed="two", name="DREISTEIN^KLARA", patient_id="QX11223344"
    )
    delivery = arrive(known, mixed)
    assert delivery.state == State.UNASSIGNED
    assert "These files name 2 different persons" in page_of(known, delivery)


@pytest.mark.django_db
@pytest.mark.req("R-SORT-04")
def test_what_is_noted_before_a_subject_is_known_holds_no_header_and_no_true_date(cast: Cast) -> None:
    day = dt.date(2026, 2, 3)
    delivery = arrive(cast, [*series(day, seed="new"), b"not an image"])
    assert delivery.state == State.UNASSIGNED
    noted = list(IncomingFile.objects.filter(submission=delivery).values_list("facts", flat=True))
    assert [bool(facts) for facts in noted] == [True] * 4 + [False]
    text = str(noted)
    assert not [word for word in (*PLANTED, "20260203", "2026-02-03", "1.2.826") if word in text]
    assert "No file of this delivery" not in page_of(cast, delivery)


@pytest.mark.django_db
@pytest.mark.req("R-SORT-04")
def test_nothing_noted_is_kept_once_a_subject_is_named_or_the_delivery_is_discarded(cast: Cast) -> None:
    files = [*series(dt.date(2026, 2, 3), seed="new"), b"not an image"]
    named, gone = arrive(cast, files), arrive(cast, files)
    desk.assign(by=actor_for(cast.coordinator), submission=named, time_point=visit(cast, "BL"))
    desk.discard(by=actor_for(cast.coordinator), submission=gone, reason="sent twice")
    assert not IncomingFile.objects.filter(facts__has_key="arrival").exists()


@pytest.mark.django_db
@pytest.mark.req("R-SORT-04")
def test_a_delivery_of_which_nothing_can_be_read_waits_and_says_so(cast: Cast) -> None:
    delivery = arrive(cast, [b"not an image", b""])
    assert delivery.state == State.UNASSIGNED
    assert "No file of this delivery could be read" in page_of(cast, delivery)

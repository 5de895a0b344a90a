"""The quarantine desk: what is held back is listed without identity, and each decision on it is signed and kept."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from audit.models import AuditEvent, Signature
from imaging import quarantine
from imaging.models import IncomingFile, QuarantineDecision, Query, Submission
from imaging.services import held, holding, submissions
from imaging.services.held import Kind
from imaging.services.holding import Verdict
from tests.cast import Cast, actor_for
from tests.imaging.reception import opened, store
from tests.imaging.scans import PLANTED, baseline_of, ct_series, drive, send
from tests.signing import prove
from tests.signpage import sign
from trials.models import User

pytestmark = pytest.mark.django_db


def decide(user: User, submission: Submission, code: str, verdict: Verdict, reason: str = "not DICOM") -> Any:
    asked: dict[str, Any] = {
        "by": actor_for(user),
        "submission": submission,
        "code": code,
        "verdict": verdict,
        "reason": reason,
    }
    offered = holding.offer_decision(**asked)
    return holding.decide(**asked, proof=prove(asked["by"], offered))


@pytest.fixture
def mixed(cast: Cast) -> Submission:
    """A delivery of which two files are no DICOM, and the rest is filed."""
    return drive(send(cast.alba, baseline_of(cast), [b"no image", b"nor this", *ct_series()]))


@pytest.mark.req("R-DESK-04")
def test_the_desk_lists_what_is_held_oldest_first_with_reason_and_no_identity(cast: Cast, mixed: Submission) -> None:
    reception = opened("ALBA_PACS")
    store(reception, ct_series(1, name="DREISTEIN^KLARA", patient_id="QX11223344", seed="new")[0])
    reception.close()
    drive(Submission.objects.get(door="dicom"))
    found = held.held_by(actor_for(cast.coordinator), cast.trial)[:]
    assert [(item.kind, item.code, item.files) for item in found] == [
        (Kind.REFUSED, "not-dicom", 2),
        (Kind.UNASSIGNED, "", 1),
    ]
    client = Client()
    for who in (cast.coordinator, cast.analyst, cast.officer, cast.inspector):
        client.force_login(who)
        page = client.get(f"/trials/{cast.trial.code}/quarantine/").content.decode()
        assert "2 things are held back" in page
        page += client.get(f"/deliveries/{mixed.pk}/quarantine/").content.decode()
        assert not [planted for planted in PLANTED if planted in page]
    narrowed = client.get(f"/trials/{cast.trial.code}/quarantine/", {"kind": "refused", "site": "01"}).content.decode()
    assert "1 thing is held back" in narrowed


@pytest.mark.req("R-DESK-05")
def test_sent_back_the_files_stay_sealed_and_the_site_is_asked(cast: Cast, mixed: Submission) -> None:
    decision = decide(cast.coordinator, mixed, "not-dicom", Verdict.SENT_BACK, "Are these reports?")
    assert Query.objects.get(time_point=mixed.time_point).messages.get().text == "Are these reports?"
    held = mixed.files.filter(state=IncomingFile.State.REFUSED)
    assert [quarantine.read_whole(file) for file in held] == [b"no image", b"nor this"]
    signature = Signature.objects.get(pk=decision.signature_id)
    assert signature.object_id == str(mixed.pk)
    event = AuditEvent.objects.get(act="quarantine.sent_back")
    assert (event.actor_id, event.reason) == (cast.coordinator.username, "Are these reports?")
    client = Client()
    client.force_login(cast.alba)
    page = client.get(f"/deliveries/{mixed.pk}/").content.decode()
    assert f'<a href="/time-points/{mixed.time_point_id}/#queries">1 question</a>' in page


@pytest.mark.req("R-DESK-05")
def test_destroyed_the_bytes_and_with_the_last_of_them_the_key_are_gone(
    cast: Cast, mixed: Submission, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        decide(cast.officer, mixed, "not-dicom", Verdict.DESTROYED)
    mixed.refresh_from_db()
    assert (bytes(mixed.wrapped_key), mixed.state) == (b"", Submission.State.CHECKED)
    assert str(mixed.pk) not in quarantine.vault().list_submissions()
    assert mixed.files.filter(state=IncomingFile.State.FILED).count() == len(ct_series())
    with pytest.raises(ValidationError, match="held for that reason any more"):
        decide(cast.officer, mixed, "not-dicom", Verdict.DESTROYED)
    assert QuarantineDecision.objects.get().verdict == "destroyed"


@pytest.mark.req("R-DESK-05")
def test_one_reason_is_destroyed_and_what_is_held_for_another_keeps_its_key(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    whole = drive(send(cast.alba, baseline_of(cast), [b"no image", b""]))
    assert whole.state == Submission.State.QUARANTINED
    with django_capture_on_commit_callbacks(execute=True):
        decide(cast.coordinator, whole, "empty", Verdict.DESTROYED)
    (left,) = whole.files.filter(state=IncomingFile.State.REFUSED)
    assert quarantine.read_whole(left) == b"no image"
    with django_capture_on_commit_callbacks(execute=True):
        decide(cast.coordinator, whole, "not-dicom", Verdict.DESTROYED)
    whole.refresh_from_db()
    assert (whole.state, bytes(whole.wrapped_key)) == (Submission.State.DISCARDED, b"")


@pytest.mark.req("R-DESK-05")
def test_what_cannot_be_decided_is_told_in_words_and_changes_nothing(cast: Cast, mixed: Submission) -> None:
    with pytest.raises(ValidationError, match="Say why"):
        decide(cast.coordinator, mixed, "not-dicom", Verdict.DESTROYED, " ")
    with pytest.raises(ValidationError, match="not held as a whole"):
        decide(cast.coordinator, mixed, "", Verdict.DESTROYED)
    with pytest.raises(ValidationError, match="compare them"):
        decide(cast.coordinator, mixed, "conflict", Verdict.DESTROYED)
    going = submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))
    with pytest.raises(ValidationError, match="on its way"):
        decide(cast.coordinator, going, "not-dicom", Verdict.DESTROYED)
    assert not QuarantineDecision.objects.exists()


@pytest.mark.req("R-DESK-06")
def test_the_desk_is_the_core_laboratorys_and_only_coordinator_and_officer_decide(
    cast: Cast, mixed: Submission
) -> None:
    for who in (cast.alba, cast.analyst):
        with pytest.raises(PermissionDenied):
            decide(who, mixed, "not-dicom", Verdict.DESTROYED)
    client = Client()
    client.force_login(cast.alba)
    assert client.get(f"/trials/{cast.trial.code}/quarantine/").status_code == 403
    assert client.get(f"/deliveries/{mixed.pk}/quarantine/").status_code == 403


@pytest.mark.req("R-DESK-07")
def test_my_work_counts_what_waits_at_the_desk_for_those_who_may_decide(cast: Cast, mixed: Submission) -> None:
    def counted(user: User) -> list[int]:
        client = Client()
        client.force_login(user)
        desks = client.get("/").context["desks"]
        return [task.count for desk in desks for task in desk.tasks if task.view == "quarantine-desk"]

    assert (counted(cast.coordinator), counted(cast.officer)) == ([1], [1])
    assert (counted(cast.analyst), counted(cast.alba)) == ([], [])
    decide(cast.coordinator, mixed, "not-dicom", Verdict.SENT_BACK)
    assert counted(cast.officer) == [0]


@pytest.mark.req("R-DESK-05")
def test_by_page_the_decision_leads_to_the_signing_page_and_a_refusal_is_told(cast: Cast, mixed: Submission) -> None:
    client = Client()
    client.force_login(cast.coordinator)
    address = f"/deliveries/{mixed.pk}/quarantine/decide/"
    told = {"held_for": "not-dicom", "verdict": "destroyed", "reason": "no images"}
    assert client.post(address, told | {"reason": ""}).status_code == 400
    gone = client.post(address, told | {"held_for": "empty"})
    assert (gone.status_code, "held for that reason any more" in gone.content.decode()) == (400, True)
    assert sign(client, client.post(address, told)).status_code == 302
    assert QuarantineDecision.objects.get().decided_by == cast.coordinator.username

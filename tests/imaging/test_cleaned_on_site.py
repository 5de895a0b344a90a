"""Files that the site's browser cleaned: proven in the fence, of one person with the others, told as what they are."""

import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pydicom import dcmread

from audit.models import AuditEvent
from deid.page.bridge import Bridge
from imaging import archive
from imaging.claims import read_claim
from imaging.models import CleaningCertificate, IncomingFile, Instance, Series, Study, Submission
from imaging.services import sending, submissions
from imaging.services.pieces import cut
from tests.cast import Cast, actor_for, amend_charter
from tests.deid.test_page import Given
from tests.imaging.scans import PLANTED, baseline_of, ct_series, drive
from tests.tampering import change_fixed
from trials.keys import cleaning_key, trial_key
from trials.models import Subject, TimePoint, Trial, User

pytestmark = pytest.mark.django_db
ANOTHER = {"name": "ANDERER^MENSCH", "patient_id": "ZZ5550001"}


def begin(cast: Cast, time_point: TimePoint | None = None) -> Submission:
    return submissions.start(by=actor_for(cast.alba), time_point=time_point or baseline_of(cast))


def equipped(user: User, delivery: Submission) -> dict[str, Any]:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("api-delivery-cleaning", args=[delivery.pk]))
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


def bridge_of(cast: Cast, delivery: Submission) -> Bridge:
    bridge = Bridge()
    assert bridge.open(json.dumps(equipped(cast.alba, delivery))).told == {"is": "open"}
    return bridge


def send_both(
    cast: Cast, delivery: Submission, *, there: list[bytes], here: list[bytes], change: Any = lambda data: data
) -> Submission:
    """Send some files cleaned in the browser and the others as they are."""
    bridge, by = bridge_of(cast, delivery), actor_for(cast.alba)
    made = [bridge.clean(Given(data), "[]") for data in there]
    sent = [*(change(each.data) for each in made), *here]
    pieces = [piece for number, data in enumerate(sent) for piece in cut(number=number, data=data)]
    submissions.receive(by=by, submission=delivery, pieces=pieces)
    for number, each in enumerate(made):
        claim = read_claim(each.told["claim"]).told
        IncomingFile.objects.filter(submission=delivery, number=number).update(claim=claim)
    submissions.complete(by=by, submission=delivery, files=len(sent), size=sum(map(len, sent)))
    return drive(delivery)


@pytest.mark.req("R-PAGE-01", "R-PAGE-02")
def test_files_cleaned_in_the_browser_and_here_are_one_series_of_one_person(cast: Cast) -> None:
    slices = ct_series(5)
    delivery = send_both(cast, begin(cast), there=slices[:3], here=slices[3:])
    assert (delivery.state, delivery.refusal) == (Submission.State.CHECKED, "")
    assert (Study.objects.count(), Series.objects.count(), Instance.objects.count()) == (1, 1, 5)
    stored = [dcmread(io.BytesIO(archive.load(each.sha256))) for each in Instance.objects.all()]
    assert len({each.StudyDate for each in stored}) == 1
    assert len({each.FrameOfReferenceUID for each in stored}) == 1
    subject = Subject.objects.get(pk=cast.subject_a.pk)
    assert all((subject.patient_id_token, subject.person_token, subject.own_patient_id_token, subject.own_person_token))
    # The same scan again, all of it as it came, is the same.
    again = drive(sending.send_whole(by=actor_for(cast.alba), time_point=baseline_of(cast), files=slices))
    assert (again.state, Instance.objects.count()) == (Submission.State.CHECKED, 5)


@pytest.mark.req("R-PAGE-01")
def test_the_browser_is_given_the_key_of_one_subject_and_never_the_trials(cast: Cast) -> None:
    trial = Trial.objects.get(pk=cast.trial.pk)
    delivery = begin(cast)
    told = equipped(cast.alba, delivery)
    own, others = (cleaning_key(trial, subject_code=each.code) for each in (cast.subject_a, cast.subject_b))
    assert told["key"] == own.hex()
    assert len({own, others, trial_key(trial)}) == 3
    assert not [key for key in (others, trial_key(trial)) if key.hex() in json.dumps(told)]
    event = AuditEvent.objects.get(act="delivery.equipped")
    assert own.hex() not in event.after
    client = Client()
    client.force_login(cast.coordinator)
    assert client.get(reverse("api-delivery-cleaning", args=[delivery.pk])).status_code == 403


@pytest.mark.req("R-PAGE-01")
def test_a_trial_older_than_keys_by_subject_keeps_its_own_and_cleans_here_alone(cast: Cast) -> None:
    assert Trial.objects.get(pk=cast.trial.pk).key_scheme == Trial.KeyScheme.PER_SUBJECT
    # As migration 0014 left it.
    change_fixed("trials_trial", "key_scheme", Trial.KeyScheme.PER_TRIAL.value)
    trial = Trial.objects.get(pk=cast.trial.pk)
    assert cleaning_key(trial, subject_code=cast.subject_a.code) == trial_key(trial)
    told = equipped(cast.alba, begin(cast))
    assert told.keys() == {"offered", "why"}
    assert "encrypted intake" in told["why"]
    filed = drive(sending.send_whole(by=actor_for(cast.alba), time_point=baseline_of(cast), files=ct_series(4)))
    assert filed.state == Submission.State.CHECKED
    assert Subject.objects.get(pk=cast.subject_a.pk).own_person_token == ""


@pytest.mark.req("R-PAGE-02")
@pytest.mark.parametrize("is_first_here", [True, False])
def test_another_person_is_caught_whichever_way_the_first_scan_came(cast: Cast, *, is_first_here: bool) -> None:
    first, second = ct_series(4), ct_series(4, seed="two", **ANOTHER)
    send_both(cast, begin(cast), there=[] if is_first_here else first, here=first if is_first_here else [])
    later = begin(cast, cast.subject_a.time_points.get(scheduled__code="FU1"))
    held = send_both(cast, later, there=second if is_first_here else [], here=[] if is_first_here else second)
    assert held.state == Submission.State.QUARANTINED
    assert "another person" in held.refusal


@pytest.mark.req("R-PAGE-02")
def test_two_persons_in_one_delivery_are_held_though_one_was_cleaned_in_the_browser(cast: Cast) -> None:
    held = send_both(cast, begin(cast), there=ct_series(2), here=ct_series(2, seed="two", **ANOTHER))
    assert held.state == Submission.State.QUARANTINED
    assert "more than one person" in held.refusal


@pytest.mark.req("R-PAGE-04")
def test_what_is_not_proven_stays_in_quarantine_with_a_sentence(cast: Cast) -> None:
    def with_a_comment(data: bytes) -> bytes:
        dataset = dcmread(io.BytesIO(data))
        dataset.PatientComments = "Zweistein, seen in room 3"
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        return buffer.getvalue()

    held = send_both(cast, begin(cast), there=ct_series(2), here=[], change=with_a_comment)
    assert held.state == Submission.State.QUARANTINED
    refused = held.files.first()
    assert refused is not None
    assert (refused.refusal_code, refused.state) == ("not-proven", IncomingFile.State.REFUSED)
    assert "kept encrypted" in refused.refusal
    assert not Instance.objects.exists()


@pytest.mark.req("R-PAGE-04")
def test_rules_that_changed_meanwhile_are_told_in_words(cast: Cast) -> None:
    delivery = begin(cast)
    bridge = bridge_of(cast, delivery)
    made = bridge.clean(Given(ct_series(1)[0]), "[]")
    amend_charter(cast.trial, cast.coordinator, minimum_sd_days=50)
    by = actor_for(cast.alba)
    submissions.receive(by=by, submission=delivery, pieces=cut(number=0, data=made.data))
    delivery.files.update(claim=read_claim(made.told["claim"]).told)
    submissions.complete(by=by, submission=delivery, files=1, size=len(made.data))
    held = drive(delivery)
    refused = held.files.get()
    assert (held.state, refused.refusal_code) == (Submission.State.QUARANTINED, "other-rules")
    assert "not in force any more" in refused.refusal


@pytest.mark.req("R-PAGE-09")
def test_certificate_and_facts_say_that_the_browser_cleaned_it_and_nothing_of_the_person(cast: Cast) -> None:
    delivery = send_both(cast, begin(cast), there=ct_series(4), here=[])
    told = json.loads(CleaningCertificate.objects.get(submission=delivery).contents)
    record = told["files"][0]
    assert (record["cleaned_in"], record["sha256_after"]) == ("the site's browser", Instance.objects.first().sha256)  # type: ignore[union-attr]
    assert "without any change" in record["proof"]
    assert told["patterns"] == {}
    assert {each.facts["cleaned_in"] for each in Instance.objects.all()} == {"browser"}
    client = Client()
    client.force_login(cast.coordinator)
    page = client.get(reverse("submission-certificate", args=[delivery.pk]))
    assert page.status_code == 200
    claims = json.dumps(list(delivery.files.values_list("claim", flat=True)))
    trail = json.dumps(list(AuditEvent.objects.values_list("before", "after")))
    tokens = [each for each in (delivery.own_person_token, delivery.own_patient_id_token) if each]
    assert len(tokens) == 2
    assert not [word for word in (*PLANTED, *tokens) if word in claims or word in trail]


@pytest.mark.req("R-PAGE-04")
@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"engine": "0.1.0"},
        {"engine": "0 1", "policy": "0" * 64, "patient_id": "", "person": "", "has_contrast": False, "boxes": []},
        {"engine": "0.1", "policy": "x", "patient_id": "", "person": "", "has_contrast": False, "boxes": []},
        {"engine": "0.1", "policy": "0" * 64, "patient_id": "Alba", "person": "", "has_contrast": 1, "boxes": []},
        {"engine": "0.1", "policy": "0" * 64, "patient_id": "", "person": "", "has_contrast": True, "boxes": [[1, 2]]},
        {
            "engine": "0.1", "policy": "0" * 64, "patient_id": "", "person": "", "has_contrast": True,
            "boxes": [[5, 5, 1, 1]],
        },
    ],
)  # fmt: skip
def test_a_claim_of_another_shape_is_none(told: Any) -> None:
    with pytest.raises(ValueError, match=r"claim|box"):
        read_claim(told)

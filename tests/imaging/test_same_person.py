"""A wrong person inside a delivery is caught and held for people, and nothing but yes or no ever leaves."""

import json

import pytest

from audit.models import AuditEvent
from deid import IdentityTokens
from imaging.models import IncomingFile, Instance, QCCheck, Submission
from imaging.qc import IdentityMatch
from imaging.services import recognition
from imaging.services.forgetting import forget
from imaging.services.recognition import Told
from tests.cast import Cast, register
from tests.imaging.scans import PLANTED, baseline_of, ct_series, drive, send
from trials.models import Subject, TimePoint

pytestmark = pytest.mark.django_db
ANOTHER = {"name": "ANDERER^MENSCH", "patient_id": "ZZ5550001"}


def visit(subject: Subject, code: str) -> TimePoint:
    return subject.time_points.get(scheduled__code=code)


@pytest.mark.req("R-ID-03")
def test_two_persons_in_one_delivery_are_held_with_a_sentence(cast: Cast) -> None:
    mixed = ct_series(2) + ct_series(2, seed="two", **ANOTHER)
    held = drive(send(cast.alba, baseline_of(cast), mixed))
    assert held.state == Submission.State.QUARANTINED
    assert "more than one person" in held.refusal
    assert "kept encrypted" in held.refusal
    assert not Instance.objects.exists()
    assert held.files.filter(state=IncomingFile.State.RECEIVED).count() == 4


@pytest.mark.req("R-ID-03")
def test_another_person_than_before_is_held_even_where_the_trial_knows_them(cast: Cast, filed: Submission) -> None:
    drive(send(cast.brisa, visit(cast.subject_b, "BL"), ct_series(4, seed="two", **ANOTHER)))
    # Brisa's person under Alba's subject: not a twin registration, but the wrong scan.
    held = drive(send(cast.alba, visit(cast.subject_a, "FU1"), ct_series(4, seed="three", **ANOTHER)))
    assert held.state == Submission.State.QUARANTINED
    assert "another person" in held.refusal
    assert not Instance.objects.filter(series__study__time_point=visit(cast.subject_a, "FU1")).exists()


@pytest.mark.req("R-ID-03")
@pytest.mark.parametrize("name", ["ZWEISTEIN^ALBA", "Alba Zweistein", "zweistein, alba"])
def test_one_person_registered_at_two_sites_is_an_error_that_a_person_decides(
    cast: Cast, filed: Submission, name: str
) -> None:
    again = ct_series(4, seed="two", name=name, patient_id="another hospital's number")
    assert drive(send(cast.brisa, visit(cast.subject_b, "BL"), again)).state == Submission.State.CHECKED
    finding = QCCheck.objects.get(rule="identity")
    assert (finding.severity, finding.value) == ("error", "other-subject")
    assert visit(cast.subject_b, "BL").state == TimePoint.State.RECEIVED


@pytest.mark.req("R-ID-03")
def test_the_same_number_at_another_hospital_is_somebody_elses(cast: Cast, filed: Submission) -> None:
    scan = ct_series(4, seed="two", name="ANDERER^MENSCH")
    drive(send(cast.brisa, visit(cast.subject_b, "BL"), scan))
    assert not QCCheck.objects.filter(rule="identity").exists()


@pytest.mark.req("R-ID-03")
@pytest.mark.parametrize(
    ("number", "person", "answer"),
    [
        ("n", "p", IdentityMatch.SAME),
        ("n", "", IdentityMatch.SAME),
        ("", "p", IdentityMatch.SAME),
        ("x", "p", IdentityMatch.DIFFERS_IN_ONE),
        ("n", "x", IdentityMatch.DIFFERS_IN_ONE),
        ("x", "x", IdentityMatch.DIFFERS),
        ("", "x", IdentityMatch.DIFFERS),
        ("", "", IdentityMatch.NOT_COMPARABLE),
        ("twin's", "p", IdentityMatch.OTHER_SUBJECT),
        ("twin's", "twin's", IdentityMatch.DIFFERS),
    ],
)
def test_what_is_told_is_compared_with_the_subjects_own_before_the_trials_others(
    cast: Cast, number: str, person: str, answer: IdentityMatch
) -> None:
    twin = register(cast.alba, cast.site_a, cast.form)
    for subject, value in ((cast.subject_a, ("n", "p")), (twin, ("twin's", "twin's"))):
        subject.patient_id_token, subject.person_token = value
        subject.save(update_fields=["patient_id_token", "person_token"])
    told = Told(shared=IdentityTokens(patient_id=number, person=person))
    assert recognition.compare(cast.subject_a, told) is answer


@pytest.mark.req("R-ID-04")
def test_no_token_stands_in_the_trail_or_a_finding_and_no_name_anywhere(cast: Cast, filed: Submission) -> None:
    subject = Subject.objects.get(pk=cast.subject_a.pk)
    drive(send(cast.alba, visit(subject, "FU1"), ct_series(4, seed="two", name="ANDERER^MENSCH")))
    tokens = [subject.patient_id_token, subject.person_token, filed.patient_id_token, filed.person_token]
    assert all(len(token) == 64 for token in tokens)
    told = json.dumps(list(AuditEvent.objects.values_list("object_label", "before", "after", "reason")))
    told += json.dumps(list(QCCheck.objects.values_list("value", "limit", "sentence")))
    for secret in (*tokens, *PLANTED, "ANDERER"):
        assert secret not in told


@pytest.mark.req("R-ID-05")
def test_forgetting_clears_every_token_and_leaves_no_trace_of_them(cast: Cast, filed: Submission) -> None:
    subject = Subject.objects.get(pk=cast.subject_a.pk)
    tokens = {subject.patient_id_token, subject.person_token}
    assert forget(subject) == 2
    assert forget(subject) == 0
    assert (subject.patient_id_token, subject.person_token) == ("", "")
    subject.refresh_from_db()
    assert (subject.patient_id_token, subject.person_token) == ("", "")
    delivery = Submission.objects.get(pk=filed.pk)
    assert (delivery.patient_id_token, delivery.person_token) == ("", "")
    told = json.dumps(list(AuditEvent.objects.values_list("before", "after")))
    assert not [token for token in tokens if token in told]

"""One person is one person whichever way a scan comes, and another one is caught on each; sites and trials do not join."""

import datetime as dt
import itertools
import json
from typing import Any

import pytest

from audit.models import AuditEvent
from deid import identify, read_tokens
from imaging.claims import read_claim
from imaging.models import Instance, QCCheck, StowDelivery, Submission
from imaging.qc import IdentityMatch
from imaging.services import recognition
from imaging.services.forgetting import forget
from tests.cast import Cast, found_trial, register
from tests.imaging.scans import ct_series, ct_slice, drive, send, to_bytes
from tests.imaging.stowing import Sender, body, grant, sender_of
from tests.imaging.ways import WAYS, Way, by_browser, by_gateway, by_older_gateway, by_scanner, by_stow, named
from trials.keys import cleaning_key, common_key, trial_key
from trials.models import Subject, TimePoint

pytestmark = pytest.mark.django_db
State = Submission.State
PAIRS = [
    pytest.param(one, other, id=f"{first} {then}")
    for (first, one), (then, other) in itertools.product(WAYS.items(), repeat=2)
]
EACH = [pytest.param(way, id=name) for name, way in WAYS.items()]
ANOTHER = {"name": "ANDERER^MENSCH", "patient_id": "ZZ5550001"}


def visit(subject: Subject, code: str) -> TimePoint:
    return subject.time_points.select_related("subject__trial_site__trial", "scheduled").get(scheduled__code=code)


def scan(time_point: TimePoint, **told: Any) -> list[bytes]:
    """A scan of the visit's own day."""
    day, made = time_point.subject.day_zero + dt.timedelta(days=time_point.scheduled.day), []
    for number in range(4):
        dataset = ct_slice(number, seed=f"{time_point.scheduled.code} {told}", **told)
        dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = f"{day:%Y%m%d}"
        made.append(to_bytes(dataset))
    return made


def come(cast: Cast, way: Way, time_point: TimePoint, **told: Any) -> Submission:
    return way(cast, time_point, scan(time_point, **told))


def known(subject: Subject) -> recognition.Told:
    return recognition.told_in(Subject.objects.get(pk=subject.pk))


@pytest.mark.req("R-ID-26")
@pytest.mark.parametrize(("first", "then"), PAIRS)
def test_the_same_person_has_one_token_by_two_ways_and_another_is_caught(cast: Cast, first: Way, then: Way) -> None:
    subject = cast.subject_a
    one = come(cast, first, visit(subject, "BL"))
    assert (one.state, one.identity) == (State.CHECKED, IdentityMatch.FIRST), one.refusal
    token = known(subject).common
    assert token == identify(ct_series(1)[0], key=common_key(cast.subject_a))
    other = come(cast, then, visit(subject, "FU1"))
    assert (other.state, other.identity) == (State.CHECKED, IdentityMatch.SAME), other.refusal
    assert recognition.told_in(other).common == known(subject).common == token
    held = come(cast, then, visit(subject, "FU2"), **ANOTHER)
    assert (held.state, "another person" in held.refusal) == (State.QUARANTINED, True)
    assert not Instance.objects.filter(submission=held).exists()
    assert known(subject).common == token


@pytest.mark.req("R-ID-26", "R-SORT-01")
@pytest.mark.parametrize("first", [by_browser, by_gateway])
def test_a_scanners_scan_of_a_person_who_was_cleaned_at_the_site_before_finds_its_visit_by_itself(
    cast: Cast, first: Way
) -> None:
    come(cast, first, visit(cast.subject_a, "BL"))
    assert come(cast, by_scanner, visit(cast.subject_a, "FU1")).state == State.CHECKED
    told = AuditEvent.objects.get(act="delivery.matched")
    assert json.loads(told.after) == {"subject": cast.subject_a.code, "time_point": "FU1"}


@pytest.mark.req("R-ID-26")
@pytest.mark.parametrize("then", [by_scanner, by_stow])
@pytest.mark.parametrize("first", EACH)
def test_a_known_person_under_another_subject_of_the_site_is_an_error_where_the_original_is_seen(
    cast: Cast, first: Way, then: Way
) -> None:
    other = register(cast.alba, cast.site_a, cast.form)
    come(cast, first, visit(cast.subject_a, "BL"))
    # Of a day that is nobody's visit, so that a person names it where a scanner sent it.
    files = ct_series(4, seed="two")
    assert then(cast, visit(other, "BL"), files).identity == IdentityMatch.OTHER_SUBJECT
    finding = QCCheck.objects.get(rule="identity")
    assert (finding.severity, finding.value) == ("error", "other-subject")


@pytest.mark.req("R-ID-26")
@pytest.mark.parametrize("first", [by_browser, by_gateway])
def test_an_original_of_somebody_else_teaches_nothing_of_a_subject(cast: Cast, first: Way) -> None:
    other = register(cast.alba, cast.site_a, cast.form)
    come(cast, first, visit(cast.subject_a, "BL"))
    assert come(cast, by_stow, visit(other, "BL"), **ANOTHER).identity == IdentityMatch.FIRST
    assert known(cast.subject_a).shared == recognition.NOBODY


@pytest.mark.req("R-ID-27")
def test_subjects_and_trials_do_not_join_and_a_subjects_key_tells_nothing_of_another(cast: Cast) -> None:
    come(cast, by_gateway, visit(cast.subject_a, "BL"))
    drive(send(cast.brisa, visit(cast.subject_b, "BL"), ct_series(4, seed="two")))
    here, there = known(cast.subject_a).common, known(cast.subject_b).common
    assert all((here.patient_id, here.person, there.patient_id, there.person))
    assert not {here.patient_id, here.person} & {there.patient_id, there.person}
    other = register(cast.alba, cast.site_a, cast.form)
    taiga = found_trial(cast.coordinator, "TAIGA")
    keys = {common_key(each) for each in (cast.subject_a, cast.subject_b, other)}
    keys |= {trial_key(cast.trial), trial_key(taiga), cleaning_key(cast.trial, subject_code=cast.subject_a.code)}
    assert len(keys) == 6
    told = {tuple(identify(ct_series(1)[0], key=key).written.split(".")) for key in keys}
    assert len({token for pair in told for token in pair}) == 12


@pytest.mark.req("R-ID-27")
def test_one_person_at_two_sites_is_still_found_where_the_doors_here_saw_both(cast: Cast) -> None:
    come(cast, by_stow, visit(cast.subject_a, "BL"))
    twin = drive(send(cast.brisa, visit(cast.subject_b, "BL"), ct_series(4, seed="two")))
    assert twin.identity == IdentityMatch.OTHER_SUBJECT


@pytest.mark.req("R-ID-26")
@pytest.mark.parametrize("way", [by_browser, by_stow, by_scanner])
def test_a_subject_known_from_before_there_was_a_common_key_is_opened_to_every_way_by_its_next_scan(
    cast: Cast, way: Way
) -> None:
    come(cast, by_stow, visit(cast.subject_a, "BL"))
    as_before = {"common_patient_id_token": "", "common_person_token": ""}
    Subject.objects.filter(pk=cast.subject_a.pk).update(**as_before)
    held = come(cast, by_gateway, visit(cast.subject_a, "FU2"))
    assert (held.state, "another person" in held.refusal) == (State.QUARANTINED, True)
    assert come(cast, way, visit(cast.subject_a, "FU1")).identity == IdentityMatch.SAME
    assert come(cast, by_gateway, visit(cast.subject_a, "FU2")).identity == IdentityMatch.SAME


@pytest.mark.req("R-ID-26", "R-GATEWAY-11")
@pytest.mark.parametrize("has_common_tokens", [True, False])
def test_a_subject_whom_an_older_gateway_sent_is_known_by_its_person_once_a_newer_one_sends(
    cast: Cast, *, has_common_tokens: bool
) -> None:
    subject = cast.subject_a
    come(cast, by_older_gateway, visit(subject, "BL"))
    if not has_common_tokens:
        Subject.objects.filter(pk=subject.pk).update(common_patient_id_token="", common_person_token="")
    held = come(cast, by_gateway, visit(subject, "FU1"), **ANOTHER)
    assert (held.state, "another person" in held.refusal) == (State.QUARANTINED, True)
    assert come(cast, by_gateway, visit(subject, "FU1")).identity == IdentityMatch.SAME
    assert known(subject).common == identify(ct_series(1)[0], key=common_key(cast.subject_a))
    assert come(cast, by_stow, visit(subject, "FU2")).identity == IdentityMatch.SAME
    # One that is not brought up to date yet is known by the name it gives.
    assert come(cast, by_older_gateway, visit(subject, "FU2")).identity == IdentityMatch.SAME


@pytest.mark.req("R-GATEWAY-11")
def test_the_subjects_key_goes_to_whoever_asks_with_its_token_and_the_trail_says_so_without_it(cast: Cast) -> None:
    path = f"/dicomweb/expected?{named(visit(cast.subject_a, 'BL'))}"
    assert "common_key" not in sender_of(cast).get(path).json()
    assert not AuditEvent.objects.filter(act="gateway.equipped").exists()
    told = sender_of(cast).get(path + "&equip=1").json()
    assert (told["common_key"], told["recognises"]) == (common_key(cast.subject_a).hex(), False)
    assert trial_key(cast.trial).hex() not in json.dumps(told)
    event = AuditEvent.objects.get(act="gateway.equipped")
    assert json.loads(event.after) == {"subject": cast.subject_a.code, "time_point": "BL"}
    assert not AuditEvent.objects.filter(after__contains=told["common_key"]).exists()
    foreign = Sender(grant(cast.brisa, cast.site_b).secret)
    assert foreign.get(path + "&equip=1").status_code == 404
    come(cast, by_stow, visit(cast.subject_a, "BL"))
    assert sender_of(cast).get(path).json()["recognises"] is True


@pytest.mark.req("R-GATEWAY-11")
@pytest.mark.parametrize(
    ("query", "person", "words"),
    [(True, "alba", "no tokens"), (True, "." * 3, "no tokens"), (False, f"{'a' * 64}.", "Name subject")],
)
def test_what_tells_no_person_or_of_no_subject_is_refused_whole(
    cast: Cast, *, query: bool, person: str, words: str
) -> None:
    path = f"/dicomweb/studies?{named(visit(cast.subject_a, 'BL')) if query else ''}"
    answer = sender_of(cast).post(body(ct_series(1)), path=path, **{"corelab-person": person})
    assert (answer.status_code, words in answer.json()["detail"]) == (400, True)
    assert not Submission.objects.exists()


@pytest.mark.req("R-ID-03", "R-GATEWAY-11")
def test_files_that_name_two_persons_are_held_whatever_stands_beside_them(cast: Cast) -> None:
    path = f"/dicomweb/studies?{named(visit(cast.subject_a, 'BL'))}&complete=1"
    mixed = ct_series(2) + ct_series(2, seed="two", **ANOTHER)
    sender_of(cast).post(body(mixed), path=path, **{"corelab-person": f"{'a' * 64}."})
    held = drive(StowDelivery.objects.get().submission)
    assert (held.state, "more than one person" in held.refusal) == (State.QUARANTINED, True)


@pytest.mark.req("R-GATEWAY-11")
def test_two_persons_of_one_gateway_for_one_visit_are_two_deliveries(cast: Cast) -> None:
    sender, path = sender_of(cast), f"/dicomweb/studies?{named(visit(cast.subject_a, 'BL'))}"
    for number, sign in enumerate("aab"):
        files = ct_series(1, seed=str(number))
        assert sender.post(body(files), path=path, **{"corelab-person": f"{sign * 64}."}).status_code == 202
    assert sorted(each.submission.files.count() for each in StowDelivery.objects.all()) == [1, 2]


@pytest.mark.req("R-ID-05", "R-GATEWAY-11")
def test_what_a_gateway_told_is_gone_once_it_is_compared_and_after_an_erasure(cast: Cast) -> None:
    delivery = come(cast, by_gateway, visit(cast.subject_a, "BL"))
    token = known(cast.subject_a).common
    said = StowDelivery.objects.get(submission=delivery)
    assert read_tokens(said.person) == recognition.NOBODY
    assert recognition.told_in(delivery) == known(cast.subject_a) == recognition.Told(common=token)
    assert forget(Subject.objects.get(pk=cast.subject_a.pk)) == 2
    assert known(cast.subject_a) == recognition.told_in(Submission.objects.get(pk=delivery.pk)) == recognition.Told()
    told = json.dumps(list(AuditEvent.objects.values_list("before", "after")))
    assert not [each for each in (token.patient_id, token.person) if each in told]


@pytest.mark.req("R-PAGE-04")
def test_a_claim_of_a_page_that_was_open_before_there_was_a_common_key_is_read_and_half_of_one_is_not() -> None:
    claim = {
        "engine": "0.1",
        "policy": "0" * 64,
        "patient_id": "a" * 64,
        "person": "",
        "has_contrast": True,
        "boxes": [],
    }
    assert read_claim(claim).common_tokens == recognition.NOBODY
    for half in ({"common_person": "b" * 64}, {"common_person": "Alba", "common_patient_id": ""}):
        with pytest.raises(ValueError, match="claim"):
            read_claim(claim | half)

"""The road goes by the charter's own rules, and certifies what it did to each object without any value."""

import datetime as dt
import hashlib
import io
import json

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from pydicom import dcmread

from audit.models import AuditEvent
from deid import DEFAULT_OPTIONS, Option
from deid.choices import Choices
from deid.examples import Example
from deid.tables import table_edition
from imaging import archive, progress
from imaging.models import CleaningCertificate, Instance, Study, Submission
from imaging.services import cleaning, road, stages
from tests.cast import Cast, actor_for
from tests.imaging.scans import PLANTED, baseline_of, ct_series, ct_slice, drive, send, to_bytes
from tests.signing import approve
from trials.keys import trial_key
from trials.models import Charter
from trials.selectors import policy_of
from trials.services import charters, profiles

pytestmark = pytest.mark.django_db
WORDS = Choices(options=DEFAULT_OPTIONS | {Option.CLEAN_DESCRIPTORS}, words=frozenset({"plutonia"}))


def sign_profile(cast: Cast, choices: Choices) -> Charter:
    by = actor_for(cast.coordinator)
    draft = charters.amend(by=by, charter=cast.charter, reason="the test asks for it")
    profiles.write(by=by, charter=draft, choices=choices, reason="the test asks for it")
    profiles.try_on(by=by, charter=draft, kind=Example.CT)
    return approve(cast.coordinator, draft)


def described() -> bytes:
    dataset = ct_slice(1)
    dataset.SeriesDescription = "CHEST plutonia Zweistein"
    return to_bytes(dataset)


@pytest.mark.req("R-PROF-10")
def test_the_road_goes_by_the_rules_in_force_and_says_which(cast: Cast) -> None:
    charter = sign_profile(cast, WORDS)
    drive(send(cast.alba, baseline_of(cast), [described()]))
    instance = Instance.objects.get()
    dataset = dcmread(io.BytesIO(archive.load(instance.sha256)))
    assert dataset.SeriesDescription == "CHEST plutonia"
    assert instance.policy_digest == policy_of(charter).digest
    assert instance.facts["profile"] == "TUNDRA 2"
    assert "cleaning" not in instance.facts
    event = AuditEvent.objects.get(act="delivery.deidentified")
    assert json.loads(event.after)["profile"] == "TUNDRA 2"
    assert json.loads(event.after)["policy"] == policy_of(charter).digest


@pytest.mark.req("R-PROF-10")
def test_a_draft_changes_nothing_on_the_road(cast: Cast) -> None:
    by = actor_for(cast.coordinator)
    draft = charters.amend(by=by, charter=cast.charter, reason="the test asks for it")
    profiles.write(by=by, charter=draft, choices=WORDS, reason="the test asks for it")
    drive(send(cast.alba, baseline_of(cast), [described()]))
    assert Instance.objects.get().policy_digest == policy_of(cast.charter).digest
    assert Instance.objects.get().facts["profile"] == "basic 1"


@pytest.mark.req("R-PROF-10")
def test_a_delivery_cut_half_way_is_cleaned_by_one_set_of_rules(cast: Cast) -> None:
    delivery = send(cast.alba, baseline_of(cast), [to_bytes(ct_slice(number)) for number in range(2)])
    opened = road.claim(str(delivery.pk))
    assert opened
    stages.run(opened)
    key, context = trial_key(cast.trial), cleaning.clinical_trial(baseline_of(cast))
    cleaning._clean_one(opened.files.all()[0], key=key, policy=policy_of(cast.charter), context=context)
    charter = sign_profile(cast, WORDS)
    drive(delivery)
    assert set(Instance.objects.values_list("policy_digest", flat=True)) == {policy_of(charter).digest}


@pytest.mark.req("R-PROF-15")
@pytest.mark.parametrize("dates", [Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES])
def test_the_day_of_the_trial_is_true_whether_dates_are_moved_or_kept(dates: Option, cast: Cast) -> None:
    sign_profile(cast, Choices(options=frozenset({dates})))
    drive(send(cast.alba, baseline_of(cast), [to_bytes(ct_slice(1))]))
    assert Study.objects.get().study_day == (dt.date(2004, 1, 19) - cast.subject_a.day_zero).days


@pytest.fixture
def certified(cast: Cast) -> Submission:
    return drive(send(cast.alba, baseline_of(cast), [*ct_series(3), b"no scan at all"]))


@pytest.mark.req("R-PROF-12")
def test_the_certificate_tells_what_was_in_force_and_done_and_no_value(certified: Submission) -> None:
    made = CleaningCertificate.objects.get(submission=certified)
    told = json.loads(made.contents)
    assert (told["cleaned"], told["refused"], told["table"]) == (3, 1, table_edition())
    assert told["policy_sha256"] == Instance.objects.all()[0].policy_digest
    kept = [each for each in told["files"] if each["decision"] == "cleaned"]
    assert {(each["sha256_before"], each["sha256_after"]) for each in kept} == set(
        Instance.objects.values_list("received_sha256", "sha256")
    )
    assert {each["pattern"] for each in kept} == {"1"}  # slices of one series are treated alike
    assert told["patterns"]["1"]["(0010,0010)"] == {"emptied": 1}
    assert told["actions"]["(0010,0010)"] == {"emptied": 3}
    refused = next(each for each in told["files"] if each["decision"] == "refused")
    assert refused["code"] == "not-dicom"
    assert not [word for word in PLANTED if word in made.contents]


@pytest.mark.req("R-PROF-12")
def test_its_digest_stands_in_the_trail_and_nothing_changes_it(certified: Submission) -> None:
    made = CleaningCertificate.objects.get(submission=certified)
    event = AuditEvent.objects.get(act="delivery.certified")
    assert json.loads(event.after)["certificate"] == hashlib.sha256(made.contents.encode()).hexdigest() == made.sha256
    assert progress.certificate(made)["is_as_recorded"]
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
        CleaningCertificate.objects.filter(pk=made.pk).update(contents="{}")
    made.contents = made.contents.replace('"cleaned":3', '"cleaned":4')
    assert not progress.certificate(made)["is_as_recorded"]


@pytest.mark.req("R-PROF-12")
def test_a_delivery_of_which_nothing_could_be_cleaned_is_certified_too(cast: Cast) -> None:
    refused = ct_slice(1)
    refused.BurnedInAnnotation = "YES"
    kept = drive(send(cast.alba, baseline_of(cast), [to_bytes(refused)]))
    assert kept.state == Submission.State.QUARANTINED
    told = json.loads(CleaningCertificate.objects.get(submission=kept).contents)
    assert (told["cleaned"], told["refused"], told["files"][0]["code"]) == (0, 1, "pixels-need-review")


@pytest.mark.req("R-PROF-13")
def test_the_certificate_is_read_and_taken_whole_or_of_one_object(
    cast: Cast, certified: Submission, client: Client
) -> None:
    client.force_login(cast.alba)
    assert f"/deliveries/{certified.pk}/certificate/" in client.get(f"/deliveries/{certified.pk}/").content.decode()
    page = client.get(f"/deliveries/{certified.pk}/certificate/").content.decode()
    made = CleaningCertificate.objects.get(submission=certified)
    assert made.sha256 in page
    assert "not what the audit trail recorded" not in page
    told = client.get(f"/api/deliveries/{certified.pk}/certificate/").json()
    assert (told["sha256"], told["certificate"]) == (made.sha256, json.loads(made.contents))
    first = next(each for each in told["certificate"]["files"] if each["decision"] == "cleaned")
    one = client.get(f"/api/deliveries/{certified.pk}/certificate/{first['number']}/").json()
    assert one["sha256_after"] == first["sha256_after"]
    assert one["actions"]["(0010,0010)"] == {"emptied": 1}
    assert (one["engine"], one["certificate_sha256"]) == (told["certificate"]["engine"], made.sha256)
    assert client.get(f"/api/deliveries/{certified.pk}/certificate/99999/").status_code == 404


@pytest.mark.req("R-PROF-13")
@pytest.mark.parametrize("who", ["reader", "adjudicator", "brisa", "stranger", "sponsor", "statistician"])
def test_nobody_blinded_or_from_elsewhere_is_given_it(
    who: str, cast: Cast, certified: Submission, client: Client
) -> None:
    client.force_login(getattr(cast, who))
    for address in (f"/deliveries/{certified.pk}/certificate/", f"/api/deliveries/{certified.pk}/certificate/"):
        assert client.get(address).status_code == 404

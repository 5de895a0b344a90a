"""A charter's de-identification profile: written with a reason, tried, signed with the charter, and frozen then."""

import json
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from deid import DEFAULT_OPTIONS, Option
from deid.choices import Choices, TagAction, TagRule
from deid.examples import Example, example
from deid.profile import parse_profile
from tests.cast import Cast, actor_for, amend_charter
from tests.signing import approve
from trials.models import Charter, DeidProfile
from trials.selectors import charter_contents, choices_of, policy_of
from trials.services import charters, profiles

pytestmark = pytest.mark.django_db
FACES = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
REASON = "the tracer's name must stay"
WORDY = Choices(
    options=DEFAULT_OPTIONS | {Option.CLEAN_DESCRIPTORS},
    words=frozenset({"plutonia"}),
    tag_rules=(TagRule(0x00181151, TagAction.REMOVE, "not measured"),),
)
SUV = Choices(options=DEFAULT_OPTIONS | {Option.RETAIN_PATIENT_CHARACTERISTICS, Option.RETAIN_SAFE_PRIVATE})
ADDRESS = "/trials/TUNDRA/charter/2/profile/"
TYPED = {
    "dates": "retain-modified-dates",
    "options": ["clean-structured-content", "clean-descriptors"],
    "words": "Plutonia",
    "tags": "(0018,1151) remove not measured\n",
    "reason": REASON,
}


@pytest.fixture
def draft(cast: Cast) -> Charter:
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="descriptions are needed")


def write(cast: Cast, draft: Charter, choices: Choices = WORDY) -> DeidProfile:
    return profiles.write(by=actor_for(cast.coordinator), charter=draft, choices=choices, reason=REASON)


def look(cast: Cast, draft: Charter, **told: Any) -> Any:
    return profiles.try_on(by=actor_for(cast.coordinator), charter=draft, kind=Example.CT, **told)


@pytest.mark.req("R-PROF-08")
def test_a_charter_without_a_profile_goes_by_the_products_own(cast: Cast) -> None:
    policy = policy_of(cast.charter)
    # The road of a delivery has people who look at pictures.
    options = DEFAULT_OPTIONS | {Option.CLEAN_PIXEL_DATA}
    assert (policy.name, policy.version, policy.options) == ("basic", 1, options)
    assert "deidentification" not in charter_contents(cast.charter)
    assert profiles.is_tried(cast.charter)


@pytest.mark.req("R-PROF-08")
def test_a_profile_is_written_on_the_draft_with_a_reason_and_the_trail_tells_both_sides(
    cast: Cast, draft: Charter
) -> None:
    with pytest.raises(ValidationError) as refusal:
        profiles.write(by=actor_for(cast.coordinator), charter=draft, choices=WORDY, reason=" ")
    assert refusal.value.code == "no-reason"
    write(cast, draft)
    assert choices_of(draft) == WORDY
    event = AuditEvent.objects.get(act="profile.written")
    assert "plutonia" in event.after
    assert "plutonia" not in event.before
    assert event.reason == REASON
    with pytest.raises(PermissionDenied):
        profiles.write(by=actor_for(cast.monitor), charter=draft, choices=WORDY, reason=REASON)


@pytest.mark.req("R-FACE-05")
def test_no_charter_asks_for_faces_to_be_taken_out_where_no_program_is_declared(
    cast: Cast, draft: Charter, client: Client
) -> None:
    with pytest.raises(ValidationError, match="asks for a program that takes faces out"):
        write(cast, draft, Choices(options=DEFAULT_OPTIONS | {FACES}))
    client.force_login(cast.coordinator)
    page = client.get(ADDRESS).content.decode()
    assert "clean-descriptors" in page
    assert FACES not in page
    assert "python -m deid clean --defacer" in page
    answer = client.post(ADDRESS, TYPED | {"options": [FACES]})
    assert answer.status_code == 400
    assert FACES not in choices_of(Charter.objects.get(pk=draft.pk)).options


@pytest.mark.req("R-FACE-10")
def test_where_a_program_is_declared_the_editor_offers_the_option_and_the_look_tells_what_it_leaves_out(
    cast: Cast, draft: Charter, client: Client, settings: Any
) -> None:
    settings.DEFACER = "halfhead"
    client.force_login(cast.coordinator)
    assert FACES in client.get(ADDRESS).content.decode()
    answer = client.post(ADDRESS, TYPED | {"options": ["clean-structured-content", FACES]})
    assert answer.status_code == 302
    assert FACES in choices_of(Charter.objects.get(pk=draft.pk)).options
    shown = client.post(f"{ADDRESS}try/", {"look-kind": Example.CT.value}).content.decode()
    assert "Faces stay in this look" in shown
    assert profiles.is_tried(Charter.objects.get(pk=draft.pk))


@pytest.mark.req("R-PROF-08")
def test_a_signed_profile_changes_neither_by_a_service_nor_in_the_database(cast: Cast, draft: Charter) -> None:
    profile = write(cast, draft)
    look(cast, draft)
    approved = approve(cast.coordinator, draft)
    with pytest.raises(ValidationError) as refusal:
        write(cast, approved, SUV)
    assert refusal.value.code == "frozen"
    for change in (
        lambda: DeidProfile.objects.filter(pk=profile.pk).update(words=[]),
        lambda: DeidProfile.objects.filter(pk=profile.pk).delete(),
        lambda: DeidProfile.objects.create(charter=cast.charter, unknown_objects="refuse"),
    ):
        with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
            change()
    look(cast, approved)
    assert DeidProfile.objects.get().tried_sha256 == profiles._tried_sha256(approved)


@pytest.mark.req("R-PROF-08")
def test_the_next_version_begins_with_the_same_rules_and_the_signed_one_keeps_its_own(
    cast: Cast, draft: Charter
) -> None:
    write(cast, draft)
    look(cast, draft)
    second = approve(cast.coordinator, draft)
    third = charters.amend(by=actor_for(cast.coordinator), charter=second, reason="and SUV")
    assert choices_of(third) == WORDY
    assert profiles.is_tried(third)
    write(cast, third, SUV)
    assert not profiles.is_tried(third)
    assert choices_of(second) == WORDY
    assert charters.is_as_signed(second)


@pytest.mark.req("R-PROF-09")
def test_a_charter_is_signed_only_when_somebody_saw_what_its_rules_do(cast: Cast, draft: Charter) -> None:
    write(cast, draft)
    with pytest.raises(ValidationError, match="Nobody has tried") as refusal:
        charters.offer_approval(by=actor_for(cast.coordinator), charter=draft)
    assert refusal.value.code == "profile-untried"
    look(cast, draft)
    write(cast, draft, SUV)
    with pytest.raises(ValidationError, match="Nobody has tried"):
        charters.offer_approval(by=actor_for(cast.coordinator), charter=draft)
    look(cast, draft)
    offered = charters.offer_approval(by=actor_for(cast.coordinator), charter=draft)
    assert offered.contents["deidentification"] == SUV.told
    approve(cast.coordinator, draft)


@pytest.mark.req("R-PROF-09")
def test_a_trial_that_measures_suv_is_not_signed_without_a_profile_that_keeps_it(cast: Cast) -> None:
    with pytest.raises(ValidationError, match="SUV needs"):
        amend_charter(cast.trial, cast.coordinator, measures_suv=True)
    draft = cast.trial.charters.get(state="draft")
    with pytest.raises(ValidationError, match="7053,1000"):
        write(cast, draft, Choices(options=SUV.options - {Option.RETAIN_SAFE_PRIVATE}))
    assert not DeidProfile.objects.exists()
    write(cast, draft, SUV)
    look(cast, draft)
    assert charters.offer_approval(by=actor_for(cast.coordinator), charter=draft).contents["measures_suv"] is True


@pytest.mark.req("R-PROF-09")
def test_setting_and_profile_never_say_two_things_about_age_and_weight(cast: Cast, draft: Charter) -> None:
    write(cast, draft, SUV)
    draft.refresh_from_db()
    assert draft.retain_patient_characteristics
    told = {name: getattr(draft, name) for name in charters.SETTINGS} | {"retain_patient_characteristics": False}
    with pytest.raises(ValidationError) as refusal:
        charters.change_settings(by=actor_for(cast.coordinator), charter=draft, settings=told, reason=REASON)
    assert refusal.value.code == "profile-decides"


@pytest.mark.req("R-PROF-08")
def test_the_history_of_a_charter_tells_each_value_of_its_profile_and_why(
    cast: Cast, draft: Charter, client: Client
) -> None:
    write(cast, draft)
    write(cast, draft, SUV)
    client.force_login(cast.coordinator)
    page = client.get(reverse("history", args=["charter", draft.pk])).content.decode()
    assert "plutonia" in page
    assert "retain-safe-private" in page
    assert unescape(page).count(REASON) > 1


@pytest.mark.req("R-PROF-08")
def test_the_page_writes_shows_and_hands_out_the_profile(cast: Cast, draft: Charter, client: Client) -> None:
    client.force_login(cast.coordinator)
    assert client.post(ADDRESS, TYPED).status_code == 302
    assert choices_of(draft) == WORDY
    page = client.get(ADDRESS).content.decode()
    assert "Nobody has looked yet" in page
    assert "These words stay in the descriptions" in page
    answer = client.get(f"{ADDRESS}download/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="TUNDRA-profile-2.json"'
    profile = parse_profile(json.loads(answer.content))
    assert profile.policy == policy_of(draft)
    assert profile.texts["protocol_id"] == "TUNDRA-001"
    client.force_login(cast.monitor)
    assert "plutonia" in client.get(ADDRESS).content.decode()
    assert client.post(ADDRESS, TYPED).status_code == 403


@pytest.mark.req("R-PROF-08")
def test_who_writes_on_a_charter_that_was_frozen_meanwhile_is_told_so(
    cast: Cast, draft: Charter, client: Client
) -> None:
    approve(cast.coordinator, draft)
    client.force_login(cast.coordinator)
    answer = client.post(ADDRESS, TYPED)
    assert answer.status_code == 400
    assert "This charter is frozen" in answer.content.decode()


@pytest.mark.req("R-PROF-02")
@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"tags": "(0010,0010) keep I want it"}, "ruled by the Basic Profile"),
        ({"tags": "series description keep it"}, "no attribute with a decision"),
        ({"tags": "(0028,0010) remove"}, "say why it is decided otherwise"),
        ({"words": "a1"}, "no word that can be let through"),
        ({"reason": ""}, "Say why the profile changes"),
        ({"options": "invented"}, "Select a valid choice"),
    ],
)
def test_what_lint_or_form_refuse_is_said_on_the_page_and_nothing_is_saved(
    told: dict[str, str], sentence: str, cast: Cast, draft: Charter, client: Client
) -> None:
    client.force_login(cast.coordinator)
    answer = client.post(ADDRESS, TYPED | told)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not DeidProfile.objects.exists()


@pytest.mark.req("R-PROF-11")
@pytest.mark.parametrize("kind", Example)
def test_a_look_lays_a_made_up_object_beside_what_becomes_of_it(
    kind: Example, cast: Cast, draft: Charter, client: Client
) -> None:
    client.force_login(cast.coordinator)
    client.post(ADDRESS, TYPED)
    answer = client.post(f"{ADDRESS}try/", {"look-kind": kind.value})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Example^Eva Maria" in page
    assert "(0010,0010)" in page
    assert "no-store" in answer.headers["Cache-Control"]
    assert profiles.is_tried(draft)


@pytest.mark.req("R-PROF-11")
def test_a_file_of_ones_own_lives_in_the_answer_alone(
    cast: Cast, draft: Charter, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.force_login(cast.coordinator)
    client.post(ADDRESS, TYPED)
    data = example(Example.MR).replace(b"Example^Eva Maria", b"Quarrell^Ottilie ")
    upload = SimpleUploadedFile("Quarrell.dcm", data)
    with caplog.at_level("DEBUG"):
        answer = client.post(f"{ADDRESS}try/", {"look-kind": "CT", "look-file": upload})
    assert "Quarrell^Ottilie" in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Quarrell" not in caplog.text
    told = AuditEvent.objects.values_list("object_label", "before", "after", "reason")
    assert "Quarrell" not in str(list(told))
    assert '"object":"upload"' in AuditEvent.objects.get(act="profile.tried").after


@pytest.mark.req("R-PROF-11")
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"no scan at all", "This is not a DICOM file"),
        (b"\0" * (16 * 1024 * 1024 + 1), "larger than a look allows"),
        (b"", "The submitted file is empty"),
    ],
)
def test_a_file_that_cannot_be_looked_at_is_refused_in_words_and_counts_for_nothing(
    data: bytes, sentence: str, cast: Cast, draft: Charter, client: Client
) -> None:
    client.force_login(cast.coordinator)
    client.post(ADDRESS, TYPED)
    answer = client.post(f"{ADDRESS}try/", {"look-kind": "CT", "look-file": SimpleUploadedFile("x", data)})
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not profiles.is_tried(draft)

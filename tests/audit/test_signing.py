"""The ceremony of a signature: whatever does not hold is refused with a sentence, leaves one event and nothing else."""

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import signing as tokens
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import letters, signing
from audit.meanings import Meaning
from audit.models import AuditEvent, Signature
from audit.signing import Offer, Proof, SignatureRefused
from imaging.models import QCDecision, Submission
from imaging.services import quality
from tests.cast import PASSWORD, TODAY, Cast, actor_for, found_trial, seat
from tests.imaging.scans import baseline_of
from tests.people import ORGANISATION, STAGE, person
from tests.signing import approve, code_of, prove
from trials.models import Charter, User
from trials.roles import Role
from trials.selectors import charter_contents
from trials.services import charters, sign_in

pytestmark = pytest.mark.django_db
WRONG = "eight loud otters"
# Too short for any authenticator.
WRONG_CODE = "12345"


@pytest.fixture
def draft(cast: Cast) -> Charter:
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="a new scanner")


def offered(cast: Cast, draft: Charter) -> Offer:
    return charters.offer_approval(by=actor_for(cast.coordinator), charter=draft)


def proof_of(cast: Cast, draft: Charter, **other: Any) -> Proof:
    return prove(actor_for(cast.coordinator), offered(cast, draft), **other)


def refused(cast: Cast, draft: Charter, proof: Proof, *, act: str = "signature.refused") -> SignatureRefused:
    """The refusal, after everything was looked at that must not have happened, and the one event that must."""
    events, signatures = AuditEvent.objects.count(), Signature.objects.count()
    with pytest.raises(SignatureRefused) as refusal:
        charters.approve(by=actor_for(cast.coordinator), charter=draft, proof=proof)
    (event,) = AuditEvent.objects.order_by("sequence")[events:]
    assert (event.act, event.actor_id, event.role, event.trial_code) == (act, "clara", "coordinator", "TUNDRA")
    assert (event.object_type, event.object_id) == ("trials.Charter", str(draft.pk))
    assert json.loads(event.after) == {"cause": refusal.value.code, "meaning": proof.meaning}
    told = "".join(str(value) for value in vars(event).values())
    assert not any(secret in told for secret in (proof.password, proof.token))
    assert Signature.objects.count() == signatures
    assert Charter.objects.get(pk=draft.pk).state == Charter.State.DRAFT
    assert Charter.objects.get(pk=cast.charter.pk).state == Charter.State.APPROVED
    return refusal.value


@pytest.mark.req("R-SIG-10")
def test_a_signature_keeps_who_signed_what_when_how_and_with_which_meaning(cast: Cast, draft: Charter) -> None:
    offer = offered(cast, draft)
    before = timezone.now()
    proof = prove(actor_for(cast.coordinator), offer, meaning="responsibility")
    charters.approve(by=actor_for(cast.coordinator), charter=draft, proof=proof)
    signature = Signature.objects.get(object_type="trials.Charter", object_id=str(draft.pk))
    assert (signature.printed_name, signature.signer_id, signature.role) == (
        "Clara Coordinator",
        "clara",
        "coordinator",
    )
    assert (signature.organisation, signature.method) == (ORGANISATION, "password+totp")
    assert signature.get_meaning_display() == "I take responsibility for this record"
    assert json.loads(signature.contents) == offer.contents
    assert signature.record_sha256 == offer.sha256 == signing.sha256_of(offer.contents)
    assert before <= signature.at <= timezone.now()
    event = AuditEvent.objects.get(sequence=signature.event_sequence)
    assert (event.act, event.at) == ("record.signed", signature.at)
    assert json.loads(event.after)["record_sha256"] == offer.sha256


@pytest.mark.req("R-AUD-05", "R-SIG-01")
def test_a_wrong_password_leaves_an_event_and_nothing_else_not_even_a_used_code(cast: Cast, draft: Charter) -> None:
    code, at = code_of(cast.coordinator)
    wrong = proof_of(cast, draft, password=WRONG, code=code, code_at=at)
    refusal = refused(cast, draft, wrong, act="signature.failed")
    assert refusal.code == "wrong-password"
    assert "not your password" in refusal.message
    assert approve(cast.coordinator, draft, code=code, code_at=at).state == Charter.State.APPROVED


@pytest.mark.req("R-AUD-05", "R-SIG-01")
def test_the_password_alone_does_not_sign(cast: Cast, draft: Charter) -> None:
    used, at = code_of(cast.coordinator)
    refusal = refused(cast, draft, proof_of(cast, draft, code=WRONG_CODE), act="signature.failed")
    assert (refusal.code, "does not hold now" in refusal.message) == ("wrong-code", True)
    other = person("otto", "Otto Other")
    stolen, moment = code_of(other)
    foreign = proof_of(cast, draft, code=stolen, code_at=moment)
    assert refused(cast, draft, foreign, act="signature.failed").code == "wrong-code"
    approve(cast.coordinator, draft, code=used, code_at=at)
    draft = charters.amend(by=actor_for(cast.coordinator), charter=draft, reason="once more")
    again = proof_of(cast, draft, code=used, code_at=at)
    with pytest.raises(SignatureRefused, match="does not hold now"):
        charters.approve(by=actor_for(cast.coordinator), charter=draft, proof=again)


@pytest.mark.req("R-SIG-01")
def test_an_account_without_second_factor_signs_nothing_and_reads_what_to_do(cast: Cast, draft: Charter) -> None:
    proof = proof_of(cast, draft)
    Authenticator.objects.filter(user=cast.coordinator).delete()
    refusal = refused(cast, draft, proof, act="signature.failed")
    assert refusal.code == "wrong-code"
    assert "set up an authenticator" in refusal.message


@pytest.mark.req("R-AUD-06", "R-SIG-01")
def test_after_five_wrong_tries_not_even_the_right_ones_sign_or_sign_in(cast: Cast, draft: Charter) -> None:
    for number in range(5):
        wrong: dict[str, str] = {"password": WRONG} if number % 2 else {"code": WRONG_CODE}
        refused(cast, draft, proof_of(cast, draft, **wrong), act="signature.failed")
    refusal = refused(cast, draft, proof_of(cast, draft), act="signature.locked")
    assert refusal.code == "too-many-tries"
    assert "Wait 15 minutes" in refusal.message
    assert sign_in.identify(username="clara", password=PASSWORD, request_id="request-0001") is None


@pytest.mark.req("R-AUD-06")
def test_wrong_tries_at_the_door_count_under_records_too_and_those_of_others_do_not(cast: Cast, draft: Charter) -> None:
    for name in ("clara",) * 4 + ("alba",) * 4:
        assert sign_in.identify(username=name, password=WRONG, request_id="request-0001") is None
    refused(cast, draft, proof_of(cast, draft, password=WRONG), act="signature.failed")
    assert refused(cast, draft, proof_of(cast, draft), act="signature.locked").code == "too-many-tries"


@pytest.mark.req("R-AUD-06")
def test_a_refusal_for_another_cause_counts_as_no_wrong_try(cast: Cast, draft: Charter) -> None:
    for _number in range(6):
        refused(cast, draft, proof_of(cast, draft, meaning="review"))
    assert approve(cast.coordinator, draft).state == Charter.State.APPROVED


@pytest.mark.req("R-SIG-02")
@pytest.mark.parametrize("organisation", ["", "Elsewhere", ORGANISATION.upper()])
def test_nobody_signs_before_the_letter_of_their_organisation_is_on_file(
    cast: Cast, draft: Charter, organisation: str
) -> None:
    User.objects.filter(pk=cast.coordinator.pk).update(organisation=organisation)
    refusal = refused(cast, draft, proof_of(cast, draft))
    assert refusal.code == "no-letter"
    assert "No letter of non-repudiation" in refusal.message
    if organisation:
        letters.file_letter(by=STAGE, organisation=organisation, filed_on=TODAY, document=b"As if by hand.")
        assert approve(cast.coordinator, draft).state == Charter.State.APPROVED


@pytest.mark.req("R-SIG-03")
@pytest.mark.parametrize("minutes", [2, -2])
def test_nothing_is_signed_while_our_clock_and_the_databases_disagree(
    cast: Cast, draft: Charter, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    proof, right = proof_of(cast, draft), timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + dt.timedelta(minutes=minutes))
    refusal = refused(cast, draft, proof)
    assert refusal.code == "clock"
    assert "clocks of this installation disagree" in refusal.message
    monkeypatch.undo()
    charters.approve(by=actor_for(cast.coordinator), charter=draft, proof=proof)


def from_nowhere(_offer: Offer) -> str:
    return "nonsense"


def cut_short(offer: Offer) -> str:
    return offer.token[:-1]


def under_another_salt(offer: Offer) -> str:
    told = {"by": "clara", "object": "trials.Charter:1", "sha256": offer.sha256, "nonce": "0" * 32}
    return tokens.dumps(told, salt="somewhere else")


@pytest.mark.req("R-SIG-04")
@pytest.mark.parametrize("forged", [from_nowhere, cut_short, under_another_salt])
def test_a_form_that_no_signing_page_made_signs_nothing(
    cast: Cast, draft: Charter, forged: Callable[[Offer], str]
) -> None:
    refusal = refused(cast, draft, proof_of(cast, draft, token=forged(offered(cast, draft))))
    assert refusal.code == "token"
    assert "does not come from the signing page" in refusal.message


@pytest.mark.req("R-SIG-05")
def test_a_form_that_stood_open_for_more_than_fifteen_minutes_signs_nothing(
    cast: Cast, draft: Charter, monkeypatch: pytest.MonkeyPatch
) -> None:
    by, opened = actor_for(cast.coordinator), timezone.now().timestamp()
    # Only the clock that dates the token: the one that dates the signature must stay right.
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: opened - 14 * 60))
    in_time = proof_of(cast, draft)
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: opened - 16 * 60))
    too_late = proof_of(cast, draft)
    monkeypatch.undo()
    refusal = refused(cast, draft, too_late)
    assert refusal.code == "token-old"
    assert "too long ago" in refusal.message
    assert charters.approve(by=by, charter=draft, proof=in_time).state == Charter.State.APPROVED


@pytest.mark.req("R-SIG-06")
def test_a_form_that_somebody_else_opened_signs_nothing(cast: Cast, draft: Charter) -> None:
    seat(cast.trial, cast.coordinator, cast.stranger, Role.COORDINATOR)
    theirs = charters.offer_approval(by=actor_for(cast.stranger), charter=draft)
    refusal = refused(cast, draft, proof_of(cast, draft, token=theirs.token))
    assert refusal.code == "token-foreign"
    assert "by somebody else or for another record" in refusal.message


@pytest.mark.req("R-SIG-06")
def test_a_form_that_was_opened_for_another_record_signs_nothing_even_where_the_contents_are_the_same(
    cast: Cast, draft: Charter
) -> None:
    other = found_trial(cast.coordinator, code="FJORD").charters.get()
    by, meanings = actor_for(cast.coordinator), charters.MEANINGS
    elsewhere = signing.offer(by=by, obj=other, contents=charter_contents(draft), meanings=meanings)
    assert elsewhere.sha256 == offered(cast, draft).sha256
    assert refused(cast, draft, proof_of(cast, draft, token=elsewhere.token)).code == "token-foreign"


@pytest.mark.req("R-SIG-08")
def test_what_changed_since_it_was_shown_is_not_signed(cast: Cast, draft: Charter) -> None:
    proof = proof_of(cast, draft)
    planned, series = draft.time_points.get(code="BL"), charters.NewRequirement(name="PET", modality="PT")
    charters.add_requirement(by=actor_for(cast.coordinator), planned=planned, new=series)
    refusal = refused(cast, draft, proof)
    assert refusal.code == "changed"
    assert "changed since it was shown to you" in refusal.message


@pytest.mark.req("R-SIG-07")
@pytest.mark.parametrize("meaning", ["review", "witness", ""])
def test_a_record_is_signed_with_a_meaning_from_its_own_list(cast: Cast, draft: Charter, meaning: str) -> None:
    assert Meaning.REVIEW not in offered(cast, draft).meanings
    refusal = refused(cast, draft, proof_of(cast, draft, meaning=meaning))
    assert refusal.code == "meaning"
    assert "Choose one from the list" in refusal.message


@pytest.mark.req("R-SIG-09")
def test_a_form_signs_once_whatever_new_code_comes_with_it(cast: Cast, filed: Submission) -> None:
    by, point = actor_for(cast.analyst), baseline_of(cast)
    verdict: dict[str, Any] = {"time_point": point, "verdict": QCDecision.Verdict.QUERIED, "comment": "which arm?"}
    offer = quality.offer_decision(by=by, seen=quality.shown_sha256(point), **verdict)
    quality.decide(by=by, proof=prove(by, offer), **verdict)
    events, signatures = AuditEvent.objects.count(), Signature.objects.count()
    with pytest.raises(SignatureRefused, match="signed already") as refusal:
        quality.decide(by=by, proof=prove(by, offer), **verdict)
    assert refusal.value.code == "replayed"
    (event,) = AuditEvent.objects.order_by("sequence")[events:]
    assert (event.act, json.loads(event.after)["cause"]) == ("signature.refused", "replayed")
    assert (Signature.objects.count(), QCDecision.objects.count()) == (signatures, 1)


@pytest.mark.req("R-SIG-09")
def test_the_database_itself_takes_no_second_signature_of_one_form(cast: Cast) -> None:
    signature = Signature.objects.exclude(ceremony=None).earliest("at")
    signature.pk, signature.event_sequence = None, 0
    with pytest.raises(IntegrityError, match="ceremony"), transaction.atomic():
        signature.save(force_insert=True)


@pytest.mark.req("R-SIG-09")
def test_no_two_offers_are_the_same_and_none_tells_the_contents_in_its_token(cast: Cast, draft: Charter) -> None:
    first, second = offered(cast, draft), offered(cast, draft)
    assert (first.sha256, first.short) == (second.sha256, second.short)
    assert first.token != second.token
    assert first.short.replace(" ", "").lower() == first.sha256[:10]
    assert tokens.loads(first.token, salt=signing._SALT).keys() == {"by", "object", "sha256", "nonce"}

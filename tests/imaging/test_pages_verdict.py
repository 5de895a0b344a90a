"""The verdict of quality control, as an analyst gives and signs it on the pages."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent, Signature
from imaging.models import QCCheck, QCDecision, Submission
from imaging.services import quality
from tests import signing
from tests.cast import Cast
from tests.imaging.scans import baseline_of, ct_series, drive, send
from tests.signpage import sign
from trials.models import TimePoint

pytestmark = pytest.mark.django_db
VERDICT = QCDecision.Verdict


@pytest.fixture
def at_desk(cast: Cast, filed: Submission, client: Client) -> str:
    """The address of a time point that waits for its verdict, with the analyst signed in."""
    client.force_login(cast.analyst)
    return f"/time-points/{baseline_of(cast).pk}/"


def judge(client: Client, address: str, verdict: str = "accepted", comment: str = "", **other: str) -> Any:
    """Press the button of the verdict form, as it stands on the page now."""
    told = {"seen": client.get(address).context["decision_form"]["seen"].value(), "verdict": verdict}
    return client.post(f"{address}decide/", told | {"comment": comment} | other)


@pytest.mark.req("R-QC-10")
def test_the_verdict_leads_to_a_page_with_all_that_is_signed_and_is_signed_there(
    cast: Cast, at_desk: str, client: Client
) -> None:
    page = judge(client, at_desk, "queried", "Slices of the liver\nare missing")
    assert page.status_code == 200
    assert not QCDecision.objects.exists()
    shown, offer = page.content.decode(), page.context["offer"]
    for uid, sha256 in offer.contents["instances"].items():
        assert uid in shown
        assert sha256 in shown
    for value in (offer.sha256, "Slices of the liver", "queried", "I have reviewed this record"):
        assert value in shown
    assert sign(client, page).headers["Location"] == at_desk
    decision = QCDecision.objects.get()
    assert (decision.verdict, decision.comment) == ("queried", "Slices of the liver\nare missing")
    signature = Signature.objects.get(pk=decision.signature_id)
    assert json.loads(signature.contents) == offer.contents
    assert signature.method == "password+totp"


@pytest.mark.req("R-QC-10")
def test_line_ends_in_the_comment_are_the_same_text_however_a_browser_sends_them(
    cast: Cast, at_desk: str, client: Client
) -> None:
    page = judge(client, at_desk, "refused", "one\r\ntwo")
    assert sign(client, page, comment="one\r\ntwo").status_code == 302
    assert QCDecision.objects.get().comment == "one\ntwo"


@pytest.mark.req("R-SIG-01")
@pytest.mark.parametrize(("wrong", "sentence"), [("password", "not your password"), ("code", "does not hold now")])
def test_a_wrong_component_gives_no_verdict_and_the_page_asks_again(
    cast: Cast, at_desk: str, client: Client, wrong: str, sentence: str
) -> None:
    page = judge(client, at_desk)
    refused = sign(client, page, **{wrong: "eight loud otters"})
    assert (refused.status_code, QCDecision.objects.count()) == (400, 0)
    assert sentence in refused.content.decode()
    assert baseline_of(cast).state == TimePoint.State.RECEIVED
    assert sign(client, refused).status_code == 302
    assert baseline_of(cast).state == TimePoint.State.ACCEPTED


@pytest.mark.req("R-QC-10")
def test_a_question_without_words_is_sent_back_to_the_form_it_came_from(at_desk: str, client: Client) -> None:
    answer = judge(client, at_desk, "queried")
    assert answer.status_code == 400
    assert "Tell the site what is wrong" in answer.content.decode()
    assert answer.context["decision_form"]["verdict"].value() == "queried"


@pytest.mark.req("R-QC-10")
def test_a_scan_that_came_while_judging_is_told_and_the_next_try_is_for_what_is_there_now(
    cast: Cast, at_desk: str, client: Client
) -> None:
    stale = quality.shown_sha256(baseline_of(cast))
    drive(send(cast.alba, baseline_of(cast), ct_series(4, seed="more")))
    answer = judge(client, at_desk, comment="fine", seen=stale)
    assert answer.status_code == 400
    assert "changed since you opened this page" in answer.content.decode()
    assert answer.context["decision_form"]["comment"].value() == "fine"
    assert answer.context["decision_form"]["seen"].value() == quality.shown_sha256(baseline_of(cast))


@pytest.mark.req("R-SIG-08")
def test_a_scan_that_came_while_signing_leads_back_to_the_time_point(cast: Cast, at_desk: str, client: Client) -> None:
    page = judge(client, at_desk)
    drive(send(cast.alba, baseline_of(cast), ct_series(4, seed="more")))
    answer = sign(client, page)
    assert answer.headers["Location"] == at_desk
    assert "changed since it was shown to you" in client.get(at_desk).content.decode()
    assert not QCDecision.objects.exists()
    refused = AuditEvent.objects.get(act="signature.refused")
    assert json.loads(refused.after) == {"cause": "changed", "meaning": "review"}


@pytest.mark.req("R-SIG-09")
@pytest.mark.parametrize(("verdict", "word"), [("queried", "signed already"), ("accepted", "waits for no verdict")])
def test_pressing_the_button_twice_gives_one_verdict(
    cast: Cast, at_desk: str, client: Client, verdict: str, word: str
) -> None:
    page = judge(client, at_desk, verdict, "see the comment")
    for _twice in range(2):
        assert sign(client, page).headers["Location"] == at_desk
    assert QCDecision.objects.count() == 1
    assert word in client.get(at_desk).content.decode()


@pytest.mark.req("R-QC-10")
def test_what_has_its_verdict_opens_no_signing_page(cast: Cast, at_desk: str, client: Client) -> None:
    told = {"seen": quality.shown_sha256(baseline_of(cast)), "verdict": "refused", "comment": "no"}
    signing.decide(cast.analyst, baseline_of(cast), VERDICT.ACCEPTED)
    answer = client.post(f"{at_desk}decide/", told, follow=True)
    assert answer.redirect_chain == [(at_desk, 302)]
    assert "waits for no verdict" in answer.content.decode()


@pytest.mark.req("R-QC-10")
def test_the_address_of_the_signing_page_alone_leads_back_to_the_time_point(at_desk: str, client: Client) -> None:
    # As after signing in again: the form that led there is gone.
    assert client.get(f"{at_desk}decide/").headers["Location"] == at_desk


@pytest.mark.req("R-SIG-10")
def test_the_page_names_signer_time_and_meaning_of_the_verdict(cast: Cast, at_desk: str, client: Client) -> None:
    decision = signing.decide(cast.analyst, baseline_of(cast), VERDICT.ACCEPTED)
    client.force_login(cast.alba)
    page = client.get(at_desk).content.decode()
    assert f"signed by Quinn Analyst on {decision.at:%d %b %Y %H:%M} UTC: “I have reviewed this record”" in page
    assert "Signature void" not in page


@pytest.mark.req("R-SIG-11")
def test_a_verdict_whose_findings_are_not_those_that_were_signed_is_void(
    cast: Cast, at_desk: str, client: Client
) -> None:
    decision = signing.decide(cast.analyst, baseline_of(cast), VERDICT.ACCEPTED)
    assert quality.is_as_signed(decision)
    QCCheck.objects.create(
        time_point=baseline_of(cast),
        submission=Submission.objects.get(),
        rule="tilt",
        severity="error",
        sentence="A finding from nowhere.",
        at=timezone.now(),
    )
    assert not quality.is_as_signed(decision)
    page = client.get(at_desk).content.decode()
    assert "Signature void:" in page
    assert "tell the operator" in page


@pytest.mark.req("R-SIG-11")
def test_a_scan_sent_again_after_a_question_voids_that_verdict_and_asks_for_another(
    cast: Cast, at_desk: str, client: Client
) -> None:
    signing.decide(cast.analyst, baseline_of(cast), VERDICT.QUERIED, "send it again")
    assert "Signature void" not in client.get(at_desk).content.decode()
    drive(send(cast.alba, baseline_of(cast), ct_series(4, seed="again")))
    page = client.get(at_desk).content.decode()
    assert "Signature void:" in page
    assert "waits for a new verdict" in page
    signing.decide(cast.analyst, baseline_of(cast), VERDICT.ACCEPTED)
    assert "Signature void" not in client.get(at_desk).content.decode()

"""What a machine with a token is told of a time point before it sends, and what it is not."""

import datetime as dt
import json

import pytest
from django.urls import reverse

from audit.context import acting
from deid.gateway.expectation import read_expectation
from imaging.models import QCDecision, Submission
from tests.cast import Cast, actor_for, withdraw
from tests.imaging.scans import PLANTED, baseline_of
from tests.imaging.stowing import Sender, grant, sender_of
from tests.people import STAGE, TODAY
from tests.signing import decide
from trials.models import SiteToken, TrialSite
from trials.selectors import policy_of
from trials.services import tokens

pytestmark = pytest.mark.django_db


def asked(subject: str, time_point: str = "BL") -> str:
    return f"{reverse('stow-expected')}?subject={subject}&timepoint={time_point}"


@pytest.mark.req("R-GATEWAY-03")
def test_a_token_is_told_the_rules_and_series_of_its_own_time_point_and_no_person(
    cast: Cast, filed: Submission
) -> None:
    answer = sender_of(cast).get(asked(cast.subject_a.code))
    assert answer.status_code == 200, answer.content
    told = answer.json()
    expected = read_expectation(told)
    assert (expected.trial, expected.site, told["subject"]) == (
        cast.trial.code,
        cast.site_a.number,
        cast.subject_a.code,
    )
    assert expected.profile.policy == policy_of(cast.charter)
    planned = baseline_of(cast).scheduled.requirements.all()
    assert [(each.name, each.modality, each.minimum_slices, each.is_required) for each in expected.requirements] == [
        (each.name, each.modality, each.minimum_slices, each.required) for each in planned
    ]
    assert expected.knows_person is True
    cast.subject_a.refresh_from_db()
    secret = (
        *PLANTED,
        cast.subject_a.patient_id_token,
        cast.subject_a.person_token,
        cast.subject_a.day_zero.isoformat(),
    )
    assert not [word for word in secret if word in json.dumps(told)]


@pytest.mark.req("R-GATEWAY-03")
def test_a_subject_without_scans_is_told_as_such(cast: Cast) -> None:
    assert sender_of(cast).get(asked(cast.subject_a.code)).json()["knows_person"] is False


@pytest.mark.req("R-GATEWAY-03")
def test_foreign_and_unknown_time_points_look_the_same(cast: Cast) -> None:
    sender = sender_of(cast)
    answers = [
        sender.get(asked(*named)) for named in ((cast.subject_b.code,), ("0000-0000",), (cast.subject_a.code, "NO"))
    ]
    answers += [sender.get(reverse("stow-expected")), sender.get(asked("%00"))]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


@pytest.mark.req("R-GATEWAY-03")
def test_whoever_has_no_token_in_force_is_told_nothing(cast: Cast) -> None:
    path = asked(cast.subject_a.code)
    ended, revoked = grant(cast.alba, cast.site_a), grant(cast.alba, cast.site_a)
    with acting(STAGE, reason="time passes"):
        SiteToken.objects.filter(pk=ended.token.pk).update(ends_on=TODAY - dt.timedelta(1))
    tokens.revoke(by=actor_for(cast.coordinator), token=revoked.token, reason="the machine was replaced")
    for secret in ("", "cls_" + "A" * 48, ended.secret, revoked.secret):
        assert Sender(secret).get(path).status_code == 401
    signed_in = Sender("")
    signed_in.http.force_login(cast.alba)
    assert signed_in.get(path).status_code == 401
    foreign = Sender(grant(cast.brisa, cast.site_b).secret)
    assert foreign.get(path).status_code == 404
    sender = sender_of(cast)
    with acting(STAGE, reason="the site ended its part"):
        TrialSite.objects.filter(pk=cast.site_a.pk).update(state=TrialSite.State.CLOSED)
    assert sender.get(path).status_code == 403


@pytest.mark.req("R-GATEWAY-03")
def test_a_withdrawn_subject_and_an_accepted_scan_are_refused_in_words(cast: Cast, filed: Submission) -> None:
    sender = sender_of(cast)
    decide(cast.analyst, baseline_of(cast), QCDecision.Verdict.ACCEPTED)
    accepted = sender.get(asked(cast.subject_a.code))
    assert (accepted.status_code, "accepted already" in accepted.json()["detail"]) == (409, True)
    withdraw(cast.alba, cast.subject_a)
    withdrawn = sender.get(asked(cast.subject_a.code, "FU1"))
    assert (withdrawn.status_code, "withdrawn" in withdrawn.json()["detail"]) == (409, True)
